hf_unit(ring USES base sign codec cert ring)
hf_unit(ring_again THREADS USES base sign codec cert ring)
