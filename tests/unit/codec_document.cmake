hf_unit(codec_document USES base codec)
