hf_fuzz(match_line USES base codec cmd)
