hf_unit(codec_item USES base codec HIDES PkgConfig::jansson)
