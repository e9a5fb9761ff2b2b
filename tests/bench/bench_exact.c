/*
 * Exact lookups of SHA-256 digests, beside LMDB's mdb_get() and, where there
 * is one, a Redis server, on the same keys in the same run.
 *
 *   bench_exact [-r SOCKET] [-k KEYS] [-s SEED] DIR KEYS...
 *
 * Each KEYS is a row of the table; the files are left in DIR.  Redis, whose
 * data is flushed, gets the same keys, at most -k of them where memory is
 * short: one takes 132 bytes.
 *
 * All by the clock and on one thread: ours in batches of 1,000, each with a
 * view of its own; LMDB one by one in one transaction, keys loaded in order;
 * Redis as GETs in a pipeline of 1,000 over its Unix socket, whose server has
 * the other core.  They take turns, three times, of a second at least; the best
 * turn of each counts.
 * Every answer of every turn is compared with what it must be.
 */
#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"

#include "match_index.h"

#define QUERIES  1000000
#define BATCH    1000
#define TURNS    3
#define ROWS_MAX 8

#define TARGET_KEYS 30000000

/* While entries are added: so many each tenth of a second, for so long. */
#define ADDED_EACH 100
#define ADDING_S   6

static uint64_t seed = 1;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_exact: %s: %s\n", what, why);
	exit(1);
}

static void must(enum hf_err err, const char *what, const struct hf_why *why)
{
	if (err != HF_OK)
		die(what, why->text);
}

static void must_lmdb(int code, const char *what)
{
	if (code != 0)
		die(what, mdb_strerror(code));
}

static void *take(size_t bytes)
{
	void *memory = malloc(bytes);

	if (memory == NULL)
		die("take", "no memory");
	return memory;
}

static double seconds_since(uint64_t begin_us)
{
	return (double)(hf_clock_mono_us() - begin_us) / 1e6;
}

/*
 * Keys: number n's digest follows from n and the seed.
 */
#define UNKNOWN ((uint64_t)1 << 40)
#define ADDED   ((uint64_t)1 << 41)

static uint64_t mix(uint64_t word)
{
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
	word = (word ^ word >> 27) * 0x94d049bb133111ebu;
	return word ^ word >> 31;
}

static void put_digest(uint64_t number, uint8_t *out)
{
	uint64_t word = mix(number * 0x9e3779b97f4a7c15u + mix(seed));

	for (int i = 0; i < 4; i++) {
		memcpy(out + 8 * i, &word, 8);
		word = mix(word + 0x9e3779b97f4a7c15u);
	}
}

/* What is asked, and what the answer is: a key's number + 1, 0 for none. */
struct queries {
	uint8_t *digests;
	uint64_t *wants;
	uint64_t *answers;
};

static void queries_make(struct queries *queries, size_t keys)
{
	queries->digests = take((size_t)32 * QUERIES);
	queries->wants = take(QUERIES * sizeof(uint64_t));
	queries->answers = take(QUERIES * sizeof(uint64_t));
	for (uint64_t i = 0; i < QUERIES; i++) {
		uint64_t number = keys > 0 ? mix(i + 7) % keys : UNKNOWN + i;

		put_digest(number, queries->digests + 32 * i);
		queries->wants[i] = keys > 0 ? number + 1 : 0;
	}
}

static void queries_free(struct queries *queries)
{
	free(queries->digests);
	free(queries->wants);
	free(queries->answers);
}

static void compare(const struct queries *queries, const char *whose)
{
	for (size_t i = 0; i < QUERIES; i++) {
		if (queries->answers[i] != queries->wants[i]) {
			fprintf(stderr,
				"bench_exact: query %zu: %s says %" PRIu64
				", not %" PRIu64 "\n",
				i, whose, queries->answers[i],
				queries->wants[i]);
			exit(1);
		}
	}
}

/*
 * Ours.
 */
static struct hf_index *ours_make(const char *dir, size_t keys)
{
	static struct hf_index_hash hashes[10 * BATCH];
	static uint8_t digests[10 * BATCH][32];
	const size_t most = 10 * BATCH;
	uint64_t begin_us = hf_clock_mono_us();
	struct hf_index *index = NULL;
	struct hf_index_stats stats;
	struct hf_why why = { "" };
	size_t batch;

	must(hf_index_open(dir, &index, &why), "open the index", &why);
	for (size_t i = 0; i < keys; i += batch) {
		batch = keys - i < most ? keys - i : most;
		for (size_t j = 0; j < batch; j++) {
			put_digest(i + j, digests[j]);
			hashes[j] = (struct hf_index_hash){
				.set = 1,
				.entry = i + j,
				.algorithm = HF_ALGORITHM_SHA256,
				.content_class = HF_CLASS_CSAM,
				.quality = HF_QUALITY_NONE,
				.digest = digests[j],
			};
		}
		must(hf_index_add(index, hashes, batch, &why), "add", &why);
	}
	must(hf_index_compact(index, &why), "compact", &why);
	hf_index_stats(index, &stats);
	printf("ours      %zu keys in one segment after %.1f s; %.1f bytes a "
	       "key, entries and all\n",
	       keys, seconds_since(begin_us),
	       (double)stats.segments_bytes / (double)keys);
	return index;
}

struct asking {
	struct queries *queries;
	size_t begin;
};

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct asking *asking = arg;

	asking->queries->answers[asking->begin + hit->query] = hit->entry + 1;
}

static double ours_ask_once(struct hf_index *index, struct queries *queries)
{
	static struct hf_index_query asked[BATCH];
	struct asking asking = { queries, 0 };
	const struct hf_index_sink sink = { on_hit, NULL, &asking };
	struct hf_why why = { "" };
	uint64_t begin_us;

	memset(queries->answers, 0, QUERIES * sizeof(uint64_t));
	begin_us = hf_clock_mono_us();
	for (; asking.begin < QUERIES; asking.begin += BATCH) {
		struct hf_index_view *view = NULL;

		for (size_t i = 0; i < BATCH; i++)
			asked[i] = (struct hf_index_query){
				HF_ALGORITHM_SHA256,
				queries->digests + 32 * (asking.begin + i)
			};
		must(hf_index_view_begin(index, &view, &why), "view", &why);
		must(hf_index_lookup_exact(view, asked, BATCH, &sink, &why),
		     "look up", &why);
		hf_index_view_end(view);
	}
	return QUERIES / seconds_since(begin_us);
}

/* A turn: the mean of a second.  In one pass, which is over in a tenth of
 * that, most is the memory that the others' turns had pushed out. */
static double ours_ask(struct hf_index *index, struct queries *queries)
{
	uint64_t begin_us = hf_clock_mono_us();
	unsigned passes = 0;
	double all_s = 0;

	for (; passes == 0 || seconds_since(begin_us) < 1; passes++)
		all_s += QUERIES / ours_ask_once(index, queries);
	return passes * (double)QUERIES / all_s;
}

/*
 * LMDB.
 */
struct lmdb {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn;
};

struct pair {
	uint8_t digest[32];
	uint64_t number;
};

static int compare_pairs(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* By the first two bytes, then the few of each with qsort(). */
static struct pair *pairs_sorted(size_t keys)
{
	struct pair *pairs = take(keys * sizeof(*pairs));
	size_t *ends = calloc(65537, sizeof(*ends));
	uint8_t digest[32];

	if (ends == NULL)
		die("sort", "no memory");
	for (size_t i = 0; i < keys; i++) {
		put_digest(i, digest);
		ends[hf_be16(digest) + 1]++;
	}
	for (size_t b = 0; b < 65536; b++)
		ends[b + 1] += ends[b];
	for (size_t i = 0; i < keys; i++) {
		struct pair *pair;

		put_digest(i, digest);
		pair = &pairs[ends[hf_be16(digest)]++];
		memcpy(pair->digest, digest, 32);
		pair->number = i;
	}
	for (size_t b = 0, begin = 0; b < 65536; begin = ends[b++])
		qsort(pairs + begin, ends[b] - begin, sizeof(*pairs),
		      compare_pairs);
	free(ends);
	return pairs;
}

static void lmdb_make(const char *dir, size_t keys, struct lmdb *out)
{
	struct lmdb lmdb;
	struct pair *pairs = pairs_sorted(keys);

	must_lmdb(mdb_env_create(&lmdb.env), "LMDB");
	must_lmdb(mdb_env_set_mapsize(lmdb.env, keys * 128 + (64 << 20)),
		  "LMDB");
	must_lmdb(mdb_env_open(lmdb.env, dir, MDB_NOTLS | MDB_NOSYNC, 0600),
		  "LMDB");
	must_lmdb(mdb_txn_begin(lmdb.env, NULL, 0, &lmdb.txn), "LMDB");
	must_lmdb(mdb_dbi_open(lmdb.txn, NULL, 0, &lmdb.dbi), "LMDB");
	for (size_t i = 0; i < keys; i++) {
		MDB_val key = { 32, pairs[i].digest };
		MDB_val value = { 8, &pairs[i].number };

		must_lmdb(mdb_put(lmdb.txn, lmdb.dbi, &key, &value, MDB_APPEND),
			  "LMDB put");
		if (i % 1000000 == 999999) {
			must_lmdb(mdb_txn_commit(lmdb.txn), "LMDB commit");
			must_lmdb(mdb_txn_begin(lmdb.env, NULL, 0, &lmdb.txn),
				  "LMDB");
		}
	}
	must_lmdb(mdb_txn_commit(lmdb.txn), "LMDB commit");
	/* Or the system writes while we measure. */
	must_lmdb(mdb_env_sync(lmdb.env, 1), "LMDB sync");
	must_lmdb(mdb_txn_begin(lmdb.env, NULL, MDB_RDONLY, &lmdb.txn), "LMDB");
	free(pairs);
	*out = lmdb;
}

static void lmdb_close(struct lmdb *lmdb)
{
	mdb_txn_abort(lmdb->txn);
	mdb_env_close(lmdb->env);
}

static double lmdb_ask(const struct lmdb *lmdb, struct queries *queries)
{
	uint64_t begin_us = hf_clock_mono_us();

	for (size_t i = 0; i < QUERIES; i++) {
		MDB_val key = { 32, queries->digests + 32 * i }, value;
		int code = mdb_get(lmdb->txn, lmdb->dbi, &key, &value);

		queries->answers[i] = 0;
		if (code == 0)
			memcpy(&queries->answers[i], value.mv_data, 8);
		else if (code != MDB_NOTFOUND)
			must_lmdb(code, "LMDB get");
		queries->answers[i] += code == 0;
	}
	return QUERIES / seconds_since(begin_us);
}

/*
 * Redis, as bytes on its socket.
 */
static int redis_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		die(path, "too long a path");
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
			      sizeof(address)) != 0)
		die(path, strerror(errno));
	return fd;
}

static void redis_send(int fd, const char *bytes, size_t len_bytes)
{
	while (len_bytes > 0) {
		ssize_t sent = write(fd, bytes, len_bytes);

		if (sent <= 0)
			die("write to Redis", strerror(errno));
		bytes += sent;
		len_bytes -= (size_t)sent;
	}
}

/* The answers to a pipeline, as they come. */
struct redis_reader {
	int fd;
	size_t begin, end;
	char bytes[65536];
};

/* At least so many bytes, from the first that was not read. */
static const char *redis_peek(struct redis_reader *reader, size_t wanted)
{
	if (sizeof(reader->bytes) - reader->begin < wanted) {
		memmove(reader->bytes, reader->bytes + reader->begin,
			reader->end - reader->begin);
		reader->end -= reader->begin;
		reader->begin = 0;
	}
	while (reader->end - reader->begin < wanted) {
		ssize_t got = read(reader->fd, reader->bytes + reader->end,
				   sizeof(reader->bytes) - reader->end);

		if (got <= 0)
			die("read from Redis", strerror(errno));
		reader->end += (size_t)got;
	}
	return reader->bytes + reader->begin;
}

static void redis_expect(struct redis_reader *reader, const char *answer)
{
	size_t len_bytes = strlen(answer);

	if (memcmp(redis_peek(reader, len_bytes), answer, len_bytes) != 0)
		die("Redis", "an answer that was not expected");
	reader->begin += len_bytes;
}

/* A key's number + 1, or 0. */
static uint64_t redis_number(struct redis_reader *reader)
{
	uint64_t number;

	if (redis_peek(reader, 5)[1] == '-') {
		redis_expect(reader, "$-1\r\n");
		return 0;
	}
	redis_expect(reader, "$8\r\n");
	memcpy(&number, redis_peek(reader, 10), 8);
	reader->begin += 8;
	redis_expect(reader, "\r\n");
	return number + 1;
}

static void redis_fill(struct redis_reader *reader, size_t keys)
{
	static const char begin[] = "*3\r\n$3\r\nSET\r\n$32\r\n";
	static const char middle[] = "\r\n$8\r\n";
	static char buf[BATCH * 80];

	redis_send(reader->fd, "FLUSHALL\r\n", 10);
	redis_expect(reader, "+OK\r\n");
	for (uint64_t i = 0; i < keys;) {
		size_t batch = keys - i < BATCH ? keys - i : BATCH;
		char *at = buf;

		for (size_t j = 0; j < batch; j++, i++) {
			at = mempcpy(at, begin, sizeof(begin) - 1);
			put_digest(i, (uint8_t *)at);
			at = mempcpy(at + 32, middle, sizeof(middle) - 1);
			at = mempcpy(at, &i, 8);
			at = mempcpy(at, "\r\n", 2);
		}
		redis_send(reader->fd, buf, (size_t)(at - buf));
		for (size_t j = 0; j < batch; j++)
			redis_expect(reader, "+OK\r\n");
	}
}

static double redis_ask(struct redis_reader *reader, struct queries *queries)
{
	static const char begin[] = "*2\r\n$3\r\nGET\r\n$32\r\n";
	static char buf[BATCH * 64];
	uint64_t begin_us = hf_clock_mono_us();

	for (size_t i = 0; i < QUERIES; i += BATCH) {
		char *at = buf;

		for (size_t j = 0; j < BATCH; j++) {
			at = mempcpy(at, begin, sizeof(begin) - 1);
			at = mempcpy(at, queries->digests + 32 * (i + j), 32);
			at = mempcpy(at, "\r\n", 2);
		}
		redis_send(reader->fd, buf, (size_t)(at - buf));
		for (size_t j = 0; j < BATCH; j++)
			queries->answers[i + j] = redis_number(reader);
	}
	return QUERIES / seconds_since(begin_us);
}

/*
 * While entries are added.
 */
struct adder {
	struct hf_index *index;
	atomic_bool is_over;
	uint64_t added;
};

static void *run_adder(void *arg)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	struct adder *adder = arg;
	struct hf_why why = { "" };

	while (!atomic_load(&adder->is_over)) {
		for (int i = 0; i < ADDED_EACH; i++) {
			uint8_t digest[32];
			struct hf_index_hash hash = {
				.set = 2,
				.entry = adder->added,
				.algorithm = HF_ALGORITHM_SHA256,
				.content_class = HF_CLASS_CSAM,
				.digest = digest,
			};

			put_digest(ADDED + adder->added++, digest);
			must(hf_index_add(adder->index, &hash, 1, &why), "add",
			     &why);
		}
		nanosleep(&tenth, NULL);
	}
	return NULL;
}

/*
 * A row of the table.
 */
enum who { OURS, LMDB, REDIS, ADDING, WHO_COUNT };

struct result {
	size_t keys;
	size_t redis_keys;
	double hits[WHO_COUNT];
	double misses[WHO_COUNT];
};

static void keep_best(double *best, double rate)
{
	if (rate > *best)
		*best = rate;
}

static void turns_with_lmdb(struct hf_index *index, const struct lmdb *lmdb,
			    struct queries *queries, double *rates)
{
	for (int turn = 0; turn < TURNS; turn++) {
		keep_best(&rates[OURS], ours_ask(index, queries));
		compare(queries, "ours");
		keep_best(&rates[LMDB], lmdb_ask(lmdb, queries));
		compare(queries, "LMDB");
	}
}

static void turns_of_redis(struct redis_reader *reader, struct queries *queries,
			   double *rates)
{
	for (int turn = 0; turn < TURNS; turn++) {
		keep_best(&rates[REDIS], redis_ask(reader, queries));
		compare(queries, "Redis");
	}
}

/* The mean of all turns, with whatever is sealed and merged meanwhile. */
static void turns_while_adding(struct hf_index *index, struct queries *known,
			       struct queries *unknown, struct result *result)
{
	struct adder adder = { .index = index };
	double hits_s = 0, misses_s = 0;
	uint64_t begin_us = hf_clock_mono_us();
	unsigned turns = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_adder, &adder) != 0)
		die("thread", "cannot start");
	for (; seconds_since(begin_us) < ADDING_S; turns++) {
		hits_s += QUERIES / ours_ask(index, known);
		compare(known, "ours, adding");
		misses_s += QUERIES / ours_ask(index, unknown);
		compare(unknown, "ours, adding");
	}
	atomic_store(&adder.is_over, true);
	pthread_join(thread, NULL);
	result->hits[ADDING] = turns * (double)QUERIES / hits_s;
	result->misses[ADDING] = turns * (double)QUERIES / misses_s;
}

static void sub_dir(char *out, size_t size, const char *dir, const char *name,
		    size_t keys)
{
	if (snprintf(out, size, "%s/%s-%zu", dir, name, keys) >= (int)size)
		die(dir, "too long a path");
	if (mkdir(out, 0700) != 0)
		die(out, strerror(errno));
}

static void run(const char *dir, size_t keys, struct redis_reader *redis,
		size_t redis_most, struct result *result)
{
	char ours_dir[512], lmdb_dir[512];
	struct queries known, unknown;
	struct hf_index *index;
	struct lmdb lmdb;

	*result = (struct result){ .keys = keys };
	sub_dir(ours_dir, sizeof(ours_dir), dir, "ours", keys);
	sub_dir(lmdb_dir, sizeof(lmdb_dir), dir, "lmdb", keys);
	queries_make(&known, keys);
	queries_make(&unknown, 0);
	index = ours_make(ours_dir, keys);
	lmdb_make(lmdb_dir, keys, &lmdb);
	turns_with_lmdb(index, &lmdb, &known, result->hits);
	turns_with_lmdb(index, &lmdb, &unknown, result->misses);
	lmdb_close(&lmdb);
	turns_while_adding(index, &known, &unknown, result);
	hf_index_close(index);
	if (redis != NULL) {
		result->redis_keys = keys < redis_most ? keys : redis_most;
		redis_fill(redis, result->redis_keys);
		queries_free(&known);
		queries_make(&known, result->redis_keys);
		turns_of_redis(redis, &known, result->hits);
		turns_of_redis(redis, &unknown, result->misses);
	}
	queries_free(&known);
	queries_free(&unknown);
}

static void print_rates(const char *what, const struct result *result,
			const double *rates)
{
	printf("| %zu | %s | %.2f | %.2f | %.2f | %.1f |", result->keys, what,
	       rates[OURS] / 1e6, rates[ADDING] / 1e6, rates[LMDB] / 1e6,
	       rates[OURS] / rates[LMDB]);
	if (result->redis_keys == 0)
		printf(" skipped | |\n");
	else
		printf(" %.2f%s | %.1f |\n", rates[REDIS] / 1e6,
		       result->redis_keys < result->keys ? " (fewer keys)" : "",
		       rates[OURS] / rates[REDIS]);
}

static bool verdict(const char *what, double ratio, double least)
{
	printf("%s: %s: %.1f times, at least %.0f\n",
	       ratio >= least ? "met" : "MISSED", what, ratio, least);
	return ratio >= least;
}

/* Of the last row. */
static bool verdicts(const struct result *result)
{
	const double *hits = result->hits, *misses = result->misses;
	bool is_met;

	if (result->keys < TARGET_KEYS) {
		printf("no verdict: the targets are those of %d keys\n",
		       TARGET_KEYS);
		return true;
	}
	is_met = verdict("hits beside LMDB", hits[OURS] / hits[LMDB], 15);
	is_met &=
		verdict("misses beside LMDB", misses[OURS] / misses[LMDB], 40);
	if (result->redis_keys == 0) {
		printf("skipped: Redis\n");
		return is_met;
	}
	is_met &= verdict("hits beside Redis", hits[OURS] / hits[REDIS], 20);
	is_met &= verdict("misses beside Redis", misses[OURS] / misses[REDIS],
			  20);
	return is_met;
}

int main(int argc, char **argv)
{
	static struct redis_reader reader;
	struct redis_reader *redis = NULL;
	struct result results[ROWS_MAX];
	size_t redis_most = SIZE_MAX, rows_count = 0;
	const char *dir;
	bool is_met;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "r:k:s:")) != -1) {
		if (option == 'r')
			reader.fd = redis_connect(optarg), redis = &reader;
		else if (option == 'k')
			redis_most = strtoull(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind < 2 || argc - optind > ROWS_MAX + 1)
		return 2;
	dir = argv[optind++];
	for (; optind < argc; optind++) {
		size_t keys = strtoull(argv[optind], NULL, 10);

		if (keys == 0)
			return 2;
		run(dir, keys, redis, redis_most, &results[rows_count++]);
	}
	printf("\nM/s, every answer equal:\n\n"
	       "| keys | | ours | ours, 1,000/s added | LMDB | ratio | Redis "
	       "| ratio |\n|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < rows_count; i++) {
		print_rates("hits", &results[i], results[i].hits);
		print_rates("misses", &results[i], results[i].misses);
	}
	printf("\n");
	is_met = verdicts(&results[rows_count - 1]);
	return is_met ? 0 : 1;
}
