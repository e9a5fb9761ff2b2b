hf_unit(place THREADS USES base sign match HIDES hashfed_shared)
