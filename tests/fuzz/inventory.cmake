hf_fuzz(inventory USES base sign codec inventory)
