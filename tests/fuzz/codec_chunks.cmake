hf_fuzz(codec_chunks USES base codec)
