#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "text.h"

#include "case_intake.h"

/* What is kept of entries that the ledger has no room for. */
#define UNKEPT_MAX       1024
#define UNKEPT_MAX_BYTES ((size_t)16 * 1024 * 1024)

struct hf_case_unkept {
	struct hf_case_unkept *next;
	uint32_t set;
	uint64_t index;
	uint8_t header[HF_HEADER_BYTES];
	size_t payload_len_bytes;
	uint8_t payload[];
};

/* Of one set, what acts in memory alone. */
struct hf_case_ahead {
	struct hf_case_ahead *next;
	struct hf_ring *ring; /* a reference */
	struct hf_case_round *round;
};

static void free_all(struct hf_case_ahead *ahead)
{
	while (ahead != NULL) {
		struct hf_case_ahead *next = ahead->next;

		hf_case_round_free(ahead->round);
		hf_ring_release(ahead->ring);
		free(ahead);
		ahead = next;
	}
}

void hf_case_ahead_free(struct hf_cases *cases)
{
	free_all(cases->ahead);
	cases->ahead = NULL;
	while (cases->unkept != NULL) {
		struct hf_case_unkept *next = cases->unkept->next;

		free(cases->unkept);
		cases->unkept = next;
	}
}

/*
 * What comes.
 */

static bool has_room(const struct hf_cases *cases, size_t more_bytes)
{
	return cases->unkept_count < UNKEPT_MAX &&
	       cases->unkept_bytes + more_bytes <= UNKEPT_MAX_BYTES;
}

void hf_cases_ahead(struct hf_cases *cases, uint32_t set, uint64_t index,
		    struct hf_span header, struct hf_span payload)
{
	struct hf_case_unkept **at, *entry;
	bool is_new = false;

	if (cases == NULL)
		return;
	pthread_mutex_lock(&cases->ahead_lock);
	at = &cases->unkept;
	while (*at != NULL && ((*at)->set < set ||
			       ((*at)->set == set && (*at)->index < index)))
		at = &(*at)->next;
	if ((*at == NULL || (*at)->set != set || (*at)->index != index) &&
	    has_room(cases, payload.len_bytes)) {
		entry = calloc(1, sizeof(*entry) + payload.len_bytes);
		is_new = entry != NULL;
	}
	if (is_new) {
		entry->set = set;
		entry->index = index;
		memcpy(entry->header, header.at, HF_HEADER_BYTES);
		entry->payload_len_bytes = payload.len_bytes;
		if (payload.len_bytes > 0)
			memcpy(entry->payload, payload.at, payload.len_bytes);
		entry->next = *at;
		*at = entry;
		cases->unkept_count++;
		cases->unkept_bytes += payload.len_bytes;
	}
	pthread_mutex_unlock(&cases->ahead_lock);
	if (is_new)
		hf_cases_look(cases);
}

bool hf_cases_reads(struct hf_cases *cases, const char *origin)
{
	struct hf_ring *ring;
	bool reads;

	if (cases == NULL)
		return false;
	ring = hf_ring_holder_get(cases->options.ring);
	reads = hf_case_is_read(cases, ring,
				hf_ring_set(ring, hf_span_of(origin)));
	hf_ring_release(ring);
	return reads;
}

/* Under the lock of what comes: the ledger has entries of the set below size,
 * and nobody has to remember them. */
static void forget_kept(struct hf_cases *cases, uint32_t set, uint64_t size)
{
	struct hf_case_unkept **at = &cases->unkept;

	while (*at != NULL) {
		struct hf_case_unkept *entry = *at;

		if (entry->set != set || entry->index >= size) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		cases->unkept_count--;
		cases->unkept_bytes -= entry->payload_len_bytes;
		free(entry);
	}
}

/*
 * What it comes to.
 */

/* Behind what the round has, those that the ledger has not. */
static enum hf_err copy_unkept(struct hf_case_round *round, struct hf_why *why)
{
	struct hf_cases *cases = round->cases;
	uint64_t next = round->count > 0
				? round->entries[round->count - 1].index + 1
				: round->info.size;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&cases->ahead_lock);
	forget_kept(cases, round->info.set, round->info.size);
	for (const struct hf_case_unkept *from = cases->unkept;
	     from != NULL && err == HF_OK &&
	     round->count < HF_CASE_ROUND_ENTRIES;
	     from = from->next) {
		struct hf_case_entry *entry = &round->entries[round->count];

		if (from->set != round->info.set || from->index != next)
			continue;
		*entry = (struct hf_case_entry){ .index = from->index };
		memcpy(entry->header, from->header, HF_HEADER_BYTES);
		if (from->payload_len_bytes > 0)
			entry->payload =
				hf_arena_copy(&round->arena,
					      hf_span(from->payload,
						      from->payload_len_bytes));
		if (from->payload_len_bytes > 0 && entry->payload.at == NULL)
			err = hf_why(why, HF_E_NOMEM, "no memory");
		else
			round->count++;
		next++;
	}
	pthread_mutex_unlock(&cases->ahead_lock);
	return err;
}

/* One round of a set, as if it had been stored.  NOTFOUND: there is nothing. */
static enum hf_err make_round(struct hf_cases *cases, struct hf_ring *ring,
			      const struct hf_ring_set *about,
			      const struct hf_ledger_info *info,
			      struct hf_case_round **out_round,
			      struct hf_why *why)
{
	struct hf_case_round *round;
	size_t taken = 0;
	enum hf_err err =
		hf_case_round_new(cases, ring, about, info, &round, why);

	if (err != HF_OK)
		return err;
	round->is_ahead = true;
	err = hf_case_round_read(round, why);
	if (err == HF_OK)
		err = copy_unkept(round, why);
	while (err == HF_OK && taken < round->count) {
		err = hf_case_take_entry(round, &round->entries[taken],
					 &round->taken[taken], why);
		taken += err == HF_OK;
	}
	if (err == HF_OK && round->count == 0)
		err = HF_E_NOTFOUND;
	if (err != HF_OK) {
		hf_case_round_free(round);
		return err;
	}
	*out_round = round;
	return HF_OK;
}

/* One that cannot be read now has none. */
static void add_set(struct hf_cases *cases, const struct hf_ledger_info *info,
		    struct hf_case_ahead **list)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_ring_set *about =
		hf_ring_set(ring, hf_span_of(info->origin));
	struct hf_case_ahead *ahead = calloc(1, sizeof(*ahead));

	if (ahead == NULL || !hf_case_is_read(cases, ring, about) ||
	    make_round(cases, ring, about, info, &ahead->round, NULL) !=
		    HF_OK) {
		hf_ring_release(ring);
		free(ahead);
		return;
	}
	ahead->ring = ring;
	ahead->next = *list;
	*list = ahead;
}

static bool must_look(struct hf_cases *cases, enum hf_err err)
{
	bool has_unkept;

	pthread_mutex_lock(&cases->ahead_lock);
	has_unkept = cases->unkept != NULL;
	pthread_mutex_unlock(&cases->ahead_lock);
	return has_unkept || err == HF_E_FULL;
}

void hf_case_ahead_look(struct hf_cases *cases, enum hf_err err)
{
	struct hf_case_ahead *fresh = NULL, *old;
	struct hf_ledger_info info = { .set = 0 };

	if (!must_look(cases, err) && cases->ahead == NULL)
		return;
	while (must_look(cases, err) &&
	       hf_ledger_next_now(cases->options.ledger, info.set, &info,
				  NULL) == HF_OK)
		add_set(cases, &info, &fresh);
	pthread_mutex_lock(&cases->ahead_lock);
	old = cases->ahead;
	cases->ahead = fresh;
	atomic_store(&cases->has_ahead, fresh != NULL);
	pthread_mutex_unlock(&cases->ahead_lock);
	free_all(old);
}

/*
 * Looking at cases.
 */

/* Memory that is of use for that long alone. */
static enum hf_err put_round(struct hf_case_round *round,
			     struct hf_store_txn *txn, struct hf_why *why)
{
	struct hf_arena kept = round->arena;
	enum hf_err err;

	hf_arena_init(&round->arena, HF_CASES_ARENA_BYTES);
	err = hf_case_put_round(round, txn, why);
	hf_arena_release(&round->arena);
	round->arena = kept;
	return err;
}

/* Under the lock of the cases: everything, in a transaction that is never
 * committed. */
static enum hf_err begin_ahead(struct hf_cases *cases,
			       struct hf_store_txn **out_view,
			       struct hf_why *why)
{
	uint64_t next_due_ms = cases->next_due_ms;
	bool has_changed = cases->has_changed;
	struct hf_store_txn *txn;
	enum hf_err err = hf_store_write_begin(cases->views, &txn, why);

	if (err != HF_OK)
		return err;
	for (struct hf_case_ahead *ahead = cases->ahead;
	     ahead != NULL && err == HF_OK; ahead = ahead->next)
		err = put_round(ahead->round, txn, why);
	cases->next_due_ms = next_due_ms;
	cases->has_changed = has_changed;
	if (err == HF_OK)
		*out_view = txn;
	else
		hf_store_abort(txn);
	return err;
}

enum hf_err hf_case_view_begin(struct hf_cases *cases,
			       struct hf_store_txn **out_view,
			       struct hf_why *why)
{
	if (atomic_load(&cases->has_ahead)) {
		hf_cases_lock(cases);
		if (begin_ahead(cases, out_view, NULL) == HF_OK) {
			atomic_store(&cases->ahead_view, *out_view);
			return HF_OK;
		}
		hf_cases_unlock(cases);
	}
	return hf_store_view_begin(cases->views, out_view, why);
}

void hf_case_view_end(struct hf_cases *cases, struct hf_store_txn *view)
{
	if (view == NULL || atomic_load(&cases->ahead_view) != view) {
		hf_store_view_end(view);
		return;
	}
	atomic_store(&cases->ahead_view, NULL);
	hf_store_abort(view);
	hf_cases_unlock(cases);
}

/* Call each for the events, under the lock of what comes. */
static void
each_event(struct hf_cases *cases,
	   void (*each)(void *arg, const struct hf_case_round *round, size_t i),
	   void *arg)
{
	pthread_mutex_lock(&cases->ahead_lock);
	for (const struct hf_case_ahead *ahead = cases->ahead; ahead != NULL;
	     ahead = ahead->next) {
		for (size_t i = 0; i < ahead->round->count; i++) {
			if (ahead->round->taken[i].is_event)
				each(arg, ahead->round, i);
		}
	}
	pthread_mutex_unlock(&cases->ahead_lock);
}

/* The ledger may have it, though the views have no room for what it means. */
static bool is_unkept(const struct hf_case_round *round, size_t i)
{
	return round->entries[i].index >= round->info.size;
}

struct counting {
	const uint8_t *key; /* NULL: any */
	uint32_t count;
};

static void count_one(void *arg, const struct hf_case_round *round, size_t i)
{
	struct counting *counting = arg;

	counting->count += is_unkept(round, i) &&
			   (counting->key == NULL ||
			    memcmp(round->taken[i].key, counting->key,
				   HF_CASE_KEY_BYTES) == 0);
}

uint32_t hf_case_ahead_count(struct hf_cases *cases, const uint8_t *key)
{
	struct counting counting = { .key = key };

	each_event(cases, count_one, &counting);
	return counting.count;
}

uint32_t hf_cases_ahead_count(struct hf_cases *cases)
{
	return cases != NULL ? hf_case_ahead_count(cases, NULL) : 0;
}

struct finding {
	uint32_t set;
	uint64_t index;
	bool is_found;
	bool is_unkept;
	struct hf_buf *record; /* may be NULL */
};

static void find_one(void *arg, const struct hf_case_round *round, size_t i)
{
	struct finding *finding = arg;

	if (round->info.set != finding->set ||
	    round->entries[i].index != finding->index)
		return;
	finding->is_found = true;
	finding->is_unkept = is_unkept(round, i);
	if (finding->record != NULL)
		hf_buf_put(finding->record, round->entries[i].record);
}

bool hf_case_ahead_record(struct hf_cases *cases, uint32_t set, uint64_t index,
			  struct hf_buf *out_record)
{
	struct finding finding = { .set = set,
				   .index = index,
				   .record = out_record };

	each_event(cases, find_one, &finding);
	return finding.is_found;
}

bool hf_case_ahead_has(struct hf_cases *cases, uint32_t set, uint64_t index)
{
	struct finding finding = { .set = set, .index = index };

	each_event(cases, find_one, &finding);
	return finding.is_unkept;
}
