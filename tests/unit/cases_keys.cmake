hf_unit(cases_keys THREADS USES ${cases_uses})
