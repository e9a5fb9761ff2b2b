hf_unit(store_migrate USES base store)
