hf_fuzz(segment USES base sign match)
