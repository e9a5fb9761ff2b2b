hf_unit(set_keys USES base sign codec tlog ring)
