hf_unit(cases_ahead THREADS USES ${cases_uses})
