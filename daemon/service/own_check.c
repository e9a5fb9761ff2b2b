#include "codec_document.h"
#include "leaf.h"
#include "ring.h"

#include "feed.h"
#include "node.h"
#include "own_check.h"

enum hf_err hf_own_check_begin(struct hf_node *node, uint32_t set,
			       const struct hf_ring_set *about,
			       struct hf_own_check *out_check,
			       struct hf_why *why)
{
	struct hf_own_check check = { .node = node,
				      .set = set,
				      .about = about };
	enum hf_err err;

	if (!hf_feed_is_caught_up(node->feed))
		return hf_why(why, HF_E_UNAVAILABLE,
			      "starting: our own sets are still being read");
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

/* A search for hits of one set. */
struct search {
	uint32_t set;
	uint64_t wanted; /* an entry, or UINT64_MAX for any */
	bool is_found;
	bool is_wanted_found;
	uint64_t entry; /* the first found */
};

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct search *search = arg;

	if (hit->set != search->set)
		return;
	if (!search->is_found)
		search->entry = hit->entry;
	search->is_found = true;
	search->is_wanted_found |= hit->entry == search->wanted;
}

static enum hf_err look(struct hf_index_view *view, const struct hf_hash *hash,
			struct search *search, struct hf_why *why)
{
	const struct hf_index_query query = {
		.algorithm = (uint8_t)hash->algorithm,
		.digest = hash->digest.at,
	};
	const struct hf_index_sink sink = { on_hit, NULL, search };

	return hf_index_lookup_exact(view, &query, 1, &sink, why);
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

static enum hf_err check_hash(struct hf_own_check *check,
			      const struct hf_item *item, size_t i,
			      bool *out_is_live, struct hf_why *why)
{
	const struct hf_hash *hash = &item->hashes[i];
	struct search live = { .set = check->set, .wanted = UINT64_MAX };
	struct search gone = {
		.set = check->set,
		.wanted = item->reinstates_plus_one - 1,
	};
	enum hf_err err;

	if (hf_algorithm_bytes(hash->algorithm) == 0) {
		*out_is_live = false;
		return HF_OK;
	}
	err = look(check->live, hash, &live, why);
	if (err == HF_OK)
		err = look(check->retracted, hash, &gone, why);
	if (err != HF_OK)
		return err;
	*out_is_live = live.is_found;
	if (gone.is_found && !live.is_found &&
	    (item->reinstates_plus_one == 0 || !gone.is_wanted_found))
		return hf_why(
			why, HF_E_CONFLICT,
			"hashes[%zu] was retracted as entry %llu; to bring "
			"it back on purpose the item must reinstate that "
			"entry",
			i, (unsigned long long)gone.entry);
	return HF_OK;
}

enum hf_err hf_own_check_item(struct hf_own_check *check,
			      struct hf_span payload, unsigned op,
			      struct hf_arena *arena, bool *out_is_known,
			      struct hf_why *why)
{
	struct hf_item item;
	bool is_known = op == HF_OP_ADD;
	enum hf_err err;

	err = hf_item_parse(payload, arena, &item, why);
	if (err == HF_OK)
		err = hf_item_check(&item, op, why);
	if (err == HF_OK)
		err = check_class(check, &item, why);
	for (size_t i = 0; err == HF_OK && i < item.hashes_count; i++) {
		bool is_live = false;

		err = check_hash(check, &item, i, &is_live, why);
		is_known &= is_live;
	}
	if (err == HF_OK)
		*out_is_known = is_known;
	return err;
}
