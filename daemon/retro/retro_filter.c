#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "kind.h"
#include "match_kernel.h"

#include "retro_filter.h"

/* A bit for each value of the first bits of a digest: what is not there is
 * told with one look into a table that stays in the cache. */
#define MARK_BITS  16
#define MARK_BYTES ((size_t)1 << (MARK_BITS - 3))

struct hf_retro_filter {
	/* Odd and random: nobody can make up digests that crowd together. */
	uint64_t factor;
	uint8_t marks[MARK_BYTES];
	uint64_t *exact; /* owned: beginnings of digests, a hash table */
	size_t exact_count;
	size_t exact_size; /* a power of two, or 0; 0 means empty there */
	bool has_zero;
	struct near {
		int distance;
		uint8_t *digests; /* owned: one behind the other */
		size_t count;
		size_t size;
	} near[2]; /* PDQ, and frames of videos */
};

enum hf_err hf_retro_filter_new(int distance, int frame_distance,
				struct hf_retro_filter **out_filter,
				struct hf_why *why)
{
	struct hf_retro_filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	filter->near[0].distance = distance;
	filter->near[1].distance = frame_distance;
	if (getrandom(&filter->factor, sizeof(filter->factor), GRND_NONBLOCK) <
	    0)
		filter->factor = 0x9e3779b97f4a7c15u;
	filter->factor |= 1;
	*out_filter = filter;
	return HF_OK;
}

void hf_retro_filter_free(struct hf_retro_filter *filter)
{
	if (filter == NULL)
		return;
	free(filter->exact);
	for (size_t i = 0; i < 2; i++)
		free(filter->near[i].digests);
	free(filter);
}

size_t hf_retro_filter_count(const struct hf_retro_filter *filter)
{
	return filter->exact_count + filter->near[0].count +
	       filter->near[1].count;
}

/* Two that begin alike are looked up: that is rare, or somebody's trouble. */
static uint64_t beginning(const uint8_t *digest)
{
	uint64_t value;

	memcpy(&value, digest, sizeof(value));
	return value;
}

static size_t mark_of(uint64_t value)
{
	return value & (((size_t)1 << MARK_BITS) - 1);
}

static size_t slot_of(const struct hf_retro_filter *filter, uint64_t value)
{
	size_t slot = (size_t)(value * filter->factor >> 32) &
		      (filter->exact_size - 1);

	while (filter->exact[slot] != 0 && filter->exact[slot] != value)
		slot = (slot + 1) & (filter->exact_size - 1);
	return slot;
}

static enum hf_err grow_exact(struct hf_retro_filter *filter,
			      struct hf_why *why)
{
	struct hf_retro_filter larger = *filter;

	if ((filter->exact_count + 1) * 2 <= filter->exact_size)
		return HF_OK;
	larger.exact_size = filter->exact_size * 2 + 64;
	while ((larger.exact_size & (larger.exact_size - 1)) != 0)
		larger.exact_size &= larger.exact_size - 1;
	larger.exact = calloc(larger.exact_size, sizeof(*larger.exact));
	if (larger.exact == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	for (size_t i = 0; i < filter->exact_size; i++) {
		if (filter->exact[i] != 0)
			larger.exact[slot_of(&larger, filter->exact[i])] =
				filter->exact[i];
	}
	free(filter->exact);
	filter->exact = larger.exact;
	filter->exact_size = larger.exact_size;
	return HF_OK;
}

static enum hf_err add_exact(struct hf_retro_filter *filter, uint64_t value,
			     struct hf_why *why)
{
	enum hf_err err = grow_exact(filter, why);

	if (err != HF_OK)
		return err;
	filter->marks[mark_of(value) / 8] |= (uint8_t)(1u << value % 8);
	if (value == 0)
		filter->has_zero = true;
	else
		filter->exact[slot_of(filter, value)] = value;
	filter->exact_count++;
	return HF_OK;
}

static enum hf_err add_near(struct near *near, const uint8_t *digest,
			    struct hf_why *why)
{
	if (near->distance < 0)
		return HF_OK;
	if (near->count == near->size) {
		size_t size = near->size * 2 + 64;
		uint8_t *digests = realloc(near->digests, size * HF_PDQ_BYTES);

		if (digests == NULL)
			return hf_why(why, HF_E_NOMEM, "retro: no memory");
		near->digests = digests;
		near->size = size;
	}
	memcpy(near->digests + near->count * HF_PDQ_BYTES, digest,
	       HF_PDQ_BYTES);
	near->count++;
	return HF_OK;
}

static bool is_near(unsigned algorithm)
{
	return algorithm == HF_ALGORITHM_PDQ || algorithm == HF_ALGORITHM_VPDQ;
}

enum hf_err hf_retro_filter_add(struct hf_retro_filter *filter,
				unsigned algorithm, const uint8_t *digest,
				struct hf_why *why)
{
	return is_near(algorithm)
		       ? add_near(&filter->near[algorithm == HF_ALGORITHM_VPDQ],
				  digest, why)
		       : add_exact(filter, beginning(digest), why);
}

static bool has_exact(const struct hf_retro_filter *filter, uint64_t value)
{
	if ((filter->marks[mark_of(value) / 8] & 1u << value % 8) == 0)
		return false;
	if (value == 0)
		return filter->has_zero;
	return filter->exact[slot_of(filter, value)] == value;
}

static bool has_near(const struct near *near, const uint8_t *digest)
{
	const struct hf_match_kernel *kernel = hf_match_kernel();
	const struct hf_match_pdq want = hf_match_pdq_load(digest);
	uint32_t places[HF_MATCH_KERNEL_BLOCK];

	for (size_t at = 0; at < near->count; at += HF_MATCH_KERNEL_BLOCK) {
		size_t count = near->count - at;

		if (count > HF_MATCH_KERNEL_BLOCK)
			count = HF_MATCH_KERNEL_BLOCK;
		if (kernel->scan_digests(near->digests + at * HF_PDQ_BYTES,
					 count, &want, (unsigned)near->distance,
					 places) > 0)
			return true;
	}
	return false;
}

static bool passes(const struct hf_retro_filter *filter,
		   const struct hf_retro_digest *digest)
{
	const struct near *near =
		&filter->near[digest->algorithm == HF_ALGORITHM_VPDQ];

	if (!is_near(digest->algorithm))
		return has_exact(filter, beginning(digest->at));
	for (size_t at = 0; at < digest->len_bytes; at += HF_PDQ_BYTES) {
		if (has_near(near, digest->at + at))
			return true;
	}
	return false;
}

bool hf_retro_filter_passes(const struct hf_retro_filter *filter,
			    const struct hf_retro_item *item)
{
	for (size_t i = 0; i < item->count; i++) {
		if (passes(filter, &item->digests[i]))
			return true;
	}
	return false;
}
