hf_fuzz(codec_attestation USES base codec)
