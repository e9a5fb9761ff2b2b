/*
 * Near lookups in large batches give what they give one at a time, whatever
 * the hashes are like.
 */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match_index.h"
#include "match_join.h"
#include "match_segment.h"
#include "random64.h"

static void random_digest(uint8_t digest[32])
{
	for (int i = 0; i < 4; i++) {
		uint64_t word = random64();

		memcpy(digest + 8 * i, &word, 8);
	}
}

static void flip_some(uint8_t digest[32], unsigned most)
{
	for (unsigned count = (unsigned)(random64() % (most + 1)); count > 0;
	     count--) {
		unsigned bit = (unsigned)(random64() % 256);

		digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

#define HASHES  (HF_MATCH_SEGMENT_BANDS_MIN + 20000)
#define QUERIES (HF_MATCH_JOIN_MIN + 700)

static uint8_t hashes[HASHES][32];
static uint8_t queries[QUERIES][32];

/* Of each query: how many hits, a sum over them, and whether there were more
 * than are told. */
struct told {
	size_t count;
	uint64_t sum;
	bool has_more;
};

struct answers {
	size_t first; /* query of the call */
	size_t latest;
	bool is_in_order;
	struct told told[QUERIES];
};

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct answers *answers = arg;
	size_t query = answers->first + hit->query;

	answers->is_in_order &= query >= answers->latest;
	answers->latest = query;
	answers->told[query].count++;
	answers->told[query].sum +=
		(hit->entry * 257 + hit->distance) * 2654435761u;
}

static void on_more(void *arg, size_t query)
{
	struct answers *answers = arg;

	answers->told[answers->first + query].has_more = true;
}

static void look_up(struct hf_index_view *view, size_t batch, unsigned distance,
		    struct answers *answers)
{
	const struct hf_index_sink sink = { on_hit, on_more, answers };
	struct hf_why why = { "" };

	*answers = (struct answers){ .is_in_order = true };
	for (size_t i = 0; i < QUERIES; i += batch) {
		answers->first = i;
		assert_ok(hf_index_lookup_near(view, queries[i],
					       QUERIES - i < batch ? QUERIES - i
								   : batch,
					       distance, &sink, &why),
			  &why);
	}
	assert_true(answers->is_in_order);
}

static void compare_answers(struct hf_index_view *view, unsigned distance)
{
	static struct answers one, all;

	look_up(view, 1, distance, &one);
	look_up(view, QUERIES, distance, &all);
	for (size_t q = 0; q < QUERIES; q++) {
		/* Which of too many are told is nobody's promise. */
		assert_int_equal(one.told[q].has_more, all.told[q].has_more);
		assert_int_equal(one.told[q].count, all.told[q].count);
		if (!one.told[q].has_more)
			assert_true(one.told[q].sum == all.told[q].sum);
	}
}

static void add_hashes(struct hf_index *index, size_t begin, size_t end)
{
	struct hf_why why = { "" };

	for (size_t i = begin; i < end; i++) {
		struct hf_index_hash hash = {
			.set = 1,
			.entry = i,
			.algorithm = HF_ALGORITHM_PDQ,
			.content_class = HF_CLASS_CSAM,
			.quality = 80,
			.digest = hashes[i],
		};

		assert_ok(hf_index_add(index, &hash, 1, &why), &why);
	}
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

/* A large segment with bands, a small one without, and some hashes that are
 * not sealed; some entries removed. */
static void check_index(void)
{
	char dir[] = "/tmp/hf-join-XXXXXX";
	struct hf_index_view *view = NULL;
	struct hf_index *index = NULL;
	struct hf_why why = { "" };

	for (size_t i = 0; i < QUERIES; i++) {
		memcpy(queries[i], hashes[random64() % HASHES], 32);
		if (i % 3 == 0)
			random_digest(queries[i]);
		else
			flip_some(queries[i], 33);
	}
	assert_non_null(mkdtemp(dir));
	assert_ok(hf_index_open(dir, &index, &why), &why);
	add_hashes(index, 0, HASHES - 2000);
	assert_ok(hf_index_compact(index, &why), &why);
	add_hashes(index, HASHES - 2000, HASHES - 300);
	assert_ok(hf_index_sync(index, &why), &why);
	add_hashes(index, HASHES - 300, HASHES);
	for (size_t i = 0; i < HASHES; i += 11)
		assert_ok(hf_index_remove(index, 1, i, &why), &why);
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	compare_answers(view, 31);
	compare_answers(view, 15);
	compare_answers(view, 33);
	hf_index_view_end(view);
	hf_index_close(index);
	remove_dir(dir);
}

static void uniform_hashes_are_found_alike(void **state)
{
	for (size_t i = 0; i < HASHES; i++)
		random_digest(hashes[i]);
	check_index();
}

static void near_duplicates_are_found_alike(void **state)
{
	uint8_t centre[32];

	for (size_t i = 0; i < HASHES; i++) {
		if (i % 400 == 0)
			random_digest(centre);
		memcpy(hashes[i], centre, 32);
		flip_some(hashes[i], 40);
	}
	check_index();
}

/* More than are told are near many a query, and buckets hold a third of all
 * hashes: the batch goes on without those. */
static void crowds_are_found_alike(void **state)
{
	uint8_t centres[3][32];

	for (size_t i = 0; i < 3; i++)
		random_digest(centres[i]);
	for (size_t i = 0; i < HASHES; i++) {
		memcpy(hashes[i], centres[i % 3], 32);
		flip_some(hashes[i], i % 2 == 0 ? 12 : 70);
	}
	check_index();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uniform_hashes_are_found_alike),
		cmocka_unit_test(near_duplicates_are_found_alike),
		cmocka_unit_test(crowds_are_found_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
