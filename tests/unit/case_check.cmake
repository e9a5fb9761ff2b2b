hf_unit(case_check USES base codec)
