hf_unit(sor USES base codec report cmd)
