hf_fuzz(codec_match USES base codec)
