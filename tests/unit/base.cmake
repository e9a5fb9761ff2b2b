hf_unit(base USES base)
hf_unit(sign USES base sign)
