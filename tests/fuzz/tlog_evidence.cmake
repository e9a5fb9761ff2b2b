hf_fuzz(tlog_evidence USES base sign tlog)
