/*
 * bench_scan DIRECTORY [FILES]: what an inventory takes on disk, and how long
 * it takes to hold new entries against it.  Rows are of pictures, made up by a
 * seed, with three kinds of names; then of videos of a minute each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "inventory.h"
#include "match_sieve.h"
#include "random64.h"

#define NEW_ENTRIES 1000
#define VIDEOS      5000
#define MINUTE      60
/* As many as an update is told. */
#define NEW_FRAMES 65536

static void fill(uint8_t *digest, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i += 4) {
		uint32_t word = (uint32_t)random64();

		memcpy(digest + i, &word, 4);
	}
}

static void must(enum hf_err err, const struct hf_why *why)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_scan: %s: %s\n", hf_err_name(err), why->text);
	exit(1);
}

enum names { COUNTED, HEX16, HEX32, KINDS };

static const char *const kinds[KINDS] = {
	"2026/07/19/IMG_00012345.jpg",
	"7f/3a/16 hex digits.jpg",
	"7f/3a/32 hex digits.jpg",
};

static void make_path(enum names kind, uint64_t number, char *out, size_t size)
{
	uint64_t one = random64(), other = random64();
	unsigned d1 = (unsigned)(one >> 56), d2 = (unsigned)(one >> 48 & 255);

	if (kind == COUNTED)
		snprintf(out, size,
			 "/srv/uploads/2026/%02" PRIu64 "/%02" PRIu64
			 "/IMG_%08" PRIu64 ".jpg",
			 number / 28 / 3000 % 12 + 1, number / 3000 % 28 + 1,
			 number);
	else if (kind == HEX16)
		snprintf(out, size, "/srv/uploads/%02x/%02x/%016" PRIx64 ".jpg",
			 d1, d2, one);
	else
		snprintf(out, size,
			 "/srv/uploads/%02x/%02x/%016" PRIx64 "%016" PRIx64
			 ".jpg",
			 d1, d2, one, other);
}

static struct hf_inventory *make(const char *dir, enum names kind,
				 uint64_t files)
{
	uint64_t begun_us = hf_clock_mono_us();
	struct hf_inventory *inventory;
	const struct hf_shelf *shelf;
	struct hf_why why = { "" };

	must(hf_inventory_open(dir, true, &inventory, &why), &why);
	for (uint64_t i = 0; i < files; i++) {
		uint8_t digests[HF_ROW_ALL_BYTES];
		char path[128];
		struct hf_row row = { .path = path,
				      .quality = (uint8_t)(random64() % 101),
				      .stamp = (uint32_t)random64(),
				      .digests = digests };

		make_path(kind, i, path, sizeof(path));
		fill(digests, sizeof(digests));
		must(hf_inventory_put(inventory, HF_INVENTORY_ALL, &row, &why),
		     &why);
	}
	must(hf_inventory_save(inventory, &why), &why);
	shelf = hf_inventory_shelf(inventory, HF_INVENTORY_ALL);
	printf("%-28s %.2f bytes a file, %.0f files/s written and merged, %zu "
	       "files\n",
	       kinds[kind], (double)hf_shelf_bytes(shelf) / (double)files,
	       (double)files * 1e6 / (double)(hf_clock_mono_us() - begun_us),
	       shelf->files_count);
	return inventory;
}

/* As an update does: halves of PDQ, beginnings of the others. */
static void join(const struct hf_inventory *inventory, bool has_near)
{
	const struct hf_shelf *shelf =
		hf_inventory_shelf(inventory, HF_INVENTORY_ALL);
	struct hf_shelf_cursor *cursor;
	struct hf_match_sieve *sieve;
	const struct hf_row *row;
	struct hf_why why = { "" };
	uint8_t digest[HF_PDQ_BYTES];
	uint64_t begun_us, took_us, rows = 0, may = 0;
	enum hf_err err;

	must(hf_match_sieve_new(31, -1, &sieve, &why), &why);
	for (int i = 0; i < NEW_ENTRIES; i++) {
		for (int j = 0; j < 3; j++) {
			fill(digest, sizeof(digest));
			must(hf_match_sieve_add(sieve, HF_ALGORITHM_SHA256,
						digest, &why),
			     &why);
		}
		fill(digest, HF_NEWS_NEAR_BYTES);
		memset(digest + HF_NEWS_NEAR_BYTES, 0, HF_NEWS_NEAR_BYTES);
		if (has_near)
			must(hf_match_sieve_add(sieve, HF_ALGORITHM_PDQ, digest,
						&why),
			     &why);
	}
	begun_us = hf_clock_mono_us();
	must(hf_shelf_begin(shelf, &cursor, &why), &why);
	while ((err = hf_shelf_next(cursor, &row, &why)) == HF_OK) {
		memset(digest, 0, sizeof(digest));
		memcpy(digest, row->digests + HF_ROW_PDQ_AT,
		       HF_NEWS_NEAR_BYTES);
		may += hf_match_sieve_has(sieve, HF_ALGORITHM_MD5,
					  row->digests + HF_ROW_MD5_AT) ||
		       hf_match_sieve_has(sieve, HF_ALGORITHM_SHA1,
					  row->digests + HF_ROW_SHA1_AT) ||
		       hf_match_sieve_has(sieve, HF_ALGORITHM_SHA256,
					  row->digests + HF_ROW_SHA256_AT) ||
		       hf_match_sieve_has(sieve, HF_ALGORITHM_PDQ, digest);
		rows++;
	}
	must(err == HF_E_NOTFOUND ? HF_OK : err, &why);
	took_us = hf_clock_mono_us() - begun_us;
	hf_shelf_end(cursor);
	hf_match_sieve_free(sieve);
	printf("%d new entries, %s: %.0f ns a file, %" PRIu64 " of %" PRIu64
	       " looked up\n",
	       NEW_ENTRIES,
	       has_near ? "3 exact hashes and a PDQ" : "exact only",
	       (double)took_us * 1e3 / (double)rows, may, rows);
}

static void join_videos(const struct hf_inventory *inventory,
			const struct hf_match_sieve *sieve)
{
	struct hf_shelf_cursor *cursor;
	const struct hf_row *row;
	struct hf_why why = { "" };
	uint64_t begun_us = hf_clock_mono_us(), rows = 0, may = 0;
	enum hf_err err;

	must(hf_shelf_begin(hf_inventory_shelf(inventory, HF_INVENTORY_ALL),
			    &cursor, &why),
	     &why);
	while ((err = hf_shelf_next(cursor, &row, &why)) == HF_OK) {
		may += hf_match_sieve_has_video(sieve, row->frames,
						row->frames_count,
						HF_NEWS_NEAR_BYTES, 80);
		rows++;
	}
	must(err == HF_E_NOTFOUND ? HF_OK : err, &why);
	hf_shelf_end(cursor);
	printf("%d new frames: %.0f us a minute of video, %" PRIu64
	       " of %" PRIu64 " looked up\n",
	       NEW_FRAMES,
	       (double)(hf_clock_mono_us() - begun_us) / (double)rows, may,
	       rows);
}

static void videos(const char *dir)
{
	static uint8_t frames[MINUTE][HF_PDQ_BYTES];
	uint8_t digests[HF_ROW_ALL_BYTES], digest[HF_PDQ_BYTES] = { 0 };
	struct hf_inventory *inventory;
	struct hf_match_sieve *sieve;
	struct hf_why why = { "" };

	must(hf_inventory_open(dir, true, &inventory, &why), &why);
	for (uint64_t i = 0; i < VIDEOS; i++) {
		char path[128];
		struct hf_row row = { .path = path,
				      .quality = HF_ROW_NO_PDQ,
				      .stamp = (uint32_t)random64(),
				      .digests = digests,
				      .frames = frames[0],
				      .frames_count = MINUTE };

		make_path(COUNTED, i, path, sizeof(path));
		fill(digests, sizeof(digests));
		fill(frames[0], sizeof(frames));
		must(hf_inventory_put(inventory, HF_INVENTORY_ALL, &row, &why),
		     &why);
	}
	must(hf_inventory_save(inventory, &why), &why);
	printf("videos of a minute: %.0f bytes each\n",
	       (double)hf_shelf_bytes(
		       hf_inventory_shelf(inventory, HF_INVENTORY_ALL)) /
		       VIDEOS);
	must(hf_match_sieve_new(31, 31, &sieve, &why), &why);
	for (int i = 0; i < NEW_FRAMES; i++) {
		fill(digest, HF_NEWS_NEAR_BYTES);
		must(hf_match_sieve_add(sieve, HF_ALGORITHM_VPDQ, digest, &why),
		     &why);
	}
	join_videos(inventory, sieve);
	hf_match_sieve_free(sieve);
	hf_inventory_close(inventory);
}

int main(int argc, char **argv)
{
	uint64_t files =
		argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)1000000;

	if (argc < 2 || files == 0) {
		fprintf(stderr, "usage: bench_scan DIRECTORY [FILES]\n");
		return 2;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		struct hf_inventory *inventory =
			make(argv[1], (enum names)kind, files);

		if (kind == HEX16) {
			join(inventory, false);
			join(inventory, true);
		}
		hf_inventory_close(inventory);
	}
	videos(argv[1]);
	return 0;
}
