hf_fuzz(place USES base sign match)
