hf_unit(match_sum USES base sign match)
