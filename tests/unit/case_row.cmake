hf_unit(case_row USES base codec case takedown)
