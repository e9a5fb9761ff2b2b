hf_fuzz(tlog_logproof USES base sign tlog)
