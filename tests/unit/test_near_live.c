/*
 * An index that is added to, removed from, sealed and merged finds what
 * comparing with everything finds: with every kernel, and in another process
 * that has it open for reading.
 */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "match_state.h"
#include "random64.h"

#define ROUNDS      14
#define QUERIES     24
#define ENTRIES_MAX 120000

static struct entry {
	uint8_t digest[32];
	bool is_removed;
} entries[ENTRIES_MAX];
static size_t entries_count;

static uint8_t queries[QUERIES][32];
static unsigned distances[QUERIES];

static void random_digest(uint8_t digest[32])
{
	for (int i = 0; i < 4; i++) {
		uint64_t word = random64();

		memcpy(digest + 8 * i, &word, 8);
	}
}

/* Change exactly count bits: anywhere, or two a band as far as that goes, so
 * that no band is nearer than the others. */
static void change(uint8_t digest[32], unsigned count, bool is_even)
{
	uint8_t before[32];
	unsigned band = (unsigned)(random64() % 16);

	memcpy(before, digest, 32);
	for (unsigned done = 0; done < count;) {
		unsigned bit = (unsigned)(random64() % 256);

		if (is_even)
			bit = (band + done / 2) % 16 * 16 + bit % 16;
		if (((digest[bit / 8] ^ before[bit / 8]) >> bit % 8 & 1) != 0)
			continue;
		digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
		done++;
	}
}

/* Uniform ones, near-duplicates of earlier ones, the same again, all zero, one
 * bit, and two bands that hardly vary. */
static void draw(uint8_t digest[32])
{
	unsigned kind = (unsigned)(random64() % 16);

	random_digest(digest);
	if (kind < 4 && entries_count > 0) {
		memcpy(digest, entries[random64() % entries_count].digest, 32);
		change(digest, kind == 0 ? 0 : (unsigned)(random64() % 45),
		       kind == 3);
	} else if (kind == 4) {
		memset(digest, 0, 32);
		change(digest, (unsigned)(random64() % 2), false);
	} else if (kind < 8) {
		memset(digest + 12, 0, 4);
		digest[13] = (uint8_t)(random64() % 3);
	}
}

static void add(struct hf_index *index, size_t count)
{
	struct hf_index_hash *hashes = calloc(count, sizeof(*hashes));
	struct hf_why why = { "" };

	assert_non_null(hashes);
	for (size_t i = 0; i < count; i++, entries_count++) {
		struct entry *entry = &entries[entries_count];

		entry->is_removed = false;
		draw(entry->digest);
		hashes[i] = (struct hf_index_hash){
			.set = 3,
			.entry = entries_count,
			.algorithm = HF_ALGORITHM_PDQ,
			.content_class = HF_CLASS_CSAM,
			.quality = 70,
			.digest = entry->digest,
		};
	}
	assert_ok(hf_index_add(index, hashes, count, &why), &why);
	free(hashes);
}

static void remove_some(struct hf_index *index, size_t count)
{
	struct hf_why why = { "" };

	for (; count > 0; count--) {
		size_t entry = random64() % entries_count;

		entries[entry].is_removed = true;
		assert_ok(hf_index_remove(index, 3, entry, &why), &why);
	}
}

static void draw_queries(void)
{
	static const unsigned of[] = { 31, 31, 15, 33, 47, 0, 48, 31 };

	for (size_t q = 0; q < QUERIES; q++) {
		distances[q] = of[q % ROWS(of)];
		memcpy(queries[q], entries[random64() % entries_count].digest,
		       32);
		/* Just within the distance, and just not. */
		change(queries[q], distances[q] + (unsigned)(q / 8 % 2),
		       q % 3 != 0);
	}
}

struct tally {
	size_t count;
	uint64_t sum;
	bool has_more;
};

static void tell(struct tally *tally, uint64_t entry, unsigned distance)
{
	tally->count++;
	tally->sum += (entry * 257 + distance) * 2654435761u;
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	tell(arg, hit->entry, hit->distance);
}

static void on_more(void *arg, size_t query)
{
	struct tally *tally = arg;

	tally->has_more = true;
}

static struct tally compare_with_all(size_t q)
{
	struct hf_match_pdq want = hf_match_pdq_load(queries[q]);
	struct tally tally = { 0 };

	for (size_t i = 0; i < entries_count; i++) {
		struct hf_match_pdq have = hf_match_pdq_load(entries[i].digest);
		unsigned distance = hf_match_pdq_distance(&have, &want);

		if (!entries[i].is_removed && distance <= distances[q])
			tell(&tally, i, distance);
	}
	return tally;
}

/* How many queries get another answer than comparing with everything gives,
 * or HF_INDEX_HITS_MAX of more. */
static size_t wrong_answers(struct hf_index *index)
{
	struct hf_index_view *view = NULL;
	size_t wrong = 0;

	if (hf_index_view_begin(index, &view, NULL) != HF_OK)
		return QUERIES;
	for (size_t q = 0; q < QUERIES; q++) {
		struct tally want = compare_with_all(q), got = { 0 };
		const struct hf_index_sink sink = { on_hit, on_more, &got };
		bool is_right =
			hf_index_lookup_near(view, queries[q], 1, distances[q],
					     &sink, NULL) == HF_OK;

		if (want.count > HF_INDEX_HITS_MAX)
			is_right &=
				got.has_more && got.count == HF_INDEX_HITS_MAX;
		else
			is_right &= !got.has_more && got.count == want.count &&
				    got.sum == want.sum;
		wrong += !is_right;
	}
	hf_index_view_end(view);
	return wrong;
}

/* The same asked in another process. */
static void ask_elsewhere(const char *dir)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct hf_index *index = NULL;

		if (hf_index_open_readonly(dir, &index, NULL) != HF_OK)
			_exit(100);
		_exit((int)wrong_answers(index));
	}
	assert_true(pid > 0);
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *found;

	assert_non_null(dir);
	while ((found = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), found->d_name, 0);
	closedir(dir);
	rmdir(path);
}

static void live_through(const struct hf_match_kernel *kernel)
{
	char dir[] = "/tmp/hf-near-live-XXXXXX";
	struct hf_index *index = NULL;
	struct hf_why why = { "" };

	random_state = 88172645463325252u;
	entries_count = 0;
	assert_non_null(mkdtemp(dir));
	assert_ok(hf_index_open(dir, &index, &why), &why);
	index->kernel = kernel;
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* Some at once are put in bulk, and seen once sealed. */
		bool is_bulk = round % 7 == 2;

		add(index, is_bulk ? 36000 : 200 + random64() % 3000);
		remove_some(index, 40);
		if (is_bulk || round % 3 == 1)
			assert_ok(hf_index_sync(index, &why), &why);
		if (round == 9)
			assert_ok(hf_index_compact(index, &why), &why);
		draw_queries();
		assert_int_equal(wrong_answers(index), 0);
		ask_elsewhere(dir);
	}
	hf_index_close(index);
	remove_dir(dir);
}

static void every_kernel_finds_all_while_the_index_changes(void **state)
{
	for (size_t k = 0; hf_match_kernel_at(k) != NULL; k++)
		live_through(hf_match_kernel_at(k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_kernel_finds_all_while_the_index_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
