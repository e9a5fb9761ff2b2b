#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "log.h"
#include "ringdir.h"
#include "sign.h"

#include "peers_in.h"

static void begin_session(struct hf_link *link);

/* Is the certificate that of the organisation this link is to?  In the
 * handshake, on any thread. */
static enum hf_err admit(void *arg, struct hf_span pem,
			 struct hf_rpc_identity *out_identity)
{
	struct hf_link *link = arg;
	struct hf_ring *ring = hf_ring_holder_get(link->peers->options.ring);
	struct hf_identity identity;
	enum hf_err err =
		hf_ring_admit(ring, pem, hf_clock_wall_ms(), &identity, NULL);

	hf_ring_release(ring);
	if (err != HF_OK)
		return err;
	if (identity.duty != HF_DUTY_PEER ||
	    memcmp(identity.organisation_id, link->organisation_id,
		   HF_HASH_BYTES) != 0)
		return HF_E_UNAUTHENTICATED;
	*out_identity = (struct hf_rpc_identity){ .kind = HF_RPC_PEER,
						  .duties = HF_DUTY_PEER };
	memcpy(out_identity->organisation_id, link->organisation_id,
	       HF_HASH_BYTES);
	memcpy(out_identity->name, link->name, sizeof(link->name));
	return HF_OK;
}

void hf_link_free(struct hf_link *link)
{
	hf_offers_free(link);
	hf_doubts_free(link);
	hf_gossip_forget(link);
	hf_link_forget(link);
	free(link->manifests);
	free(link);
}

/* What was asked in it is still away. */
static bool is_of_last_session(const struct hf_link *link)
{
	return link->is_asking || link->tail != NULL;
}

void hf_link_back(struct hf_link *link)
{
	link->away--;
	if (link->is_going && link->away == 0)
		hf_peers_check_gone(link->peers);
	else if (link->is_due && !is_of_last_session(link))
		begin_session(link);
}

bool hf_link_is_to_blame(enum hf_err err)
{
	switch (err) {
	case HF_E_PROOF:
	case HF_E_MALFORMED:
	case HF_E_SIGNATURE:
	case HF_E_LIMIT:
	case HF_E_ARGUMENT:
	case HF_E_UNSUPPORTED:
		return true;
	default:
		return false;
	}
}

static void on_retry(void *arg)
{
	struct hf_link *link = arg;

	if (link->is_up && !link->is_in_session && !link->is_going)
		begin_session(link);
}

static void tell_away(const struct hf_link *link)
{
	const struct hf_peers_options *options = &link->peers->options;

	if (options->peer_away != NULL)
		options->peer_away(options->arg);
}

static int64_t doubled(int64_t wait_ms)
{
	return wait_ms * 2 < HF_LINK_BACKOFF_MAX_MS ? wait_ms * 2
						    : HF_LINK_BACKOFF_MAX_MS;
}

void hf_link_fail(struct hf_link *link, enum hf_err err,
		  const struct hf_why *why)
{
	uint64_t jitter;

	if (link->is_going)
		return;
	if (strcmp(link->logged.text, why->text) != 0) {
		char quoted[256];

		hf_log(HF_LOG_WARNING, "peer", "failed",
		       "peer=%s err=%s why=\"%s\" retry_ms=%lld", link->name,
		       hf_err_name(err),
		       hf_log_quote(why->text, quoted, sizeof(quoted)),
		       (long long)link->backoff_ms);
		link->logged = *why;
	}
	pthread_mutex_lock(&link->peers->lock);
	link->problem = *why;
	link->refused += hf_link_is_to_blame(err);
	link->is_away = true;
	pthread_mutex_unlock(&link->peers->lock);
	link->is_in_session = false;
	link->is_due = false;
	tell_away(link);
	hf_peers_look(link->peers);
	if (hf_link_is_to_blame(err)) {
		link->is_blamed = true;
		link->blamed_us = hf_clock_mono_us();
	}
	if (link->tail != NULL)
		hf_rpc_cancel(link->tail);
	hf_random(&jitter, sizeof(jitter));
	hf_rpc_timer_start(
		link->peers->options.outbound, &link->retry,
		link->backoff_ms / 2 +
			(int64_t)(jitter % (uint64_t)link->backoff_ms));
	link->backoff_ms = doubled(link->backoff_ms);
}

void hf_link_well(struct hf_link *link)
{
	/* Answering Hello politely does not undo a forged checkpoint: else each
	 * session would begin with a clean slate, and waits would never grow.
	 */
	if (link->is_blamed &&
	    hf_clock_mono_us() - link->blamed_us > HF_LINK_FORGIVE_MS * 1000)
		link->is_blamed = false;
	if (!link->is_blamed) {
		link->backoff_ms = HF_LINK_BACKOFF_MIN_MS;
		link->hurry_ms = HF_LINK_BACKOFF_MIN_MS;
		link->logged.text[0] = '\0';
	}
	pthread_mutex_lock(&link->peers->lock);
	link->seen_ms = hf_clock_wall_ms();
	link->is_away = false;
	if (!link->is_blamed)
		link->problem.text[0] = '\0';
	pthread_mutex_unlock(&link->peers->lock);
}

void hf_link_received(struct hf_link *link, size_t entries_count)
{
	pthread_mutex_lock(&link->peers->lock);
	link->entries_received += entries_count;
	pthread_mutex_unlock(&link->peers->lock);
}

void hf_link_proven(struct hf_link *link)
{
	link->is_blamed = false;
	hf_link_well(link);
}

/* --- asking ----------------------------------------------------------------
 */

static void ask_open(struct hf_rpc_call *call)
{
	struct hf_link_ask *ask = hf_rpc_arg(call);

	(void)hf_rpc_send(call, ask->request);
	hf_rpc_finish(call, HF_OK, NULL);
}

static void ask_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_link_ask *ask = hf_rpc_arg(call);
	uint8_t *copy = malloc(message.len_bytes > 0 ? message.len_bytes : 1);

	if (copy == NULL || ask->reply.at != NULL) {
		free(copy);
		hf_rpc_cancel(call);
		return;
	}
	if (message.len_bytes > 0)
		memcpy(copy, message.at, message.len_bytes);
	ask->reply = hf_span(copy, message.len_bytes);
}

static void ask_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_link_ask *ask = hf_rpc_arg(call);
	struct hf_link *link = ask->link;
	const struct hf_why *why = hf_rpc_why(call);

	if (err == HF_OK && ask->reply.at == NULL)
		err = HF_E_MALFORMED;
	if (err == HF_OK)
		hf_link_well(link);
	ask->on_answer(ask->owner, err, ask->reply, why);
	free((void *)ask->reply.at);
	free((void *)ask->request.at);
	free(ask);
	hf_link_back(link);
}

static const struct hf_rpc_events ask_events = {
	.open = ask_open,
	.recv = ask_recv,
	.done = ask_done,
};

void hf_link_ask_chunks(struct hf_rpc_call *call,
			const struct hf_get_chunks_request *request)
{
	struct hf_buf wire;

	hf_buf_init(&wire, 4096);
	if (hf_get_chunks_request_encode(request, &wire) == HF_OK)
		(void)hf_rpc_send(call, hf_buf_span(&wire));
	hf_buf_release(&wire);
	hf_rpc_finish(call, HF_OK, NULL);
}

enum hf_err hf_link_ask(struct hf_link *link, const char *path,
			struct hf_span request, void *owner,
			void (*on_answer)(void *owner, enum hf_err err,
					  struct hf_span reply,
					  const struct hf_why *why))
{
	struct hf_link_ask *ask = calloc(1, sizeof(*ask));
	uint8_t *copy = malloc(request.len_bytes > 0 ? request.len_bytes : 1);
	enum hf_err err = HF_E_NOMEM;

	if (ask == NULL || copy == NULL)
		goto out_free;
	if (request.len_bytes > 0)
		memcpy(copy, request.at, request.len_bytes);
	*ask = (struct hf_link_ask){
		.link = link,
		.owner = owner,
		.on_answer = on_answer,
		.request = hf_span(copy, request.len_bytes),
	};
	err = hf_rpc_call_start(link->channel, path, &ask_events, ask,
				link->peers->options.timeout_ms, NULL, NULL);
	if (err != HF_OK)
		goto out_free;
	link->away++;
	return HF_OK;

out_free:
	free(copy);
	free(ask);
	return err;
}

/* --- hello -----------------------------------------------------------------
 */

/* Is it the one that was announced?  A peer that announces a newer one and
 * gives what we have would have us ask for ever. */
static enum hf_err check_newer(const struct hf_link *link,
			       struct hf_span document, struct hf_why *why)
{
	struct hf_signed_document outer;
	struct hf_manifest manifest;
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, 2 * HF_UNPACK_MAX_BYTES);
	err = hf_signed_document_parse(document, &arena, &outer, why);
	if (err == HF_OK)
		err = hf_manifest_parse(outer.body, &arena, &manifest, why);
	if (err == HF_OK && (manifest.version != link->asked_version ||
			     memcmp(manifest.organisation_id.at, link->asked_id,
				    HF_HASH_BYTES) != 0))
		err = hf_why(why, HF_E_ARGUMENT,
			     "it gave another manifest than it announced");
	hf_arena_release(&arena);
	return err;
}

static bool ask_manifest(struct hf_link *link);

/* The next one, or what comes when there is none: in a session's beginning
 * Tail, later nothing. */
static void go_on_asking(struct hf_link *link)
{
	if (!ask_manifest(link) && link->tail == NULL)
		hf_link_tail(link);
}

/* It does not have, for us, what it told of: others may. */
static void forget_manifest(struct hf_link *link, const uint8_t *id)
{
	for (size_t i = 0; i < link->manifests_count; i++) {
		if (memcmp(link->manifests[i].organisation_id, id,
			   HF_HASH_BYTES) == 0)
			link->manifests[i].version = 0;
	}
}

/* An organisation that signs two manifests of one version, or claims what is
 * another's, does not cut those off who hold the other one: each gave what he
 * could verify. */
static enum hf_err refuse_manifest(struct hf_link *link, enum hf_err err,
				   const struct hf_why *why)
{
	struct hf_link_manifest *untaken = &link->untaken[link->untaken_count];

	if (memcmp(link->asked_id, link->organisation_id, HF_HASH_BYTES) == 0 ||
	    link->untaken_count == HF_LINK_UNTAKEN_MAX)
		return err;
	memcpy(untaken->organisation_id, link->asked_id, HF_HASH_BYTES);
	untaken->version = link->asked_version;
	link->untaken_count++;
	hf_log(HF_LOG_WARNING, "peer", "newer manifest not taken",
	       "peer=%s err=%s why=\"%s\"", link->name, hf_err_name(err),
	       why->text);
	return HF_E_NOTFOUND;
}

static bool is_untaken(const struct hf_link *link, const uint8_t *id,
		       uint64_t version)
{
	for (size_t i = 0; i < link->untaken_count; i++) {
		if (link->untaken[i].version == version &&
		    memcmp(link->untaken[i].organisation_id, id,
			   HF_HASH_BYTES) == 0)
			return true;
	}
	return false;
}

static enum hf_err take_manifest(struct hf_link *link, struct hf_span reply,
				 struct hf_why *why)
{
	struct hf_get_manifest_response response;
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_get_manifest_response_parse(reply, &arena, &response, why);
	if (err == HF_OK)
		err = check_newer(link, response.manifest, why);
	if (err == HF_OK) {
		err = hf_ring_save_manifest(link->peers->options.ring_dir,
					    response.manifest, why);
		if (err != HF_OK)
			err = refuse_manifest(link, err, why);
	}
	hf_arena_release(&arena);
	return err;
}

static void on_manifest(void *owner, enum hf_err err, struct hf_span reply,
			const struct hf_why *said)
{
	struct hf_link *link = owner;
	struct hf_why why = *said;

	link->is_asking = false;
	if (link->is_going || !link->is_in_session)
		return;
	if (err == HF_OK)
		err = take_manifest(link, reply, &why);
	if (err != HF_OK && err != HF_E_NOTFOUND) {
		hf_why_prefix(&why, "manifest: ");
		hf_link_fail(link, err, &why);
		return;
	}
	if (err == HF_OK) {
		hf_log(HF_LOG_INFO, "peer", "newer manifest taken",
		       "peer=%s version=%llu", link->name,
		       (unsigned long long)link->asked_version);
		link->peers->options.ring_saved(link->peers->options.arg);
	} else {
		forget_manifest(link, link->asked_id);
	}
	/* There may be a still newer one, or another's.  What was saved may
	 * have ended this link. */
	if (!link->is_going)
		go_on_asking(link);
}

/* The first manifest that the peer holds a newer version of: the next one is
 * asked for, one version at a time.  True when it was. */
static bool ask_manifest(struct hf_link *link)
{
	struct hf_ring *ring = hf_ring_holder_get(link->peers->options.ring);
	bool is_asked = false;

	for (size_t i = 0; i < link->manifests_count && !is_asked; i++) {
		const struct hf_link_manifest *told = &link->manifests[i];
		const struct hf_organisation *known =
			hf_ring_by_id(ring, told->organisation_id);
		struct hf_get_manifest_request request;
		struct hf_buf wire;

		if (known == NULL || known->is_self ||
		    told->version <= known->manifest->version ||
		    is_untaken(link, known->id, known->manifest->version + 1))
			continue;
		request.organisation_id =
			hf_span(told->organisation_id, HF_HASH_BYTES);
		request.version = known->manifest->version + 1;
		hf_buf_init(&wire, 4096);
		if (hf_get_manifest_request_encode(&request, &wire) == HF_OK &&
		    hf_link_ask(link, "/hashfed.v1.Federation/GetManifest",
				hf_buf_span(&wire), link,
				on_manifest) == HF_OK) {
			is_asked = true;
			link->is_asking = true;
			link->asked_version = request.version;
			memcpy(link->asked_id, known->id, HF_HASH_BYTES);
		}
		hf_buf_release(&wire);
	}
	hf_ring_release(ring);
	return is_asked;
}

/* Without memory the next session asks. */
static void take_manifests(struct hf_link *link,
			   const struct hf_manifest_mark *marks, size_t count)
{
	struct hf_link_manifest *told = calloc(count + 1, sizeof(*told));

	free(link->manifests);
	link->manifests = told;
	link->manifests_count = told != NULL ? count : 0;
	for (size_t i = 0; i < link->manifests_count; i++) {
		memcpy(told[i].organisation_id, marks[i].organisation_id.at,
		       HF_HASH_BYTES);
		told[i].version = marks[i].version;
	}
}

void hf_link_manifests(struct hf_link *link,
		       const struct hf_manifest_mark *marks, size_t count)
{
	take_manifests(link, marks, count);
	/* Whatever is being asked for now goes on with these. */
	if (!link->is_asking)
		(void)ask_manifest(link);
}

static void on_hello(void *owner, enum hf_err err, struct hf_span reply,
		     const struct hf_why *said)
{
	struct hf_link *link = owner;
	struct hf_hello_response hello;
	struct hf_why why = *said;
	struct hf_arena arena;

	link->is_asking = false;
	if (link->is_going || !link->is_in_session)
		return;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (err == HF_OK)
		err = hf_hello_response_parse(reply, &arena, &hello, &why);
	if (err == HF_OK && (hello.version_min > 1 || hello.format_min > 1))
		err = hf_why(&why, HF_E_UNSUPPORTED,
			     "it speaks protocol %u and format %u at the "
			     "least; this version speaks 1",
			     hello.version_min, hello.format_min);
	if (err != HF_OK) {
		hf_why_prefix(&why, "Hello: ");
		hf_link_fail(link, err, &why);
	} else {
		take_manifests(link, hello.manifests, hello.manifests_count);
		go_on_asking(link);
	}
	hf_arena_release(&arena);
}

static enum hf_err put_hello(struct hf_link *link, struct hf_buf *wire)
{
	struct hf_ring *ring = hf_ring_holder_get(link->peers->options.ring);
	const struct hf_organisation *self = hf_ring_self(ring);
	const struct hf_manifest_mark mark = {
		.organisation_id = hf_span(self->id, HF_HASH_BYTES),
		.version = self->manifest->version,
		.hash = hf_span(self->document_hash, HF_HASH_BYTES),
	};
	enum hf_err err = hf_hello_request_encode(
		&(struct hf_hello_request){
			.version_min = 1,
			.version_max = 1,
			.format_min = 1,
			.format_max = 1,
			.manifests = &mark,
			.manifests_count = 1,
		},
		wire);

	hf_ring_release(ring);
	return err;
}

static void begin_session(struct hf_link *link)
{
	struct hf_why why = { "no memory" };
	struct hf_buf wire;
	enum hf_err err;

	/* What is left of the last session has to come back first, or two of
	 * them would be mixed up. */
	link->is_due = is_of_last_session(link);
	if (link->is_due)
		return;
	link->is_in_session = true;
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	err = put_hello(link, &wire);
	if (err == HF_OK)
		err = hf_link_ask(link, "/hashfed.v1.Federation/Hello",
				  hf_buf_span(&wire), link, on_hello);
	hf_buf_release(&wire);
	link->is_asking = err == HF_OK;
	if (err != HF_OK)
		hf_link_fail(link, err, &why);
}

/* --- the connection --------------------------------------------------------
 */

static void on_state(void *arg, bool is_up)
{
	struct hf_link *link = arg;

	bool was_up = link->is_up;

	if (link->is_going)
		return;
	pthread_mutex_lock(&link->peers->lock);
	link->is_up = is_up;
	link->is_away |= !is_up;
	if (is_up)
		link->problem.text[0] = '\0';
	else
		(void)hf_why(&link->problem, HF_E_UNAVAILABLE,
			     "no connection: nothing answers there, or one of "
			     "the two does not know the other's certificate");
	pthread_mutex_unlock(&link->peers->lock);
	hf_log(HF_LOG_INFO, "peer",
	       is_up    ? "connected"
	       : was_up ? "disconnected"
			: "not reached",
	       "peer=%s endpoint=%s", link->name, link->endpoint);
	if (!is_up)
		tell_away(link);
	/* A connection that is made anew does not shorten what a peer has to
	 * wait for its own doing. */
	if (is_up && link->is_blamed && link->retry.is_armed)
		return;
	if (is_up && !link->is_in_session) {
		hf_rpc_timer_stop(link->peers->options.outbound, &link->retry);
		begin_session(link);
	}
}

void hf_link_heard(struct hf_link *link)
{
	uint64_t now_us = hf_clock_mono_us();

	/* One that comes to us and never answers is not dialled all the time,
	 * and two that both fail do not hurry each other for ever. */
	if (link->is_going || now_us < link->hurry_after_us)
		return;
	link->hurry_after_us = now_us + (uint64_t)link->hurry_ms * 1000;
	link->hurry_ms = doubled(link->hurry_ms);
	if (!link->is_up) {
		hf_log(HF_LOG_INFO, "peer", "dialled at once",
		       "peer=%s why=\"it came to us\"", link->name);
		hf_rpc_channel_hurry(link->channel);
	} else if (link->retry.is_armed && !link->is_blamed) {
		hf_rpc_timer_stop(link->peers->options.outbound, &link->retry);
		on_retry(link);
	}
}

enum hf_err hf_link_new(struct hf_peers *peers,
			const struct hf_organisation *peer,
			const char *endpoint, struct hf_link **out_link)
{
	struct hf_link *link = calloc(1, sizeof(*link));
	struct hf_rpc_channel_options options = {
		.loop = peers->options.outbound,
		.keypair = peers->options.keypair,
		.admit = admit,
		.state = on_state,
		.backoff_max_ms = 5000,
	};
	struct hf_why why = { "" };
	enum hf_err err;

	if (link == NULL)
		return HF_E_NOMEM;
	link->peers = peers;
	link->backoff_ms = HF_LINK_BACKOFF_MIN_MS;
	link->hurry_ms = HF_LINK_BACKOFF_MIN_MS;
	link->retry.run = on_retry;
	link->retry.arg = link;
	hf_gossip_init(link);
	memcpy(link->organisation_id, peer->id, HF_HASH_BYTES);
	strcpy(link->name, peer->name);
	strcpy(link->endpoint, endpoint);
	options.target = link->endpoint;
	options.arg = link;
	err = hf_rpc_channel_open(&options, &link->channel, &why);
	if (err != HF_OK) {
		hf_log(HF_LOG_ERROR, "peer", "not dialled",
		       "peer=%s endpoint=%s why=\"%s\"", link->name, endpoint,
		       why.text);
		free(link);
		return err;
	}
	*out_link = link;
	return HF_OK;
}

void hf_link_close(struct hf_link *link)
{
	link->is_going = true;
	link->is_in_session = false;
	link->is_due = false;
	hf_rpc_timer_stop(link->peers->options.outbound, &link->retry);
	hf_rpc_timer_stop(link->peers->options.outbound, &link->gossip);
	for (struct hf_follow *follow = link->peers->follows; follow != NULL;
	     follow = follow->next)
		hf_follow_without(follow, link);
	for (struct hf_follow *follow = link->peers->own; follow != NULL;
	     follow = follow->next)
		hf_follow_without(follow, link);
	if (link->tail != NULL)
		hf_rpc_cancel(link->tail);
	hf_rpc_channel_close(link->channel);
	link->channel = NULL;
}
