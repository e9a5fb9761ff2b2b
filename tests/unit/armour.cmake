hf_unit(armour USES base)
