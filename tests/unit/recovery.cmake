hf_unit(recovery USES vault)
