hf_unit(cmd USES base sign codec client media cmd)
