hf_fuzz(trust USES base sign codec ring)
