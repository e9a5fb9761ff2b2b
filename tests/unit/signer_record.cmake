hf_unit(signer_record USES agent)
