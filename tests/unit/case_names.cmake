hf_unit(case_names USES base store takedown)
