hf_bench(place USES base sign match HIDES hashfed_shared)
