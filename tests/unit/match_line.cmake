hf_unit(match_line USES base codec cmd)
