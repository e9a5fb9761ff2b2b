/*
 * The files that a daemon writes through a map, as a damaged disk or another
 * program may have left them.  Whole files are made once; an input is rows of
 * eight bytes that write them over: which file (live, memory, table, sets),
 * where (3 bytes), what (4 bytes).  What opens is looked up in, by verdict.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limit.h"
#include "match_live.h"
#include "match_marks.h"
#include "match_memory.h"
#include "match_sets.h"
#include "match_tell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES       4
#define PATCH_BYTES 8
#define PATCHES_MAX 64

static const char *const names[FILES] = { "live", "memory-00000001",
					  "table-00000002", "sets-00000003" };
static char dir[64];
static uint8_t *maps[FILES];
static size_t sizes[FILES];

static void remove_dir(void)
{
	char path[128];

	for (size_t i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void map_file(size_t i)
{
	char path[128];
	struct stat about;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &about) != 0)
		abort();
	sizes[i] = (size_t)about.st_size;
	maps[i] =
		mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (maps[i] == MAP_FAILED)
		abort();
	close(fd);
}

static void fill_memory(struct hf_match_memory *memory)
{
	for (uint32_t i = 0; i < 64; i++) {
		uint8_t digest[HF_DIGEST_MAX_BYTES] = { (uint8_t)(i / 8) };
		const struct hf_index_hash hash = {
			.set = 1,
			.entry = i,
			.algorithm = (uint8_t)(1 + i % 5),
			.content_class = 1,
			.quality = 90,
			.digest = digest,
		};

		if (!hf_match_memory_put(memory, &hash))
			abort();
	}
}

/* Whole files to begin with. */
static void make_files(void)
{
	const struct hf_match_marks_file file = { .dir = dir, .number = 2 };
	const struct hf_match_live_state state = {
		.table = 2, .sets = 3, .memories_count = 1, .memories = { 1 }
	};
	const struct hf_judge_set set = { .set = 1,
					  .origin = "hotline.example/a/1",
					  .is_matchable = true };
	struct hf_match_sets_rules rules = { .rows_count = 1 };
	struct hf_policy_row row;
	struct hf_match_memory *memory;
	struct hf_match_marks *none, *table;
	struct hf_match_sets *sets;
	struct hf_match_live *live;

	hf_policy_row_default(&row);
	rules.rows = &row;
	if (hf_match_live_create(dir, &live, NULL) != HF_OK ||
	    hf_match_memory_create(dir, 1, &memory, NULL) != HF_OK ||
	    hf_match_marks_new(0, &none, NULL) != HF_OK ||
	    hf_match_marks_create(&file, none, 0, HF_MATCH_MARKS_ALL, &table,
				  NULL) != HF_OK ||
	    hf_match_sets_create(dir, 3, &rules, 4, NULL, &sets, NULL) != HF_OK)
		abort();
	/* An input is to mean the same in every run. */
	memset(memory->head->keys, 0x5a, sizeof(memory->head->keys));
	fill_memory(memory);
	hf_match_marks_set(table, 1, 3, HF_MATCH_MARK_REMOVED);
	hf_match_sets_put(sets, &set);
	hf_match_live_write(live, &state);
	hf_match_live_close(live);
	hf_match_memory_unref(memory);
	hf_match_sets_unref(sets);
	hf_match_marks_unref(table);
	hf_match_marks_unref(none);
}

static bool make_dir(void)
{
	if (dir[0] != '\0')
		return true;
	strcpy(dir, "/tmp/fuzz-place-XXXXXX");
	if (mkdtemp(dir) == NULL) {
		dir[0] = '\0';
		return false;
	}
	atexit(remove_dir);
	make_files();
	for (size_t i = 0; i < FILES; i++)
		map_file(i);
	return true;
}

/* Where a row's word goes; NULL: nowhere. */
static uint8_t *place_of(const uint8_t *row)
{
	size_t file = row[0] % FILES;
	size_t at = row[1] | (size_t)row[2] << 8 | (size_t)row[3] << 16;

	return at + 4 <= sizes[file] ? maps[file] + at : NULL;
}

struct judged {
	const struct hf_match_sets *sets;
	struct hf_judge judge;
};

static bool know(void *arg, uint32_t set, struct hf_judge_set *out_set)
{
	const struct judged *judged = arg;

	return hf_match_sets_get(judged->sets, set, out_set);
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct judged *judged = arg;

	hf_judge_hit(&judged->judge, 1, 90, hit);
}

static void judge(struct hf_index_view *view, struct hf_arena *arena)
{
	struct judged judged = { .sets = hf_index_view_sets(view),
				 .judge = { .arena = arena, .know = know } };
	const struct hf_index_sink sink = { on_hit, NULL, &judged };
	const struct hf_judge_found *found;
	char rule[HF_POLICY_RULE_SIZE];
	enum hf_err err = HF_OK;

	judged.judge.arg = &judged;
	judged.judge.policy = judged.sets->policy;
	judged.judge.ages = judged.sets->ages;
	for (uint8_t i = 0; i < 8 && err == HF_OK; i++) {
		const uint8_t digest[HF_DIGEST_MAX_BYTES] = { i };

		for (uint8_t a = 1; a <= 5 && err == HF_OK; a++) {
			const struct hf_index_query query = { a, digest };

			err = hf_index_lookup_exact(view, &query, 1, &sink,
						    NULL);
		}
		if (err == HF_OK)
			err = hf_index_lookup_near(view, digest, 1, 31, &sink,
						   NULL);
	}
	if (err != HF_OK)
		abort();
	if (hf_judge_end(&judged.judge, NULL) != HF_OK)
		return;
	while (hf_judge_next(&judged.judge, &found) > 0)
		hf_policy_rule(judged.judge.policy, &found->answer, rule);
}

static void look_up(void)
{
	struct hf_index_view *view;
	struct hf_index *index;
	struct hf_arena arena;

	if (hf_index_open_judged(dir, &index, NULL) != HF_OK)
		return;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_index_view_begin(index, &view, NULL) == HF_OK) {
		judge(view, &arena);
		hf_index_view_end(view);
	}
	hf_arena_release(&arena);
	hf_index_close(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = size / PATCH_BYTES;
	uint8_t before[PATCHES_MAX][4];

	if (count > PATCHES_MAX || !make_dir())
		return 0;
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = place_of(data + i * PATCH_BYTES);

		if (at == NULL)
			continue;
		memcpy(before[i], at, 4);
		memcpy(at, data + i * PATCH_BYTES + 4, 4);
	}
	look_up();
	for (size_t i = count; i-- > 0;) {
		uint8_t *at = place_of(data + i * PATCH_BYTES);

		if (at != NULL)
			memcpy(at, before[i], 4);
	}
	return 0;
}
