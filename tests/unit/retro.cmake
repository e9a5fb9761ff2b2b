hf_unit(retro USES base codec match store retro)
