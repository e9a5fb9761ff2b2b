/*
 * bench_retro [ITEMS [DIRECTORY]]: what remembering lookups costs, how long it
 * takes to hold all of them against new entries, and to take digests of what
 * was erased out of them.
 *
 * Items have three exact hashes, a PDQ and a name of 50 bytes, as an upload
 * has; nothing matches, so what is timed is the pass and no case.  Resident
 * memory is without and with the pages of the file that the system has mapped,
 * which are its cache and go when somebody needs the room.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "match_sieve.h"
#include "retro_store.h"
#include "random64.h"

#define PUT_ITEMS 2000

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
	fprintf(stderr, "bench_retro: %s: %s\n", hf_err_name(err), why->text);
	exit(1);
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A line of /proc/self/status, in MiB. */
static double memory_mib(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	double kib = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtod(line + strlen(name), NULL);
	}
	if (file != NULL)
		fclose(file);
	return kib / 1024;
}

static void put_item(struct hf_buf *buf, size_t number)
{
	uint8_t md5[16], sha1[20], sha256[32], pdq[32];
	const struct hf_retro_item item = {
		.digests = { { HF_ALGORITHM_MD5, 255, md5, 16 },
			     { HF_ALGORITHM_SHA1, 255, sha1, 20 },
			     { HF_ALGORITHM_SHA256, 255, sha256, 32 },
			     { HF_ALGORITHM_PDQ, 90, pdq, 32 } },
		.count = 4,
	};
	struct hf_retro_item named = item;
	char name[64];

	fill(md5, sizeof(md5));
	fill(sha1, sizeof(sha1));
	fill(sha256, sizeof(sha256));
	fill(pdq, sizeof(pdq));
	snprintf(name, sizeof(name), "/srv/uploads/2026/01/10/%026zu", number);
	named.name = hf_span_of(name);
	hf_retro_item_put(buf, &named);
}

static void remember(struct hf_retro_store *store, size_t items)
{
	struct hf_why why = { "" };
	uint64_t put_us = 0;
	struct hf_retro_stats stats;
	struct hf_buf buf;

	hf_buf_init(&buf, (size_t)1 << 20);
	for (size_t i = 0; i < items; i += PUT_ITEMS) {
		uint64_t us;

		hf_buf_reset(&buf);
		for (size_t j = i; j < i + PUT_ITEMS && j < items; j++)
			put_item(&buf, j);
		us = hf_clock_mono_us();
		must(hf_retro_store_put(store, hf_buf_span(&buf),
					hf_clock_wall_ms(), &why),
		     &why);
		put_us += hf_clock_mono_us() - us;
	}
	hf_buf_release(&buf);
	hf_retro_store_stats(store, &stats);
	printf("kept %llu items, %.0f bytes each, %.0f/s to the disk\n",
	       (unsigned long long)stats.items,
	       (double)stats.bytes / (double)stats.items,
	       (double)stats.items * 1e6 / (double)put_us);
}

static struct hf_match_sieve *new_entries(size_t count)
{
	struct hf_match_sieve *filter;
	struct hf_why why = { "" };
	uint8_t digest[32];

	must(hf_match_sieve_new(31, 31, &filter, &why), &why);
	for (size_t i = 0; i < count; i++) {
		static const unsigned algorithms[] = { HF_ALGORITHM_MD5,
						       HF_ALGORITHM_SHA1,
						       HF_ALGORITHM_SHA256,
						       HF_ALGORITHM_PDQ };

		for (size_t j = 0; j < 4; j++) {
			fill(digest, sizeof(digest));
			must(hf_match_sieve_add(filter, algorithms[j], digest,
						&why),
			     &why);
		}
	}
	return filter;
}

static void pass(struct hf_retro_store *store, size_t entries)
{
	struct hf_match_sieve *filter = new_entries(entries);
	uint64_t begun_us = hf_clock_mono_us();
	struct hf_retro_stats stats;
	struct hf_why why = { "" };
	double begun_s = cpu_s();
	uint64_t number = 0;
	size_t items = 0, may = 0;
	struct hf_buf buf;

	hf_retro_store_stats(store, &stats);
	hf_buf_init(&buf, (size_t)2 << 20);
	while (hf_retro_store_read(store, &number, stats.last, &buf, &why) ==
	       HF_OK) {
		struct hf_span rest = hf_buf_span(&buf);
		struct hf_retro_item item;

		while (rest.len_bytes > 0) {
			must(hf_retro_item_take(&rest, &item, &why), &why);
			items++;
			may += hf_retro_item_passes(&item, filter);
		}
		hf_buf_reset(&buf);
	}
	hf_buf_release(&buf);
	printf("%zu items against %zu new entries: %.1f ms, %.1f ms of the "
	       "processor, %.3f ms an entry; %zu may match\n",
	       items, entries, (double)(hf_clock_mono_us() - begun_us) / 1e3,
	       (cpu_s() - begun_s) * 1e3,
	       (cpu_s() - begun_s) * 1e3 / (double)entries, may);
	hf_match_sieve_free(filter);
}

/* The SHA-256 of so many items, from all over the store. */
static struct hf_retro_gone *some_of(struct hf_retro_store *store, size_t most)
{
	struct hf_retro_stats stats;
	struct hf_retro_gone *gone = NULL;
	struct hf_why why = { "" };
	uint64_t number = 0, at = 0;
	struct hf_buf buf;

	must(hf_retro_gone_new(&gone, &why), &why);
	hf_retro_store_stats(store, &stats);
	hf_buf_init(&buf, (size_t)2 << 20);
	while (hf_retro_store_read(store, &number, stats.last, &buf, &why) ==
	       HF_OK) {
		struct hf_span rest = hf_buf_span(&buf);
		struct hf_retro_item item;

		while (rest.len_bytes > 0) {
			must(hf_retro_item_take(&rest, &item, &why), &why);
			if (at++ % (stats.items / most) == 0)
				must(hf_retro_gone_add(
					     gone,
					     hf_span(item.digests[2].at,
						     item.digests[2].len_bytes),
					     &why),
				     &why);
		}
		hf_buf_reset(&buf);
	}
	hf_buf_release(&buf);
	hf_retro_gone_seal(gone);
	return gone;
}

static void forget(struct hf_retro_store *store, size_t digests)
{
	struct hf_retro_gone *gone = some_of(store, digests);
	uint64_t begun_us = hf_clock_mono_us(), stripped_us, items = 0;
	double begun_s = cpu_s(), stripped_s;
	struct hf_why why = { "" };

	must(hf_retro_store_strip(store, gone, NULL, &items, &why), &why);
	stripped_us = hf_clock_mono_us();
	stripped_s = cpu_s();
	must(hf_retro_store_compact(store, NULL, &why), &why);
	printf("%zu digests out of %llu items: %.0f ms, %.0f ms of the "
	       "processor; the file anew: %.0f ms, %.0f ms\n",
	       hf_retro_gone_count(gone), (unsigned long long)items,
	       (double)(stripped_us - begun_us) / 1e3,
	       (stripped_s - begun_s) * 1e3,
	       (double)(hf_clock_mono_us() - stripped_us) / 1e3,
	       (cpu_s() - stripped_s) * 1e3);
	hf_retro_gone_free(gone);
}

int main(int argc, char **argv)
{
	size_t items = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	const char *dir = argc > 2 ? argv[2] : "/tmp/bench-retro";
	const struct hf_retro_limits limits = { .keep_ms = 1000000000,
						.items_most = items };
	static const size_t entries[] = { 1, 1, 16, 256, 4096 };
	struct hf_retro_store *store;
	struct hf_why why = { "" };
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		return 1;
	must(hf_retro_store_open(dir, &limits, &store, &why), &why);
	remember(store, items);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		pass(store, entries[i]);
	forget(store, 10);
	forget(store, 50000);
	printf("resident: %.1f MiB of its own, %.1f MiB with the file's "
	       "pages\n",
	       memory_mib("RssAnon:"), memory_mib("VmRSS:"));
	hf_retro_store_close(store);
	return system(command) == 0 ? 0 : 1;
}
