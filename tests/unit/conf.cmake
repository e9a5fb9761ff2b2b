hf_unit(conf USES base codec match sys conf)
