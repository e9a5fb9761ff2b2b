hf_unit(near USES base sign match)
