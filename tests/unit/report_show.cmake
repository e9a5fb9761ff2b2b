hf_unit(report_show USES base codec report cmd)
