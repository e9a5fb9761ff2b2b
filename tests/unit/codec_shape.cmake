hf_unit(codec_shape USES base codec)
