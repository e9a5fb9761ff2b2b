#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed.h"
#include "ledger_view.h"
#include "match_index.h"
#include "match_policy.h"

#include "lookup.h"
#include "lookup_labels.h"
#include "node.h"

/* Hits of one item that are given; the rest is `more`. */
#define HITS_OF_ITEM ((size_t)64)

/* Near lookups between two looks at whether anybody waits: some milliseconds,
 * or one at a time where each is compared with everything. */
#define NEAR_STEP 1024

struct found {
	uint32_t item;
	uint8_t query_quality;
	struct hf_index_hit hit; /* its digest copied into the arena */
	struct hf_policy_answer answer;
	const struct hf_feed_set *is;
};

struct lookup {
	struct hf_node *node;
	struct hf_arena *arena;
	uint64_t now_ms;
	const atomic_bool *is_left;
	const struct hf_digest_batch *batch; /* the one being looked up */
	size_t first;                        /* digest of the step */
	struct found *found;                 /* in the arena */
	size_t found_count;
	size_t found_size;
	struct hf_feed_set **sets; /* in the arena: seen in this lookup */
	size_t sets_count;
	size_t sets_size;
	bool has_more;
	struct hf_ledger_view *view; /* while hits are put */
	struct hf_lookup_room room;  /* likewise */
	enum hf_err failed;
};

/* What is known of a hit's set; NULL when it may not be matched on. */
static const struct hf_feed_set *set_of(struct lookup *lookup, uint32_t set)
{
	struct hf_feed_set *is;

	for (size_t i = 0; i < lookup->sets_count; i++) {
		if (lookup->sets[i]->set == set)
			return lookup->sets[i]->is_matchable ? lookup->sets[i]
							     : NULL;
	}
	is = hf_arena_alloc(lookup->arena, sizeof(*is));
	if (is == NULL) {
		lookup->failed = HF_E_NOMEM;
		return NULL;
	}
	if (hf_feed_get(lookup->node->feed, set, is) != HF_OK)
		return NULL;
	if (lookup->sets_count == lookup->sets_size) {
		size_t size = lookup->sets_size * 2 + 8;
		struct hf_feed_set **sets =
			hf_arena_alloc(lookup->arena, size * sizeof(*sets));

		if (sets == NULL) {
			lookup->failed = HF_E_NOMEM;
			return NULL;
		}
		if (lookup->sets_count > 0)
			memcpy(sets, lookup->sets,
			       lookup->sets_count * sizeof(*sets));
		lookup->sets = sets;
		lookup->sets_size = size;
	}
	lookup->sets[lookup->sets_count++] = is;
	return is->is_matchable ? is : NULL;
}

static struct found *grow(struct lookup *lookup)
{
	if (lookup->found_count == lookup->found_size) {
		size_t size = lookup->found_size * 2 + 64;
		struct found *found =
			hf_arena_alloc(lookup->arena, size * sizeof(*found));

		if (found == NULL) {
			lookup->failed = HF_E_LIMIT;
			return NULL;
		}
		if (lookup->found_count > 0)
			memcpy(found, lookup->found,
			       lookup->found_count * sizeof(*found));
		lookup->found = found;
		lookup->found_size = size;
	}
	return &lookup->found[lookup->found_count];
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct lookup *lookup = arg;
	const struct hf_digest_batch *batch = lookup->batch;
	const struct hf_feed_set *is;
	struct hf_span digest;
	struct found *found;
	size_t query;

	if (lookup->failed != HF_OK)
		return;
	is = set_of(lookup, hit->set);
	if (is == NULL)
		return;
	found = grow(lookup);
	if (found == NULL)
		return;
	query = lookup->first + hit->query;
	*found = (struct found){
		.item = batch->items_count > 0 ? batch->items[query]
					       : (uint32_t)query,
		.query_quality = batch->qualities.len_bytes > 0
					 ? batch->qualities.at[query]
					 : HF_QUALITY_NONE,
		.hit = *hit,
		.is = is,
	};
	if (!hf_policy_verdict(
		    lookup->node->policy,
		    &(struct hf_policy_match){
			    .origin = hf_span_of(is->origin),
			    .content_class = hit->content_class,
			    .algorithm = hit->algorithm,
			    .distance = hit->distance,
			    .query_quality = found->query_quality,
			    .entry_quality = hit->quality,
			    .freshness = is->is_own
						 ? HF_FRESHNESS_FRESH
						 : hf_feed_freshness(
							   lookup->node->feed,
							   is->checkpoint_ms,
							   lookup->now_ms),
			    .is_provisional = is->is_provisional,
			    .is_frozen = is->is_frozen,
			    .is_demoted = hit->is_demoted,
		    },
		    &found->answer))
		return;
	digest = hf_arena_copy(
		lookup->arena,
		hf_span(hit->digest, hf_algorithm_bytes(hit->algorithm)));
	if (digest.at == NULL) {
		lookup->failed = HF_E_LIMIT;
		return;
	}
	found->hit.digest = digest.at;
	lookup->found_count++;
}

static void on_more(void *arg, size_t query)
{
	struct lookup *lookup = arg;

	lookup->has_more = true;
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

		if (lookup->is_left != NULL && atomic_load(lookup->is_left))
			return hf_why(why, HF_E_CANCELLED, "the caller left");
		err = hf_index_lookup_near(
			view, batch->digests.at + 32 * lookup->first, step,
			distance, sink, why);
		lookup->first += step;
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
	if (batch->algorithm != HF_ALGORITHM_PDQ)
		return hf_index_lookup_digests(
			view, (uint8_t)batch->algorithm, batch->digests.at,
			hf_digest_batch_count(batch), &sink, why);
	distance = hf_policy_near_distance(lookup->node->policy);
	return distance >= 0 ? look_up_near(lookup, view, (unsigned)distance,
					    &sink, why)
			     : HF_OK;
}

/* By item, worst verdict first, then the nearest, then by entry. */
static int compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	if (x->answer.verdict != y->answer.verdict)
		return x->answer.verdict > y->answer.verdict ? -1 : 1;
	if (x->hit.distance != y->hit.distance)
		return x->hit.distance < y->hit.distance ? -1 : 1;
	if (x->hit.set != y->hit.set)
		return x->hit.set < y->hit.set ? -1 : 1;
	if (x->hit.entry != y->hit.entry)
		return x->hit.entry < y->hit.entry ? -1 : 1;
	return (int)x->hit.algorithm - (int)y->hit.algorithm;
}

/* A benign hit turns every block of its item into a review. */
static void demote_benign(struct found *found, size_t count)
{
	bool is_benign = false;

	for (size_t i = 0; i < count; i++)
		is_benign |= found[i].answer.is_benign;
	for (size_t i = 0; is_benign && i < count; i++) {
		if (found[i].answer.verdict != HF_VERDICT_BLOCK)
			continue;
		found[i].answer.verdict = HF_VERDICT_REVIEW;
		found[i].answer.because = HF_POLICY_BENIGN;
	}
}

static enum hf_err put_hit(struct lookup *lookup, const struct found *found,
			   bool is_worst, struct hf_wire_match_hit *out,
			   bool *out_is_live, struct hf_why *why)
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
		.rule = hf_arena_text(lookup->arena, hf_span_of(rule)),
		.content_class = (enum hf_class)found->hit.content_class,
		.freshness =
			found->is->is_own
				? HF_FRESHNESS_FRESH
				: hf_feed_freshness(lookup->node->feed,
						    found->is->checkpoint_ms,
						    lookup->now_ms),
		.digest = hf_span(found->hit.digest,
				  hf_algorithm_bytes(found->hit.algorithm)),
	};
	if (out->rule == NULL)
		return hf_why(why, HF_E_LIMIT, "too many hits at once");
	return hf_lookup_labels(lookup->view, &lookup->room, found->hit.set,
				lookup->now_ms, is_worst, out, out_is_live,
				why);
}

static enum hf_err put_hits(struct lookup *lookup,
			    struct hf_wire_match_response *out,
			    struct hf_why *why)
{
	struct hf_wire_match_hit *hits = hf_arena_calloc(
		lookup->arena, lookup->found_count, sizeof(*hits));
	size_t hits_count = 0, i = 0;
	enum hf_err err;

	if (hits == NULL)
		return hf_why(why, HF_E_LIMIT, "too many hits at once");
	err = hf_ledger_view_begin(lookup->node->ledger, &lookup->view, why);
	if (err != HF_OK)
		return err;
	hf_lookup_room_init(&lookup->room, lookup->arena);
	while (i < lookup->found_count && err == HF_OK) {
		size_t end = i, given = 0;

		while (end < lookup->found_count &&
		       lookup->found[end].item == lookup->found[i].item)
			end++;
		demote_benign(&lookup->found[i], end - i);
		for (size_t j = i; j < end && err == HF_OK; j++) {
			bool is_live = false;

			if (j - i >= HITS_OF_ITEM ||
			    hits_count >= HF_MATCH_HITS_MAX ||
			    (given > 0 &&
			     !hf_lookup_room_is_left(&lookup->room))) {
				lookup->has_more = true;
				break;
			}
			err = put_hit(lookup, &lookup->found[j], given == 0,
				      &hits[hits_count], &is_live, why);
			given += err == HF_OK && is_live;
			hits_count += err == HF_OK && is_live;
		}
		i = end;
	}
	hf_lookup_room_release(&lookup->room);
	hf_ledger_view_end(lookup->view);
	out->hits = hits;
	out->hits_count = hits_count;
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

enum hf_err hf_lookup(struct hf_node *node, const struct hf_lookup_ask *ask,
		      struct hf_arena *arena,
		      struct hf_wire_match_response *out_response,
		      struct hf_why *why)
{
	const struct hf_wire_match_request *request = ask->request;
	struct lookup lookup = {
		.node = node,
		.arena = arena,
		.is_left = ask->is_left,
		.now_ms = hf_clock_wall_ms(),
	};
	struct hf_wire_match_response response = {
		.items = hf_lookup_items(request),
	};
	struct hf_index_view *view;
	enum hf_err err;

	/* Not to be found yet is not the same as not to be there. */
	if (!hf_feed_is_caught_up(node->feed))
		return hf_why(why, HF_E_UNAVAILABLE,
			      "starting: what is held is still being read");
	err = hf_index_view_begin(node->index, &view, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < request->batches_count && err == HF_OK; i++) {
		lookup.batch = &request->batches[i];
		err = look_up_batch(&lookup, view, why);
		if (err == HF_OK && lookup.failed != HF_OK)
			err = hf_why(why, lookup.failed,
				     "too many hits at once");
	}
	hf_index_view_end(view);
	if (err == HF_OK && lookup.found_count > 0) {
		qsort(lookup.found, lookup.found_count, sizeof(*lookup.found),
		      compare);
		err = put_hits(&lookup, &response, why);
	}
	if (err != HF_OK)
		return err;
	response.more = lookup.has_more;
	*out_response = response;
	return HF_OK;
}
