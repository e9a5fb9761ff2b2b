/*
 * bench_node: load for running daemons, and what it measured.
 *
 *   bench_node append RUN SET ITEMS SECONDS [CLIENTS]
 *                                               Append calls of so many items,
 *                                               one at a time a client
 *   bench_node fill RUN SET ENTRIES             as fast as they are taken
 *   bench_node match BATCH SECONDS PLACE...     lookups of which one in a
 *                                               hundred is known
 *   bench_node hops RUN SET RUN2 COUNT          publish here, find there
 *
 * RUN is a directory of sockets; PLACE is one too, or
 * "SERVER CERT KEY PIN" for mutually authenticated TLS.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "duty.h"
#include "rpc.h"
#include "sha256.h"
#include "sign.h"

#include "client.h"
#include "client_append.h"

#define ARENA_BYTES ((size_t)64 * 1024 * 1024)

static void die(const char *what, enum hf_err err, const struct hf_why *why)
{
	fprintf(stderr, "bench_node: %s: %s: %s\n", what, hf_err_name(err),
		why->text);
	exit(1);
}

static struct hf_client *connect_to(const struct hf_client_options *options)
{
	struct hf_client *client;
	struct hf_why why = { "" };
	enum hf_err err = hf_client_open(options, &client, &why);

	if (err != HF_OK)
		die("connect", err, &why);
	return client;
}

static struct hf_client *connect_run(const char *run, unsigned duties)
{
	return connect_to(&(struct hf_client_options){ .run_dir = run,
						       .duties = duties });
}

/* Item n: three exact hashes, a PDQ and a label, as a hotline would have. */
static void put_item(uint64_t n, struct hf_buf *buf)
{
	uint8_t digests[4][32];
	struct hf_hash hashes[4];
	const struct hf_label label = { "local", "bench" };
	static const enum hf_algorithm algorithms[] = {
		HF_ALGORITHM_MD5,
		HF_ALGORITHM_SHA1,
		HF_ALGORITHM_SHA256,
		HF_ALGORITHM_PDQ,
	};
	const struct hf_item item = {
		.hashes = hashes,
		.hashes_count = 4,
		.labels = &label,
		.labels_count = 1,
		.content_class = HF_CLASS_NCII,
	};

	for (uint8_t i = 0; i < 4; i++) {
		uint8_t seed[9];

		hf_be64_put(seed, n);
		seed[8] = i;
		hf_sha256(seed, sizeof(seed), digests[i]);
		hashes[i] = (struct hf_hash){
			.algorithm = algorithms[i],
			.digest = hf_span(digests[i],
					  hf_algorithm_bytes(algorithms[i])),
			.quality_plus_one =
				algorithms[i] == HF_ALGORITHM_PDQ ? 101 : 0,
		};
	}
	if (hf_item_encode(&item, buf) != HF_OK)
		exit(1);
}

/* One message of items [first, first + count). */
static void send_items(struct hf_client_append *append, const char *set,
		       const uint8_t *batch, uint64_t sequence, uint64_t first,
		       size_t count)
{
	struct hf_span *items = calloc(count, sizeof(*items));
	size_t *starts = calloc(count + 1, sizeof(*starts));
	struct hf_why why = { "" };
	struct hf_buf bytes;
	enum hf_err err;

	hf_buf_init(&bytes, HF_MESSAGE_MAX_BYTES);
	for (size_t i = 0; i < count; i++) {
		starts[i] = bytes.len_bytes;
		put_item(first + i, &bytes);
	}
	starts[count] = bytes.len_bytes;
	for (size_t i = 0; i < count; i++)
		items[i] = hf_span(bytes.at + starts[i],
				   starts[i + 1] - starts[i]);
	err = hf_client_append_send(
		append,
		&(struct hf_append_request){
			.set = set,
			.batch_id = hf_span(batch, HF_BATCH_ID_BYTES),
			.sequence = sequence,
			.items = items,
			.items_count = count,
		},
		&why);
	if (err != HF_OK)
		die("send", err, &why);
	hf_buf_release(&bytes);
	free(starts);
	free(items);
}

/* A call of one message; returns when it is acknowledged. */
static void append_once(struct hf_client *client, const char *set,
			uint64_t first, size_t count)
{
	struct hf_append_response response;
	struct hf_client_append *append;
	uint8_t batch[HF_BATCH_ID_BYTES];
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_random(batch, sizeof(batch));
	hf_arena_init(&arena, ARENA_BYTES);
	err = hf_client_append_begin(client, &append, &why);
	if (err != HF_OK)
		die("begin", err, &why);
	send_items(append, set, batch, 0, first, count);
	err = hf_client_append_finish(append, &arena, &response, &why);
	if (err != HF_OK)
		die("append", err, &why);
	hf_client_append_end(append);
	hf_arena_release(&arena);
}

static uint64_t start_number(void)
{
	uint64_t number;

	hf_random(&number, sizeof(number));
	return number >> 8;
}

/* One of several clients that append side by side. */
struct appender {
	pthread_t thread;
	const char *run;
	const char *set;
	size_t count; /* items a call */
	uint64_t until_us;
	uint64_t done; /* items */
};

static void *append_main(void *arg)
{
	struct appender *appender = arg;
	struct hf_client *client = connect_run(appender->run, HF_DUTY_ANALYST);
	uint64_t next = start_number();

	while (hf_clock_mono_us() < appender->until_us) {
		append_once(client, appender->set, next, appender->count);
		next += appender->count;
		appender->done += appender->count;
	}
	hf_client_close(client);
	return NULL;
}

static int run_append(int argc, char **argv)
{
	size_t clients = argc == 5 ? (size_t)atoll(argv[4]) : 1;
	uint64_t for_us = (uint64_t)(atof(argv[3]) * 1e6);
	struct appender *appenders = calloc(clients, sizeof(*appenders));
	uint64_t began_us = hf_clock_mono_us(), us, done = 0;
	size_t count = (size_t)atoll(argv[2]);

	for (size_t i = 0; i < clients; i++) {
		appenders[i] = (struct appender){
			.run = argv[0],
			.set = argv[1],
			.count = count,
			.until_us = began_us + for_us,
		};
		if (pthread_create(&appenders[i].thread, NULL, append_main,
				   &appenders[i]) != 0)
			exit(1);
	}
	for (size_t i = 0; i < clients; i++) {
		pthread_join(appenders[i].thread, NULL);
		done += appenders[i].done;
	}
	us = hf_clock_mono_us() - began_us;
	printf("append clients=%zu items_per_call=%zu entries_per_s=%.0f "
	       "calls_per_s=%.0f\n",
	       clients, count, (double)done * 1e6 / (double)us,
	       (double)(done / count) * 1e6 / (double)us);
	free(appenders);
	return 0;
}

static int run_fill(char **argv)
{
	struct hf_client *client = connect_run(argv[0], HF_DUTY_ANALYST);
	uint64_t total = (uint64_t)atoll(argv[2]), done = 0, sequence = 0;
	uint64_t began_us = hf_clock_mono_us(), us;
	struct hf_append_response response;
	struct hf_client_append *append;
	uint8_t batch[HF_BATCH_ID_BYTES];
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_random(batch, sizeof(batch));
	hf_arena_init(&arena, ARENA_BYTES);
	err = hf_client_append_begin(client, &append, &why);
	if (err != HF_OK)
		die("begin", err, &why);
	while (done < total) {
		size_t count =
			total - done < 4096 ? (size_t)(total - done) : 4096;

		send_items(append, argv[1], batch, sequence++, done, count);
		done += count;
	}
	err = hf_client_append_finish(append, &arena, &response, &why);
	if (err != HF_OK)
		die("fill", err, &why);
	us = hf_clock_mono_us() - began_us;
	printf("fill entries=%" PRIu64 " entries_per_s=%.0f\n", total,
	       (double)total * 1e6 / (double)us);
	hf_client_append_end(append);
	hf_arena_release(&arena);
	hf_client_close(client);
	return 0;
}

/* SHA-256 digest of the item as put_item() makes it, or one nobody has. */
static void put_digest(uint64_t n, bool is_known, uint8_t *out)
{
	uint8_t seed[9];

	hf_be64_put(seed, is_known ? n : ~n);
	seed[8] = 2;
	hf_sha256(seed, sizeof(seed), out);
}

static int run_match(int argc, char **argv)
{
	size_t count = (size_t)atoll(argv[0]);
	uint64_t for_us = (uint64_t)(atof(argv[1]) * 1e6);
	struct hf_client *client =
		argc == 3 ? connect_run(argv[2], HF_DUTY_SCANNER)
			  : connect_to(&(struct hf_client_options){
				    .duties = HF_DUTY_SCANNER,
				    .server = argv[2],
				    .cert_path = argv[3],
				    .key_path = argv[4],
				    .pin = argv[5],
			    });
	uint8_t *digests = malloc(count * 32);
	const struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digests = hf_span(digests, count * 32),
	};
	const struct hf_wire_match_request request = { &batch, 1 };
	uint64_t began_us = hf_clock_mono_us(), us, done = 0, hits = 0;
	struct hf_why why = { "" };
	struct hf_arena arena;

	for (size_t i = 0; i < count; i++)
		put_digest(i, i % 100 == 0, digests + i * 32);
	hf_arena_init(&arena, ARENA_BYTES);
	do {
		struct hf_wire_match_response response;
		enum hf_err err = hf_client_match(client, &request, &arena,
						  &response, &why);

		if (err != HF_OK)
			die("match", err, &why);
		hits += response.hits_count;
		done += count;
		hf_arena_reset(&arena);
		us = hf_clock_mono_us() - began_us;
	} while (us < for_us);
	printf("match batch=%zu place=%s lookups_per_s=%.0f hits=%.2f%%\n",
	       count, argc == 3 ? "unix" : "mtls",
	       (double)done * 1e6 / (double)us,
	       (double)hits * 100 / (double)done);
	hf_arena_release(&arena);
	free(digests);
	hf_client_close(client);
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool has_item(struct hf_client *client, struct hf_arena *arena,
		     uint64_t n)
{
	uint8_t digest[32] = { 0 };
	const struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digests = hf_span(digest, sizeof(digest)),
	};
	const struct hf_wire_match_request request = { &batch, 1 };
	struct hf_wire_match_response response;
	struct hf_why why = { "" };
	enum hf_err err;
	bool has;

	put_digest(n, true, digest);
	err = hf_client_match(client, &request, arena, &response, &why);
	if (err != HF_OK)
		die("match", err, &why);
	has = response.hits_count > 0;
	hf_arena_reset(arena);
	return has;
}

static int run_hops(char **argv)
{
	struct hf_client *here = connect_run(argv[0], HF_DUTY_ANALYST);
	struct hf_client *there = connect_run(argv[2], HF_DUTY_SCANNER);
	size_t count = (size_t)atoll(argv[3]);
	uint64_t *took_us = calloc(count, sizeof(*took_us));
	uint64_t next = start_number();
	struct hf_arena arena;

	hf_arena_init(&arena, ARENA_BYTES);
	for (size_t i = 0; i < count; i++) {
		uint64_t began_us;

		append_once(here, argv[1], next, 1);
		/* From the acknowledgement to the first lookup that finds it.
		 */
		began_us = hf_clock_mono_us();
		while (!has_item(there, &arena, next)) {
			if (hf_clock_mono_us() - began_us > 10000000) {
				fprintf(stderr, "bench_node: it never came\n");
				return 1;
			}
		}
		took_us[i] = hf_clock_mono_us() - began_us;
		next++;
	}
	qsort(took_us, count, sizeof(*took_us), compare);
	printf("hops count=%zu p50_ms=%.1f p99_ms=%.1f max_ms=%.1f\n", count,
	       (double)took_us[count / 2] / 1e3,
	       (double)took_us[count * 99 / 100] / 1e3,
	       (double)took_us[count - 1] / 1e3);
	free(took_us);
	hf_arena_release(&arena);
	hf_client_close(there);
	hf_client_close(here);
	return 0;
}

int main(int argc, char **argv)
{
	struct hf_why why = { "" };
	int status = 2;

	if (hf_sign_start(&why) != HF_OK)
		return 1;
	if ((argc == 6 || argc == 7) && strcmp(argv[1], "append") == 0)
		status = run_append(argc - 2, argv + 2);
	else if (argc == 5 && strcmp(argv[1], "fill") == 0)
		status = run_fill(argv + 2);
	else if ((argc == 5 || argc == 8) && strcmp(argv[1], "match") == 0)
		status = run_match(argc - 2, argv + 2);
	else if (argc == 6 && strcmp(argv[1], "hops") == 0)
		status = run_hops(argv + 2);
	else
		fputs("usage: the first comment of bench_node.c\n", stderr);
	return status;
}
