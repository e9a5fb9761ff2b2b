hf_unit(signer_notice USES agent)
