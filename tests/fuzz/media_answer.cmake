hf_fuzz(media_answer USES base media_kind)
