#include <string.h>

#include "ledger_view.h"
#include "match_index.h"

#include "feed.h"
#include "node.h"
#include "retract_others.h"

static bool is_known(const struct hf_others *others, const char *origin,
		     uint64_t index)
{
	for (size_t i = 0; i < others->count; i++) {
		if (others->rows[i].index == index &&
		    strcmp(others->rows[i].origin, origin) == 0)
			return true;
	}
	return false;
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct hf_others *others = arg;
	struct hf_entry_ref *row;
	struct hf_feed_set is;

	if (hf_feed_get(others->node->feed, hit->set, &is) != HF_OK ||
	    is.is_own || !is.is_matchable || hit->is_expired ||
	    others->count == HF_RETRACTED_MAX ||
	    is_known(others, is.origin, hit->entry))
		return;
	if (others->rows == NULL)
		others->rows = hf_arena_calloc(others->arena, HF_RETRACTED_MAX,
					       sizeof(*others->rows));
	if (others->rows == NULL) {
		others->has_failed = true;
		return;
	}
	row = &others->rows[others->count];
	row->origin = hf_arena_text(others->arena, hf_span_of(is.origin));
	row->index = hit->entry;
	if (row->origin == NULL)
		others->has_failed = true;
	else
		others->count++;
}

static void on_video(void *arg, const struct hf_index_video_hit *hit)
{
	on_hit(arg,
	       &(struct hf_index_hit){ .set = hit->set, .entry = hit->entry });
}

static enum hf_err look_up(struct hf_others *others, struct hf_index_view *view,
			   const struct hf_hash *hash, struct hf_why *why)
{
	const struct hf_index_sink sink = { on_hit, NULL, others };
	const struct hf_index_video_sink videos = { on_video, NULL, others };
	enum hf_err err;

	if (!hf_algorithm_takes(hash->algorithm, hash->digest.len_bytes))
		return HF_OK;
	if (hash->algorithm == HF_ALGORITHM_VPDQ)
		err = hf_index_lookup_same_video(
			view, hash->digest.at,
			hash->digest.len_bytes / HF_PDQ_BYTES, &videos, why);
	else
		err = hf_index_lookup_digests(view, (uint8_t)hash->algorithm,
					      hash->digest.at, 1, &sink, why);
	if (err == HF_OK && others->has_failed)
		err = hf_why(why, HF_E_NOMEM, "no memory");
	return err;
}

static enum hf_err look_up_all(struct hf_others *others,
			       const struct hf_hash *hashes, size_t count,
			       struct hf_why *why)
{
	struct hf_index_view *view;
	enum hf_err err = hf_index_view_begin(others->node->index, &view, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = look_up(others, view, &hashes[i], why);
	hf_index_view_end(view);
	return err;
}

enum hf_err hf_others_of_hash(struct hf_others *others,
			      const struct hf_hash *hash, struct hf_why *why)
{
	return look_up_all(others, hash, 1, why);
}

enum hf_err hf_others_of_entry(struct hf_others *others,
			       struct hf_ledger_view *view, uint32_t set,
			       uint64_t entry, struct hf_why *why)
{
	struct hf_ledger_entry is;
	struct hf_item_gist item;
	struct hf_arena arena;
	enum hf_err err = hf_ledger_entry(view, set, entry, &is, why);

	/* That it is not there is said by whoever wants to retract it. */
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK || is.state != HF_LEDGER_HELD)
		return err;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	/* What is no item has no hashes that anybody could list. */
	if (hf_item_skim(is.payload, &arena, &item, NULL) == HF_OK)
		err = look_up_all(others, item.hashes, item.hashes_count, why);
	hf_arena_release(&arena);
	return err;
}
