hf_bench(scan USES base sign codec match inventory)
