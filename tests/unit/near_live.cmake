hf_unit(near_live UNTORTURED USES base sign match)
