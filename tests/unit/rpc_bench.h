/*
 * rpc_bench.h -- what the tests of proto/rpc stand on: three loops, a server
 * over TLS, two over unix sockets, certificates, and eyes on both ends.
 *
 * Everything that is waited for is an event; patience_ms() bounds the waiting
 * so that a broken build fails instead of hanging.
 */
#ifndef HF_RPC_BENCH_H
#define HF_RPC_BENCH_H

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "rpc_client.h"
#include "rpc_schema.h"
#include "rpc_server.h"

#define CHUNK_BYTES ((size_t)64 * 1024)

extern const uint8_t rpc_test_schema_at[];
extern const uint8_t rpc_test_schema_end[];

/* What one end has seen; shared by the loops and the test. */
struct eye {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int opened;
	int received;
	size_t received_bytes;
	int halves; /* half-closes */
	int sent;
	int done;
	enum hf_err err; /* the last done's */
	struct hf_why why;
	uint8_t last[256];
	size_t last_bytes;
	struct hf_rpc_call *call; /* referenced: the last opened */
	bool is_closed;           /* keeps no call that opens now */
	bool pauses;
	size_t produced; /* chunks of Pull */
	size_t produce_max;
	size_t queued_max_bytes;
};

struct person {
	char key[2048];
	char cert[4096];
	struct hf_rpc_identity identity;
	bool is_admitted;
};

struct bench {
	char dir[64];
	struct hf_rpc_loop *poller;
	struct hf_rpc_loop *worker;
	struct hf_rpc_loop *outbound;
	struct hf_rpc_trust *trust;
	struct hf_rpc_server *tls;
	struct hf_rpc_server *operators;
	struct hf_rpc_server *readers;
	char tls_target[64];
	char operators_target[128];
	char readers_target[128];
	struct hf_rpc_channel *channels[8];
	size_t channels_count;
	struct hf_rpc_call *calls[128]; /* referenced, of the client */
	size_t calls_count;
	struct eye server;
	struct eye client;
	atomic_int refused;
	atomic_bool is_shut; /* nothing can be answered now */
};

enum { NODE, ALICE, CAROL, MALLORY, PEOPLE };

static struct person people[PEOPLE];
static pthread_mutex_t people_lock = PTHREAD_MUTEX_INITIALIZER;
static struct bench bench;

/* ---- eyes ---- */

static inline void eye_init(struct eye *eye)
{
	pthread_condattr_t monotonic;

	memset(eye, 0, sizeof(*eye));
	pthread_mutex_init(&eye->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&eye->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static inline void eye_reset(struct eye *eye)
{
	struct hf_rpc_call *call;

	pthread_mutex_lock(&eye->lock);
	call = eye->call;
	eye->call = NULL;
	eye->opened = eye->received = eye->halves = eye->sent = eye->done = 0;
	eye->received_bytes = eye->produced = eye->produce_max = 0;
	eye->queued_max_bytes = 0;
	eye->pauses = false;
	pthread_mutex_unlock(&eye->lock);
	hf_rpc_unref(call);
}

/* A call that opens after the test, which failed early, is kept no more: who
 * kept it would keep its loop from ending. */
static inline void eye_close(struct eye *eye)
{
	pthread_mutex_lock(&eye->lock);
	eye->is_closed = true;
	pthread_mutex_unlock(&eye->lock);
	eye_reset(eye);
}

static inline bool eye_wait(struct eye *eye, const int *count, int least)
{
	struct timespec until;
	bool is_there;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += patience_ms() / 1000;
	pthread_mutex_lock(&eye->lock);
	while (*count < least && rc == 0)
		rc = pthread_cond_timedwait(&eye->changed, &eye->lock, &until);
	is_there = *count >= least;
	pthread_mutex_unlock(&eye->lock);
	return is_there;
}

#define assert_comes(eye, field, least)                                        \
	do {                                                                   \
		if (!eye_wait(&(eye), &(eye).field, (least)))                  \
			fail_msg(#eye "." #field " stays below %d", (least));  \
	} while (0)

#define assert_seen(eye, field, want)                                          \
	do {                                                                   \
		long long assert_seen_now;                                     \
		pthread_mutex_lock(&(eye).lock);                               \
		assert_seen_now = (long long)(eye).field;                      \
		pthread_mutex_unlock(&(eye).lock);                             \
		assert_int_equal(assert_seen_now, (want));                     \
	} while (0)

/* The last message begins with that. */
#define assert_last(eye, text)                                                 \
	do {                                                                   \
		uint8_t assert_last_now[sizeof(text)];                         \
		pthread_mutex_lock(&(eye).lock);                               \
		memcpy(assert_last_now, (eye).last, sizeof(text));             \
		pthread_mutex_unlock(&(eye).lock);                             \
		assert_memory_equal(assert_last_now, (text),                   \
				    sizeof(text) - 1);                         \
	} while (0)

static inline void eye_opened(struct eye *eye, struct hf_rpc_call *call)
{
	struct hf_rpc_call *before = NULL;

	pthread_mutex_lock(&eye->lock);
	if (!eye->is_closed) {
		hf_rpc_ref(call);
		before = eye->call;
		eye->call = call;
	}
	eye->opened++;
	pthread_cond_broadcast(&eye->changed);
	pthread_mutex_unlock(&eye->lock);
	hf_rpc_unref(before);
}

static inline void eye_received(struct eye *eye, struct hf_span message)
{
	pthread_mutex_lock(&eye->lock);
	if (message.at == NULL) {
		eye->halves++;
	} else {
		eye->received++;
		eye->received_bytes += message.len_bytes;
		eye->last_bytes = message.len_bytes < sizeof(eye->last)
					  ? message.len_bytes
					  : sizeof(eye->last);
		memcpy(eye->last, message.at, eye->last_bytes);
	}
	pthread_cond_broadcast(&eye->changed);
	pthread_mutex_unlock(&eye->lock);
}

static inline void eye_done(struct eye *eye, struct hf_rpc_call *call,
			    enum hf_err err)
{
	pthread_mutex_lock(&eye->lock);
	eye->done++;
	eye->err = err;
	eye->why = *hf_rpc_why(call);
	pthread_cond_broadcast(&eye->changed);
	pthread_mutex_unlock(&eye->lock);
}

/* ---- the server's handlers ---- */

static inline void s_open(struct hf_rpc_call *call)
{
	eye_opened(&bench.server, call);
}

static inline void s_done(struct hf_rpc_call *call, enum hf_err err)
{
	eye_done(&bench.server, call, err);
}

static inline void s_echo(struct hf_rpc_call *call, struct hf_span message)
{
	eye_received(&bench.server, message);
	hf_rpc_reply(call, message);
}

static inline void s_hold(struct hf_rpc_call *call, struct hf_span message)
{
	eye_received(&bench.server, message);
}

static inline void s_fail(struct hf_rpc_call *call, struct hf_span message)
{
	const struct hf_why why = { "row 7 of /secret/place" };

	hf_rpc_blame(call, "items[7]", "is of no use");
	hf_rpc_finish(call, HF_E_CONFLICT, &why);
}

static inline void s_produce(struct hf_rpc_call *call)
{
	static const uint8_t chunk[CHUNK_BYTES];
	struct eye *eye = &bench.server;
	bool is_last;

	pthread_mutex_lock(&eye->lock);
	eye->produced++;
	is_last = eye->produced > eye->produce_max;
	pthread_mutex_unlock(&eye->lock);
	if (is_last) {
		hf_rpc_finish(call, HF_OK, NULL);
		return;
	}
	(void)hf_rpc_send(call, hf_span(chunk, sizeof(chunk)));
	pthread_mutex_lock(&eye->lock);
	if (hf_rpc_queued(call) > eye->queued_max_bytes)
		eye->queued_max_bytes = hf_rpc_queued(call);
	pthread_mutex_unlock(&eye->lock);
}

static inline void s_pull(struct hf_rpc_call *call, struct hf_span message)
{
	eye_received(&bench.server, message);
	s_produce(call);
}

static inline void s_push(struct hf_rpc_call *call, struct hf_span message)
{
	char count[16];

	eye_received(&bench.server, message);
	if (message.at != NULL)
		return;
	pthread_mutex_lock(&bench.server.lock);
	snprintf(count, sizeof(count), "%d", bench.server.received);
	pthread_mutex_unlock(&bench.server.lock);
	hf_rpc_reply(call, hf_span_of(count));
}

static inline void s_chat(struct hf_rpc_call *call, struct hf_span message)
{
	eye_received(&bench.server, message);
	if (message.at == NULL)
		hf_rpc_finish(call, HF_OK, NULL);
	else
		(void)hf_rpc_send(call, message);
}

static inline void s_answer(struct hf_rpc_call *call)
{
	hf_rpc_reply(call, hf_span_of("late"));
}

static inline void s_drain(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

static const struct hf_rpc_events s_echo_events = { .open = s_open,
						    .recv = s_echo,
						    .done = s_done };
static const struct hf_rpc_events s_hold_events = { .open = s_open,
						    .recv = s_hold,
						    .done = s_done };
static const struct hf_rpc_events s_fail_events = { .recv = s_fail };
static const struct hf_rpc_events s_pull_events = { .open = s_open,
						    .recv = s_pull,
						    .sent = s_produce,
						    .done = s_done,
						    .drain = s_drain };
static const struct hf_rpc_events s_push_events = { .open = s_open,
						    .recv = s_push,
						    .done = s_done };
static const struct hf_rpc_events s_chat_events = { .open = s_open,
						    .recv = s_chat,
						    .done = s_done };

#define TEST "/hashfed.test.v1.Test/"
#define ALL  HF_RPC_ANYONE

/* clang-format off */
static const struct hf_rpc_method methods[] = {
	{ TEST "Echo",    ALL,              1000,             600000, false, false, &s_echo_events, HF_RPC_READS },
	{ TEST "Hold",    ALL,              1000,             0,      false, false, &s_hold_events, HF_RPC_READS },
	{ TEST "Brief",   ALL,              1000,             40,     false, false, &s_hold_events, HF_RPC_READS },
	{ TEST "Fail",    ALL,              1000,             600000, false, false, &s_fail_events, HF_RPC_READS },
	{ TEST "Operate", HF_DUTY_OPERATOR, 1000,             600000, false, false, &s_echo_events, HF_RPC_READS },
	{ TEST "Pull",    ALL,              1000,             0,      false, true,  &s_pull_events, HF_RPC_READS },
	{ TEST "Push",    ALL,              2 * CHUNK_BYTES,  0,      true,  false, &s_push_events, HF_RPC_READS },
	{ TEST "Chat",    ALL,              1000,             0,      true,  true,  &s_chat_events, HF_RPC_READS },
};
/* clang-format on */

/* ---- the client's ---- */

static inline void c_open(struct hf_rpc_call *call)
{
	const char *first = hf_rpc_arg(call);

	pthread_mutex_lock(&bench.client.lock);
	if (bench.client.pauses)
		hf_rpc_pause(call);
	pthread_mutex_unlock(&bench.client.lock);
	eye_opened(&bench.client, call);
	(void)hf_rpc_send(call, hf_span_of(first));
}

static inline void c_open_close(struct hf_rpc_call *call)
{
	c_open(call);
	hf_rpc_finish(call, HF_OK, NULL);
}

static inline void c_recv(struct hf_rpc_call *call, struct hf_span message)
{
	eye_received(&bench.client, message);
}

static inline void c_done(struct hf_rpc_call *call, enum hf_err err)
{
	eye_done(&bench.client, call, err);
}

static inline void c_close(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_OK, NULL);
}

/* Sends one message and half-closes, as unary and server streams do. */
static const struct hf_rpc_events c_once = { .open = c_open_close,
					     .recv = c_recv,
					     .done = c_done };
/* Sends one message and stays. */
static const struct hf_rpc_events c_stays = { .open = c_open,
					      .recv = c_recv,
					      .done = c_done };

static inline struct hf_rpc_call *call_start(struct hf_rpc_channel *channel,
					     const char *path,
					     const struct hf_rpc_events *events,
					     const char *first,
					     int64_t deadline_ms)
{
	struct hf_rpc_call *call = NULL;
	struct hf_why why = { "" };

	if (channel == NULL)
		fail_msg("no channel");
	assert_ok(hf_rpc_call_start(channel, path, events, (void *)first,
				    deadline_ms, &call, &why),
		  &why);
	bench.calls[bench.calls_count++] = call;
	return call;
}

static inline enum hf_err unary(struct hf_rpc_channel *channel,
				const char *path, const char *request,
				char *out_reply, size_t size_bytes,
				struct hf_why *why)
{
	struct hf_buf reply;
	enum hf_err err;

	if (channel == NULL)
		return HF_E_INTERNAL;
	hf_buf_init(&reply, 4096);
	err = hf_rpc_unary(channel, path, hf_span_of(request), patience_ms(),
			   &reply, why);
	if (out_reply != NULL)
		snprintf(out_reply, size_bytes, "%.*s",
			 HF_SPAN_ARGS(hf_buf_span(&reply)));
	hf_buf_release(&reply);
	return err;
}

/* ---- people ---- */

/* Asks for the exact text of the certificate. */
static inline enum hf_err admit(void *arg, struct hf_span pem,
				struct hf_rpc_identity *out_identity)
{
	enum hf_err err = HF_E_UNAUTHENTICATED;

	pthread_mutex_lock(&people_lock);
	for (int i = 0; i < PEOPLE; i++) {
		if (people[i].is_admitted && hf_span_is(pem, people[i].cert)) {
			*out_identity = people[i].identity;
			err = HF_OK;
		}
	}
	pthread_mutex_unlock(&people_lock);
	return err;
}

static inline enum hf_err admit_node(void *arg, struct hf_span pem,
				     struct hf_rpc_identity *out_identity)
{
	return hf_span_is(pem, people[NODE].cert) ? HF_OK
						  : HF_E_UNAUTHENTICATED;
}

static inline enum hf_err admit_nobody(void *arg, struct hf_span pem,
				       struct hf_rpc_identity *out_identity)
{
	return HF_E_UNAUTHENTICATED;
}

static inline void set_admitted(int who, bool is_admitted)
{
	pthread_mutex_lock(&people_lock);
	people[who].is_admitted = is_admitted;
	pthread_mutex_unlock(&people_lock);
}

static inline int slurp(const char *path, char *out_text, size_t size_bytes)
{
	struct hf_buf buf;
	int rc = -1;

	hf_buf_init(&buf, size_bytes - 1);
	if (hf_file_read(path, &buf, NULL) == HF_OK) {
		memcpy(out_text, buf.at, buf.len_bytes);
		out_text[buf.len_bytes] = '\0';
		rc = 0;
	}
	hf_buf_release(&buf);
	return rc;
}

static inline int person_make(int who, const char *dir, const char *name,
			      enum hf_rpc_kind kind, uint32_t duties)
{
	struct person *person = &people[who];
	char path[128];
	char line[512];

	snprintf(line, sizeof(line),
		 "openssl req -x509 -newkey ed25519 -nodes -days 30 "
		 "-subj /CN=%s -keyout %s/%s.key -out %s/%s.crt 2>%s/log",
		 name, dir, name, dir, name, dir);
	if (system(line) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	if (slurp(path, person->key, sizeof(person->key)) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s.crt", dir, name);
	if (slurp(path, person->cert, sizeof(person->cert)) != 0)
		return -1;
	person->identity.kind = kind;
	person->identity.duties = duties;
	person->identity.organisation_id[0] = (uint8_t)(who + 1);
	snprintf(person->identity.name, sizeof(person->identity.name), "%s",
		 name);
	return 0;
}

static inline int remove_one(const char *path, const struct stat *info,
			     int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline int people_make(void)
{
	char dir[] = "/tmp/hf-rpc-XXXXXX";
	int rc = -1;

	if (mkdtemp(dir) != NULL &&
	    person_make(NODE, dir, "node", HF_RPC_PEER, HF_DUTY_PEER) == 0 &&
	    person_make(ALICE, dir, "alice", HF_RPC_PEER, HF_DUTY_PEER) == 0 &&
	    person_make(CAROL, dir, "carol", HF_RPC_CLIENT, HF_DUTY_OPERATOR) ==
		    0 &&
	    person_make(MALLORY, dir, "mallory", HF_RPC_PEER, HF_DUTY_PEER) ==
		    0)
		rc = 0;
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return rc;
}

/* ---- the whole ---- */

static inline void on_refused(void *arg, struct hf_span path,
			      const struct hf_rpc_identity *who,
			      enum hf_err err)
{
	atomic_fetch_add(&bench.refused, 1);
}

static inline enum hf_err
can_serve(void *arg, const struct hf_rpc_method *method, struct hf_why *why)
{
	struct bench *self = arg;

	return atomic_load(&self->is_shut)
		       ? hf_why(why, HF_E_UNAVAILABLE, "shut: %s", method->path)
		       : HF_OK;
}

static inline struct hf_rpc_server_options server_options(uint32_t duties)
{
	return (struct hf_rpc_server_options){
		.poller = bench.poller,
		.worker = bench.worker,
		.methods = methods,
		.methods_count = ROWS(methods),
		.schema = hf_span(
			rpc_test_schema_at,
			(size_t)(rpc_test_schema_end - rpc_test_schema_at)),
		.arg = &bench,
		.local_duties = duties,
		.can_serve = can_serve,
		.refused = on_refused,
	};
}

static inline int unix_server(uint32_t duties, const char *name,
			      struct hf_rpc_server **out_server,
			      char *out_target, size_t size_bytes)
{
	struct hf_rpc_server_options options = server_options(duties);

	snprintf(out_target, size_bytes, "unix:%s/%s.sock", bench.dir, name);
	if (hf_rpc_server_new(&options, out_server, NULL) != HF_OK ||
	    hf_rpc_server_listen_unix(*out_server, out_target + 5, NULL) !=
		    HF_OK ||
	    hf_rpc_server_start(*out_server, NULL) != HF_OK)
		return -1;
	return 0;
}

static inline int tls_server(void)
{
	struct hf_rpc_server_options options = server_options(0);
	int port = 0;

	options.trust = bench.trust;
	options.keypair =
		(struct hf_rpc_keypair){ people[NODE].key, people[NODE].cert };
	if (hf_rpc_server_new(&options, &bench.tls, NULL) != HF_OK ||
	    hf_rpc_server_listen(bench.tls, "127.0.0.1:0", &port, NULL) !=
		    HF_OK ||
	    hf_rpc_server_start(bench.tls, NULL) != HF_OK)
		return -1;
	snprintf(bench.tls_target, sizeof(bench.tls_target), "127.0.0.1:%d",
		 port);
	return 0;
}

static inline struct hf_rpc_channel *channel_as(int who, hf_rpc_admit *check)
{
	const struct hf_rpc_channel_options options = {
		.loop = bench.outbound,
		.target = bench.tls_target,
		.keypair = { people[who].key, people[who].cert },
		.admit = check,
		.backoff_max_ms = 200,
	};
	struct hf_rpc_channel *channel = NULL;

	if (hf_rpc_channel_open(&options, &channel, NULL) == HF_OK)
		bench.channels[bench.channels_count++] = channel;
	return channel;
}

static inline struct hf_rpc_channel *channel_to(const char *target)
{
	const struct hf_rpc_channel_options options = {
		.loop = bench.outbound,
		.target = target,
		.backoff_max_ms = 200,
	};
	struct hf_rpc_channel *channel = NULL;

	if (hf_rpc_channel_open(&options, &channel, NULL) == HF_OK)
		bench.channels[bench.channels_count++] = channel;
	return channel;
}

static inline int bench_open(void **state)
{
	memset(&bench, 0, sizeof(bench));
	eye_init(&bench.server);
	eye_init(&bench.client);
	set_admitted(ALICE, true);
	set_admitted(CAROL, true);
	set_admitted(MALLORY, false);
	snprintf(bench.dir, sizeof(bench.dir), "/tmp/hf-rpc-XXXXXX");
	if (mkdtemp(bench.dir) == NULL)
		return -1;
	if (hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &bench.poller, NULL) != HF_OK ||
	    hf_rpc_loop_new(HF_RPC_LOOP_WORKS, &bench.worker, NULL) != HF_OK ||
	    hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &bench.outbound, NULL) !=
		    HF_OK ||
	    hf_rpc_trust_new(admit, NULL, &bench.trust, NULL) != HF_OK ||
	    tls_server() != 0 ||
	    unix_server(HF_DUTY_OPERATOR, "operator", &bench.operators,
			bench.operators_target,
			sizeof(bench.operators_target)) != 0 ||
	    unix_server(HF_DUTY_READER, "reader", &bench.readers,
			bench.readers_target,
			sizeof(bench.readers_target)) != 0)
		return -1;
	return 0;
}

static inline int bench_close(void **state)
{
	for (size_t i = 0; i < bench.calls_count; i++) {
		if (bench.calls[i] == NULL)
			continue;
		hf_rpc_cancel(bench.calls[i]);
		hf_rpc_unref(bench.calls[i]);
	}
	eye_close(&bench.client);
	eye_close(&bench.server);
	for (size_t i = 0; i < bench.channels_count; i++)
		hf_rpc_channel_close(bench.channels[i]);
	hf_rpc_loop_free(bench.outbound);
	hf_rpc_server_free(bench.tls);
	hf_rpc_server_free(bench.operators);
	hf_rpc_server_free(bench.readers);
	hf_rpc_trust_free(bench.trust);
	hf_rpc_loop_free(bench.worker);
	hf_rpc_loop_free(bench.poller);
	(void)nftw(bench.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static inline int group_open(void **state)
{
	hf_rpc_start(NULL);
	return people_make();
}

static inline int group_close(void **state)
{
	hf_rpc_stop();
	return 0;
}

#define RPC_TEST(function)                                                     \
	cmocka_unit_test_setup_teardown(function, bench_open, bench_close)

#endif /* HF_RPC_BENCH_H */
