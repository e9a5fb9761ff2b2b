#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "match_judge.h"
#include "match_tell.h"

#include "hashfed.h"

#define DEFAULT_DIR "/var/lib/hashfed/index"

/* As the daemon's for one call. */
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct hashfed {
	struct hf_index *index; /* owned */
	_Atomic uint32_t turns; /* of sets, when it was looked last */
};

struct hashfed_answer {
	struct hf_arena arena; /* everything below is in it, but why */
	const struct hashfed_hit *hits;
	size_t hits_count;
	bool has_more;
	struct hf_why why;
};

/* A lookup under way. */
struct lookup {
	struct hashfed *hashfed;
	struct hashfed_answer *answer;
	struct hf_judge judge;
	const struct hashfed_hash *hashes;
	size_t hashes_count;
	const struct hf_match_sets *sets;
	/* Which hash a query was: exact ones, and PDQ. */
	struct hf_index_query *exact;
	uint32_t *exact_of;
	size_t exact_count;
	uint8_t *near;
	uint32_t *near_of;
	size_t near_count;
	const uint32_t *of; /* of the queries at hand */
};

_Static_assert(HASHFED_HASHES_MAX == HF_MATCH_BATCH_MAX &&
		       HASHFED_HITS_MAX == HF_MATCH_HITS_PER_ITEM &&
		       HASHFED_NO_QUALITY == HF_QUALITY_NONE,
	       "the header says something else");

/* Ours, the caller's, words. */
/* clang-format off */
#define ERRORS(X)                                                             \
	X(HF_OK,            HASHFED_OK,          "ok")                        \
	X(HF_E_UNAVAILABLE, HASHFED_UNAVAILABLE,                              \
	  "no daemon keeps the index, or it is starting")                     \
	X(HF_E_NOTFOUND,    HASHFED_NOT_FOUND,   "no index there")            \
	X(HF_E_DENIED,      HASHFED_DENIED,                                   \
	  "not in the group that may read it")                                \
	X(HF_E_ARGUMENT,    HASHFED_ARGUMENT,                                 \
	  "a hash that cannot be looked up")                                  \
	X(HF_E_LIMIT,       HASHFED_LIMIT,       "too much at once")          \
	X(HF_E_NOMEM,       HASHFED_NO_MEMORY,   "out of memory")             \
	X(HF_E_CORRUPT,     HASHFED_DAMAGED,     "a file is damaged")         \
	X(HF_E_UNSUPPORTED, HASHFED_UNSUPPORTED,                              \
	  "the index is of another version")                                  \
	X(HF_E_SYSTEM,      HASHFED_SYSTEM,                                   \
	  "the operating system refused")
/* clang-format on */

static int public_error(enum hf_err err)
{
	switch (err) {
#define ERROR_CASE(ours, theirs, words)                                        \
	case ours:                                                             \
		return theirs;
		ERRORS(ERROR_CASE)
#undef ERROR_CASE
	default:
		return HASHFED_SYSTEM;
	}
}

const char *hashfed_words(int error)
{
	switch (error) {
#define ERROR_WORDS(ours, theirs, words)                                       \
	case theirs:                                                           \
		return words;
		ERRORS(ERROR_WORDS)
#undef ERROR_WORDS
	default:
		return "unknown";
	}
}

int hashfed_open(const char *dir, struct hashfed **out_hashfed, char *text,
		 size_t text_size)
{
	struct hashfed *hashfed = calloc(1, sizeof(*hashfed));
	struct hf_why why = { "out of memory" };
	enum hf_err err = HF_E_NOMEM;

	if (hashfed != NULL)
		err = hf_index_open_judged(dir != NULL ? dir : DEFAULT_DIR,
					   &hashfed->index, &why);
	if (err != HF_OK) {
		if (text != NULL)
			snprintf(text, text_size, "%s", why.text);
		free(hashfed);
		return public_error(err);
	}
	*out_hashfed = hashfed;
	return HASHFED_OK;
}

void hashfed_close(struct hashfed *hashfed)
{
	if (hashfed == NULL)
		return;
	hf_index_close(hashfed->index);
	free(hashfed);
}

int hashfed_is_live(struct hashfed *hashfed, uint64_t *out_age_ms)
{
	uint64_t now_ms = hf_clock_wall_ms();
	uint64_t alive_ms = hf_index_alive_ms(hashfed->index);

	if (out_age_ms != NULL)
		*out_age_ms = alive_ms < now_ms ? now_ms - alive_ms : 0;
	return hf_index_is_current(hashfed->index);
}

struct hashfed_answer *hashfed_answer_new(void)
{
	struct hashfed_answer *answer = calloc(1, sizeof(*answer));

	if (answer != NULL)
		hf_arena_init(&answer->arena, ARENA_MAX_BYTES);
	return answer;
}

void hashfed_answer_free(struct hashfed_answer *answer)
{
	if (answer == NULL)
		return;
	hf_arena_release(&answer->arena);
	free(answer);
}

static bool know(void *arg, uint32_t set, struct hf_judge_set *out_set)
{
	struct lookup *lookup = arg;

	if (!hf_match_sets_get(lookup->sets, set, out_set))
		return false;
	/* What our daemon publishes is as fresh as its daemon. */
	if (out_set->is_own)
		out_set->checkpoint_ms =
			hf_index_alive_ms(lookup->hashfed->index);
	return true;
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct lookup *lookup = arg;
	const struct hashfed_hash *hash =
		&lookup->hashes[lookup->of[hit->query]];

	hf_judge_hit(&lookup->judge, hash->item, hash->quality, hit);
}

static void on_more(void *arg, size_t query)
{
	struct lookup *lookup = arg;

	lookup->answer->has_more = true;
}

static enum hf_err check_hash(const struct hashfed_hash *hash, size_t number,
			      struct hf_why *why)
{
	bool is_video = hash->algorithm == HF_ALGORITHM_VPDQ;

	if ((!is_video && hf_algorithm_bytes(hash->algorithm) == 0) ||
	    hash->digest == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "hash %zu: algorithm %u has no digests", number,
			      hash->algorithm);
	if (is_video && (hash->frames_count == 0 ||
			 hash->frames_count > HF_VPDQ_MAX_FRAMES))
		return hf_why(why, HF_E_ARGUMENT,
			      "hash %zu: %u frames are not 1 to %d", number,
			      hash->frames_count, HF_VPDQ_MAX_FRAMES);
	if (hash->item >= HASHFED_HASHES_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "hash %zu: item %u is not below %d", number,
			      hash->item, HASHFED_HASHES_MAX);
	if (hash->quality > HF_QUALITY_MAX && hash->quality != HF_QUALITY_NONE)
		return hf_why(why, HF_E_ARGUMENT,
			      "hash %zu: quality %u is over %d", number,
			      hash->quality, HF_QUALITY_MAX);
	return HF_OK;
}

/* Exact hashes to one side, PDQ to the other; videos stay. */
static enum hf_err sort_hashes(struct lookup *lookup, struct hf_why *why)
{
	struct hf_arena *arena = &lookup->answer->arena;
	size_t count = lookup->hashes_count;

	lookup->exact = hf_arena_alloc(arena, count * sizeof(*lookup->exact));
	lookup->exact_of =
		hf_arena_alloc(arena, count * sizeof(*lookup->exact_of));
	lookup->near = hf_arena_alloc(arena, count * HF_PDQ_BYTES);
	lookup->near_of =
		hf_arena_alloc(arena, count * sizeof(*lookup->near_of));
	if (lookup->exact == NULL || lookup->exact_of == NULL ||
	    lookup->near == NULL || lookup->near_of == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory to look up");
	for (size_t i = 0; i < count; i++) {
		const struct hashfed_hash *hash = &lookup->hashes[i];
		enum hf_err err = check_hash(hash, i, why);

		if (err != HF_OK)
			return err;
		if (hash->algorithm == HF_ALGORITHM_VPDQ)
			continue;
		if (hash->algorithm == HF_ALGORITHM_PDQ) {
			memcpy(lookup->near + lookup->near_count * HF_PDQ_BYTES,
			       hash->digest, HF_PDQ_BYTES);
			lookup->near_of[lookup->near_count++] = (uint32_t)i;
			continue;
		}
		lookup->exact[lookup->exact_count] =
			(struct hf_index_query){ hash->algorithm,
						 hash->digest };
		lookup->exact_of[lookup->exact_count++] = (uint32_t)i;
	}
	return HF_OK;
}

static enum hf_err look_up_videos(struct lookup *lookup,
				  struct hf_index_view *view,
				  struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < lookup->hashes_count && err == HF_OK; i++) {
		const struct hashfed_hash *hash = &lookup->hashes[i];

		if (hash->algorithm == HF_ALGORITHM_VPDQ)
			err = hf_judge_video(
				&lookup->judge, view, hash->item,
				hf_span(hash->digest,
					(size_t)hash->frames_count *
						HF_PDQ_BYTES),
				&lookup->answer->has_more, why);
	}
	return err;
}

static enum hf_err look_up(struct lookup *lookup, struct hf_index_view *view,
			   struct hf_why *why)
{
	const struct hf_index_sink sink = { on_hit, on_more, lookup };
	int distance;
	enum hf_err err;

	lookup->sets = hf_index_view_sets(view);
	lookup->judge.policy = lookup->sets->policy;
	lookup->judge.ages = lookup->sets->ages;
	distance = hf_policy_near_distance(lookup->judge.policy);
	lookup->of = lookup->exact_of;
	err = hf_index_lookup_exact(view, lookup->exact, lookup->exact_count,
				    &sink, why);
	lookup->of = lookup->near_of;
	if (err == HF_OK && distance >= 0)
		err = hf_index_lookup_near(view, lookup->near,
					   lookup->near_count,
					   (unsigned)distance, &sink, why);
	if (err == HF_OK)
		err = look_up_videos(lookup, view, why);
	return err == HF_OK ? hf_judge_end(&lookup->judge, why) : err;
}

static enum hf_err put_hit(struct lookup *lookup,
			   const struct hf_judge_found *found,
			   struct hashfed_hit *out, struct hf_why *why)
{
	struct hf_arena *arena = &lookup->answer->arena;
	char rule[HF_POLICY_RULE_SIZE];

	hf_policy_rule(lookup->judge.policy, &found->answer, rule);
	*out = (struct hashfed_hit){
		.item = found->item,
		.verdict = (uint8_t)found->answer.verdict,
		.algorithm = found->hit.algorithm,
		.content_class = found->hit.content_class,
		.freshness = (uint8_t)found->is->freshness,
		.distance = found->hit.distance,
		.looked_up_percent = found->hit.looked_up_percent,
		.listed_percent = found->hit.listed_percent,
		.origin = found->is->origin,
		.index = found->hit.entry,
		.rule = hf_arena_text(arena, hf_span_of(rule)),
		.digest = found->hit.digest,
		.digest_bytes = hf_algorithm_bytes(found->hit.algorithm),
	};
	return out->rule != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_LIMIT, "too many hits at once");
}

/* As many of each item's as an answer of the daemon would have. */
static enum hf_err put_hits(struct lookup *lookup, struct hf_why *why)
{
	struct hashfed_answer *answer = lookup->answer;
	struct hf_judge *judge = &lookup->judge;
	struct hashfed_hit *hits = hf_arena_calloc(
		&answer->arena, judge->found_count, sizeof(*hits));
	const struct hf_judge_found *found;
	size_t count, hits_count = 0;
	enum hf_err err = HF_OK;

	if (hits == NULL)
		return hf_why(why, HF_E_LIMIT, "too many hits at once");
	while (err == HF_OK && (count = hf_judge_next(judge, &found)) > 0) {
		for (size_t i = 0; i < count && err == HF_OK; i++) {
			if (i >= HF_MATCH_HITS_PER_ITEM ||
			    hits_count >= HF_MATCH_HITS_MAX) {
				answer->has_more = true;
				break;
			}
			err = put_hit(lookup, &found[i], &hits[hits_count++],
				      why);
		}
	}
	if (err != HF_OK)
		return err;
	answer->hits = hits;
	answer->hits_count = hits_count;
	return HF_OK;
}

/* Did a set take the place of another since before the view?  Then both may
 * have been passed over.  The next view is of after this count. */
static bool has_turned(struct lookup *lookup, uint32_t turns)
{
	uint32_t now = hf_match_sets_turns(lookup->sets);

	if (now == turns)
		return false;
	atomic_store(&lookup->hashfed->turns, now);
	lookup->judge.found_count = 0;
	lookup->judge.sets_count = 0;
	lookup->answer->has_more = false;
	return true;
}

static enum hf_err look_up_all(struct lookup *lookup,
			       struct hf_index_view **out_view,
			       struct hf_why *why)
{
	for (;;) {
		uint32_t turns = atomic_load(&lookup->hashfed->turns);
		enum hf_err err = hf_index_view_begin(lookup->hashfed->index,
						      out_view, why);

		if (err != HF_OK)
			return err;
		err = look_up(lookup, *out_view, why);
		if (err == HF_OK && !has_turned(lookup, turns))
			return HF_OK;
		hf_index_view_end(*out_view);
		if (err != HF_OK)
			return err;
	}
}

static enum hf_err answer_all(struct lookup *lookup, struct hf_why *why)
{
	size_t count = lookup->hashes_count;
	struct hf_index_view *view;
	enum hf_err err;

	if (count > HASHFED_HASHES_MAX)
		return hf_why(why, HF_E_LIMIT, "%zu hashes are over %d", count,
			      HASHFED_HASHES_MAX);
	err = sort_hashes(lookup, why);
	if (err == HF_OK)
		err = look_up_all(lookup, &view, why);
	if (err != HF_OK)
		return err;
	/* Rules are of the view's policy. */
	if (lookup->judge.found_count > 0)
		err = put_hits(lookup, why);
	hf_index_view_end(view);
	return err;
}

int hashfed_lookup(struct hashfed *hashfed, const struct hashfed_hash *hashes,
		   size_t hashes_count, struct hashfed_answer *answer)
{
	struct lookup lookup = {
		.hashfed = hashfed,
		.answer = answer,
		.judge = {
			.arena = &answer->arena,
			.now_ms = hf_clock_wall_ms(),
			.know = know,
			.arg = &lookup,
		},
		.hashes = hashes,
		.hashes_count = hashes_count,
	};
	enum hf_err err;

	hf_arena_reset(&answer->arena);
	answer->hits = NULL;
	answer->hits_count = 0;
	answer->has_more = false;
	answer->why.text[0] = '\0';
	err = answer_all(&lookup, &answer->why);
	return public_error(err);
}

size_t hashfed_hits(const struct hashfed_answer *answer,
		    const struct hashfed_hit **out_hits)
{
	*out_hits = answer->hits;
	return answer->hits_count;
}

int hashfed_verdict(const struct hashfed_answer *answer, uint32_t item)
{
	size_t low = 0, high = answer->hits_count;

	/* The first of an item is its worst. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (answer->hits[middle].item < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low < answer->hits_count && answer->hits[low].item == item
		       ? answer->hits[low].verdict
		       : 0;
}

int hashfed_has_more(const struct hashfed_answer *answer)
{
	return answer->has_more;
}

const char *hashfed_answer_text(const struct hashfed_answer *answer)
{
	return answer->why.text;
}

const char *hashfed_verdict_word(int verdict)
{
	return hf_verdict_word((unsigned)verdict);
}

const char *hashfed_algorithm_word(int algorithm)
{
	return hf_algorithm_word((unsigned)algorithm);
}

const char *hashfed_class_word(int content_class)
{
	return hf_class_word((unsigned)content_class);
}

const char *hashfed_freshness_word(int freshness)
{
	return hf_freshness_word((unsigned)freshness);
}
