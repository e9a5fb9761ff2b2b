hf_unit(match_tiers USES base sign match)
