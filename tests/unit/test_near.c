/*
 * The PDQ part alone: every kernel and the multi-index against a comparison
 * with everything that is written here, with no code of theirs.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "match_build.h"
#include "match_kernel.h"
#include "match_state.h"
#include "random64.h"

/* When every allocation fails in turn the answers do not matter. */
static bool is_torture;

static void random_digest(uint8_t digest[32])
{
	for (int i = 0; i < 4; i++) {
		uint64_t word = random64();

		memcpy(digest + 8 * i, &word, 8);
	}
}

/* Change exactly count bits. */
static void perturb(uint8_t digest[32], unsigned count)
{
	uint8_t before[32];

	memcpy(before, digest, 32);
	while (count > 0) {
		unsigned bit = (unsigned)(random64() % 256);
		uint8_t mask = (uint8_t)(1u << bit % 8);

		if (((digest[bit / 8] ^ before[bit / 8]) & mask) != 0)
			continue;
		digest[bit / 8] ^= mask;
		count--;
	}
}

static unsigned slow_distance(const uint8_t *a, const uint8_t *b)
{
	unsigned distance = 0;

	for (int i = 0; i < 32; i++) {
		for (unsigned x = a[i] ^ b[i]; x != 0; x &= x - 1)
			distance++;
	}
	return distance;
}

/*
 * A segment of these digests, entry n being digest n.
 */
struct field {
	char dir[64];
	uint8_t *digests; /* sorted, distinct */
	uint32_t count;
	struct hf_match_segment *segment;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static bool always(void *arg, uint64_t sequence, const struct hf_match_ref *ref)
{
	return true;
}

static void write_field(struct field *field, struct hf_match_build *build)
{
	struct hf_why why = { "" };

	strcpy(field->dir, "/tmp/hf-near-XXXXXX");
	assert_non_null(mkdtemp(field->dir));
	assert_ok(hf_match_build_segment(build, &why), &why);
	assert_ok(hf_match_segment_open(field->dir, 1, true, &field->segment,
					&why),
		  &why);
}

static void build_field(struct field *field)
{
	struct hf_match_segment_part part;
	struct hf_match_run run = { 0, &part };
	struct hf_match_build build = { .dir = field->dir,
					.number = 1,
					.is_live = always };
	struct hf_match_ref *refs = calloc(field->count + 1, sizeof(*refs));
	uint32_t kept = 0;

	assert_non_null(refs);
	qsort(field->digests, field->count, 32, compare);
	for (uint32_t i = 0; i < field->count; i++) {
		if (kept > 0 && memcmp(field->digests + 32 * (kept - 1),
				       field->digests + 32 * i, 32) == 0)
			continue;
		memmove(field->digests + 32 * kept, field->digests + 32 * i,
			32);
		refs[kept] = (struct hf_match_ref){ .entry = kept, .set = 1 };
		kept++;
	}
	field->count = kept;
	part = (struct hf_match_segment_part){
		.digest_bytes = 32,
		.keys_count = kept,
		.key_stride_bytes = 32,
		.beside_stride_bytes = sizeof(*refs),
		.keys = field->digests,
		.beside = (const uint8_t *)refs,
	};
	build.runs[HF_ALGORITHM_PDQ] = &run;
	build.runs_count[HF_ALGORITHM_PDQ] = 1;
	write_field(field, &build);
	free(refs);
}

static void release_field(struct field *field)
{
	char path[128];

	hf_match_segment_unref(field->segment);
	snprintf(path, sizeof(path), "%s/segment-00000001", field->dir);
	unlink(path);
	rmdir(field->dir);
	free(field->digests);
}

#define FIELD_MAX (2 * HF_MATCH_SEGMENT_BANDS_MIN + 16384)

struct answers {
	const struct field *field;
	size_t told;
	size_t done;
	size_t wrong;
	uint8_t got[FIELD_MAX];       /* per digest: how often */
	uint16_t distance[FIELD_MAX]; /* per digest, from the query */
};

static struct answers answers;

static bool on_key(void *arg, const struct hf_match_near_job *job, uint32_t key,
		   unsigned distance)
{
	assert_true(key < answers.field->count);
	answers.told++;
	answers.got[key]++;
	answers.wrong += distance != answers.distance[key];
	return true;
}

static void on_done(void *arg, const struct hf_match_near_job *job)
{
	answers.done++;
}

static const struct hf_match_near_sink sink = { on_key, on_done, NULL };

static void search(const struct hf_match_kernel *kernel,
		   struct hf_match_near_work *work, const uint8_t *query,
		   unsigned distance)
{
	struct hf_match_near_job job = {
		.part = &answers.field->segment->parts[HF_ALGORITHM_PDQ],
		.digest = query,
		.distance = distance,
	};

	answers.done = 0;
	hf_match_near_push(kernel, work, &job, &sink);
	hf_match_near_drain(work, &sink);
	assert_int_equal(answers.done, 1);
}

static void measure(const struct field *field, const uint8_t *query)
{
	answers.field = field;
	for (uint32_t i = 0; i < field->count; i++)
		answers.distance[i] =
			(uint16_t)slow_distance(query, field->digests + 32 * i);
}

/* Every digest within distance once, no other, with every kernel. */
static void check_query(const struct field *field,
			struct hf_match_near_work *work, const uint8_t *query,
			unsigned distance)
{
	measure(field, query);
	for (size_t k = 0; hf_match_kernel_at(k) != NULL; k++) {
		memset(answers.got, 0, field->count);
		answers.wrong = 0;
		search(hf_match_kernel_at(k), work, query, distance);
		for (uint32_t i = 0; i < field->count; i++) {
			if (answers.got[i] != (answers.distance[i] <= distance))
				fail_msg("%s, distance %u: digest %u of %u is "
					 "%u away and was told %u times",
					 hf_match_kernel_at(k)->name, distance,
					 i, field->count, answers.distance[i],
					 answers.got[i]);
		}
		assert_int_equal(answers.wrong, 0);
	}
}

static const unsigned distances[] = {
	31, 0, 1, 15, 16, 24, 30, 32, 47, 48, 64
};

/* Queries against a field that is built. */
static void check_queries(struct field *field, size_t queries)
{
	struct hf_match_near_work *work = NULL;
	struct hf_why why = { "" };

	if (is_torture)
		queries = 1;
	assert_int_equal(field->segment->parts[HF_ALGORITHM_PDQ].has_bands,
			 field->count >= HF_MATCH_SEGMENT_BANDS_MIN);
	assert_ok(hf_match_near_work_new(&work, &why), &why);
	for (size_t q = 0; q < queries; q++) {
		uint8_t query[32];

		memcpy(query, field->digests + 32 * (random64() % field->count),
		       32);
		if (q % 4 == 3)
			random_digest(query);
		else
			perturb(query, (unsigned)(random64() % 34));
		check_query(field, work, query, distances[q % ROWS(distances)]);
	}
	hf_match_near_work_free(work);
}

static void check_field(struct field *field, size_t queries)
{
	build_field(field);
	check_queries(field, queries);
	release_field(field);
}

static void take_field(struct field *field, uint32_t count)
{
	*field = (struct field){ .count = count };
	field->digests = malloc((size_t)count * 32);
	assert_non_null(field->digests);
}

static void uniform_hashes_are_all_found(void **state)
{
	struct field field;

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN + 100);
	for (uint32_t i = 0; i < field.count; i++)
		random_digest(field.digests + 32 * i);
	check_field(&field, 33);
}

static void few_hashes_are_all_found(void **state)
{
	static const uint32_t counts[] = { 1, 2, 31, 1024, 1025, 2500 };

	for (size_t c = 0; c < ROWS(counts); c++) {
		struct field field;

		take_field(&field, counts[c]);
		for (uint32_t i = 0; i < field.count; i++) {
			random_digest(field.digests + 32 * i);
			if (i > 0 && i % 3 == 0) {
				memcpy(field.digests + 32 * i,
				       field.digests + 32 * (i - 1), 32);
				perturb(field.digests + 32 * i, i % 50);
			}
		}
		check_field(&field, 11);
	}
}

/* Clusters of near-duplicates, bands that hardly vary, a dead bit. */
static void skewed_hashes_are_all_found(void **state)
{
	struct field field;
	uint8_t centre[32];

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN + 4000);
	random_digest(centre);
	for (uint32_t i = 0; i < field.count; i++) {
		uint8_t *digest = field.digests + 32 * i;

		if (i % 700 == 0)
			random_digest(centre);
		memcpy(digest, centre, 32);
		perturb(digest, (unsigned)(random64() % 41));
		if (i % 2 == 0) {
			memset(digest + 6, 0, 4);
			digest[6] = (uint8_t)(i % 3);
		}
		digest[20] &= 0x7f;
	}
	check_field(&field, 44);
}

static const struct hf_match_segment_band *bands_of(const struct field *field)
{
	return field->segment->parts[HF_ALGORITHM_PDQ].bands;
}

/* Bands 4 and 5 hardly tell hashes apart: one must not be what sifts the
 * other.  And a segment of two that have other rings finds what both do. */
static void bands_of_few_values_are_not_neighbours(void **state)
{
	struct field uniform, skewed, both;
	struct hf_match_run runs[2] = { { 0 } };
	struct hf_match_build build = { .number = 1, .is_live = always };

	take_field(&uniform, HF_MATCH_SEGMENT_BANDS_MIN);
	take_field(&skewed, HF_MATCH_SEGMENT_BANDS_MIN + 500);
	for (uint32_t i = 0; i < uniform.count; i++)
		random_digest(uniform.digests + 32 * i);
	for (uint32_t i = 0; i < skewed.count; i++) {
		random_digest(skewed.digests + 32 * i);
		memset(skewed.digests + 32 * i + 8, 0, 4);
		skewed.digests[32 * i + 9] = (uint8_t)(i % 5);
		skewed.digests[32 * i + 11] = (uint8_t)(i % 7);
	}
	build_field(&uniform);
	build_field(&skewed);
	assert_int_equal(bands_of(&uniform)[4].next, 5);
	assert_int_not_equal(bands_of(&skewed)[4].next, 5);
	assert_int_not_equal(bands_of(&skewed)[5].next, 4);
	check_queries(&skewed, 11);

	take_field(&both, uniform.count + skewed.count);
	memcpy(both.digests, uniform.digests, (size_t)32 * uniform.count);
	memcpy(both.digests + (size_t)32 * uniform.count, skewed.digests,
	       (size_t)32 * skewed.count);
	qsort(both.digests, both.count, 32, compare);
	runs[0].part = &uniform.segment->parts[HF_ALGORITHM_PDQ];
	runs[1].part = &skewed.segment->parts[HF_ALGORITHM_PDQ];
	build.dir = both.dir;
	build.runs[HF_ALGORITHM_PDQ] = runs;
	build.runs_count[HF_ALGORITHM_PDQ] = 2;
	write_field(&both, &build);
	assert_int_not_equal(bands_of(&both)[4].next, 5);
	check_queries(&both, 22);
	release_field(&both);
	release_field(&skewed);
	release_field(&uniform);
}

/* Half of the bits from a few patterns: eight bands give each query a third
 * of all hashes, of which few are near. */
static void crowded_bands_cost_no_match(void **state)
{
	uint8_t patterns[3][16];
	struct field field;

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN + 9000);
	for (size_t i = 0; i < 3; i++) {
		uint8_t digest[32];

		random_digest(digest);
		memcpy(patterns[i], digest, 16);
	}
	for (uint32_t i = 0; i < field.count; i++) {
		uint8_t *digest = field.digests + 32 * i;

		random_digest(digest);
		memcpy(digest + 10, patterns[i % 3], 16);
		if (i > 0 && i % 5 == 0) {
			memcpy(digest, digest - 32, 32);
			perturb(digest, i % 40);
		}
	}
	check_field(&field, 33);
}

/* All zero, all one, one bit: every band has one value, or two. */
static void nearly_empty_hashes_are_all_found(void **state)
{
	struct field field;

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN + 17000);
	memset(field.digests, 0, (size_t)field.count * 32);
	for (uint32_t i = 0; i < field.count; i++) {
		uint8_t *digest = field.digests + 32 * i;

		if (i < 256)
			digest[i / 8] = (uint8_t)(1u << i % 8);
		else if (i < 512)
			memset(digest, 255, 32);
		else
			perturb(digest, i % 5 + 1);
	}
	check_field(&field, 22);
}

/* In all but three bands hashes are alike: bands are given up after those have
 * told what they know; that is not told again, and the rest is not lost. */
static void bands_given_up_lose_and_repeat_nothing(void **state)
{
	struct field field;

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN + 9000);
	for (uint32_t i = 0; i < field.count; i++) {
		uint8_t *digest = field.digests + 32 * i;

		random_digest(digest);
		memset(digest + 6, 0, 26);
		if (i > 0 && i % 7 == 0)
			memcpy(digest, digest - 32, 6);
		perturb(digest, i % 4);
	}
	check_field(&field, 22);
}

/* Split distance over the bands at will: at most 16 in each. */
static void split(const uint8_t *query, const unsigned *counts, uint8_t *out)
{
	memcpy(out, query, 32);
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		unsigned left = counts[b];

		while (left > 0) {
			unsigned bit = (unsigned)(random64() % 16);
			uint8_t mask = (uint8_t)(1u << bit % 8);
			size_t at = 2 * b + bit / 8;

			if (((out[at] ^ query[at]) & mask) != 0)
				continue;
			out[at] ^= mask;
			left--;
		}
	}
}

/* Differences placed so that as few bands as can be give the hash away:
 * exactly at the limit it is found, one further it is not. */
static void adversarial_splits_are_found_up_to_the_limit(void **state)
{
	enum { SPLITS = 6000 };
	static uint8_t queries[SPLITS][32];
	static unsigned limits[SPLITS];
	struct hf_match_near_work *work = NULL;
	struct hf_why why = { "" };
	struct field field;

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN + 2 * SPLITS);
	for (uint32_t i = 0; i < field.count; i++)
		random_digest(field.digests + 32 * i);
	for (unsigned s = 0; s < SPLITS; s++) {
		unsigned limit = s % 2 == 0 ? 31 : 16 + s % 32;
		unsigned counts[HF_MATCH_PDQ_BANDS] = { 0 };
		unsigned left = limit;

		random_digest(queries[s]);
		limits[s] = limit;
		/* One more than the radius in every band but one, the rest
		 * wherever it falls; every third split wholly at random. */
		for (unsigned b = 0; s % 3 != 0 && b < HF_MATCH_PDQ_BANDS;
		     b++) {
			unsigned most = limit / 16 + 1;

			if (b == s % HF_MATCH_PDQ_BANDS || left < most)
				continue;
			counts[b] = most;
			left -= most;
		}
		while (left > 0) {
			unsigned b =
				(unsigned)(random64() % HF_MATCH_PDQ_BANDS);

			if (counts[b] == 16)
				continue;
			counts[b]++;
			left--;
		}
		split(queries[s], counts, field.digests + 64 * s);
		counts[counts[s % 16] < 16 ? s % 16 : (s + 1) % 16]++;
		split(queries[s], counts, field.digests + 64 * s + 32);
	}
	build_field(&field);
	assert_ok(hf_match_near_work_new(&work, &why), &why);
	answers.field = &field;
	for (unsigned s = 0; s < (is_torture ? 1 : SPLITS); s++) {
		for (size_t k = 0; hf_match_kernel_at(k) != NULL; k++) {
			answers.told = 0;
			search(hf_match_kernel_at(k), work, queries[s],
			       limits[s]);
			if (answers.told != 1)
				fail_msg(
					"%s: split %u at distance %u: told %zu",
					hf_match_kernel_at(k)->name, s,
					limits[s], answers.told);
		}
	}
	hf_match_near_work_free(work);
	release_field(&field);
}

/* A file whose checksums are right and whose bands are not: what a process
 * that only reads does not look at costs it a match, and no more. */
static void bands_that_name_no_key_do_no_harm(void **state)
{
	struct hf_match_near_work *work = NULL;
	struct hf_why why = { "" };
	uint64_t file_bytes;
	struct field field;
	char path[128];
	uint8_t *map;
	int fd;

	take_field(&field, HF_MATCH_SEGMENT_BANDS_MIN);
	for (uint32_t i = 0; i < field.count; i++)
		random_digest(field.digests + 32 * i);
	build_field(&field);
	file_bytes = field.segment->file_bytes;
	snprintf(path, sizeof(path), "%s/segment-00000001", field.dir);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	map = mmap(NULL, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		const struct hf_match_segment_part *part =
			&field.segment->parts[HF_ALGORITHM_PDQ];
		size_t at = (size_t)((const uint8_t *)part->bands[b].keys -
				     field.segment->map);

		memset(map + at, b % 2 == 0 ? 0xff : 0x7f,
		       4 * (size_t)field.count);
	}
	hf_match_build_seal(map, file_bytes);
	munmap(map, file_bytes);
	close(fd);
	hf_match_segment_unref(field.segment);
	field.segment = NULL;
	assert_ok(
		hf_match_segment_open(field.dir, 1, true, &field.segment, &why),
		&why);
	assert_ok(hf_match_near_work_new(&work, &why), &why);
	answers.field = &field;
	for (size_t i = 0; i < 20; i++)
		search(hf_match_kernel(), work, field.digests + 32 * i, 31);
	hf_match_near_work_free(work);
	release_field(&field);
}

/* Probes of many lengths, one of which does not fit. */
static void check_probes(const struct hf_match_kernel *kernel,
			 const uint16_t *sketches, uint32_t count,
			 unsigned limit)
{
	static struct hf_match_candidate want[2 * HF_MATCH_KERNEL_BLOCK],
		got[2 * HF_MATCH_KERNEL_BLOCK];
	static const uint32_t keys[HF_MATCH_KERNEL_BLOCK + 32];
	const struct {
		uint32_t begin, count, limit;
	} buckets[] = {
		{ 3, count, limit },    { 500, 1, limit }, { 700, 0, limit },
		{ 900, 17, limit / 2 }, { 20, 32, limit }, { 7, 900, limit },
	};
	struct hf_match_bucket probes[ROWS(buckets)];
	size_t wanted, found;

	for (size_t i = 0; i < ROWS(buckets); i++)
		probes[i] = (struct hf_match_bucket){
			.sketches = sketches + buckets[i].begin,
			.keys = keys + buckets[i].begin,
			.begin = buckets[i].begin,
			.count = buckets[i].count,
			.tag = (uint32_t)i,
			.want = (uint16_t)random64(),
			.limit = (uint16_t)buckets[i].limit,
		};
	assert_int_equal(
		hf_match_kernel_at(0)->scan_buckets(probes, ROWS(probes),
						    ROWS(want), want, &wanted),
		ROWS(probes));
	assert_int_equal(kernel->scan_buckets(probes, ROWS(probes), ROWS(got),
					      got, &found),
			 ROWS(probes));
	assert_int_equal(found, wanted);
	assert_memory_equal(got, want, found * sizeof(*got));
	/* Without room for the last it is not begun. */
	found = kernel->scan_buckets(probes, ROWS(probes), 899, got, &wanted);
	assert_in_range(found, 0, ROWS(probes) - 1);
	assert_memory_equal(got, want, wanted * sizeof(*got));
}

static void check_digests(const struct hf_match_kernel *kernel,
			  const uint8_t *digests, size_t count,
			  unsigned distance)
{
	static uint32_t want[HF_MATCH_KERNEL_BLOCK], got[HF_MATCH_KERNEL_BLOCK];
	struct hf_match_pdq pdq = hf_match_pdq_load(digests + 32 * 5);
	size_t expected = hf_match_kernel_at(0)->scan_digests(
		digests, count, &pdq, distance, want);
	size_t found =
		kernel->scan_digests(digests, count, &pdq, distance, got);

	assert_int_equal(found, expected);
	assert_memory_equal(got, want, found * sizeof(*got));
}

/* Of candidates in no order, some of them twice, for several wants. */
static void check_comparison(const struct hf_match_kernel *kernel,
			     const uint8_t *digests, size_t count,
			     unsigned distance)
{
	static struct hf_match_candidate candidates[HF_MATCH_KERNEL_BLOCK];
	static uint32_t keys[HF_MATCH_KERNEL_BLOCK],
		want[HF_MATCH_KERNEL_BLOCK], got[HF_MATCH_KERNEL_BLOCK];
	struct hf_match_pdq wants[4];
	struct hf_match_comparison comparison = {
		.digests = digests,
		.keys = keys,
		.candidates = candidates,
		.count = count,
		.wants = wants,
		.tag_mask = 3,
		.distance = distance,
	};
	size_t expected = 0;

	for (size_t i = 0; i < ROWS(wants); i++)
		wants[i] = hf_match_pdq_load(digests + 32 * i);
	for (size_t i = 0; i < count; i++) {
		keys[i] = (uint32_t)(random64() % HF_MATCH_KERNEL_BLOCK);
		candidates[i].tag = (uint32_t)i;
		if (slow_distance(digests + 32 * (i % 4),
				  digests + (size_t)32 * keys[i]) <= distance)
			want[expected++] = (uint32_t)i;
	}
	assert_int_equal(kernel->compare(&comparison, got), expected);
	assert_memory_equal(got, want, expected * sizeof(*got));
}

static void every_kernel_gives_the_same_answers(void **state)
{
	static const uint32_t counts[] = { 0,  1,  7,  15, 16,   17,
					   31, 32, 33, 64, 1000, 1024 };
	static uint16_t sketches[HF_MATCH_KERNEL_BLOCK + 128];
	static uint8_t digests[32 * HF_MATCH_KERNEL_BLOCK];

	for (size_t i = 0; i < HF_MATCH_KERNEL_BLOCK; i++)
		random_digest(digests + 32 * i);
	memcpy(sketches, digests, sizeof(sketches));
	for (size_t k = 0; hf_match_kernel_at(k) != NULL; k++) {
		for (size_t c = 0; c < ROWS(counts); c++) {
			for (unsigned limit = 0; limit <= 16; limit++)
				check_probes(hf_match_kernel_at(k), sketches,
					     counts[c], limit);
			for (unsigned away = 0; away <= 256; away += 8) {
				check_digests(hf_match_kernel_at(k), digests,
					      counts[c], away);
				check_comparison(hf_match_kernel_at(k), digests,
						 counts[c], away);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kernel_gives_the_same_answers),
		cmocka_unit_test(few_hashes_are_all_found),
		cmocka_unit_test(uniform_hashes_are_all_found),
		cmocka_unit_test(skewed_hashes_are_all_found),
		cmocka_unit_test(bands_of_few_values_are_not_neighbours),
		cmocka_unit_test(crowded_bands_cost_no_match),
		cmocka_unit_test(nearly_empty_hashes_are_all_found),
		cmocka_unit_test(bands_given_up_lose_and_repeat_nothing),
		cmocka_unit_test(adversarial_splits_are_found_up_to_the_limit),
		cmocka_unit_test(bands_that_name_no_key_do_no_harm),
	};

	is_torture = getenv("HF_FAIL_ALLOC") != NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
