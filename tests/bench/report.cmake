hf_bench(report USES base codec report cmd)
