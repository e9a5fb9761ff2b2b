/*
 * How fast the match index is, beside comparing with everything (near) and
 * bsearch() (exact) on the same data in the same run.
 *
 *   bench_match [-p PDQ] [-e SHA-256] [-q QUERIES] [-s] [-d DIR]
 *   bench_match -i ITEMS [-a ROUNDS] [-d DIR]
 *   bench_match -w SECONDS [-p PDQ] [-d DIR]
 *
 * -p and -e say how many hashes (1,000,000 and 1,000,000), -s takes clusters
 * of near-duplicates and low-entropy bands instead of uniform hashes.  Half
 * of the near queries are unknown, half known with up to 31 bits changed.
 *
 * With -i only feeding is timed, of items of MD5, SHA-1, SHA-256 and PDQ, until
 * merges are quiet, ROUNDS times on top of each other; with -w, one-at-a-time
 * near lookups are timed while another thread adds 1,000 items a second, which
 * are sealed and merged meanwhile, beside the same after a compaction.
 *
 * Lookups are timed in processor time of the one thread that does them, so
 * that other work on the machine counts for less; feeding by the clock.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#include "match_index.h"
#include "match_state.h"
#include "random64.h"

#define FEED_BATCH  65536
#define EXACT_BATCH 1000
#define ITEM_HASHES 4
#define BRUTE_MOST  64
#define ALONE_MOST  20000

static void random_digest(uint8_t *digest)
{
	for (int i = 0; i < 4; i++) {
		uint64_t word = random64();

		memcpy(digest + 8 * i, &word, 8);
	}
}

static void flip(uint8_t *digest, unsigned count)
{
	while (count-- > 0) {
		unsigned bit = (unsigned)(random64() % 256);

		digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void must(enum hf_err err, const struct hf_why *why)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_match: %s: %s\n", hf_err_name(err), why->text);
	exit(1);
}

static uint8_t *take(size_t count)
{
	uint8_t *digests = malloc((count + 1) * 32);

	if (digests == NULL) {
		fprintf(stderr, "bench_match: no memory\n");
		exit(1);
	}
	return digests;
}

/* Half in clusters of up to 500 at distance 0 to 40 of a centre, a quarter
 * with two bands of eight values, the rest uniform; one dead bit. */
static void make_pdq(uint8_t *digests, size_t count, bool is_skewed)
{
	uint8_t centre[32];
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t *digest = digests + 32 * i;

		random_digest(digest);
		if (!is_skewed)
			continue;
		if (left == 0) {
			memcpy(centre, digest, 32);
			left = 1 + (size_t)(500 / (1 + random64() % 100));
		}
		if (i % 2 == 0) {
			memcpy(digest, centre, 32);
			flip(digest, (unsigned)(random64() % 41));
			left--;
		} else if (i % 4 == 1) {
			memset(digest + 8, 0, 4);
			digest[9] = (uint8_t)(random64() % 8);
			digest[11] = (uint8_t)(random64() % 8);
		}
		digest[31] &= 0x7f;
	}
}

static double seconds_since(uint64_t begin_us)
{
	return (double)(hf_clock_mono_us() - begin_us) / 1e6;
}

static double processor_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void feed(struct hf_index *index, uint8_t algorithm,
		 const uint8_t *digests, size_t count)
{
	static struct hf_index_hash hashes[FEED_BATCH];
	uint64_t begin_us = hf_clock_mono_us();
	struct hf_index_stats stats;
	struct hf_why why = { "" };
	double fed_s, all_s;

	for (size_t i = 0; i < count;) {
		size_t batch = 0;

		for (; batch < FEED_BATCH && i < count; batch++, i++)
			hashes[batch] = (struct hf_index_hash){
				.set = 1,
				.entry = i,
				.algorithm = algorithm,
				.content_class = HF_CLASS_CSAM,
				.quality = 90,
				.digest = digests + 32 * i,
			};
		must(hf_index_add(index, hashes, batch, &why), &why);
	}
	fed_s = seconds_since(begin_us);
	must(hf_index_compact(index, &why), &why);
	all_s = seconds_since(begin_us);
	hf_index_stats(index, &stats);
	printf("%-9s fed %zu hashes in %.2f s (%.0f/s), one segment after "
	       "%.2f s; %lu seals, %lu merges; %.1f MB in files\n",
	       hf_algorithm_word(algorithm), count, fed_s,
	       (double)count / fed_s, all_s, (unsigned long)stats.seals_count,
	       (unsigned long)stats.merges_count,
	       (double)stats.segments_bytes / 1e6);
}

/*
 * Items: an MD5, a SHA-1, a SHA-256 and a PDQ each.
 */
static const uint8_t item_algorithms[ITEM_HASHES] = {
	HF_ALGORITHM_MD5,
	HF_ALGORITHM_SHA1,
	HF_ALGORITHM_SHA256,
	HF_ALGORITHM_PDQ,
};

static void add_items(struct hf_index *index, uint64_t first, size_t count)
{
	static struct hf_index_hash hashes[FEED_BATCH];
	static uint8_t digests[FEED_BATCH][32];
	struct hf_why why = { "" };

	for (size_t i = 0; i < count * ITEM_HASHES; i++) {
		random_digest(digests[i]);
		hashes[i] = (struct hf_index_hash){
			.set = 2,
			.entry = first + i / ITEM_HASHES,
			.algorithm = item_algorithms[i % ITEM_HASHES],
			.content_class = HF_CLASS_CSAM,
			.quality = 90,
			.digest = digests[i],
		};
	}
	must(hf_index_add(index, hashes, count * ITEM_HASHES, &why), &why);
}

/* Until nothing is left to seal or merge; the time of the last of it. */
static uint64_t await_quiet(struct hf_index *index)
{
	uint64_t changed_us = hf_clock_mono_us(), work = 0;

	for (;;) {
		uint64_t now_us = hf_clock_mono_us();
		struct hf_index_stats stats;
		bool is_merging;

		hf_index_stats(index, &stats);
		pthread_mutex_lock(&index->lock);
		is_merging = index->is_merging;
		pthread_mutex_unlock(&index->lock);
		if (is_merging || stats.mutable_count > 0 ||
		    stats.seals_count + stats.merges_count != work)
			changed_us = now_us;
		work = stats.seals_count + stats.merges_count;
		if (now_us - changed_us > 2000000)
			return changed_us;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
}

static void run_items(const char *dir, size_t items, size_t rounds)
{
	const size_t batch = FEED_BATCH / ITEM_HASHES;
	struct hf_index *index = NULL;
	struct hf_index_stats before = { 0 }, stats;
	struct hf_why why = { "" };

	must(hf_index_open(dir, &index, &why), &why);
	for (size_t round = 0; round < rounds; round++) {
		uint64_t begin_us = hf_clock_mono_us();
		double fed_s, all_s;

		for (size_t i = 0; i < items; i += batch)
			add_items(index, round * items + i,
				  items - i < batch ? items - i : batch);
		fed_s = seconds_since(begin_us);
		all_s = (double)(await_quiet(index) - begin_us) / 1e6;
		hf_index_stats(index, &stats);
		printf("items     fed %zu to %zu in %.2f s, quiet after %.2f s "
		       "(%.0f/s); %lu seals, %lu merges, %lu segments; %.1f MB "
		       "in files\n",
		       items, round * items, fed_s, all_s,
		       (double)items / all_s,
		       (unsigned long)(stats.seals_count - before.seals_count),
		       (unsigned long)(stats.merges_count -
				       before.merges_count),
		       (unsigned long)stats.segments_count,
		       (double)stats.segments_bytes / 1e6);
		before = stats;
	}
	hf_index_close(index);
}

struct tally {
	size_t count;
	uint64_t sum; /* of everything told, in any order */
};

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct tally *tally = arg;

	tally->count++;
	tally->sum += (hit->entry * 257 + hit->distance) * 2654435761u;
}

static int compare_u32(const void *a, const void *b)
{
	return (*(const uint32_t *)a > *(const uint32_t *)b) -
	       (*(const uint32_t *)a < *(const uint32_t *)b);
}

static void bench_alone(struct hf_index_view *view, const uint8_t *queries,
			size_t count, const struct hf_index_sink *sink)
{
	static uint32_t took_ns[ALONE_MOST];
	struct hf_why why = { "" };

	count = count < ALONE_MOST ? count : ALONE_MOST;
	for (size_t i = 0; i < count; i++) {
		double begin_s = processor_s();

		must(hf_index_lookup_near(view, queries + 32 * i, 1, 31, sink,
					  &why),
		     &why);
		took_ns[i] = (uint32_t)((processor_s() - begin_s) * 1e9);
	}
	qsort(took_ns, count, sizeof(took_ns[0]), compare_u32);
	printf("near      alone: p50 %.1f us, p99 %.1f us, p99.9 %.1f us\n",
	       took_ns[count / 2] / 1e3, took_ns[count * 99 / 100] / 1e3,
	       took_ns[count * 999 / 1000] / 1e3);
}

static bool on_key(void *arg, const struct hf_match_near_job *job, uint32_t key,
		   unsigned distance)
{
	struct tally *tally = arg;

	tally->count++;
	tally->sum += ((uint64_t)key * 257 + distance) * 2654435761u;
	return true;
}

static void on_done(void *arg, const struct hf_match_near_job *job)
{
}

/* A part without bands is compared with digest by digest. */
static void search_all(const uint8_t *digests, size_t count,
		       const uint8_t *query, struct tally *tally)
{
	const struct hf_match_segment_part part = {
		.digest_bytes = 32,
		.keys_count = (uint32_t)count,
		.keys = digests,
	};
	const struct hf_match_near_job job = { .part = &part,
					       .digest = query,
					       .distance = 31 };
	const struct hf_match_near_sink sink = { on_key, on_done, tally };
	static struct hf_match_near_work *work;
	struct hf_why why = { "" };

	if (work == NULL)
		must(hf_match_near_work_new(&work, &why), &why);
	hf_match_near_push(hf_match_kernel(), work, &job, &sink);
}

static void bench_near(struct hf_index *index, const uint8_t *digests,
		       size_t count, size_t queries_count)
{
	uint8_t *queries = take(queries_count);
	struct tally all = { 0 }, some = { 0 }, brute = { 0 };
	struct hf_index_sink sink = { on_hit, NULL, &all };
	size_t brute_count =
		queries_count < BRUTE_MOST ? queries_count : BRUTE_MOST;
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };
	double ours_s = 1e9, brute_s;
	double begin_s;

	for (size_t i = 0; i < queries_count; i++) {
		random_digest(queries + 32 * i);
		if (i % 2 == 0)
			continue;
		memcpy(queries + 32 * i, digests + 32 * (random64() % count),
		       32);
		flip(queries + 32 * i, (unsigned)(random64() % 32));
	}
	must(hf_index_view_begin(index, &view, &why), &why);
	for (int round = 0; round < 3; round++) {
		double took_s;

		all = (struct tally){ 0 };
		begin_s = processor_s();
		must(hf_index_lookup_near(view, queries, queries_count, 31,
					  &sink, &why),
		     &why);
		took_s = processor_s() - begin_s;
		ours_s = took_s < ours_s ? took_s : ours_s;
	}
	bench_alone(view, queries, queries_count,
		    &(struct hf_index_sink){ on_hit, NULL, &some });
	some = (struct tally){ 0 };
	sink.arg = &some;
	must(hf_index_lookup_near(view, queries, brute_count, 31, &sink, &why),
	     &why);
	begin_s = processor_s();
	for (size_t i = 0; i < brute_count; i++)
		search_all(digests, count, queries + 32 * i, &brute);
	brute_s = processor_s() - begin_s;
	printf("near      %.0f lookups/s, %.1f hits each; comparing with all "
	       "%.0f/s; ratio %.0f; answers %s\n",
	       (double)queries_count / ours_s,
	       (double)all.count / (double)queries_count,
	       (double)brute_count / brute_s,
	       (double)queries_count / ours_s / ((double)brute_count / brute_s),
	       some.count == brute.count && some.sum == brute.sum ? "equal"
								  : "DIFFER");
	hf_index_view_end(view);
	free(queries);
}

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* Queries a second of ours; the best of three. */
static double exact_rate(struct hf_index_view *view,
			 const struct hf_index_query *queries, size_t count,
			 struct tally *tally)
{
	struct hf_index_sink sink = { on_hit, NULL, tally };
	struct hf_why why = { "" };
	double best_s = 1e9;

	for (int round = 0; round < 3; round++) {
		double begin_s = processor_s();
		double took_s;

		*tally = (struct tally){ 0 };
		for (size_t i = 0; i < count; i += EXACT_BATCH) {
			size_t left = count - i;

			must(hf_index_lookup_exact(
				     view, queries + i,
				     left < EXACT_BATCH ? left : EXACT_BATCH,
				     &sink, &why),
			     &why);
		}
		took_s = processor_s() - begin_s;
		best_s = took_s < best_s ? took_s : best_s;
	}
	return (double)count / best_s;
}

static void bench_exact(struct hf_index *index, uint8_t *digests, size_t count)
{
	size_t queries_count = 1000000;
	uint8_t *unknown = take(queries_count);
	uint8_t *known = take(queries_count);
	struct hf_index_query *queries =
		calloc(queries_count, sizeof(*queries));
	struct hf_index_view *view = NULL;
	struct tally hits, misses;
	struct hf_why why = { "" };
	double hit_rate, miss_rate, plain_rate;
	double begin_s;
	size_t found = 0;

	must(queries == NULL ? HF_E_NOMEM : HF_OK, &why);
	for (size_t i = 0; i < queries_count; i++) {
		random_digest(unknown + 32 * i);
		memcpy(known + 32 * i, digests + 32 * (random64() % count), 32);
		queries[i] = (struct hf_index_query){ HF_ALGORITHM_SHA256,
						      known + 32 * i };
	}
	must(hf_index_view_begin(index, &view, &why), &why);
	hit_rate = exact_rate(view, queries, queries_count, &hits);
	qsort(digests, count, 32, compare_digests);
	begin_s = processor_s();
	for (size_t i = 0; i < queries_count; i++)
		found += bsearch(queries[i].digest, digests, count, 32,
				 compare_digests) != NULL;
	plain_rate = (double)queries_count / (processor_s() - begin_s);
	for (size_t i = 0; i < queries_count; i++)
		queries[i].digest = unknown + 32 * i;
	miss_rate = exact_rate(view, queries, queries_count, &misses);
	printf("exact     hits %.2f M/s, misses %.2f M/s; bsearch %.2f M/s; "
	       "ratios %.1f and %.1f; answers %s\n",
	       hit_rate / 1e6, miss_rate / 1e6, plain_rate / 1e6,
	       hit_rate / plain_rate, miss_rate / plain_rate,
	       hits.count == found && misses.count == 0 ? "equal" : "DIFFER");
	hf_index_view_end(view);
	free(queries);
	free(unknown);
	free(known);
}

/*
 * Lookups beside another thread that adds.
 */
#define TRICKLE_BATCH 100

struct trickle {
	struct hf_index *index;
	atomic_bool is_over;
	uint64_t added;
};

static void *run_trickle(void *arg)
{
	struct trickle *trickle = arg;
	uint64_t begin_us = hf_clock_mono_us();

	while (!atomic_load(&trickle->is_over)) {
		uint64_t due = (hf_clock_mono_us() - begin_us) / 1000;

		while (trickle->added + TRICKLE_BATCH <= due) {
			add_items(trickle->index, trickle->added,
				  TRICKLE_BATCH);
			trickle->added += TRICKLE_BATCH;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	return NULL;
}

#define TIMES_MAX 4000000

/* One lookup at a time, a view for each, for so long. */
static void time_lookups(struct hf_index *index, const char *what,
			 double most_s)
{
	static uint32_t took_ns[TIMES_MAX];
	uint64_t begin_us = hf_clock_mono_us(), state = 1;
	struct tally tally = { 0 };
	const struct hf_index_sink sink = { on_hit, NULL, &tally };
	struct hf_index_stats before, stats;
	double used_s = processor_s();
	struct hf_why why = { "" };
	size_t count = 0;

	hf_index_stats(index, &before);
	while (count < TIMES_MAX && seconds_since(begin_us) < most_s) {
		struct hf_index_view *view = NULL;
		uint8_t digest[32];
		double begin_s;

		for (int i = 0; i < 4; i++) {
			state = state * 6364136223846793005u +
				1442695040888963407u;
			memcpy(digest + 8 * i, &state, 8);
		}
		begin_s = processor_s();
		must(hf_index_view_begin(index, &view, &why), &why);
		must(hf_index_lookup_near(view, digest, 1, 31, &sink, &why),
		     &why);
		hf_index_view_end(view);
		took_ns[count++] = (uint32_t)((processor_s() - begin_s) * 1e9);
	}
	used_s = processor_s() - used_s;
	hf_index_stats(index, &stats);
	qsort(took_ns, count, sizeof(took_ns[0]), compare_u32);
	printf("%-9s %.0f lookups/s (%.0f by the clock), p50 %.1f us, p99 %.1f "
	       "us; %lu seals, %lu merges, %lu segments, %lu mutable\n",
	       what, (double)count / used_s,
	       (double)count / seconds_since(begin_us),
	       took_ns[count / 2] / 1e3, took_ns[count * 99 / 100] / 1e3,
	       (unsigned long)(stats.seals_count - before.seals_count),
	       (unsigned long)(stats.merges_count - before.merges_count),
	       (unsigned long)stats.segments_count,
	       (unsigned long)stats.mutable_count);
}

static void run_trickled(const char *dir, size_t pdq_count, double seconds)
{
	struct trickle trickle = { .added = 0 };
	struct hf_why why = { "" };
	uint8_t *digests = take(pdq_count);
	pthread_t thread;

	must(hf_index_open(dir, &trickle.index, &why), &why);
	make_pdq(digests, pdq_count, false);
	feed(trickle.index, HF_ALGORITHM_PDQ, digests, pdq_count);
	free(digests);
	time_lookups(trickle.index, "merged", seconds / 4);
	if (pthread_create(&thread, NULL, run_trickle, &trickle) != 0)
		exit(1);
	time_lookups(trickle.index, "merging", seconds);
	atomic_store(&trickle.is_over, true);
	pthread_join(thread, NULL);
	must(hf_index_compact(trickle.index, &why), &why);
	time_lookups(trickle.index, "merged", seconds / 4);
	printf("added %lu items meanwhile\n", (unsigned long)trickle.added);
	hf_index_close(trickle.index);
}

static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *found;

	while (dir != NULL && (found = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), found->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

static void run(const char *dir, size_t pdq_count, size_t exact_count,
		size_t queries_count, bool is_skewed)
{
	struct hf_index *index = NULL;
	struct hf_why why = { "" };
	uint64_t begin_us;
	uint8_t *digests;

	must(hf_index_open(dir, &index, &why), &why);
	if (pdq_count > 0) {
		digests = take(pdq_count);
		make_pdq(digests, pdq_count, is_skewed);
		feed(index, HF_ALGORITHM_PDQ, digests, pdq_count);
		bench_near(index, digests, pdq_count, queries_count);
		free(digests);
		must(hf_index_drop_set(index, 1, &why), &why);
		must(hf_index_compact(index, &why), &why);
	}
	if (exact_count > 0) {
		digests = take(exact_count);
		for (size_t i = 0; i < exact_count; i++)
			random_digest(digests + 32 * i);
		feed(index, HF_ALGORITHM_SHA256, digests, exact_count);
		hf_index_close(index);
		begin_us = hf_clock_mono_us();
		must(hf_index_open(dir, &index, &why), &why);
		printf("open      %.3f s, every checksum verified\n",
		       seconds_since(begin_us));
		bench_exact(index, digests, exact_count);
		free(digests);
	}
	hf_index_close(index);
}

int main(int argc, char **argv)
{
	size_t pdq_count = 1000000, exact_count = 1000000, queries = 20000;
	size_t items = 0, rounds = 1;
	double trickled_s = 0;
	bool is_skewed = false;
	char dir[256];
	int option;

	snprintf(dir, sizeof(dir), "/var/tmp/bench-match-%ld", (long)getpid());
	while ((option = getopt(argc, argv, "p:e:q:sd:i:a:w:")) != -1) {
		if (option == 'p')
			pdq_count = strtoull(optarg, NULL, 10);
		else if (option == 'e')
			exact_count = strtoull(optarg, NULL, 10);
		else if (option == 'q')
			queries = strtoull(optarg, NULL, 10);
		else if (option == 'i')
			items = strtoull(optarg, NULL, 10);
		else if (option == 'a')
			rounds = strtoull(optarg, NULL, 10);
		else if (option == 'w')
			trickled_s = strtod(optarg, NULL);
		else if (option == 's')
			is_skewed = true;
		else if (option == 'd')
			snprintf(dir, sizeof(dir), "%s", optarg);
		else
			return 2;
	}
	printf("kernel    %s\n", hf_match_kernel()->name);
	if (items > 0)
		run_items(dir, items, rounds);
	else if (trickled_s > 0)
		run_trickled(dir, pdq_count, trickled_s);
	else
		run(dir, pdq_count, exact_count, queries > 0 ? queries : 1,
		    is_skewed);
	remove_dir(dir);
	return 0;
}
