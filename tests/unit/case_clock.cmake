hf_unit(case_clock USES base codec case)
