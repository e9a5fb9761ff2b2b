#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
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
static enum hf_err change(struct hf_store_txn *txn, struct hf_store_part *part,
			  bool is_first_step, struct hf_why *why)
{
	uint64_t next = 0;

	if (!dies_within)
		part_is_done();
	if (part->mark->len_bytes > 0)
		memcpy(&next, part->mark->at, sizeof(next));
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
	hf_buf_reset(part->mark);
	hf_buf_put(part->mark, hf_span(&next, sizeof(next)));
	part->is_done = next == KEYS;
	part->done = next;
	part->total = KEYS;
	return HF_OK;
}

static enum hf_err in_brackets(struct hf_store_txn *txn,
			       struct hf_store_part *part, struct hf_why *why)
{
	return change(txn, part, true, why);
}

static enum hf_err doubled(struct hf_store_txn *txn, struct hf_store_part *part,
			   struct hf_why *why)
{
	return change(txn, part, false, why);
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

/* What was told of how far it is; ends with an error at one of the words. */
struct listener {
	struct hf_store_move told[64];
	size_t count;
	size_t ends_at; /* 0: never */
};

static enum hf_err hear(void *arg, const struct hf_store_move *move,
			struct hf_why *why)
{
	struct listener *listener = arg;

	assert_true(listener->count < 64);
	listener->told[listener->count++] = *move;
	return listener->count == listener->ends_at
		       ? hf_why(why, HF_E_CANCELLED, "told to end")
		       : HF_OK;
}

static enum hf_err open_told(const char *dir, const char *format,
			     struct listener *listener,
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
		.moving = listener != NULL ? hear : NULL,
		.moving_arg = listener,
	};

	return hf_store_open(&options, out_store, why);
}

static enum hf_err open_as(const char *dir, const char *format,
			   struct hf_store **out_store, struct hf_why *why)
{
	return open_told(dir, format, NULL, out_store, why);
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

/* Values that the steps leave alone, more than a pipe holds. */
#define STONES_BYTES ((size_t)100000)
#define STONES       40

static enum hf_err add_stones(void *arg, struct hf_store_txn *txn,
			      struct hf_why *why)
{
	static const uint8_t stone[STONES_BYTES];
	enum hf_err err = fill(NULL, txn, why);

	for (unsigned i = 0; i < STONES && err == HF_OK; i++) {
		char key[16];

		snprintf(key, sizeof(key), "stone%02u", i);
		err = hf_store_put(txn, 0, hf_span_of(key),
				   hf_span(stone, sizeof(stone)), why);
	}
	return err;
}

static void fill_with_stones(const char *dir)
{
	struct hf_why why = { "" };
	struct hf_store *store;

	assert_ok(open_as(dir, "shelf/1", &store, &why), &why);
	assert_ok(hf_store_write(store, add_stones, NULL, &why), &why);
	hf_store_close(store);
}

static void is_there(const char *dir, const char *tail, bool wanted)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", dir, tail);
	if ((access(path, F_OK) == 0) != wanted)
		fail_msg("%s is %sthere", path, wanted ? "not " : "");
}

static void it_is_told_how_far_it_is(void **state)
{
	struct shelf *shelf = *state;
	struct listener listener = { .count = 0 };
	struct hf_why why = { "" };
	struct hf_store *store;
	size_t i = 0, bytes_told = 0;

	fill_with_stones(shelf->dir);
	assert_ok(open_told(shelf->dir, "shelf/3", &listener, &store, &why),
		  &why);
	hf_store_close(store);
	for (unsigned step = 1; step <= 2; step++) {
		uint64_t before = 0;

		/* Before anything, then bytes of the copy, then each part. */
		assert_int_equal(listener.told[i].done, 0);
		for (i++; listener.told[i].is_keeping; i++, bytes_told++) {
			assert_true(listener.told[i].done > before);
			assert_true(listener.told[i].done <=
				    listener.told[i].total);
			assert_true(listener.told[i].total >=
				    STONES * STONES_BYTES);
			before = listener.told[i].done;
		}
		for (uint64_t done = STEP;; done += STEP, i++) {
			const struct hf_store_move *move = &listener.told[i];

			assert_int_equal(move->step, step);
			assert_int_equal(move->steps, 2);
			assert_string_equal(move->from,
					    step == 1 ? "shelf/1" : "shelf/2");
			assert_string_equal(move->to,
					    step == 1 ? "shelf/2" : "shelf/3");
			assert_int_equal(move->total, KEYS);
			assert_int_equal(move->done, done < KEYS ? done : KEYS);
			if (move->done == KEYS)
				break;
		}
		i++;
	}
	assert_true(bytes_told >= 4);
	assert_int_equal(listener.count, i);
	/* One that is of this format is not told of. */
	listener.count = 0;
	assert_ok(open_told(shelf->dir, "shelf/3", &listener, &store, &why),
		  &why);
	hf_store_close(store);
	assert_int_equal(listener.count, 0);
}

static void it_ends_at_every_word_and_goes_on_at_the_next_open(void **state)
{
	struct shelf *shelf = *state;
	bool has_ended = true;
	size_t ends = 0;

	for (size_t at = 1; has_ended; at++) {
		struct listener listener = { .ends_at = at };
		struct hf_why why = { "" };
		struct hf_store *store;
		char command[256];

		snprintf(command, sizeof(command), "rm -rf '%s'*", shelf->dir);
		assert_int_equal(system(command), 0);
		fill_with_stones(shelf->dir);
		has_ended = open_told(shelf->dir, "shelf/3", &listener, &store,
				      &why) != HF_OK;
		if (has_ended) {
			assert_non_null(strstr(why.text, "told to end"));
			is_there(shelf->dir, ".format-1.partial", false);
			is_there(shelf->dir, ".format-2.partial", false);
			ends++;
		} else {
			hf_store_close(store);
		}
		expect(shelf->dir, 3);
	}
	/* Two first words, eight parts, and bytes of two copies. */
	assert_true(ends >= 2 + 8 + 4);
}

/* Who put an older store back and went on with it has another to lose. */
static void what_was_kept_before_is_replaced(void **state)
{
	struct shelf *shelf = *state;
	char kept[128], command[256];

	fill_with_stones(shelf->dir);
	expect(shelf->dir, 3);
	snprintf(kept, sizeof(kept), "%s.format-1", shelf->dir);
	snprintf(command, sizeof(command), "rm -rf '%s'", shelf->dir);
	assert_int_equal(system(command), 0);
	fill_old(shelf);
	expect(shelf->dir, 3);
	expect(kept, 1);
	/* The stones of the first are not in it. */
	snprintf(kept, sizeof(kept), "%s.format-1/data.mdb", shelf->dir);
	assert_int_equal(access(kept, F_OK), 0);
	{
		struct stat st;

		assert_int_equal(stat(kept, &st), 0);
		assert_true(st.st_size < (off_t)(STONES * STONES_BYTES));
	}
}

static void a_disk_without_room_for_what_is_kept_changes_nothing(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store *store;
	char path[80], filler[160];

	/* The mount goes away with this process's name space. */
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		print_message("skipped: mounting a small disk needs root\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/small", shelf->home);
	assert_int_equal(mkdir(path, 0700), 0);
	if (mount("small", path, "tmpfs", 0, "size=11m") != 0) {
		print_message("skipped: cannot mount a small disk\n");
		skip();
	}
	snprintf(shelf->dir, sizeof(shelf->dir), "%s/small/shelf", shelf->home);
	fill_with_stones(shelf->dir);
	snprintf(filler, sizeof(filler), "head -c 6M /dev/zero >'%s/filler'",
		 path);
	assert_int_equal(system(filler), 0);
	assert_int_equal(open_as(shelf->dir, "shelf/3", &store, &why),
			 HF_E_FULL);
	assert_non_null(strstr(why.text, "make room; nothing was changed"));
	is_there(shelf->dir, ".format-1", false);
	is_there(shelf->dir, ".format-1.partial", false);
	expect(shelf->dir, 1);
	snprintf(filler, sizeof(filler), "%s/filler", path);
	assert_int_equal(unlink(filler), 0);
	/* The first copy fits, that of the next step does not: it waits for
	 * room and goes on from there. */
	assert_int_equal(open_as(shelf->dir, "shelf/3", &store, &why),
			 HF_E_FULL);
	is_there(shelf->dir, ".format-1", true);
	expect(shelf->dir, 2);
	snprintf(filler, sizeof(filler), "rm -r '%s.format-1'", shelf->dir);
	assert_int_equal(system(filler), 0);
	expect(shelf->dir, 3);
	assert_int_equal(umount(path), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		TEST(an_old_store_becomes_a_new_one_and_is_kept),
		TEST(a_newer_store_is_refused_with_words),
		TEST(a_kill_at_any_part_loses_nothing_and_does_nothing_twice),
		TEST(a_kill_within_any_part_does_so_neither),
		TEST(it_is_told_how_far_it_is),
		TEST(it_ends_at_every_word_and_goes_on_at_the_next_open),
		TEST(what_was_kept_before_is_replaced),
		TEST(a_disk_without_room_for_what_is_kept_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
