hf_unit(hpke USES base sign HIDES PkgConfig::jansson)
