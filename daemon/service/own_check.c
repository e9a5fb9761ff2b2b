#include <stdlib.h>
#include <string.h>

#include "codec_document.h"
#include "leaf.h"
#include "ledger_view.h"
#include "ring.h"

#include "feed.h"
#include "node.h"
#include "own_check.h"

/* The epochs that the set goes on from. */
static enum hf_err find_earlier(struct hf_own_check *check, struct hf_why *why)
{
	const struct hf_ring_set *about = check->about;
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	enum hf_err err;

	if (about == NULL || about->agreement->predecessor == NULL)
		return HF_OK;
	err = hf_ledger_view_begin(check->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(check->node->ring);
	while (about != NULL && about->agreement->predecessor != NULL &&
	       check->earlier_count < HF_OWN_CHECK_EPOCHS) {
		const char *origin = about->agreement->predecessor->origin;
		size_t i = check->earlier_count;

		strcpy(check->earlier[i].origin, origin);
		if (hf_ledger_find(view, hf_span_of(origin),
				   &check->earlier[i].set, NULL) == HF_OK)
			check->earlier_count++;
		about = hf_ring_set(ring, hf_span_of(origin));
	}
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	return HF_OK;
}

enum hf_err hf_own_check_begin(struct hf_node *node, uint32_t set,
			       const struct hf_ring_set *about,
			       struct hf_own_check *out_check,
			       struct hf_why *why)
{
	struct hf_own_check check = { .node = node,
				      .set = set,
				      .about = about };
	enum hf_err err;

	if (about != NULL && about->agreement->kind != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%s' has no hashes: it is a set of kind %s, "
			      "which the daemon writes by itself",
			      about->origin,
			      hf_set_kind_word(about->agreement->kind));
	if (!hf_feed_is_caught_up(node->feed))
		return hf_why(why, HF_E_UNAVAILABLE,
			      "starting: our own sets are still being read");
	err = find_earlier(&check, why);
	if (err == HF_OK)
		err = hf_index_view_begin(node->index, &check.live, why);
	if (err != HF_OK)
		return err;
	err = hf_index_view_begin(node->retracted, &check.retracted, why);
	if (err != HF_OK) {
		hf_index_view_end(check.live);
		return err;
	}
	*out_check = check;
	return HF_OK;
}

void hf_own_check_end(struct hf_own_check *check)
{
	hf_index_view_end(check->retracted);
	hf_index_view_end(check->live);
}

/* One hash of one payload, and what the indexes say of it in this set. */
struct row {
	size_t payload;
	size_t hash;
	uint64_t reinstates; /* an entry, or UINT64_MAX */
	uint32_t back_set;   /* likewise of an earlier epoch; 0: none */
	uint64_t back;
	size_t frames_count; /* of a video */
	bool is_live;
	bool is_gone;       /* retracted */
	bool is_reinstated; /* by the entry that the item names */
	uint32_t gone_set;  /* the retracted entry */
	uint64_t gone;
};

/* All hashes of a message's payloads: looked up together, because one at a
 * time a lookup waits for memory that many can wait for at once.  Videos are
 * rows of their own, and looked up one by one. */
struct rows {
	const struct hf_own_check *check;
	size_t at;                      /* a video's row, while it is asked */
	struct row *rows;               /* owned */
	struct hf_index_query *queries; /* owned */
	size_t count;
	size_t size; /* there is room for */
	bool has_gone;
};

/* Room for so many more.  Most items have a few hashes of the many that they
 * may have: room for the most would be megabytes a message. */
static enum hf_err rows_reserve(struct rows *rows, size_t more,
				struct hf_why *why)
{
	size_t size = rows->size * 2 + more;
	struct hf_index_query *queries;
	struct row *grown;

	if (rows->size - rows->count >= more)
		return HF_OK;
	grown = realloc(rows->rows, size * sizeof(*grown));
	if (grown == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	rows->rows = grown;
	queries = realloc(rows->queries, size * sizeof(*queries));
	if (queries == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	rows->queries = queries;
	rows->size = size;
	return HF_OK;
}

static void on_live(void *arg, const struct hf_index_hit *hit)
{
	struct rows *rows = arg;

	if (hit->set == rows->check->set)
		rows->rows[hit->query].is_live = true;
}

static bool is_earlier(const struct hf_own_check *check, uint32_t set)
{
	for (size_t i = 0; i < check->earlier_count; i++) {
		if (check->earlier[i].set == set)
			return true;
	}
	return false;
}

static void on_gone(void *arg, const struct hf_index_hit *hit)
{
	struct rows *rows = arg;
	struct row *row = &rows->rows[hit->query];
	bool is_now = hit->set == rows->check->set;

	if (!is_now && !is_earlier(rows->check, hit->set))
		return;
	if (!row->is_gone) {
		row->gone_set = hit->set;
		row->gone = hit->entry;
	}
	row->is_gone = true;
	rows->has_gone = true;
	row->is_reinstated |=
		is_now ? hit->entry == row->reinstates
		       : hit->set == row->back_set && hit->entry == row->back;
}

static void on_live_video(void *arg, const struct hf_index_video_hit *hit)
{
	on_live(arg, &(struct hf_index_hit){ .query = ((struct rows *)arg)->at,
					     .set = hit->set });
}

static void on_gone_video(void *arg, const struct hf_index_video_hit *hit)
{
	on_gone(arg, &(struct hf_index_hit){ .query = ((struct rows *)arg)->at,
					     .set = hit->set,
					     .entry = hit->entry });
}

static enum hf_err check_class(const struct hf_own_check *check,
			       const struct hf_item *item, struct hf_why *why)
{
	const struct hf_agreement *agreement =
		check->about != NULL ? check->about->agreement : NULL;

	if (agreement == NULL || agreement->classes_count == 0)
		return HF_OK;
	for (size_t i = 0; i < agreement->classes_count; i++) {
		if (agreement->classes[i] == item->content_class)
			return HF_OK;
	}
	return hf_why(why, HF_E_ARGUMENT,
		      "class %s is outside the set's agreement",
		      hf_class_word(item->content_class));
}

/* The set of the earlier epoch that the item goes on from; 0: none. */
static uint32_t set_before(const struct hf_own_check *check,
			   const struct hf_item *item)
{
	for (size_t i = 0;
	     item->predecessor != NULL && i < check->earlier_count; i++) {
		if (strcmp(check->earlier[i].origin,
			   item->predecessor->origin) == 0)
			return check->earlier[i].set;
	}
	return 0;
}

/* Everything that the item itself says; its hashes become rows: [1] of
 * videos, [0] of all else. */
static enum hf_err check_item(const struct hf_own_check *check,
			      struct hf_span payload, size_t number,
			      unsigned op, struct hf_arena *arena,
			      struct rows *rows, struct hf_why *why)
{
	struct hf_item item;
	enum hf_err err = hf_item_parse_for(payload, op, arena, &item, why);

	if (err == HF_OK)
		err = check_class(check, &item, why);
	for (size_t i = 0; err == HF_OK && i < item.hashes_count; i++) {
		const struct hf_hash *hash = &item.hashes[i];
		bool is_video = hash->algorithm == HF_ALGORITHM_VPDQ;
		struct rows *to = &rows[is_video];

		err = rows_reserve(to, item.hashes_count - i, why);
		if (err != HF_OK)
			break;
		to->queries[to->count] = (struct hf_index_query){
			.algorithm = (uint8_t)hash->algorithm,
			.digest = hash->digest.at,
		};
		to->rows[to->count++] = (struct row){
			.payload = number,
			.hash = i,
			.reinstates = item.reinstates_plus_one - 1,
			.back_set = set_before(check, &item),
			.back = item.predecessor != NULL
					? item.predecessor->index
					: 0,
			.frames_count =
				is_video ? hash->digest.len_bytes / HF_PDQ_BYTES
					 : 0,
		};
	}
	return err;
}

/* What lives is asked only when it matters: the index of what was taken back
 * is small, the other one large. */
static enum hf_err look_up(const struct hf_own_check *check, bool wants_known,
			   struct rows *rows, struct hf_why *why)
{
	const struct hf_index_sink live = { on_live, NULL, rows };
	const struct hf_index_sink gone = { on_gone, NULL, rows };
	enum hf_err err;

	if (rows->count == 0)
		return HF_OK;
	err = hf_index_lookup_exact(check->retracted, rows->queries,
				    rows->count, &gone, why);
	if (err != HF_OK || (!wants_known && !rows->has_gone))
		return err;
	return hf_index_lookup_exact(check->live, rows->queries, rows->count,
				     &live, why);
}

static enum hf_err look_up_videos(const struct hf_own_check *check,
				  bool wants_known, struct rows *rows,
				  struct hf_why *why)
{
	const struct hf_index_video_sink live = { on_live_video, NULL, rows };
	const struct hf_index_video_sink gone = { on_gone_video, NULL, rows };
	enum hf_err err = HF_OK;

	for (rows->at = 0; rows->at < rows->count && err == HF_OK; rows->at++) {
		const struct row *row = &rows->rows[rows->at];
		const uint8_t *frames = rows->queries[rows->at].digest;

		err = hf_index_lookup_same_video(check->retracted, frames,
						 row->frames_count, &gone, why);
		if (err == HF_OK && (wants_known || row->is_gone))
			err = hf_index_lookup_same_video(check->live, frames,
							 row->frames_count,
							 &live, why);
	}
	return err;
}

/* What was taken back comes in again only on purpose. */
static enum hf_err judge(const struct rows *rows, bool *out_known,
			 size_t *out_bad, struct hf_why *why)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];

		if (out_known != NULL)
			out_known[row->payload] &= row->is_live;
		if (!row->is_gone || row->is_live || row->is_reinstated)
			continue;
		*out_bad = row->payload;
		return hf_why(
			why, HF_E_CONFLICT,
			"hashes[%zu] was retracted as entry %llu%s; to bring "
			"it back on purpose the item must %s",
			row->hash, (unsigned long long)row->gone,
			row->gone_set == rows->check->set
				? ""
				: " of an earlier epoch",
			row->gone_set == rows->check->set
				? "reinstate that entry"
				: "name it as its predecessor");
	}
	return HF_OK;
}

enum hf_err hf_own_check_items(struct hf_own_check *check,
			       const struct hf_span *payloads,
			       size_t payloads_count, unsigned op,
			       struct hf_arena *arena, bool *out_known,
			       size_t *out_bad, struct hf_why *why)
{
	struct rows rows[2] = { { .check = check }, { .check = check } };
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < payloads_count && err == HF_OK; i++) {
		size_t before = rows[0].count + rows[1].count;

		*out_bad = i;
		err = check_item(check, payloads[i], i, op, arena, rows, why);
		if (out_known != NULL)
			out_known[i] = rows[0].count + rows[1].count > before;
	}
	if (err == HF_OK)
		err = look_up(check, out_known != NULL, &rows[0], why);
	if (err == HF_OK)
		err = look_up_videos(check, out_known != NULL, &rows[1], why);
	for (size_t i = 0; i < 2; i++) {
		if (err == HF_OK)
			err = judge(&rows[i], out_known, out_bad, why);
		free(rows[i].queries);
		free(rows[i].rows);
	}
	return err;
}
