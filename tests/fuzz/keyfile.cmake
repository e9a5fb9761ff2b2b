hf_fuzz(keyfile USES vault)
