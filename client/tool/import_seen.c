#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"
#include "sign.h"

#include "import_seen.h"

/* A slot: 48 bits of place + 1, 16 bits of the hash of the hash, so that a
 * row is read again only when it is likely to be the one. */
#define TAG_BITS    16
#define TAG_MASK    (((uint64_t)1 << TAG_BITS) - 1)
#define SLOTS_FIRST ((size_t)1024)

/* The row that is read again, and its labels. */
#define ARENA_MAX_BYTES ((size_t)1024 * 1024)

void hf_import_seen_init(struct hf_import_seen *seen,
			 const struct hf_import_list *list)
{
	*seen = (struct hf_import_seen){ .list = list };
	hf_arena_init(&seen->arena, ARENA_MAX_BYTES);
	hf_random(seen->salt, sizeof(seen->salt));
}

void hf_import_seen_release(struct hf_import_seen *seen)
{
	hf_arena_release(&seen->arena);
	free(seen->slots);
	seen->slots = NULL;
}

static uint64_t key_of(const struct hf_import_seen *seen,
		       const struct hf_import_row *row)
{
	const uint8_t algorithm = (uint8_t)row->algorithm;
	uint8_t key[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, seen->salt, sizeof(seen->salt));
	hf_sha256_update(&hash, &algorithm, 1);
	hf_sha256_update(&hash, row->digest, row->len_bytes);
	hf_sha256_final(&hash, key);
	return hf_be64(key);
}

static size_t place_of(uint64_t slot)
{
	return (size_t)(slot >> TAG_BITS) - 1;
}

static bool is_same(struct hf_import_seen *seen, uint64_t slot,
		    const struct hf_import_row *row)
{
	struct hf_import_row other;

	hf_arena_reset(&seen->arena);
	return hf_import_list_at(seen->list, place_of(slot), &seen->arena,
				 &other, NULL) == HF_OK &&
	       other.algorithm == row->algorithm &&
	       other.len_bytes == row->len_bytes &&
	       memcmp(other.digest, row->digest, row->len_bytes) == 0;
}

/* The slot that has the row's hash, or the free one where it would go. */
static uint64_t *find(struct hf_import_seen *seen, uint64_t key,
		      const struct hf_import_row *row)
{
	size_t at = (size_t)(key >> TAG_BITS) & (seen->slots_count - 1);

	for (;; at = (at + 1) & (seen->slots_count - 1)) {
		uint64_t *slot = &seen->slots[at];

		if (*slot == 0 || ((*slot & TAG_MASK) == (key & TAG_MASK) &&
				   is_same(seen, *slot, row)))
			return slot;
	}
}

static void put(uint64_t *slots, size_t count, uint64_t key, uint64_t slot)
{
	size_t at = (size_t)(key >> TAG_BITS) & (count - 1);

	while (slots[at] != 0)
		at = (at + 1) & (count - 1);
	slots[at] = slot;
}

/* Twice the slots; every row is read again for its key. */
static enum hf_err grow(struct hf_import_seen *seen, struct hf_why *why)
{
	size_t count =
		seen->slots_count > 0 ? 2 * seen->slots_count : SLOTS_FIRST;
	uint64_t *slots = calloc(count, sizeof(*slots));
	struct hf_import_row row;

	if (slots == NULL)
		return hf_why(why, HF_E_NOMEM,
			      "no memory to look for duplicates");
	for (size_t i = 0; i < seen->slots_count; i++) {
		if (seen->slots[i] == 0)
			continue;
		hf_arena_reset(&seen->arena);
		if (hf_import_list_at(seen->list, place_of(seen->slots[i]),
				      &seen->arena, &row, NULL) != HF_OK) {
			free(slots);
			return hf_why(why, HF_E_NOMEM,
				      "no memory to look for duplicates");
		}
		put(slots, count, key_of(seen, &row), seen->slots[i]);
	}
	free(seen->slots);
	seen->slots = slots;
	seen->slots_count = count;
	return HF_OK;
}

enum hf_err hf_import_seen_add(struct hf_import_seen *seen,
			       const struct hf_import_row *row,
			       bool *out_is_first, struct hf_why *why)
{
	uint64_t key = key_of(seen, row);
	uint64_t *slot;

	if (seen->count * 3 >= seen->slots_count * 2) {
		enum hf_err err = grow(seen, why);

		if (err != HF_OK)
			return err;
	}
	slot = find(seen, key, row);
	*out_is_first = *slot == 0;
	if (*slot == 0) {
		*slot = (uint64_t)(row->at_bytes + 1) << TAG_BITS |
			(key & TAG_MASK);
		seen->count++;
	}
	return HF_OK;
}

bool hf_import_seen_is_first(struct hf_import_seen *seen,
			     const struct hf_import_row *row)
{
	const uint64_t *slot;

	if (seen->slots_count == 0)
		return false;
	slot = find(seen, key_of(seen, row), row);
	return *slot != 0 && place_of(*slot) == row->at_bytes;
}
