hf_unit(codec_wire USES base codec)
