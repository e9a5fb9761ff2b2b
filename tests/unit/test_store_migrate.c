#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "store.h"

/*
 * There is one format of the ledger yet, so the steps are those of a store
 * that only this test has: "shelf/1" has plain values, "shelf/2" has them in
 * brackets, "shelf/3" has them doubled as well.
 */

#define KEYS 10
#define STEP 3

static long parts_left;  /* parts until this process is killed; 0: it is not */
static bool dies_within; /* a part, or when it is committed */

static void part_is_done(void)
{
	if (parts_left > 0 && --parts_left == 0)
		kill(getpid(), SIGKILL);
}

/* A value as each format has it. */
static void shape(unsigned format, const char *value, char *out, size_t size)
{
	if (format == 1)
		snprintf(out, size, "%s", value);
	else if (format == 2)
		snprintf(out, size, "[%s]", value);
	else
		snprintf(out, size, "[%s][%s]", value, value);
}

/* The next keys behind the mark. */
static enum hf_err change(struct hf_store_txn *txn, struct hf_buf *mark,
			  bool is_first_step, bool *out_is_done,
			  struct hf_why *why)
{
	uint64_t next = 0;

	if (!dies_within)
		part_is_done();
	if (mark->len_bytes > 0)
		memcpy(&next, mark->at, sizeof(next));
	for (size_t i = 0; i < STEP && next < KEYS; i++, next++) {
		char key[8], old[32], text[80];
		struct hf_span value;
		enum hf_err err;

		snprintf(key, sizeof(key), "k%02u", (unsigned)next);
		err = hf_store_get(txn, 0, hf_span_of(key), &value, why);
		if (err != HF_OK)
			return err;
		snprintf(old, sizeof(old), "%.*s", HF_SPAN_ARGS(value));
		if (is_first_step)
			snprintf(text, sizeof(text), "[%s]", old);
		else
			snprintf(text, sizeof(text), "%s%s", old, old);
		err = hf_store_put(txn, 0, hf_span_of(key), hf_span_of(text),
				   why);
		if (err != HF_OK)
			return err;
	}
	if (dies_within)
		part_is_done();
	hf_buf_reset(mark);
	hf_buf_put(mark, hf_span(&next, sizeof(next)));
	*out_is_done = next == KEYS;
	return HF_OK;
}

static enum hf_err in_brackets(struct hf_store_txn *txn, struct hf_buf *mark,
			       bool *out_is_done, struct hf_why *why)
{
	return change(txn, mark, true, out_is_done, why);
}

static enum hf_err doubled(struct hf_store_txn *txn, struct hf_buf *mark,
			   bool *out_is_done, struct hf_why *why)
{
	return change(txn, mark, false, out_is_done, why);
}

static const struct hf_store_step steps[] = {
	{ "shelf/1", "shelf/2", in_brackets },
	{ "shelf/2", "shelf/3", doubled },
};

struct shelf {
	char home[64];
	char dir[96];
};

static int up(void **state)
{
	struct shelf *shelf = test_calloc(1, sizeof(*shelf));

	snprintf(shelf->home, sizeof(shelf->home), "/tmp/hf-migrate-XXXXXX");
	if (mkdtemp(shelf->home) == NULL)
		return 1;
	snprintf(shelf->dir, sizeof(shelf->dir), "%s/shelf", shelf->home);
	*state = shelf;
	parts_left = 0;
	return 0;
}

static int down(void **state)
{
	struct shelf *shelf = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", shelf->home);
	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", shelf->home);
	test_free(shelf);
	return 0;
}

static enum hf_err open_as(const char *dir, const char *format,
			   struct hf_store **out_store, struct hf_why *why)
{
	static const char *const tables[] = { "values" };
	const struct hf_store_options options = {
		.dir = dir,
		.format = format,
		.steps = steps,
		.steps_count = sizeof(steps) / sizeof(steps[0]),
		.tables = tables,
		.tables_count = 1,
		.map_bytes = (size_t)1 << 20,
	};

	return hf_store_open(&options, out_store, why);
}

static enum hf_err fill(void *arg, struct hf_store_txn *txn, struct hf_why *why)
{
	for (unsigned i = 0; i < KEYS; i++) {
		char key[8];
		enum hf_err err;

		snprintf(key, sizeof(key), "k%02u", i);
		err = hf_store_put(txn, 0, hf_span_of(key), hf_span_of(key + 1),
				   why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

static void fill_old(const struct shelf *shelf)
{
	struct hf_why why = { "" };
	struct hf_store *store;

	assert_ok(open_as(shelf->dir, "shelf/1", &store, &why), &why);
	assert_ok(hf_store_write(store, fill, NULL, &why), &why);
	hf_store_close(store);
}

static void expect(const char *dir, unsigned format)
{
	char name[16];
	struct hf_store_txn *view;
	struct hf_why why = { "" };
	struct hf_store *store;
	struct hf_span value;

	snprintf(name, sizeof(name), "shelf/%u", format);
	assert_ok(open_as(dir, name, &store, &why), &why);
	assert_ok(hf_store_view_begin(store, &view, &why), &why);
	for (unsigned i = 0; i < KEYS; i++) {
		char key[8], want[32];

		snprintf(key, sizeof(key), "k%02u", i);
		shape(format, key + 1, want, sizeof(want));
		assert_ok(hf_store_get(view, 0, hf_span_of(key), &value, &why),
			  &why);
		if (!hf_span_is(value, want))
			fail_msg("%s is '%.*s', not '%s'", key,
				 HF_SPAN_ARGS(value), want);
	}
	hf_store_view_end(view);
	hf_store_close(store);
}

static void an_old_store_becomes_a_new_one_and_is_kept(void **state)
{
	struct shelf *shelf = *state;
	char kept[128];

	fill_old(shelf);
	expect(shelf->dir, 3);
	/* As it was before each step, readable by the program of that time. */
	snprintf(kept, sizeof(kept), "%s.format-1", shelf->dir);
	expect(kept, 1);
	snprintf(kept, sizeof(kept), "%s.format-2", shelf->dir);
	expect(kept, 2);
	expect(shelf->dir, 3);
}

static void a_newer_store_is_refused_with_words(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store *store;

	assert_ok(open_as(shelf->dir, "shelf/4", &store, &why), &why);
	hf_store_close(store);
	assert_int_equal(open_as(shelf->dir, "shelf/3", &store, &why),
			 HF_E_UNSUPPORTED);
	assert_non_null(strstr(why.text, "shelf/4"));
	assert_non_null(strstr(why.text, "run the version that wrote it"));
}

/* In another process, which may be killed; true when it was. */
static bool is_killed_while_it_opens(const struct shelf *shelf, long parts)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct hf_store *store;

		parts_left = parts;
		_exit(open_as(shelf->dir, "shelf/3", &store, NULL) == HF_OK
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static void
a_kill_at_any_part_loses_nothing_and_does_nothing_twice(void **state)
{
	struct shelf *shelf = *state;
	long kills = 0;
	bool is_killed = true;

	for (long parts = 1; is_killed; parts++) {
		char command[256];

		snprintf(command, sizeof(command), "rm -rf '%s'*", shelf->dir);
		assert_int_equal(system(command), 0);
		fill_old(shelf);
		is_killed = is_killed_while_it_opens(shelf, parts);
		kills += is_killed;
		/* And once more, on the way from there. */
		is_killed_while_it_opens(shelf, 1);
		expect(shelf->dir, 3);
	}
	/* Ten keys, three a part: four parts for each of two steps. */
	assert_int_equal(kills, 8);
}

static void a_kill_within_any_part_does_so_neither(void **state)
{
	dies_within = true;
	a_kill_at_any_part_loses_nothing_and_does_nothing_twice(state);
	dies_within = false;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		TEST(an_old_store_becomes_a_new_one_and_is_kept),
		TEST(a_newer_store_is_refused_with_words),
		TEST(a_kill_at_any_part_loses_nothing_and_does_nothing_twice),
		TEST(a_kill_within_any_part_does_so_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
