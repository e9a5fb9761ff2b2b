hf_unit(case USES base codec case)
