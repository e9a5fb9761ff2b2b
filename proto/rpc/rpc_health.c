#include <stdlib.h>

#include "rpc_server_core.h"
#include "rpc_wire.h"

/* grpc/health/v1/health.proto */
enum {
	REQUEST_SERVICE = 1,
	RESPONSE_STATUS = 1,
	SERVING = 1,
	NOT_SERVING = 2,
	SERVICE_UNKNOWN = 3,
};

/* A varint field below 128: two bytes, whatever the status. */
struct state {
	uint8_t bytes[2];
};

static struct state encode(unsigned status)
{
	return (struct state){ { RESPONSE_STATUS << 3, (uint8_t)status } };
}

static unsigned serving(const struct hf_rpc_server *server)
{
	return server->is_serving ? SERVING : NOT_SERVING;
}

/* "/package.Service/" begins the path of one of our methods. */
static bool has_service(const struct hf_rpc_server *server, struct hf_span name)
{
	for (size_t i = 0; i <= server->methods_mask; i++) {
		const struct hf_rpc_method *method = server->methods[i];
		struct hf_span path;

		if (method == NULL)
			continue;
		path = hf_span_of(method->path);
		if (path.len_bytes > name.len_bytes + 1 &&
		    path.at[name.len_bytes + 1] == '/' &&
		    hf_span_equal(hf_span(path.at + 1, name.len_bytes), name))
			return true;
	}
	return false;
}

/* false: the request did not decode, and the call was ended for that. */
static bool parse(struct hf_rpc_call *call, struct hf_span message,
		  bool *out_is_known)
{
	struct hf_rpc_wire wire = hf_rpc_wire(message);
	struct hf_span name = { NULL, 0 };
	struct hf_rpc_field field;

	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, REQUEST_SERVICE))
			name = field.bytes;
	}
	if (wire.is_bad) {
		hf_rpc_finish(call, HF_E_MALFORMED, NULL);
		return false;
	}
	*out_is_known = name.len_bytes == 0 || has_service(call->server, name);
	return true;
}

static void check_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct state state = encode(serving(call->server));
	const struct hf_why why = { "no such service" };
	bool is_known;

	if (!parse(call, message, &is_known))
		return;
	if (is_known)
		hf_rpc_reply(call, hf_span(state.bytes, sizeof(state.bytes)));
	else
		hf_rpc_finish(call, HF_E_NOTFOUND, &why);
}

static void say(struct hf_rpc_call *call, unsigned status)
{
	struct state state = encode(status);

	(void)hf_rpc_send(call, hf_span(state.bytes, sizeof(state.bytes)));
}

static void watch_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_rpc_server *server = call->server;
	struct hf_rpc_watcher *watcher;
	bool is_known;

	if (!parse(call, message, &is_known))
		return;
	/* Our services are fixed at start: an unknown one stays so. */
	if (!is_known) {
		say(call, SERVICE_UNKNOWN);
		return;
	}
	watcher = calloc(1, sizeof(*watcher));
	if (watcher == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	watcher->call = call;
	watcher->next = server->watchers;
	if (server->watchers != NULL)
		server->watchers->prev = watcher;
	server->watchers = watcher;
	hf_rpc_set_data(call, watcher);
	say(call, serving(server));
}

static void watch_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_rpc_watcher *watcher = hf_rpc_data(call);

	if (watcher == NULL)
		return;
	if (watcher->prev != NULL)
		watcher->prev->next = watcher->next;
	else
		call->server->watchers = watcher->next;
	if (watcher->next != NULL)
		watcher->next->prev = watcher->prev;
	free(watcher);
}

void hf_rpc_health_changed(struct hf_rpc_server *server)
{
	/* Sending ends no call at once, so the list holds still. */
	for (struct hf_rpc_watcher *watcher = server->watchers; watcher != NULL;
	     watcher = watcher->next) {
		say(watcher->call, serving(server));
		/* A watch would hold up a stop for all of its grace. */
		if (atomic_load(&server->is_draining))
			hf_rpc_finish(watcher->call, HF_E_UNAVAILABLE, NULL);
	}
}

static const struct hf_rpc_events check_events = { .recv = check_recv };
static const struct hf_rpc_events watch_events = { .recv = watch_recv,
						   .done = watch_done };

/* clang-format off */
const struct hf_rpc_method hf_rpc_health_methods[2] = {
	{ "/grpc.health.v1.Health/Check", HF_RPC_ANYONE, 4096, 5000, false, false,
	  &check_events, HF_RPC_READS },
	{ "/grpc.health.v1.Health/Watch", HF_RPC_ANYONE, 4096, 0, false, true,
	  &watch_events, HF_RPC_READS },
};
/* clang-format on */
