hf_fuzz(conf USES base sign tlog codec match sys conf)
