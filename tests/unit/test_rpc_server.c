#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "rpc_bench.h"
#include "rpc_descriptor.h"

/* ---- listening ---- */

static struct sockaddr_un socket_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", bench.dir, name);
	return at;
}

/* A bound socket; listens if asked to. */
static int socket_make(const struct sockaddr_un *at, bool listens)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static struct hf_rpc_server *server_new(void)
{
	struct hf_rpc_server_options options = server_options(HF_DUTY_READER);
	struct hf_rpc_server *server = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_rpc_server_new(&options, &server, &why), &why);
	return server;
}

static void a_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un at = socket_at("stale.sock");
	struct hf_rpc_server *server = server_new();
	struct hf_why why = { "" };
	char target[160];
	struct stat info;

	close(socket_make(&at, true));
	assert_ok(hf_rpc_server_listen_unix(server, at.sun_path, &why), &why);
	assert_ok(hf_rpc_server_start(server, &why), &why);
	assert_int_equal(stat(at.sun_path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0660);
	snprintf(target, sizeof(target), "unix:%s", at.sun_path);
	assert_ok(unary(channel_to(target), TEST "Echo", "x", NULL, 0, &why),
		  &why);
	eye_reset(&bench.server); /* It holds a call of this server. */
	hf_rpc_server_free(server);
	assert_int_not_equal(stat(at.sun_path, &info), 0);
}

static void a_live_socket_is_never_taken(void **state)
{
	struct sockaddr_un at = socket_at("live.sock");
	struct sockaddr_un file = socket_at("file.sock");
	struct hf_rpc_server *server = server_new();
	struct hf_why why = { "" };
	int fd = socket_make(&at, true);
	int other;

	assert_int_equal(hf_rpc_server_listen_unix(server, at.sun_path, &why),
			 HF_E_EXISTS);
	assert_non_null(strstr(why.text, at.sun_path));
	close(fd);
	/* Our own: the lock speaks before the socket is asked. */
	assert_int_equal(hf_rpc_server_listen_unix(
				 server, bench.readers_target + 5, &why),
			 HF_E_EXISTS);
	assert_ok(unary(channel_to(bench.readers_target), TEST "Echo", "x",
			NULL, 0, &why),
		  &why);
	/* Whatever is there and is no socket stays. */
	other = open(file.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(other >= 0);
	close(other);
	assert_int_equal(hf_rpc_server_listen_unix(server, file.sun_path, &why),
			 HF_E_EXISTS);
	hf_rpc_server_free(server);
}

static void paths_that_cannot_be_are_refused(void **state)
{
	struct hf_rpc_server *server = server_new();
	struct hf_why why = { "" };
	char path[200];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(hf_rpc_server_listen_unix(server, path, &why),
			 HF_E_LIMIT);
	assert_int_equal(
		hf_rpc_server_listen_unix(server, "/nowhere/at/all", &why),
		HF_E_NOTFOUND);
	/* In the clear over the network: never. */
	assert_int_equal(
		hf_rpc_server_listen(server, "127.0.0.1:0", NULL, &why),
		HF_E_ARGUMENT);
	hf_rpc_server_free(server);
}

static void a_port_in_use_is_named(void **state)
{
	const struct {
		const char *name;
		const char *address;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "in use",       bench.tls_target,   HF_E_EXISTS },
		{ "a free one",   "localhost:0",      HF_OK },
		{ "any address",  "*:0",              HF_OK },
		{ "no port",      "127.0.0.1",        HF_E_ARGUMENT },
		{ "empty port",   "127.0.0.1:",       HF_E_ARGUMENT },
		{ "not a port",   "127.0.0.1:grpc!",  HF_E_ARGUMENT },
		{ "not a host",   "no such host:1",   HF_E_ARGUMENT },
		{ "not ours",     "203.0.113.1:0",    HF_E_SYSTEM },
		{ "nothing",      "",                 HF_E_ARGUMENT },
		/* clang-format on */
	};
	struct hf_rpc_server_options options = server_options(0);
	struct hf_rpc_server *server = NULL;
	struct hf_why why = { "" };

	options.trust = bench.trust;
	options.keypair =
		(struct hf_rpc_keypair){ people[NODE].key, people[NODE].cert };
	assert_ok(hf_rpc_server_new(&options, &server, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		enum hf_err err = hf_rpc_server_listen(server, rows[i].address,
						       NULL, &why);

		if (err != rows[i].want)
			fail_msg("%s: %s (%s)", rows[i].name, hf_err_name(err),
				 why.text);
		if (err == HF_E_EXISTS)
			assert_non_null(strstr(why.text, rows[i].address));
	}
	/* Over a socket, and yet with TLS: never. */
	assert_int_equal(hf_rpc_server_listen_unix(server, "/tmp/x", &why),
			 HF_E_ARGUMENT);
	hf_rpc_server_free(server);
}

static void the_probe_tells_who_listens(void **state)
{
	struct hf_why why = { "" };

	assert_ok(hf_rpc_server_probe(bench.tls, patience_ms(), &why), &why);
	assert_ok(hf_rpc_server_probe(bench.readers, patience_ms(), &why),
		  &why);
	assert_true(hf_rpc_server_stop(bench.tls, patience_ms()));
	assert_true(hf_rpc_server_stop(bench.readers, patience_ms()));
	assert_int_equal(hf_rpc_server_probe(bench.tls, patience_ms(), &why),
			 HF_E_UNAVAILABLE);
	assert_int_equal(
		hf_rpc_server_probe(bench.readers, patience_ms(), &why),
		HF_E_UNAVAILABLE);
}

/* ---- the table ---- */

static void a_table_that_disagrees_with_the_schema_is_refused(void **state)
{
	const struct {
		const char *name;
		struct hf_rpc_method method;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "as it is",         { TEST "Echo", ALL, 10, 0, false, false, &s_echo_events, HF_RPC_READS }, HF_OK },
		{ "client streams",   { TEST "Echo", ALL, 10, 0, true,  false, &s_echo_events, HF_RPC_READS }, HF_E_ARGUMENT },
		{ "server streams",   { TEST "Echo", ALL, 10, 0, false, true,  &s_echo_events, HF_RPC_READS }, HF_E_ARGUMENT },
		{ "no such method",   { TEST "Ech",  ALL, 10, 0, false, false, &s_echo_events, HF_RPC_READS }, HF_E_ARGUMENT },
		{ "no such service",  { "/a.B/Echo", ALL, 10, 0, false, false, &s_echo_events, HF_RPC_READS }, HF_E_ARGUMENT },
		{ "no path",          { "",          ALL, 10, 0, false, false, &s_echo_events, HF_RPC_READS }, HF_E_ARGUMENT },
		{ "built in already", { "/grpc.health.v1.Health/Check", ALL, 10, 0, false, false, &s_echo_events, HF_RPC_READS }, HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_rpc_server_options options = server_options(1);
		struct hf_rpc_server *server = NULL;
		struct hf_why why = { "" };
		enum hf_err err;

		options.methods = &rows[i].method;
		options.methods_count = 1;
		err = hf_rpc_server_new(&options, &server, &why);
		if (err != rows[i].want)
			fail_msg("%s: %s (%s)", rows[i].name, hf_err_name(err),
				 why.text);
		hf_rpc_server_free(server);
	}
}

/* ---- built-in services ---- */

static void health_says_whether_we_serve(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_why why = { "" };
	char reply[16];

	(void)call_start(channel, "/grpc.health.v1.Health/Watch", &c_once, "",
			 0);
	assert_comes(bench.client, received, 1);
	assert_last(bench.client, "\x08\x01");
	assert_ok(unary(channel, "/grpc.health.v1.Health/Check",
			"\x0a\x14hashfed.test.v1.Test", reply, sizeof(reply),
			&why),
		  &why);
	assert_string_equal(reply, "\x08\x01");
	assert_int_equal(unary(channel, "/grpc.health.v1.Health/Check",
			       "\x0a\x14hashfed.test.v1.Tes!", NULL, 0, &why),
			 HF_E_NOTFOUND);
	assert_int_equal(unary(channel, "/grpc.health.v1.Health/Check",
			       "\x0a\x20short", NULL, 0, &why),
			 HF_E_MALFORMED);
	hf_rpc_server_set_serving(bench.readers, false);
	assert_comes(bench.client, received, 2);
	assert_last(bench.client, "\x08\x02");
	/* A watch must not hold up a stop. */
	assert_true(hf_rpc_server_stop(bench.readers, patience_ms()));
	assert_comes(bench.client, done, 1);
	assert_seen(bench.client, err, HF_E_UNAVAILABLE);
}

static bool last_has(const char *text)
{
	bool is_there;

	pthread_mutex_lock(&bench.client.lock);
	is_there = memmem(bench.client.last, bench.client.last_bytes, text,
			  strlen(text)) != NULL;
	pthread_mutex_unlock(&bench.client.lock);
	return is_there;
}

static void reflection_describes_what_is_served(void **state)
{
	const struct {
		const char *request;
		const char *want;
	} rows[] = {
		/* clang-format off */
		{ "\x3a\x01*",                             "hashfed.test.v1.Test" },
		{ "\x22\x14hashfed.test.v1.Test",          "rpc_test.proto" },
		{ "\x22\x19hashfed.test.v1.Test.Chat",     "rpc_test.proto" },
		{ "\x22\x15hashfed.test.v1.Bytes",         "rpc_test.proto" },
		{ "\x22\x29grpc.health.v1.HealthCheckResponse.status",  "health.proto" },
		{ "\x1a\x0erpc_test.proto",                "hashfed.test.v1" },
		{ "\x22\x04none",                          "not found" },
		{ "\x1a\x04none",                          "not found" },
		{ "",                                      "not understood" },
		/* clang-format on */
	};
	static const char *const paths[] = {
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/"
		"ServerReflectionInfo",
	};
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);

	for (size_t i = 0; i < ROWS(rows) * 2; i++) {
		struct hf_rpc_call *call;

		eye_reset(&bench.client);
		call = call_start(channel, paths[i % 2], &c_stays,
				  rows[i / 2].request, 0);
		assert_comes(bench.client, received, 1);
		if (!last_has(rows[i / 2].want))
			fail_msg("row %zu: no '%s'", i / 2, rows[i / 2].want);
		assert_int_equal(hf_rpc_post(call, c_close), HF_OK);
		assert_comes(bench.client, done, 1);
		assert_seen(bench.client, err, HF_OK);
	}
}

static void the_schema_has_every_service(void **state)
{
	static const struct {
		const char *path;
		bool client_streams;
		bool server_streams;
	} rows[] = {
		{ "/hashfed.v1.Federation/Hello", false, false },
		{ "/grpc.health.v1.Health/Watch", false, true },
		{ "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		  true, true },
	};
	struct hf_rpc_descriptor *descriptor = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_rpc_descriptor_new(hf_rpc_schema(), &descriptor, &why),
		  &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool client_streams = false;
		bool server_streams = false;

		if (!hf_rpc_descriptor_method(descriptor,
					      hf_span_of(rows[i].path),
					      &client_streams, &server_streams))
			fail_msg("%s is missing", rows[i].path);
		assert_int_equal(client_streams, rows[i].client_streams);
		assert_int_equal(server_streams, rows[i].server_streams);
	}
	hf_rpc_descriptor_free(descriptor);
}

/* ---- channels ---- */

static void on_state(void *arg, bool is_up)
{
	struct eye *eye = arg;

	pthread_mutex_lock(&eye->lock);
	if (is_up)
		eye->opened++;
	else
		eye->done++;
	pthread_cond_broadcast(&eye->changed);
	pthread_mutex_unlock(&eye->lock);
}

static void a_channel_comes_back_by_itself(void **state)
{
	static struct eye eye;
	const struct hf_rpc_channel_options options = {
		.loop = bench.outbound,
		.target = bench.readers_target,
		.arg = &eye,
		.state = on_state,
		.backoff_max_ms = 100,
	};
	struct hf_rpc_channel *channel = NULL;
	struct hf_why why = { "" };

	eye_init(&eye);
	assert_ok(hf_rpc_channel_open(&options, &channel, &why), &why);
	bench.channels[bench.channels_count++] = channel;
	/* No call is made: the channel connects all the same. */
	assert_comes(eye, opened, 1);
	hf_rpc_server_free(bench.readers);
	bench.readers = NULL;
	assert_comes(eye, done, 1);
	assert_int_equal(unary(channel, TEST "Echo", "x", NULL, 0, &why),
			 HF_E_UNAVAILABLE);
	assert_int_equal(unix_server(HF_DUTY_READER, "reader", &bench.readers,
				     bench.readers_target,
				     sizeof(bench.readers_target)),
			 0);
	assert_comes(eye, opened, 2);
	assert_ok(unary(channel, TEST "Echo", "x", NULL, 0, &why), &why);
}

static void a_channel_that_waits_is_hurried(void **state)
{
	static struct eye eye;
	/* Longer than any test: by itself it would not come back. */
	const struct hf_rpc_channel_options options = {
		.loop = bench.outbound,
		.target = bench.readers_target,
		.arg = &eye,
		.state = on_state,
		.backoff_min_ms = 3600000,
		.backoff_max_ms = 3600000,
	};
	struct hf_rpc_channel *channel = NULL;
	struct hf_why why = { "" };

	eye_init(&eye);
	hf_rpc_server_free(bench.readers);
	bench.readers = NULL;
	assert_ok(hf_rpc_channel_open(&options, &channel, &why), &why);
	bench.channels[bench.channels_count++] = channel;
	assert_comes(eye, done, 1);
	assert_int_equal(unix_server(HF_DUTY_READER, "reader", &bench.readers,
				     bench.readers_target,
				     sizeof(bench.readers_target)),
			 0);
	hf_rpc_channel_hurry(channel);
	assert_comes(eye, opened, 1);
	assert_ok(unary(channel, TEST "Echo", "x", NULL, 0, &why), &why);
}

/* ---- loops ---- */

struct clockwork {
	struct hf_rpc_loop *loop;
	struct hf_rpc_task task;
	struct hf_rpc_timer timers[4];
	struct eye eye;
	char order[8];
};

static void ring(struct clockwork *clockwork, char which)
{
	pthread_mutex_lock(&clockwork->eye.lock);
	clockwork->order[clockwork->eye.received++] = which;
	pthread_cond_broadcast(&clockwork->eye.changed);
	pthread_mutex_unlock(&clockwork->eye.lock);
}

static void on_first(void *arg)
{
	ring(arg, '1');
}

static void on_second(void *arg)
{
	ring(arg, '2');
}

static void on_third(void *arg)
{
	ring(arg, '3');
}

static void wind_up(void *arg)
{
	struct clockwork *clockwork = arg;
	static void (*const runs[4])(void *) = { on_third, on_first, on_second,
						 on_third };
	static const int delays_ms[4] = { 30, 1, 15, 7 };

	assert_true(hf_rpc_loop_is_here(clockwork->loop));
	for (int i = 0; i < 4; i++) {
		clockwork->timers[i] =
			(struct hf_rpc_timer){ .run = runs[i], .arg = arg };
		hf_rpc_timer_start(clockwork->loop, &clockwork->timers[i],
				   delays_ms[i]);
	}
	hf_rpc_timer_stop(clockwork->loop, &clockwork->timers[3]);
	hf_rpc_timer_start(clockwork->loop, &clockwork->timers[0], 31);
}

static void timers_run_in_order_and_stopped_ones_never(void **state)
{
	struct hf_rpc_loop *const loops[] = { bench.worker, bench.outbound };

	for (size_t i = 0; i < ROWS(loops); i++) {
		struct clockwork clockwork = { .loop = loops[i] };

		eye_init(&clockwork.eye);
		clockwork.task.run = wind_up;
		clockwork.task.arg = &clockwork;
		hf_rpc_loop_post(loops[i], &clockwork.task);
		assert_comes(clockwork.eye, received, 3);
		assert_string_equal(clockwork.order, "123");
	}
}

static void what_cannot_be_answered_now_is_refused_with_words(void **state)
{
	struct hf_rpc_channel *channel = channel_to(bench.readers_target);
	struct hf_why why = { "" };

	atomic_store(&bench.is_shut, true);
	assert_int_equal(unary(channel, TEST "Echo", "x", NULL, 0, &why),
			 HF_E_UNAVAILABLE);
	assert_non_null(strstr(why.text, "shut: " TEST "Echo"));
	assert_int_equal(atomic_load(&bench.refused), 1);
	assert_seen(bench.server, opened, 0);
	/* Who may not call is told that first; health is asked by nobody. */
	assert_int_equal(unary(channel, TEST "Operate", "x", NULL, 0, &why),
			 HF_E_DENIED);
	assert_ok(unary(channel, "/grpc.health.v1.Health/Check", "", NULL, 0,
			&why),
		  &why);
	atomic_store(&bench.is_shut, false);
	assert_ok(unary(channel, TEST "Echo", "x", NULL, 0, &why), &why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RPC_TEST(a_stale_socket_is_replaced),
		RPC_TEST(a_live_socket_is_never_taken),
		RPC_TEST(paths_that_cannot_be_are_refused),
		RPC_TEST(a_port_in_use_is_named),
		RPC_TEST(the_probe_tells_who_listens),
		RPC_TEST(a_table_that_disagrees_with_the_schema_is_refused),
		RPC_TEST(what_cannot_be_answered_now_is_refused_with_words),
		RPC_TEST(health_says_whether_we_serve),
		RPC_TEST(reflection_describes_what_is_served),
		RPC_TEST(the_schema_has_every_service),
		RPC_TEST(a_channel_comes_back_by_itself),
		RPC_TEST(a_channel_that_waits_is_hurried),
		RPC_TEST(timers_run_in_order_and_stopped_ones_never),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
