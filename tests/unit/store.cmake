hf_unit(store USES base store)
