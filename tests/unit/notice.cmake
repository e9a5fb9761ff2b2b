hf_unit(notice USES base sign codec client media cmd)
