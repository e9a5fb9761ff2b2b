hf_unit(ring_sets USES base sign codec cert ring)
