hf_unit(report USES base codec report)
