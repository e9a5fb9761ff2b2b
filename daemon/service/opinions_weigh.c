#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "leaf.h"
#include "ledger_view.h"
#include "log.h"
#include "match_index.h"
#include "ring.h"
#include "roles.h"
#include "text.h"

#include "breaker.h"
#include "hold.h"
#include "node.h"
#include "opinions_impl.h"

/* Epochs that an item's predecessors are followed back. */
#define EPOCHS_MOST 8

/* An opinion, copied out of the book. */
struct view_row {
	struct hf_opinions_row row;
	const uint8_t *organisation_id;
	bool is_override;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
};

struct weighing {
	struct hf_opinions *opinions;
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	struct hf_arena arena;
	uint64_t now_ms;
	struct view_row *rows;
	size_t count;
};

/* Of "hotline.example/ncii/2" all but the epoch. */
static size_t family_len(const char *origin)
{
	return (size_t)(strrchr(origin, '/') - origin) + 1;
}

/* Another epoch of the same set?  Nobody's item follows another set's. */
static bool is_epoch_of(const char *origin, const char *other)
{
	size_t len = family_len(origin);

	return family_len(other) == len && memcmp(origin, other, len) == 0;
}

/* An entry, or one that it follows in an earlier epoch. */
struct named {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t index;
	struct hf_tree_hash leaf;
	struct hf_item item; /* no hashes where it is not held */
};

static enum hf_err name_entry(struct weighing *weighing, uint32_t set,
			      uint64_t index, struct named *out,
			      struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_ledger_info info;
	enum hf_err err = hf_ledger_info(weighing->view, set, &info, why);

	if (err == HF_OK)
		err = hf_ledger_entry(weighing->view, set, index, &entry, why);
	if (err != HF_OK)
		return err;
	strcpy(out->origin, info.origin);
	out->index = index;
	hf_leaf_hash(entry.header, &out->leaf);
	if (entry.state != HF_LEDGER_HELD ||
	    hf_item_parse(entry.payload, &weighing->arena, &out->item, NULL) !=
		    HF_OK)
		out->item = (struct hf_item){ .hashes_count = 0 };
	return HF_OK;
}

static bool has_hash(const struct hf_item *item, const struct hf_hash *hash)
{
	for (size_t i = 0; i < item->hashes_count; i++) {
		if (item->hashes[i].algorithm == hash->algorithm &&
		    hf_span_equal(item->hashes[i].digest, hash->digest))
			return true;
	}
	return false;
}

/* Does one entry go on from the other?  Its publisher says so, who could have
 * what was said of a good entry speak for any other: both are of the same
 * hashes, and the earlier one is of an earlier epoch. */
static bool goes_on_from(const struct named *later, const struct named *earlier)
{
	const struct hf_entry_ref *from = later->item.predecessor;

	if (hf_text_origin_epoch(hf_span_of(earlier->origin)) >=
		    hf_text_origin_epoch(hf_span_of(later->origin)) ||
	    !hf_span_equal(from->leaf_hash,
			   hf_span(earlier->leaf.bytes, HF_HASH_BYTES)))
		return false;
	for (size_t i = 0; i < later->item.hashes_count; i++) {
		if (!has_hash(&earlier->item, &later->item.hashes[i]))
			return false;
	}
	return true;
}

/* The entry, and those that it follows; their number. */
static enum hf_err name_all(struct weighing *weighing, uint32_t set,
			    uint64_t index,
			    struct named out_named[static EPOCHS_MOST],
			    size_t *out_count, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	*out_count = 0;
	for (size_t i = 0; i < EPOCHS_MOST && err == HF_OK; i++) {
		const struct hf_entry_ref *from;

		err = name_entry(weighing, set, index, &out_named[i], why);
		if (err != HF_OK ||
		    (i > 0 && !goes_on_from(&out_named[i - 1], &out_named[i])))
			break;
		(*out_count)++;
		from = out_named[i].item.predecessor;
		if (from == NULL ||
		    !is_epoch_of(out_named[i].origin, from->origin))
			break;
		index = from->index;
		err = hf_ledger_find(weighing->view, hf_span_of(from->origin),
				     &set, NULL);
	}
	/* What is not held says nothing. */
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* Under the lock. */
static void put_row(struct weighing *weighing, const struct hf_said *said)
{
	struct view_row *row = &weighing->rows[weighing->count++];

	*row = (struct view_row){
		.row = { .set = said->source->set,
			 .index = said->index,
			 .said_ms = said->said_ms,
			 .until_ms = said->until_ms,
			 .kind = said->kind,
			 .reason = said->reason,
			 .is_by_hash = said->subject->algorithm != 0 },
		.is_override = said->source->is_override,
	};
	strcpy(row->origin, said->source->origin);
}

/* What was said of the entry, of its hashes, and of the entry that it follows
 * in an earlier epoch. */
static enum hf_err gather(struct weighing *weighing, uint32_t set,
			  uint64_t index, struct hf_why *why)
{
	const struct hf_said *said[HF_OPINIONS_OF_ENTRY_MAX];
	struct hf_opinions *opinions = weighing->opinions;
	struct named named[EPOCHS_MOST];
	size_t named_count, count = 0;
	enum hf_err err =
		name_all(weighing, set, index, named, &named_count, why);

	pthread_mutex_lock(&opinions->lock);
	for (size_t i = 0; i < named_count; i++)
		count = hf_opinion_book_gather(
			hf_opinion_book_entry(&opinions->book, named[i].origin,
					      named[i].index),
			named[i].leaf.bytes, said, count,
			HF_OPINIONS_OF_ENTRY_MAX);
	for (size_t i = 0; named_count > 0 && i < named[0].item.hashes_count;
	     i++) {
		const struct hf_hash *hash = &named[0].item.hashes[i];

		count = hf_opinion_book_gather(
			hf_opinion_book_hash(&opinions->book, hash->algorithm,
					     hash->digest),
			NULL, said, count, HF_OPINIONS_OF_ENTRY_MAX);
	}
	for (size_t i = 0; i < count; i++)
		put_row(weighing, said[i]);
	pthread_mutex_unlock(&opinions->lock);
	return err;
}

/* May we use what this set says, and whose is it? */
static bool know(struct weighing *weighing, struct view_row *row)
{
	struct hf_span origin = hf_span_of(row->origin);
	const struct hf_ring_set *set = hf_ring_set(weighing->ring, origin);

	if (set == NULL || set->agreement->kind != HF_SET_KIND_OPINIONS)
		return false;
	row->row.origin = row->origin;
	row->row.organisation = set->publisher->name;
	row->organisation_id = set->publisher->id;
	row->row.why_not = "";
	return set->is_own ||
	       (set->is_followed &&
		hf_ring_may_have(weighing->ring, origin,
				 hf_ring_self(weighing->ring)->id,
				 weighing->now_ms) >= HF_RIGHT_MEMBER);
}

/* Of each organisation the last one, of its overrides apart; those of sets
 * that are not ours to use are gone. */
static void keep_last(struct weighing *weighing)
{
	size_t kept = 0;

	for (size_t i = 0; i < weighing->count; i++) {
		struct view_row *row = &weighing->rows[i], *same = NULL;

		if (!know(weighing, row))
			continue;
		for (size_t j = 0; j < kept && same == NULL; j++) {
			struct view_row *have = &weighing->rows[j];

			if (have->is_override == row->is_override &&
			    memcmp(have->organisation_id, row->organisation_id,
				   HF_HASH_BYTES) == 0)
				same = have;
		}
		if (same == NULL)
			same = &weighing->rows[kept++];
		else if (!hf_opinion_is_later(row->row.said_ms, row->origin,
					      same->row.said_ms, same->origin))
			continue;
		if (same != row)
			*same = *row;
		same->row.origin = same->origin;
	}
	weighing->count = kept;
}

static bool may_demote(struct weighing *weighing, const struct view_row *row)
{
	struct hf_roles *roles = weighing->opinions->node->roles;

	return hf_roles_has(roles, row->organisation_id, HF_ROLE_HOTLINE,
			    weighing->now_ms) ||
	       hf_roles_has(roles, row->organisation_id, HF_ROLE_AUTHORITY,
			    weighing->now_ms);
}

static const char *why_not(struct weighing *weighing,
			   const struct view_row *row, const char *publisher)
{
	const struct hf_opinions_row *is = &row->row;
	struct hf_hold *hold = weighing->opinions->node->hold;
	uint64_t held = hf_hold_from(hold, row->origin);

	if (is->until_ms != 0 && is->until_ms <= weighing->now_ms)
		return "it has ended";
	if (is->kind == HF_OPINION_WITHDRAWN)
		return "it was taken back";
	if (is->kind == HF_OPINION_SEEN)
		return "it says nothing of what it is";
	if (row->is_override)
		return is->kind == HF_OPINION_IGNORE
			       ? ""
			       : "a set of overrides says only what to ignore";
	if (is->kind == HF_OPINION_IGNORE)
		return "only an override of our own is heeded";
	if (held != 0 && is->index + 1 >= held)
		return "it came with too many others and is held";
	if (is->kind == HF_OPINION_AFFIRM)
		return strcmp(is->organisation, publisher) == 0
			       ? "the publisher counts already"
			       : "";
	return may_demote(weighing, row)
		       ? ""
		       : "it is no hotline or authority by an attestation that "
			 "counts here";
}

static void add_up(const struct weighing *weighing,
		   struct hf_opinions_weight *out)
{
	*out = (struct hf_opinions_weight){ .affirmed = 0 };
	for (size_t i = 0; i < weighing->count; i++) {
		const struct hf_opinions_row *row = &weighing->rows[i].row;

		if (!row->counts)
			continue;
		out->is_disputed |= row->kind == HF_OPINION_DISPUTE;
		out->is_ignored |= row->kind == HF_OPINION_IGNORE;
		out->affirmed += row->kind == HF_OPINION_AFFIRM;
	}
}

static void tell(const struct weighing *weighing, bool counts,
		 void (*each)(void *arg, const struct hf_opinions_row *row),
		 void *arg)
{
	for (size_t i = 0; each != NULL && i < weighing->count; i++) {
		if (weighing->rows[i].row.counts == counts)
			each(arg, &weighing->rows[i].row);
	}
}

enum hf_err
hf_opinions_weigh(struct hf_opinions *opinions, struct hf_ledger_view *view,
		  uint32_t set, uint64_t entry,
		  void (*each)(void *arg, const struct hf_opinions_row *row),
		  void *arg, struct hf_opinions_weight *out, struct hf_why *why)
{
	struct weighing weighing = {
		.opinions = opinions,
		.view = view,
		.now_ms = hf_clock_wall_ms(),
		.rows = calloc(HF_OPINIONS_OF_ENTRY_MAX,
			       sizeof(struct view_row)),
	};
	struct hf_ledger_info info;
	char publisher[HF_ORIGIN_MAX_BYTES + 1];
	enum hf_err err = hf_ledger_info(view, set, &info, why);

	if (err == HF_OK && weighing.rows == NULL)
		err = hf_why(why, HF_E_NOMEM, "opinions: no memory");
	if (err != HF_OK) {
		free(weighing.rows);
		return err;
	}
	snprintf(publisher, sizeof(publisher), "%.*s",
		 HF_SPAN_ARGS(hf_text_origin_domain(hf_span_of(info.origin))));
	hf_arena_init(&weighing.arena, EPOCHS_MOST * HF_UNPACK_MAX_BYTES);
	weighing.ring = hf_ring_holder_get(opinions->node->ring);
	err = gather(&weighing, set, entry, why);
	if (err == HF_OK) {
		keep_last(&weighing);
		for (size_t i = 0; i < weighing.count; i++) {
			struct hf_opinions_row *row = &weighing.rows[i].row;

			row->why_not = why_not(&weighing, &weighing.rows[i],
					       publisher);
			row->counts = row->why_not[0] == '\0';
		}
		if (out != NULL)
			add_up(&weighing, out);
		tell(&weighing, true, each, arg);
		tell(&weighing, false, each, arg);
	}
	hf_ring_release(weighing.ring);
	hf_arena_release(&weighing.arena);
	free(weighing.rows);
	return err;
}

/*
 * Marking.
 */

struct marking {
	struct hf_opinions *opinions;
	struct hf_ledger_view *view;
	/* Only in this set's epochs; NULL: in all sets. */
	const char *family;
	struct hf_opinions_due found[HF_INDEX_HITS_MAX];
	size_t count;
};

static void mark(struct marking *marking, uint32_t set, uint64_t entry)
{
	struct hf_breaker *breaker = marking->opinions->node->breaker;
	struct hf_index *index = marking->opinions->node->index;
	struct hf_opinions_weight weight;
	struct hf_why why = { "" };
	uint64_t count;
	enum hf_err err =
		hf_opinions_weigh(marking->opinions, marking->view, set, entry,
				  NULL, NULL, &weight, &why);

	if (err == HF_OK)
		err = hf_index_doubt(
			index, set, entry, HF_INDEX_DOUBTS,
			(weight.is_disputed ? HF_INDEX_DISPUTED : 0) |
				(weight.is_ignored ? HF_INDEX_IGNORED : 0) |
				(hf_breaker_is_hot(breaker, set, entry, &count)
					 ? HF_INDEX_HOT
					 : 0),
			&why);
	if (err == HF_OK)
		err = hf_index_affirm(index, set, entry, weight.affirmed, &why);
	if (err != HF_OK)
		hf_log(HF_LOG_ERROR, "opinions", "entry not marked",
		       "set=%u entry=%llu err=%s why=\"%s\"", set,
		       (unsigned long long)entry, hf_err_name(err), why.text);
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct marking *marking = arg;

	if (marking->count < HF_INDEX_HITS_MAX)
		marking->found[marking->count++] =
			(struct hf_opinions_due){ hit->set, hit->entry };
}

static bool is_family(struct marking *marking, uint32_t set)
{
	struct hf_ledger_info info;

	return marking->family == NULL ||
	       (hf_ledger_info(marking->view, set, &info, NULL) == HF_OK &&
		is_epoch_of(info.origin, marking->family));
}

/* Every entry that the index has under these hashes. */
static void mark_hashes(struct marking *marking,
			const struct hf_index_query *queries, size_t count)
{
	const struct hf_index_sink sink = { .hit = on_hit, .arg = marking };
	struct hf_index_view *view;
	struct hf_why why = { "" };
	enum hf_err err = hf_index_view_begin(marking->opinions->node->index,
					      &view, &why);

	marking->count = 0;
	if (err == HF_OK) {
		err = hf_index_lookup_exact(view, queries, count, &sink, &why);
		hf_index_view_end(view);
	}
	if (err != HF_OK)
		hf_log(HF_LOG_ERROR, "opinions", "entries not found",
		       "err=%s why=\"%s\"", hf_err_name(err), why.text);
	for (size_t i = 0; i < marking->count; i++) {
		if (is_family(marking, marking->found[i].set))
			mark(marking, marking->found[i].set,
			     marking->found[i].entry);
	}
}

/* The entry, and what follows it in other epochs, which its hashes find. */
static void mark_entry(struct marking *marking, const char *origin,
		       uint64_t index)
{
	struct hf_index_query queries[HF_ITEM_MAX_HASHES];
	struct hf_ledger_entry entry;
	struct hf_arena arena;
	struct hf_item item;
	size_t count = 0;
	uint32_t set;

	if (hf_ledger_find(marking->view, hf_span_of(origin), &set, NULL) !=
		    HF_OK ||
	    hf_ledger_entry(marking->view, set, index, &entry, NULL) != HF_OK)
		return;
	mark(marking, set, index);
	if (entry.state != HF_LEDGER_HELD)
		return;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_item_parse(entry.payload, &arena, &item, NULL) == HF_OK) {
		for (size_t i = 0; i < item.hashes_count; i++) {
			const struct hf_hash *hash = &item.hashes[i];

			if (hash->algorithm != HF_ALGORITHM_VPDQ &&
			    hf_algorithm_takes(hash->algorithm,
					       hash->digest.len_bytes))
				queries[count++] = (struct hf_index_query){
					(uint8_t)hash->algorithm,
					hash->digest.at
				};
		}
		marking->family = origin;
		if (count > 0)
			mark_hashes(marking, queries, count);
		marking->family = NULL;
	}
	hf_arena_release(&arena);
}

/* A copy of the next dirty subject: NULL when there is none. */
static struct hf_opinion_subject *take_subject(struct hf_opinions *opinions)
{
	struct hf_opinion_subject *subject, *copy = NULL;

	pthread_mutex_lock(&opinions->lock);
	subject = hf_opinion_book_take_dirty(&opinions->book);
	if (subject != NULL) {
		copy = malloc(sizeof(*copy) + subject->len_bytes);
		if (copy != NULL) {
			memcpy(copy, subject,
			       sizeof(*copy) + subject->len_bytes);
			hf_opinion_book_settle(&opinions->book, subject);
		} else {
			hf_opinion_book_dirty(&opinions->book, subject);
		}
	}
	pthread_mutex_unlock(&opinions->lock);
	return copy;
}

static bool take_due(struct hf_opinions *opinions, struct hf_opinions_due *out)
{
	bool has;

	pthread_mutex_lock(&opinions->lock);
	has = opinions->due_count > 0;
	if (has)
		*out = opinions->due[--opinions->due_count];
	pthread_mutex_unlock(&opinions->lock);
	return has;
}

void hf_opinions_mark_all(struct hf_opinions *opinions)
{
	struct marking *marking = calloc(1, sizeof(*marking));
	struct hf_opinion_subject *subject;
	struct hf_opinions_due due;

	if (marking == NULL)
		return;
	marking->opinions = opinions;
	while ((subject = take_subject(opinions)) != NULL) {
		const struct hf_index_query query = {
			(uint8_t)subject->algorithm, subject->bytes
		};

		if (hf_ledger_view_begin(opinions->node->ledger, &marking->view,
					 NULL) == HF_OK) {
			if (subject->algorithm != 0)
				mark_hashes(marking, &query, 1);
			else
				mark_entry(marking,
					   (const char *)subject->bytes,
					   subject->index);
			hf_ledger_view_end(marking->view);
		}
		free(subject);
	}
	while (take_due(opinions, &due)) {
		if (hf_ledger_view_begin(opinions->node->ledger, &marking->view,
					 NULL) != HF_OK)
			break;
		mark(marking, due.set, due.entry);
		hf_ledger_view_end(marking->view);
	}
	free(marking);
}
