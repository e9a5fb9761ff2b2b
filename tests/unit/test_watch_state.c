#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#include "watch_state.h"

#define ONE "000000000000000000000000000000a1"
#define TWO "000000000000000000000000000000b2"

static char path[64];

static enum hf_err take(struct hf_watch_state *state, const char *id,
			uint8_t number, const char *clock, bool is_new,
			struct hf_why *why)
{
	const struct hf_case_summary summary = { .case_id = id,
						 .changed_ms = number };
	const struct hf_watch_cases_response response = {
		.position = { &number, 1 },
		.summary = &summary,
		.clock = clock,
		.is_new = is_new,
	};

	return hf_watch_state_take(state, &response, why);
}

/* Of which change is this the text? */
static unsigned number_of(const struct hf_watch_change *change)
{
	struct hf_watch_cases_response response;
	struct hf_arena arena;
	unsigned number = 0;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (change->text != NULL &&
	    hf_watch_cases_response_parse(
		    hf_span(change->text, change->text_len_bytes), &arena,
		    &response, NULL) == HF_OK)
		number = (unsigned)response.summary->changed_ms;
	hf_arena_release(&arena);
	return number;
}

/* A run begins, as the watcher has it. */
static void begin(struct hf_watch_case *is, pid_t pid)
{
	is->now.begun++;
	is->pid = pid;
}

static bool is_tortured(void)
{
	return getenv("HF_FAIL_ALLOC") != NULL;
}

static void a_newer_change_replaces_one_that_waits(void **state)
{
	struct hf_watch_state watch;
	struct hf_why why = { "" };
	struct hf_watch_case *one;

	hf_watch_state_init(&watch);
	if (take(&watch, ONE, 1, "", true, &why) != HF_OK ||
	    take(&watch, TWO, 2, "", false, &why) != HF_OK ||
	    take(&watch, ONE, 3, "overdue", false, &why) != HF_OK)
		goto out_release; /* only under torture */
	assert_int_equal(watch.count, 2);
	one = watch.cases[0];
	assert_int_equal(number_of(&one->now), 3);
	/* Nobody heard yet that it is new. */
	assert_int_equal(one->now.reason, HF_WATCH_NEW);
	assert_int_equal(watch.cases[1]->now.reason, HF_WATCH_CHANGED);
	begin(one, 77);
	if (take(&watch, ONE, 4, "warning", false, &why) != HF_OK ||
	    take(&watch, ONE, 5, "", false, &why) != HF_OK)
		goto out_release;
	/* What runs goes on; of those behind it the newest counts. */
	assert_int_equal(number_of(&one->now), 3);
	assert_int_equal(number_of(&one->next), 5);
	hf_watch_state_done(&watch, one);
	assert_int_equal(number_of(&one->now), 5);
	assert_int_equal(one->now.begun, 0);
	assert_int_equal(one->now.reason, HF_WATCH_CHANGED);
	begin(one, 78);
	hf_watch_state_done(&watch, one);
	assert_int_equal(watch.count, 1);
	assert_int_equal(watch.position[0], 5);
out_release:
	hf_watch_state_release(&watch);
	if (!is_tortured())
		assert_string_equal(why.text, "");
}

static void a_change_that_failed_is_given_again_or_replaced(void **state)
{
	struct hf_watch_state watch;
	struct hf_why why = { "" };
	struct hf_watch_case *one;

	hf_watch_state_init(&watch);
	if (take(&watch, ONE, 1, "", true, &why) != HF_OK)
		goto out_release;
	one = watch.cases[0];
	begin(one, 77);
	hf_watch_state_failed(&watch, one);
	assert_int_equal(one->now.begun, 1);
	assert_int_equal(one->failures, 1);
	one->not_before_us = 9;
	if (take(&watch, ONE, 2, "", false, &why) != HF_OK)
		goto out_release;
	/* Another change: not a repeat, and not to wait for the pause. */
	assert_int_equal(number_of(&one->now), 2);
	assert_int_equal(one->now.begun, 0);
	assert_int_equal(one->now.reason, HF_WATCH_NEW);
	assert_int_equal(one->not_before_us, 0);
	begin(one, 78);
	if (take(&watch, ONE, 3, "", false, &why) != HF_OK)
		goto out_release;
	hf_watch_state_failed(&watch, one);
	assert_int_equal(number_of(&one->now), 3);
	assert_int_equal(one->now.reason, HF_WATCH_NEW);
	assert_int_equal(one->now.begun, 0);
	assert_null(one->next.text);
out_release:
	hf_watch_state_release(&watch);
}

/* One who dies while the hook runs does not know what it did: the case is new
 * until a run that was told so has ended well. */
static void a_case_stays_new_over_a_death_until_a_hook_took_it(void **state)
{
	for (int ends_well = 0; ends_well < 2; ends_well++) {
		struct hf_watch_state watch, again;
		struct hf_watch_case *one;

		hf_watch_state_init(&watch);
		hf_watch_state_init(&again);
		if (take(&watch, ONE, 1, "", true, NULL) != HF_OK)
			goto out_release; /* only under torture */
		begin(watch.cases[0], 77);
		if (hf_watch_state_save(&watch, path, NULL) != HF_OK ||
		    hf_watch_state_load(&again, path, NULL) != HF_OK ||
		    take(&again, ONE, 2, "overdue", false, NULL) != HF_OK)
			goto out_release;
		one = again.cases[0];
		assert_int_equal(number_of(&one->now), 1);
		assert_int_equal(one->now.reason, HF_WATCH_NEW);
		begin(one, 78);
		assert_int_equal(one->now.begun, 2); /* a repeat */
		if (ends_well)
			hf_watch_state_done(&again, one);
		else
			hf_watch_state_failed(&again, one);
		assert_int_equal(number_of(&one->now), 2);
		assert_int_equal(one->now.reason,
				 ends_well ? HF_WATCH_OVERDUE : HF_WATCH_NEW);
out_release:
		hf_watch_state_release(&watch);
		hf_watch_state_release(&again);
		unlink(path);
	}
}

/* The first answer about a case may be what its clock said. */
static void a_new_case_is_new_whatever_its_clock_says(void **state)
{
	static const struct {
		const char *clock;
		bool is_new;
		enum hf_watch_why reason;
	} rows[] = {
		{ "", true, HF_WATCH_NEW },
		{ "warning", true, HF_WATCH_NEW },
		{ "overdue", true, HF_WATCH_NEW },
		{ "", false, HF_WATCH_CHANGED },
		{ "warning", false, HF_WATCH_WARNING },
		{ "overdue", false, HF_WATCH_OVERDUE },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_watch_cases_response response = {
			.clock = rows[i].clock,
			.is_new = rows[i].is_new,
		};

		assert_int_equal(hf_watch_why_of(&response), rows[i].reason);
	}
}

static void the_state_survives_its_file(void **state)
{
	struct hf_watch_state watch, again;
	struct hf_why why = { "" };

	hf_watch_state_init(&watch);
	hf_watch_state_init(&again);
	if (take(&watch, ONE, 1, "", true, &why) != HF_OK ||
	    take(&watch, TWO, 2, "warning", false, &why) != HF_OK)
		goto out_release;
	begin(watch.cases[0], 77);
	if (take(&watch, ONE, 3, "", false, &why) != HF_OK ||
	    hf_watch_state_save(&watch, path, &why) != HF_OK)
		goto out_release;
	assert_false(watch.is_dirty);
	if (hf_watch_state_load(&again, path, &why) != HF_OK) {
		assert_true(is_tortured());
		goto out_release;
	}
	assert_int_equal(again.count, 2);
	assert_int_equal(again.position_len_bytes, 1);
	assert_int_equal(again.position[0], 3);
	assert_string_equal(again.cases[0]->case_id, ONE);
	assert_int_equal(again.cases[0]->now.begun, 1);
	assert_int_equal(again.cases[0]->now.reason, HF_WATCH_NEW);
	assert_int_equal(again.cases[0]->pid, 0);
	assert_int_equal(number_of(&again.cases[0]->now), 1);
	assert_int_equal(number_of(&again.cases[0]->next), 3);
	assert_int_equal(again.cases[1]->now.reason, HF_WATCH_WARNING);
	/* Whether the first one was taken is not known: it is given again,
	 * and what comes in waits behind it. */
	if (take(&again, ONE, 4, "", false, &why) != HF_OK)
		goto out_release;
	assert_int_equal(number_of(&again.cases[0]->now), 1);
	assert_int_equal(number_of(&again.cases[0]->next), 4);
out_release:
	hf_watch_state_release(&watch);
	hf_watch_state_release(&again);
	unlink(path);
}

static void an_answer_without_a_position_is_refused(void **state)
{
	const struct hf_case_summary summary = { .case_id = ONE };
	const struct hf_watch_cases_response rows[] = {
		{ .summary = &summary, .clock = "" },
		{ .position = { (const uint8_t *)"x", 1 }, .clock = "" },
	};
	const struct hf_watch_cases_response mark = {
		.position = { (const uint8_t *)"x", 1 },
		.clock = "",
		.is_mark = true,
	};
	struct hf_watch_state watch;

	hf_watch_state_init(&watch);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(hf_watch_state_take(&watch, &rows[i], NULL),
				 HF_E_MALFORMED);
	assert_int_equal(watch.position_len_bytes, 0);
	assert_int_equal(hf_watch_state_take(&watch, &mark, NULL), HF_OK);
	assert_int_equal(watch.count, 0);
	assert_int_equal(watch.position_len_bytes, 1);
	hf_watch_state_release(&watch);
}

static void a_file_that_is_no_state_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"hashfed-watch 2\nposition x\nend\n",
		"hashfed-watch 1\nposition x0\nend\n",
		"hashfed-watch 1\nposition 00\nend\n",
		"hashfed-watch 1\nposition x00\n",
		"hashfed-watch 1\nposition x00\nend",
		"hashfed-watch 1\nposition x00\nend\nend\n",
		"hashfed-watch 1\nposition x00\ncase " ONE "\nend\n",
		"hashfed-watch 1\nposition x00\ncase " ONE " 0 new x\nend\n",
		"hashfed-watch 1\nposition x00\ncase " ONE " -1 new x00\nend\n",
		"hashfed-watch 1\nposition x00\ncase " ONE " 0 frob x00\nend\n",
		"hashfed-watch 1\nposition x00\ncase " ONE
		" 0 new xffff\nend\n",
		"hashfed-watch 1\nposition x00\nnext " ONE " 0 new x00\nend\n",
		"hashfed-watch 1\nposition x00\ncase " ONE
		" 0 new x00 y\nend\n",
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_watch_state watch;
		struct hf_why why = { "" };
		enum hf_err err;

		hf_watch_state_init(&watch);
		if (hf_file_replace(path, hf_span_of(rows[i]), 0600, &why) !=
		    HF_OK)
			return;
		err = hf_watch_state_load(&watch, path, &why);
		if (err != HF_E_NOMEM && err != HF_E_MALFORMED)
			fail_msg("'%s': %s", rows[i], hf_err_name(err));
		assert_int_equal(watch.count, 0);
	}
	unlink(path);
}

static void a_text_of_another_case_is_refused(void **state)
{
	struct hf_watch_state watch, again;
	struct hf_why why = { "" };
	struct hf_buf buf;
	char *at;
	enum hf_err err;

	hf_watch_state_init(&watch);
	hf_watch_state_init(&again);
	hf_buf_init(&buf, 4096);
	if (take(&watch, ONE, 1, "", true, &why) != HF_OK ||
	    hf_watch_state_save(&watch, path, &why) != HF_OK ||
	    hf_file_read(path, &buf, &why) != HF_OK)
		goto out_release;
	hf_buf_put_u8(&buf, 0);
	if (hf_buf_failed(&buf) != HF_OK)
		goto out_release;
	at = strstr((char *)buf.at, "a1 0 new");
	assert_non_null(at);
	at[1] = '2';
	if (hf_file_replace(path, hf_span_of((char *)buf.at), 0600, &why) !=
	    HF_OK)
		goto out_release;
	err = hf_watch_state_load(&again, path, &why);
	if (err != HF_E_NOMEM)
		assert_int_equal(err, HF_E_MALFORMED);
out_release:
	hf_buf_release(&buf);
	hf_watch_state_release(&watch);
	hf_watch_state_release(&again);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_change_replaces_one_that_waits),
		cmocka_unit_test(
			a_change_that_failed_is_given_again_or_replaced),
		cmocka_unit_test(
			a_case_stays_new_over_a_death_until_a_hook_took_it),
		cmocka_unit_test(a_new_case_is_new_whatever_its_clock_says),
		cmocka_unit_test(the_state_survives_its_file),
		cmocka_unit_test(an_answer_without_a_position_is_refused),
		cmocka_unit_test(a_file_that_is_no_state_is_refused),
		cmocka_unit_test(a_text_of_another_case_is_refused),
	};

	snprintf(path, sizeof(path), "/tmp/test_watch_state.%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
