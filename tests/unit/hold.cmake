hf_unit(hold USES base service)
