hf_unit(import_list USES base sign codec cmd)
