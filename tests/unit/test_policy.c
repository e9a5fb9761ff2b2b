#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "match_policy.h"

#define ONE(list, name) (1u << HF_##list##_##name)

/* csam: exact only, of one hotline; near off. */
static struct hf_policy_row row_of(const char *set)
{
	struct hf_policy_row row;

	hf_policy_row_default(&row);
	snprintf(row.set, sizeof(row.set), "%s", set);
	return row;
}

static struct hf_policy *policy_of(const struct hf_policy_row *rows,
				   size_t rows_count)
{
	struct hf_policy *policy = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_policy_new(rows, rows_count, &policy, &why), &why);
	return policy;
}

static struct hf_policy_match match_of(const char *origin, unsigned class,
				       unsigned algorithm, unsigned distance)
{
	return (struct hf_policy_match){
		.origin = hf_span_of(origin),
		.content_class = class,
		.algorithm = algorithm,
		.distance = distance,
		.query_quality = 80,
		.entry_quality = 80,
		.freshness = HF_FRESHNESS_FRESH,
	};
}

static void without_rows_exact_blocks_and_near_is_reviewed(void **state)
{
	struct hf_policy *policy = policy_of(NULL, 0);
	struct hf_policy_answer answer;
	struct hf_policy_match match;
	char rule[HF_POLICY_RULE_SIZE];

	match = match_of("h.example/a/1", HF_CLASS_CSAM, HF_ALGORITHM_MD5, 0);
	assert_true(hf_policy_verdict(policy, &match, &answer));
	assert_int_equal(answer.verdict, HF_VERDICT_BLOCK);
	assert_int_equal(answer.row_number, 0);
	hf_policy_rule(policy, &answer, rule);
	assert_string_equal(rule, "default: exact=block near=review "
				  "distance=31 quality=50");
	match = match_of("h.example/a/1", HF_CLASS_NCII, HF_ALGORITHM_PDQ, 31);
	assert_true(hf_policy_verdict(policy, &match, &answer));
	assert_int_equal(answer.verdict, HF_VERDICT_REVIEW);
	match.distance = 32;
	assert_false(hf_policy_verdict(policy, &match, &answer));
	assert_int_equal(hf_policy_near_distance(policy), 31);
	hf_policy_free(policy);
}

static void equal_pdq_is_a_near_match(void **state)
{
	struct hf_policy *policy = policy_of(NULL, 0);
	struct hf_policy_match match =
		match_of("h.example/a/1", HF_CLASS_CSAM, HF_ALGORITHM_PDQ, 0);
	struct hf_policy_answer answer;

	assert_true(hf_policy_verdict(policy, &match, &answer));
	assert_int_equal(answer.verdict, HF_VERDICT_REVIEW);
	hf_policy_free(policy);
}

static void low_quality_on_either_side_is_no_near_match(void **state)
{
	static const struct {
		unsigned query, entry;
		bool want;
	} rows[] = {
		{ 50, 50, true },
		{ 49, 50, false },
		{ 50, 49, false },
		{ HF_QUALITY_NONE, 50, true },
		{ 50, HF_QUALITY_NONE, true },
		{ 0, 0, false },
	};
	struct hf_policy *policy = policy_of(NULL, 0);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_match match = match_of(
			"h.example/a/1", HF_CLASS_CSAM, HF_ALGORITHM_PDQ, 5);
		struct hf_policy_answer answer;

		match.query_quality = rows[i].query;
		match.entry_quality = rows[i].entry;
		assert_int_equal(hf_policy_verdict(policy, &match, &answer),
				 rows[i].want);
	}
	assert_false(hf_policy_indexes(policy, hf_span_of("h.example/a/1"),
				       HF_CLASS_CSAM, HF_ALGORITHM_PDQ, 49));
	assert_true(hf_policy_indexes(policy, hf_span_of("h.example/a/1"),
				      HF_CLASS_CSAM, HF_ALGORITHM_MD5, 0));
	hf_policy_free(policy);
}

static void one_row_can_say_exact_csam_and_no_more(void **state)
{
	static const struct {
		unsigned class, algorithm;
		bool want;
	} rows[] = {
		{ HF_CLASS_CSAM, HF_ALGORITHM_SHA256, true },
		{ HF_CLASS_CSAM, HF_ALGORITHM_PHOTODNA, true },
		{ HF_CLASS_CSAM, HF_ALGORITHM_PDQ, false },
		{ HF_CLASS_NCII, HF_ALGORITHM_SHA256, false },
		{ HF_CLASS_CSAM_SUSPECTED, HF_ALGORITHM_MD5, false },
	};
	struct hf_policy_row row = row_of("*");
	struct hf_policy *policy;

	row.classes = ONE(CLASS, CSAM);
	row.near = HF_POLICY_OFF;
	row.is_only = true;
	policy = policy_of(&row, 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_match match = match_of(
			"h.example/a/1", rows[i].class, rows[i].algorithm, 0);
		struct hf_policy_answer answer;

		assert_int_equal(hf_policy_indexes(policy, match.origin,
						   rows[i].class,
						   rows[i].algorithm, 90),
				 rows[i].want);
		assert_int_equal(hf_policy_verdict(policy, &match, &answer),
				 rows[i].want);
	}
	assert_int_equal(hf_policy_near_distance(policy), -1);
	hf_policy_free(policy);
}

static void the_first_row_that_names_it_decides(void **state)
{
	struct hf_policy_row table[3] = { row_of("hotline.example/ncii/2"),
					  row_of("hotline.example/*"),
					  row_of("*") };
	static const struct {
		const char *origin;
		unsigned class;
		size_t row;
		unsigned verdict;
	} rows[] = {
		{ "hotline.example/ncii/2", HF_CLASS_NCII, 1,
		  HF_VERDICT_IGNORE },
		{ "hotline.example/ncii/2", HF_CLASS_CSAM, 2,
		  HF_VERDICT_REVIEW },
		{ "hotline.example/ncii/1", HF_CLASS_NCII, 2,
		  HF_VERDICT_REVIEW },
		{ "hotline.example.org/ncii/1", HF_CLASS_NCII, 3,
		  HF_VERDICT_BLOCK },
		{ "otline.example/ncii/1", HF_CLASS_NCII, 3, HF_VERDICT_BLOCK },
	};
	struct hf_policy *policy;
	char rule[HF_POLICY_RULE_SIZE];
	struct hf_policy_answer answer;

	table[0].classes = ONE(CLASS, NCII) | ONE(CLASS, OTHER);
	table[0].exact = HF_VERDICT_IGNORE;
	table[0].near = HF_POLICY_OFF;
	table[1].exact = HF_VERDICT_REVIEW;
	table[2].near_distance = 40;
	policy = policy_of(table, 3);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_match match = match_of(
			rows[i].origin, rows[i].class, HF_ALGORITHM_SHA1, 0);

		assert_true(hf_policy_verdict(policy, &match, &answer));
		assert_int_equal(answer.row_number, rows[i].row);
		assert_int_equal(answer.verdict, rows[i].verdict);
	}
	answer = (struct hf_policy_answer){ .verdict = HF_VERDICT_IGNORE,
					    .row_number = 1 };
	hf_policy_rule(policy, &answer, rule);
	assert_string_equal(rule, "row 1: set=hotline.example/ncii/2 "
				  "class=ncii,other exact=ignore near=off");
	assert_int_equal(hf_policy_near_distance(policy), 40);
	hf_policy_free(policy);
}

/* Whoever set a row for a set did so for what goes on from it as well. */
static void a_row_of_an_epoch_holds_for_later_ones(void **state)
{
	struct hf_policy_row table[3] = { row_of("hotline.example/ncii/2"),
					  row_of("hotline.example/ncii/10"),
					  row_of("*") };
	static const struct {
		const char *origin;
		size_t row;
	} rows[] = {
		{ "hotline.example/ncii/1", 3 },
		{ "hotline.example/ncii/2", 1 },
		{ "hotline.example/ncii/3", 1 },
		{ "hotline.example/ncii/9", 1 },
		{ "hotline.example/ncii/10", 2 },
		{ "hotline.example/ncii/11", 2 },
		{ "hotline.example/ncii/100", 2 },
		{ "hotline.example/ncii-2/3", 3 },
		{ "otline.example/ncii/3", 3 },
	};
	struct hf_policy *policy;
	struct hf_policy_answer answer;

	/* The second names what its class is not in, and stands all the same
	 * before the first. */
	table[1].classes = ONE(CLASS, NCII);
	policy = policy_of(table, 3);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_match match = match_of(
			rows[i].origin, HF_CLASS_NCII, HF_ALGORITHM_SHA1, 0);

		assert_true(hf_policy_verdict(policy, &match, &answer));
		assert_int_equal(answer.row_number, rows[i].row);
		match.content_class = HF_CLASS_CSAM;
		assert_true(hf_policy_verdict(policy, &match, &answer));
		assert_int_equal(answer.row_number,
				 rows[i].row == 2 ? 3 : rows[i].row);
	}
	hf_policy_free(policy);
}

static void doubt_about_a_set_turns_block_into_review(void **state)
{
	enum hf_freshness expired = HF_FRESHNESS_EXPIRED;
	static const struct {
		const char *name;
		unsigned algorithm;
		bool is_provisional, is_frozen, is_demoted, is_expired;
		unsigned verdict;
		const char *tail;
		unsigned doubts;
	} rows[] = {
		{ "plain", HF_ALGORITHM_MD5, 0, 0, 0, 0, HF_VERDICT_BLOCK,
		  "quality=50", 0 },
		{ "provisional", HF_ALGORITHM_MD5, 1, 0, 0, 0,
		  HF_VERDICT_REVIEW, "; set not yet applied", 0 },
		{ "frozen", HF_ALGORITHM_MD5, 0, 1, 0, 0, HF_VERDICT_REVIEW,
		  "; set frozen", 0 },
		{ "demoted", HF_ALGORITHM_MD5, 0, 0, 1, 0, HF_VERDICT_REVIEW,
		  "; entry demoted", 0 },
		{ "expired, exact", HF_ALGORITHM_MD5, 0, 0, 0, 1,
		  HF_VERDICT_BLOCK, "quality=50", 0 },
		{ "expired, near", HF_ALGORITHM_PDQ, 0, 0, 0, 1,
		  HF_VERDICT_REVIEW, "; set expired", 0 },
		{ "disputed", HF_ALGORITHM_MD5, 0, 0, 0, 0, HF_VERDICT_REVIEW,
		  "; entry disputed", HF_INDEX_DISPUTED },
		{ "disputed, near", HF_ALGORITHM_PDQ, 0, 0, 0, 0,
		  HF_VERDICT_REVIEW, "; entry disputed", HF_INDEX_DISPUTED },
		{ "hot, exact", HF_ALGORITHM_MD5, 0, 0, 0, 0, HF_VERDICT_BLOCK,
		  "quality=50", HF_INDEX_HOT },
		{ "hot, near", HF_ALGORITHM_PDQ, 0, 0, 0, 0, HF_VERDICT_REVIEW,
		  "; entry hits too often", HF_INDEX_HOT },
		{ "overridden", HF_ALGORITHM_MD5, 0, 0, 0, 0, HF_VERDICT_IGNORE,
		  "; overridden here", HF_INDEX_IGNORED | HF_INDEX_DISPUTED },
	};
	struct hf_policy_row row = row_of("*");
	struct hf_policy *policy;

	row.near = HF_VERDICT_BLOCK;
	policy = policy_of(&row, 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_match match = match_of(
			"h.example/a/1", HF_CLASS_CSAM, rows[i].algorithm, 0);
		struct hf_policy_answer answer;
		char rule[HF_POLICY_RULE_SIZE];

		match.is_provisional = rows[i].is_provisional;
		match.is_frozen = rows[i].is_frozen;
		match.is_demoted = rows[i].is_demoted;
		match.doubts = rows[i].doubts;
		if (rows[i].is_expired)
			match.freshness = expired;
		assert_true(hf_policy_verdict(policy, &match, &answer));
		hf_policy_rule(policy, &answer, rule);
		if (answer.verdict != rows[i].verdict ||
		    strstr(rule, rows[i].tail) == NULL)
			fail_msg("%s: %s", rows[i].name, rule);
	}
	hf_policy_free(policy);
}

static void a_benign_hit_demotes_and_drops_nothing(void **state)
{
	struct hf_policy_row rows[2] = { row_of("memes.example/*"),
					 row_of("*") };
	struct hf_policy_answer answers[3];
	struct hf_policy_match match;
	struct hf_policy *policy;
	size_t chosen = 9;

	rows[0].is_benign = true;
	policy = policy_of(rows, 2);
	match = match_of("h.example/a/1", HF_CLASS_CSAM, HF_ALGORITHM_MD5, 0);
	assert_true(hf_policy_verdict(policy, &match, &answers[0]));
	assert_true(hf_policy_verdict(policy, &match, &answers[1]));
	match.origin = hf_span_of("memes.example/benign/1");
	assert_true(hf_policy_verdict(policy, &match, &answers[2]));
	assert_int_equal(answers[2].verdict, HF_VERDICT_IGNORE);
	assert_true(answers[2].is_benign);
	assert_int_equal(hf_policy_combine(answers, 2, &chosen),
			 HF_VERDICT_BLOCK);
	assert_int_equal(hf_policy_combine(answers, 3, &chosen),
			 HF_VERDICT_REVIEW);
	assert_int_equal(chosen, 0);
	assert_int_equal(hf_policy_combine(&answers[2], 1, &chosen),
			 HF_VERDICT_IGNORE);
	assert_int_equal(hf_policy_combine(answers, 0, &chosen), 0);
	hf_policy_free(policy);
}

static void a_bad_row_is_refused_with_its_number(void **state)
{
	static const struct {
		const char *set;
		unsigned classes, algorithms, exact, distance, quality;
		const char *says;
	} rows[] = {
		{ "hotline", 0, 0, 3, 31, 50, "row 2: set 'hotline'" },
		{ "", 0, 0, 3, 31, 50, "row 2: set ''" },
		{ "/*", 0, 0, 3, 31, 50, "row 2: set '/*'" },
		{ "a.example/b/*", 0, 0, 3, 31, 50, "row 2: set" },
		{ "*", 1, 0, 3, 31, 50, "row 2: a class" },
		{ "*", 64, 0, 3, 31, 50, "row 2: a class" },
		{ "*", 0, 128, 3, 31, 50, "row 2: an algorithm" },
		{ "*", 0, 0, 4, 31, 50, "row 2: exact and near" },
		{ "*", 0, 0, 3, 65, 50, "row 2: near distance 65 is over 64" },
		{ "*", 0, 0, 3, 31, 101, "row 2: quality 101 is over 100" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_row table[2] = { row_of("*"),
						  row_of(rows[i].set) };
		struct hf_policy *policy = NULL;
		struct hf_why why = { "" };

		table[1].classes = (uint16_t)rows[i].classes;
		table[1].algorithms = (uint16_t)rows[i].algorithms;
		table[1].exact = (uint8_t)rows[i].exact;
		table[1].near_distance = (uint16_t)rows[i].distance;
		table[1].quality_min = (uint8_t)rows[i].quality;
		assert_int_equal(hf_policy_new(table, 2, &policy, &why),
				 HF_E_ARGUMENT);
		assert_null(policy);
		if (strncmp(why.text, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("%s", why.text);
	}
}

static void a_set_that_is_off_is_not_followed_for_matching(void **state)
{
	struct hf_policy_row row = row_of("cases.example/*");
	struct hf_policy *policy;

	row.exact = HF_POLICY_OFF;
	row.near = HF_POLICY_OFF;
	policy = policy_of(&row, 1);
	assert_false(hf_policy_indexes_set(
		policy, hf_span_of("cases.example/case-7f/1")));
	assert_true(
		hf_policy_indexes_set(policy, hf_span_of("h.example/ncii/1")));
	hf_policy_free(policy);
}

static void the_longest_rule_fits(void **state)
{
	char set[HF_ORIGIN_MAX_BYTES + 1];
	char label[64];
	struct hf_policy_answer answer = { .verdict = HF_VERDICT_REVIEW,
					   .is_video = true,
					   .row_number = 1,
					   .because = HF_POLICY_UNSURE };
	struct hf_policy_row row;
	struct hf_policy *policy;
	char rule[HF_POLICY_RULE_SIZE];

	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(set, sizeof(set), "%s.%s.%s.%.57s.na/%s/4294967295", label,
		 label, label, label, label);
	row = row_of(set);
	row.classes = 62;
	row.algorithms = 126;
	policy = policy_of(&row, 1);
	hf_policy_rule(policy, &answer, rule);
	assert_non_null(strstr(rule, "; not all was compared"));
	hf_policy_free(policy);
}

static void a_video_needs_both_shares_at_its_rows_distance(void **state)
{
	static const struct {
		unsigned looked_up_min, listed_min;
		unsigned distance, looked_up, listed;
		bool matches;
	} rows[] = {
		{ 80, 0, 31, 80, 0, true },     { 80, 0, 31, 79, 100, false },
		{ 0, 80, 31, 0, 80, true },     { 0, 80, 31, 100, 79, false },
		{ 80, 70, 31, 80, 70, true },   { 80, 70, 31, 70, 80, false },
		{ 80, 0, 30, 100, 100, false }, { 80, 0, 32, 100, 100, false },
	};
	unsigned looked_up, listed;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_row row = row_of("*");
		struct hf_policy *policy;
		struct hf_policy_match match =
			match_of("h.example/a/1", HF_CLASS_NCII,
				 HF_ALGORITHM_VPDQ, rows[i].distance);
		struct hf_policy_answer answer;

		row.looked_up_min = (uint8_t)rows[i].looked_up_min;
		row.listed_min = (uint8_t)rows[i].listed_min;
		policy = policy_of(&row, 1);
		match.looked_up_percent = rows[i].looked_up;
		match.listed_percent = rows[i].listed;
		assert_int_equal(hf_policy_verdict(policy, &match, &answer),
				 rows[i].matches);
		assert_true(hf_policy_video(policy, 31, &looked_up, &listed));
		assert_int_equal(looked_up, rows[i].looked_up_min);
		assert_int_equal(listed, rows[i].listed_min);
		assert_false(hf_policy_video(policy, 30, &looked_up, &listed));
		hf_policy_free(policy);
	}
}

/* What was not compared to the end never blocks, whatever its shares, and is
 * said to be so; a row that is milder, or off, stays that. */
static void what_is_unsure_is_reviewed(void **state)
{
	static const struct {
		unsigned near, verdict;
	} rows[] = { { HF_VERDICT_BLOCK, HF_VERDICT_REVIEW },
		     { HF_VERDICT_REVIEW, HF_VERDICT_REVIEW },
		     { HF_VERDICT_IGNORE, HF_VERDICT_IGNORE },
		     { HF_POLICY_OFF, 0 } };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_policy_row row = row_of("*");
		struct hf_policy *policy;
		struct hf_policy_match match = match_of(
			"h.example/a/1", HF_CLASS_NCII, HF_ALGORITHM_VPDQ, 31);
		struct hf_policy_answer answer = { .verdict = 0 };
		char rule[HF_POLICY_RULE_SIZE];

		row.near = (uint8_t)rows[i].near;
		policy = policy_of(&row, 1);
		match.looked_up_percent = 1;
		assert_false(hf_policy_verdict(policy, &match, &answer));
		match.is_unsure = true;
		assert_int_equal(hf_policy_verdict(policy, &match, &answer),
				 rows[i].verdict != 0);
		assert_int_equal(answer.verdict, rows[i].verdict);
		if (rows[i].verdict != 0) {
			hf_policy_rule(policy, &answer, rule);
			assert_non_null(strstr(rule, "not all was compared"));
		}
		hf_policy_free(policy);
	}
}

/* The smallest of the rows that may decide, and nothing where none does. */
static void what_videos_are_asked_for_follows_from_the_rows(void **state)
{
	struct hf_policy_row rows[3] = { row_of("h.example/*"),
					 row_of("i.example/*"), row_of("*") };
	unsigned looked_up, listed;
	struct hf_policy *policy;

	rows[0].looked_up_min = 90;
	rows[0].listed_min = 20;
	rows[1].algorithms = ONE(ALGORITHM, PDQ);
	rows[1].near_distance = 12;
	rows[2].near = HF_POLICY_OFF;
	policy = policy_of(rows, 3);
	assert_true(hf_policy_video(policy, 31, &looked_up, &listed));
	assert_int_equal(looked_up, 90);
	assert_int_equal(listed, 20);
	assert_false(hf_policy_video(policy, 12, &looked_up, &listed));
	hf_policy_free(policy);
	rows[0].near = HF_POLICY_OFF;
	policy = policy_of(rows, 3);
	assert_false(hf_policy_video(policy, 31, &looked_up, &listed));
	hf_policy_free(policy);
	rows[0].looked_up_min = 101;
	assert_int_equal(hf_policy_new(rows, 3, &policy, NULL), HF_E_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			without_rows_exact_blocks_and_near_is_reviewed),
		cmocka_unit_test(equal_pdq_is_a_near_match),
		cmocka_unit_test(low_quality_on_either_side_is_no_near_match),
		cmocka_unit_test(one_row_can_say_exact_csam_and_no_more),
		cmocka_unit_test(the_first_row_that_names_it_decides),
		cmocka_unit_test(a_row_of_an_epoch_holds_for_later_ones),
		cmocka_unit_test(doubt_about_a_set_turns_block_into_review),
		cmocka_unit_test(a_benign_hit_demotes_and_drops_nothing),
		cmocka_unit_test(a_bad_row_is_refused_with_its_number),
		cmocka_unit_test(
			a_set_that_is_off_is_not_followed_for_matching),
		cmocka_unit_test(the_longest_rule_fits),
		cmocka_unit_test(
			a_video_needs_both_shares_at_its_rows_distance),
		cmocka_unit_test(what_is_unsure_is_reviewed),
		cmocka_unit_test(
			what_videos_are_asked_for_follows_from_the_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
