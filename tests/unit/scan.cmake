hf_unit(scan USES base sign codec inventory media client cmd)
