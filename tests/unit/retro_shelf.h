/*
 * retro_shelf.h -- what tests of daemon/retro stand on: a store in a directory
 * of its own, and what lies in its file.
 */
#ifndef HF_RETRO_SHELF_H
#define HF_RETRO_SHELF_H

#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "match_index.h"
#include "random64.h"
#include "retro_item.h"
#include "retro_store.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define NOW_MS ((uint64_t)1770000000000)

static inline void fill(uint8_t *digest, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		digest[i] = (uint8_t)random64();
}

struct shelf {
	char home[64];
	char dir[96];
	struct hf_retro_limits limits;
	struct hf_retro_store *store;
};

static inline enum hf_err open_shelf(struct shelf *shelf, struct hf_why *why)
{
	hf_retro_store_close(shelf->store);
	shelf->store = NULL;
	return hf_retro_store_open(shelf->dir, &shelf->limits, &shelf->store,
				   why);
}

static inline void reopen(struct shelf *shelf)
{
	struct hf_why why = { "" };

	assert_ok(open_shelf(shelf, &why), &why);
}

static inline int up(void **state)
{
	struct shelf *shelf = test_calloc(1, sizeof(*shelf));

	*state = shelf;
	shelf->limits = (struct hf_retro_limits){ .keep_ms = 7 * DAY_MS,
						  .items_most = 1000 };
	snprintf(shelf->home, sizeof(shelf->home), "%s/hf-retro-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(shelf->home) == NULL)
		return -1;
	snprintf(shelf->dir, sizeof(shelf->dir), "%s/retro", shelf->home);
	return 0;
}

static inline int down(void **state)
{
	struct shelf *shelf = *state;
	char command[128];

	hf_retro_store_close(shelf->store);
	snprintf(command, sizeof(command), "rm -rf '%s'", shelf->home);
	if (system(command) != 0)
		print_message("could not remove %s\n", shelf->home);
	test_free(shelf);
	return 0;
}

/* So many items whose names are numbers from first on. */
static inline void keep(struct shelf *shelf, unsigned first, unsigned count,
			size_t name_len_bytes, uint64_t now_ms)
{
	static const uint8_t digest[32] = { 1 };
	struct hf_why why = { "" };
	struct hf_buf buf;
	char name[HF_ITEM_NAME_MAX_BYTES + 1];

	hf_buf_init(&buf, (size_t)8 << 20);
	for (unsigned i = first; i < first + count; i++) {
		snprintf(name, sizeof(name), "%0*u", (int)name_len_bytes, i);
		hf_retro_item_put(
			&buf,
			&(struct hf_retro_item){
				.digests = { { HF_ALGORITHM_SHA256,
					       HF_QUALITY_NONE, digest, 32 } },
				.count = 1,
				.name = hf_span_of(name) });
	}
	assert_ok(hf_retro_store_put(shelf->store, hf_buf_span(&buf), now_ms,
				     &why),
		  &why);
	hf_buf_release(&buf);
}

/* How many are there, from which number on; -1 for what is not in order. */
static inline long stock(struct shelf *shelf, unsigned *out_first)
{
	struct hf_retro_stats stats;
	struct hf_why why = { "" };
	uint64_t number = 0;
	struct hf_buf buf;
	long count = 0;

	hf_retro_store_stats(shelf->store, &stats);
	hf_buf_init(&buf, (size_t)2 << 20);
	while (hf_retro_store_read(shelf->store, &number, stats.last, &buf,
				   &why) == HF_OK) {
		struct hf_span rest = hf_buf_span(&buf);
		struct hf_retro_item item;

		while (rest.len_bytes > 0) {
			char name[HF_ITEM_NAME_MAX_BYTES + 1];
			unsigned is;

			assert_ok(hf_retro_item_take(&rest, &item, &why), &why);
			snprintf(name, sizeof(name), "%.*s",
				 HF_SPAN_ARGS(item.name));
			is = (unsigned)strtoul(name, NULL, 10);
			if (count == 0)
				*out_first = is;
			else if (is != *out_first + (unsigned)count)
				count = -2;
			count++;
		}
		hf_buf_reset(&buf);
	}
	hf_buf_release(&buf);
	assert_int_equal(stats.damaged, 0);
	return count;
}

/* Put other bytes in the place of some in the store's file; the number of
 * places. */
static inline unsigned replace_in_file(struct shelf *shelf, const char *from,
				       const char *to)
{
	char path[128];
	size_t len = strlen(from), size;
	unsigned count = 0;
	uint8_t *bytes;
	FILE *file;

	snprintf(path, sizeof(path), "%s/data.mdb", shelf->dir);
	file = fopen(path, "r+b");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	size = (size_t)ftell(file);
	rewind(file);
	bytes = test_malloc(size);
	assert_int_equal(fread(bytes, 1, size, file), size);
	for (size_t i = 0; i + len <= size; i++) {
		if (memcmp(bytes + i, from, len) == 0) {
			memcpy(bytes + i, to, len);
			count++;
		}
	}
	rewind(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	test_free(bytes);
	return count;
}

#define RETRO_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif /* HF_RETRO_SHELF_H */
