hf_fuzz(envelope USES base sign codec notice)
