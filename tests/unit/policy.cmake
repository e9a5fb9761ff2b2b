hf_unit(policy USES base match)
