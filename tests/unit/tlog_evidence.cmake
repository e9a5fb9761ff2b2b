hf_unit(tlog_evidence USES base sign tlog)
