hf_unit(video THREADS USES base sign match)
