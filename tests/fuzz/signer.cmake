hf_fuzz(signer USES agent)
