#include <stdlib.h>
#include <string.h>

#include "codec_document.h"

#include "case_intake.h"

enum hf_err hf_case_round_new(struct hf_cases *cases, struct hf_ring *ring,
			      const struct hf_ring_set *about,
			      const struct hf_ledger_info *info,
			      struct hf_case_round **out_round,
			      struct hf_why *why)
{
	struct hf_case_round *round = calloc(1, sizeof(*round));

	if (round == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	round->cases = cases;
	round->ring = ring;
	round->about = about;
	round->info = *info;
	hf_arena_init(&round->arena, HF_CASES_ARENA_BYTES);
	*out_round = round;
	return HF_OK;
}

void hf_case_round_free(struct hf_case_round *round)
{
	hf_arena_release(&round->arena);
	free(round);
}

enum hf_err hf_case_copy_entry(struct hf_case_round *round,
			       struct hf_ledger_view *view,
			       const struct hf_ledger_entry *from,
			       struct hf_why *why)
{
	struct hf_case_entry *entry = &round->entries[round->count];
	struct hf_span record;
	enum hf_err err;

	*entry = (struct hf_case_entry){ .index = from->index };
	memcpy(entry->header, from->header, HF_HEADER_BYTES);
	if (from->state == HF_LEDGER_HELD) {
		entry->payload = hf_arena_copy(&round->arena, from->payload);
		if (entry->payload.at == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
	}
	err = hf_ledger_record(view, round->info.set, from->index, &record,
			       NULL);
	if (err == HF_OK) {
		entry->record = hf_arena_copy(&round->arena, record);
		if (entry->record.at == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
	} else if (err != HF_E_NOTFOUND) {
		return hf_why(why, err, "a record cannot be read");
	}
	round->count++;
	return HF_OK;
}

/* Copies, because nothing may be waited for while a view is open. */
static enum hf_err read_entries(struct hf_case_round *round, uint64_t first,
				struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	enum hf_err err =
		hf_ledger_view_begin(round->cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_scan_begin(view, round->info.set, first, &scan, why);
	while (err == HF_OK && round->count < HF_CASE_ROUND_ENTRIES) {
		err = hf_ledger_scan_next(scan, &entry, why);
		/* What has not come yet is waited for, as it comes first. */
		if (err == HF_OK && entry.state == HF_LEDGER_MISSING)
			err = HF_E_NOTFOUND;
		if (err == HF_OK)
			err = hf_case_copy_entry(round, view, &entry, why);
	}
	hf_ledger_scan_end(scan);
	hf_ledger_view_end(view);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_case_take_round(struct hf_case_round *round, struct hf_why *why)
{
	enum hf_err kept, err = HF_OK;
	size_t taken = 0;

	while (err == HF_OK && taken < round->count) {
		err = hf_case_take_entry(round, &round->entries[taken],
					 &round->taken[taken], why);
		taken += err == HF_OK;
	}
	/* Nothing follows from what is not kept. */
	kept = hf_case_await_kept(round, &taken, err == HF_OK ? why : NULL);
	err = err == HF_OK ? kept : err;
	/* What was opened before something failed is not opened again. */
	round->count = taken;
	if (taken > 0) {
		struct hf_why said = { "" };
		enum hf_err put = hf_case_take_in(round, &said);

		if (put != HF_OK) {
			round->count = 0;
			return hf_why(why, put, "%s", said.text);
		}
	}
	return err;
}

static enum hf_err position_of(struct hf_cases *cases, uint32_t set,
			       uint64_t *out_position, struct hf_why *why)
{
	struct hf_case_set_row row;
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_case_set_get(view, set, &row, why);
	hf_store_view_end(view);
	if (err == HF_OK)
		*out_position = row.position;
	return err;
}

enum hf_err hf_case_round_read(struct hf_case_round *round, struct hf_why *why)
{
	uint64_t position;
	enum hf_err err =
		position_of(round->cases, round->info.set, &position, why);

	return err == HF_OK && position < round->info.size
		       ? read_entries(round, position, why)
		       : err;
}

/* One round of a set. */
static enum hf_err take_set(struct hf_cases *cases, struct hf_ring *ring,
			    const struct hf_ring_set *about,
			    const struct hf_ledger_info *info,
			    bool *out_has_more, struct hf_why *why)
{
	struct hf_case_round *round;
	uint64_t position;
	enum hf_err err = position_of(cases, info->set, &position, why);

	if (err != HF_OK || position >= info->size)
		return err;
	err = hf_case_round_new(cases, ring, about, info, &round, why);
	if (err != HF_OK)
		return err;
	err = hf_case_round_read(round, why);
	if (err == HF_OK)
		err = hf_case_take_round(round, why);
	*out_has_more |= err == HF_OK && round->count > 0;
	hf_case_round_free(round);
	return err;
}

/* A relay keeps what is for others, and reads nothing. */
bool hf_case_is_read(const struct hf_cases *cases, const struct hf_ring *ring,
		     const struct hf_ring_set *about)
{
	return about != NULL && about->is_followed &&
	       about->agreement->kind == HF_SET_KIND_CASES &&
	       (about->is_own ||
		hf_ring_may_have(ring, hf_span_of(about->origin),
				 hf_ring_self(ring)->id,
				 hf_cases_now(cases)) >= HF_RIGHT_MEMBER);
}

enum hf_err hf_cases_take_some(struct hf_cases *cases, bool *out_has_more,
			       struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_ledger_info info = { .set = 0 };
	enum hf_err err = HF_OK, first = HF_OK;

	*out_has_more = false;
	while (err == HF_OK &&
	       (err = hf_ledger_next_now(cases->options.ledger, info.set, &info,
					 why)) == HF_OK) {
		const struct hf_ring_set *about =
			hf_ring_set(ring, hf_span_of(info.origin));
		struct hf_why said = { "" };
		enum hf_err is = HF_OK;

		if (hf_case_is_read(cases, ring, about))
			is = take_set(cases, ring, about, &info, out_has_more,
				      &said);
		/* Also of logs that we only carry: a quoted event saw them. */
		if (is == HF_OK)
			is = hf_case_settle_waits(cases, info.set, info.size,
						  out_has_more, &said);
		/* One that cannot be read keeps no other from it. */
		if (is != HF_OK && first == HF_OK)
			first = hf_why(why, is, "%s", said.text);
	}
	hf_ring_release(ring);
	return err != HF_E_NOTFOUND ? err : first;
}

enum hf_err hf_cases_take_set(struct hf_cases *cases, uint32_t set,
			      struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_ledger_info info = { .set = set - 1 };
	const struct hf_ring_set *about = NULL;
	enum hf_err err =
		hf_ledger_next_now(cases->options.ledger, info.set, &info, why);
	bool has_more = true;

	if (err == HF_OK && info.set != set)
		err = hf_why(why, HF_E_NOTFOUND, "no such set");
	if (err == HF_OK) {
		about = hf_ring_set(ring, hf_span_of(info.origin));
		if (about == NULL)
			err = hf_why(why, HF_E_BUSY, "%s was just opened",
				     info.origin);
	}
	while (err == HF_OK && has_more) {
		has_more = false;
		err = take_set(cases, ring, about, &info, &has_more, why);
	}
	hf_ring_release(ring);
	return err;
}

/* What is stored and not signed yet does not show: an event of that kind would
 * be sealed once more, and be another one under the same id. */
static enum hf_err sign_rest(struct hf_cases *cases,
			     const struct hf_ledger_info *info,
			     struct hf_why *why)
{
	enum hf_err err;

	if (info->unsigned_count == 0)
		return HF_OK;
	err = hf_ledger_refresh(cases->options.ledger, info->set,
				hf_ledger_wait_done(cases->wait), why);
	return err == HF_OK ? hf_ledger_wait_for(cases->wait, NULL, why) : err;
}

enum hf_err hf_cases_catch_up(struct hf_cases *cases, struct hf_why *why)
{
	struct hf_ring *ring;
	struct hf_ledger_info info = { .set = 0 };
	enum hf_err err = HF_OK;

	if (!cases->is_behind)
		return HF_OK;
	ring = hf_ring_holder_get(cases->options.ring);
	while (err == HF_OK &&
	       (err = hf_ledger_next_now(cases->options.ledger, info.set, &info,
					 why)) == HF_OK) {
		const struct hf_ring_set *about =
			hf_ring_set(ring, hf_span_of(info.origin));

		if (about == NULL || !about->is_own ||
		    !hf_case_is_read(cases, ring, about))
			continue;
		err = sign_rest(cases, &info, why);
		/* Nothing is said any more in one that is frozen. */
		if (err == HF_OK || err == HF_E_FROZEN)
			err = hf_cases_take_set(cases, info.set, why);
	}
	hf_ring_release(ring);
	if (err != HF_E_NOTFOUND)
		return err;
	cases->is_behind = false;
	return HF_OK;
}
