hf_bench(video USES base sign match)
