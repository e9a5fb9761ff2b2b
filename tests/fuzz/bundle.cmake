hf_fuzz(bundle USES base sign codec case bundle)
