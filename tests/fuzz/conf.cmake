hf_fuzz(conf USES base match sys conf)
