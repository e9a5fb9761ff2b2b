hf_unit(codec_audit USES base codec)
