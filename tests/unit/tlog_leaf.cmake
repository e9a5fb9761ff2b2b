hf_unit(tlog_leaf USES base sign tlog HIDES PkgConfig::jansson)
