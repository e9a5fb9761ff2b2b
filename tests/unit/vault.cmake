hf_unit(vault USES vault)
