/*
 * bench_node: load for running daemons, and what it measured.
 *
 *   bench_node append RUN SET ITEMS SECONDS [CLIENTS]
 *                                               Append calls of so many items,
 *                                               one at a time a client; the
 *                                               items are made before
 *   bench_node fill RUN SET ENTRIES             as fast as they are taken
 *   bench_node match BATCH SECONDS PLACE...     lookups of which one in a
 *                                               hundred is known
 *   bench_node sync RUN ORIGIN ENTRIES          follow a set until all of it is
 *                                               applied, and all is indexed
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
#include <time.h>

#include "arena.h"
#include "clock.h"
#include "duty.h"
#include "rpc.h"
#include "sign.h"

#include "client.h"
#include "client_append.h"

#include "bench_item.h"

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

/* Items as they go into a message. */
struct items {
	struct hf_buf bytes;
	struct hf_span *at; /* owned */
	size_t count;
};

/* Items [first, first + count). */
static struct items items_make(uint64_t first, size_t count)
{
	struct items items = { .at = calloc(count, sizeof(*items.at)),
			       .count = count };
	size_t *starts = calloc(count + 1, sizeof(*starts));

	hf_buf_init(&items.bytes, SIZE_MAX);
	for (size_t i = 0; i < count; i++) {
		starts[i] = items.bytes.len_bytes;
		bench_item(first + i, &items.bytes);
	}
	starts[count] = items.bytes.len_bytes;
	for (size_t i = 0; i < count; i++)
		items.at[i] = hf_span(items.bytes.at + starts[i],
				      starts[i + 1] - starts[i]);
	free(starts);
	return items;
}

static void items_release(struct items *items)
{
	hf_buf_release(&items->bytes);
	free(items->at);
}

static void send_items(struct hf_client_append *append, const char *set,
		       const uint8_t *batch, uint64_t sequence,
		       const struct hf_span *items, size_t count)
{
	struct hf_why why = { "" };
	enum hf_err err = hf_client_append_send(
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
}

/* A call of one message; returns when it is acknowledged. */
static void append_once(struct hf_client *client, const char *set,
			const struct hf_span *items, size_t count)
{
	struct hf_append_response response;
	struct hf_client_append *append;
	uint8_t batch[HF_BATCH_ID_BYTES];
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_client_batch_id(batch);
	hf_arena_init(&arena, ARENA_BYTES);
	err = hf_client_append_begin(client, &append, &why);
	if (err != HF_OK)
		die("begin", err, &why);
	send_items(append, set, batch, 0, items, count);
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
	struct items items; /* made before the clock runs */
	size_t count;       /* items a call */
	uint64_t until_us;
	uint64_t done; /* items */
};

static void *append_main(void *arg)
{
	struct appender *appender = arg;
	struct hf_client *client = connect_run(appender->run, HF_DUTY_ANALYST);

	while (hf_clock_mono_us() < appender->until_us &&
	       appender->items.count - appender->done >= appender->count) {
		append_once(client, appender->set,
			    appender->items.at + appender->done,
			    appender->count);
		appender->done += appender->count;
	}
	hf_client_close(client);
	return NULL;
}

/* More than all clients together can append in a second. */
#define CALLS_PER_S_MOST 4000
#define ITEMS_PER_S_MOST 200000

static int run_append(int argc, char **argv)
{
	size_t clients = argc == 5 ? (size_t)atoll(argv[4]) : 1;
	double seconds = atof(argv[3]);
	struct appender *appenders = calloc(clients, sizeof(*appenders));
	size_t count = (size_t)atoll(argv[2]);
	size_t most_per_s = count * CALLS_PER_S_MOST < ITEMS_PER_S_MOST
				    ? count * CALLS_PER_S_MOST
				    : ITEMS_PER_S_MOST;
	uint64_t next = start_number(), began_us, us, done = 0;

	for (size_t i = 0; i < clients; i++) {
		size_t items = (size_t)(seconds * (double)most_per_s) / clients;

		appenders[i] = (struct appender){
			.run = argv[0],
			.set = argv[1],
			.count = count,
			.items = items_make(next, items),
		};
		next += items;
	}
	began_us = hf_clock_mono_us();
	for (size_t i = 0; i < clients; i++) {
		appenders[i].until_us = began_us + (uint64_t)(seconds * 1e6);
		if (pthread_create(&appenders[i].thread, NULL, append_main,
				   &appenders[i]) != 0)
			exit(1);
	}
	for (size_t i = 0; i < clients; i++) {
		pthread_join(appenders[i].thread, NULL);
		done += appenders[i].done;
	}
	us = hf_clock_mono_us() - began_us;
	for (size_t i = 0; i < clients; i++)
		items_release(&appenders[i].items);
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

	hf_client_batch_id(batch);
	hf_arena_init(&arena, ARENA_BYTES);
	err = hf_client_append_begin(client, &append, &why);
	if (err != HF_OK)
		die("begin", err, &why);
	while (done < total) {
		size_t count =
			total - done < 4096 ? (size_t)(total - done) : 4096;
		struct items items = items_make(done, count);

		send_items(append, argv[1], batch, sequence++, items.at, count);
		items_release(&items);
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

/* How often a daemon is asked how far it is: rarely, for that costs it time. */
static const struct timespec ask_again = { .tv_nsec = 20 * 1000 * 1000 };

static uint64_t applied_of(struct hf_client *client, struct hf_arena *arena,
			   const char *origin)
{
	const struct hf_list_sets_request request = { .page_token = "" };
	struct hf_list_sets_response sets;
	struct hf_why why = { "" };
	uint64_t applied = 0;
	enum hf_err err =
		hf_client_list_sets(client, &request, arena, &sets, &why);

	if (err != HF_OK)
		die("sets", err, &why);
	for (size_t i = 0; i < sets.sets_count; i++) {
		if (strcmp(sets.sets[i].origin, origin) == 0)
			applied = sets.sets[i].applied;
	}
	hf_arena_reset(arena);
	return applied;
}

static uint64_t indexed_of(struct hf_client *client, struct hf_arena *arena)
{
	struct hf_get_status_response status;
	struct hf_why why = { "" };
	enum hf_err err = hf_client_get_status(client, arena, &status, &why);

	if (err != HF_OK)
		die("status", err, &why);
	hf_arena_reset(arena);
	return status.indexed;
}

static int run_sync(char **argv)
{
	struct hf_client *client = connect_run(argv[0], HF_DUTY_OPERATOR);
	const struct hf_follow_set_request request = { .origin = argv[1] };
	uint64_t entries = (uint64_t)atoll(argv[2]), began_us, applied_us;
	struct hf_why why = { "" };
	struct hf_arena arena;
	uint64_t before;
	enum hf_err err;

	hf_arena_init(&arena, ARENA_BYTES);
	before = indexed_of(client, &arena);
	began_us = hf_clock_mono_us();
	err = hf_client_follow_set(client, &request, &why);
	if (err != HF_OK)
		die("follow", err, &why);
	while (applied_of(client, &arena, argv[1]) < entries)
		nanosleep(&ask_again, NULL);
	applied_us = hf_clock_mono_us() - began_us;
	/* Of an item four hashes. */
	while (indexed_of(client, &arena) < before + 4 * entries)
		nanosleep(&ask_again, NULL);
	printf("sync entries=%" PRIu64 " applied_per_s=%.0f "
	       "indexed_per_s=%.0f\n",
	       entries, (double)entries * 1e6 / (double)applied_us,
	       (double)entries * 1e6 / (double)(hf_clock_mono_us() - began_us));
	hf_arena_release(&arena);
	hf_client_close(client);
	return 0;
}

/* SHA-256 digest of the item as bench_item() makes it, or one nobody has. */
static void put_digest(uint64_t n, bool is_known, uint8_t *out)
{
	bench_digest(is_known ? n : ~n, BENCH_SHA256, out);
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
	const struct hf_wire_match_request request = { .batches = &batch,
						       .batches_count = 1 };
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
	const struct hf_wire_match_request request = { .batches = &batch,
						       .batches_count = 1 };
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

/* From the acknowledgement here to the first lookup that finds it there. */
static uint64_t hop_us(struct hf_client *here, struct hf_client *there,
		       struct hf_arena *arena, const char *set, uint64_t number,
		       uint64_t most_us)
{
	struct items item = items_make(number, 1);
	uint64_t began_us, us = 0;

	append_once(here, set, item.at, 1);
	items_release(&item);
	began_us = hf_clock_mono_us();
	while (!has_item(there, arena, number) && us < most_us)
		us = hf_clock_mono_us() - began_us;
	if (us >= most_us) {
		fprintf(stderr, "bench_node: it never came\n");
		exit(1);
	}
	return hf_clock_mono_us() - began_us;
}

#define FIRST_MOST_US ((uint64_t)120 * 1000000)
#define HOP_MOST_US   ((uint64_t)10 * 1000000)

static int run_hops(char **argv)
{
	struct hf_client *here = connect_run(argv[0], HF_DUTY_ANALYST);
	struct hf_client *there = connect_run(argv[2], HF_DUTY_SCANNER);
	size_t count = (size_t)atoll(argv[3]);
	uint64_t *took_us = calloc(count, sizeof(*took_us));
	uint64_t next = start_number();
	struct hf_arena arena;

	hf_arena_init(&arena, ARENA_BYTES);
	/* The first one comes once all that was there before is indexed. */
	(void)hop_us(here, there, &arena, argv[1], next++, FIRST_MOST_US);
	for (size_t i = 0; i < count; i++)
		took_us[i] = hop_us(here, there, &arena, argv[1], next++,
				    HOP_MOST_US);
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
	else if (argc == 5 && strcmp(argv[1], "sync") == 0)
		status = run_sync(argv + 2);
	else if ((argc == 5 || argc == 8) && strcmp(argv[1], "match") == 0)
		status = run_match(argc - 2, argv + 2);
	else if (argc == 6 && strcmp(argv[1], "hops") == 0)
		status = run_hops(argv + 2);
	else
		fputs("usage: the first comment of bench_node.c\n", stderr);
	return status;
}
