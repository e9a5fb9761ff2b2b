#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "retro_gone.h"

/* Bits by the first two bytes of a digest: nearly every one that is asked for
 * is not there, and need not be searched. */
#define BEGINNINGS 65536

struct digest {
	size_t len_bytes;
	uint8_t bytes[];
};

struct hf_retro_gone {
	struct digest **digests; /* owned, as what it points to */
	size_t count;
	size_t size;
	uint64_t beginnings[BEGINNINGS / 64];
};

enum hf_err hf_retro_gone_new(struct hf_retro_gone **out_gone,
			      struct hf_why *why)
{
	struct hf_retro_gone *gone = calloc(1, sizeof(*gone));

	if (gone == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	*out_gone = gone;
	return HF_OK;
}

void hf_retro_gone_free(struct hf_retro_gone *gone)
{
	if (gone == NULL)
		return;
	for (size_t i = 0; i < gone->count; i++)
		free(gone->digests[i]);
	free(gone->digests);
	free(gone);
}

static enum hf_err grow(struct hf_retro_gone *gone, struct hf_why *why)
{
	size_t size = gone->size * 2 + 64;
	struct digest **digests;

	if (gone->count < gone->size)
		return HF_OK;
	digests = realloc(gone->digests, size * sizeof(struct digest *));
	if (digests == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	gone->digests = digests;
	gone->size = size;
	return HF_OK;
}

enum hf_err hf_retro_gone_add(struct hf_retro_gone *gone, struct hf_span digest,
			      struct hf_why *why)
{
	unsigned beginning;
	struct digest *copy;
	enum hf_err err;

	if (digest.len_bytes < HF_RETRO_GONE_LEAST_BYTES)
		return HF_OK;
	err = grow(gone, why);
	if (err != HF_OK)
		return err;
	copy = malloc(sizeof(*copy) + digest.len_bytes);
	if (copy == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	copy->len_bytes = digest.len_bytes;
	memcpy(copy->bytes, digest.at, digest.len_bytes);
	beginning = hf_be16(digest.at);
	gone->beginnings[beginning / 64] |= (uint64_t)1 << beginning % 64;
	gone->digests[gone->count++] = copy;
	return HF_OK;
}

static int order(struct hf_span one, struct hf_span other)
{
	if (one.len_bytes != other.len_bytes)
		return one.len_bytes < other.len_bytes ? -1 : 1;
	return memcmp(one.at, other.at, one.len_bytes);
}

static struct hf_span span_of(const struct digest *digest)
{
	return hf_span(digest->bytes, digest->len_bytes);
}

static int by_bytes(const void *a, const void *b)
{
	const struct digest *const *one = a, *const *other = b;

	return order(span_of(*one), span_of(*other));
}

void hf_retro_gone_seal(struct hf_retro_gone *gone)
{
	if (gone->count > 0)
		qsort(gone->digests, gone->count, sizeof(struct digest *),
		      by_bytes);
}

size_t hf_retro_gone_count(const struct hf_retro_gone *gone)
{
	return gone->count;
}

bool hf_retro_gone_has(const struct hf_retro_gone *gone, struct hf_span digest)
{
	size_t low = 0, high = gone->count;
	unsigned beginning;

	if (digest.len_bytes < HF_RETRO_GONE_LEAST_BYTES)
		return false;
	beginning = hf_be16(digest.at);
	if ((gone->beginnings[beginning / 64] >> beginning % 64 & 1) == 0)
		return false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int is = order(span_of(gone->digests[middle]), digest);

		if (is == 0)
			return true;
		if (is < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
