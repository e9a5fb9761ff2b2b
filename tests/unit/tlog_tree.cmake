hf_unit(tlog_tree USES base sign tlog HIDES PkgConfig::jansson)
