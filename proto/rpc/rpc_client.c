#include <stdlib.h>
#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#include "rpc_args.h"
#include "rpc_client.h"
#include "rpc_core.h"
#include "rpc_trust.h"

struct hf_rpc_channel {
	struct hf_rpc_loop *loop; /* borrowed */
	grpc_channel *core;       /* owned until closed */
	void (*state)(void *arg, bool is_up);
	void *arg;
	atomic_int refs; /* the owner's, the watch's, one for each call */
	struct hf_rpc_tag watch_tag;
	struct hf_rpc_task begin_task;
	struct hf_rpc_task close_task;
	/* the loop's thread */
	struct hf_rpc_call *calls;
	bool is_up;
	bool is_said; /* that it is down, since it was up last */
	bool is_closed;
};

/* ---- the channel ---- */

void hf_rpc_channel_unref(struct hf_rpc_channel *channel)
{
	struct hf_rpc_loop *loop = channel->loop;

	if (atomic_fetch_sub(&channel->refs, 1) != 1)
		return;
	free(channel);
	hf_rpc_loop_drop(loop);
}

static void watch(struct hf_rpc_channel *channel)
{
	/* Asked with 1: an idle channel connects. */
	grpc_connectivity_state now =
		grpc_channel_check_connectivity_state(channel->core, 1);
	bool is_up = now == GRPC_CHANNEL_READY;

	HF_RPC_HANDS_OVER(&channel->watch_tag);
	grpc_channel_watch_connectivity_state(
		channel->core, now, gpr_inf_future(GPR_CLOCK_REALTIME),
		channel->loop->queue, &channel->watch_tag);
	/* An attempt that failed is news too, once. */
	if (is_up != channel->is_up ||
	    (now == GRPC_CHANNEL_TRANSIENT_FAILURE && !channel->is_said)) {
		channel->is_up = is_up;
		channel->is_said = !is_up;
		if (channel->state != NULL)
			channel->state(channel->arg, is_up);
	}
}

static void on_watch(void *self, bool ok)
{
	struct hf_rpc_channel *channel = self;

	if (channel->is_closed)
		hf_rpc_channel_unref(channel);
	else
		watch(channel);
}

static void on_begin(void *arg)
{
	struct hf_rpc_channel *channel = arg;

	if (!channel->is_closed)
		watch(channel);
	else
		hf_rpc_channel_unref(channel);
}

static void on_close(void *arg)
{
	struct hf_rpc_channel *channel = arg;

	channel->is_closed = true;
	/* Cutting runs no handler at once, so the list holds still. */
	for (struct hf_rpc_call *call = channel->calls; call != NULL;
	     call = call->next)
		hf_rpc_cut(call, HF_E_UNAVAILABLE);
	grpc_channel_destroy(channel->core);
	hf_rpc_channel_unref(channel);
}

static bool is_local(const struct hf_rpc_channel_options *options)
{
	return strncmp(options->target, "unix:", 5) == 0;
}

static grpc_channel *core_new(const struct hf_rpc_channel_options *options,
			      grpc_channel_credentials *credentials)
{
	struct hf_rpc_args args;
	grpc_channel *core;
	int64_t backoff_min_ms =
		options->backoff_min_ms > 0 ? options->backoff_min_ms : 250;
	int64_t backoff_max_ms =
		options->backoff_max_ms > 0 ? options->backoff_max_ms : 10000;

	hf_rpc_args_init(&args);
	if (is_local(options))
		hf_rpc_args_local(&args);
	hf_rpc_args_int(&args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
			(int)HF_MESSAGE_MAX_BYTES + 65536);
	hf_rpc_args_int(&args, GRPC_ARG_MAX_METADATA_SIZE,
			(int)HF_METADATA_MAX_BYTES);
	hf_rpc_args_int(&args,
			GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
	/* 16 % on unary calls; retrying is the caller's decision anyway. */
	hf_rpc_args_int(&args, GRPC_ARG_ENABLE_RETRIES, 0);
	hf_rpc_args_int(&args, GRPC_ARG_ENABLE_HTTP_PROXY, 0);
	/* No TXT records asked of the name server. */
	hf_rpc_args_int(&args, GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
	/* Two channels with the same target share nothing. */
	hf_rpc_args_int(&args, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
	hf_rpc_args_int(&args, GRPC_ARG_KEEPALIVE_TIME_MS, 60000);
	hf_rpc_args_int(&args, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
	hf_rpc_args_int(&args, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
	hf_rpc_args_int(&args, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
	hf_rpc_args_int(&args, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
			(int)backoff_min_ms);
	hf_rpc_args_int(&args, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
			(int)backoff_max_ms);
	hf_rpc_args_quota(&args, "hashfed-client", HF_RPC_QUOTA_BYTES);
	core = grpc_channel_create(options->target, credentials, &args.list);
	hf_rpc_args_release(&args);
	return core;
}

enum hf_err hf_rpc_channel_open(const struct hf_rpc_channel_options *options,
				struct hf_rpc_channel **out_channel,
				struct hf_why *why)
{
	bool is_unix = is_local(options);
	grpc_channel_credentials *credentials;
	struct hf_rpc_channel *channel;

	if (!is_unix &&
	    (options->admit == NULL || options->keypair.key_pem == NULL ||
	     options->keypair.cert_pem == NULL))
		return hf_why(why, HF_E_ARGUMENT,
			      "rpc: %s: a certificate is needed",
			      options->target);
	channel = calloc(1, sizeof(*channel));
	if (channel == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: channel: out of memory");
	credentials = is_unix ? grpc_insecure_credentials_create()
			      : hf_rpc_tls_client(options->admit, options->arg,
						  &options->keypair);
	if (credentials == NULL) {
		free(channel);
		return hf_why(why, HF_E_NOMEM, "rpc: TLS: out of memory");
	}
	channel->loop = options->loop;
	channel->state = options->state;
	channel->arg = options->arg;
	atomic_init(&channel->refs, 2);
	channel->watch_tag = (struct hf_rpc_tag){ on_watch, channel };
	channel->begin_task =
		(struct hf_rpc_task){ .run = on_begin, .arg = channel };
	channel->close_task =
		(struct hf_rpc_task){ .run = on_close, .arg = channel };
	hf_rpc_loop_hold(channel->loop);
	channel->core = core_new(options, credentials);
	grpc_channel_credentials_release(credentials);
	hf_rpc_loop_post(channel->loop, &channel->begin_task);
	*out_channel = channel;
	return HF_OK;
}

void hf_rpc_channel_close(struct hf_rpc_channel *channel)
{
	if (channel != NULL)
		hf_rpc_loop_post(channel->loop, &channel->close_task);
}

void hf_rpc_channel_hurry(struct hf_rpc_channel *channel)
{
	grpc_channel_reset_connect_backoff(channel->core);
}

/* ---- calls ---- */

static void list(struct hf_rpc_call *call)
{
	struct hf_rpc_channel *channel = call->channel;

	call->next = channel->calls;
	if (channel->calls != NULL)
		channel->calls->prev = call;
	channel->calls = call;
	call->is_listed = true;
}

void hf_rpc_answer_init(struct hf_rpc_answer *answer)
{
	grpc_metadata_array_init(&answer->trailing);
	answer->status = GRPC_STATUS_UNKNOWN;
	answer->text = grpc_empty_slice();
}

void hf_rpc_answer_release(struct hf_rpc_answer *answer)
{
	grpc_metadata_array_destroy(&answer->trailing);
	grpc_slice_unref(answer->text);
}

grpc_op hf_rpc_answer_op(struct hf_rpc_answer *answer)
{
	grpc_op op;

	memset(&op, 0, sizeof(op));
	op.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	op.data.recv_status_on_client.trailing_metadata = &answer->trailing;
	op.data.recv_status_on_client.status = &answer->status;
	op.data.recv_status_on_client.status_details = &answer->text;
	return op;
}

static void watch_status(struct hf_rpc_call *call)
{
	grpc_op ops[2];

	memset(ops, 0, sizeof(ops));
	/* Always asked for: without it gRPC holds on to what came. */
	ops[0].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[0].data.recv_initial_metadata.recv_initial_metadata =
		&call->initial;
	ops[1] = hf_rpc_answer_op(&call->answer);
	hf_rpc_call_batch(call, ops, 2, &call->close_tag);
}

/* The first event, on the loop. */
static void on_call_begin(void *arg)
{
	struct hf_rpc_call *call = arg;

	list(call);
	/* What open() says goes out with the headers, in one batch and one
	 * packet: for a call of one message that is all there is to send. */
	call->is_sending = true;
	if (call->events->open != NULL)
		call->events->open(call);
	call->is_sending = false;
	hf_rpc_call_flush(call);
	watch_status(call);
	if (call->channel->is_closed)
		hf_rpc_cut(call, HF_E_UNAVAILABLE);
	hf_rpc_call_read(call);
}

void hf_rpc_channel_leave(struct hf_rpc_call *call)
{
	if (!call->is_listed)
		return;
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		call->channel->calls = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	call->is_listed = false;
}

static gpr_timespec until(int64_t deadline_ms)
{
	if (deadline_ms <= 0)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
			    gpr_time_from_millis(deadline_ms, GPR_TIMESPAN));
}

enum hf_err hf_rpc_call_start(struct hf_rpc_channel *channel, const char *path,
			      const struct hf_rpc_events *events, void *arg,
			      int64_t deadline_ms,
			      struct hf_rpc_call **out_call, struct hf_why *why)
{
	struct hf_rpc_call *call = hf_rpc_call_new(channel->loop);

	if (call == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: call: out of memory");
	call->path = strdup(path);
	if (call->path == NULL) {
		hf_rpc_unref(call);
		return hf_why(why, HF_E_NOMEM, "rpc: call: out of memory");
	}
	call->events = events;
	call->arg = arg;
	call->channel = channel;
	atomic_fetch_add(&channel->refs, 1);
	call->core = hf_rpc_channel_call(channel, path, deadline_ms);
	if (out_call != NULL) {
		hf_rpc_ref(call);
		*out_call = call;
	}
	call->begin_task =
		(struct hf_rpc_task){ .run = on_call_begin, .arg = call };
	hf_rpc_loop_post(channel->loop, &call->begin_task);
	return HF_OK;
}

static struct hf_span span_of(const grpc_slice *slice)
{
	return hf_span(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

enum hf_err hf_rpc_answer_read(const struct hf_rpc_answer *answer,
			       struct hf_why *out_why)
{
	struct hf_span details = { NULL, 0 };
	struct hf_rpc_status status;

	for (size_t i = 0; i < answer->trailing.count; i++) {
		const grpc_metadata *row = &answer->trailing.metadata[i];

		if (hf_span_is(span_of(&row->key), HF_RPC_DETAILS_KEY))
			details = span_of(&row->value);
	}
	/* Details that do not decode add nothing: the number still counts. */
	(void)hf_rpc_status_parse((int)answer->status, span_of(&answer->text),
				  details, &status);
	*out_why = status.why;
	return status.err;
}

grpc_call *hf_rpc_channel_call(struct hf_rpc_channel *channel, const char *path,
			       int64_t deadline_ms)
{
	grpc_slice name = grpc_slice_from_copied_string(path);
	grpc_call *call = grpc_channel_create_call(
		channel->core, NULL, GRPC_PROPAGATE_DEFAULTS,
		channel->loop->queue, name, NULL, until(deadline_ms), NULL);

	grpc_slice_unref(name);
	return call;
}
