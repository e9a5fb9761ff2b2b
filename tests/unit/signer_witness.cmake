hf_unit(signer_witness USES agent)
