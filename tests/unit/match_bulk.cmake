hf_unit(match_bulk THREADS USES base sign match)
