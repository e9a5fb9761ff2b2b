hf_unit(receive_keys USES agent)
