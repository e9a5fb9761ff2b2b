hf_unit(cases_clock THREADS USES ${cases_uses})
