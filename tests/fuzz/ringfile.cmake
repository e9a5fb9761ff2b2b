hf_fuzz(ringfile USES base sign codec cert ring)
