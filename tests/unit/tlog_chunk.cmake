hf_unit(tlog_chunk USES base sign tlog)
