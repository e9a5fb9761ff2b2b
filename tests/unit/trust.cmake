hf_unit(trust USES base sign codec ring)
