hf_fuzz(codec_manifest USES base codec)
