hf_fuzz(codec_invite USES base codec)
