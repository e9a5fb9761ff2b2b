#include "unit.h"

#include "rpc_bench.h"

/* How much Pull gives, and whether the client reads it. */
static void set_up(size_t produce_max, bool pauses)
{
	pthread_mutex_lock(&bench.server.lock);
	bench.server.produce_max = produce_max;
	pthread_mutex_unlock(&bench.server.lock);
	pthread_mutex_lock(&bench.client.lock);
	bench.client.pauses = pauses;
	pthread_mutex_unlock(&bench.client.lock);
}

/* ---- the four shapes ---- */

static void a_unary_call_is_answered_over_a_unix_socket(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_why why = { "" };
	char reply[64];

	assert_ok(unary(channel, TEST "Echo", "hello", reply, sizeof(reply),
			&why),
		  &why);
	assert_string_equal(reply, "hello");
	assert_ok(unary(channel, TEST "Echo", "", reply, sizeof(reply), &why),
		  &why);
	assert_string_equal(reply, "");
	assert_comes(bench.server, done, 2);
	assert_seen(bench.server, err, HF_OK);
}

static void a_unary_call_is_answered_over_tls(void **state)
{
	struct hf_rpc_channel *channel = channel_as(ALICE, admit_node);
	struct hf_why why = { "" };
	char reply[64];

	assert_ok(unary(channel, TEST "Echo", "hello", reply, sizeof(reply),
			&why),
		  &why);
	assert_string_equal(reply, "hello");
}

static void a_server_streams_all_it_has(void **state)
{
	struct hf_rpc_channel *channel = channel_as(ALICE, admit_node);

	set_up(100, false);
	(void)call_start(channel, TEST "Pull", &c_once, "go", 0);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_OK);
	assert_seen(bench.client, received, 100);
	assert_seen(bench.client, received_bytes, 100 * CHUNK_BYTES);
	assert_comes(bench.server, done, 1);
}

static void a_client_streams_until_it_half_closes(void **state)
{
	struct hf_rpc_channel *channel = channel_as(ALICE, admit_node);
	struct hf_rpc_call *call;

	call = call_start(channel, TEST "Push", &c_stays, "one", 0);
	assert_comes(bench.server, received, 1);
	assert_int_equal(hf_rpc_post(call, c_close), HF_OK);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_OK);
	assert_seen(bench.server, halves, 1);
	assert_last(bench.client, "1");
}

static void both_ends_stream(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_rpc_call *call;

	call = call_start(channel, TEST "Chat", &c_stays, "ping", 0);
	assert_comes(bench.client, received, 1);
	assert_last(bench.client, "ping");
	assert_int_equal(hf_rpc_post(call, c_close), HF_OK);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_OK);
	assert_comes(bench.server, done, 1);
	assert_seen(bench.server, halves, 1);
}

/* ---- flow ---- */

static void resume(struct hf_rpc_call *call)
{
	hf_rpc_resume(call);
}

static size_t produced(void)
{
	size_t now;

	pthread_mutex_lock(&bench.server.lock);
	now = bench.server.produced;
	pthread_mutex_unlock(&bench.server.lock);
	return now;
}

static void a_paused_reader_stops_the_producer(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_rpc_channel *clock = channel_to(bench.operators_target);
	struct hf_rpc_call *call;
	struct hf_why why = { "" };
	size_t before;
	size_t after = 0;
	int quiet = 0;

	set_up(1000, true);
	call = call_start(channel, TEST "Pull", &c_once, "go", 0);
	assert_comes(bench.server, received, 1);
	/* Other calls go on; they are the clock. */
	for (int i = 0; i < 20000 && quiet < 200; i++) {
		before = after;
		assert_ok(unary(clock, TEST "Echo", "tick", NULL, 0, &why),
			  &why);
		after = produced();
		quiet = after == before ? quiet + 1 : 0;
	}
	assert_int_equal(quiet, 200);
	assert_true(after < 1000);
	pthread_mutex_lock(&bench.server.lock);
	assert_true(bench.server.queued_max_bytes <= CHUNK_BYTES);
	pthread_mutex_unlock(&bench.server.lock);
	assert_seen(bench.client, received, 0);
	assert_int_equal(hf_rpc_post(call, resume), HF_OK);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, received, 1000);
	assert_seen(bench.client, err, HF_OK);
}

static void a_paused_reader_loses_nothing(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_rpc_channel *clock = channel_to(bench.operators_target);
	struct hf_rpc_call *call;
	struct hf_why why = { "" };

	set_up(3, true);
	call = call_start(channel, TEST "Pull", &c_once, "go", 0);
	/* The server is through with it, and the end has come too. */
	assert_comes(bench.server, done, 1);
	for (int i = 0; i < 100; i++)
		assert_ok(unary(clock, TEST "Echo", "tick", NULL, 0, &why),
			  &why);
	assert_seen(bench.client, received, 0);
	assert_seen(bench.client, done, 0);
	assert_int_equal(hf_rpc_post(call, resume), HF_OK);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, received, 3);
	assert_seen(bench.client, err, HF_OK);
}

static void flood(struct hf_rpc_call *call)
{
	static const uint8_t chunk[CHUNK_BYTES];

	/* Never looks at the queue, and reads nothing of what comes back. */
	while (hf_rpc_send(call, hf_span(chunk, sizeof(chunk))))
		;
}

static void hold_reading(struct hf_rpc_call *call)
{
	hf_rpc_pause(call);
}

static void a_queue_that_nobody_takes_is_cut(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_rpc_call *call;

	call = call_start(channel, TEST "Push", &c_stays, "go", 0);
	assert_comes(bench.server, received, 1);
	pthread_mutex_lock(&bench.server.lock);
	assert_int_equal(hf_rpc_post(bench.server.call, hold_reading), HF_OK);
	pthread_mutex_unlock(&bench.server.lock);
	assert_int_equal(hf_rpc_post(call, flood), HF_OK);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_QUOTA);
}

/* ---- ends ---- */

static void a_call_that_takes_too_long_is_cut(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_why why = { "" };

	assert_int_equal(unary(channel, TEST "Brief", "x", NULL, 0, &why),
			 HF_E_DEADLINE);
	assert_comes(bench.server, done, 1);
	assert_seen(bench.server, err, HF_E_DEADLINE);
}

static void the_clients_deadline_reaches_the_server(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	int opened = 0;

	/* Where it runs out on the way there, the next has more time. */
	for (int rounds = 1, ms = 40; opened == 0; rounds++, ms *= 2) {
		assert_true(ms < patience_ms());
		(void)call_start(channel, TEST "Hold", &c_once, "x", ms);
		assert_comes(bench.client, done, rounds);
		assert_seen(bench.client, err, HF_E_DEADLINE);
		pthread_mutex_lock(&bench.server.lock);
		opened = bench.server.opened;
		pthread_mutex_unlock(&bench.server.lock);
	}
	assert_comes(bench.server, done, opened);
	/* Whose clock was first is open. */
	pthread_mutex_lock(&bench.server.lock);
	assert_true(bench.server.err == HF_E_DEADLINE ||
		    bench.server.err == HF_E_CANCELLED);
	pthread_mutex_unlock(&bench.server.lock);
}

static void cancelling_reaches_the_server(void **state)
{
	struct hf_rpc_channel *channel = channel_as(ALICE, admit_node);
	struct hf_rpc_call *call;

	call = call_start(channel, TEST "Hold", &c_once, "x", 0);
	assert_comes(bench.server, received, 1);
	hf_rpc_cancel(call);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_CANCELLED);
	assert_comes(bench.server, done, 1);
	assert_seen(bench.server, err, HF_E_CANCELLED);
}

static void an_upload_that_broke_off_is_not_taken_for_whole(void **state)
{
	struct hf_rpc_channel *channel = channel_as(ALICE, admit_node);

	for (int i = 1; i <= 50; i++) {
		struct hf_rpc_call *call =
			call_start(channel, TEST "Push", &c_stays, "x", 0);

		assert_comes(bench.server, received, i);
		hf_rpc_cancel(call);
		assert_comes(bench.server, done, i);
	}
	assert_seen(bench.server, halves, 0);
}

static void an_answer_may_come_from_another_thread(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	(void)call_start(channel, TEST "Hold", &c_once, "x", 0);
	assert_comes(bench.server, received, 1);
	pthread_mutex_lock(&bench.server.lock);
	assert_int_equal(hf_rpc_post(bench.server.call, s_answer), HF_OK);
	pthread_mutex_unlock(&bench.server.lock);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_OK);
	assert_last(bench.client, "late");
}

static void closing_a_channel_ends_its_calls(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	(void)call_start(channel, TEST "Chat", &c_stays, "x", 0);
	assert_comes(bench.client, received, 1);
	hf_rpc_channel_close(channel);
	bench.channels_count = 0;
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_UNAVAILABLE);
	assert_comes(bench.server, done, 1);
}

static void a_graceful_stop_lets_a_running_call_finish(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	(void)call_start(channel, TEST "Hold", &c_once, "x", 0);
	assert_comes(bench.server, received, 1);
	hf_rpc_server_drain(bench.readers);
	pthread_mutex_lock(&bench.server.lock);
	assert_int_equal(hf_rpc_post(bench.server.call, s_answer), HF_OK);
	pthread_mutex_unlock(&bench.server.lock);
	assert_true(hf_rpc_server_stop(bench.readers, patience_ms()));
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_OK);
}

static void a_drain_asks_calls_without_an_end_to_end(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	set_up(SIZE_MAX, false);
	(void)call_start(channel, TEST "Pull", &c_once, "go", 0);
	assert_comes(bench.client, received, 1);
	assert_true(hf_rpc_server_stop(bench.readers, patience_ms()));
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_UNAVAILABLE);
	assert_comes(bench.server, done, 1);
}

static void a_stop_cuts_what_never_ends(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	(void)call_start(channel, TEST "Chat", &c_stays, "x", 0);
	assert_comes(bench.client, received, 1);
	assert_false(hf_rpc_server_stop(bench.readers, 20));
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_UNAVAILABLE);
	assert_comes(bench.server, done, 1);
}

/* ---- what is refused ---- */

static void requests_are_refused_before_the_handler(void **state)
{
	static char exact[1001];
	static char over[1002];
	const struct {
		const char *name;
		const char *target;
		const char *path;
		const char *request;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "at the limit",     bench.readers_target,   TEST "Echo",    exact, HF_OK },
		{ "one byte over",    bench.readers_target,   TEST "Echo",    over,  HF_E_LIMIT },
		{ "no such method",   bench.readers_target,   TEST "Dance",   "x",   HF_E_UNSUPPORTED },
		{ "no such service",  bench.readers_target,   "/a.B/C",       "x",   HF_E_UNSUPPORTED },
		{ "an empty path",    bench.readers_target,   "/",            "x",   HF_E_UNSUPPORTED },
		{ "without the duty", bench.readers_target,   TEST "Operate", "x",   HF_E_DENIED },
		{ "with the duty",    bench.operators_target, TEST "Operate", "x",   HF_OK },
		/* clang-format on */
	};

	memset(exact, 'e', sizeof(exact) - 1);
	memset(over, 'o', sizeof(over) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_rpc_channel *channel = channel_to(rows[i].target);
		struct hf_why why = { "" };
		enum hf_err err = unary(channel, rows[i].path, rows[i].request,
					NULL, 0, &why);

		if (err != rows[i].want)
			fail_msg("%s: %s (%s)", rows[i].name, hf_err_name(err),
				 why.text);
	}
}

static void c_open_nothing(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_OK, NULL);
}

static void a_request_without_a_message_is_refused(void **state)
{
	static const struct hf_rpc_events nothing = { .open = c_open_nothing,
						      .recv = c_recv,
						      .done = c_done };
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	(void)call_start(channel, TEST "Echo", &nothing, "", 0);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_ARGUMENT);
	assert_seen(bench.server, received, 0);
}

static void a_message_past_every_limit_ends_the_call(void **state)
{
	static char huge[5 * 1024 * 1024];
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_why why = { "" };

	memset(huge, 'h', sizeof(huge) - 1);
	assert_int_not_equal(unary(channel, TEST "Echo", huge, NULL, 0, &why),
			     HF_OK);
	assert_seen(bench.server, received, 0);
	assert_ok(unary(channel, TEST "Echo", "x", NULL, 0, &why), &why);
}

static void a_caller_has_only_so_many_calls_in_flight(void **state)
{
	struct hf_rpc_channel *channels[3];
	struct hf_why why = { "" };

	for (int i = 0; i < 3; i++)
		channels[i] = channel_as(ALICE, admit_node);
	for (int i = 0; i < HF_CALLS_PER_PEER_MAX; i++)
		(void)call_start(channels[i % 2], TEST "Hold", &c_once, "x", 0);
	assert_comes(bench.server, received, HF_CALLS_PER_PEER_MAX);
	assert_int_equal(unary(channels[2], TEST "Echo", "x", NULL, 0, &why),
			 HF_E_BUSY);
	/* Others are not held up by it. */
	assert_ok(unary(channel_as(CAROL, admit_node), TEST "Echo", "x", NULL,
			0, &why),
		  &why);
	hf_rpc_cancel(bench.calls[0]);
	assert_comes(bench.server, done, 2);
	assert_ok(unary(channels[2], TEST "Echo", "x", NULL, 0, &why), &why);
}

static void sentences_go_to_our_own_and_words_to_peers(void **state)
{
	const struct {
		const char *name;
		struct hf_rpc_channel *channel;
		const char *want;
	} rows[] = {
		{ "local", channel_to(bench.readers_target),
		  "row 7 of /secret/place" },
		{ "client", channel_as(CAROL, admit_node),
		  "row 7 of /secret/place" },
		{ "peer", channel_as(ALICE, admit_node),
		  hf_err_words(HF_E_CONFLICT) },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };

		assert_int_equal(
			unary(rows[i].channel, TEST "Fail", "x", NULL, 0, &why),
			HF_E_CONFLICT);
		assert_string_equal(why.text, rows[i].want);
	}
}

/* ---- who is admitted ---- */

static void strangers_are_refused_in_the_handshake(void **state)
{
	const struct {
		const char *name;
		int who;
		hf_rpc_admit *check;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "an admitted peer",             ALICE,   admit_node,   HF_OK },
		{ "a stranger",                   MALLORY, admit_node,   HF_E_UNAVAILABLE },
		{ "a server that is not the one", ALICE,   admit_nobody, HF_E_UNAVAILABLE },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		enum hf_err err = unary(channel_as(rows[i].who, rows[i].check),
					TEST "Echo", "x", NULL, 0, &why);

		if (err != rows[i].want)
			fail_msg("%s: %s (%s)", rows[i].name, hf_err_name(err),
				 why.text);
	}
	/* Refused by TLS, not by a handler. */
	assert_seen(bench.server, opened, 1);
	assert_int_equal(atomic_load(&bench.refused), 0);
	set_admitted(MALLORY, true);
	hf_rpc_trust_changed(bench.trust);
	assert_int_equal(unary(channel_as(MALLORY, admit_node), TEST "Echo",
			       "x", NULL, 0, NULL),
			 HF_OK);
}

static void revoking_cuts_open_calls_and_refuses_new_ones(void **state)
{
	struct hf_rpc_channel *alice = channel_as(ALICE, admit_node);
	struct hf_rpc_channel *carol = channel_as(CAROL, admit_node);
	struct hf_why why = { "" };

	(void)call_start(alice, TEST "Chat", &c_stays, "x", 0);
	assert_comes(bench.client, received, 1);
	set_admitted(ALICE, false);
	hf_rpc_trust_changed(bench.trust);
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_UNAUTHENTICATED);
	assert_comes(bench.server, done, 1);
	assert_seen(bench.server, err, HF_E_UNAUTHENTICATED);
	assert_int_equal(unary(alice, TEST "Echo", "x", NULL, 0, &why),
			 HF_E_UNAUTHENTICATED);
	assert_ok(unary(carol, TEST "Echo", "x", NULL, 0, &why), &why);
	set_admitted(ALICE, true);
	hf_rpc_trust_changed(bench.trust);
	assert_ok(unary(alice, TEST "Echo", "x", NULL, 0, &why), &why);
}

static void losing_a_duty_cuts_the_calls_that_need_it(void **state)
{
	struct hf_rpc_channel *carol = channel_as(CAROL, admit_node);
	struct hf_why why = { "" };

	assert_ok(unary(carol, TEST "Operate", "x", NULL, 0, &why), &why);
	pthread_mutex_lock(&people_lock);
	people[CAROL].identity.duties = HF_DUTY_READER;
	pthread_mutex_unlock(&people_lock);
	hf_rpc_trust_changed(bench.trust);
	assert_int_equal(unary(carol, TEST "Operate", "x", NULL, 0, &why),
			 HF_E_DENIED);
	pthread_mutex_lock(&people_lock);
	people[CAROL].identity.duties = HF_DUTY_OPERATOR;
	pthread_mutex_unlock(&people_lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RPC_TEST(a_unary_call_is_answered_over_a_unix_socket),
		RPC_TEST(a_unary_call_is_answered_over_tls),
		RPC_TEST(a_server_streams_all_it_has),
		RPC_TEST(a_client_streams_until_it_half_closes),
		RPC_TEST(both_ends_stream),
		RPC_TEST(a_paused_reader_stops_the_producer),
		RPC_TEST(a_paused_reader_loses_nothing),
		RPC_TEST(a_queue_that_nobody_takes_is_cut),
		RPC_TEST(a_call_that_takes_too_long_is_cut),
		RPC_TEST(the_clients_deadline_reaches_the_server),
		RPC_TEST(cancelling_reaches_the_server),
		RPC_TEST(an_upload_that_broke_off_is_not_taken_for_whole),
		RPC_TEST(an_answer_may_come_from_another_thread),
		RPC_TEST(closing_a_channel_ends_its_calls),
		RPC_TEST(a_graceful_stop_lets_a_running_call_finish),
		RPC_TEST(a_drain_asks_calls_without_an_end_to_end),
		RPC_TEST(a_stop_cuts_what_never_ends),
		RPC_TEST(requests_are_refused_before_the_handler),
		RPC_TEST(a_request_without_a_message_is_refused),
		RPC_TEST(a_message_past_every_limit_ends_the_call),
		RPC_TEST(a_caller_has_only_so_many_calls_in_flight),
		RPC_TEST(sentences_go_to_our_own_and_words_to_peers),
		RPC_TEST(strangers_are_refused_in_the_handshake),
		RPC_TEST(revoking_cuts_open_calls_and_refuses_new_ones),
		RPC_TEST(losing_a_duty_cuts_the_calls_that_need_it),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
