hf_unit(match_files THREADS USES base sign match)
