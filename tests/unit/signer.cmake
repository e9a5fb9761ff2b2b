hf_unit(signer USES agent)
