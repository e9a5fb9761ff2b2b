hf_unit(waiting USES service base)
