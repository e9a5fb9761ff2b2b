hf_unit(match USES base sign match)
