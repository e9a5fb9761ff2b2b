hf_unit(match_kept USES base sign match)
