/* What a decoder's process says, as one that a file took over may say it: what
 * is taken for an answer ends where it says and has a sentence that can be
 * printed. */
#include <stdlib.h>
#include <string.h>

#include "err.h"

#include "media_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_answer answer;

	if (size > sizeof(answer))
		return 0;
	memset(&answer, 0xff, sizeof(answer));
	memcpy(&answer, data, size);
	/* The fuzzer need not learn the word. */
	if (size >= sizeof(answer.magic))
		answer.magic ^= HF_ASK_MAGIC;
	if (!hf_answer_is_sane(&answer, size))
		return 0;
	if (size != hf_answer_bytes(&answer) || answer.err >= HF_ERR_COUNT ||
	    answer.frames_count > HF_VPDQ_MAX_FRAMES || answer.quality > 100 ||
	    strlen(answer.why) >= sizeof(answer.why))
		abort();
	for (size_t i = 0; i < answer.frames_count; i++) {
		for (size_t j = 0; j < HF_PDQ_BYTES; j++) {
			if (&answer.frames[i][j] >= (uint8_t *)&answer + size)
				abort();
		}
	}
	return 0;
}
