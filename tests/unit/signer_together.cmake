hf_unit(signer_together USES agent)
