/*
 * Verdicts in place: what the writer tells of sets and policy is what the
 * library judges by, from the next lookup on.
 */
#include "match_model.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "clock.h"
#include "hashfed.h"
#include "match_tell.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

static const struct hf_match_sets_rules default_rules = {
	.ages = { .stale_ms = DAY_MS, .expired_ms = 7 * DAY_MS },
};

static struct hf_judge_set a_set(uint32_t number)
{
	struct hf_judge_set set = {
		.set = number,
		.is_matchable = true,
		.checkpoint_ms = hf_clock_wall_ms(),
	};

	snprintf(set.origin, sizeof(set.origin), "hotline.example/set%u/1",
		 number);
	return set;
}

static void add_hash(struct hf_index *index, uint32_t set, uint64_t entry,
		     unsigned algorithm)
{
	uint8_t digest[32];
	const struct hf_index_hash hash = {
		.set = set,
		.entry = entry,
		.algorithm = (uint8_t)algorithm,
		.content_class = HF_CLASS_NCII,
		.quality = 80,
		.digest = digest,
	};
	struct hf_why why = { "" };

	numbered_digest(entry, digest);
	assert_ok(hf_index_add(index, &hash, 1, &why), &why);
}

/* An index with rules, one set, and entry 1 of it by SHA-256 and PDQ. */
static void begin_told(struct place *place,
		       const struct hf_match_sets_rules *rules)
{
	struct hf_judge_set set = a_set(3);
	struct hf_why why = { "" };

	open_index(place);
	assert_ok(hf_index_tell_rules(place->index, rules, &why), &why);
	assert_ok(hf_index_tell_room(place->index, 3, &why), &why);
	hf_index_tell_set(place->index, &set);
	add_hash(place->index, 3, 1, HF_ALGORITHM_SHA256);
	add_hash(place->index, 3, 1, HF_ALGORITHM_PDQ);
}

static struct hashfed *open_library(struct place *place)
{
	struct hashfed *hashfed = NULL;
	char text[256] = "";

	if (hashfed_open(place->dir, &hashfed, text, sizeof(text)) !=
	    HASHFED_OK)
		fail_msg("%s", text);
	return hashfed;
}

/* Item 0 by SHA-256, item 1 by PDQ three bits away. */
static void look_up(struct hashfed *hashfed, uint64_t entry,
		    struct hashfed_answer *answer)
{
	uint8_t digest[32], near[32];
	const struct hashfed_hash hashes[] = {
		{ 0, HASHFED_SHA256, HASHFED_NO_QUALITY, digest, 0 },
		{ 1, HASHFED_PDQ, 90, near, 0 },
	};

	numbered_digest(entry, digest);
	numbered_digest(entry, near);
	near[4] ^= 0x31;
	if (hashfed_lookup(hashfed, hashes, ROWS(hashes), answer) != HASHFED_OK)
		fail_msg("%s", hashfed_answer_text(answer));
}

static void what_is_told_of_a_set_changes_the_next_verdict(void **state)
{
	const uint64_t now_ms = hf_clock_wall_ms();
	const struct {
		const char *name;
		bool is_provisional, is_frozen, is_demoted, is_expired;
		bool is_unmatchable;
		unsigned doubts;
		uint64_t held_from_plus_one;
		uint64_t age_ms;
		int exact, near, freshness;
		const char *because;
	} rows[] = {
		/* clang-format off */
		{ "as written", .exact = 3, .near = 2, .freshness = 1,
		  .because = "quality=50" },
		{ "provisional", .is_provisional = true, .exact = 2, .near = 2,
		  .freshness = 1, .because = "; set not yet applied" },
		{ "frozen", .is_frozen = true, .exact = 2, .near = 2,
		  .freshness = 1, .because = "; set frozen" },
		{ "demoted", .is_demoted = true, .exact = 2, .near = 2,
		  .freshness = 1, .because = "; entry demoted" },
		{ "disputed", .doubts = HF_INDEX_DISPUTED, .exact = 2,
		  .near = 2, .freshness = 1, .because = "; entry disputed" },
		{ "held", .held_from_plus_one = 2, .exact = 2, .near = 2,
		  .freshness = 1, .because = "at once, held" },
		{ "held, but for the entry", .held_from_plus_one = 3,
		  .exact = 3, .near = 2, .freshness = 1,
		  .because = "quality=50" },
		{ "hot, which lets exact hits block", .doubts = HF_INDEX_HOT,
		  .exact = 3, .near = 2, .freshness = 1,
		  .because = "quality=50" },
		{ "overridden", .doubts = HF_INDEX_IGNORED, .exact = 1,
		  .near = 1, .freshness = 1, .because = "; overridden here" },
		{ "stale", .age_ms = 2 * DAY_MS, .exact = 3, .near = 2,
		  .freshness = 2, .because = "quality=50" },
		{ "expired set", .age_ms = 8 * DAY_MS, .exact = 3, .near = 2,
		  .freshness = 3, .because = "quality=50" },
		{ "expired entry", .is_expired = true },
		{ "left", .is_unmatchable = true },
		{ "as written again", .exact = 3, .near = 2, .freshness = 1,
		  .because = "quality=50" },
		/* clang-format on */
	};
	struct hashfed_answer *answer = hashfed_answer_new();
	struct place *place = *state;
	struct hashfed *hashfed;

	begin_told(place, &default_rules);
	hf_index_tell_ready(place->index);
	hashfed = open_library(place);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_judge_set set = a_set(3);
		const struct hashfed_hit *hits;
		struct hf_why why = { "" };
		size_t count;

		set.is_provisional = rows[i].is_provisional;
		set.is_frozen = rows[i].is_frozen;
		set.is_matchable = !rows[i].is_unmatchable;
		set.checkpoint_ms = now_ms - rows[i].age_ms;
		set.held_from_plus_one = rows[i].held_from_plus_one;
		hf_index_tell_set(place->index, &set);
		assert_ok(hf_index_doubt(place->index, 3, 1, HF_INDEX_DOUBTS,
					 rows[i].doubts, &why),
			  &why);
		assert_ok(hf_index_demote(place->index, 3, 1,
					  rows[i].is_demoted, &why),
			  &why);
		assert_ok(hf_index_expire(place->index, 3, 1,
					  rows[i].is_expired, &why),
			  &why);
		look_up(hashfed, 1, answer);
		if (hashfed_verdict(answer, 0) != rows[i].exact ||
		    hashfed_verdict(answer, 1) != rows[i].near)
			fail_msg("%s: %d and %d", rows[i].name,
				 hashfed_verdict(answer, 0),
				 hashfed_verdict(answer, 1));
		count = hashfed_hits(answer, &hits);
		assert_int_equal(count, rows[i].exact != 0 ? 2 : 0);
		if (count == 0)
			continue;
		assert_int_equal(hits[0].freshness, rows[i].freshness);
		assert_int_equal(hits[1].distance, 3);
		assert_string_equal(hits[0].origin, "hotline.example/set3/1");
		if (strcmp(hits[0].rule + strlen(hits[0].rule) -
				   strlen(rows[i].because),
			   rows[i].because) != 0)
			fail_msg("%s: %s", rows[i].name, hits[0].rule);
	}
	hashfed_close(hashfed);
	hashfed_answer_free(answer);
}

/* Entry 7 of set 13 and up, the same picture. */
struct listing {
	bool is_derived;
	unsigned affirmed;
	unsigned doubts;
	bool is_held;
};

static void add_listing(struct place *place, uint32_t number,
			const struct listing *listing)
{
	struct hf_judge_set set = a_set(number);
	uint8_t digest[32];
	const struct hf_index_hash hash = {
		.set = number,
		.entry = 7,
		.algorithm = HF_ALGORITHM_SHA256,
		.content_class = HF_CLASS_NCII,
		.digest = digest,
		.is_derived = listing->is_derived,
	};
	struct hf_why why = { "" };

	numbered_digest(99, digest);
	/* Two sets an organisation: 13 and 14, 15 and 16. */
	snprintf(set.origin, sizeof(set.origin), "org%u.example/set%u/1",
		 (number - 13) / 2, number);
	set.held_from_plus_one = listing->is_held ? 8 : 0;
	hf_index_tell_set(place->index, &set);
	assert_ok(hf_index_add(place->index, &hash, 1, &why), &why);
	assert_ok(hf_index_affirm(place->index, number, 7, listing->affirmed,
				  &why),
		  &why);
	assert_ok(hf_index_doubt(place->index, number, 7, HF_INDEX_DOUBTS,
				 listing->doubts, &why),
		  &why);
}

static void independent_organisations_are_counted_not_sets(void **state)
{
	const struct {
		const char *name;
		struct listing sets[4];
		int verdict;
	} rows[] = {
		{ "one organisation in two sets", { { 0 }, { 0 } }, 2 },
		{ "two organisations", { { 0 }, { 0 }, { 0 } }, 3 },
		{ "the second took it from the first",
		  { { 0 }, { 0 }, { .is_derived = true } },
		  2 },
		{ "and has it by its own word as well",
		  { { 0 }, { 0 }, { .is_derived = true }, { 0 } },
		  3 },
		{ "one that another affirms", { { .affirmed = 1 }, { 0 } }, 3 },
		{ "taken from elsewhere, one affirms",
		  { { .is_derived = true, .affirmed = 1 },
		    { .is_derived = true } },
		  2 },
		{ "taken from elsewhere, two affirm",
		  { { .is_derived = true, .affirmed = 2 },
		    { .is_derived = true } },
		  3 },
		{ "the second came in a flood",
		  { { 0 }, { 0 }, { .is_held = true } },
		  2 },
		{ "the second is disputed",
		  { { 0 }, { 0 }, { .doubts = HF_INDEX_DISPUTED } },
		  2 },
		{ "the second is overridden here",
		  { { 0 }, { 0 }, { .doubts = HF_INDEX_IGNORED } },
		  2 },
	};
	struct hashfed_answer *answer = hashfed_answer_new();
	struct hf_match_sets_rules rules = default_rules;
	struct place *place = *state;
	struct hf_policy_row row;

	hf_policy_row_default(&row);
	row.organisations_min = 2;
	rules.rows = &row;
	rules.rows_count = 1;
	begin_told(place, &rules);
	hf_index_tell_ready(place->index);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hashfed *hashfed;
		struct hf_why why = { "" };
		const struct hashfed_hit *hits;
		uint8_t digest[32];
		const struct hashfed_hash hash = { 0, HASHFED_SHA256,
						   HASHFED_NO_QUALITY, digest,
						   0 };
		size_t sets = 2;

		for (uint32_t set = 13; set < 17; set++)
			assert_ok(hf_index_drop_set(place->index, set, &why),
				  &why);
		sets += i == 1 || i == 2 || i > 6;
		sets += i == 3 ? 2 : 0;
		for (size_t j = 0; j < sets; j++)
			add_listing(place, 13 + (uint32_t)j, &rows[i].sets[j]);
		numbered_digest(99, digest);
		hashfed = open_library(place);
		if (hashfed_lookup(hashfed, &hash, 1, answer) != HASHFED_OK)
			fail_msg("%s", hashfed_answer_text(answer));
		if (hashfed_verdict(answer, 0) != rows[i].verdict)
			fail_msg("%s: %d", rows[i].name,
				 hashfed_verdict(answer, 0));
		assert_int_equal(hashfed_hits(answer, &hits), sets);
		assert_non_null(strstr(hits[0].rule, " organisations=2"));
		hashfed_close(hashfed);
	}
	hashfed_answer_free(answer);
}

static void an_own_set_is_as_fresh_as_its_daemon(void **state)
{
	struct hashfed_answer *answer = hashfed_answer_new();
	struct hf_judge_set set = a_set(3);
	struct place *place = *state;
	const struct hashfed_hit *hits;
	struct hashfed *hashfed;
	uint64_t age_ms = 1;

	begin_told(place, &default_rules);
	set.is_own = true;
	set.checkpoint_ms = 0;
	hf_index_tell_set(place->index, &set);
	hf_index_tell_ready(place->index);
	hashfed = open_library(place);
	look_up(hashfed, 1, answer);
	assert_int_equal(hashfed_hits(answer, &hits), 2);
	assert_int_equal(hits[0].freshness, HASHFED_FRESH);
	assert_int_equal(hashfed_is_live(hashfed, &age_ms), 1);
	assert_true(age_ms < DAY_MS);
	close_index(place);
	assert_int_equal(hashfed_is_live(hashfed, NULL), 0);
	look_up(hashfed, 1, answer);
	assert_int_equal(hashfed_verdict(answer, 0), HASHFED_BLOCK);
	hashfed_close(hashfed);
	hashfed_answer_free(answer);
}

static void a_daemon_that_is_not_ready_is_not_followed(void **state)
{
	struct hf_match_sets_rules strict = default_rules;
	struct hashfed_answer *answer = hashfed_answer_new();
	struct hashfed *hashfed = NULL;
	struct place *place = *state;
	struct hf_policy_row row;
	char text[256] = "";

	begin_told(place, &default_rules);
	assert_int_equal(hashfed_open(place->dir, &hashfed, text, sizeof(text)),
			 HASHFED_UNAVAILABLE);
	assert_non_null(strstr(text, place->dir));
	hf_index_tell_ready(place->index);
	hashfed = open_library(place);
	look_up(hashfed, 1, answer);
	assert_int_equal(hashfed_verdict(answer, 0), HASHFED_BLOCK);
	close_index(place);

	/* The next one has another policy, and is reading its ledger. */
	hf_policy_row_default(&row);
	row.exact = HF_VERDICT_REVIEW;
	strict.rows = &row;
	strict.rows_count = 1;
	begin_told(place, &strict);
	add_hash(place->index, 3, 2, HF_ALGORITHM_SHA256);
	look_up(hashfed, 1, answer);
	assert_int_equal(hashfed_verdict(answer, 0), HASHFED_BLOCK);
	assert_int_equal(hashfed_is_live(hashfed, NULL), 0);
	look_up(hashfed, 2, answer);
	assert_int_equal(hashfed_verdict(answer, 0), 0);
	hf_index_tell_ready(place->index);
	look_up(hashfed, 1, answer);
	assert_int_equal(hashfed_verdict(answer, 0), HASHFED_REVIEW);
	assert_int_equal(hashfed_is_live(hashfed, NULL), 1);
	look_up(hashfed, 2, answer);
	assert_int_equal(hashfed_verdict(answer, 0), HASHFED_REVIEW);
	hashfed_close(hashfed);
	hashfed_answer_free(answer);
}

static void sets_of_large_numbers_find_room(void **state)
{
	struct hashfed_answer *answer = hashfed_answer_new();
	struct place *place = *state;
	struct hashfed *hashfed;

	begin_told(place, &default_rules);
	hf_index_tell_ready(place->index);
	hashfed = open_library(place);
	for (uint32_t number = 10; number < 5000; number = number * 3 / 2) {
		struct hf_judge_set set = a_set(number);
		struct hf_why why = { "" };

		add_hash(place->index, number, number, HF_ALGORITHM_SHA256);
		look_up(hashfed, number, answer);
		assert_int_equal(hashfed_verdict(answer, 0), 0);
		assert_ok(hf_index_tell_room(place->index, number, &why), &why);
		hf_index_tell_set(place->index, &set);
		look_up(hashfed, number, answer);
		assert_int_equal(hashfed_verdict(answer, 0), HASHFED_BLOCK);
		look_up(hashfed, 1, answer);
		assert_int_equal(hashfed_verdict(answer, 0), HASHFED_BLOCK);
	}
	hashfed_close(hashfed);
	hashfed_answer_free(answer);
}

static void what_cannot_be_looked_up_is_refused(void **state)
{
	static const uint8_t digest[144];
	static const struct {
		struct hashfed_hash hash;
		int want;
	} rows[] = {
		{ { 0, HASHFED_SHA256, 255, digest, 0 }, HASHFED_OK },
		{ { 0, HASHFED_PHOTODNA, 255, digest, 0 }, HASHFED_OK },
		{ { 0, HASHFED_PDQ, 100, digest, 0 }, HASHFED_OK },
		{ { 0, HASHFED_PDQ, 101, digest, 0 }, HASHFED_ARGUMENT },
		{ { 0, 0, 255, digest, 0 }, HASHFED_ARGUMENT },
		{ { 0, 6, 255, digest, 0 }, HASHFED_ARGUMENT },
		{ { 0, 200, 255, digest, 0 }, HASHFED_ARGUMENT },
		{ { 0, HASHFED_MD5, 255, NULL, 0 }, HASHFED_ARGUMENT },
		{ { 0, HASHFED_VPDQ, 255, digest, 4 }, HASHFED_OK },
		{ { 0, HASHFED_VPDQ, 255, digest, 1801 }, HASHFED_ARGUMENT },
		{ { 10000, HASHFED_MD5, 255, digest, 0 }, HASHFED_ARGUMENT },
	};
	struct hashfed_answer *answer = hashfed_answer_new();
	struct place *place = *state;
	struct hashfed *hashfed;

	begin_told(place, &default_rules);
	hf_index_tell_ready(place->index);
	hashfed = open_library(place);
	for (size_t i = 0; i < ROWS(rows); i++) {
		int err = hashfed_lookup(hashfed, &rows[i].hash, 1, answer);

		if (err != rows[i].want ||
		    (hashfed_answer_text(answer)[0] != '\0') != (err != 0))
			fail_msg("row %zu: %s", i, hashfed_words(err));
	}
	assert_int_equal(hashfed_lookup(hashfed, &rows[0].hash,
					HASHFED_HASHES_MAX + 1, answer),
			 HASHFED_LIMIT);
	assert_int_equal(hashfed_lookup(hashfed, NULL, 0, answer), HASHFED_OK);
	hashfed_close(hashfed);
	hashfed_answer_free(answer);
}

/*
 * Threads of one handle while everything changes.
 */
struct race {
	struct hashfed *hashfed;
	atomic_uint_fast64_t added;
	atomic_uint wrong;
	atomic_uint looked;
	atomic_bool is_over;
};

static void *race_run(void *arg)
{
	struct hashfed_answer *answer = hashfed_answer_new();
	struct race *race = arg;
	uint64_t turn = 1;

	while (answer != NULL && !atomic_load(&race->is_over)) {
		uint64_t added = atomic_load(&race->added);
		uint8_t digest[32];
		const struct hashfed_hash hash = { 7, HASHFED_SHA256, 255,
						   digest, 0 };
		int verdict;

		turn = turn * 6364136223846793005u + 1442695040888963407u;
		numbered_digest((turn >> 33) % added, digest);
		if (hashfed_lookup(race->hashfed, &hash, 1, answer) !=
		    HASHFED_OK)
			atomic_fetch_add(&race->wrong, 1);
		verdict = hashfed_verdict(answer, 7);
		/* Frozen or not. */
		atomic_fetch_add(&race->wrong,
				 verdict != HASHFED_BLOCK &&
					 verdict != HASHFED_REVIEW);
		atomic_fetch_add(&race->looked, 1);
	}
	hashfed_answer_free(answer);
	return NULL;
}

/* Two sets have the same; one takes the place of the other, again and again:
 * at no time is it found in neither. */
static void a_set_takes_the_place_of_another_without_a_gap(void **state)
{
	struct place *place = *state;
	struct race race = { .hashfed = NULL };
	struct hf_judge_set sets[] = { a_set(2), a_set(3) };
	pthread_t threads[4];
	unsigned started = 0;

	begin_told(place, &default_rules);
	for (uint64_t entry = 0; entry < 2; entry++) {
		add_hash(place->index, 2, entry, HF_ALGORITHM_SHA256);
		add_hash(place->index, 3, entry, HF_ALGORITHM_SHA256);
	}
	atomic_store(&race.added, 2);
	hf_index_tell_ready(place->index);
	race.hashfed = open_library(place);
	while (started < ROWS(threads) &&
	       pthread_create(&threads[started], NULL, race_run, &race) == 0)
		started++;
	for (uint64_t i = 0;
	     i < less(20000) || atomic_load(&race.looked) < less(5000); i++) {
		sets[i % 2].is_matchable = true;
		hf_index_tell_set(place->index, &sets[i % 2]);
		hf_index_tell_turn(place->index);
		sets[1 - i % 2].is_matchable = false;
		hf_index_tell_set(place->index, &sets[1 - i % 2]);
		/* Else nobody ever gets to the end of a lookup. */
		for (unsigned looked = atomic_load(&race.looked);
		     i % 8 == 0 && atomic_load(&race.looked) == looked &&
		     started > 0;)
			sched_yield();
	}
	atomic_store(&race.is_over, true);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	hashfed_close(race.hashfed);
	assert_int_equal(started, ROWS(threads));
	assert_int_equal(race.wrong, 0);
}

static void many_threads_share_one_handle(void **state)
{
	struct place *place = *state;
	struct race race = { .hashfed = NULL };
	struct hf_judge_set set = a_set(3);
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	pthread_t threads[4];
	unsigned started = 0;

	begin_told(place, &default_rules);
	add_hash(place->index, 3, 0, HF_ALGORITHM_SHA256);
	atomic_store(&race.added, 2);
	hf_index_tell_ready(place->index);
	race.hashfed = open_library(place);
	while (started < ROWS(threads) &&
	       pthread_create(&threads[started], NULL, race_run, &race) == 0)
		started++;
	for (uint64_t i = 2; err == HF_OK && (i < less(4000) ||
					      atomic_load(&race.looked) < 500);
	     i++) {
		add_hash(place->index, 3, i, HF_ALGORITHM_SHA256);
		atomic_store(&race.added, i + 1);
		set.is_frozen = i % 2 == 0;
		hf_index_tell_set(place->index, &set);
		if (i % 500 == 0)
			err = hf_index_tell_room(place->index, (uint32_t)i,
						 &why);
		if (err == HF_OK && i % 701 == 0)
			err = hf_index_sync(place->index, &why);
		if (err == HF_OK && i % 1999 == 0)
			err = hf_index_compact(place->index, &why);
	}
	atomic_store(&race.is_over, true);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	hashfed_close(race.hashfed);
	assert_ok(err, &why);
	assert_int_equal(started, ROWS(threads));
	assert_int_equal(race.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(what_is_told_of_a_set_changes_the_next_verdict),
		PLACED(independent_organisations_are_counted_not_sets),
		PLACED(an_own_set_is_as_fresh_as_its_daemon),
		PLACED(a_daemon_that_is_not_ready_is_not_followed),
		PLACED(sets_of_large_numbers_find_room),
		PLACED(what_cannot_be_looked_up_is_refused),
		PLACED(a_set_takes_the_place_of_another_without_a_gap),
		PLACED(many_threads_share_one_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
