hf_unit(cases_pair THREADS USES ${cases_uses})
