hf_unit(signer_sets USES agent vault base)
