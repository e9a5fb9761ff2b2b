hf_bench(match USES base sign match)
