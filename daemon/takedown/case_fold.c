#include <string.h>

#include "conf.h"
#include "roles.h"

#include "cases_in.h"

const struct hf_case_rules *hf_cases_rules(const struct hf_cases *cases,
					   const struct hf_case_row *row)
{
	const struct hf_conf *conf = cases->options.conf;

	for (size_t i = 0; i < conf->regimes_count; i++) {
		if (conf->regimes[i].regime == row->now.regime)
			return &conf->regimes[i].rules;
	}
	return hf_case_rules_default(row->now.regime);
}

/* The event that opens the case: as it stands in its log rather than as
 * somebody quotes it. */
static const struct hf_case_event_row *
find_opening(const struct hf_case_event_row *rows, size_t count)
{
	const struct hf_case_event_row *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (rows[i].opening.len_bytes == 0)
			continue;
		if (found == NULL || (found->is_quoted && !rows[i].is_quoted))
			found = &rows[i];
	}
	return found;
}

static void add_other(struct hf_case_row *row, const uint8_t *id)
{
	if (hf_cases_is_zero(id) ||
	    memcmp(id, row->parties.notifier, HF_HASH_BYTES) == 0 ||
	    memcmp(id, row->parties.provider, HF_HASH_BYTES) == 0 ||
	    row->others_count == HF_CASE_OTHERS_MAX)
		return;
	for (uint32_t i = 0; i < row->others_count; i++) {
		if (memcmp(row->others[i], id, HF_HASH_BYTES) == 0)
			return;
	}
	memcpy(row->others[row->others_count++], id, HF_HASH_BYTES);
}

/* Who else is a party: whoever the opening was sent to, an authority that was
 * told, one that gives orders. */
static void find_others(struct hf_case_row *row,
			const struct hf_case_event_row *opening,
			const struct hf_cases_history *history)
{
	row->others_count = 0;
	add_other(row, opening->recipient);
	for (size_t i = 0; i < history->folded; i++) {
		const struct hf_case_fact *fact = &history->rows[i].fact;

		if (history->fates[i] != HF_CASE_FATE_APPLIED)
			continue;
		if (fact->kind == HF_CASE_EVENT_ESCALATE_AUTHORITY)
			add_other(row, fact->to_id);
		if (fact->kind == HF_CASE_EVENT_ORDER ||
		    fact->kind == HF_CASE_EVENT_PENALTY)
			add_other(row, fact->author);
	}
}

/* Powers end at the border of who has them. */
uint32_t hf_cases_powers(const struct hf_cases *cases,
			 const uint8_t author[static HF_HASH_BYTES],
			 const char *state, uint64_t at_ms)
{
	return state[0] == '\0'
		       ? hf_roles_powers(cases->options.roles, author, at_ms)
		       : hf_roles_powers_in(cases->options.roles, author, state,
					    at_ms);
}

/*
 * All of them, with what becomes of each.
 */

/* Those that are folded first, the rest behind with their fates. */
static void part(struct hf_cases_history *history,
		 struct hf_case_event_row *rows)
{
	size_t last = history->count;

	history->folded = 0;
	for (size_t i = 0; i < history->count; i++) {
		const struct hf_case_event_row *row = &history->rows[i];

		if (hf_case_event_counts(row)) {
			rows[history->folded++] = *row;
			continue;
		}
		rows[--last] = *row;
		history->order[last] = last;
		history->fates[last] = row->is_contradicted
					       ? HF_CASE_FATE_EQUIVOCAL
					       : HF_CASE_FATE_WAITING;
	}
	history->rows = rows;
}

static enum hf_err fold(struct hf_cases *cases,
			const struct hf_case_parties *parties,
			struct hf_cases_history *history,
			struct hf_arena *arena, struct hf_why *why)
{
	struct hf_case_fact *facts =
		hf_arena_calloc(arena, history->folded + 1, sizeof(*facts));
	enum hf_err err;

	if (facts == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < history->folded; i++) {
		facts[i] = history->rows[i].fact;
		facts[i].powers =
			hf_case_needs_power(facts[i].kind)
				? hf_cases_powers(cases, facts[i].author,
						  history->rows[i].state,
						  facts[i].at_ms)
				: 0;
	}
	err = hf_case_fold(parties, facts, history->folded, arena,
			   &history->now, history->fates, history->order, why);
	return err == HF_E_NOTFOUND ? HF_E_DENIED : err;
}

/* As they are on disk. */
static enum hf_err gather(struct hf_store_txn *txn, const uint8_t *key,
			  struct hf_arena *arena, struct hf_cases_history *out,
			  struct hf_why *why)
{
	struct hf_case_event_row *parted;
	enum hf_err err =
		hf_case_events(txn, key, arena, &out->rows, &out->count, why);

	if (err != HF_OK)
		return err;
	parted = hf_arena_calloc(arena, out->count + 1, sizeof(*parted));
	out->fates =
		hf_arena_calloc(arena, out->count + 1, sizeof(*out->fates));
	out->order =
		hf_arena_calloc(arena, out->count + 1, sizeof(*out->order));
	if (parted == NULL || out->fates == NULL || out->order == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	part(out, parted);
	return HF_OK;
}

enum hf_err hf_cases_history(struct hf_cases *cases, struct hf_store_txn *txn,
			     const struct hf_case_row *row,
			     struct hf_arena *arena,
			     struct hf_cases_history *out, struct hf_why *why)
{
	struct hf_cases_history history;
	enum hf_err err = gather(txn, row->key, arena, &history, why);

	if (err == HF_OK)
		err = fold(cases, &row->parties, &history, arena, why);
	if (err == HF_OK)
		*out = history;
	return err;
}

/*
 * What comes next follows which ones.
 */

bool hf_cases_is_shared(enum hf_case_fate fate)
{
	return fate == HF_CASE_FATE_APPLIED || fate == HF_CASE_FATE_NOT_NOW ||
	       fate == HF_CASE_FATE_NO_POWER;
}

static bool is_named(const struct hf_cases_history *history,
		     const uint8_t *event_id)
{
	for (size_t i = 0; i < history->folded; i++) {
		const struct hf_case_fact *fact = &history->rows[i].fact;

		if (!hf_cases_is_shared(history->fates[i]))
			continue;
		for (size_t j = 0; j < fact->after_count; j++) {
			if (memcmp(fact->after[j], event_id,
				   HF_EVENT_ID_BYTES) == 0)
				return true;
		}
	}
	return false;
}

/* Two authors may use an id, though nobody honest does. */
static bool is_among(const struct hf_span *ids, size_t count,
		     const uint8_t *event_id)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(ids[i].at, event_id, HF_EVENT_ID_BYTES) == 0)
			return true;
	}
	return false;
}

size_t hf_cases_heads(const struct hf_cases_history *history,
		      const uint8_t own[static HF_EVENT_ID_BYTES],
		      struct hf_span *out_ids)
{
	size_t found = 0;

	for (size_t i = 0; i < history->folded && found < HF_CASE_AFTER_MAX;
	     i++) {
		const uint8_t *id = history->rows[i].fact.event_id;

		if (hf_cases_is_shared(history->fates[i]) &&
		    memcmp(id, own, HF_EVENT_ID_BYTES) != 0 &&
		    !is_among(out_ids, found, id) && !is_named(history, id))
			out_ids[found++] = hf_span(id, HF_EVENT_ID_BYTES);
	}
	return found;
}

/*
 * Where it stands.
 */

static bool has_something_to_tell(const struct hf_case_row *row,
				  const struct hf_case_clock *clock)
{
	return clock->warnings > row->warnings_told ||
	       (clock->is_overdue && !row->is_overdue_told) ||
	       (clock->is_undelivered && !row->is_undelivered_told) ||
	       clock->should_renotify ||
	       (clock->should_escalate && !row->is_escalation_told);
}

/* What was told of one deadline is not told again because a clock was set
 * back; of another deadline it is. */
static void forget_told(struct hf_case_row *row,
			const struct hf_case_clock *clock)
{
	if (clock->is_paused || clock->limit_ms == row->told_limit_ms)
		return;
	row->told_limit_ms = clock->limit_ms;
	row->is_overdue_told &= clock->is_overdue;
	row->is_escalation_told &= clock->should_escalate;
	if (row->warnings_told > clock->warnings)
		row->warnings_told = clock->warnings;
}

void hf_cases_set_clock(struct hf_cases *cases, struct hf_case_row *row)
{
	uint64_t now_ms = hf_cases_now(cases);
	struct hf_case_clock clock;

	hf_case_clock(&row->now, hf_cases_rules(cases, row), now_ms, &clock);
	forget_told(row, &clock);
	/* What is due by now is told by whoever minds the clocks. */
	row->due_ms = has_something_to_tell(row, &clock) ? now_ms
		      : clock.next_ms == UINT64_MAX      ? 0
							 : clock.next_ms;
	if (row->due_ms != 0 && row->due_ms < cases->next_due_ms)
		cases->next_due_ms = row->due_ms;
}

static enum hf_err load(struct hf_store_txn *txn, const uint8_t *key,
			struct hf_arena *arena, struct hf_case_row *out,
			struct hf_why *why)
{
	enum hf_err err = hf_case_get(txn, key, arena, out, why);

	if (err != HF_E_NOTFOUND)
		return err;
	memset(out, 0, sizeof(*out));
	memcpy(out->key, key, HF_CASE_KEY_BYTES);
	return HF_OK;
}

/* What does not come from the fold. */
static void put_opening(struct hf_case_row *row,
			const struct hf_case_event_row *opening)
{
	memcpy(row->parties.notifier, opening->fact.author, HF_HASH_BYTES);
	memcpy(row->parties.provider, opening->provider, HF_HASH_BYTES);
	memcpy(row->opening_id, opening->fact.event_id, HF_EVENT_ID_BYTES);
	row->opening = opening->opening;
}

static enum hf_err put_row(struct hf_cases *cases, struct hf_store_txn *txn,
			   struct hf_case_row *row,
			   const struct hf_case *before, uint64_t old_due_ms,
			   struct hf_why *why)
{
	bool is_change = before->events != row->now.events ||
			 before->state != row->now.state;

	cases->has_changed |= is_change;
	return hf_case_put(txn, row, old_due_ms,
			   is_change ? HF_CASE_CLOCK_EVENT : -1, why);
}

enum hf_err hf_cases_refold(struct hf_cases *cases, struct hf_store_txn *txn,
			    const uint8_t key[static HF_CASE_KEY_BYTES],
			    struct hf_arena *arena, struct hf_why *why)
{
	const struct hf_case_event_row *opening;
	struct hf_cases_history history;
	struct hf_case_row row;
	struct hf_case before;
	uint64_t old_due_ms;
	enum hf_err err = gather(txn, key, arena, &history, why);

	if (err != HF_OK)
		return err;
	opening = find_opening(history.rows, history.folded);
	if (opening == NULL)
		return HF_OK;
	err = load(txn, key, arena, &row, why);
	if (err != HF_OK)
		return err;
	old_due_ms = row.due_ms;
	before = row.now;
	put_opening(&row, opening);
	err = fold(cases, &row.parties, &history, arena, why);
	if (err != HF_OK)
		return err;
	row.now = history.now;
	find_others(&row, opening, &history);
	/* An order is delivered anew. */
	row.is_undelivered_told &= before.ordered_ms == row.now.ordered_ms;
	hf_cases_set_clock(cases, &row);
	err = put_row(cases, txn, &row, &before, old_due_ms, why);
	return err == HF_OK
		       ? hf_cases_plan(cases, txn, &row, &history, arena, why)
		       : err;
}

/*
 * Who has which power changed.
 */

/* Cases of one transaction. */
#define ROUND_CASES 64

struct walking {
	struct hf_cases *cases;
	uint8_t key[HF_CASE_KEY_BYTES]; /* from here */
	uint8_t next[HF_CASE_KEY_BYTES];
	bool has_more;
};

/* The first case at or above a key, copied; NOTFOUND. */
static enum hf_err next_case(struct hf_store_txn *txn, uint8_t *key,
			     struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span found, value;
	enum hf_err err =
		hf_store_cursor_open(txn, HF_CASE_POWERS, &cursor, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_span(key, HF_CASE_KEY_BYTES),
				   &found, &value, NULL);
	if (err == HF_OK && found.len_bytes != HF_CASE_KEY_BYTES)
		err = hf_why(why, HF_E_CORRUPT, "views: a case with powers");
	if (err == HF_OK)
		memcpy(key, found.at, HF_CASE_KEY_BYTES);
	hf_store_cursor_close(cursor);
	return err;
}

static enum hf_err walk(void *arg, struct hf_store_txn *txn, struct hf_why *why)
{
	struct walking *walking = arg;
	struct hf_arena arena;
	enum hf_err err = HF_OK;

	memcpy(walking->next, walking->key, HF_CASE_KEY_BYTES);
	walking->has_more = true;
	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	for (int i = 0; i < ROUND_CASES && walking->has_more; i++) {
		err = next_case(txn, walking->next, why);
		if (err == HF_OK)
			err = hf_cases_refold(walking->cases, txn,
					      walking->next, &arena, why);
		if (err == HF_E_DENIED)
			err = HF_OK;
		hf_arena_reset(&arena);
		walking->has_more =
			err == HF_OK && hf_case_key_next(walking->next);
	}
	hf_arena_release(&arena);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_cases_refold_powers(struct hf_cases *cases, struct hf_why *why)
{
	struct walking walking = { .cases = cases, .has_more = true };
	uint64_t version = hf_roles_version(cases->options.roles);
	enum hf_err err = HF_OK;

	if (version == cases->roles_seen)
		return HF_OK;
	while (err == HF_OK && walking.has_more) {
		err = hf_store_write(cases->views, walk, &walking, why);
		memcpy(walking.key, walking.next, HF_CASE_KEY_BYTES);
		if (!hf_cases_give_way(cases))
			return HF_OK;
	}
	if (err == HF_OK)
		cases->roles_seen = version;
	return err;
}
