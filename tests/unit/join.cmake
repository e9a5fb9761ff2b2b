hf_unit(join UNTORTURED USES base sign match)
