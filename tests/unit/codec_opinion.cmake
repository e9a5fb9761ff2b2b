hf_unit(codec_opinion USES base codec)
