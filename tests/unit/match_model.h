/*
 * match_model.h -- the match index's answers, worked out with a plain array,
 * and a directory for each test.
 */
#ifndef HF_MATCH_MODEL_H
#define HF_MATCH_MODEL_H

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match_index.h"
#include "random64.h"

static inline void random_bytes(uint8_t *out, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		out[i] = (uint8_t)(random64() >> 32);
}

/* Less of the same when every allocation fails in turn: there it is what was
 * called that counts, and each call of these waits for a disk. */
static inline unsigned less(unsigned count)
{
	return getenv("HF_FAIL_ALLOC") != NULL ? count / 16 : count;
}

/* The digest of an entry that nobody has to remember. */
static inline void numbered_digest(uint64_t entry, uint8_t digest[32])
{
	uint64_t word = (entry + 1) * 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 4; i++) {
		memcpy(digest + 8 * i, &word, 8);
		word = (word ^ word >> 29) * 0xff51afd7ed558ccdu;
	}
}

/*
 * A directory for each test, gone after it.
 */
struct place {
	char dir[64];
	struct hf_index *index;
};

static inline int begin_place(void **state)
{
	struct place *place = test_calloc(1, sizeof(*place));

	if (place == NULL)
		return -1;
	strcpy(place->dir, "/tmp/hf-match-XXXXXX");
	if (mkdtemp(place->dir) == NULL)
		return -1;
	*state = place;
	return 0;
}

static inline void remove_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *found;

	while (dir != NULL && (found = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), found->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

/* Again is harmless: a failed assertion leaves a test anywhere. */
static inline void close_index(struct place *place)
{
	hf_index_close(place->index);
	place->index = NULL;
}

static inline int end_place(void **state)
{
	struct place *place = *state;

	close_index(place);
	remove_files(place->dir);
	rmdir(place->dir);
	test_free(place);
	return 0;
}

static inline void open_index(struct place *place)
{
	struct hf_why why = { "" };

	assert_ok(hf_index_open(place->dir, &place->index, &why), &why);
}

static inline void reopen_index(struct place *place)
{
	close_index(place);
	open_index(place);
}

/*
 * The model: rows, and what they would answer.
 */
#define MODEL_MAX 6000

struct row {
	uint32_t set;
	uint64_t entry;
	uint8_t algorithm, class, quality;
	bool is_gone, is_demoted;
	uint8_t digest[144];
};

struct model {
	size_t rows_count;
	struct row rows[MODEL_MAX];
};

static struct model model;

struct found {
	uint32_t set;
	uint64_t entry;
	uint16_t distance;
	uint8_t class, quality, first;
	bool is_demoted;
};

#define FOUND_MAX 20000

struct answer {
	size_t count;
	size_t more;
	struct found rows[FOUND_MAX];
};

static struct answer got, want;

static inline void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct answer *answer = arg;

	assert_true(answer->count < FOUND_MAX);
	answer->rows[answer->count++] = (struct found){
		.set = hit->set,
		.entry = hit->entry,
		.distance = hit->distance,
		.class = hit->content_class,
		.quality = hit->quality,
		.first = hit->digest[0],
		.is_demoted = hit->is_demoted,
	};
}

static inline void on_more(void *arg, size_t query)
{
	struct answer *answer = arg;

	answer->more++;
}

static const struct hf_index_sink sink = { on_hit, on_more, &got };

static inline int compare_found(const void *one, const void *other)
{
	const struct found *a = one, *b = other;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return (a->first > b->first) - (a->first < b->first);
}

static inline void check_answer(const char *what)
{
	qsort(got.rows, got.count, sizeof(got.rows[0]), compare_found);
	qsort(want.rows, want.count, sizeof(want.rows[0]), compare_found);
	if (got.count != want.count)
		fail_msg("%s: %zu hits, not %zu", what, got.count, want.count);
	for (size_t i = 0; i < got.count; i++) {
		const struct found *g = &got.rows[i], *w = &want.rows[i];

		if (compare_found(g, w) != 0 || g->class != w->class ||
		    g->quality != w->quality || g->is_demoted != w->is_demoted)
			fail_msg("%s: hit %zu is %u/%lu at %u, not %u/%lu at "
				 "%u",
				 what, i, g->set, (unsigned long)g->entry,
				 g->distance, w->set, (unsigned long)w->entry,
				 w->distance);
	}
}

static inline unsigned distance_of(const uint8_t *a, const uint8_t *b)
{
	unsigned distance = 0;

	for (int i = 0; i < 32; i++)
		distance += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return distance;
}

static inline void model_answer(unsigned algorithm, const uint8_t *digest,
				int near)
{
	want.count = 0;
	for (size_t i = 0; i < model.rows_count; i++) {
		const struct row *row = &model.rows[i];
		unsigned distance = 0;

		if (row->is_gone || row->algorithm != algorithm)
			continue;
		if (near >= 0)
			distance = distance_of(row->digest, digest);
		else if (memcmp(row->digest, digest,
				hf_algorithm_bytes(algorithm)) != 0)
			continue;
		if (near >= 0 && distance > (unsigned)near)
			continue;
		want.rows[want.count++] = (struct found){
			.set = row->set,
			.entry = row->entry,
			.distance = (uint16_t)distance,
			.class = row->class,
			.quality = row->quality,
			.first = row->digest[0],
			.is_demoted = row->is_demoted,
		};
	}
}

static inline void check_exact(struct hf_index *index, unsigned algorithm,
			       const uint8_t *digest, const char *what)
{
	struct hf_index_query query = { (uint8_t)algorithm, digest };
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };

	got.count = 0;
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_exact(view, &query, 1, &sink, &why), &why);
	model_answer(algorithm, digest, -1);
	check_answer(what);
	hf_index_view_end(view);
}

static inline void check_near(struct hf_index *index, const uint8_t *digest,
			      int distance, const char *what)
{
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };

	got.count = 0;
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_near(view, digest, 1, (unsigned)distance,
				       &sink, &why),
		  &why);
	model_answer(HF_ALGORITHM_PDQ, digest, distance);
	check_answer(what);
	hf_index_view_end(view);
}

static inline void check_some(struct hf_index *index, size_t lookups,
			      const char *what)
{
	for (size_t i = 0; i < lookups && model.rows_count > 0; i++) {
		const struct row *row =
			&model.rows[random64() % model.rows_count];
		uint8_t digest[144];

		memcpy(digest, row->digest, sizeof(digest));
		check_exact(index, row->algorithm, digest, what);
		if (row->algorithm != HF_ALGORITHM_PDQ)
			continue;
		for (unsigned n = (unsigned)(random64() % 40); n > 0; n--)
			digest[random64() % 32] ^=
				(uint8_t)(1u << random64() % 8);
		check_near(index, digest, 31, what);
	}
}

static const uint8_t algorithms[] = {
	HF_ALGORITHM_MD5, HF_ALGORITHM_SHA1,     HF_ALGORITHM_SHA256,
	HF_ALGORITHM_PDQ, HF_ALGORITHM_PHOTODNA,
};

static inline struct row *model_add(uint32_t set, uint64_t entry)
{
	struct row *row = &model.rows[model.rows_count];

	assert_true(model.rows_count < MODEL_MAX);
	*row = (struct row){
		.set = set,
		.entry = entry,
		.algorithm = algorithms[random64() % ROWS(algorithms)],
		.class = (uint8_t)(1 + random64() % 5),
		.quality = (uint8_t)(random64() % 101),
	};
	random_bytes(row->digest, sizeof(row->digest));
	/* Known digests come again, in other sets and near themselves. */
	if (model.rows_count > 0 && random64() % 4 == 0) {
		const struct row *old =
			&model.rows[random64() % model.rows_count];

		row->algorithm = old->algorithm;
		memcpy(row->digest, old->digest, sizeof(row->digest));
		if (row->algorithm == HF_ALGORITHM_PDQ && random64() % 2 == 0)
			row->digest[random64() % 32] ^= 0x11;
	}
	model.rows_count++;
	return row;
}

static inline void index_add(struct hf_index *index, const struct row *row)
{
	struct hf_index_hash hash = {
		.set = row->set,
		.entry = row->entry,
		.algorithm = row->algorithm,
		.content_class = row->class,
		.quality = row->quality,
		.digest = row->digest,
	};
	struct hf_why why = { "" };

	assert_ok(hf_index_add(index, &hash, 1, &why), &why);
}

#define PLACED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, begin_place, end_place)

#endif /* HF_MATCH_MODEL_H */
