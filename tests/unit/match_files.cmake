hf_unit(match_files USES base sign match)
