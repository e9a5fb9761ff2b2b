hf_unit(fresh USES base)
