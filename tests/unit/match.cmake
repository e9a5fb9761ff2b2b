hf_unit(match THREADS USES base sign match)
