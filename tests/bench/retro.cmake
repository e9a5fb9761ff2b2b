hf_bench(retro USES base codec match store retro)
