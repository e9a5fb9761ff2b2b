#include <string.h>

#include "bytes.h"
#include "case.h"
#include "ring.h"
#include "text.h"

#include "cases_in.h"

/* Cases of one hash that are looked at: the newest finding must not wait for
 * all that were ever closed. */
#define LOOK_MOST 4096

/* What one finding is made of. */
struct found {
	struct hf_cases *cases;
	const struct hf_finding *finding;
	const struct hf_hash *item; /* the hash that tells items apart */
	const struct hf_organisation *self;
	const struct hf_ring *ring;
	struct hf_arena *arena;
};

/* What can be done with a case that has one of the hashes, best first. */
enum use {
	USE_JOIN,  /* another's open notice: say that we look at it */
	USE_KNOWN, /* nothing is left to say */
	USE_AGAIN, /* our own finding, which was dealt with, is back */
	USE_NONE,
};

struct choice {
	enum use use;
	uint8_t key[HF_CASE_KEY_BYTES];
	uint8_t opening_id[HF_EVENT_ID_BYTES];
	uint32_t events;
	uint32_t reappeared;
};

/*
 * Which case.
 */

static bool may_say(const struct found *found, const struct hf_case_row *row,
		    enum hf_case_event_kind kind)
{
	struct hf_case_fact fact = { .kind = kind };

	fact.at_ms = hf_cases_now(found->cases);
	memcpy(fact.author, found->self->id, HF_HASH_BYTES);
	return hf_case_may(&row->parties, &row->now, &fact) ==
	       HF_CASE_FATE_APPLIED;
}

/* Somebody else told us: an open case takes it in.  What we said is gone from
 * a case is there once more, which only a case of our own can say; what was
 * only disabled is still stored. */
static enum use use_of_others(const struct found *found,
			      const struct hf_case_row *row)
{
	if (row->now.is_over)
		return USE_NONE;
	if (may_say(found, row, HF_CASE_EVENT_REVIEW))
		return USE_JOIN;
	switch (row->now.state) {
	case HF_CASE_REJECTED:
	case HF_CASE_REINSTATED:
	case HF_CASE_DISABLED:
		return USE_KNOWN;
	default:
		return USE_NONE;
	}
}

/* Our own finding is about one item: another one that looks the same is at
 * another place, and has to be dealt with too.  Once it is dealt with it is
 * only back when it was removed, or is at a place that it was not at: a scan
 * finds again what is disabled where it was. */
static enum use use_of_own(const struct found *found,
			   const struct hf_case_row *row, bool is_same_item)
{
	const char *name = found->finding->name;

	if (!is_same_item)
		return USE_NONE;
	if (!may_say(found, row, HF_CASE_EVENT_REAPPEARED))
		return USE_KNOWN;
	if (row->now.state != HF_CASE_REMOVED &&
	    (name[0] == '\0' ||
	     hf_case_names_has(found->cases->names, row->opening_id, name)))
		return USE_KNOWN;
	return USE_AGAIN;
}

static enum use use_of(const struct found *found, const struct hf_case_row *row,
		       bool is_same_item)
{
	const uint8_t *self = found->self->id;

	if (row->hold != 0 ||
	    memcmp(row->parties.provider, self, HF_HASH_BYTES) != 0)
		return USE_NONE;
	if (memcmp(row->parties.notifier, self, HF_HASH_BYTES) == 0)
		return use_of_own(found, row, is_same_item);
	return use_of_others(found, row);
}

static void consider(const struct found *found, const struct hf_case_row *row,
		     bool is_same_item, struct choice *choice)
{
	enum use use = use_of(found, row, is_same_item);

	if (use >= choice->use)
		return;
	choice->use = use;
	choice->events = row->now.events;
	choice->reappeared = row->now.reappeared;
	memcpy(choice->key, row->key, HF_CASE_KEY_BYTES);
	memcpy(choice->opening_id, row->opening_id, HF_EVENT_ID_BYTES);
}

/* Every case that has this hash. */
static enum hf_err consider_hash(const struct found *found,
				 struct hf_store_txn *view,
				 const struct hf_hash *hash,
				 struct choice *choice, struct hf_why *why)
{
	uint8_t way[HF_CASE_HASH_KEY_BYTES];
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	struct hf_arena scratch;
	size_t looked = 0;
	enum hf_err err;

	hf_case_hash_key(hash, way);
	err = hf_store_cursor_open(view, HF_CASE_HASHES, &cursor, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&scratch, HF_UNPACK_MAX_BYTES);
	err = hf_store_cursor_seek(cursor, hf_span(way, sizeof(way)), &key,
				   &value, why);
	while (err == HF_OK && choice->use != USE_JOIN &&
	       looked++ < LOOK_MOST && memcmp(key.at, way, sizeof(way)) == 0) {
		struct hf_case_row row;

		hf_arena_reset(&scratch);
		err = hf_case_get(view, key.at + sizeof(way), &scratch, &row,
				  why);
		if (err == HF_OK)
			consider(found, &row, hash == found->item, choice);
		/* Its opening event may not count yet. */
		if (err == HF_OK || err == HF_E_NOTFOUND)
			err = hf_store_cursor_next(cursor, &key, &value, why);
	}
	hf_arena_release(&scratch);
	hf_store_cursor_close(cursor);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* By the item's own hashes; and, as a near one is not equal, by those that it
 * matched: somebody may have notified us of these. */
static enum hf_err choose(const struct found *found, struct choice *out,
			  struct hf_why *why)
{
	const struct hf_finding *finding = found->finding;
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(found->cases->views, &view, why);

	out->use = USE_NONE;
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < finding->hashes_count && err == HF_OK; i++)
		err = consider_hash(found, view, &finding->hashes[i], out, why);
	for (size_t i = 0; i < finding->hits_count && err == HF_OK; i++) {
		const struct hf_hash hash = {
			.algorithm = finding->hits[i].algorithm,
			.digest = finding->hits[i].digest,
		};

		if (finding->hits[i].distance > 0)
			err = consider_hash(found, view, &hash, out, why);
	}
	hf_store_view_end(view);
	return err;
}

/*
 * A case of our own.
 */

/* The entry that the case is about, and whose publisher is told: the worst of
 * one that we can tell, else the worst. */
static const struct hf_wire_match_hit *main_hit(const struct found *found)
{
	const struct hf_finding *finding = found->finding;

	for (size_t i = 0; i < finding->hits_count; i++) {
		const struct hf_organisation *publisher = hf_ring_by_name(
			found->ring, hf_text_origin_domain(hf_span_of(
					     finding->hits[i].origin)));

		if (publisher != NULL && !publisher->is_self)
			return &finding->hits[i];
	}
	return &finding->hits[0];
}

static bool is_of(const struct hf_wire_match_hit *hit,
		  const struct hf_wire_match_hit *main)
{
	return hf_span_equal(hf_text_origin_domain(hf_span_of(hit->origin)),
			     hf_text_origin_domain(hf_span_of(main->origin)));
}

/* Entries of that publisher alone: who is in a set of another one is not for
 * it to know. */
static enum hf_err put_entries(const struct found *found,
			       const struct hf_wire_match_hit *main,
			       struct hf_notice *notice, struct hf_why *why)
{
	const struct hf_finding *finding = found->finding;
	struct hf_entry_ref *entries = hf_arena_calloc(
		found->arena, HF_ITEM_MAX_REFS, sizeof(*entries));
	size_t count = 0;

	if (entries == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < finding->hits_count; i++) {
		const struct hf_wire_match_hit *hit = &finding->hits[i];
		size_t known = 0;

		while (known < count &&
		       (entries[known].index != hit->index ||
			strcmp(entries[known].origin, hit->origin) != 0))
			known++;
		if (is_of(hit, main) && known == count &&
		    count < HF_ITEM_MAX_REFS)
			entries[count++] =
				(struct hf_entry_ref){ .origin = hit->origin,
						       .index = hit->index };
	}
	notice->entries = entries;
	notice->entries_count = count;
	return HF_OK;
}

/* The item's hashes that matched, and the one that tells it from others. */
static enum hf_err put_hashes(const struct found *found,
			      const struct hf_wire_match_hit *main,
			      struct hf_notice *notice, struct hf_why *why)
{
	const struct hf_finding *finding = found->finding;
	struct hf_hash *hashes = hf_arena_calloc(
		found->arena, HF_ITEM_MAX_HASHES, sizeof(*hashes));
	unsigned matched = 0;
	size_t count = 0;

	if (hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < finding->hits_count; i++) {
		if (is_of(&finding->hits[i], main))
			matched |= 1u << finding->hits[i].algorithm;
	}
	for (size_t i = 0;
	     i < finding->hashes_count && count < HF_ITEM_MAX_HASHES; i++) {
		const struct hf_hash *hash = &finding->hashes[i];

		if (hash == found->item ||
		    (matched & 1u << hash->algorithm) != 0)
			hashes[count++] = *hash;
	}
	notice->hashes = hashes;
	notice->hashes_count = count;
	return HF_OK;
}

/* The same finding has the same id, whoever makes it and when. */
static void request_id(const struct found *found,
		       const struct hf_wire_match_hit *main, uint8_t *out_id)
{
	uint8_t entry[HF_ORIGIN_MAX_BYTES + 1 + 8];
	size_t len = strlen(main->origin) + 1;

	memcpy(entry, main->origin, len);
	hf_be64_put(entry + len, main->index);
	hf_cases_derive_id("found", entry, len + 8, found->item->digest.at,
			   found->item->digest.len_bytes, out_id);
}

static enum hf_err open_own(const struct found *found, const char **out_case_id,
			    struct hf_why *why)
{
	const struct hf_wire_match_hit *main = main_hit(found);
	uint8_t id[HF_EVENT_ID_BYTES] = { 0 };
	struct hf_notice notice = {
		.provider = found->self->name,
		.regime = HF_REGIME_VOLUNTARY,
		.content_class = main->content_class,
		.explanation = found->finding->text,
		.is_good_faith = true,
	};
	const struct hf_send_notice_request request = {
		.request_id = hf_span(id, sizeof(id)),
		.notice = &notice,
		.kind = HF_CASE_EVENT_NOTICE,
		.case_id = "",
	};
	struct hf_send_notice_response answer;
	bool is_new;
	enum hf_err err = put_entries(found, main, &notice, why);

	if (err == HF_OK)
		err = put_hashes(found, main, &notice, why);
	if (err != HF_OK)
		return err;
	request_id(found, main, id);
	/* Before the case is there, so that whoever is told of it has it. */
	err = hf_case_names_put(found->cases->names, id, found->finding->name,
				&is_new, why);
	if (err == HF_OK)
		err = hf_cases_send_found(found->cases, &request,
					  found->finding->text, found->arena,
					  &answer, why);
	if (err == HF_OK)
		*out_case_id = answer.summary->case_id;
	return err;
}

/*
 * A case that is there.
 */

static enum hf_err say(const struct found *found, const struct choice *choice,
		       enum hf_case_event_kind kind, const char *case_id,
		       bool *out_is_new, struct hf_why *why)
{
	uint8_t id[HF_EVENT_ID_BYTES] = { 0 }, round[8];
	const struct hf_case_event event = {
		.kind = kind,
		.text = found->finding->text,
		.is_automatic = true,
	};
	const struct hf_update_case_request request = {
		.case_id = case_id,
		.request_id = hf_span(id, sizeof(id)),
		.event = &event,
		.to = "",
	};
	struct hf_update_case_response answer;
	struct hf_buf mail;
	enum hf_err err;

	/* It comes back once after each time that it was removed; a person has
	 * to look at each item once. */
	if (kind == HF_CASE_EVENT_REAPPEARED) {
		hf_be64_put(round, choice->reappeared);
		hf_cases_derive_id("again", choice->key, HF_CASE_KEY_BYTES,
				   round, sizeof(round), id);
	} else {
		hf_cases_derive_id("joined", choice->key, HF_CASE_KEY_BYTES,
				   found->item->digest.at,
				   found->item->digest.len_bytes, id);
	}
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	err = hf_cases_update(found->cases, &request, found->arena, &answer,
			      &mail, why);
	hf_buf_release(&mail);
	if (err == HF_OK)
		*out_is_new = answer.summary->events > choice->events;
	return err;
}

struct touching {
	const uint8_t *key;
	struct hf_arena *arena;
};

static enum hf_err touch(void *arg, struct hf_store_txn *txn,
			 struct hf_why *why)
{
	const struct touching *touching = arg;
	struct hf_case_row row;
	enum hf_err err =
		hf_case_get(txn, touching->key, touching->arena, &row, why);

	return err == HF_OK ? hf_case_put(txn, &row, row.due_ms,
					  HF_CASE_CLOCK_EVENT, why)
			    : err;
}

/* Nothing was said, but we know one place more: whoever watches has to. */
static enum hf_err tell_watchers(const struct found *found, const uint8_t *key,
				 struct hf_why *why)
{
	struct hf_cases *cases = found->cases;
	struct touching touching = { .key = key, .arena = found->arena };
	enum hf_err err;

	hf_cases_lock(cases);
	err = hf_store_write(cases->views, touch, &touching, why);
	hf_cases_unlock(cases);
	if (err == HF_OK && cases->options.changed != NULL)
		cases->options.changed(cases->options.arg);
	return err;
}

static enum hf_err go_on_with(const struct found *found,
			      const struct choice *choice,
			      enum hf_found_how *out_how,
			      const char **out_case_id, struct hf_why *why)
{
	char text[2 * HF_CASE_KEY_BYTES + 1];
	bool is_new_name, is_new = false;
	enum hf_err err;

	hf_hex(choice->key, HF_CASE_KEY_BYTES, text);
	*out_case_id = hf_arena_text(found->arena, hf_span_of(text));
	if (*out_case_id == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_case_names_put(found->cases->names, choice->opening_id,
				found->finding->name, &is_new_name, why);
	if (err == HF_OK && choice->use == USE_JOIN)
		err = say(found, choice, HF_CASE_EVENT_REVIEW, *out_case_id,
			  &is_new, why);
	if (err == HF_OK && choice->use == USE_AGAIN)
		err = say(found, choice, HF_CASE_EVENT_REAPPEARED, *out_case_id,
			  &is_new, why);
	if (err == HF_OK && is_new_name && !is_new)
		err = tell_watchers(found, choice->key, why);
	*out_how = !is_new                   ? HF_FOUND_KNOWN
		   : choice->use == USE_JOIN ? HF_FOUND_JOINED
					     : HF_FOUND_AGAIN;
	return err;
}

/* What is the same item has the same one: SHA-256 where it is known, else the
 * first that is exact, else the first. */
static const struct hf_hash *item_of(const struct hf_finding *finding)
{
	const struct hf_hash *best = &finding->hashes[0];

	for (size_t i = 0; i < finding->hashes_count; i++) {
		const struct hf_hash *hash = &finding->hashes[i];

		if (hash->algorithm == HF_ALGORITHM_SHA256)
			return hash;
		if (hf_algorithm_is_near(best->algorithm) &&
		    !hf_algorithm_is_near(hash->algorithm))
			best = hash;
	}
	return best;
}

enum hf_err hf_cases_found(struct hf_cases *cases,
			   const struct hf_finding *finding,
			   struct hf_arena *arena, enum hf_found_how *out_how,
			   const char **out_case_id, struct hf_why *why)
{
	struct hf_ring *ring;
	struct found found = { .cases = cases,
			       .finding = finding,
			       .arena = arena };
	struct choice choice;
	enum hf_err err;

	if (finding->hashes_count == 0 || finding->hits_count == 0)
		return hf_why(why, HF_E_ARGUMENT, "nothing was found");
	/* Cases that are not read yet cannot be chosen. */
	err = hf_cases_wait_ready(cases, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(cases->options.ring);
	found.ring = ring;
	found.self = hf_ring_self(ring);
	found.item = item_of(finding);
	pthread_mutex_lock(&cases->found_lock);
	err = choose(&found, &choice, why);
	if (err == HF_OK && choice.use == USE_NONE) {
		err = open_own(&found, out_case_id, why);
		*out_how = HF_FOUND_OPENED;
	} else if (err == HF_OK) {
		err = go_on_with(&found, &choice, out_how, out_case_id, why);
	}
	pthread_mutex_unlock(&cases->found_lock);
	hf_ring_release(ring);
	return err;
}
