hf_unit(envelope USES base sign codec notice HIDES PkgConfig::jansson)
