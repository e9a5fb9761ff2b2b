hf_fuzz(codec_opinion USES base codec)
