hf_fuzz(codec_agreement USES base codec)
