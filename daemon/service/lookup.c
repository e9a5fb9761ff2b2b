#include "clock.h"
#include "feed.h"
#include "ledger_view.h"
#include "match_index.h"
#include "match_tell.h"

#include "breaker.h"
#include "judged.h"
#include "lookup.h"
#include "lookup_labels.h"
#include "meanwhile.h"
#include "node.h"

/* Near lookups between two looks at whether anybody waits: some milliseconds,
 * or one at a time where each is compared with everything. */
#define NEAR_STEP 1024

struct lookup {
	struct hf_node *node;
	struct hf_judge judge;
	const atomic_bool *is_left;
	bool is_counted;
	const struct hf_digest_batch *batch; /* the one being looked up */
	size_t first;                        /* digest of the step */
	bool has_more;
	bool is_meanwhile;                /* neither feed nor ledger is there */
	const struct hf_match_sets *told; /* then: of the view */
	struct hf_ledger_view *view;      /* while hits are put */
	struct hf_lookup_room room;       /* likewise */
};

static bool know(void *arg, uint32_t set, struct hf_judge_set *out_set)
{
	struct lookup *lookup = arg;
	struct hf_feed_set is;

	if (lookup->is_meanwhile)
		return hf_meanwhile_know(lookup->node->meanwhile, lookup->told,
					 set, lookup->judge.now_ms, out_set);
	if (hf_feed_get(lookup->node->feed, set, &is) != HF_OK)
		return false;
	hf_judged_set(&is, lookup->judge.now_ms, out_set);
	return true;
}

static uint32_t item_of(const struct hf_digest_batch *batch, size_t query)
{
	return batch->items_count > 0 ? batch->items[query] : (uint32_t)query;
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct lookup *lookup = arg;
	const struct hf_digest_batch *batch = lookup->batch;
	size_t query = lookup->first + hit->query;

	hf_judge_hit(&lookup->judge, item_of(batch, query),
		     batch->qualities.len_bytes > 0 ? batch->qualities.at[query]
						    : HF_QUALITY_NONE,
		     hit);
}

static void on_more(void *arg, size_t query)
{
	struct lookup *lookup = arg;

	lookup->has_more = true;
}

static bool has_left(const struct lookup *lookup)
{
	return lookup->is_left != NULL && atomic_load(lookup->is_left);
}

static enum hf_err look_up_near(struct lookup *lookup,
				struct hf_index_view *view, unsigned distance,
				const struct hf_index_sink *sink,
				struct hf_why *why)
{
	const struct hf_digest_batch *batch = lookup->batch;
	size_t count = hf_digest_batch_count(batch);
	size_t most = distance <= HF_PDQ_DISTANCE_INDEXED ? NEAR_STEP : 1;
	enum hf_err err = HF_OK;

	while (lookup->first < count && err == HF_OK) {
		size_t left = count - lookup->first;
		size_t step = left < most ? left : most;

		if (has_left(lookup))
			return hf_why(why, HF_E_CANCELLED, "the caller left");
		err = hf_index_lookup_near(
			view, batch->digests.at + 32 * lookup->first, step,
			distance, sink, why);
		lookup->first += step;
	}
	return err;
}

static enum hf_err look_up_videos(struct lookup *lookup,
				  struct hf_index_view *view,
				  struct hf_why *why)
{
	const struct hf_digest_batch *batch = lookup->batch;
	size_t at = 0;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < batch->frames_count && err == HF_OK; i++) {
		if (has_left(lookup))
			return hf_why(why, HF_E_CANCELLED, "the caller left");
		err = hf_judge_video(&lookup->judge, view, item_of(batch, i),
				     hf_digest_batch_next(batch, i, &at),
				     &lookup->has_more, why);
	}
	return err;
}

static enum hf_err look_up_batch(struct lookup *lookup,
				 struct hf_index_view *view, struct hf_why *why)
{
	const struct hf_index_sink sink = { on_hit, on_more, lookup };
	const struct hf_digest_batch *batch = lookup->batch;
	int distance;

	lookup->first = 0;
	if (hf_digest_batch_count(batch) == 0)
		return HF_OK;
	if (batch->algorithm == HF_ALGORITHM_VPDQ)
		return look_up_videos(lookup, view, why);
	if (batch->algorithm != HF_ALGORITHM_PDQ)
		return hf_index_lookup_digests(
			view, (uint8_t)batch->algorithm, batch->digests.at,
			hf_digest_batch_count(batch), &sink, why);
	distance = hf_policy_near_distance(lookup->node->policy);
	return distance >= 0 ? look_up_near(lookup, view, (unsigned)distance,
					    &sink, why)
			     : HF_OK;
}

static enum hf_err put_hit(struct lookup *lookup,
			   const struct hf_judge_found *found, bool is_worst,
			   struct hf_wire_match_hit *out, bool *out_is_live,
			   struct hf_why *why)
{
	char rule[HF_POLICY_RULE_SIZE];

	hf_policy_rule(lookup->node->policy, &found->answer, rule);
	*out = (struct hf_wire_match_hit){
		.item = found->item,
		.algorithm = (enum hf_algorithm)found->hit.algorithm,
		.distance = found->hit.distance,
		.origin = found->is->origin,
		.index = found->hit.entry,
		.verdict = found->answer.verdict,
		.rule = hf_arena_text(lookup->judge.arena, hf_span_of(rule)),
		.content_class = (enum hf_class)found->hit.content_class,
		.freshness = found->is->freshness,
		.digest = hf_span(found->hit.digest,
				  hf_algorithm_bytes(found->hit.algorithm)),
		.looked_up_percent = found->hit.looked_up_percent,
		.listed_percent = found->hit.listed_percent,
	};
	if (out->rule == NULL)
		return hf_why(why, HF_E_LIMIT, "too many hits at once");
	*out_is_live = true;
	if (lookup->is_meanwhile)
		return HF_OK;
	return hf_lookup_labels(lookup->view, &lookup->room, found->hit.set,
				lookup->judge.now_ms, is_worst, out,
				out_is_live, why);
}

/* An item hits an entry once, by however many hashes. */
static void count_hits(struct hf_node *node, const struct hf_judge_found *found,
		       size_t count)
{
	uint64_t now_us = hf_clock_mono_us();

	for (size_t i = 0; i < count && i < HF_MATCH_HITS_PER_ITEM; i++) {
		size_t j = 0;

		while (j < i && (found[j].hit.set != found[i].hit.set ||
				 found[j].hit.entry != found[i].hit.entry))
			j++;
		if (j == i)
			hf_breaker_count(node->breaker, found[i].hit.set,
					 found[i].hit.entry, now_us);
	}
}

/* Hits of one item, as many as there is room for. */
static enum hf_err put_item(struct lookup *lookup,
			    const struct hf_judge_found *found, size_t count,
			    struct hf_wire_match_hit *hits, size_t *hits_count,
			    struct hf_why *why)
{
	bool is_worst = true;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		bool is_live = false;

		if (i >= HF_MATCH_HITS_PER_ITEM ||
		    *hits_count >= HF_MATCH_HITS_MAX ||
		    (!is_worst && !hf_lookup_room_is_left(&lookup->room))) {
			lookup->has_more = true;
			break;
		}
		err = put_hit(lookup, &found[i], is_worst, &hits[*hits_count],
			      &is_live, why);
		if (err == HF_OK && is_live) {
			(*hits_count)++;
			is_worst = false;
		}
	}
	return err;
}

static enum hf_err put_hits(struct lookup *lookup,
			    struct hf_wire_match_response *out,
			    struct hf_why *why)
{
	struct hf_judge *judge = &lookup->judge;
	struct hf_wire_match_hit *hits = hf_arena_calloc(
		judge->arena, judge->found_count, sizeof(*hits));
	const struct hf_judge_found *found;
	size_t count;
	enum hf_err err;

	if (hits == NULL)
		return hf_why(why, HF_E_LIMIT, "too many hits at once");
	err = lookup->is_meanwhile ? HF_OK
				   : hf_ledger_view_begin(lookup->node->ledger,
							  &lookup->view, why);
	if (err != HF_OK)
		return err;
	hf_lookup_room_init(&lookup->room, judge->arena);
	while (err == HF_OK && (count = hf_judge_next(judge, &found)) > 0) {
		if (lookup->is_counted)
			count_hits(lookup->node, found, count);
		err = put_item(lookup, found, count, hits, &out->hits_count,
			       why);
	}
	hf_lookup_room_release(&lookup->room);
	hf_ledger_view_end(lookup->view);
	out->hits = hits;
	return err;
}

uint32_t hf_lookup_items(const struct hf_wire_match_request *request)
{
	uint32_t items = 0;

	for (size_t i = 0; i < request->batches_count; i++) {
		const struct hf_digest_batch *batch = &request->batches[i];
		size_t count = hf_digest_batch_count(batch);

		if (batch->items_count == 0 && count > items)
			items = (uint32_t)count;
		for (size_t j = 0; j < batch->items_count; j++) {
			if (batch->items[j] >= items)
				items = batch->items[j] + 1;
		}
	}
	return items;
}

static enum hf_err look_up(struct hf_node *node, struct hf_index *index,
			   bool is_meanwhile, const struct hf_lookup_ask *ask,
			   struct hf_arena *arena,
			   struct hf_wire_match_response *out_response,
			   struct hf_why *why)
{
	const struct hf_wire_match_request *request = ask->request;
	struct lookup lookup = {
		.node = node,
		.is_left = ask->is_left,
		.is_meanwhile = is_meanwhile,
		.is_counted = ask->is_counted && !request->is_question &&
			      !is_meanwhile,
		.judge = {
			.policy = node->policy,
			.arena = arena,
			.now_ms = hf_clock_wall_ms(),
			.ages = hf_judged_ages(node->conf),
			.know = know,
			.arg = &lookup,
		},
	};
	struct hf_wire_match_response response = {
		.items = hf_lookup_items(request),
		.is_migrating = is_meanwhile,
	};
	struct hf_index_view *view;
	enum hf_err err = hf_index_view_begin(index, &view, why);

	if (err != HF_OK)
		return err;
	lookup.told = hf_index_view_sets(view);
	for (size_t i = 0; i < request->batches_count && err == HF_OK; i++) {
		lookup.batch = &request->batches[i];
		err = look_up_batch(&lookup, view, why);
	}
	hf_index_view_end(view);
	if (err == HF_OK)
		err = hf_judge_end(&lookup.judge, why);
	if (err == HF_OK && lookup.judge.found_count > 0)
		err = put_hits(&lookup, &response, why);
	if (err != HF_OK)
		return err;
	response.more = lookup.has_more;
	*out_response = response;
	return HF_OK;
}

enum hf_err hf_lookup(struct hf_node *node, const struct hf_lookup_ask *ask,
		      struct hf_arena *arena,
		      struct hf_wire_match_response *out_response,
		      struct hf_why *why)
{
	uint64_t turns;
	enum hf_err err;

	do {
		/* Not to be found yet is not the same as not to be there. */
		if (!hf_feed_is_caught_up(node->feed))
			return hf_why(why, HF_E_UNAVAILABLE,
				      "starting: what is held is still being "
				      "read");
		turns = hf_feed_turns(node->feed);
		err = look_up(node, node->index, false, ask, arena,
			      out_response, why);
	} while (err == HF_OK && hf_feed_turns(node->feed) != turns);
	return err;
}

enum hf_err hf_lookup_meanwhile(struct hf_node *node, struct hf_index *index,
				const struct hf_lookup_ask *ask,
				struct hf_arena *arena,
				struct hf_wire_match_response *out_response,
				struct hf_why *why)
{
	return look_up(node, index, true, ask, arena, out_response, why);
}
