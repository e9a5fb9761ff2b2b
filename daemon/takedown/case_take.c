#include <string.h>

#include "bytes.h"
#include "envelope.h"
#include "log.h"

#include "case_intake.h"

/* Ways to find a case: by its hashes, and from the case it goes on from. */
static enum hf_err put_ways(struct hf_store_txn *txn,
			    const struct hf_case_taken *taken,
			    struct hf_why *why)
{
	uint8_t way[HF_CASE_HASH_KEY_BYTES + HF_CASE_KEY_BYTES];
	const struct hf_notice *notice = taken->opens;
	enum hf_err err = HF_OK;

	if (notice == NULL)
		return HF_OK;
	for (size_t i = 0; i < notice->hashes_count && err == HF_OK; i++) {
		hf_case_hash_key(&notice->hashes[i], way);
		memcpy(way + HF_CASE_HASH_KEY_BYTES, taken->key,
		       HF_CASE_KEY_BYTES);
		err = hf_case_mark_put(txn, HF_CASE_HASHES,
				       hf_span(way, sizeof(way)), why);
	}
	if (err != HF_OK || notice->continues == NULL)
		return err;
	hf_case_key(hf_span_of(notice->continues->origin),
		    notice->continues->index, way);
	memcpy(way + HF_CASE_KEY_BYTES, taken->key, HF_CASE_KEY_BYTES);
	return hf_case_mark_put(txn, HF_CASE_LINKS,
				hf_span(way, 2 * (size_t)HF_CASE_KEY_BYTES),
				why);
}

/* The newest key counts; where each stands is remembered for bundles. */
static enum hf_err put_key(const struct hf_case_round *round,
			   struct hf_store_txn *txn,
			   const struct hf_case_taken *taken, uint64_t index,
			   struct hf_case_set_row *set, struct hf_why *why)
{
	uint8_t key[1 + 4 + HF_RECEIVE_KEY_ID_BYTES] = { 'k' }, at[8];

	if (!taken->is_key)
		return HF_OK;
	if (taken->key_from_ms >= set->key_from_ms) {
		set->has_key = true;
		set->key_from_ms = taken->key_from_ms;
		memcpy(set->receive_key, taken->receive_key,
		       HF_PUBLIC_KEY_BYTES);
	}
	hf_be32_put(key + 1, round->info.set);
	hf_receive_key_id(taken->receive_key, key + 5);
	hf_be64_put(at, index);
	return hf_store_put(txn, HF_CASE_META, hf_span(key, sizeof(key)),
			    hf_span(at, sizeof(at)), why);
}

/* The same notice once more, at another place, opens nothing.  Whoever quotes
 * may be wrong about the place; its author is not. */
static enum hf_err check_opening(struct hf_store_txn *txn,
				 const struct hf_case_taken *taken,
				 struct hf_why *why)
{
	const struct hf_case_fact *fact = &taken->row.fact;
	uint8_t key[HF_CASE_KEY_BYTES];
	bool was_quoted;
	enum hf_err err;

	if (taken->opens == NULL)
		return HF_OK;
	err = hf_case_opened(txn, fact->author, fact->event_id, key,
			     &was_quoted, why);
	if (err != HF_OK)
		return err == HF_E_NOTFOUND ? HF_OK : err;
	if (memcmp(key, taken->key, HF_CASE_KEY_BYTES) == 0 ||
	    (was_quoted && !taken->row.is_quoted))
		return HF_OK;
	return hf_why(why, HF_E_EXISTS,
		      "the same notice once more: its event id opened another "
		      "case");
}

/* Notifier and provider have their places. */
static enum hf_err has_place(struct hf_store_txn *txn,
			     const struct hf_case_taken *taken,
			     struct hf_arena *arena, bool *out_has,
			     struct hf_why *why)
{
	const uint8_t *author = taken->row.fact.author;
	struct hf_case_row row;
	enum hf_err err = hf_case_get(txn, taken->key, arena, &row, why);

	*out_has = taken->opens != NULL ||
		   (err == HF_OK &&
		    (memcmp(author, row.parties.notifier, HF_HASH_BYTES) == 0 ||
		     memcmp(author, row.parties.provider, HF_HASH_BYTES) == 0));
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err put_event(struct hf_case_round *round,
			     struct hf_store_txn *txn,
			     struct hf_case_taken *taken, bool *out_is_new,
			     struct hf_why *why)
{
	bool has = false;
	enum hf_err err = check_opening(txn, taken, why);

	if (err == HF_OK)
		err = has_place(txn, taken, &round->arena, &has, why);
	if (err == HF_OK)
		err = hf_case_event_put(txn, taken->key, &taken->row, has,
					out_is_new, why);
	if (err != HF_OK || !*out_is_new)
		return err;
	if (taken->opens != NULL)
		err = hf_case_opened_put(txn, &taken->row.fact, taken->key,
					 taken->row.is_quoted, why);
	if (err == HF_OK && taken->opens != NULL && round->about->is_own &&
	    !taken->row.is_quoted)
		err = hf_cases_draft_became(txn, taken->row.fact.event_id,
					    taken->key, &round->arena, why);
	if (err == HF_OK)
		err = hf_case_put_waits(txn, taken, why);
	if (err == HF_OK)
		err = put_ways(txn, taken, why);
	if (err == HF_OK && hf_case_needs_power(taken->row.fact.kind))
		err = hf_case_mark_put(txn, HF_CASE_POWERS,
				       hf_span(taken->key, HF_CASE_KEY_BYTES),
				       why);
	return err;
}

/* What the sender got wrong stops nothing. */
static enum hf_err pass_over(struct hf_case_taken *taken, enum hf_err err,
			     struct hf_why *why)
{
	if (err != HF_E_EXISTS && err != HF_E_LIMIT && err != HF_E_DENIED)
		return err;
	taken->refused = err;
	taken->why = *why;
	return HF_OK;
}

/* Cases that a round changed, each once: a case of many events is folded for
 * all that came together. */
struct touched {
	const struct hf_case_taken *by[HF_CASE_ROUND_ENTRIES];
	size_t count;
};

static void touch(struct touched *touched, const struct hf_case_taken *taken)
{
	for (size_t i = 0; i < touched->count; i++) {
		if (memcmp(touched->by[i]->key, taken->key,
			   HF_CASE_KEY_BYTES) == 0)
			return;
	}
	touched->by[touched->count++] = taken;
}

static enum hf_err put_entries(struct hf_case_round *round,
			       struct hf_store_txn *txn,
			       struct hf_case_set_row *set,
			       struct touched *touched, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < round->count && err == HF_OK; i++) {
		struct hf_case_taken *taken = &round->taken[i];
		bool is_new = false;

		if (round->again == NULL)
			set->position = round->entries[i].index + 1;
		err = hf_case_note_later(round, i, txn, why);
		if (err == HF_OK)
			err = put_key(round, txn, taken,
				      round->entries[i].index, set, why);
		if (err != HF_OK || !taken->is_event)
			continue;
		taken->refused = HF_OK;
		err = pass_over(
			taken, put_event(round, txn, taken, &is_new, why), why);
		if (err == HF_OK && is_new && taken->refused == HF_OK)
			touch(touched, taken);
	}
	return err;
}

/* Whose author may not open it is refused, though it is kept: he may be
 * somebody later, when a directory comes that says so. */
static enum hf_err refold(struct hf_case_round *round, struct hf_store_txn *txn,
			  const struct touched *touched, struct hf_why *why)
{
	struct hf_arena arena;
	enum hf_err err = HF_OK;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	for (size_t i = 0; i < touched->count && err == HF_OK; i++) {
		struct hf_case_taken *taken =
			&round->taken[touched->by[i] - round->taken];

		err = pass_over(taken,
				hf_cases_refold(round->cases, txn, taken->key,
						&arena, why),
				why);
		hf_arena_reset(&arena);
	}
	hf_arena_release(&arena);
	return err;
}

enum hf_err hf_case_put_round(struct hf_case_round *round,
			      struct hf_store_txn *txn, struct hf_why *why)
{
	struct touched touched = { .count = 0 };
	struct hf_case_set_row set;
	enum hf_err err = hf_case_set_get(txn, round->info.set, &set, why);

	round->refused = set.refused;
	if (err == HF_OK)
		err = put_entries(round, txn, &set, &touched, why);
	if (err == HF_OK)
		err = refold(round, txn, &touched, why);
	for (size_t i = 0; round->again == NULL && i < round->count; i++)
		set.refused += round->taken[i].refused != HF_OK;
	return err == HF_OK ? hf_case_set_put(txn, round->info.set, &set, why)
			    : err;
}

static enum hf_err put_round(void *arg, struct hf_store_txn *txn,
			     struct hf_why *why)
{
	return hf_case_put_round(arg, txn, why);
}

/* The first of a set are all told, then every second, fourth, eighth: whoever
 * writes nonsense shall not fill the log with it. */
static bool is_worth_a_line(uint64_t number)
{
	return number <= 16 || (number & (number - 1)) == 0;
}

/* Once they are passed, so that each is told once. */
static void tell_refused(const struct hf_case_round *round)
{
	uint64_t number = round->refused;

	for (size_t i = 0; i < round->count; i++) {
		const struct hf_case_taken *taken = &round->taken[i];
		char said[sizeof(taken->why.text)];

		if (taken->refused == HF_OK || !is_worth_a_line(++number))
			continue;
		hf_log(HF_LOG_WARNING, "cases", "event refused",
		       "set=%s entry=%llu refused=%llu err=%s why=\"%s\"",
		       round->about->origin,
		       (unsigned long long)round->entries[i].index,
		       (unsigned long long)number, hf_err_name(taken->refused),
		       hf_log_quote(taken->why.text, said, sizeof(said)));
	}
}

enum hf_err hf_case_take_in(struct hf_case_round *round, struct hf_why *why)
{
	enum hf_err err =
		hf_store_write(round->cases->views, put_round, round, why);

	if (err == HF_OK)
		tell_refused(round);
	return err;
}
