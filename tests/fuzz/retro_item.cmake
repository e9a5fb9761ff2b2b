hf_fuzz(retro_item USES base codec match store retro)
