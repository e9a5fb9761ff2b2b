hf_unit(report_public USES base codec report)
