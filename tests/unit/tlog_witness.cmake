hf_unit(tlog_witness USES base sign tlog)
