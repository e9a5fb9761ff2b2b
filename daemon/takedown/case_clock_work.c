#include <string.h>

#include "bytes.h"
#include "conf.h"
#include "ring.h"
#include "sha256.h"

#include "cases_in.h"

/* Cases of one transaction. */
#define ROUND_CASES 256

#define RULES "rules"

/* The first case that is due, copied; NOTFOUND. */
static enum hf_err first_due(struct hf_store_txn *txn, uint64_t *out_due_ms,
			     uint8_t *out_key, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err = hf_store_cursor_open(txn, HF_CASE_DUE, &cursor, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_span(NULL, 0), &key, &value,
				   NULL);
	if (err == HF_OK && key.len_bytes != 8 + HF_CASE_KEY_BYTES)
		err = hf_why(why, HF_E_CORRUPT, "views: a row of clocks");
	if (err == HF_OK) {
		*out_due_ms = hf_be64(key.at);
		memcpy(out_key, key.at + 8, HF_CASE_KEY_BYTES);
	}
	hf_store_cursor_close(cursor);
	return err;
}

static enum hf_err plan(struct hf_store_txn *txn, const struct hf_case_row *row,
			enum hf_case_todo what, struct hf_why *why)
{
	struct hf_case_task task = { .what = what };

	memcpy(task.key, row->key, HF_CASE_KEY_BYTES);
	return hf_cases_plan_one(txn, &task, why);
}

static const char *authority_for(const struct hf_cases *cases,
				 const struct hf_case_row *row)
{
	const struct hf_conf *conf = cases->options.conf;

	for (size_t i = 0; i < conf->regimes_count; i++) {
		if (conf->regimes[i].regime == row->now.regime)
			return conf->regimes[i].escalate_to;
	}
	return NULL;
}

/* A provider without a node is reminded by hand, so whoever watches is told
 * that it is time. */
static void remind_us(struct hf_case_row *row,
		      const struct hf_case_rules *rules, uint64_t now_ms,
		      uint64_t *next_ms, int *told)
{
	uint64_t last_ms = row->reminded_ms > row->now.renotified_ms
				   ? row->reminded_ms
				   : row->now.renotified_ms;

	if (last_ms == 0 || now_ms >= last_ms + rules->renotify_ms) {
		*told = HF_CASE_CLOCK_OVERDUE;
		row->reminded_ms = now_ms;
		last_ms = now_ms;
	}
	if (last_ms + rules->renotify_ms < *next_ms)
		*next_ms = last_ms + rules->renotify_ms;
}

/* What the notifier's own node does by itself: remind a provider that has a
 * node, and tell the authority that was named for it. */
static enum hf_err act(struct hf_cases *cases, struct hf_store_txn *txn,
		       struct hf_case_row *row, struct hf_case_clock *clock,
		       int *told, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (clock->should_renotify && hf_cases_is_zero(row->parties.provider))
		remind_us(row, hf_cases_rules(cases, row), hf_cases_now(cases),
			  &clock->next_ms, told);
	else if (clock->should_renotify)
		err = plan(txn, row, HF_CASE_DO_RENOTIFY, why);
	if (err == HF_OK && clock->should_escalate &&
	    !row->is_escalation_told) {
		row->is_escalation_told = true;
		*told = HF_CASE_CLOCK_ESCALATE;
		if (authority_for(cases, row) != NULL)
			err = plan(txn, row, HF_CASE_DO_ESCALATE, why);
	}
	return err;
}

static int what_to_tell(struct hf_case_row *row,
			const struct hf_case_clock *clock)
{
	int told = -1;

	if (clock->warnings > row->warnings_told) {
		row->warnings_told = clock->warnings;
		told = HF_CASE_CLOCK_WARNING;
	}
	if (clock->is_overdue && !row->is_overdue_told) {
		row->is_overdue_told = true;
		told = HF_CASE_CLOCK_OVERDUE;
	}
	if (clock->is_undelivered && !row->is_undelivered_told) {
		row->is_undelivered_told = true;
		told = HF_CASE_CLOCK_UNDELIVERED;
	}
	return told;
}

static enum hf_err look(struct hf_cases *cases, struct hf_store_txn *txn,
			struct hf_case_row *row, const uint8_t *self,
			struct hf_why *why)
{
	uint64_t now_ms = hf_cases_now(cases), old_due_ms = row->due_ms;
	struct hf_case_clock clock;
	enum hf_err err = HF_OK;
	int told;

	hf_case_clock(&row->now, hf_cases_rules(cases, row), now_ms, &clock);
	told = what_to_tell(row, &clock);
	if (memcmp(row->parties.notifier, self, HF_HASH_BYTES) == 0)
		err = act(cases, txn, row, &clock, &told, why);
	row->due_ms = clock.next_ms == UINT64_MAX ? 0 : clock.next_ms;
	cases->has_changed |= told >= 0;
	return err == HF_OK ? hf_case_put(txn, row, old_due_ms, told, why)
			    : err;
}

/* One transaction of them. */
struct looking {
	struct hf_cases *cases;
	uint8_t self[HF_HASH_BYTES];
	uint64_t due_ms; /* the first that was not looked at */
	bool has_more;
};

static enum hf_err look_at_due(void *arg, struct hf_store_txn *txn,
			       struct hf_why *why)
{
	struct looking *looking = arg;
	uint64_t now_ms = hf_cases_now(looking->cases);
	uint8_t key[HF_CASE_KEY_BYTES];
	struct hf_arena arena;
	size_t looked = 0;
	enum hf_err err = HF_OK;

	looking->has_more = false;
	looking->due_ms = UINT64_MAX;
	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	while (err == HF_OK &&
	       (err = first_due(txn, &looking->due_ms, key, why)) == HF_OK &&
	       looking->due_ms <= now_ms) {
		struct hf_case_row row;

		if (looked++ == ROUND_CASES) {
			looking->has_more = true;
			break;
		}
		err = hf_case_get(txn, key, &arena, &row, why);
		if (err == HF_OK)
			err = look(looking->cases, txn, &row, looking->self,
				   why);
		hf_arena_reset(&arena);
		looking->due_ms = UINT64_MAX;
	}
	hf_arena_release(&arena);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_cases_mind_clocks(struct hf_cases *cases, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct looking looking = { .cases = cases, .has_more = true };
	enum hf_err err = HF_OK;

	memcpy(looking.self, hf_ring_self(ring)->id, HF_HASH_BYTES);
	hf_ring_release(ring);
	while (looking.has_more && err == HF_OK) {
		err = hf_store_write(cases->views, look_at_due, &looking, why);
		/* What failed is due still. */
		cases->next_due_ms = err == HF_OK ? looking.due_ms : 0;
		if (looking.has_more && !hf_cases_give_way(cases))
			break;
	}
	return err;
}

/*
 * Rules that are others than those of the last run.
 */

static void hash_rules(struct hf_sha256 *hash,
		       const struct hf_case_rules *rules)
{
	const uint64_t numbers[] = {
		rules->deadline_ms,       rules->priority_deadline_ms,
		rules->warn_count,        rules->deliver_ms,
		rules->renotify_ms,       rules->escalate_ms,
		rules->pauses_needs_info, rules->pauses_impossible,
	};
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		hf_be64_put(bytes, numbers[i]);
		hf_sha256_update(hash, bytes, sizeof(bytes));
	}
	for (size_t i = 0; i < rules->warn_count; i++) {
		hf_be64_put(bytes, rules->warn_ms[i]);
		hf_sha256_update(hash, bytes, sizeof(bytes));
	}
}

/* Where the walk through all cases is. */
struct checking {
	struct hf_cases *cases;
	uint8_t digest[HF_SHA256_BYTES]; /* of the rules of this run */
	uint8_t from[HF_CASE_KEY_BYTES];
	uint8_t next[HF_CASE_KEY_BYTES];
	bool is_done;
};

static enum hf_err check_case(struct checking *checking,
			      struct hf_store_txn *txn, struct hf_arena *arena,
			      struct hf_why *why)
{
	struct hf_case_row row;
	uint64_t old_due_ms;
	enum hf_err err = hf_case_next(txn, checking->next, arena, &row, why);

	if (err != HF_OK)
		return err;
	memcpy(checking->next, row.key, HF_CASE_KEY_BYTES);
	checking->is_done = !hf_case_key_next(checking->next);
	if (row.hold != 0)
		return HF_OK;
	old_due_ms = row.due_ms;
	hf_cases_set_clock(checking->cases, &row);
	return row.due_ms == old_due_ms
		       ? HF_OK
		       : hf_case_put(txn, &row, old_due_ms, -1, why);
}

static enum hf_err check_some(void *arg, struct hf_store_txn *txn,
			      struct hf_why *why)
{
	struct checking *checking = arg;
	struct hf_arena arena;
	enum hf_err err = HF_OK;

	memcpy(checking->next, checking->from, HF_CASE_KEY_BYTES);
	checking->is_done = false;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	for (int i = 0; i < ROUND_CASES && err == HF_OK && !checking->is_done;
	     i++) {
		err = check_case(checking, txn, &arena, why);
		hf_arena_reset(&arena);
	}
	hf_arena_release(&arena);
	checking->is_done |= err == HF_E_NOTFOUND;
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	return checking->is_done
		       ? hf_store_put(txn, HF_CASE_META, hf_span_of(RULES),
				      hf_span(checking->digest,
					      sizeof(checking->digest)),
				      why)
		       : HF_OK;
}

/* Are they those that the views were last looked at with? */
static enum hf_err are_known(struct checking *checking, bool *out_are,
			     struct hf_why *why)
{
	struct hf_store_txn *view;
	struct hf_span known;
	enum hf_err err =
		hf_store_view_begin(checking->cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_store_get(view, HF_CASE_META, hf_span_of(RULES), &known, why);
	*out_are = err == HF_OK &&
		   hf_span_equal(known, hf_span(checking->digest,
						sizeof(checking->digest)));
	hf_store_view_end(view);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_cases_check_rules(struct hf_cases *cases, struct hf_why *why)
{
	struct checking checking = { .cases = cases };
	struct hf_case_row like = { .hold = 0 };
	struct hf_sha256 hash;
	enum hf_err err;

	hf_sha256_init(&hash);
	for (unsigned regime = HF_REGIME_NTD; regime <= HF_REGIME_VOLUNTARY;
	     regime++) {
		like.now.regime = (enum hf_regime)regime;
		hash_rules(&hash, hf_cases_rules(cases, &like));
	}
	hf_sha256_final(&hash, checking.digest);
	err = are_known(&checking, &checking.is_done, why);
	while (err == HF_OK && !checking.is_done) {
		err = hf_store_write(cases->views, check_some, &checking, why);
		memcpy(checking.from, checking.next, HF_CASE_KEY_BYTES);
		if (!hf_cases_give_way(cases))
			break;
	}
	return err;
}
