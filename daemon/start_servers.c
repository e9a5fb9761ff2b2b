#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "log.h"
#include "ring.h"
#include "rpc_client.h"
#include "rpc_schema.h"
#include "rpc_server.h"
#include "serve.h"

#include "start.h"

/* Where programs of this machine connect, and which group may: the file's
 * group decides, and everyone else has no way in. */
static const struct {
	const char *name;
	uint32_t duties;
	const char *group;
} locals[HF_START_LOCAL_COUNT] = {
	{ "operator.sock", HF_DUTY_OPERATOR | HF_DUTY_ANALYST,
	  "hashfed-operators" },
	{ "analyst.sock", HF_DUTY_ANALYST, "hashfed-analysts" },
	{ "scanner.sock", HF_DUTY_SCANNER, "hashfed-scanners" },
	{ "reader.sock", HF_DUTY_READER, "hashfed-readers" },
};

static enum hf_err on_admit(void *arg, struct hf_span pem,
			    struct hf_rpc_identity *out_identity)
{
	struct hf_node *node = arg;
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	struct hf_identity identity;
	enum hf_err err =
		hf_ring_admit(ring, pem, hf_clock_wall_ms(), &identity, NULL);

	hf_ring_release(ring);
	if (err != HF_OK)
		return err;
	*out_identity = (struct hf_rpc_identity){
		.kind = identity.duty == HF_DUTY_PEER ? HF_RPC_PEER
						      : HF_RPC_CLIENT,
		.duties = identity.duty,
	};
	memcpy(out_identity->organisation_id, identity.organisation_id,
	       HF_HASH_BYTES);
	memcpy(out_identity->name, identity.name, sizeof(identity.name));
	hf_hex(identity.serial, identity.serial_len_bytes,
	       out_identity->serial);
	return HF_OK;
}

static void on_refused(void *arg, struct hf_span path,
		       const struct hf_rpc_identity *who, enum hf_err err)
{
	char text[129], quoted[129];

	snprintf(text, sizeof(text), "%.*s", HF_SPAN_ARGS(path));
	hf_log(HF_LOG_DEBUG, "rpc", "call refused", "path=\"%s\" who=%s err=%s",
	       hf_log_quote(text, quoted, sizeof(quoted)),
	       who != NULL ? who->name : "unknown", hf_err_name(err));
}

static void on_flooded(void *arg, const struct hf_rpc_identity *who)
{
	hf_log(HF_LOG_WARNING, "rpc", "connection cut",
	       "who=%s why=\"it goes on calling past what it may have open\"",
	       who->name);
}

static enum hf_err start_loops(struct hf_node *node, struct hf_why *why)
{
	enum hf_err err =
		hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &node->poller, why);

	if (err == HF_OK)
		err = hf_rpc_loop_new(HF_RPC_LOOP_WORKS, &node->worker, why);
	if (err == HF_OK)
		err = hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &node->outbound, why);
	if (err == HF_OK)
		err = hf_rpc_trust_new(on_admit, node, &node->trust, why);
	return err;
}

static enum hf_err start_server(struct hf_start *start, struct hf_why *why)
{
	struct hf_node *node = &start->node;
	const struct hf_rpc_server_options options = {
		.poller = node->poller,
		.worker = node->worker,
		.methods = hf_methods,
		.methods_count = hf_methods_count,
		.schema = hf_rpc_schema(),
		.arg = node,
		.calls_per_caller = (size_t)start->conf->calls_per_peer_count,
		.trust = node->trust,
		.keypair = { start->key_pem, start->cert_pem },
		.can_serve = hf_method_can_serve,
		.refused = on_refused,
		.flooded = on_flooded,
	};
	const char *address = start->conf->listen;
	int port = 0;
	enum hf_err err = hf_rpc_server_new(&options, &start->server, why);

	if (err == HF_OK)
		err = hf_rpc_server_listen(start->server, address, &port, why);
	if (err == HF_E_EXISTS)
		hf_why_prefix(why, "%s: listen: ", start->conf->path);
	if (err != HF_OK)
		return err;
	snprintf(node->listen, sizeof(node->listen), "%.*s:%d",
		 (int)(strrchr(address, ':') - address), address, port);
	return HF_OK;
}

/* Give the socket to its group, where the group exists and we may. */
static void give_to_group(const char *path, const char *name)
{
	const struct group *group = getgrnam(name);

	if (group != NULL && chown(path, (uid_t)-1, group->gr_gid) != 0)
		hf_log(HF_LOG_DEBUG, "hashfedd", "socket kept its group",
		       "path=%s group=%s", path, name);
}

static enum hf_err start_local(struct hf_start *start, size_t i,
			       struct hf_why *why)
{
	struct hf_node *node = &start->node;
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	struct hf_rpc_server_options options = {
		.poller = node->poller,
		.worker = node->worker,
		.methods = hf_methods,
		.methods_count = hf_methods_count,
		.schema = hf_rpc_schema(),
		.arg = node,
		.local_duties = locals[i].duties,
		.local_name = locals[i].name,
		.can_serve = hf_method_can_serve,
		.refused = on_refused,
	};
	char path[HF_NODE_PATH_SIZE];
	enum hf_err err;

	memcpy(options.organisation_id, hf_ring_self(ring)->id, HF_HASH_BYTES);
	hf_ring_release(ring);
	snprintf(path, sizeof(path), "%s/%s", start->conf->run_dir,
		 locals[i].name);
	err = hf_rpc_server_new(&options, &start->locals[i], why);
	if (err == HF_OK)
		err = hf_rpc_server_listen_unix(start->locals[i], path, why);
	if (err == HF_OK)
		give_to_group(path, locals[i].group);
	return err;
}

static void on_rpc_log(const char *text)
{
	char quoted[512];

	hf_log(HF_LOG_DEBUG, "grpc", "said", "text=\"%s\"",
	       hf_log_quote(text, quoted, sizeof(quoted)));
}

enum hf_err hf_start_listen(struct hf_start *start, struct hf_why *why)
{
	enum hf_err err;

	if (start->is_rpc_up)
		return HF_OK;
	hf_rpc_start(on_rpc_log);
	start->is_rpc_up = true;
	err = hf_file_mkdirs(start->conf->run_dir, 0755, why);
	if (err == HF_OK)
		err = start_loops(&start->node, why);
	if (err == HF_OK)
		err = start_server(start, why);
	for (size_t i = 0; i < HF_START_LOCAL_COUNT && err == HF_OK; i++)
		err = start_local(start, i, why);
	return err;
}

enum hf_err hf_start_answer(struct hf_start *start, struct hf_why *why)
{
	enum hf_err err;

	if (start->is_answering)
		return HF_OK;
	start->is_answering = true;
	err = hf_rpc_server_start(start->server, why);
	for (size_t i = 0; i < HF_START_LOCAL_COUNT && err == HF_OK; i++)
		err = hf_rpc_server_start(start->locals[i], why);
	return err;
}

void hf_start_servers_stop(struct hf_start *start, int64_t grace_ms)
{
	uint64_t until_us = hf_clock_mono_us() + (uint64_t)grace_ms * 1000;
	bool is_clean = true;

	if (start->server != NULL)
		hf_rpc_server_drain(start->server);
	for (size_t i = 0; i < HF_START_LOCAL_COUNT; i++) {
		if (start->locals[i] != NULL)
			hf_rpc_server_drain(start->locals[i]);
	}
	for (size_t i = 0; i < HF_START_LOCAL_COUNT + 1; i++) {
		struct hf_rpc_server *server = i < HF_START_LOCAL_COUNT
						       ? start->locals[i]
						       : start->server;
		uint64_t now_us = hf_clock_mono_us();

		if (server != NULL)
			is_clean &= hf_rpc_server_stop(
				server,
				now_us < until_us
					? (int64_t)(until_us - now_us) / 1000
					: 0);
	}
	if (!is_clean)
		hf_log(HF_LOG_WARNING, "hashfedd", "calls cut off",
		       "grace_ms=%lld hint=\"they had not ended by then\"",
		       (long long)grace_ms);
}

void hf_start_servers_free(struct hf_start *start)
{
	if (start->server != NULL)
		hf_rpc_server_free(start->server);
	for (size_t i = 0; i < HF_START_LOCAL_COUNT; i++) {
		if (start->locals[i] != NULL)
			hf_rpc_server_free(start->locals[i]);
	}
}
