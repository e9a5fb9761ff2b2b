hf_fuzz(case_csv USES base codec cmd)
