/*
 * Exact lookups: digests that were made to be alike, of every algorithm, in
 * batches, against the model; the versions of the probe against each other;
 * chains of the mutable part; files with one byte changed.
 */
#include "match_model.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "match_build.h"
#include "match_format.h"
#include "match_probe.h"
#include "match_state.h"

/*
 * The probe.
 */
#define LINES 128

static void random_line(struct hf_match_line *line)
{
	unsigned count = (unsigned)(random64() % (HF_MATCH_LINE_TAGS + 1));

	*line = (struct hf_match_line){ .base = (uint32_t)random64() };
	if (random64() % 8 == 0) {
		line->tags[0] = HF_MATCH_LINE_CROWDED;
		return;
	}
	/* Of few values, so that several are the one that is sought. */
	for (unsigned t = 0; t < count; t++)
		line->tags[t] = (uint16_t)(0x8001 + 0x100 * (random64() % 6));
}

static void every_version_of_the_probe_gives_the_same_places(void **state)
{
	static struct hf_match_line lines[LINES];
	const struct hf_match_line *at[LINES];
	struct hf_match_passed passed[LINES];
	uint16_t tags[LINES];

	for (unsigned round = 0; round < 500; round++) {
		size_t count = random64() % (LINES + 1);

		for (size_t i = 0; i < count; i++) {
			random_line(&lines[i]);
			/* A base is no tag, whatever it looks like. */
			if (i % 3 == 0)
				lines[i].base = 0x80018001;
			at[i] = &lines[i];
			tags[i] = (uint16_t)(0x8001 + 0x100 * (random64() % 8));
		}
		for (size_t v = 0; hf_match_probe_at(v) != NULL; v++) {
			const struct hf_match_probe *probe =
				hf_match_probe_at(v);
			size_t found = probe->pass(at, tags, count, passed);
			size_t next = 0;

			for (size_t i = 0; i < count; i++) {
				uint32_t places = 0;

				for (unsigned t = 0; t < HF_MATCH_LINE_TAGS;
				     t++)
					places |= (uint32_t)(lines[i].tags[t] ==
							     tags[i])
						  << t;
				if (lines[i].tags[0] == HF_MATCH_LINE_CROWDED)
					places = HF_MATCH_PROBE_CROWDED;
				if (places == 0)
					continue;
				if (next == found || passed[next].number != i ||
				    passed[next].places != places)
					fail_msg("%s: line %zu", probe->name,
						 i);
				next++;
			}
			assert_int_equal(next, found);
		}
	}
}

/*
 * Digests that somebody made to be alike.
 */
static uint16_t tag_of(const uint8_t *digest, size_t bytes)
{
	return hf_match_digest_tag(hf_match_digest_mix(digest, bytes));
}

static void alike_digest(unsigned algorithm, uint8_t *digest)
{
	size_t bytes = hf_algorithm_bytes(algorithm);

	switch (random64() % 5) {
	case 0: /* all but the end is zeros */
		memset(digest, 0, bytes);
		random_bytes(digest + bytes - 2, 2);
		break;
	case 1: /* ones; some come again */
		memset(digest, 0xff, bytes);
		digest[bytes - 1] = (uint8_t)(random64() % 64);
		break;
	case 2: /* the same line, and the same tag in it */
		memset(digest, 0xab, bytes);
		for (uint32_t tries = 0; tries < 200000; tries++) {
			random_bytes(digest + 12, 4);
			if (bytes > 32 || tag_of(digest, bytes) == 0x4321)
				break;
		}
		break;
	default:
		random_bytes(digest, bytes);
	}
}

static struct row *alike_add(struct hf_index *index, uint32_t set,
			     uint64_t entry)
{
	struct row *row = model_add(set, entry);

	alike_digest(row->algorithm, row->digest);
	index_add(index, row);
	return row;
}

static size_t got_query[FOUND_MAX];

static void on_numbered(void *arg, const struct hf_index_hit *hit)
{
	got_query[got.count] = hit->query;
	on_hit(arg, hit);
}

/* Everything that is known, and as much that is not, in one call. */
static void check_all(struct hf_index *index, const char *what)
{
	static struct hf_index_query queries[2 * MODEL_MAX];
	static uint8_t unknown[MODEL_MAX][144];
	const struct hf_index_sink numbered = { on_numbered, on_more, &got };
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };
	size_t count = 0, at = 0;

	for (size_t i = 0; i < model.rows_count; i++) {
		const struct row *row = &model.rows[i];
		size_t bytes = hf_algorithm_bytes(row->algorithm);

		memcpy(unknown[i], row->digest, bytes);
		unknown[i][random64() % bytes] ^= 0x10;
		queries[count++] =
			(struct hf_index_query){ row->algorithm, row->digest };
		queries[count++] =
			(struct hf_index_query){ row->algorithm, unknown[i] };
	}
	got.count = 0;
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_exact(view, queries, count, &numbered, &why),
		  &why);
	hf_index_view_end(view);
	for (size_t i = 0; i < count; i++) {
		struct found *begin = &got.rows[at];
		size_t found = 0;

		while (at + found < got.count && got_query[at + found] == i)
			found++;
		model_answer(queries[i].algorithm, queries[i].digest, -1);
		if (found != want.count)
			fail_msg("%s: query %zu: %zu hits, not %zu", what, i,
				 found, want.count);
		qsort(begin, found, sizeof(*begin), compare_found);
		qsort(want.rows, found, sizeof(*begin), compare_found);
		for (size_t j = 0; j < found; j++) {
			const struct found *g = &begin[j], *w = &want.rows[j];

			if (compare_found(g, w) != 0 || g->class != w->class ||
			    g->quality != w->quality ||
			    g->is_demoted != w->is_demoted)
				fail_msg("%s: query %zu: another entry", what,
					 i);
		}
		at += found;
	}
	assert_int_equal(at, got.count);
}

static void remove_some(struct hf_index *index, size_t count)
{
	struct hf_why why = { "" };

	for (; count > 0; count--) {
		struct row *row = &model.rows[random64() % model.rows_count];

		assert_ok(hf_index_remove(index, row->set, row->entry, &why),
			  &why);
		row->is_gone = true;
	}
}

static void digests_made_alike_are_told_apart(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };
	uint64_t next = 0;

	open_index(place);
	model.rows_count = 0;
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < less(500); i++)
			alike_add(place->index, 1, next++);
		check_all(place->index, "mutable");
		assert_ok(hf_index_sync(place->index, &why), &why);
		for (unsigned i = 0; i < 20; i++)
			alike_add(place->index, 1, next++);
		check_all(place->index, "partly sealed");
		remove_some(place->index, 20);
		check_all(place->index, "removed");
		if (round % 2 == 1) {
			assert_ok(hf_index_compact(place->index, &why), &why);
			check_all(place->index, "merged");
		}
		if (round % 3 == 2) {
			reopen_index(place);
			check_all(place->index, "reopened");
		}
	}
}

/*
 * Chains of the mutable part.
 */
#define CHAINED 60000

/* The same number from hf_match_digest_mix() for each: of three words that are
 * anything the fourth follows. */
static void put_mixed_alike(uint32_t number, uint8_t digest[32])
{
	uint64_t mixed = 32 * 0x9e3779b97f4a7c15u, word;

	random_bytes(digest, 24);
	hf_be32_put(digest, number);
	for (int i = 0; i < 3; i++) {
		memcpy(&word, digest + 8 * i, 8);
		mixed = (mixed ^ word) * 0xff51afd7ed558ccdu;
		mixed ^= mixed >> 29;
	}
	mixed ^= 0x1234;
	memcpy(digest + 24, &mixed, 8);
}

static void put_counted(uint32_t number, uint8_t digest[32])
{
	memset(digest, 0, 32);
	hf_be32_put(digest + 28, number);
}

static void put_counted_twice(uint32_t number, uint8_t digest[32])
{
	put_counted(number, digest);
	memcpy(digest, digest + 28, 4);
}

/* Rows that a lookup goes through which finds nothing in this chain. */
static uint32_t steps_of(const struct hf_match_memory *memory, uint32_t chain)
{
	uint32_t steps = 0;

	for (uint32_t link = memory->heads[chain]; link != 0;
	     link = memory->rows[link - 1].next)
		steps++;
	return steps;
}

/* Digests at random make chains of at most nine or so. */
#define STEPS_MOST 32

static void no_digests_make_long_chains(void **state)
{
	void (*const puts[])(uint32_t number, uint8_t digest[32]) = {
		put_mixed_alike, put_counted, put_counted_twice
	};
	static uint8_t digests[CHAINED][32];
	const uint32_t count = less(CHAINED);
	struct place *place = *state;

	for (size_t p = 0; p < ROWS(puts); p++) {
		struct hf_match_memory *memory = NULL;
		struct hf_why why = { "" };

		assert_ok(hf_match_memory_create(place->dir, p + 1, &memory,
						 &why),
			  &why);
		for (uint32_t i = 0; i < count; i++) {
			const struct hf_index_hash hash = {
				.set = 1,
				.entry = i,
				.algorithm = HF_ALGORITHM_SHA256,
				.digest = digests[i],
			};

			puts[p](i, digests[i]);
			if (puts[p] == put_mixed_alike)
				assert_int_equal(
					hf_match_digest_mix(digests[i], 32),
					hf_match_digest_mix(digests[0], 32));
			assert_true(hf_match_memory_put(memory, &hash));
		}
		for (uint32_t i = 0; i < count; i++) {
			uint32_t chain = hf_match_memory_chain(
				memory, HF_ALGORITHM_SHA256, digests[i]);

			assert_int_equal(hf_match_memory_find(
						 memory, HF_ALGORITHM_SHA256,
						 digests[i], chain),
					 i);
			assert_in_range(steps_of(memory, chain), 1, STEPS_MOST);
		}
		hf_match_memory_unref(memory);
	}
}

/* A chain that was found out says nothing of the next file. */
static void each_mutable_part_has_keys_of_its_own(void **state)
{
	struct hf_match_memory *one = NULL, *other = NULL;
	struct place *place = *state;
	struct hf_why why = { "" };

	assert_ok(hf_match_memory_create(place->dir, 1, &one, &why), &why);
	assert_ok(hf_match_memory_create(place->dir, 2, &other, &why), &why);
	for (size_t k = 0; k < HF_MATCH_MEMORY_KEYS; k++) {
		assert_int_not_equal(one->head->keys[k], 0);
		assert_int_not_equal(one->head->keys[k], other->head->keys[k]);
	}
	hf_match_memory_unref(one);
	hf_match_memory_unref(other);
}

/* The worst that a source of digests can do to a directory of prefixes. */
static void many_digests_that_begin_alike_cost_a_few_steps(void **state)
{
	enum { BATCH = 1000 };
	static struct hf_index_hash hashes[BATCH];
	static uint8_t digests[BATCH][32];
	const uint32_t count = less(300000);
	const struct hf_match_segment *segment;
	struct hf_index_view *view = NULL;
	struct place *place = *state;
	struct hf_why why = { "" };
	long faults_most = 0;

	open_index(place);
	for (uint32_t i = 0; i < count; i += BATCH) {
		for (uint32_t j = 0; j < BATCH; j++) {
			hf_be32_put(digests[j] + 28, i + j);
			hashes[j] = (struct hf_index_hash){
				.set = 1,
				.entry = i + j,
				.algorithm = HF_ALGORITHM_SHA256,
				.content_class = HF_CLASS_CSAM,
				.digest = digests[j],
			};
		}
		assert_ok(hf_index_add(place->index, hashes, BATCH, &why),
			  &why);
	}
	assert_ok(hf_index_compact(place->index, &why), &why);
	assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
	segment = view->snapshot->segments[0];
	for (uint32_t i = 1; i < count; i += count / 50) {
		struct hf_index_query query = { HF_ALGORITHM_SHA256,
						digests[0] };
		struct rusage before, after;

		hf_be32_put(digests[0] + 28, i);
		got.count = 0;
		/* Every 64 KiB that are read fault once more. */
		madvise((void *)segment->map, segment->file_bytes,
			MADV_DONTNEED);
		getrusage(RUSAGE_SELF, &before);
		assert_ok(hf_index_lookup_exact(view, &query, 1, &sink, &why),
			  &why);
		getrusage(RUSAGE_SELF, &after);
		assert_int_equal(got.count, 1);
		assert_int_equal(got.rows[0].entry, i);
		if (after.ru_minflt - before.ru_minflt > faults_most)
			faults_most = after.ru_minflt - before.ru_minflt;
	}
	hf_index_view_end(view);
	/* 300,000 keys of 48 bytes are 220 times 64 KiB; halving them reads
	 * from 18 places at most. */
	if (faults_most > 40)
		fail_msg("a lookup read from %ld places", faults_most);
}

/*
 * Damage.
 */
struct file {
	char path[512];
	uint8_t *bytes;
	size_t len_bytes;
};

static void read_segment(const char *dir_path, struct file *out)
{
	DIR *dir = opendir(dir_path);
	struct dirent *found;
	FILE *file;

	assert_non_null(dir);
	out->path[0] = '\0';
	while ((found = readdir(dir)) != NULL) {
		if (strncmp(found->d_name, "segment-", 8) == 0)
			snprintf(out->path, sizeof(out->path), "%s/%s",
				 dir_path, found->d_name);
	}
	closedir(dir);
	file = fopen(out->path, "rb");
	assert_non_null(file);
	out->bytes = test_malloc(65536);
	out->len_bytes = fread(out->bytes, 1, 65536, file);
	assert_true(out->len_bytes > HF_MATCH_SEGMENT_HEADER_BYTES &&
		    out->len_bytes < 65536);
	fclose(file);
}

/* Another inode: whoever has the old one mapped keeps it. */
static void write_segment(const struct file *file)
{
	FILE *to;

	unlink(file->path);
	to = fopen(file->path, "wb");
	assert_non_null(to);
	assert_int_equal(fwrite(file->bytes, 1, file->len_bytes, to),
			 file->len_bytes);
	fclose(to);
}

struct looked {
	const struct hf_index_query *queries;
	unsigned wrong;
};

static void on_looked(void *arg, const struct hf_index_hit *hit)
{
	struct looked *looked = arg;
	const struct hf_index_query *query = &looked->queries[hit->query];

	looked->wrong += hit->algorithm != query->algorithm ||
			 memcmp(hit->digest, query->digest,
				hf_algorithm_bytes(hit->algorithm)) != 0;
}

static void look_at_all(const char *dir)
{
	static struct hf_index_query queries[MODEL_MAX];
	struct looked looked = { queries, 0 };
	const struct hf_index_sink looked_sink = { on_looked, NULL, &looked };
	struct hf_index_view *view = NULL;
	struct hf_index *index = NULL;
	struct hf_why why = { "" };
	enum hf_err err = hf_index_open_readonly(dir, &index, &why);

	if (err == HF_E_CORRUPT || err == HF_E_UNSUPPORTED)
		return;
	assert_ok(err, &why);
	for (size_t i = 0; i < model.rows_count; i++)
		queries[i] = (struct hf_index_query){ model.rows[i].algorithm,
						      model.rows[i].digest };
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_exact(view, queries, model.rows_count,
					&looked_sink, &why),
		  &why);
	assert_int_equal(looked.wrong, 0);
	hf_index_view_end(view);
	hf_index_close(index);
}

/* With checksums that agree, which is more than a bad disk can do. */
static void a_changed_byte_costs_a_match_at_most(void **state)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	struct place *place = *state;
	struct hf_why why = { "" };
	/* Every byte, unless allocations fail meanwhile. */
	size_t step = less(16) == 16 ? 1 : 61;
	struct file file;

	open_index(place);
	model.rows_count = 0;
	for (unsigned i = 0; i < 120; i++)
		alike_add(place->index, 1 + i % 3, i);
	assert_ok(hf_index_sync(place->index, &why), &why);
	close_index(place);
	read_segment(place->dir, &file);
	for (size_t at = HF_MATCH_SEGMENT_HEADER_BYTES; at < file.len_bytes;
	     at += step) {
		uint8_t change = changes[at % ROWS(changes)];

		file.bytes[at] ^= change;
		hf_match_build_seal(file.bytes, file.len_bytes);
		write_segment(&file);
		look_at_all(place->dir);
		file.bytes[at] ^= change;
	}
	test_free(file.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_version_of_the_probe_gives_the_same_places),
		PLACED(digests_made_alike_are_told_apart),
		PLACED(no_digests_make_long_chains),
		PLACED(each_mutable_part_has_keys_of_its_own),
		PLACED(many_digests_that_begin_alike_cost_a_few_steps),
		PLACED(a_changed_byte_costs_a_match_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
