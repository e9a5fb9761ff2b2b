hf_unit(sieve USES base match)
