hf_unit(tlog_note USES base sign tlog)
