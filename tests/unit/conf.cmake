hf_unit(conf USES base sign tlog codec match sys conf)
