hf_fuzz(tlog_header USES base sign tlog)
