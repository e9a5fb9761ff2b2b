hf_unit(match_full THREADS USES base sign match)
