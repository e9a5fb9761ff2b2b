hf_fuzz(codec_item USES base codec)
