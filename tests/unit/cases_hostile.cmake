hf_unit(cases_hostile THREADS USES ${cases_uses})
