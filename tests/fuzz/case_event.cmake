hf_fuzz(case_event USES base codec case)
