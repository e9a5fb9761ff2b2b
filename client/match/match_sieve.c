#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "kind.h"
#include "limit.h"
#include "match_kernel.h"

#include "match_sieve.h"

/* A bit for each value of the first bits of a digest: what is not there is
 * told with one look into a table that stays in the cache. */
#define MARK_BITS  16
#define MARK_BYTES ((size_t)1 << (MARK_BITS - 3))

struct hf_match_sieve {
	/* Odd and random: nobody can make up digests that crowd together. */
	uint64_t factor;
	uint8_t marks[MARK_BYTES];
	uint64_t *exact; /* owned: beginnings of digests, a hash table */
	size_t exact_count;
	size_t exact_size; /* a power of two, or 0; 0 means empty there */
	bool has_zero;
	struct near {
		int distance;
		uint8_t *digests;             /* owned: one behind the other */
		struct hf_match_heads *heads; /* owned: of the same */
		size_t count;
		size_t size; /* whole heads */
	} near[2];           /* PDQ, and frames of videos */
};

enum hf_err hf_match_sieve_new(int distance, int frame_distance,
			       struct hf_match_sieve **out_sieve,
			       struct hf_why *why)
{
	struct hf_match_sieve *sieve = calloc(1, sizeof(*sieve));

	if (sieve == NULL)
		return hf_why(why, HF_E_NOMEM, "sieve: no memory");
	sieve->near[0].distance = distance;
	sieve->near[1].distance = frame_distance;
	if (getrandom(&sieve->factor, sizeof(sieve->factor), GRND_NONBLOCK) < 0)
		sieve->factor = 0x9e3779b97f4a7c15u;
	sieve->factor |= 1;
	*out_sieve = sieve;
	return HF_OK;
}

void hf_match_sieve_free(struct hf_match_sieve *sieve)
{
	if (sieve == NULL)
		return;
	free(sieve->exact);
	for (size_t i = 0; i < 2; i++) {
		free(sieve->near[i].digests);
		free(sieve->near[i].heads);
	}
	free(sieve);
}

size_t hf_match_sieve_count(const struct hf_match_sieve *sieve)
{
	return sieve->exact_count + sieve->near[0].count + sieve->near[1].count;
}

/* Two that begin alike are looked up: that is rare, or somebody's trouble. */
static uint64_t beginning(const uint8_t *digest)
{
	uint64_t value;

	memcpy(&value, digest, HF_MATCH_SIEVE_BYTES);
	return value;
}

static size_t mark_of(uint64_t value)
{
	return value & (((size_t)1 << MARK_BITS) - 1);
}

static size_t slot_of(const struct hf_match_sieve *sieve, uint64_t value)
{
	size_t slot =
		(size_t)(value * sieve->factor >> 32) & (sieve->exact_size - 1);

	while (sieve->exact[slot] != 0 && sieve->exact[slot] != value)
		slot = (slot + 1) & (sieve->exact_size - 1);
	return slot;
}

static enum hf_err grow_exact(struct hf_match_sieve *sieve, struct hf_why *why)
{
	struct hf_match_sieve larger = *sieve;

	if ((sieve->exact_count + 1) * 2 <= sieve->exact_size)
		return HF_OK;
	larger.exact_size = sieve->exact_size * 2 + 64;
	while ((larger.exact_size & (larger.exact_size - 1)) != 0)
		larger.exact_size &= larger.exact_size - 1;
	larger.exact = calloc(larger.exact_size, sizeof(*larger.exact));
	if (larger.exact == NULL)
		return hf_why(why, HF_E_NOMEM, "sieve: no memory");
	for (size_t i = 0; i < sieve->exact_size; i++) {
		if (sieve->exact[i] != 0)
			larger.exact[slot_of(&larger, sieve->exact[i])] =
				sieve->exact[i];
	}
	free(sieve->exact);
	sieve->exact = larger.exact;
	sieve->exact_size = larger.exact_size;
	return HF_OK;
}

static enum hf_err add_exact(struct hf_match_sieve *sieve, uint64_t value,
			     struct hf_why *why)
{
	enum hf_err err = grow_exact(sieve, why);

	if (err != HF_OK)
		return err;
	sieve->marks[mark_of(value) / 8] |= (uint8_t)(1u << value % 8);
	if (value == 0)
		sieve->has_zero = true;
	else
		sieve->exact[slot_of(sieve, value)] = value;
	sieve->exact_count++;
	return HF_OK;
}

static enum hf_err grow_near(struct near *near, struct hf_why *why)
{
	size_t size = near->size * 2 + 8 * HF_MATCH_HEADS;
	uint8_t *digests;
	struct hf_match_heads *heads;

	if (near->count < near->size)
		return HF_OK;
	digests = realloc(near->digests, size * HF_PDQ_BYTES);
	if (digests != NULL)
		near->digests = digests;
	heads = realloc(near->heads, size / HF_MATCH_HEADS * sizeof(*heads));
	if (heads != NULL)
		near->heads = heads;
	if (digests == NULL || heads == NULL)
		return hf_why(why, HF_E_NOMEM, "sieve: no memory");
	memset(near->heads + near->size / HF_MATCH_HEADS, 0,
	       (size - near->size) / HF_MATCH_HEADS * sizeof(*heads));
	near->size = size;
	return HF_OK;
}

static enum hf_err add_near(struct near *near, const uint8_t *digest,
			    struct hf_why *why)
{
	const struct hf_match_pdq pdq = hf_match_pdq_load(digest);
	struct hf_match_heads *heads;
	enum hf_err err;

	if (near->distance < 0)
		return HF_OK;
	err = grow_near(near, why);
	if (err != HF_OK)
		return err;
	heads = &near->heads[near->count / HF_MATCH_HEADS];
	for (unsigned word = 0; word < 2; word++)
		heads->words[word][near->count % HF_MATCH_HEADS] =
			pdq.word[word];
	memcpy(near->digests + near->count * HF_PDQ_BYTES, digest,
	       HF_PDQ_BYTES);
	near->count++;
	return HF_OK;
}

static bool is_near(unsigned algorithm)
{
	return algorithm == HF_ALGORITHM_PDQ || algorithm == HF_ALGORITHM_VPDQ;
}

enum hf_err hf_match_sieve_add(struct hf_match_sieve *sieve, unsigned algorithm,
			       const uint8_t *digest, struct hf_why *why)
{
	return is_near(algorithm)
		       ? add_near(&sieve->near[algorithm == HF_ALGORITHM_VPDQ],
				  digest, why)
		       : add_exact(sieve, beginning(digest), why);
}

static bool has_exact(const struct hf_match_sieve *sieve, uint64_t value)
{
	if ((sieve->marks[mark_of(value) / 8] & 1u << value % 8) == 0)
		return false;
	if (value == 0)
		return sieve->has_zero;
	return sieve->exact[slot_of(sieve, value)] == value;
}

static bool has_near(const struct near *near, const uint8_t *digest)
{
	const struct hf_match_kernel *kernel = hf_match_kernel();
	const struct hf_match_pdq want = hf_match_pdq_load(digest);
	uint32_t places[HF_MATCH_KERNEL_BLOCK];

	for (size_t at = 0; at < near->count; at += HF_MATCH_KERNEL_BLOCK) {
		size_t count = near->count - at;
		size_t found;

		if (count > HF_MATCH_KERNEL_BLOCK)
			count = HF_MATCH_KERNEL_BLOCK;
		found = kernel->scan_heads(near->heads + at / HF_MATCH_HEADS,
					   count, &want,
					   (unsigned)near->distance, places);
		for (size_t i = 0; i < found; i++) {
			const struct hf_match_pdq have = hf_match_pdq_load(
				near->digests +
				(at + places[i]) * HF_PDQ_BYTES);

			if (hf_match_pdq_distance(&have, &want) <=
			    (unsigned)near->distance)
				return true;
		}
	}
	return false;
}

bool hf_match_sieve_has(const struct hf_match_sieve *sieve, unsigned algorithm,
			const uint8_t *digest)
{
	return is_near(algorithm)
		       ? has_near(&sieve->near[algorithm == HF_ALGORITHM_VPDQ],
				  digest)
		       : has_exact(sieve, beginning(digest));
}

bool hf_match_sieve_has_video(const struct hf_match_sieve *sieve,
			      const uint8_t *frames, size_t frames_count,
			      size_t near_bytes, unsigned percent_least)
{
	size_t others_most = frames_count * (100 - percent_least);
	uint8_t frame[HF_PDQ_BYTES] = { 0 };
	size_t others = 0;

	for (size_t i = 0; i < frames_count && others * 100 <= others_most;
	     i++) {
		memcpy(frame, frames + i * HF_PDQ_BYTES, near_bytes);
		others += !has_near(&sieve->near[1], frame);
	}
	return others < frames_count && others * 100 <= others_most;
}
