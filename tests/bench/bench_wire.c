/*
 * bench_wire: lookups over the wire, and what the wire alone would do.
 *
 *   bench_wire match WINDOW BATCH SECONDS KNOWN FILLED PLACE...
 *                            exact lookups, WINDOW batches of BATCH digests in
 *                            flight; one in KNOWN is of an entry that
 *                            bench_node filled in (0: none), of FILLED there
 *   bench_wire echo RUN LISTEN CERT KEY
 *                            a server of the same layer whose lookups find
 *                            nothing without looking; ends with its input
 *
 * PLACE is a directory of sockets, or "SERVER CERT KEY PIN" for mutually
 * authenticated TLS.  With a window of 1 each batch is a Match call of its
 * own; otherwise all go through one MatchStream call.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "buf.h"
#include "bytes.h"
#include "clock.h"
#include "duty.h"
#include "file.h"
#include "rpc.h"
#include "rpc_schema.h"
#include "rpc_server.h"
#include "sha256.h"
#include "sign.h"

#include "client.h"
#include "client_stream.h"

#define ARENA_BYTES ((size_t)64 * 1024 * 1024)

/* Digests that are gone through in a circle: more than a cache holds. */
#define POOL ((size_t)1 << 20)

static void die(const char *what, enum hf_err err, const struct hf_why *why)
{
	fprintf(stderr, "bench_wire: %s: %s: %s\n", what, hf_err_name(err),
		why->text);
	exit(1);
}

/* ---- lookups ---- */

/* As bench_node makes the SHA-256 of item n. */
static void put_digest(uint64_t n, uint8_t *out)
{
	uint8_t seed[9];

	hf_be64_put(seed, n);
	seed[8] = 2;
	hf_sha256(seed, sizeof(seed), out);
}

static uint8_t *pool_make(uint64_t known, uint64_t filled)
{
	uint8_t *pool = malloc(POOL * 32);
	uint64_t next = 0;

	for (size_t i = 0; pool != NULL && i < POOL; i++) {
		bool is_known = known > 0 && i % known == 0;

		/* Known ones from all over the index. */
		if (is_known)
			next = (next + 7919 * known) % filled;
		put_digest(is_known ? next : ~(uint64_t)i, pool + i * 32);
	}
	return pool;
}

struct load {
	struct hf_client *client;
	size_t window, batch;
	uint64_t until_us;
	const uint8_t *pool;
	size_t next;
	uint64_t done, hits;
};

static struct hf_digest_batch next_batch(struct load *load)
{
	if (load->next + load->batch > POOL)
		load->next = 0;
	load->next += load->batch;
	return (struct hf_digest_batch){
		.algorithm = HF_ALGORITHM_SHA256,
		.digests = hf_span(load->pool + 32 * (load->next - load->batch),
				   32 * load->batch),
	};
}

static enum hf_err on_answer(void *arg, void *tag,
			     const struct hf_wire_match_response *answer,
			     struct hf_why *why)
{
	struct load *load = arg;

	(void)tag;
	load->hits += answer->hits_count;
	load->done += load->batch;
	return HF_OK;
}

static void run_stream(struct load *load)
{
	struct hf_client_stream *stream;
	struct hf_why why = { "" };
	enum hf_err err = hf_client_stream_begin(load->client, on_answer, load,
						 &stream, &why);

	while (err == HF_OK && hf_clock_mono_us() < load->until_us) {
		struct hf_digest_batch batch = next_batch(load);

		err = hf_client_stream_send(
			stream,
			&(struct hf_wire_match_request){ .batches = &batch,
							 .batches_count = 1,
							 .is_question = true },
			NULL, &why);
	}
	if (err == HF_OK)
		err = hf_client_stream_finish(stream, &why);
	if (err != HF_OK)
		die("MatchStream", err, &why);
	hf_client_stream_end(stream);
}

static void run_calls(struct load *load)
{
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	struct hf_arena arena;

	hf_arena_init(&arena, ARENA_BYTES);
	while (err == HF_OK && hf_clock_mono_us() < load->until_us) {
		struct hf_digest_batch batch = next_batch(load);
		struct hf_wire_match_response response;

		err = hf_client_match(
			load->client,
			&(struct hf_wire_match_request){ .batches = &batch,
							 .batches_count = 1,
							 .is_question = true },
			&arena, &response, &why);
		if (err == HF_OK)
			err = on_answer(load, NULL, &response, &why);
		hf_arena_reset(&arena);
	}
	if (err != HF_OK)
		die("Match", err, &why);
	hf_arena_release(&arena);
}

static struct hf_client *connect_to(int argc, char **argv)
{
	const struct hf_client_options local = { .run_dir = argv[0],
						 .duties = HF_DUTY_SCANNER };
	const struct hf_client_options remote = {
		.duties = HF_DUTY_SCANNER,
		.server = argv[0],
		.cert_path = argc == 4 ? argv[1] : NULL,
		.key_path = argc == 4 ? argv[2] : NULL,
		.pin = argc == 4 ? argv[3] : NULL,
	};
	struct hf_client *client;
	struct hf_why why = { "" };
	enum hf_err err =
		hf_client_open(argc == 4 ? &remote : &local, &client, &why);

	if (err != HF_OK)
		die("connect", err, &why);
	return client;
}

static int run_match(int argc, char **argv)
{
	struct load load = {
		.window = (size_t)atoll(argv[0]),
		.batch = (size_t)atoll(argv[1]),
		.pool = pool_make((uint64_t)atoll(argv[3]),
				  (uint64_t)atoll(argv[4])),
		.client = connect_to(argc - 5, argv + 5),
	};
	uint64_t began_us = hf_clock_mono_us(), us;

	if (load.pool == NULL || load.batch > POOL ||
	    (load.window != 1 && load.window != HF_CLIENT_STREAM_WINDOW))
		return 2;
	load.until_us = began_us + (uint64_t)(atof(argv[2]) * 1e6);
	if (load.window == 1)
		run_calls(&load);
	else
		run_stream(&load);
	us = hf_clock_mono_us() - began_us;
	printf("batch=%zu window=%zu place=%s hashes_per_s=%.0f hits=%.3f%%\n",
	       load.batch, load.window, argc == 6 ? "unix" : "mtls",
	       (double)load.done * 1e6 / (double)us,
	       (double)load.hits * 100 / (double)load.done);
	hf_client_close(load.client);
	free((void *)(uintptr_t)load.pool);
	return 0;
}

/* ---- the transport alone ---- */

static struct hf_buf nothing_found;      /* a MatchResponse */
static struct hf_buf nothing_found_next; /* a MatchStreamResponse */

static void on_match(struct hf_rpc_call *call, struct hf_span message)
{
	hf_rpc_reply(call, hf_buf_span(&nothing_found));
}

static void on_batch(struct hf_rpc_call *call, struct hf_span message)
{
	if (message.at == NULL)
		hf_rpc_finish(call, HF_OK, NULL);
	else
		(void)hf_rpc_send(call, hf_buf_span(&nothing_found_next));
}

static const struct hf_rpc_events match_events = { .recv = on_match };
static const struct hf_rpc_events stream_events = { .recv = on_batch };
static const struct hf_rpc_method methods[] = {
	{ "/hashfed.v1.Match/Match", HF_RPC_ANYONE, HF_MESSAGE_MAX_BYTES, 0,
	  false, false, &match_events, HF_RPC_READS },
	{ "/hashfed.v1.Match/MatchStream", HF_RPC_ANYONE, HF_MESSAGE_MAX_BYTES,
	  0, true, true, &stream_events, HF_RPC_READS },
};

static enum hf_err admit(void *arg, struct hf_span pem,
			 struct hf_rpc_identity *out_identity)
{
	*out_identity = (struct hf_rpc_identity){ .kind = HF_RPC_CLIENT,
						  .duties = UINT32_MAX };
	return HF_OK;
}

static char *read_text(const char *path)
{
	struct hf_buf buf;
	struct hf_why why = { "" };
	enum hf_err err;

	hf_buf_init(&buf, 65536);
	err = hf_file_read(path, &buf, &why);
	hf_buf_put_u8(&buf, 0);
	if (err != HF_OK || hf_buf_failed(&buf) != HF_OK)
		die(path, err, &why);
	return (char *)buf.at;
}

static enum hf_err listen_tls(struct hf_rpc_server_options *options,
			      char **argv, struct hf_rpc_server **out_server,
			      int *out_port, struct hf_why *why)
{
	enum hf_err err = hf_rpc_trust_new(admit, NULL, &options->trust, why);

	options->keypair.cert_pem = read_text(argv[2]);
	options->keypair.key_pem = read_text(argv[3]);
	if (err == HF_OK)
		err = hf_rpc_server_new(options, out_server, why);
	if (err == HF_OK)
		err = hf_rpc_server_listen(*out_server, argv[1], out_port, why);
	return err == HF_OK ? hf_rpc_server_start(*out_server, why) : err;
}

static enum hf_err listen_unix(struct hf_rpc_server_options *options,
			       const char *run,
			       struct hf_rpc_server **out_server,
			       struct hf_why *why)
{
	char path[512];
	enum hf_err err;

	options->local_duties = UINT32_MAX;
	snprintf(path, sizeof(path), "%s/scanner.sock", run);
	err = hf_rpc_server_new(options, out_server, why);
	if (err == HF_OK)
		err = hf_rpc_server_listen_unix(*out_server, path, why);
	return err == HF_OK ? hf_rpc_server_start(*out_server, why) : err;
}

static int run_echo(char **argv)
{
	const struct hf_wire_match_response nothing = { .items = 1 };
	struct hf_rpc_server_options options = {
		.methods = methods,
		.methods_count = sizeof(methods) / sizeof(methods[0]),
		.schema = hf_rpc_schema(),
	};
	struct hf_rpc_server_options local;
	struct hf_rpc_server *tls = NULL, *unixes = NULL;
	struct hf_why why = { "" };
	int port = 0;
	char end;
	enum hf_err err;

	hf_buf_init(&nothing_found, 64);
	hf_buf_init(&nothing_found_next, 64);
	hf_rpc_start(NULL);
	err = hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &options.poller, &why);
	if (err == HF_OK)
		err = hf_rpc_loop_new(HF_RPC_LOOP_WORKS, &options.worker, &why);
	if (err == HF_OK)
		err = hf_wire_match_response_encode(&nothing, &nothing_found);
	if (err == HF_OK)
		err = hf_wire_match_stream_response_encode(
			&(struct hf_wire_match_stream_response){ &nothing },
			&nothing_found_next);
	local = options;
	if (err == HF_OK)
		err = listen_tls(&options, argv, &tls, &port, &why);
	if (err == HF_OK)
		err = listen_unix(&local, argv[0], &unixes, &why);
	if (err != HF_OK)
		die("echo", err, &why);
	printf("port=%d\n", port);
	fflush(stdout);
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	hf_rpc_server_free(unixes);
	hf_rpc_server_free(tls);
	hf_rpc_loop_free(options.worker);
	hf_rpc_loop_free(options.poller);
	hf_rpc_trust_free(options.trust);
	hf_rpc_stop();
	return 0;
}

int main(int argc, char **argv)
{
	struct hf_why why = { "" };
	int status = 2;

	if (hf_sign_start(&why) != HF_OK)
		return 1;
	if ((argc == 8 || argc == 11) && strcmp(argv[1], "match") == 0)
		status = run_match(argc - 2, argv + 2);
	else if (argc == 6 && strcmp(argv[1], "echo") == 0)
		status = run_echo(argv + 2);
	if (status == 2)
		fputs("usage: the first comment of bench_wire.c\n", stderr);
	return status;
}
