#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer_record.h"

/* What the disk does to the next calls: so many of each fail. */
static struct {
	int pwrites; /* half of it is written */
	int fdatasyncs;
	int fsyncs;
} failing;

ssize_t __real_pwrite(int fd, const void *at, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *at, size_t len, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

ssize_t __wrap_pwrite(int fd, const void *at, size_t len, off_t offset)
{
	if (failing.pwrites == 0)
		return __real_pwrite(fd, at, len, offset);
	failing.pwrites--;
	return __real_pwrite(fd, at, 256, offset);
}

static int refuse(int *count)
{
	if (*count == 0)
		return 0;
	(*count)--;
	errno = EIO;
	return -1;
}

int __wrap_fdatasync(int fd)
{
	return refuse(&failing.fdatasyncs) != 0 ? -1 : __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
	return refuse(&failing.fsyncs) != 0 ? -1 : __real_fsync(fd);
}

static char base[] = "/dev/shm/hf-record-XXXXXX";
static char dir[64], path[96];

static int start(void **state)
{
	/* Hundreds of syncs: in memory where that is to be had. */
	if (mkdtemp(base) == NULL &&
	    mkdtemp(strcpy(base, "/tmp/hf-record-XXXXXX")) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s/record", base);
	snprintf(path, sizeof(path), "%s/" HF_RECORD_FILE_NAME, dir);
	return 0;
}

/* The one at work: a test that fails leaves it behind. */
static struct hf_record *current;

static void close_record(void)
{
	hf_record_close(current);
	current = NULL;
}

static struct hf_record *reopen(void)
{
	struct hf_why why = { "" };

	close_record();
	assert_ok(hf_record_open(dir, 0, &current, &why), &why);
	return current;
}

static int clean(void **state)
{
	close_record();
	unlink(path);
	rmdir(dir);
	return 0;
}

static int stop(void **state)
{
	clean(state);
	return rmdir(base);
}

static struct hf_record_tree tree_of(uint64_t size)
{
	struct hf_record_tree tree = { size, 1000 + size, { { 0 } } };

	memset(tree.root.bytes, (int)size, sizeof(tree.root.bytes));
	return tree;
}

static void put(struct hf_record *record, const char *origin, uint64_t size)
{
	struct hf_record_tree tree = tree_of(size);
	struct hf_why why = { "" };

	assert_ok(hf_record_put(record, hf_span_of(origin), &tree, &why), &why);
}

static void assert_says(struct hf_record *record, const char *origin,
			uint64_t size)
{
	struct hf_record_tree got, want = tree_of(size);
	struct hf_why why = { "" };

	assert_ok(hf_record_get(record, hf_span_of(origin), &got, &why), &why);
	assert_true(got.size == want.size);
	assert_true(got.time_s == want.time_s);
	assert_memory_equal(&got.root, &want.root, sizeof(got.root));
}

static void flip(off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void what_was_put_is_there_after_reopening(void **state)
{
	struct hf_record *record = reopen();
	struct hf_record_tree tree;
	struct stat st;

	assert_true(hf_record_state(record).is_new);
	assert_int_equal(
		hf_record_get(record, BYTES("a.example/x/1"), &tree, NULL),
		HF_E_NOTFOUND);
	put(record, "b.example/x/1", 3);
	put(record, "a.example/x/1", 1);
	put(record, "a.example/x/10", 2);
	put(record, "b.example/x/1", 7);
	record = reopen();
	assert_false(hf_record_state(record).is_new);
	assert_int_equal(hf_record_state(record).origins_count, 3);
	assert_says(record, "a.example/x/1", 1);
	assert_says(record, "a.example/x/10", 2);
	assert_says(record, "b.example/x/1", 7);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 4 * HF_RECORD_SLOT_BYTES);
	close_record();
}

static void many_origins_keep_their_own(void **state)
{
	struct hf_record *record = reopen();
	char origin[64];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(origin, sizeof(origin), "a.example/s%u/1",
			 i * 7919 % 10);
		put(record, origin, i * 7919 % 10);
	}
	record = reopen();
	for (unsigned i = 0; i < 10; i++) {
		snprintf(origin, sizeof(origin), "a.example/s%u/1", i);
		assert_says(record, origin, i);
	}
	close_record();
}

static void two_processes_never_share_a_record(void **state)
{
	int status = 0;
	pid_t child;

	(void)reopen();
	child = fork();
	if (child == 0) {
		struct hf_record *second;

		_exit(hf_record_open(dir, 0, &second, NULL) == HF_E_EXISTS ? 0
									   : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close_record();
	/* And when the first is gone, the next one may. */
	(void)reopen();
	close_record();
}

/* Every byte that means something in the first sector of a slot. */
static void a_damaged_slot_is_never_forgotten(void **state)
{
	for (off_t at = 0; at < 512; at += 47) {
		struct hf_record *record = reopen();
		struct hf_record_tree tree;

		put(record, "a.example/x/1", 1);
		put(record, "b.example/x/1", 2);
		close_record();
		flip(HF_RECORD_SLOT_BYTES + at);
		record = reopen();
		assert_int_equal(hf_record_state(record).damaged_count, 1);
		/* The other is intact and goes on. */
		assert_says(record, "b.example/x/1", 2);
		put(record, "b.example/x/1", 3);
		/* This one, and any that is not named, may have been it. */
		assert_int_equal(hf_record_get(record, BYTES("a.example/x/1"),
					       &tree, NULL),
				 HF_E_CORRUPT);
		assert_int_equal(hf_record_get(record, BYTES("c.example/x/1"),
					       &tree, NULL),
				 HF_E_CORRUPT);
		tree = tree_of(9);
		assert_int_equal(hf_record_put(record, BYTES("c.example/x/1"),
					       &tree, NULL),
				 HF_E_CORRUPT);
		close_record();
		clean(NULL);
	}
}

static void a_damaged_count_is_never_forgotten(void **state)
{
	for (off_t at = 0; at < 512; at += 47) {
		struct hf_record *record = reopen();
		struct hf_record_tree tree;

		put(record, "a.example/x/1", 1);
		close_record();
		flip(at);
		record = reopen();
		assert_int_equal(hf_record_state(record).damaged_count, 1);
		assert_says(record, "a.example/x/1", 1);
		assert_int_equal(hf_record_get(record, BYTES("c.example/x/1"),
					       &tree, NULL),
				 HF_E_CORRUPT);
		close_record();
		clean(NULL);
	}
}

static void a_cut_file_is_never_forgotten(void **state)
{
	const off_t cuts[] = { 0,
			       1,
			       HF_RECORD_SLOT_BYTES,
			       HF_RECORD_SLOT_BYTES + 1,
			       2 * HF_RECORD_SLOT_BYTES,
			       3 * HF_RECORD_SLOT_BYTES - 1 };

	for (size_t i = 0; i < ROWS(cuts); i++) {
		struct hf_record *record = reopen();
		struct hf_record_tree tree;

		put(record, "a.example/x/1", 1);
		put(record, "b.example/x/1", 2);
		close_record();
		assert_int_equal(truncate(path, cuts[i]), 0);
		record = reopen();
		assert_true(hf_record_state(record).damaged_count > 0);
		assert_int_equal(hf_record_get(record, BYTES("b.example/x/1"),
					       &tree, NULL),
				 HF_E_CORRUPT);
		close_record();
		clean(NULL);
	}
}

static void slots_that_changed_places_are_damage(void **state)
{
	struct hf_record *record = reopen();
	uint8_t slots[2][HF_RECORD_SLOT_BYTES];
	int fd;

	put(record, "a.example/x/1", 1);
	put(record, "b.example/x/1", 2);
	close_record();
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, slots, sizeof(slots), HF_RECORD_SLOT_BYTES),
			 sizeof(slots));
	assert_int_equal(pwrite(fd, slots[1], HF_RECORD_SLOT_BYTES,
				HF_RECORD_SLOT_BYTES),
			 HF_RECORD_SLOT_BYTES);
	close(fd);
	record = reopen();
	assert_int_equal(hf_record_state(record).damaged_count, 1);
	close_record();
}

static void a_slot_that_was_never_counted_is_written_over(void **state)
{
	/* What a crash between the slot and the count leaves. */
	struct hf_record *record = reopen();
	uint8_t junk[HF_RECORD_SLOT_BYTES];
	int fd;

	put(record, "a.example/x/1", 1);
	close_record();
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(
		pwrite(fd, junk, sizeof(junk), 2 * HF_RECORD_SLOT_BYTES),
		sizeof(junk));
	close(fd);
	record = reopen();
	assert_int_equal(hf_record_state(record).damaged_count, 0);
	put(record, "b.example/x/1", 2);
	record = reopen();
	assert_says(record, "a.example/x/1", 1);
	assert_says(record, "b.example/x/1", 2);
	close_record();
}

static enum hf_err try_put(struct hf_record *record, const char *origin,
			   uint64_t size)
{
	struct hf_record_tree tree = tree_of(size);

	return hf_record_put(record, hf_span_of(origin), &tree, NULL);
}

static void a_write_that_failed_is_made_good_by_the_next(void **state)
{
	static const struct {
		const char *origin;
		int pwrites, fdatasyncs;
		bool is_certain; /* it was behind what counts */
	} rows[] = {
		{ "a.example/x/1", 1, 0, false },
		{ "a.example/x/1", 0, 1, false },
		{ "new.example/x/1", 1, 0, true },
		{ "new.example/x/1", 0, 1, false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_record *record = reopen();
		struct hf_record_tree tree;

		put(record, "a.example/x/1", 1);
		put(record, "b.example/x/1", 2);
		failing.pwrites = rows[i].pwrites;
		failing.fdatasyncs = rows[i].fdatasyncs;
		assert_true(try_put(record, rows[i].origin, 9) != HF_OK);
		/* Nobody can tell what is there, and nothing is signed while
		 * the disk goes on so. */
		failing.fsyncs = rows[i].is_certain ? 0 : 1;
		assert_true((try_put(record, "b.example/x/1", 2) == HF_OK) ==
			    rows[i].is_certain);
		assert_int_equal(failing.fsyncs, 0);
		assert_says(record, "a.example/x/1", 1);
		assert_says(record, "b.example/x/1", 2);
		assert_int_equal(hf_record_get(record, BYTES("new.example/x/1"),
					       &tree, NULL),
				 HF_E_NOTFOUND);
		put(record, "b.example/x/1", 4);
		put(record, "c.example/x/1", 5);
		record = reopen();
		assert_int_equal(hf_record_state(record).damaged_count, 0);
		assert_int_equal(hf_record_state(record).origins_count, 3);
		assert_says(record, "a.example/x/1", 1);
		assert_says(record, "b.example/x/1", 4);
		assert_says(record, "c.example/x/1", 5);
		close_record();
		clean(NULL);
	}
}

static enum hf_err put_two(struct hf_record *record, const char *one,
			   const char *two, uint64_t size)
{
	const struct hf_record_change changes[] = {
		{ hf_span_of(one), tree_of(size) },
		{ hf_span_of(two), tree_of(size + 1) },
	};

	return hf_record_put_known(record, changes, 2, NULL);
}

static void several_are_put_with_one_sync_or_none_is(void **state)
{
	struct hf_record *record = reopen();

	put(record, "a.example/x/1", 1);
	put(record, "b.example/x/1", 1);
	assert_int_equal(put_two(record, "a.example/x/1", "c.example/x/1", 2),
			 HF_E_NOTFOUND);
	assert_says(record, "a.example/x/1", 1);
	assert_int_equal(put_two(record, "a.example/x/1", "b.example/x/1", 2),
			 HF_OK);
	assert_says(record, "a.example/x/1", 2);
	assert_says(record, "b.example/x/1", 3);
	/* The sync fails; then the first write, half of it done: what the next
	 * put leaves is what was signed. */
	for (int i = 0; i < 2; i++) {
		failing.fdatasyncs = i == 0;
		failing.pwrites = i == 1;
		assert_true(put_two(record, "a.example/x/1", "b.example/x/1",
				    7) != HF_OK);
		assert_says(record, "a.example/x/1", 2 + 2 * (uint64_t)i);
		assert_int_equal(put_two(record, "a.example/x/1",
					 "b.example/x/1", 4 + 2 * (uint64_t)i),
				 HF_OK);
		record = reopen();
		assert_int_equal(hf_record_state(record).damaged_count, 0);
		assert_says(record, "a.example/x/1", 4 + 2 * (uint64_t)i);
		assert_says(record, "b.example/x/1", 5 + 2 * (uint64_t)i);
	}
}

int main(void)
{
#define CLEAN(test) cmocka_unit_test_setup_teardown(test, clean, clean)
	const struct CMUnitTest tests[] = {
		CLEAN(what_was_put_is_there_after_reopening),
		CLEAN(many_origins_keep_their_own),
		CLEAN(two_processes_never_share_a_record),
		CLEAN(a_damaged_slot_is_never_forgotten),
		CLEAN(a_damaged_count_is_never_forgotten),
		CLEAN(a_cut_file_is_never_forgotten),
		CLEAN(slots_that_changed_places_are_damage),
		CLEAN(a_slot_that_was_never_counted_is_written_over),
		CLEAN(a_write_that_failed_is_made_good_by_the_next),
		CLEAN(several_are_put_with_one_sync_or_none_is),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
