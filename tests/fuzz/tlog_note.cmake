hf_fuzz(tlog_note USES base sign tlog)
