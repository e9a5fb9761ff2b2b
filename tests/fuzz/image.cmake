hf_fuzz(image USES base media_kind decode)
