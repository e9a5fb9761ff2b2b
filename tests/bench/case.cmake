hf_bench(case USES base codec case)
