hf_unit(breaker USES base service)
