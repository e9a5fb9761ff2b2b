hf_unit(near THREADS USES base sign match)
