hf_fuzz(tlog_proof USES base sign tlog)
