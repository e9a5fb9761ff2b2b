hf_fuzz(recovery USES vault)
