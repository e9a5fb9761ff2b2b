#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "match_merge.h"

/* A step names the run whose next key is taken.  SAME: its digest is that of
 * the step before.  DEAD: none of the refs of this and the SAME steps behind
 * it is live. */
#define STEP_RUN  63u
#define STEP_DEAD 64u
#define STEP_SAME 128u

/* Keys merged between two questions whether to go on. */
#define ASK_KEYS 65536

/* Keys ahead of the one in hand, of the same run. */
#define AHEAD_KEYS 12

struct hf_match_sourced_ref {
	struct hf_match_ref ref;
	uint64_t sequence;  /* of its run */
	unsigned algorithm; /* of the merge */
};

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
}

static enum hf_err ask(const struct hf_match_build *build, struct hf_why *why)
{
	if (build->is_cancelled != NULL && build->is_cancelled(build->arg))
		return hf_why(why, HF_E_CANCELLED, "index: merge cancelled");
	return HF_OK;
}

/*
 * The refs of a key that several runs have, or of which some may be gone.
 */
static bool gather_ref(struct hf_match_merge *merge,
		       const struct hf_match_ref *ref, uint64_t sequence)
{
	if (merge->gathered_count == merge->gathered_size) {
		size_t size = merge->gathered_size > 0
				      ? 2 * merge->gathered_size
				      : 256;
		struct hf_match_sourced_ref *refs =
			realloc(merge->refs, size * sizeof(*refs));
		struct hf_match_ref *settled;

		if (refs == NULL)
			return false;
		merge->refs = refs;
		settled = realloc(merge->settled, size * sizeof(*settled));
		if (settled == NULL)
			return false;
		merge->settled = settled;
		merge->gathered_size = size;
	}
	merge->refs[merge->gathered_count++] =
		(struct hf_match_sourced_ref){ *ref, sequence,
					       merge->algorithm };
	return true;
}

static bool gather_key(struct hf_match_merge *merge, unsigned number,
		       uint32_t key)
{
	const struct hf_match_run *run = &merge->runs[number];
	const struct hf_match_build *build = merge->build;
	uint32_t count;
	const struct hf_match_ref *refs = hf_match_refs(run->part, key, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (build->is_live != NULL &&
		    !build->is_live(build->arg, run->sequence, &refs[i]))
			continue;
		if (!gather_ref(merge, &refs[i], run->sequence))
			return false;
	}
	return true;
}

/* In order, and the newest first. */
static int compare_refs(const void *one, const void *other)
{
	const struct hf_match_sourced_ref *a = one, *b = other;
	int order = hf_match_ref_compare(&a->ref, &b->ref, a->algorithm);

	if (order != 0)
		return order;
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence ? -1 : 1;
	return 0;
}

/* Of an entry that several runs have, the newest stays: its class and
 * quality are the later word. */
static void settle_refs(struct hf_match_merge *merge)
{
	size_t kept = 0;

	if (merge->gathered_count > 1)
		qsort(merge->refs, merge->gathered_count,
		      sizeof(merge->refs[0]), compare_refs);
	for (size_t i = 0; i < merge->gathered_count; i++) {
		const struct hf_match_ref *ref = &merge->refs[i].ref;

		if (kept == 0 ||
		    hf_match_ref_compare(&merge->settled[kept - 1], ref,
					 merge->algorithm) != 0)
			merge->settled[kept++] = *ref;
	}
	merge->gathered_count = kept;
}

/*
 * The order.
 */
struct head {
	uint64_t order;        /* the digest's */
	const uint8_t *digest; /* NULL behind the last */
};

struct tree {
	const struct hf_match_merge *merge;
	unsigned size; /* a power of two */
	struct head heads[HF_MATCH_MERGE_RUNS_MAX];
	uint32_t keys[HF_MATCH_MERGE_RUNS_MAX];
	uint8_t losers[HF_MATCH_MERGE_RUNS_MAX];
	unsigned winner;
};

static void tree_advance(struct tree *tree, unsigned run)
{
	const struct hf_match_merge *merge = tree->merge;
	struct head *head = &tree->heads[run];
	uint32_t key = tree->keys[run]++;
	const struct hf_match_segment_part *part;

	*head = (struct head){ UINT64_MAX, NULL };
	if (run >= merge->runs_count ||
	    key >= merge->runs[run].part->keys_count)
		return;
	part = merge->runs[run].part;
	head->digest = hf_match_key(part, key);
	head->order = hf_match_digest_order(
		head->digest, part->digest_bytes,
		hf_match_digest_mix(head->digest, part->digest_bytes));
	__builtin_prefetch(hf_match_key(part, key + AHEAD_KEYS));
}

/* Of the same digest the older run's comes first. */
static bool ends_tie(const struct tree *tree, unsigned a, unsigned b)
{
	const struct head *one = &tree->heads[a], *other = &tree->heads[b];
	int order;

	if (one->digest == NULL || other->digest == NULL)
		return one->digest != NULL;
	order = memcmp(one->digest, other->digest, tree->merge->digest_bytes);
	return order != 0 ? order < 0 : a < b;
}

/* From a leaf up: the loser stays, the winner goes on. */
static void tree_play(struct tree *tree, unsigned winner)
{
	for (unsigned at = (tree->size + winner) / 2; at > 0; at /= 2) {
		unsigned other = tree->losers[at];
		uint64_t order = tree->heads[winner].order;
		uint64_t other_order = tree->heads[other].order;
		bool is_other = other_order < order;

		if (__builtin_expect(other_order == order, 0))
			is_other = ends_tie(tree, other, winner);
		tree->losers[at] = (uint8_t)(is_other ? winner : other);
		winner = is_other ? other : winner;
	}
	tree->winner = winner;
}

static void tree_init(struct tree *tree, const struct hf_match_merge *merge)
{
	uint8_t winners[2 * HF_MATCH_MERGE_RUNS_MAX];

	*tree = (struct tree){ .merge = merge, .size = 1 };
	while (tree->size < merge->runs_count)
		tree->size *= 2;
	for (unsigned run = 0; run < tree->size; run++) {
		tree_advance(tree, run);
		winners[tree->size + run] = (uint8_t)run;
	}
	for (unsigned at = tree->size - 1; at > 0; at--) {
		unsigned a = winners[2 * at], b = winners[2 * at + 1];
		uint64_t a_order = tree->heads[a].order;
		uint64_t b_order = tree->heads[b].order;
		bool is_b = b_order != a_order ? b_order < a_order
					       : ends_tie(tree, b, a);

		winners[at] = (uint8_t)(is_b ? b : a);
		tree->losers[at] = (uint8_t)(is_b ? a : b);
	}
	tree->winner = tree->size > 1 ? winners[1] : 0;
}

/* Refs that stand among the others, not beside their key. */
static uint64_t several(uint64_t refs_count)
{
	return refs_count > 1 ? refs_count : 0;
}

/* The steps of one digest, from begin on: what of it there will be.  Without
 * a filter all refs were counted before, and only what several runs have is
 * counted anew. */
static bool count_digest(struct hf_match_merge *merge, size_t begin,
			 const uint32_t *keys, uint64_t *refs_count)
{
	size_t count = merge->steps_count - begin;
	bool is_filtered = merge->build->is_live != NULL;

	if (count == 1 && !is_filtered) {
		merge->keys_count++;
		return true;
	}
	merge->gathered_count = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned run = merge->steps[begin + i] & STEP_RUN;
		size_t before = merge->gathered_count;

		/* Each run has the digest once, and went on by one since. */
		if (!gather_key(merge, run, keys[run] - 2))
			return false;
		if (!is_filtered)
			*refs_count -= several(merge->gathered_count - before);
	}
	settle_refs(merge);
	*refs_count += several(merge->gathered_count);
	if (merge->gathered_count > 0)
		merge->keys_count++;
	else
		merge->steps[begin] |= STEP_DEAD;
	return true;
}

static enum hf_err find_order(struct hf_match_merge *merge,
			      uint64_t *refs_count, struct hf_why *why)
{
	const uint8_t *last = NULL;
	size_t begin = 0;
	struct tree tree;

	tree_init(&tree, merge);
	for (;;) {
		unsigned run = tree.winner;
		const uint8_t *digest = tree.heads[run].digest;
		bool is_same = digest != NULL && last != NULL &&
			       memcmp(digest, last, 8) == 0 &&
			       memcmp(digest, last, merge->digest_bytes) == 0;

		if (!is_same && last != NULL &&
		    !count_digest(merge, begin, tree.keys, refs_count))
			return no_memory(why);
		if (digest == NULL)
			return HF_OK;
		if (merge->steps_count % ASK_KEYS == 0 &&
		    ask(merge->build, why) != HF_OK)
			return HF_E_CANCELLED;
		if (!is_same)
			begin = merge->steps_count;
		last = digest;
		merge->steps[merge->steps_count++] =
			(uint8_t)(run | (is_same ? STEP_SAME : 0));
		tree_advance(&tree, run);
		tree_play(&tree, run);
	}
}

enum hf_err hf_match_merge_begin(struct hf_match_merge *merge,
				 const struct hf_match_build *build,
				 unsigned algorithm, struct hf_why *why)
{
	uint64_t refs_count = 0;
	size_t steps_count = 0;
	enum hf_err err = HF_OK;

	*merge = (struct hf_match_merge){
		.build = build,
		.runs = build->runs[algorithm],
		.runs_count = (unsigned)build->runs_count[algorithm],
		.algorithm = algorithm,
		.digest_bytes = hf_match_key_bytes(algorithm),
	};
	if (build->runs_count[algorithm] > HF_MATCH_MERGE_RUNS_MAX)
		return hf_why(why, HF_E_LIMIT, "index: %zu runs to merge",
			      build->runs_count[algorithm]);
	for (unsigned i = 0; i < merge->runs_count; i++) {
		steps_count += merge->runs[i].part->keys_count;
		refs_count += merge->runs[i].part->refs_count;
	}
	if (merge->runs_count == 1 && build->is_live == NULL) {
		merge->keys_count = merge->runs[0].part->keys_count;
	} else {
		merge->steps = malloc(steps_count + 1);
		if (merge->steps == NULL)
			return no_memory(why);
		if (build->is_live != NULL)
			refs_count = 0;
		err = find_order(merge, &refs_count, why);
	}
	/* Of all together, so that they can be counted as they are told. */
	if (err == HF_OK && refs_count + merge->keys_count > UINT32_MAX)
		err = hf_why(why, HF_E_LIMIT,
			     "index: %" PRIu64 " %s hashes in one segment",
			     refs_count + merge->keys_count,
			     hf_algorithm_word(algorithm));
	if (err != HF_OK) {
		hf_match_merge_release(merge);
		return err;
	}
	merge->refs_count = (uint32_t)refs_count;
	return HF_OK;
}

enum hf_err hf_match_merge_map(struct hf_match_merge *merge, unsigned run,
			       struct hf_why *why)
{
	size_t keys_count = merge->runs[run].part->keys_count;
	uint32_t *map = malloc((keys_count + 1) * sizeof(*map));

	if (map == NULL)
		return no_memory(why);
	merge->maps[run] = map;
	return HF_OK;
}

/*
 * Following it.
 */

/* A key with its refs as they stand. */
static void tell_whole(const struct hf_match_segment_part *part, uint32_t key,
		       struct hf_match_merged *merged)
{
	merged->refs = hf_match_refs(part, key, &merged->refs_count);
	__builtin_prefetch(part->beside +
			   (key + AHEAD_KEYS) * part->beside_stride_bytes);
}

/* Take the next key of a run; it becomes number. */
static uint32_t take(struct hf_match_merge *merge, unsigned run,
		     uint32_t number)
{
	uint32_t key = merge->keys[run]++;

	if (merge->maps[run] != NULL)
		merge->maps[run][key] = number;
	return key;
}

/* The step and all SAME ones behind it. */
static bool tell_steps(struct hf_match_merge *merge,
		       struct hf_match_merged *merged, bool *out_is_dead)
{
	uint8_t lead = merge->steps[merge->step];
	unsigned run = lead & STEP_RUN;
	bool is_dead = (lead & STEP_DEAD) != 0;
	uint32_t number = is_dead ? HF_MATCH_MERGE_NO_KEY : merge->number;
	size_t at = ++merge->step;
	uint32_t key = take(merge, run, number);
	bool is_one =
		at == merge->steps_count || (merge->steps[at] & STEP_SAME) == 0;

	*out_is_dead = is_dead;
	merged->run = run;
	merged->digest = hf_match_key(merge->runs[run].part, key);
	__builtin_prefetch(
		hf_match_key(merge->runs[run].part, key + AHEAD_KEYS));
	if (is_one && merge->build->is_live == NULL) {
		tell_whole(merge->runs[run].part, key, merged);
		return true;
	}
	merge->gathered_count = 0;
	if (!is_dead && !gather_key(merge, run, key))
		return false;
	for (; at < merge->steps_count && (merge->steps[at] & STEP_SAME) != 0;
	     at++) {
		unsigned other = merge->steps[at] & STEP_RUN;

		key = take(merge, other, HF_MATCH_MERGE_NO_KEY);
		if (!is_dead && !gather_key(merge, other, key))
			return false;
	}
	merge->step = at;
	settle_refs(merge);
	merged->refs = merge->settled;
	merged->refs_count = (uint32_t)merge->gathered_count;
	return true;
}

enum hf_err hf_match_merge_next(struct hf_match_merge *merge,
				struct hf_match_merged *out_merged,
				bool *out_is_end, struct hf_why *why)
{
	bool is_dead = false;

	if (merge->number % ASK_KEYS == 0 && ask(merge->build, why) != HF_OK)
		return HF_E_CANCELLED;
	do {
		*out_is_end = merge->steps == NULL
				      ? merge->number == merge->keys_count
				      : merge->step == merge->steps_count;
		if (*out_is_end)
			break;
		if (merge->steps != NULL) {
			if (!tell_steps(merge, out_merged, &is_dead))
				return no_memory(why);
		} else {
			uint32_t key = take(merge, 0, merge->number);

			out_merged->run = 0;
			out_merged->digest =
				hf_match_key(merge->runs[0].part, key);
			tell_whole(merge->runs[0].part, key, out_merged);
		}
	} while (is_dead);
	merge->number += !*out_is_end;
	merge->told_refs += *out_is_end ? 0 : several(out_merged->refs_count);
	/* What was counted is what there is, or a run contradicts itself. */
	if (merge->told_refs > merge->refs_count ||
	    (*out_is_end && (merge->told_refs != merge->refs_count ||
			     merge->number != merge->keys_count)))
		return hf_why(why, HF_E_CORRUPT,
			      "index: a segment that is merged is damaged");
	return HF_OK;
}

void hf_match_merge_release(struct hf_match_merge *merge)
{
	for (unsigned i = 0; i < HF_MATCH_MERGE_RUNS_MAX; i++)
		free(merge->maps[i]);
	free(merge->steps);
	free(merge->refs);
	free(merge->settled);
	*merge = (struct hf_match_merge){ 0 };
}
