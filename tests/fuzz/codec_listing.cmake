hf_fuzz(codec_listing USES base codec)
