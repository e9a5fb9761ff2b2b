#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

#include "match_segment.h"
#include "match_sets.h"

#define KIND  "sets"
#define MAGIC "HFSETS01"

#define FLAG_KNOWN       1u
#define FLAG_OWN         2u
#define FLAG_MATCHABLE   4u
#define FLAG_PROVISIONAL 8u
#define FLAG_FROZEN      16u

/* Policy rows follow this, and sets follow them. */
struct file {
	struct hf_match_map_header header;
	uint64_t stale_ms;
	uint64_t expired_ms;
	uint32_t policy_rows_count;
	uint32_t rows_count;
	uint8_t sum[HF_SHA256_BYTES]; /* with this zero, up to the sets */
};

struct policy_row {
	char set[332];
	uint16_t classes;
	uint16_t algorithms;
	uint16_t near_distance;
	uint8_t exact;
	uint8_t near;
	uint8_t quality_min;
	uint8_t looked_up_min;
	uint8_t listed_min;
	uint8_t is_benign;
	uint8_t is_only;
	uint8_t organisations_min;
	uint8_t zero[6];
};

_Static_assert(sizeof(((struct policy_row *)NULL)->set) > HF_ORIGIN_MAX_BYTES,
	       "a set does not fit a policy row");

/* Flags are stored last, so that what stands beside them is there. */
struct hf_match_set_row {
	uint32_t flags;              /* atomic */
	uint32_t turns;              /* atomic; of set 0, which is none */
	uint64_t checkpoint_ms;      /* atomic */
	uint64_t held_from_plus_one; /* atomic */
	uint64_t origin_mix;         /* of the origin: it is what was written */
	char origin[336];
};

_Static_assert(sizeof(((struct hf_match_set_row *)NULL)->origin) >
		       HF_ORIGIN_MAX_BYTES,
	       "an origin does not fit");

static size_t rules_bytes(uint64_t policy_rows_count)
{
	return sizeof(struct file) +
	       policy_rows_count * sizeof(struct policy_row);
}

static struct policy_row *policy_rows(const struct hf_match_sets *sets)
{
	return (struct policy_row *)(sets->map.at + sizeof(struct file));
}

/* Of everything that does not change. */
static void sum_rules(const struct hf_match_sets *sets,
		      uint8_t out_sum[static HF_SHA256_BYTES])
{
	const struct file *file = (const struct file *)sets->map.at;
	struct file head = *file;
	struct hf_sha256 sum;

	memset(head.sum, 0, sizeof(head.sum));
	hf_sha256_init(&sum);
	hf_sha256_update(&sum, &head, sizeof(head));
	hf_sha256_update(&sum, policy_rows(sets),
			 head.policy_rows_count * sizeof(struct policy_row));
	hf_sha256_final(&sum, out_sum);
}

static enum hf_err sets_new(uint64_t number, struct hf_match_sets **out_sets,
			    struct hf_why *why)
{
	struct hf_match_sets *sets = calloc(1, sizeof(*sets));

	if (sets == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory for sets");
	sets->references = 1;
	sets->number = number;
	*out_sets = sets;
	return HF_OK;
}

/* Into zeros. */
static void put_row(struct policy_row *to, const struct hf_policy_row *from)
{
	strcpy(to->set, from->set);
	to->classes = from->classes;
	to->algorithms = from->algorithms;
	to->near_distance = from->near_distance;
	to->exact = from->exact;
	to->near = from->near;
	to->quality_min = from->quality_min;
	to->looked_up_min = from->looked_up_min;
	to->listed_min = from->listed_min;
	to->organisations_min = from->organisations_min;
	to->is_benign = from->is_benign;
	to->is_only = from->is_only;
}

void hf_match_sets_rules_sum(const struct hf_match_sets_rules *rules,
			     uint8_t out_sum[static HF_SHA256_BYTES])
{
	struct hf_sha256 sum;

	hf_sha256_init(&sum);
	hf_sha256_update(&sum, &rules->ages.stale_ms,
			 sizeof(rules->ages.stale_ms));
	hf_sha256_update(&sum, &rules->ages.expired_ms,
			 sizeof(rules->ages.expired_ms));
	for (size_t i = 0; i < rules->rows_count; i++) {
		struct policy_row row;

		memset(&row, 0, sizeof(row));
		put_row(&row, &rules->rows[i]);
		hf_sha256_update(&sum, &row, sizeof(row));
	}
	hf_sha256_final(&sum, out_sum);
}

static void put_rules(struct hf_match_sets *sets,
		      const struct hf_match_sets_rules *rules)
{
	struct file *file = (struct file *)sets->map.at;

	file->stale_ms = rules->ages.stale_ms;
	file->expired_ms = rules->ages.expired_ms;
	file->policy_rows_count = (uint32_t)rules->rows_count;
	file->rows_count = sets->rows_count;
	for (size_t i = 0; i < rules->rows_count; i++)
		put_row(&policy_rows(sets)[i], &rules->rows[i]);
	sum_rules(sets, file->sum);
}

enum hf_err hf_match_sets_create(const char *dir, uint64_t number,
				 const struct hf_match_sets_rules *rules,
				 uint32_t rows_count,
				 const struct hf_match_sets *before,
				 struct hf_match_sets **out_sets,
				 struct hf_why *why)
{
	size_t head_bytes = rules_bytes(rules->rows_count);
	struct hf_match_sets *sets;
	enum hf_err err = sets_new(number, &sets, why);

	if (err != HF_OK)
		return err;
	sets->rows_count = rows_count;
	err = hf_match_map_create(dir, KIND, number, MAGIC,
				  head_bytes + (size_t)rows_count *
						       sizeof(sets->rows[0]),
				  &sets->map, why);
	if (err != HF_OK) {
		hf_match_sets_unref(sets);
		return err;
	}
	sets->rows = (struct hf_match_set_row *)(sets->map.at + head_bytes);
	put_rules(sets, rules);
	for (uint32_t i = 0;
	     before != NULL && i < before->rows_count && i < rows_count; i++)
		sets->rows[i] = before->rows[i];
	*out_sets = sets;
	return HF_OK;
}

static enum hf_err damaged(const struct hf_match_sets *sets, const char *dir,
			   struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT,
		      "index file '%s/" KIND "-%08" PRIx64 "' is damaged", dir,
		      sets->number);
}

static enum hf_err take_policy(struct hf_match_sets *sets, uint32_t count,
			       struct hf_why *why)
{
	struct hf_policy_row *rows = calloc(count + 1, sizeof(*rows));
	enum hf_err err;

	if (rows == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory for sets");
	for (uint32_t i = 0; i < count; i++) {
		const struct policy_row *from = &policy_rows(sets)[i];

		rows[i] = (struct hf_policy_row){
			.classes = from->classes,
			.algorithms = from->algorithms,
			.exact = from->exact,
			.near = from->near,
			.near_distance = from->near_distance,
			.quality_min = from->quality_min,
			.looked_up_min = from->looked_up_min,
			.listed_min = from->listed_min,
			.organisations_min = from->organisations_min,
			.is_benign = from->is_benign != 0,
			.is_only = from->is_only != 0,
		};
		memcpy(rows[i].set, from->set, sizeof(rows[i].set));
	}
	err = hf_policy_new(rows, count, &sets->policy, why);
	free(rows);
	return err;
}

enum hf_err hf_match_sets_open(const char *dir, uint64_t number,
			       struct hf_match_sets **out_sets,
			       struct hf_why *why)
{
	struct hf_match_sets *sets;
	uint8_t sum[HF_SHA256_BYTES];
	struct file file;
	enum hf_err err = sets_new(number, &sets, why);

	if (err != HF_OK)
		return err;
	err = hf_match_map_open(dir, KIND, number, MAGIC, sizeof(file),
				&sets->map, why);
	if (err != HF_OK)
		goto out_unref;
	memcpy(&file, sets->map.at, sizeof(file));
	sets->rows_count = file.rows_count;
	sets->ages = (struct hf_fresh_ages){ file.stale_ms, file.expired_ms };
	if (file.policy_rows_count > HF_POLICY_ROWS_MAX ||
	    rules_bytes(file.policy_rows_count) +
			    (uint64_t)file.rows_count * sizeof(sets->rows[0]) !=
		    sets->map.len_bytes) {
		err = damaged(sets, dir, why);
		goto out_unref;
	}
	sum_rules(sets, sum);
	if (memcmp(sum, file.sum, sizeof(sum)) != 0) {
		err = damaged(sets, dir, why);
		goto out_unref;
	}
	sets->rows =
		(struct hf_match_set_row *)(sets->map.at +
					    rules_bytes(
						    file.policy_rows_count));
	err = take_policy(sets, file.policy_rows_count, why);
	if (err != HF_OK)
		goto out_unref;
	*out_sets = sets;
	return HF_OK;

out_unref:
	hf_match_sets_unref(sets);
	return err;
}

struct hf_match_sets *hf_match_sets_ref(struct hf_match_sets *sets)
{
	__atomic_fetch_add(&sets->references, 1, __ATOMIC_RELAXED);
	return sets;
}

void hf_match_sets_unref(struct hf_match_sets *sets)
{
	if (sets == NULL ||
	    __atomic_fetch_sub(&sets->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	hf_match_map_release(&sets->map);
	hf_policy_free(sets->policy);
	free(sets);
}

static uint64_t mix_origin(const char origin[static 336])
{
	return hf_match_digest_mix((const uint8_t *)origin, 336);
}

void hf_match_sets_put(struct hf_match_sets *sets,
		       const struct hf_judge_set *set)
{
	struct hf_match_set_row *row = &sets->rows[set->set];
	uint32_t flags = FLAG_KNOWN;

	flags |= set->is_own ? FLAG_OWN : 0;
	flags |= set->is_matchable ? FLAG_MATCHABLE : 0;
	flags |= set->is_provisional ? FLAG_PROVISIONAL : 0;
	flags |= set->is_frozen ? FLAG_FROZEN : 0;
	/* A number means one set for ever. */
	if (row->flags == 0) {
		strncpy(row->origin, set->origin, sizeof(row->origin) - 1);
		row->origin_mix = mix_origin(row->origin);
	}
	__atomic_store_n(&row->checkpoint_ms, set->checkpoint_ms,
			 __ATOMIC_RELEASE);
	__atomic_store_n(&row->held_from_plus_one, set->held_from_plus_one,
			 __ATOMIC_RELEASE);
	__atomic_store_n(&row->flags, flags, __ATOMIC_RELEASE);
}

void hf_match_sets_turn(struct hf_match_sets *sets)
{
	if (sets->rows_count > 0)
		__atomic_fetch_add(&sets->rows[0].turns, 1, __ATOMIC_SEQ_CST);
}

uint32_t hf_match_sets_turns(const struct hf_match_sets *sets)
{
	return sets->rows_count > 0
		       ? __atomic_load_n(&sets->rows[0].turns, __ATOMIC_SEQ_CST)
		       : 0;
}

bool hf_match_sets_get(const struct hf_match_sets *sets, uint32_t set,
		       struct hf_judge_set *out_set)
{
	const struct hf_match_set_row *row;
	char origin[336];
	uint32_t flags;

	if (set >= sets->rows_count)
		return false;
	row = &sets->rows[set];
	flags = __atomic_load_n(&row->flags, __ATOMIC_ACQUIRE);
	if ((flags & FLAG_KNOWN) == 0)
		return false;
	memcpy(origin, row->origin, sizeof(origin));
	if (mix_origin(origin) != row->origin_mix ||
	    memchr(origin, '\0', sizeof(out_set->origin)) == NULL)
		return false;
	*out_set = (struct hf_judge_set){
		.set = set,
		.is_own = (flags & FLAG_OWN) != 0,
		.is_matchable = (flags & FLAG_MATCHABLE) != 0,
		.is_provisional = (flags & FLAG_PROVISIONAL) != 0,
		.is_frozen = (flags & FLAG_FROZEN) != 0,
		.checkpoint_ms =
			__atomic_load_n(&row->checkpoint_ms, __ATOMIC_ACQUIRE),
		.held_from_plus_one = __atomic_load_n(&row->held_from_plus_one,
						      __ATOMIC_ACQUIRE),
	};
	memcpy(out_set->origin, origin, sizeof(out_set->origin));
	return true;
}

void hf_match_sets_remove(const char *dir, const struct hf_match_sets *sets)
{
	if (sets != NULL)
		hf_match_map_remove(dir, KIND, sets->number);
}
