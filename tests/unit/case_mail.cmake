hf_unit(case_mail USES base codec takedown)
