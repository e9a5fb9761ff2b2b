#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cutter.h"

enum hf_err hf_cutter_init(struct hf_cutter *cutter, uint8_t separator,
			   size_t most_bytes, struct hf_why *why)
{
	*cutter = (struct hf_cutter){
		.separator = separator,
		.most_bytes = most_bytes,
		/* One piece and its separator, and as much again, so that the
		 * memory is seldom moved. */
		.size_bytes = 2 * (most_bytes + 1),
	};
	cutter->at = malloc(cutter->size_bytes);
	return cutter->at != NULL ? HF_OK
				  : hf_why(why, HF_E_NOMEM, "no memory");
}

void hf_cutter_release(struct hf_cutter *cutter)
{
	free(cutter->at);
	cutter->at = NULL;
}

enum hf_err hf_cutter_read(struct hf_cutter *cutter, int fd, struct hf_why *why)
{
	ssize_t got;

	if (cutter->begin > 0) {
		memmove(cutter->at, cutter->at + cutter->begin,
			cutter->end - cutter->begin);
		cutter->end -= cutter->begin;
		cutter->looked -= cutter->begin;
		cutter->begin = 0;
	}
	do {
		got = read(fd, cutter->at + cutter->end,
			   cutter->size_bytes - cutter->end);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return HF_OK;
	if (got < 0)
		return hf_why_errno(why, "read");
	cutter->is_over = got == 0;
	cutter->end += (size_t)got;
	return HF_OK;
}

/* The piece from begin to here, where its separator is. */
static enum hf_err cut(struct hf_cutter *cutter, size_t here, size_t separators,
		       struct hf_span *out_piece)
{
	bool was_skipping = cutter->is_skipping;

	*out_piece = hf_span(cutter->at + cutter->begin, here - cutter->begin);
	cutter->begin = here + separators;
	cutter->looked = cutter->begin;
	cutter->is_skipping = false;
	return was_skipping || out_piece->len_bytes > cutter->most_bytes
		       ? HF_E_LIMIT
		       : HF_OK;
}

enum hf_err hf_cutter_take(struct hf_cutter *cutter, struct hf_span *out_piece)
{
	const uint8_t *found =
		memchr(cutter->at + cutter->looked, cutter->separator,
		       cutter->end - cutter->looked);

	if (found != NULL)
		return cut(cutter, (size_t)(found - cutter->at), 1, out_piece);
	cutter->looked = cutter->end;
	if (cutter->is_over &&
	    (cutter->end > cutter->begin || cutter->is_skipping))
		return cut(cutter, cutter->end, 0, out_piece);
	if (cutter->end - cutter->begin > cutter->most_bytes) {
		cutter->is_skipping = true;
		cutter->begin = cutter->end;
	}
	return HF_E_NOTFOUND;
}
