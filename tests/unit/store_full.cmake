hf_unit(store_full USES base store)
