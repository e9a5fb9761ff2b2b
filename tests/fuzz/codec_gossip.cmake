hf_fuzz(codec_gossip USES base codec)
