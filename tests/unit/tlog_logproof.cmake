hf_unit(tlog_logproof USES base sign tlog)
