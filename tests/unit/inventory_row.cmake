hf_unit(inventory_row USES base sign codec inventory)
