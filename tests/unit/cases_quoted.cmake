hf_unit(cases_quoted THREADS USES ${cases_uses})
