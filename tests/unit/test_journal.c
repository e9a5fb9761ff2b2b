#include "service_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

/* What was read: "who:item:index" of each, one behind the other. */
struct heard {
	char text[4096];
	size_t count;
	size_t most; /* 0: all */
};

static bool on_verdict(void *arg, const struct hf_given_verdict *verdict)
{
	struct heard *heard = arg;
	size_t used = strlen(heard->text);

	snprintf(heard->text + used, sizeof(heard->text) - used, "%s%s:%s:%llu",
		 used > 0 ? " " : "", verdict->who, verdict->item,
		 (unsigned long long)verdict->entry->index);
	return ++heard->count != heard->most;
}

static void open_journal(struct world *world)
{
	struct hf_why why = { "" };

	world->conf.state_dir = home;
	assert_ok(hf_journal_start(&world->node, &world->node.journal, &why),
		  &why);
}

static void close_journal(struct world *world)
{
	hf_journal_free(world->node.journal);
	world->node.journal = NULL;
}

static int journal_down(void **state)
{
	close_journal(*state);
	return down(state);
}

/* A lookup of one item with these hits. */
static void put(struct world *world, const char *name,
		const struct hf_wire_match_hit *hits, size_t count)
{
	static const struct hf_rpc_identity who = { .name = "scan1" };
	const struct hf_wire_match_request request = { .names = &name,
						       .names_count = 1 };
	const struct hf_wire_match_response response = { .hits = hits,
							 .hits_count = count,
							 .items = 1 };

	hf_journal_put(world->node.journal, &who, &request, &response);
}

static struct hf_wire_match_hit hit(uint64_t index, enum hf_verdict verdict)
{
	return (struct hf_wire_match_hit){ .algorithm = HF_ALGORITHM_SHA256,
					   .origin = OURS,
					   .index = index,
					   .verdict = verdict,
					   .rule = "default" };
}

static void put_one(struct world *world, const char *name, uint64_t index)
{
	const struct hf_wire_match_hit one = hit(index, HF_VERDICT_BLOCK);

	put(world, name, &one, 1);
}

static void assert_reads(struct world *world, const char *wanted)
{
	struct hf_journal_place place = { 0 };
	struct heard heard = { .count = 0 };
	struct hf_why why = { "" };
	bool has_more;

	assert_ok(hf_journal_read(world->node.journal, &place, on_verdict,
				  &heard, &has_more, &why),
		  &why);
	assert_string_equal(heard.text, wanted);
	assert_false(has_more);
}

/* The path of the file that was begun as the so manieth; their number. */
static size_t find_file(size_t number, char *out_path, size_t size)
{
	char path[300];
	size_t count = 0;
	struct dirent *found;
	DIR *at;

	snprintf(path, sizeof(path), "%s/verdicts", home);
	at = opendir(path);
	assert_non_null(at);
	while ((found = readdir(at)) != NULL) {
		if (found->d_name[0] == '.')
			continue;
		count++;
		if (strtoull(found->d_name, NULL, 16) == number)
			snprintf(out_path, size, "%.200s/%.60s", path,
				 found->d_name);
	}
	closedir(at);
	return count;
}

static void what_blocks_or_asks_for_review_is_kept(void **state)
{
	const struct hf_wire_match_hit hits[] = {
		hit(1, HF_VERDICT_BLOCK),
		hit(2, HF_VERDICT_REVIEW),
		hit(3, HF_VERDICT_IGNORE),
	};
	struct world *world = *state;

	open_journal(world);
	put(world, "a", hits, 3);
	put(world, "b", NULL, 0);
	hf_journal_put(NULL, NULL, NULL, NULL);
	assert_reads(world, "scan1:a:1 scan1:a:2");
	close_journal(world);
	open_journal(world);
	put_one(world, "c", 4);
	assert_reads(world, "scan1:a:1 scan1:a:2 scan1:c:4");
}

static void a_file_with_several_hashes_of_an_entry_is_one_verdict(void **state)
{
	struct hf_wire_match_hit hits[] = {
		hit(1, HF_VERDICT_BLOCK),  hit(1, HF_VERDICT_BLOCK),
		hit(1, HF_VERDICT_REVIEW), hit(2, HF_VERDICT_BLOCK),
		hit(2, HF_VERDICT_BLOCK),
	};
	struct world *world = *state;

	hits[0].digest.len_bytes = 16;
	hits[1].digest.len_bytes = 32;
	hits[2].algorithm = HF_ALGORITHM_PDQ;
	/* Another file's. */
	hits[4].item = 1;
	open_journal(world);
	put(world, "a", hits, ROWS(hits));
	assert_reads(world, "scan1:a:1 scan1:a:2 scan1::2");
}

static void of_an_item_with_many_hits_the_first_are_kept(void **state)
{
	struct hf_wire_match_hit hits[20];
	struct heard heard = { .count = 0 };
	struct hf_journal_place place = { 0 };
	struct hf_why why = { "" };
	struct world *world = *state;
	bool has_more;

	open_journal(world);
	for (size_t i = 0; i < ROWS(hits); i++)
		hits[i] = hit(i, HF_VERDICT_BLOCK);
	put(world, "a", hits, ROWS(hits));
	assert_ok(hf_journal_read(world->node.journal, &place, on_verdict,
				  &heard, &has_more, &why),
		  &why);
	assert_int_equal(heard.count, HF_JOURNAL_HITS);
}

static void a_reader_goes_on_where_it_was(void **state)
{
	struct hf_journal_place place = { 0 };
	struct world *world = *state;
	struct hf_why why = { "" };
	char all[4096] = "";
	bool has_more = true;

	open_journal(world);
	put_one(world, "a", 1);
	put_one(world, "b", 2);
	close_journal(world);
	open_journal(world);
	put_one(world, "c", 3);
	for (int i = 0; i < 5 && has_more; i++) {
		struct heard heard = { .most = 1 };

		assert_ok(hf_journal_read(world->node.journal, &place,
					  on_verdict, &heard, &has_more, &why),
			  &why);
		strcat(all, heard.text);
	}
	assert_false(has_more);
	assert_string_equal(all, "scan1:a:1scan1:b:2scan1:c:3");
}

static void what_a_crash_cut_off_or_a_disk_turned_is_passed_over(void **state)
{
	struct world *world = *state;
	char path[300];
	struct stat is;
	uint8_t byte;
	int fd;

	open_journal(world);
	put_one(world, "a", 1);
	put_one(world, "b", 2);
	close_journal(world);
	assert_int_equal(find_file(1, path, sizeof(path)), 1);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(truncate(path, is.st_size - 1), 0);
	open_journal(world);
	put_one(world, "c", 3);
	assert_reads(world, "scan1:a:1 scan1:c:3");

	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, 30), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 30), 1);
	close(fd);
	assert_reads(world, "scan1:c:3");
	/* A length that nothing has. */
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 0), 4);
	close(fd);
	assert_reads(world, "scan1:c:3");
}

static void what_is_too_old_or_too_much_leaves(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1000 },
					      { .tv_sec = 1000 } };
	struct world *world = *state;
	char path[300];

	for (uint64_t i = 1; i <= 4; i++) {
		open_journal(world);
		put_one(world, "a", i);
		close_journal(world);
	}
	assert_int_equal(find_file(2, path, sizeof(path)), 4);
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	open_journal(world);
	assert_reads(world, "scan1:a:1 scan1:a:3 scan1:a:4");
	close_journal(world);
	/* Room for one. */
	world->conf.verdicts_max_bytes = 150;
	open_journal(world);
	assert_reads(world, "scan1:a:4");
	close_journal(world);
	world->conf.verdicts_keep_ms = 0;
	open_journal(world);
	assert_null(world->node.journal);
	assert_int_equal(find_file(0, path, sizeof(path)), 0);
}

static int journal_up(void **state)
{
	int failed = up(state);
	struct world *world = *state;

	world->conf.verdicts_keep_ms = DAY_MS;
	world->conf.verdicts_max_bytes = 1 << 20;
	return failed;
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, journal_up, journal_down)
	const struct CMUnitTest tests[] = {
		TEST(what_blocks_or_asks_for_review_is_kept),
		TEST(a_file_with_several_hashes_of_an_entry_is_one_verdict),
		TEST(of_an_item_with_many_hits_the_first_are_kept),
		TEST(a_reader_goes_on_where_it_was),
		TEST(what_a_crash_cut_off_or_a_disk_turned_is_passed_over),
		TEST(what_is_too_old_or_too_much_leaves),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
