hf_fuzz(conf USES base codec match sys conf)
