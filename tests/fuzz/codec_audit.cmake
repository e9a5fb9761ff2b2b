hf_fuzz(codec_audit USES base codec)
