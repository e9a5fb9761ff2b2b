#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <grpc/grpc_security.h>

#include "clock.h"

#include "rpc_args.h"
#include "rpc_server_core.h"

#define MINUTES(count) ((count)*60 * 1000)

/* How long an idle connection has to hang up at a stop. */
#define LINGER_MS 50

/* ---- the table ---- */

static uint64_t mix(struct hf_span path)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < path.len_bytes; i++)
		hash = (hash ^ path.at[i]) * UINT64_C(1099511628211);
	return hash;
}

const struct hf_rpc_method *
hf_rpc_table_find(const struct hf_rpc_server *server, struct hf_span path)
{
	size_t slot = mix(path) & server->methods_mask;

	while (server->methods[slot] != NULL &&
	       !hf_span_is(path, server->methods[slot]->path))
		slot = (slot + 1) & server->methods_mask;
	return server->methods[slot];
}

static enum hf_err add(struct hf_rpc_server *server,
		       const struct hf_rpc_method *method, struct hf_why *why)
{
	struct hf_span path = hf_span_of(method->path);
	size_t slot = mix(path) & server->methods_mask;
	bool client_streams;
	bool server_streams;

	if (!hf_rpc_descriptor_method(server->descriptor, path, &client_streams,
				      &server_streams))
		return hf_why(why, HF_E_ARGUMENT,
			      "rpc: %s is not in the schema", method->path);
	if (client_streams != method->client_streams ||
	    server_streams != method->server_streams)
		return hf_why(why, HF_E_ARGUMENT,
			      "rpc: %s streams otherwise in the schema",
			      method->path);
	if (hf_rpc_table_find(server, path) != NULL)
		return hf_why(why, HF_E_ARGUMENT, "rpc: %s is there twice",
			      method->path);
	while (server->methods[slot] != NULL)
		slot = (slot + 1) & server->methods_mask;
	server->methods[slot] = method;
	return HF_OK;
}

enum hf_err hf_rpc_table_make(struct hf_rpc_server *server, struct hf_why *why)
{
	const struct hf_rpc_server_options *options = &server->options;
	size_t size = 16;
	enum hf_err err = HF_OK;

	while (size < 2 * (options->methods_count + 4))
		size *= 2;
	server->methods = calloc(size, sizeof(const struct hf_rpc_method *));
	if (server->methods == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: table: out of memory");
	server->methods_mask = size - 1;
	for (size_t i = 0; i < options->methods_count && err == HF_OK; i++)
		err = add(server, &options->methods[i], why);
	for (size_t i = 0; i < 2 && err == HF_OK; i++)
		err = add(server, &hf_rpc_health_methods[i], why);
	for (size_t i = 0; i < 2 && err == HF_OK; i++)
		err = add(server, &hf_rpc_reflection_methods[i], why);
	return err;
}

/* ---- channel arguments ---- */

/*
 * Each was measured (DESIGN.md): the limits on sizes bound memory; the quota is
 * what stops an unfinished message, which the message limit does not; without
 * decompression there are no bombs (196 kB became 210 MB); two daemons must
 * not share a port in silence; a slow handshake holds a descriptor.
 */
static grpc_server *core_new(const struct hf_rpc_server_options *options)
{
	struct hf_rpc_args args;
	grpc_server *core;

	hf_rpc_args_init(&args);
	if (options->trust == NULL)
		hf_rpc_args_local(&args);
	/* The layer says LIMIT with the method's own size; this is the stop
	 * behind it, with room so that the layer sees a small excess. */
	hf_rpc_args_int(&args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
			(int)HF_MESSAGE_MAX_BYTES + 65536);
	hf_rpc_args_int(&args, GRPC_ARG_MAX_METADATA_SIZE,
			(int)HF_METADATA_MAX_BYTES);
	hf_rpc_args_int(&args, GRPC_ARG_MAX_CONCURRENT_STREAMS, HF_STREAMS_MAX);
	hf_rpc_args_int(&args,
			GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
	hf_rpc_args_int(&args, GRPC_ARG_ALLOW_REUSEPORT, 0);
	hf_rpc_args_int(&args, GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000);
	hf_rpc_args_int(&args, GRPC_ARG_KEEPALIVE_TIME_MS, 60000);
	hf_rpc_args_int(&args, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
	hf_rpc_args_int(&args, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
	hf_rpc_args_int(&args,
			GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
			30000);
	hf_rpc_args_int(&args, GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
	/* Ends requests that never complete, and connections of callers who
	 * are no longer admitted.  People on our own sockets may watch on. */
	if (options->trust != NULL) {
		hf_rpc_args_int(&args, GRPC_ARG_MAX_CONNECTION_IDLE_MS,
				MINUTES(5));
		hf_rpc_args_int(&args, GRPC_ARG_MAX_CONNECTION_AGE_MS,
				MINUTES(60));
		hf_rpc_args_int(&args, GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
				30000);
	}
	hf_rpc_args_quota(&args, "hashfed-server", HF_RPC_QUOTA_BYTES);
	core = grpc_server_create(&args.list, NULL);
	hf_rpc_args_release(&args);
	return core;
}

/* ---- life ---- */

static void on_trust(void *arg)
{
	struct hf_rpc_server *server = arg;

	hf_rpc_recheck(server);
	if (!server->is_gone)
		hf_rpc_timer_start(server->options.worker, &server->trust_timer,
				   HF_RPC_TRUST_KEEP_MS);
}

static void on_serving(void *arg)
{
	struct hf_rpc_server *server = arg;

	server->is_serving = atomic_load(&server->wants_serving);
	hf_rpc_health_changed(server);
	if (atomic_load(&server->is_draining))
		hf_rpc_drain_calls(server);
}

static void on_stop(void *self, bool ok)
{
	struct hf_rpc_server *server = self;

	pthread_mutex_lock(&server->lock);
	server->is_stopped = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void on_gone(void *arg)
{
	struct hf_rpc_server *server = arg;

	hf_rpc_timer_stop(server->options.worker, &server->trust_timer);
	pthread_mutex_lock(&server->lock);
	server->is_gone = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void wire_up(struct hf_rpc_server *server)
{

	pthread_mutex_init(&server->lock, NULL);
	hf_clock_cond_init(&server->changed);
	server->stop_tag = (struct hf_rpc_tag){ on_stop, server };
	server->trust_task =
		(struct hf_rpc_task){ .run = on_trust, .arg = server };
	server->serving_task =
		(struct hf_rpc_task){ .run = on_serving, .arg = server };
	server->gone_task =
		(struct hf_rpc_task){ .run = on_gone, .arg = server };
	server->trust_timer =
		(struct hf_rpc_timer){ .run = on_trust, .arg = server };
	server->trust_user.loop = server->options.worker;
	server->trust_user.task = &server->trust_task;
	atomic_init(&server->wants_serving, false);
	atomic_init(&server->is_draining, false);
}

static void release(struct hf_rpc_server *server)
{
	if (server->credentials != NULL)
		grpc_server_credentials_release(server->credentials);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	hf_rpc_descriptor_free(server->descriptor);
	free(server->methods);
	free(server);
}

enum hf_err hf_rpc_server_new(const struct hf_rpc_server_options *options,
			      struct hf_rpc_server **out_server,
			      struct hf_why *why)
{
	struct hf_rpc_server *server = calloc(1, sizeof(*server));
	enum hf_err err;

	if (server == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: server: out of memory");
	server->options = *options;
	wire_up(server);
	err = hf_rpc_descriptor_new(options->schema, &server->descriptor, why);
	if (err == HF_OK)
		err = hf_rpc_table_make(server, why);
	if (err == HF_OK && options->trust != NULL) {
		server->credentials =
			hf_rpc_tls_server(options->trust, &options->keypair);
		if (server->credentials == NULL)
			err = hf_why(why, HF_E_NOMEM,
				     "rpc: TLS: out of memory");
	}
	if (err != HF_OK) {
		release(server);
		return err;
	}
	/* Copied by gRPC; the caller may wipe it now. */
	server->options.keypair = (struct hf_rpc_keypair){ NULL, NULL };
	server->core = core_new(options);
	grpc_server_register_completion_queue(server->core,
					      options->worker->queue, NULL);
	grpc_server_register_completion_queue(server->core,
					      options->poller->queue, NULL);
	*out_server = server;
	return HF_OK;
}

enum hf_err hf_rpc_server_start(struct hf_rpc_server *server,
				struct hf_why *why)
{
	size_t slots = 0;

	assert(!server->is_started && !atomic_load(&server->is_draining));
	grpc_server_start(server->core);
	server->is_started = true;
	while (slots < HF_RPC_ACCEPT_SLOTS && hf_rpc_accept(server))
		slots++;
	if (slots == 0)
		return hf_why(why, HF_E_NOMEM, "rpc: server: out of memory");
	if (server->options.trust != NULL) {
		hf_rpc_trust_join(server->options.trust, &server->trust_user);
		/* Once by hand: it starts the timer. */
		hf_rpc_loop_post(server->options.worker, &server->trust_task);
	}
	hf_rpc_server_set_serving(server, true);
	return HF_OK;
}

void hf_rpc_server_set_serving(struct hf_rpc_server *server, bool is_serving)
{
	atomic_store(&server->wants_serving, is_serving);
	hf_rpc_loop_post(server->options.worker, &server->serving_task);
}

void hf_rpc_server_drain(struct hf_rpc_server *server)
{
	if (atomic_exchange(&server->is_draining, true))
		return;
	hf_rpc_server_set_serving(server, false);
	HF_RPC_HANDS_OVER(&server->stop_tag);
	grpc_server_shutdown_and_notify(
		server->core, server->options.worker->queue, &server->stop_tag);
}

static struct timespec in_ms(int64_t delay_ms)
{
	return hf_clock_moment(hf_clock_mono_us() + (uint64_t)delay_ms * 1000);
}

bool hf_rpc_server_stop(struct hf_rpc_server *server, int64_t grace_ms)
{
	struct timespec until = in_ms(grace_ms > 0 ? grace_ms : 0);
	struct timespec linger;
	bool is_clean;
	int rc = 0;

	assert(!hf_rpc_loop_is_here(server->options.worker));
	hf_rpc_server_drain(server);
	pthread_mutex_lock(&server->lock);
	while (!server->is_stopped && server->live_count != 0 && rc == 0)
		rc = pthread_cond_timedwait(&server->changed, &server->lock,
					    &until);
	is_clean = server->is_stopped || server->live_count == 0;
	/* Without calls, gRPC still waits for connections: those who do not
	 * hang up by themselves are hung up on. */
	linger = in_ms(LINGER_MS);
	for (rc = 0; is_clean && !server->is_stopped && rc == 0;)
		rc = pthread_cond_timedwait(&server->changed, &server->lock,
					    &linger);
	if (!server->is_stopped) {
		pthread_mutex_unlock(&server->lock);
		grpc_server_cancel_all_calls(server->core);
		pthread_mutex_lock(&server->lock);
	}
	while (!server->is_stopped)
		pthread_cond_wait(&server->changed, &server->lock);
	pthread_mutex_unlock(&server->lock);
	return is_clean;
}

void hf_rpc_server_free(struct hf_rpc_server *server)
{
	if (server == NULL)
		return;
	(void)hf_rpc_server_stop(server, 0);
	if (server->options.trust != NULL)
		hf_rpc_trust_part(server->options.trust, &server->trust_user);
	pthread_mutex_lock(&server->lock);
	while (server->live_count != 0)
		pthread_cond_wait(&server->changed, &server->lock);
	pthread_mutex_unlock(&server->lock);
	/* Behind every task and event that was for this server. */
	hf_rpc_loop_post(server->options.worker, &server->gone_task);
	pthread_mutex_lock(&server->lock);
	while (!server->is_gone)
		pthread_cond_wait(&server->changed, &server->lock);
	pthread_mutex_unlock(&server->lock);
	grpc_server_destroy(server->core);
	hf_rpc_listeners_close(server);
	release(server);
}
