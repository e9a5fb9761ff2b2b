hf_unit(decode USES base media_kind decode paint)
