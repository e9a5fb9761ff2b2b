hf_unit(report_day USES base codec report)
