#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "shelf.h"

static uint64_t file_bytes(struct shelf *shelf)
{
	struct hf_store_stats stats;
	struct hf_why why = { "" };

	assert_ok(hf_store_stats(shelf->store, &stats, &why), &why);
	return stats.file_bytes;
}

static void room_is_made_behind_the_last_page_only(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	static uint8_t value[100000];
	uint64_t before, after;
	char key[16];

	reopen(shelf);
	assert_ok(put(shelf->store, FRUIT, "plum", BYTES("blue"), &why), &why);
	before = file_bytes(shelf);
	for (int i = 0; i < 40; i++)
		hf_store_write_ahead(shelf->store);
	after = file_bytes(shelf);
	/* As much as is wanted, and then no more. */
	assert_in_range(after - before, 512 << 10, 2 << 20);
	hf_store_write_ahead(shelf->store);
	assert_int_equal(file_bytes(shelf), after);
	/* Commits go into it and past it, with more room made in between. */
	for (unsigned i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "%08u", i);
		memset(value, (int)i + 1, sizeof(value));
		assert_ok(put(shelf->store, FRUIT, key,
			      hf_span(value, sizeof(value)), &why),
			  &why);
		hf_store_write_ahead(shelf->store);
	}
	reopen(shelf);
	assert_true(has(shelf->store, FRUIT, "plum", "blue"));
	for (unsigned i = 0; i < 40; i++) {
		struct hf_store_txn *view;
		struct hf_span got;

		snprintf(key, sizeof(key), "%08u", i);
		memset(value, (int)i + 1, sizeof(value));
		assert_ok(hf_store_view_begin(shelf->store, &view, &why), &why);
		assert_ok(
			hf_store_get(view, FRUIT, hf_span_of(key), &got, &why),
			&why);
		assert_int_equal(got.len_bytes, sizeof(value));
		assert_memory_equal(got.at, value, sizeof(value));
		hf_store_view_end(view);
	}
}

static void a_full_map_is_grown_and_the_write_repeated(void **state)
{
	static uint8_t block[100000];
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct hf_why why = { "" };
	struct hf_store_txn *txn;
	size_t repeats = 0, i = 0;
	enum hf_err err;
	char key[16];

	options.map_bytes = (size_t)1 << 20;
	options.map_most_bytes = (size_t)4 << 20;
	assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
	for (;;) {
		snprintf(key, sizeof(key), "%06zu", i);
		err = put(shelf->store, FRUIT, key,
			  hf_span(block, sizeof(block)), &why);
		if (err == HF_OK) {
			i++;
			continue;
		}
		if (err == HF_E_NOMEM)
			fail_msg("%s", why.text);
		assert_int_equal(err, HF_E_FULL);
		if (!hf_store_should_repeat(shelf->store))
			break;
		repeats++;
		assert_true(repeats < 100);
	}
	assert_true(repeats >= 2);
	assert_true(i > 30);
	/* Full is not broken: taking away makes room again. */
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	for (size_t j = 0; j < 5; j++) {
		snprintf(key, sizeof(key), "%06zu", j);
		assert_ok(hf_store_del(txn, FRUIT, hf_span_of(key), &why),
			  &why);
	}
	assert_ok(hf_store_commit(txn, &why), &why);
	assert_ok(put(shelf->store, STONES, "a", BYTES("b"), &why), &why);
	assert_ok(put(shelf->store, FRUIT, "a", hf_span(block, sizeof(block)),
		      &why),
		  &why);
	hf_store_close(shelf->store);
	shelf->store = NULL;
	/* A map smaller than the file is no obstacle. */
	assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
	assert_true(has(shelf->store, STONES, "a", "b"));
}

static void a_full_disk_is_said_and_survived(void **state)
{
	static uint8_t block[200000];
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct hf_why why = { "" };
	char path[80], filler[96];
	enum hf_err err = HF_OK;
	size_t i;
	int fd;

	/* The mount goes away with this process's name space. */
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		print_message("skipped: mounting a small disk needs root\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/small", shelf->home);
	assert_int_equal(mkdir(path, 0700), 0);
	if (mount("small", path, "tmpfs", 0, "size=8m") != 0) {
		print_message("skipped: cannot mount: %s\n", strerror(errno));
		skip();
	}
	snprintf(shelf->dir, sizeof(shelf->dir), "%s/small/shelf", shelf->home);
	assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
	snprintf(filler, sizeof(filler), "%s/filler", path);
	fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (i = 0; i < 25; i++)
		assert_int_equal(write(fd, block, sizeof(block)),
				 sizeof(block));
	close(fd);
	for (i = 0; i < 1000 && err == HF_OK; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%06zu", i);
		err = put(shelf->store, FRUIT, key,
			  hf_span(block, sizeof(block)), &why);
	}
	if (err != HF_E_FULL)
		fail_msg("%s: %s", hf_err_name(err), why.text);
	assert_non_null(strstr(why.text, "disk is full"));
	assert_true(has(shelf->store, FRUIT, "nothing", "") == false);
	assert_int_equal(unlink(filler), 0);
	assert_ok(put(shelf->store, STONES, "a", BYTES("b"), &why), &why);
	assert_true(has(shelf->store, STONES, "a", "b"));
	hf_store_close(shelf->store);
	shelf->store = NULL;
	assert_int_equal(umount(path), 0);
}

struct filling {
	size_t from;
	unsigned times;
};

/* Ten blocks of 100,000 bytes. */
static enum hf_err write_blocks(void *arg, struct hf_store_txn *txn,
				struct hf_why *why)
{
	static const uint8_t block[100000];
	struct filling *filling = arg;
	enum hf_err err = HF_OK;

	filling->times++;
	for (size_t i = 0; i < 10 && err == HF_OK; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%06zu", filling->from + i);
		err = hf_store_put(txn, FRUIT, hf_span_of(key),
				   hf_span(block, sizeof(block)), why);
	}
	return err;
}

static void a_write_is_repeated_until_the_map_is_large_enough(void **state)
{
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct filling filling = { .from = 0 };
	struct hf_why why = { "" };
	unsigned writes = 0;
	enum hf_err err;

	options.map_bytes = (size_t)1 << 18;
	options.map_most_bytes = (size_t)4 << 20;
	assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
	while ((err = hf_store_write(shelf->store, write_blocks, &filling,
				     &why)) == HF_OK) {
		filling.from += 10;
		writes++;
	}
	if (err == HF_E_NOMEM)
		fail_msg("%s", why.text);
	assert_int_equal(err, HF_E_FULL);
	/* As many as fit, and the first did not at once. */
	assert_in_range(writes, 3, 4);
	assert_true(filling.times > writes + 1);
}

/* However large the map is to begin with. */
static void the_store_never_outgrows_its_largest_size(void **state)
{
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct filling filling = { .from = 0 };
	struct hf_store_stats stats;
	struct hf_why why = { "" };
	enum hf_err err;

	options.map_bytes = 0; /* the default, gigabytes */
	options.map_most_bytes = (size_t)4 << 20;
	assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
	while ((err = hf_store_write(shelf->store, write_blocks, &filling,
				     &why)) == HF_OK &&
	       filling.from < 100)
		filling.from += 10;
	if (err == HF_E_NOMEM)
		fail_msg("%s", why.text);
	assert_int_equal(err, HF_E_FULL);
	assert_ok(hf_store_stats(shelf->store, &stats, &why), &why);
	assert_int_equal(stats.map_bytes, options.map_most_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHELF_TEST(room_is_made_behind_the_last_page_only),
		SHELF_TEST(a_full_map_is_grown_and_the_write_repeated),
		SHELF_TEST(a_write_is_repeated_until_the_map_is_large_enough),
		SHELF_TEST(the_store_never_outgrows_its_largest_size),
		SHELF_TEST(a_full_disk_is_said_and_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
