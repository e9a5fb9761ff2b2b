#include <string.h>

#include "err.h"

#include "media_ask.h"

bool hf_answer_is_sane(const struct hf_answer *answer, size_t len_bytes)
{
	if (len_bytes < offsetof(struct hf_answer, frames) ||
	    answer->magic != HF_ASK_MAGIC || answer->err >= HF_ERR_COUNT ||
	    answer->quality > 100 ||
	    answer->frames_count > HF_VPDQ_MAX_FRAMES ||
	    len_bytes != hf_answer_bytes(answer) ||
	    memchr(answer->why, '\0', sizeof(answer->why)) == NULL)
		return false;
	for (const char *at = answer->why; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return true;
}
