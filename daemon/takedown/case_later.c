#include <string.h>

#include "bytes.h"

#include "case_intake.h"

/* Author, set, index. */
#define LATER_KEY_BYTES (HF_HASH_BYTES + 4 + 8)

/* Where a reading of one author's quotations has come. */
struct place {
	uint32_t set;
	uint64_t index;
};

static void later_key(const uint8_t *author, const struct place *place,
		      uint8_t *out_key)
{
	memcpy(out_key, author, HF_HASH_BYTES);
	hf_be32_put(out_key + HF_HASH_BYTES, place->set);
	hf_be64_put(out_key + HF_HASH_BYTES + 4, place->index);
}

enum hf_err hf_case_note_later(const struct hf_case_round *round, size_t i,
			       struct hf_store_txn *txn, struct hf_why *why)
{
	const struct place place = { round->info.set, round->entries[i].index };
	const uint8_t *awaits = round->taken[i].awaits;
	uint8_t key[LATER_KEY_BYTES];
	enum hf_err err = HF_OK;

	if (round->again != NULL) {
		later_key(round->again, &place, key);
		err = hf_case_mark_del(txn, HF_CASE_LATER,
				       hf_span(key, sizeof(key)), why);
	}
	if (err != HF_OK || hf_cases_is_zero(awaits))
		return err;
	later_key(awaits, &place, key);
	return hf_case_mark_put(txn, HF_CASE_LATER, hf_span(key, sizeof(key)),
				why);
}

/* The places at or behind *from of what quotes this author, all of the set of
 * the first; *from becomes the place behind them.  NOTFOUND. */
static enum hf_err find_places(struct hf_cases *cases, const uint8_t *author,
			       struct place *from, uint32_t *out_set,
			       uint64_t *out_indexes, size_t *out_count,
			       struct hf_why *why)
{
	uint8_t first[LATER_KEY_BYTES];
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	struct hf_store_txn *view;
	size_t count = 0;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	later_key(author, from, first);
	err = hf_store_cursor_open(view, HF_CASE_LATER, &cursor, why);
	if (err != HF_OK)
		goto out_view;
	err = hf_store_cursor_seek(cursor, hf_span(first, sizeof(first)), &key,
				   &value, NULL);
	while (err == HF_OK && count < HF_CASE_ROUND_ENTRIES &&
	       key.len_bytes == LATER_KEY_BYTES &&
	       memcmp(key.at, author, HF_HASH_BYTES) == 0) {
		const struct place place = {
			hf_be32(key.at + HF_HASH_BYTES),
			hf_be64(key.at + HF_HASH_BYTES + 4),
		};

		if (count > 0 && place.set != *out_set)
			break;
		*out_set = place.set;
		out_indexes[count++] = place.index;
		*from = (struct place){ place.set, place.index + 1 };
		err = hf_store_cursor_next(cursor, &key, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	*out_count = count;
	if (err == HF_OK || err == HF_E_NOTFOUND)
		err = count > 0 ? HF_OK : HF_E_NOTFOUND;
out_view:
	hf_store_view_end(view);
	return err;
}

static enum hf_err copy_entries(struct hf_case_round *round,
				struct hf_ledger_view *view,
				const uint64_t *indexes, size_t count,
				struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		struct hf_ledger_entry entry;

		err = hf_ledger_entry(view, round->info.set, indexes[i], &entry,
				      why);
		if (err == HF_OK)
			err = hf_case_copy_entry(round, view, &entry, why);
	}
	return err;
}

/* One round.  A set that is not read any more keeps its places. */
static enum hf_err read_again(struct hf_cases *cases, struct hf_ring *ring,
			      const uint8_t *author, uint32_t set,
			      const uint64_t *indexes, size_t count,
			      struct hf_why *why)
{
	struct hf_case_round *round = NULL;
	const struct hf_ring_set *about;
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set, &info, why);
	if (err != HF_OK)
		goto out_view;
	about = hf_ring_set(ring, hf_span_of(info.origin));
	if (!hf_case_is_read(cases, ring, about))
		goto out_view;
	err = hf_case_round_new(cases, ring, about, &info, &round, why);
	if (err == HF_OK)
		err = copy_entries(round, view, indexes, count, why);
out_view:
	hf_ledger_view_end(view);
	if (round == NULL)
		return err;
	round->again = author;
	if (err == HF_OK)
		err = hf_case_take_round(round, why);
	hf_case_round_free(round);
	return err;
}

/* All of one author; ends with NOTFOUND.  One that cannot be read keeps no
 * other from it: *first is the first such error, and why that of either. */
static enum hf_err read_quotes_of(struct hf_cases *cases, struct hf_ring *ring,
				  const uint8_t *author, enum hf_err *first,
				  bool *goes_on, struct hf_why *why)
{
	uint64_t indexes[HF_CASE_ROUND_ENTRIES];
	struct place from = { 0, 0 };
	struct hf_why said = { "" };
	uint32_t set = 0;
	size_t count;
	enum hf_err err = HF_OK;

	while (err == HF_OK && *goes_on) {
		enum hf_err is;

		err = find_places(cases, author, &from, &set, indexes, &count,
				  *first == HF_OK ? why : NULL);
		if (err != HF_OK)
			break;
		is = read_again(cases, ring, author, set, indexes, count,
				&said);
		if (is != HF_OK && *first == HF_OK)
			*first = hf_why(why, is, "%s", said.text);
		*goes_on = hf_cases_give_way(cases);
	}
	return err;
}

enum hf_err hf_cases_read_later(struct hf_cases *cases, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_organisation *peers;
	size_t peers_count = hf_ring_peers(ring, &peers);
	enum hf_err err = HF_OK, first = HF_OK;
	bool goes_on = true;

	for (size_t i = 0; i < peers_count && err == HF_OK && goes_on; i++) {
		err = read_quotes_of(cases, ring, peers[i].id, &first, &goes_on,
				     why);
		if (err == HF_E_NOTFOUND)
			err = HF_OK;
	}
	hf_ring_release(ring);
	return err == HF_OK ? first : err;
}
