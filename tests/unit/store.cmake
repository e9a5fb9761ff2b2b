hf_unit(store THREADS USES base store)
