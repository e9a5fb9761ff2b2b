/*
 * How fast hashes that are near are found in a large index, and whether they
 * are those that comparing with everything finds.
 *
 *   bench_near make DIR HASHES QUERIES [skewed] [SEED]
 *   bench_near index DIR
 *   bench_near run DIR [QUERIES]
 *   bench_near merging DIR
 *   bench_near sum DIR QUERIES
 *   bench_near brute DIR QUERIES
 *
 * make writes DIR/hashes and DIR/queries, 32 bytes each, by a seed.  Uniform
 * hashes have 128 bits set, as PDQ's have.  Skewed ones are made to hurt:
 * clusters of up to 5,000 near-duplicates, templates with bursts, two dozen
 * biased bits, eight that hardly vary.  Half of the queries are unknown, half
 * known with up to 31 bits changed.
 *
 * index feeds them into DIR/index until that is one segment.  run looks the
 * queries up within 31 bits, one at a time and in batches of 8,192.  merging
 * does so as well, again and again, while another thread adds 1,000
 * entries of four hashes a second, which are sealed and merged meanwhile, and
 * checks that nothing is found less; they stay in the index.  sum and brute
 * print what was found for the first queries, with the index and by
 * comparing with everything, as peers do: the number of answers and a sum over
 * (query, hash, distance).
 *
 * Lookups are timed in processor time of the one thread that does them, so
 * that other work on the machine counts for less.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#include "match_index.h"
#include "match_kernel.h"

#define DISTANCE     31
#define FEED_BATCH   10000
#define BATCH        8192
#define ROUNDS       3
#define DIGEST_BYTES 32

static const char *dir;

static _Noreturn void stop(const char *what, const char *why)
{
	fprintf(stderr, "bench_near: %s: %s\n", what, why);
	exit(1);
}

static void must(enum hf_err err, const struct hf_why *why)
{
	if (err != HF_OK)
		stop(hf_err_name(err), why->text);
}

static void *take(size_t count, size_t bytes)
{
	void *memory = calloc(count + 1, bytes);

	if (memory == NULL)
		stop("calloc", "no memory");
	return memory;
}

static const char *path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/*
 * Making: xoshiro256**, seeded with splitmix64.
 */
static uint64_t state[4];

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static uint64_t random64(void)
{
	uint64_t result = rotate(state[1] * 5, 7) * 9, shifted = state[1] << 17;

	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate(state[3], 45);
	return result;
}

static void seed_random(uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t word = seed += 0x9e3779b97f4a7c15u;

		word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
		word = (word ^ word >> 27) * 0x94d049bb133111ebu;
		state[i] = word ^ word >> 31;
	}
}

static uint32_t random_below(uint32_t number)
{
	return (uint32_t)((random64() >> 32) * number >> 32);
}

static double random_share(void)
{
	return (double)(random64() >> 11) * 0x1p-53;
}

static bool bit_of(const uint8_t *digest, unsigned bit)
{
	return (digest[bit / 8] >> bit % 8 & 1) != 0;
}

static void flip(uint8_t *digest, unsigned bit)
{
	digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* Change exactly count bits. */
static void perturb(uint8_t *digest, unsigned count)
{
	uint8_t changed[DIGEST_BYTES] = { 0 };

	while (count > 0) {
		unsigned bit = random_below(256);

		if (bit_of(changed, bit))
			continue;
		flip(changed, bit);
		flip(digest, bit);
		count--;
	}
}

/* How often each bit is set. */
static double bias[256];
static bool is_biased;

static void choose_bias(bool is_skewed)
{
	is_biased = is_skewed;
	for (unsigned bit = 0; bit < 256; bit++)
		bias[bit] = is_skewed ? 0.4 + 0.2 * random_share() : 0.5;
	for (unsigned i = 0; is_skewed && i < 24; i++) {
		double low = (random64() & 1) != 0 ? 0.15 : 0.65;

		bias[random_below(i % 2 == 0 ? 256 : 64)] =
			low + 0.2 * random_share();
	}
	for (unsigned i = 0; is_skewed && i < 8; i++)
		bias[random_below(i % 2 == 0 ? 256 : 32)] =
			(random64() & 1) != 0 ? 0.03 : 0.97;
}

static void draw_biased(uint8_t *digest)
{
	memset(digest, 0, DIGEST_BYTES);
	for (unsigned bit = 0; bit < 256; bit++) {
		if (random_share() < bias[bit])
			flip(digest, bit);
	}
}

static void draw_uniform(uint8_t *digest)
{
	for (int i = 0; i < 4; i++) {
		uint64_t word = random64();

		memcpy(digest + 8 * i, &word, sizeof(word));
	}
}

/* Half of the bits set, rare ones rather not. */
static void draw(uint8_t *digest)
{
	unsigned set = 0;

	(is_biased ? draw_biased : draw_uniform)(digest);
	for (unsigned bit = 0; bit < 256; bit++)
		set += bit_of(digest, bit);
	while (set != 128) {
		unsigned bit = random_below(256);
		bool is_set = bit_of(digest, bit);
		double share = is_set ? bias[bit] : 1 - bias[bit];

		if (is_set != (set > 128) ||
		    (share > 0.8 && (random64() & 7) != 0))
			continue;
		flip(digest, bit);
		set += is_set ? -1u : 1u;
	}
}

/* A cluster of some kind, as many of it as there is room for. */
static size_t draw_cluster(uint8_t *digests, size_t room,
			   const uint8_t *templates)
{
	double kind = random_share();
	uint8_t centre[DIGEST_BYTES];
	unsigned spread = 41;
	size_t size = 1;

	draw(centre);
	if (kind < 0.005) {
		memcpy(centre, templates + DIGEST_BYTES * random_below(64),
		       DIGEST_BYTES);
		size = 1 + random_below(64);
		spread = 13;
	} else if (kind < 0.35) {
		double far = pow(1 - random_share(), -1 / 1.3);

		size = 1 + (size_t)(far > 5000 ? 5000 : far);
	}
	size = size < room ? size : room;
	for (size_t i = 0; i < size; i++) {
		memcpy(digests + DIGEST_BYTES * i, centre, DIGEST_BYTES);
		if (i > 0 || spread != 41)
			perturb(digests + DIGEST_BYTES * i,
				random_below(spread));
	}
	return size;
}

static void shuffle(uint8_t *digests, size_t count)
{
	for (size_t i = count - 1; i > 0 && count > 0; i--) {
		uint8_t *one = digests + DIGEST_BYTES * i, kept[DIGEST_BYTES];
		uint8_t *other =
			digests + DIGEST_BYTES * random_below((uint32_t)i + 1);

		memcpy(kept, one, DIGEST_BYTES);
		memcpy(one, other, DIGEST_BYTES);
		memcpy(other, kept, DIGEST_BYTES);
	}
}

static void save(const char *name, const uint8_t *digests, size_t count)
{
	FILE *file = fopen(path_of(name), "wb");

	if (file == NULL ||
	    fwrite(digests, DIGEST_BYTES, count, file) != count ||
	    fclose(file) != 0)
		stop(name, "cannot be written");
}

static void make(size_t count, size_t queries_count, bool is_skewed,
		 uint64_t seed)
{
	uint8_t *digests = take(count, DIGEST_BYTES);
	uint8_t *queries = take(queries_count, DIGEST_BYTES);
	uint8_t templates[64 * DIGEST_BYTES];

	seed_random(seed);
	choose_bias(is_skewed);
	for (size_t i = 0; i < 64; i++)
		draw(templates + DIGEST_BYTES * i);
	for (size_t i = 0; i < count;) {
		uint8_t *at = digests + DIGEST_BYTES * i;

		if (is_skewed) {
			i += draw_cluster(at, count - i, templates);
		} else {
			draw(at);
			i++;
		}
	}
	if (is_skewed)
		shuffle(digests, count);
	for (size_t i = 0; i < queries_count; i++) {
		uint8_t *query = queries + DIGEST_BYTES * i;

		draw(query);
		if (i % 2 == 0)
			continue;
		memcpy(query,
		       digests + DIGEST_BYTES * random_below((uint32_t)count),
		       DIGEST_BYTES);
		perturb(query, random_below(DISTANCE + 1));
	}
	save("hashes", digests, count);
	save("queries", queries, queries_count);
	free(digests);
	free(queries);
}

static uint8_t *load(const char *name, size_t *out_count)
{
	FILE *file = fopen(path_of(name), "rb");
	uint8_t *digests;
	long bytes;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
	    (bytes = ftell(file)) < 0)
		stop(name, "cannot be read; run make first");
	rewind(file);
	*out_count = (size_t)bytes / DIGEST_BYTES;
	digests = take(*out_count, DIGEST_BYTES);
	if (fread(digests, DIGEST_BYTES, *out_count, file) != *out_count)
		stop(name, "cannot be read");
	fclose(file);
	return digests;
}

/*
 * Ours.
 */
static struct hf_index_hash hash_of(uint32_t set, uint64_t entry,
				    uint8_t algorithm, const uint8_t *digest)
{
	return (struct hf_index_hash){
		.set = set,
		.entry = entry,
		.algorithm = algorithm,
		.content_class = HF_CLASS_CSAM,
		.quality = 90,
		.digest = digest,
	};
}

static void build_index(void)
{
	static struct hf_index_hash hashes[FEED_BATCH];
	struct hf_index *index = NULL;
	struct hf_index_stats stats;
	struct hf_why why = { "" };
	uint64_t begin_us;
	size_t count;
	uint8_t *digests = load("hashes", &count);

	must(hf_index_open(path_of("index"), &index, &why), &why);
	begin_us = hf_clock_mono_us();
	for (size_t i = 0; i < count;) {
		size_t batch = 0;

		for (; batch < FEED_BATCH && i < count; batch++, i++)
			hashes[batch] = hash_of(1, i, HF_ALGORITHM_PDQ,
						digests + DIGEST_BYTES * i);
		must(hf_index_add(index, hashes, batch, &why), &why);
	}
	must(hf_index_compact(index, &why), &why);
	hf_index_stats(index, &stats);
	printf("index     %zu hashes in one segment after %.1f s, %.1f bytes a "
	       "hash with its entry\n",
	       count, (double)(hf_clock_mono_us() - begin_us) / 1e6,
	       (double)stats.segments_bytes / (double)count);
	hf_index_close(index);
	free(digests);
}

/* Of everything that was told, in any order; but not of queries that have
 * more than HF_INDEX_HITS_MAX answers, of which only so many are given. */
struct tally {
	size_t count;
	uint64_t sum;
	size_t first; /* query of the batch */
	size_t query; /* at hand, and its own part */
	size_t own_count;
	uint64_t own_sum;
};

static void settle(struct tally *tally)
{
	if (tally->own_count <= HF_INDEX_HITS_MAX) {
		tally->count += tally->own_count;
		tally->sum += tally->own_sum;
	}
	tally->own_count = 0;
	tally->own_sum = 0;
}

static void tell(struct tally *tally, size_t query, uint64_t hash,
		 unsigned distance)
{
	if (query != tally->query)
		settle(tally);
	tally->query = query;
	tally->own_count++;
	tally->own_sum +=
		(query * 1000003 + hash * 257 + distance) * 2654435761u;
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct tally *tally = arg;

	tell(tally, tally->first + hit->query, hit->entry, hit->distance);
}

static void on_more(void *arg, size_t query)
{
	struct tally *tally = arg;

	tally->own_count = HF_INDEX_HITS_MAX + 1;
}

static double processor_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct hf_index_view *open_view(void)
{
	struct hf_index_view *view = NULL;
	struct hf_index *index = NULL;
	struct hf_why why = { "" };

	must(hf_index_open_readonly(path_of("index"), &index, &why), &why);
	must(hf_index_view_begin(index, &view, &why), &why);
	return view;
}

/* Queries a second, batch by batch. */
static double look_up(struct hf_index_view *view, const uint8_t *queries,
		      size_t count, size_t batch, struct tally *out_tally)
{
	struct tally tally = { 0 };
	struct hf_index_sink sink = { on_hit, on_more, &tally };
	struct hf_why why = { "" };
	double begin_s = processor_s();

	for (size_t i = 0; i < count; i += batch) {
		size_t left = count - i;

		tally.first = i;
		must(hf_index_lookup_near(view, queries + DIGEST_BYTES * i,
					  left < batch ? left : batch, DISTANCE,
					  &sink, &why),
		     &why);
	}
	settle(&tally);
	*out_tally = tally;
	return (double)count / (processor_s() - begin_s);
}

static int compare_u32(const void *a, const void *b)
{
	return (*(const uint32_t *)a > *(const uint32_t *)b) -
	       (*(const uint32_t *)a < *(const uint32_t *)b);
}

static void time_each(struct hf_index_view *view, const uint8_t *queries,
		      size_t count)
{
	uint32_t *took_ns = take(count, sizeof(*took_ns));
	struct tally tally;

	for (size_t i = 0; i < count; i++)
		took_ns[i] =
			(uint32_t)(1e9 / look_up(view,
						 queries + DIGEST_BYTES * i, 1,
						 1, &tally));
	qsort(took_ns, count, sizeof(took_ns[0]), compare_u32);
	printf("latency   p50 %.1f us, p99 %.1f us, p99.9 %.1f us, most %.1f "
	       "us\n",
	       took_ns[count / 2] / 1e3, took_ns[count * 99 / 100] / 1e3,
	       took_ns[count * 999 / 1000] / 1e3, took_ns[count - 1] / 1e3);
	free(took_ns);
}

static void run(size_t most)
{
	struct hf_index_view *view = open_view();
	double single = 0, batch = 0;
	struct tally one, other;
	size_t count;
	uint8_t *queries = load("queries", &count);

	count = most > 0 && most < count ? most : count;
	for (int round = 0; round < ROUNDS; round++) {
		double rate = look_up(view, queries, count, 1, &one);

		single = rate > single ? rate : single;
		rate = look_up(view, queries, count, BATCH, &other);
		batch = rate > batch ? rate : batch;
	}
	if (one.count != other.count || one.sum != other.sum)
		stop("run", "one at a time and a batch give other answers");
	printf("single    %.0f lookups/s, %.1f answers each\n", single,
	       (double)one.count / (double)count);
	printf("batch     %.0f lookups/s in batches of %d\n", batch, BATCH);
	time_each(view, queries, count);
	free(queries);
}

/*
 * Lookups beside a thread that adds.
 */
#define ADDED_BATCH      100
#define MERGING_LEAST_US 16000000

struct adder {
	struct hf_index *index;
	atomic_bool is_over;
	uint64_t added;
};

/* Entries of another set, with an MD5, a SHA-1, a SHA-256 and a PDQ each. */
static void add_entries(struct adder *adder)
{
	static const uint8_t algorithms[] = { HF_ALGORITHM_MD5,
					      HF_ALGORITHM_SHA1,
					      HF_ALGORITHM_SHA256,
					      HF_ALGORITHM_PDQ };
	static struct hf_index_hash hashes[ADDED_BATCH * 4];
	static uint8_t digests[ADDED_BATCH * 4][DIGEST_BYTES];
	struct hf_why why = { "" };

	for (size_t i = 0; i < ADDED_BATCH * 4; i++) {
		draw_uniform(digests[i]);
		hashes[i] = hash_of(2, adder->added + i / 4, algorithms[i % 4],
				    digests[i]);
	}
	must(hf_index_add(adder->index, hashes, ADDED_BATCH * 4, &why), &why);
	adder->added += ADDED_BATCH;
}

static void *add_always(void *arg)
{
	struct adder *adder = arg;
	uint64_t begin_us = hf_clock_mono_us();

	seed_random(begin_us);
	while (!atomic_load(&adder->is_over)) {
		if (hf_clock_mono_us() - begin_us >= adder->added * 1000)
			add_entries(adder);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return NULL;
}

/* All queries, again and again for so long, each time with wanted answers;
 * the first time says which. */
static void time_merging(struct hf_index *index, const char *what,
			 const uint8_t *queries, size_t count, size_t batch,
			 struct tally *wanted)
{
	uint64_t begin_us = hf_clock_mono_us();
	double begin_s = processor_s();
	struct hf_index_stats stats;
	struct hf_why why = { "" };
	size_t done = 0;

	do {
		struct hf_index_view *view = NULL;
		struct tally tally;

		must(hf_index_view_begin(index, &view, &why), &why);
		look_up(view, queries, count, batch, &tally);
		hf_index_view_end(view);
		if (wanted->count == 0)
			*wanted = tally;
		if (tally.count != wanted->count || tally.sum != wanted->sum)
			stop("merging", "other answers than before");
		done += count;
	} while (hf_clock_mono_us() - begin_us < MERGING_LEAST_US);
	hf_index_stats(index, &stats);
	printf("%-9s %.0f lookups/s in batches of %zu; %lu seals and %lu "
	       "merges by now\n",
	       what, (double)done / (processor_s() - begin_s), batch,
	       (unsigned long)stats.seals_count,
	       (unsigned long)stats.merges_count);
}

static void run_merging(void)
{
	struct adder adder = { .added = 0 };
	struct tally wanted = { 0 };
	struct hf_why why = { "" };
	pthread_t thread;
	size_t count;
	uint8_t *queries = load("queries", &count);

	must(hf_index_open(path_of("index"), &adder.index, &why), &why);
	time_merging(adder.index, "merged", queries, count, 1, &wanted);
	time_merging(adder.index, "merged", queries, count, BATCH, &wanted);
	if (pthread_create(&thread, NULL, add_always, &adder) != 0)
		stop("pthread_create", "failed");
	time_merging(adder.index, "merging", queries, count, 1, &wanted);
	time_merging(adder.index, "merging", queries, count, BATCH, &wanted);
	atomic_store(&adder.is_over, true);
	pthread_join(thread, NULL);
	hf_index_close(adder.index);
	free(queries);
}

static void sum(size_t most)
{
	struct hf_index_view *view = open_view();
	struct tally tally;
	size_t count;
	uint8_t *queries = load("queries", &count);

	count = most < count ? most : count;
	look_up(view, queries, count, BATCH, &tally);
	printf("sum       %zu answers %016lx\n", tally.count,
	       (unsigned long)tally.sum);
	free(queries);
}

static void brute(size_t most)
{
	uint32_t positions[HF_MATCH_KERNEL_BLOCK];
	struct tally tally = { 0 };
	size_t count, queries_count;
	uint8_t *digests = load("hashes", &count);
	uint8_t *queries = load("queries", &queries_count);
	double begin_s = processor_s();

	queries_count = most < queries_count ? most : queries_count;
	for (size_t q = 0; q < queries_count; q++) {
		struct hf_match_pdq want =
			hf_match_pdq_load(queries + DIGEST_BYTES * q);

		for (size_t i = 0; i < count; i += HF_MATCH_KERNEL_BLOCK) {
			size_t left = count - i;
			size_t found = hf_match_kernel_at(0)->scan_digests(
				digests + DIGEST_BYTES * i,
				left < HF_MATCH_KERNEL_BLOCK
					? left
					: HF_MATCH_KERNEL_BLOCK,
				&want, DISTANCE, positions);

			for (size_t j = 0; j < found; j++) {
				struct hf_match_pdq have = hf_match_pdq_load(
					digests +
					DIGEST_BYTES * (i + positions[j]));

				tell(&tally, q, i + positions[j],
				     hf_match_pdq_distance(&have, &want));
			}
		}
	}
	settle(&tally);
	printf("brute     %.1f lookups/s\n",
	       (double)queries_count / (processor_s() - begin_s));
	printf("sum       %zu answers %016lx\n", tally.count,
	       (unsigned long)tally.sum);
	free(digests);
	free(queries);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	size_t number = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

	dir = argc > 2 ? argv[2] : "";
	if (strcmp(verb, "make") == 0 && argc >= 5) {
		bool is_skewed = argc > 5 && strcmp(argv[5], "skewed") == 0;

		make(number, strtoull(argv[4], NULL, 10), is_skewed,
		     argc > 5 + is_skewed
			     ? strtoull(argv[5 + is_skewed], NULL, 10)
			     : 1);
	} else if (strcmp(verb, "index") == 0 && argc == 3) {
		build_index();
	} else if (strcmp(verb, "run") == 0 && argc >= 3) {
		printf("kernel    %s\n", hf_match_kernel()->name);
		run(number);
	} else if (strcmp(verb, "merging") == 0 && argc == 3) {
		run_merging();
	} else if (strcmp(verb, "sum") == 0 && argc == 4) {
		sum(number);
	} else if (strcmp(verb, "brute") == 0 && argc == 4) {
		brute(number);
	} else {
		fprintf(stderr, "usage: see the head of bench_near.c\n");
		return 2;
	}
	return 0;
}
