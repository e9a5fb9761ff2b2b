/*
 * Floods: what comes with too many others is held from there on, by the time
 * that checkpoints say, and stays held over a restart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "hold.h"

#include "unit.h"

#define HOUR_MS ((uint64_t)3600 * 1000)
#define SET     "hotline.example/ncii/1"

static char path[64];

static struct hf_hold *open_hold(void)
{
	struct hf_hold *hold = NULL;
	struct hf_why why = { "" };

	if (hf_hold_open(path, &hold, &why) != HF_OK)
		fail_msg("%s", why.text);
	return hold;
}

static int begin(void **state)
{
	snprintf(path, sizeof(path), "/tmp/hf-hold-%d", (int)getpid());
	unlink(path);
	return 0;
}

static int end(void **state)
{
	unlink(path);
	return 0;
}

static void what_is_more_than_an_hours_share_is_held(void **state)
{
	static const struct {
		uint64_t size, note_ms, held;
	} rows[] = {
		{ 5000, 0, 0 },     /* what there was at first */
		{ 5100, 60000, 0 }, /* as many as it may */
		{ 5100, HOUR_MS / 2, 0 },
		{ 5101, HOUR_MS - 1, 5101 },
		{ 9000, 9 * HOUR_MS, 5101 }, /* until somebody looked */
	};
	struct hf_hold *hold = open_hold();
	bool is_new;

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t held = hf_hold_look(hold, SET, rows[i].size,
					     rows[i].note_ms, 100, &is_new);

		if (held != rows[i].held || is_new != (i == 3))
			fail_msg("row %zu: %llu", i, (unsigned long long)held);
	}
	assert_int_equal(hf_hold_from(hold, SET), 5101);
	assert_int_equal(hf_hold_from(hold, "other.example/ncii/1"), 0);
	hf_hold_close(hold);
}

static void who_was_away_is_given_what_the_time_allows(void **state)
{
	struct hf_hold *hold = open_hold();
	bool is_new;

	assert_int_equal(hf_hold_look(hold, SET, 10, 0, 100, &is_new), 0);
	assert_int_equal(
		hf_hold_look(hold, SET, 2510, 24 * HOUR_MS, 100, &is_new), 0);
	/* And no more the hour after. */
	assert_int_equal(
		hf_hold_look(hold, SET, 2611, 24 * HOUR_MS + 5, 100, &is_new),
		2511);
	hf_hold_close(hold);
}

static void without_a_limit_nothing_is_held(void **state)
{
	struct hf_hold *hold = open_hold();
	bool is_new;

	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(
			hf_hold_look(hold, SET, i * 1000000, i, 0, &is_new), 0);
	hf_hold_close(hold);
}

static void it_is_held_over_a_restart_and_released_for_good(void **state)
{
	struct hf_hold *hold = open_hold();
	struct hf_why why = { "" };
	uint64_t count = 0;
	bool is_new;

	hf_hold_look(hold, SET, 10, 0, 5, &is_new);
	assert_int_equal(hf_hold_look(hold, SET, 30, 1, 5, &is_new), 11);
	hf_hold_close(hold);
	hold = open_hold();
	assert_int_equal(hf_hold_from(hold, SET), 11);
	assert_int_equal(hf_hold_look(hold, SET, 31, 2, 5, &is_new), 11);
	assert_int_equal(hf_hold_release(hold, SET, &count, &why), HF_OK);
	assert_int_equal(count, 21);
	assert_int_equal(hf_hold_release(hold, SET, &count, &why),
			 HF_E_NOTFOUND);
	assert_int_equal(hf_hold_look(hold, SET, 33, 3, 5, &is_new), 0);
	hf_hold_close(hold);
	hold = open_hold();
	assert_int_equal(hf_hold_from(hold, SET), 0);
	hf_hold_close(hold);
}

static void a_file_that_is_none_is_refused_with_its_line(void **state)
{
	static const char *const texts[] = {
		"hotline.example/ncii/1\n",    "no 1\n",
		"hotline.example/ncii/1 x\n",  "\n",
		"hotline.example/ncii/1 -1\n", "hotline.example/ncii/1 1 1\n",
	};

	for (size_t i = 0; i < ROWS(texts); i++) {
		struct hf_hold *hold = NULL;
		struct hf_why why = { "" };

		assert_int_equal(
			hf_file_replace(path, hf_span_of(texts[i]), 0600, &why),
			HF_OK);
		if (hf_hold_open(path, &hold, &why) != HF_E_CORRUPT)
			fail_msg("'%s' was taken", texts[i]);
	}
}

int main(void)
{
#define HELD(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		HELD(what_is_more_than_an_hours_share_is_held),
		HELD(who_was_away_is_given_what_the_time_allows),
		HELD(without_a_limit_nothing_is_held),
		HELD(it_is_held_over_a_restart_and_released_for_good),
		HELD(a_file_that_is_none_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
