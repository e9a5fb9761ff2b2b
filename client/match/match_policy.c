#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "bytes.h"
#include "sha256.h"
#include "text.h"

#include "match_policy.h"

struct hf_policy {
	size_t rows_count;
	struct hf_policy_row rows[]; /* the default row stands behind them */
};

#define ALL_CLASSES    ((1u << HF_CLASS_COUNT) - 2u)
#define ALL_ALGORITHMS ((1u << HF_ALGORITHM_COUNT) - 2u)

void hf_policy_row_default(struct hf_policy_row *out_row)
{
	*out_row = (struct hf_policy_row){
		.set = "*",
		.exact = HF_VERDICT_BLOCK,
		.near = HF_VERDICT_REVIEW,
		.near_distance = HF_PDQ_DISTANCE,
		.quality_min = HF_POLICY_QUALITY_MIN,
		.looked_up_min = HF_POLICY_LOOKED_UP_MIN,
		.listed_min = HF_POLICY_LISTED_MIN,
	};
}

static bool set_pattern_is_good(const char *set)
{
	struct hf_span text = hf_span_of(set);

	if (hf_span_is(text, "*") || hf_text_is_origin(text))
		return true;
	if (text.len_bytes < 3 ||
	    memcmp(text.at + text.len_bytes - 2, "/*", 2) != 0)
		return false;
	text.len_bytes -= 2;
	return hf_text_is_domain(text);
}

enum hf_err hf_policy_check(const struct hf_policy_row *row, size_t row_number,
			    struct hf_why *why)
{
	if (memchr(row->set, '\0', sizeof(row->set)) == NULL ||
	    !set_pattern_is_good(row->set))
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: set '%.*s' is not '*', 'domain/*' or "
			      "an origin as hotline.example/ncii/1",
			      row_number, 80, row->set);
	if ((row->classes & ~ALL_CLASSES) != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: a class is not one of csam, "
			      "csam-suspected, ncii, terrorist, other",
			      row_number);
	if ((row->algorithms & ~ALL_ALGORITHMS) != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: an algorithm is not one of md5, sha1, "
			      "sha256, pdq, photodna, vpdq",
			      row_number);
	if (row->exact >= HF_VERDICT_COUNT || row->near >= HF_VERDICT_COUNT)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: exact and near take block, review, "
			      "ignore or off",
			      row_number);
	if (row->near_distance > HF_PDQ_DISTANCE_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: near distance %u is over %d",
			      row_number, row->near_distance,
			      HF_PDQ_DISTANCE_MAX);
	if (row->quality_min > 100)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: quality %u is over 100", row_number,
			      row->quality_min);
	if (row->organisations_min > HF_POLICY_ORGANISATIONS_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: %u organisations are over %d",
			      row_number, row->organisations_min,
			      HF_POLICY_ORGANISATIONS_MAX);
	if (row->looked_up_min > 100 || row->listed_min > 100)
		return hf_why(why, HF_E_ARGUMENT,
			      "row %zu: %u percent looked up or %u listed is "
			      "over 100",
			      row_number, row->looked_up_min, row->listed_min);
	return HF_OK;
}

enum hf_err hf_policy_new(const struct hf_policy_row *rows, size_t rows_count,
			  struct hf_policy **out_policy, struct hf_why *why)
{
	struct hf_policy *policy;

	if (rows_count > HF_POLICY_ROWS_MAX)
		return hf_why(why, HF_E_LIMIT, "%zu policy rows are over %d",
			      rows_count, HF_POLICY_ROWS_MAX);
	for (size_t i = 0; i < rows_count; i++) {
		enum hf_err err = hf_policy_check(&rows[i], i + 1, why);

		if (err != HF_OK)
			return err;
	}
	policy = malloc(sizeof(*policy) +
			(rows_count + 1) * sizeof(policy->rows[0]));
	if (policy == NULL)
		return hf_why(why, HF_E_NOMEM, "policy: no memory");
	policy->rows_count = rows_count;
	if (rows_count > 0)
		memcpy(policy->rows, rows, rows_count * sizeof(rows[0]));
	hf_policy_row_default(&policy->rows[rows_count]);
	*out_policy = policy;
	return HF_OK;
}

void hf_policy_free(struct hf_policy *policy)
{
	free(policy);
}

/* Does a row name an epoch of this set that is later than another row's, and
 * not later than this one? */
static bool is_overtaken(const struct hf_policy *policy,
			 const struct hf_policy_row *row, struct hf_span origin)
{
	for (size_t i = 0; i < policy->rows_count; i++) {
		struct hf_span set = hf_span_of(policy->rows[i].set);

		if (hf_text_is_later_epoch(set, hf_span_of(row->set)) &&
		    !hf_text_is_later_epoch(set, origin))
			return true;
	}
	return false;
}

static bool names_set(const struct hf_policy *policy,
		      const struct hf_policy_row *row, struct hf_span origin)
{
	size_t len_bytes = strlen(row->set);

	if (strcmp(row->set, "*") == 0)
		return true;
	if (row->set[len_bytes - 1] == '*')
		return origin.len_bytes >= len_bytes &&
		       memcmp(origin.at, row->set, len_bytes - 1) == 0;
	return hf_span_is(origin, row->set) ||
	       (hf_text_is_later_epoch(origin, hf_span_of(row->set)) &&
		!is_overtaken(policy, row, origin));
}

static bool names(unsigned mask, unsigned number)
{
	return mask == 0 || (number < 16 && (mask >> number & 1) != 0);
}

/* The row that decides, NULL when that is "nothing else of this set". */
static const struct hf_policy_row *find_row(const struct hf_policy *policy,
					    struct hf_span origin,
					    unsigned content_class,
					    unsigned algorithm)
{
	for (size_t i = 0; i < policy->rows_count; i++) {
		const struct hf_policy_row *row = &policy->rows[i];

		if (!names_set(policy, row, origin))
			continue;
		if (names(row->classes, content_class) &&
		    names(row->algorithms, algorithm))
			return row;
		if (row->is_only)
			return NULL;
	}
	return &policy->rows[policy->rows_count];
}

static bool is_near(unsigned algorithm)
{
	return algorithm == HF_ALGORITHM_PDQ || algorithm == HF_ALGORITHM_VPDQ;
}

static bool is_good_enough(const struct hf_policy_row *row, unsigned quality)
{
	return quality == HF_QUALITY_NONE || quality >= row->quality_min;
}

bool hf_policy_indexes(const struct hf_policy *policy, struct hf_span origin,
		       unsigned content_class, unsigned algorithm,
		       unsigned quality)
{
	const struct hf_policy_row *row =
		find_row(policy, origin, content_class, algorithm);

	if (row == NULL)
		return false;
	if (!is_near(algorithm))
		return row->exact != HF_POLICY_OFF;
	return row->near != HF_POLICY_OFF && is_good_enough(row, quality);
}

bool hf_policy_indexes_set(const struct hf_policy *policy,
			   struct hf_span origin)
{
	for (unsigned class = 1; class < HF_CLASS_COUNT; class ++) {
		for (unsigned algorithm = 1; algorithm < HF_ALGORITHM_COUNT;
		     algorithm++) {
			if (hf_policy_indexes(policy, origin, class, algorithm,
					      HF_QUALITY_NONE))
				return true;
		}
	}
	return false;
}

uint64_t hf_policy_mark(const struct hf_policy *policy)
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	for (size_t i = 0; i <= policy->rows_count; i++) {
		const struct hf_policy_row *row = &policy->rows[i];
		const uint32_t numbers[] = {
			row->classes,
			row->algorithms,
			row->exact,
			row->near,
			row->near_distance,
			row->quality_min,
			row->is_benign,
			row->is_only,
			row->looked_up_min,
			row->listed_min,
			row->organisations_min,
		};

		hf_sha256_update(&hash, row->set, strlen(row->set) + 1);
		hf_sha256_update(&hash, numbers, sizeof(numbers));
	}
	hf_sha256_final(&hash, digest);
	return hf_be64(digest) | 1;
}

/* A row for every set, class and algorithm, or one that ends the list for
 * every set, hides what follows. */
static bool hides_rest(const struct hf_policy_row *row, unsigned algorithm)
{
	return strcmp(row->set, "*") == 0 &&
	       (row->is_only ||
		((row->classes == 0 || row->classes == ALL_CLASSES) &&
		 names(row->algorithms, algorithm)));
}

int hf_policy_near_distance(const struct hf_policy *policy)
{
	int most = -1;

	for (size_t i = 0; i <= policy->rows_count; i++) {
		const struct hf_policy_row *row = &policy->rows[i];

		if (row->near != HF_POLICY_OFF &&
		    names(row->algorithms, HF_ALGORITHM_PDQ) &&
		    (int)row->near_distance > most)
			most = row->near_distance;
		if (hides_rest(row, HF_ALGORITHM_PDQ))
			break;
	}
	return most;
}

bool hf_policy_video(const struct hf_policy *policy, unsigned distance,
		     unsigned *out_looked_up_min, unsigned *out_listed_min)
{
	unsigned looked_up = 101, listed = 101;

	for (size_t i = 0; i <= policy->rows_count; i++) {
		const struct hf_policy_row *row = &policy->rows[i];

		if (row->near != HF_POLICY_OFF &&
		    row->near_distance == distance &&
		    names(row->algorithms, HF_ALGORITHM_VPDQ)) {
			if (row->looked_up_min < looked_up)
				looked_up = row->looked_up_min;
			if (row->listed_min < listed)
				listed = row->listed_min;
		}
		if (hides_rest(row, HF_ALGORITHM_VPDQ))
			break;
	}
	if (looked_up > 100)
		return false;
	*out_looked_up_min = looked_up;
	*out_listed_min = listed;
	return true;
}

int hf_policy_video_distance(const struct hf_policy *policy,
			     unsigned *out_looked_up_min)
{
	unsigned looked_up, listed;
	int largest = -1;

	*out_looked_up_min = 100;
	for (int d = HF_PDQ_DISTANCE_MAX; d >= 0; d--) {
		if (!hf_policy_video(policy, (unsigned)d, &looked_up, &listed))
			continue;
		if (looked_up < *out_looked_up_min)
			*out_looked_up_min = looked_up;
		if (largest < 0)
			largest = d;
	}
	return largest;
}

static bool is_near_enough(const struct hf_policy_row *row,
			   const struct hf_policy_match *match)
{
	if (match->algorithm == HF_ALGORITHM_VPDQ)
		return match->distance == row->near_distance &&
		       (match->is_unsure ||
			(match->looked_up_percent >= row->looked_up_min &&
			 match->listed_percent >= row->listed_min));
	if (match->algorithm != HF_ALGORITHM_PDQ)
		return match->distance == 0;
	return match->distance <= row->near_distance &&
	       is_good_enough(row, match->query_quality) &&
	       is_good_enough(row, match->entry_quality);
}

/* What makes a BLOCK of this match a REVIEW. */
static enum hf_policy_because doubt(const struct hf_policy_match *match)
{
	if (match->is_unsure)
		return HF_POLICY_UNSURE;
	if (match->is_provisional)
		return HF_POLICY_PROVISIONAL;
	if (match->is_frozen)
		return HF_POLICY_FROZEN;
	if (match->is_demoted)
		return HF_POLICY_DEMOTED;
	if ((match->doubts & HF_INDEX_DISPUTED) != 0)
		return HF_POLICY_DISPUTED;
	if (match->is_held)
		return HF_POLICY_HELD;
	if ((match->doubts & HF_INDEX_HOT) != 0 && is_near(match->algorithm))
		return HF_POLICY_HOT;
	if (match->freshness == HF_FRESHNESS_EXPIRED &&
	    is_near(match->algorithm))
		return HF_POLICY_EXPIRED;
	return HF_POLICY_AS_WRITTEN;
}

bool hf_policy_verdict(const struct hf_policy *policy,
		       const struct hf_policy_match *match,
		       struct hf_policy_answer *out_answer)
{
	const struct hf_policy_row *row = find_row(
		policy, match->origin, match->content_class, match->algorithm);
	struct hf_policy_answer answer = { .because = HF_POLICY_AS_WRITTEN };
	unsigned verdict;

	if (row == NULL)
		return false;
	verdict = is_near(match->algorithm) ? row->near : row->exact;
	if (verdict == HF_POLICY_OFF || !is_near_enough(row, match))
		return false;
	answer.is_video = match->algorithm == HF_ALGORITHM_VPDQ;
	if ((size_t)(row - policy->rows) < policy->rows_count)
		answer.row_number = (size_t)(row - policy->rows) + 1;
	answer.organisations_min = row->organisations_min;
	answer.is_doubted = (match->doubts & HF_INDEX_IGNORED) != 0 ||
			    row->is_benign ||
			    doubt(match) != HF_POLICY_AS_WRITTEN;
	if ((match->doubts & HF_INDEX_IGNORED) != 0) {
		answer.because = HF_POLICY_OVERRIDDEN;
		verdict = HF_VERDICT_IGNORE;
	} else if (row->is_benign) {
		answer.is_benign = true;
		answer.because = HF_POLICY_BENIGN;
		verdict = HF_VERDICT_IGNORE;
	} else if (verdict == HF_VERDICT_BLOCK || match->is_unsure) {
		answer.because = doubt(match);
		if (answer.because != HF_POLICY_AS_WRITTEN &&
		    verdict == HF_VERDICT_BLOCK)
			verdict = HF_VERDICT_REVIEW;
	}
	answer.verdict = (enum hf_verdict)verdict;
	*out_answer = answer;
	return true;
}

unsigned hf_policy_combine(const struct hf_policy_answer *answers,
			   size_t answers_count, size_t *out_chosen)
{
	unsigned worst = 0;
	size_t chosen = 0;
	bool is_benign = false;

	for (size_t i = 0; i < answers_count; i++) {
		is_benign = is_benign || answers[i].is_benign;
		if (answers[i].verdict > worst) {
			worst = answers[i].verdict;
			chosen = i;
		}
	}
	if (worst == HF_VERDICT_BLOCK && is_benign)
		worst = HF_VERDICT_REVIEW;
	if (answers_count > 0)
		*out_chosen = chosen;
	return worst;
}

static const char *verdict_or_off(unsigned verdict)
{
	return verdict == HF_POLICY_OFF ? "off" : hf_verdict_word(verdict);
}

/* " class=csam,ncii"; nothing for all. */
static size_t put_mask(char *out_text, size_t size_bytes, const char *name,
		       unsigned mask, unsigned count,
		       const char *(*word)(unsigned))
{
	const char *sign = "=";
	size_t used = 0;

	if (mask == 0)
		return 0;
	used += (size_t)snprintf(out_text, size_bytes, " %s", name);
	for (unsigned i = 1; i < count && used < size_bytes; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		used += (size_t)snprintf(out_text + used, size_bytes - used,
					 "%s%s", sign, word(i));
		sign = ",";
	}
	return used < size_bytes ? used : size_bytes - 1;
}

void hf_policy_rule(const struct hf_policy *policy,
		    const struct hf_policy_answer *answer,
		    char out_text[static HF_POLICY_RULE_SIZE])
{
	static const char *const because[] = {
		[HF_POLICY_AS_WRITTEN] = "",
		[HF_POLICY_PROVISIONAL] = "; set not yet applied",
		[HF_POLICY_FROZEN] = "; set frozen",
		[HF_POLICY_DEMOTED] = "; entry demoted",
		[HF_POLICY_EXPIRED] = "; set expired",
		[HF_POLICY_BENIGN] = "; benign",
		[HF_POLICY_UNSURE] = "; not all was compared",
		[HF_POLICY_DISPUTED] = "; entry disputed",
		[HF_POLICY_HELD] = "; too many entries at once, held",
		[HF_POLICY_HOT] = "; entry hits too often",
		[HF_POLICY_FEW] = "; too few organisations",
		[HF_POLICY_OVERRIDDEN] = "; overridden here",
	};
	size_t number = answer->row_number <= policy->rows_count
				? answer->row_number
				: 0;
	const struct hf_policy_row *row =
		&policy->rows[number > 0 ? number - 1 : policy->rows_count];
	size_t used = 0, room;

	if (number > 0)
		used += (size_t)snprintf(out_text, HF_POLICY_RULE_SIZE,
					 "row %zu: set=%s", number, row->set);
	else
		used += (size_t)snprintf(out_text, HF_POLICY_RULE_SIZE,
					 "default:");
	used += put_mask(out_text + used, HF_POLICY_RULE_SIZE - used, "class",
			 row->classes, HF_CLASS_COUNT, hf_class_word);
	used += put_mask(out_text + used, HF_POLICY_RULE_SIZE - used,
			 "algorithm", row->algorithms, HF_ALGORITHM_COUNT,
			 hf_algorithm_word);
	used += (size_t)snprintf(out_text + used, HF_POLICY_RULE_SIZE - used,
				 " exact=%s near=%s",
				 verdict_or_off(row->exact),
				 verdict_or_off(row->near));
	if (row->near != HF_POLICY_OFF && used < HF_POLICY_RULE_SIZE)
		used += (size_t)(answer->is_video
					 ? snprintf(out_text + used,
						    HF_POLICY_RULE_SIZE - used,
						    " distance=%u "
						    "video-looked-up=%u "
						    "video-listed=%u",
						    row->near_distance,
						    row->looked_up_min,
						    row->listed_min)
					 : snprintf(out_text + used,
						    HF_POLICY_RULE_SIZE - used,
						    " distance=%u quality=%u",
						    row->near_distance,
						    row->quality_min));
	if (row->organisations_min > 1 && used < HF_POLICY_RULE_SIZE)
		used += (size_t)snprintf(
			out_text + used, HF_POLICY_RULE_SIZE - used,
			" organisations=%u", row->organisations_min);
	if ((unsigned)answer->because >= sizeof(because) / sizeof(because[0]))
		return;
	/* Rather less of a long row than not why. */
	room = HF_POLICY_RULE_SIZE - strlen(because[answer->because]) - 1;
	strcpy(out_text + (used < room ? used : room),
	       because[answer->because]);
}
