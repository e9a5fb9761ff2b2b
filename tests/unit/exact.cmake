hf_unit(exact THREADS USES base sign match)
