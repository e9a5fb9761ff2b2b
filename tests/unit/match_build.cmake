hf_unit(match_build THREADS USES base sign match)
