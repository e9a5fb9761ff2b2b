hf_unit(case_parties USES base codec case)
