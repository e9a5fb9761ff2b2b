hf_unit(match_place THREADS USES base sign match)
