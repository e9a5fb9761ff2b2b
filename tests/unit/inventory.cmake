hf_unit(inventory USES base sign codec inventory)
