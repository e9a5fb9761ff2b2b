hf_unit(retro_forget USES base codec match store retro)
