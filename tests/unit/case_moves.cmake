hf_unit(case_moves USES base codec case)
