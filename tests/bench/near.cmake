hf_bench(near USES base sign match HIDES m)
