hf_unit(watch_state USES base sign codec client cmd)
