#include "service_world.h"

#include "client_stream.h"
#include "duty.h"
#include "rpc_schema.h"
#include "rpc_server.h"

#include "serve.h"

#define CLIENTS 3

/* Batches of one stream: more than may be under way. */
#define BATCHES 24

static const struct hf_rpc_method methods[] = {
	{ "/hashfed.v1.Match/Match", HF_DUTY_SCANNER, 4 << 20, 30000, false,
	  false, &hf_serve_match, HF_RPC_READS },
	{ "/hashfed.v1.Match/MatchStream", HF_DUTY_SCANNER, 4 << 20, 0, true,
	  true, &hf_serve_match_stream, HF_RPC_READS },
};

/* The world's node, answering lookups on a socket. */
struct place {
	struct hf_rpc_server *server;
	char socket[128];
};

static struct place place;

static void serve_lookups(struct world *world)
{
	struct hf_node *node = &world->node;
	struct hf_rpc_server_options options = {
		.methods = methods,
		.methods_count = ROWS(methods),
		.schema = hf_rpc_schema(),
		.arg = node,
		.local_duties = HF_DUTY_SCANNER,
	};
	struct hf_why why = { "" };

	open_ledger(world);
	load(world);
	start_feed(world);
	(void)fed_set(world, "hotline.example/items/1", 0);
	assert_ok(hf_desk_start(node, &node->desk, &why), &why);
	assert_ok(hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &node->poller, &why),
		  &why);
	assert_ok(hf_rpc_loop_new(HF_RPC_LOOP_WORKS, &node->worker, &why),
		  &why);
	options.poller = node->poller;
	options.worker = node->worker;
	assert_ok(hf_rpc_server_new(&options, &place.server, &why), &why);
	snprintf(place.socket, sizeof(place.socket), "%s/scanner.sock", home);
	assert_ok(hf_rpc_server_listen_unix(place.server, place.socket, &why),
		  &why);
	assert_ok(hf_rpc_server_start(place.server, &why), &why);
}

/* In the order of the daemon's own stop. */
static int close_place(void **state)
{
	struct world *world = *state;
	struct hf_node *node = &world->node;
	char lock[160];

	if (place.server != NULL)
		(void)hf_rpc_server_stop(place.server, patience_ms());
	hf_desk_stop(node->desk);
	hf_rpc_server_free(place.server);
	if (node->worker != NULL)
		hf_rpc_loop_free(node->worker);
	if (node->poller != NULL)
		hf_rpc_loop_free(node->poller);
	place.server = NULL;
	snprintf(lock, sizeof(lock), "%s.lock", place.socket);
	unlink(place.socket);
	unlink(lock);
	return down(state);
}

/* ---- scanners ---- */

struct scanner {
	pthread_t thread;
	size_t answered;
	enum hf_err err;
	struct hf_why why;
};

/* Batch number n is of this many digests: dear and cheap ones in turn. */
static size_t size_of(size_t n)
{
	static const size_t sizes[] = { 1000, 1, 300, 2, 0, 5000, 3 };

	return sizes[n % ROWS(sizes)];
}

static enum hf_err on_answer(void *arg, void *tag,
			     const struct hf_wire_match_response *answer,
			     struct hf_why *why)
{
	struct scanner *scanner = arg;
	size_t want = size_of((size_t)(uintptr_t)tag);

	if ((uintptr_t)tag != scanner->answered || answer->items != want)
		return hf_why(why, HF_E_INTERNAL,
			      "answer %zu is of %u, not of %zu",
			      scanner->answered, answer->items, want);
	scanner->answered++;
	return HF_OK;
}

static enum hf_err send_batch(struct hf_client_stream *stream, size_t n,
			      const uint8_t *digests, struct hf_why *why)
{
	const struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_PDQ,
		.digests = hf_span(digests, 32 * size_of(n)),
	};

	return hf_client_stream_send(
		stream,
		&(struct hf_wire_match_request){ .batches = &batch,
						 .batches_count = 1 },
		(void *)(uintptr_t)n, why);
}

/* Some batches, all answered; or left with those under way. */
static void scan(struct scanner *scanner, bool leaves)
{
	static const uint8_t digests[32 * 5000] = { 7 };
	struct hf_client_stream *stream = NULL;
	struct hf_client *client;
	struct hf_why *why = &scanner->why;

	scanner->err = hf_client_open(
		&(struct hf_client_options){ .run_dir = home,
					     .duties = HF_DUTY_SCANNER },
		&client, why);
	if (scanner->err != HF_OK)
		return;
	scanner->err = hf_client_stream_begin(client, on_answer, scanner,
					      &stream, why);
	for (size_t n = 0; n < BATCHES && scanner->err == HF_OK; n++)
		scanner->err = send_batch(stream, n, digests, why);
	if (scanner->err == HF_OK && !leaves)
		scanner->err = hf_client_stream_finish(stream, why);
	hf_client_stream_end(stream);
	hf_client_close(client);
}

static void *scan_all(void *arg)
{
	scan(arg, false);
	return NULL;
}

static void *scan_and_leave(void *arg)
{
	scan(arg, true);
	return NULL;
}

/* ---- the tests ---- */

static void batches_are_answered_in_order_whatever_they_take(void **state)
{
	struct scanner scanners[CLIENTS] = { { .answered = 0 } };

	serve_lookups(*state);
	for (size_t i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&scanners[i].thread, NULL,
						scan_all, &scanners[i]),
				 0);
	for (size_t i = 0; i < CLIENTS; i++)
		pthread_join(scanners[i].thread, NULL);
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_ok(scanners[i].err, &scanners[i].why);
		assert_int_equal(scanners[i].answered, BATCHES);
	}
}

static void who_leaves_takes_nobody_along(void **state)
{
	struct scanner scanners[CLIENTS] = { { .answered = 0 } };

	serve_lookups(*state);
	for (size_t i = 0; i < CLIENTS; i++)
		assert_int_equal(
			pthread_create(&scanners[i].thread, NULL,
				       i == 0 ? scan_all : scan_and_leave,
				       &scanners[i]),
			0);
	for (size_t i = 0; i < CLIENTS; i++)
		pthread_join(scanners[i].thread, NULL);
	for (size_t i = 0; i < CLIENTS; i++)
		assert_ok(scanners[i].err, &scanners[i].why);
	assert_int_equal(scanners[0].answered, BATCHES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			batches_are_answered_in_order_whatever_they_take, up,
			close_place),
		cmocka_unit_test_setup_teardown(who_leaves_takes_nobody_along,
						up, close_place),
	};
	int failed;

	hf_rpc_start(NULL);
	failed = cmocka_run_group_tests(tests, start, stop);
	hf_rpc_stop();
	return failed;
}
