#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>

#include "clock.h"

#include "rpc_server_core.h"

struct hf_rpc_caller {
	struct hf_rpc_caller *next;
	size_t in_flight;
	struct hf_rpc_identity identity;
};

/* ---- callers and how much they have in flight ---- */

static bool is_same(const struct hf_rpc_identity *a,
		    const struct hf_rpc_identity *b)
{
	/* A peer is its organisation, a client its name. */
	return a->kind == b->kind &&
	       memcmp(a->organisation_id, b->organisation_id,
		      sizeof(a->organisation_id)) == 0 &&
	       (a->kind == HF_RPC_PEER || strcmp(a->name, b->name) == 0);
}

static struct hf_rpc_caller **bucket_of(struct hf_rpc_server *server,
					const struct hf_rpc_identity *identity)
{
	uint32_t mix = identity->organisation_id[0];

	for (const char *at = identity->name;
	     identity->kind != HF_RPC_PEER && *at != '\0'; at++)
		mix = mix * 31 + (uint8_t)*at;
	return &server->callers[mix % HF_RPC_CALLER_BUCKETS];
}

/* Callers on our own sockets are not counted: they are ours. */
static enum hf_err count_in(struct hf_rpc_call *call)
{
	struct hf_rpc_caller **bucket =
		bucket_of(call->server, &call->identity);
	struct hf_rpc_caller *caller = *bucket;
	size_t most = call->server->options.calls_per_caller;

	if (call->identity.kind == HF_RPC_LOCAL)
		return HF_OK;
	while (caller != NULL && !is_same(&caller->identity, &call->identity))
		caller = caller->next;
	if (caller == NULL) {
		caller = calloc(1, sizeof(*caller));
		if (caller == NULL)
			return HF_E_NOMEM;
		caller->identity = call->identity;
		caller->next = *bucket;
		*bucket = caller;
	}
	if (caller->in_flight >= (most > 0 ? most : HF_CALLS_PER_PEER_MAX))
		return HF_E_BUSY;
	caller->in_flight++;
	call->caller = caller;
	return HF_OK;
}

static void count_out(struct hf_rpc_call *call)
{
	struct hf_rpc_caller *caller = call->caller;
	struct hf_rpc_caller **at;

	if (caller == NULL)
		return;
	call->caller = NULL;
	if (--caller->in_flight > 0)
		return;
	at = bucket_of(call->server, &caller->identity);
	while (*at != caller)
		at = &(*at)->next;
	*at = caller->next;
	free(caller);
}

/* ---- who calls ---- */

static enum hf_err identify_tls(const struct hf_rpc_call *call,
				struct hf_rpc_identity *out_identity)
{
	grpc_auth_context *context = grpc_call_auth_context(call->core);
	grpc_auth_property_iterator found;
	const grpc_auth_property *pem;
	enum hf_err err = HF_E_UNAUTHENTICATED;

	if (context == NULL)
		return err;
	found = grpc_auth_context_find_properties_by_name(
		context, GRPC_X509_PEM_CERT_PROPERTY_NAME);
	pem = grpc_auth_property_iterator_next(&found);
	if (pem != NULL &&
	    hf_rpc_trust_check(call->server->options.trust,
			       hf_span(pem->value, pem->value_length),
			       out_identity) == HF_OK)
		err = HF_OK;
	grpc_auth_context_release(context);
	return err;
}

static enum hf_err identify(const struct hf_rpc_call *call,
			    struct hf_rpc_identity *out_identity)
{
	const struct hf_rpc_server_options *options = &call->server->options;

	memset(out_identity, 0, sizeof(*out_identity));
	if (options->trust != NULL)
		return identify_tls(call, out_identity);
	out_identity->kind = HF_RPC_LOCAL;
	out_identity->duties = options->local_duties;
	memcpy(out_identity->organisation_id, options->organisation_id,
	       sizeof(out_identity->organisation_id));
	snprintf(out_identity->name, sizeof(out_identity->name), "%s",
		 options->local_name != NULL ? options->local_name : "local");
	return HF_OK;
}

static enum hf_err may_call(const struct hf_rpc_method *method,
			    const struct hf_rpc_identity *identity)
{
	return method->duties == HF_RPC_ANYONE ||
			       (method->duties & identity->duties) != 0
		       ? HF_OK
		       : HF_E_DENIED;
}

/* The calls keep the identity they came with, because other threads may be
 * reading it; only those that may not go on are cut. */
void hf_rpc_recheck(struct hf_rpc_server *server)
{
	/* Cutting runs no handler at once, so the list holds still. */
	for (struct hf_rpc_call *call = server->calls; call != NULL;
	     call = call->next) {
		struct hf_rpc_identity now;
		enum hf_err err = identify(call, &now);

		if (err == HF_OK)
			err = may_call(call->method, &now);
		if (err != HF_OK)
			hf_rpc_cut(call, err);
	}
}

static void drain(struct hf_rpc_call *call)
{
	if (call->events->drain != NULL && !hf_rpc_is_over(call))
		call->events->drain(call);
}

void hf_rpc_drain_calls(struct hf_rpc_server *server)
{
	/* Finishing ends no call at once, so the list holds still. */
	for (struct hf_rpc_call *call = server->calls; call != NULL;
	     call = call->next)
		drain(call);
}

/* ---- admission ---- */

static const struct hf_rpc_events no_events = { .open = NULL };

static void on_deadline(void *arg)
{
	hf_rpc_cut(arg, HF_E_DEADLINE);
}

static struct hf_span text_of(const grpc_slice *slice)
{
	return hf_span(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

/* Health and reflection always are. */
static enum hf_err can_serve(const struct hf_rpc_call *call, struct hf_why *why)
{
	const struct hf_rpc_server_options *options = &call->server->options;

	if (options->can_serve == NULL || call->method < options->methods ||
	    call->method >= options->methods + options->methods_count)
		return HF_OK;
	return options->can_serve(options->arg, call->method, why);
}

static enum hf_err admit(struct hf_rpc_call *call, struct hf_why *why)
{
	enum hf_err err = identify(call, &call->identity);

	if (err != HF_OK)
		return hf_why(why, err, "%s", hf_err_words(err));
	call->method =
		hf_rpc_table_find(call->server, text_of(&call->details.method));
	if (call->method == NULL)
		return hf_why(why, HF_E_UNSUPPORTED, "no such method");
	err = may_call(call->method, &call->identity);
	if (err != HF_OK)
		return hf_why(why, err, "%s is not among this caller's duties",
			      call->method->path);
	err = count_in(call);
	if (err != HF_OK)
		return hf_why(why, err, "%s", hf_err_words(err));
	return can_serve(call, why);
}

static void refuse(struct hf_rpc_call *call, enum hf_err err,
		   const struct hf_why *why)
{
	const struct hf_rpc_server_options *options = &call->server->options;
	struct hf_span path = text_of(&call->details.method);

	if (path.len_bytes > 128)
		path.len_bytes = 128;
	if (options->refused != NULL)
		options->refused(options->arg, path,
				 err != HF_E_UNAUTHENTICATED ? &call->identity
							     : NULL,
				 err);
	call->events = &no_events;
	hf_rpc_finish(call, err, why);
}

/* It has too many open, and calls on. */
static void look_for_flood(struct hf_rpc_call *call)
{
	const struct hf_rpc_server_options *options = &call->server->options;
	char *peer = grpc_call_get_peer(call->core);

	if (hf_rpc_flood_count(&call->server->flood, peer,
			       hf_clock_mono_us()) &&
	    hf_rpc_flood_cut(peer) > 0 && options->flooded != NULL)
		options->flooded(options->arg, &call->identity);
	gpr_free(peer);
}

static void begin(struct hf_rpc_call *call)
{
	struct hf_rpc_server *server = call->server;

	call->events = call->method->events;
	call->arg = server->options.arg;
	call->next = server->calls;
	if (server->calls != NULL)
		server->calls->prev = call;
	server->calls = call;
	call->is_listed = true;
	if (call->method->deadline_ms > 0) {
		call->deadline = (struct hf_rpc_timer){ .run = on_deadline,
							.arg = call };
		hf_rpc_timer_start(call->loop, &call->deadline,
				   call->method->deadline_ms);
	}
	if (call->events->open != NULL)
		call->events->open(call);
	/* It was on its way in when the others were asked to end. */
	if (atomic_load(&server->is_draining) && !server->is_serving)
		drain(call);
	hf_rpc_call_read(call);
	/* Nothing else tells that the caller left while nobody reads. */
	if ((call->method->client_streams || call->is_paused) &&
	    !call->is_finished)
		hf_rpc_call_watch_close(call);
}

/* ---- slots ---- */

static void request(struct hf_rpc_call *call)
{
	struct hf_rpc_server *server = call->server;
	grpc_completion_queue *queue = call->loop->queue;
	grpc_call_error err;

	HF_RPC_HANDS_OVER(&call->accept_tag);
	err = grpc_server_request_call(server->core, &call->core,
				       &call->details, &call->initial, queue,
				       queue, &call->accept_tag);
	/* Refused only when the server is going down: no tag will come. */
	if (err != GRPC_CALL_OK)
		hf_rpc_unref(call);
}

/* There is no memory for another slot: let this one's caller go and offer
 * the same slot again, so that their number stays. */
static void recycle(struct hf_rpc_call *call)
{
	(void)grpc_call_cancel_with_status(call->core,
					   GRPC_STATUS_RESOURCE_EXHAUSTED,
					   hf_err_words(HF_E_NOMEM), NULL);
	grpc_call_unref(call->core);
	call->core = NULL;
	grpc_metadata_array_destroy(&call->initial);
	grpc_metadata_array_init(&call->initial);
	grpc_call_details_destroy(&call->details);
	grpc_call_details_init(&call->details);
	request(call);
}

static void on_accept(void *self, bool ok)
{
	struct hf_rpc_call *call = self;
	struct hf_rpc_server *server = call->server;
	struct hf_why why;
	enum hf_err err;

	if (!ok) { /* The server is going down. */
		hf_rpc_unref(call);
		return;
	}
	if (!hf_rpc_accept(server)) {
		recycle(call);
		return;
	}
	/* The handlers may let go of it while this still looks. */
	hf_rpc_ref(call);
	err = admit(call, &why);
	if (err == HF_E_BUSY)
		look_for_flood(call);
	if (err != HF_OK)
		refuse(call, err, &why);
	else
		begin(call);
	hf_rpc_unref(call);
}

bool hf_rpc_accept(struct hf_rpc_server *server)
{
	struct hf_rpc_call *call = hf_rpc_call_new(server->options.worker);

	if (call == NULL)
		return false;
	call->server = server;
	call->accept_tag = (struct hf_rpc_tag){ on_accept, call };
	pthread_mutex_lock(&server->lock);
	server->live_count++;
	pthread_mutex_unlock(&server->lock);
	request(call);
	return true;
}

void hf_rpc_server_leave(struct hf_rpc_call *call)
{
	struct hf_rpc_server *server = call->server;

	count_out(call);
	if (!call->is_listed)
		return;
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		server->calls = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	call->is_listed = false;
}

void hf_rpc_server_forget(struct hf_rpc_server *server)
{
	pthread_mutex_lock(&server->lock);
	if (--server->live_count == 0)
		pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}
