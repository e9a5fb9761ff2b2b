hf_unit(ring USES base sign codec cert ring)
