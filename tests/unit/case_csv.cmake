hf_unit(case_csv USES base sign codec cmd)
