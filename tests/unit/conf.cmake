hf_unit(conf USES base match sys conf)
