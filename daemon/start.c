#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "breaker.h"
#include "cases.h"
#include "cert.h"
#include "clock.h"
#include "desk.h"
#include "errand.h"
#include "applied_say.h"
#include "audit.h"
#include "epoch.h"
#include "erasure.h"
#include "feed.h"
#include "feed_expiry.h"
#include "journal.h"
#include "file.h"
#include "hold.h"
#include "judged.h"
#include "ledger.h"
#include "ledger_view.h"
#include "log.h"
#include "match_policy.h"
#include "match_tell.h"
#include "meanwhile.h"
#include "opinions.h"
#include "own_set.h"
#include "peers.h"
#include "retract.h"
#include "retro.h"
#include "ring.h"
#include "roles.h"
#include "rpc_client.h"
#include "serve_tail.h"
#include "serve_watch.h"

#include "start.h"
#include "vouch.h"

#define PEM_MAX_BYTES ((size_t)16 * 1024)

/* How long a start waits for what is held to be in the index. */
#define FEED_WAIT_MS 2000

static enum hf_err read_pem(const struct hf_conf *conf, const char *name,
			    bool is_secret, char **out_text, struct hf_why *why)
{
	char path[HF_NODE_PATH_SIZE];
	struct stat found;
	struct hf_buf text;
	enum hf_err err;

	snprintf(path, sizeof(path), "%s/tls/%s", conf->state_dir, name);
	hf_buf_init(&text, PEM_MAX_BYTES);
	err = hf_file_read(path, &text, why);
	if (err == HF_OK && is_secret && stat(path, &found) == 0 &&
	    (found.st_mode & 077) != 0)
		err = hf_why(why, HF_E_DENIED,
			     "'%s' can be read by others; chmod 600 it", path);
	if (err == HF_OK) {
		hf_buf_put_u8(&text, 0);
		*out_text = strdup((const char *)text.at);
		if (*out_text == NULL)
			err = hf_why(why, HF_E_NOMEM, "no memory");
	}
	if (text.at != NULL)
		explicit_bzero(text.at, text.size_bytes);
	hf_buf_release(&text);
	return err;
}

static enum hf_err check_cert(const struct hf_start *start, struct hf_why *why)
{
	struct hf_cert_info info;
	uint64_t now_ms = hf_clock_wall_ms();
	enum hf_err err =
		hf_cert_inspect(hf_span_of(start->cert_pem), &info, why);

	if (err != HF_OK) {
		hf_why_prefix(why,
			      "'%s/tls/node.crt': ", start->conf->state_dir);
		return err;
	}
	if (now_ms < info.not_before_ms || now_ms > info.not_after_ms)
		return hf_why(why, HF_E_EXPIRED,
			      "'%s/tls/node.crt' is not valid today; make "
			      "another with hashfed-key",
			      start->conf->state_dir);
	/* gRPC aborts on a key that it cannot read. */
	err = hf_cert_check_key(hf_span_of(start->cert_pem),
				hf_span_of(start->key_pem), why);
	if (err != HF_OK)
		hf_why_prefix(why,
			      "'%s/tls/node.key': ", start->conf->state_dir);
	return err;
}

enum hf_err hf_start_check(struct hf_start *start, struct hf_why *why)
{
	struct hf_node *node = &start->node;
	enum hf_err err;

	node->conf = start->conf;
	snprintf(node->ring_dir, sizeof(node->ring_dir), "%s/ring",
		 start->conf->state_dir);
	snprintf(node->ended_dir, sizeof(node->ended_dir), "%s/ended",
		 start->conf->state_dir);
	err = read_pem(start->conf, "node.key", true, &start->key_pem, why);
	if (err == HF_OK)
		err = read_pem(start->conf, "node.crt", false, &start->cert_pem,
			       why);
	if (err == HF_OK)
		err = check_cert(start, why);
	if (err == HF_OK)
		err = hf_ring_holder_new(node->ring_dir, &node->ring, why);
	if (err == HF_OK)
		err = hf_policy_new(start->conf->policy_rows,
				    start->conf->policy_rows_count,
				    &node->policy, why);
	return err;
}

/* hashfed-signer beside our own program. */
static void signer_program(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 16);
	char *slash;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash != NULL ? slash + 1 : path,
		 size - (slash != NULL ? (size_t)(slash + 1 - path) : 0), "%s",
		 "hashfed-signer");
}

enum hf_err hf_start_signer(struct hf_start *start, const char *home,
			    struct hf_why *why)
{
	char program[HF_NODE_PATH_SIZE];

	if (strcmp(start->conf->signer, "spawn") != 0)
		return hf_agent_open(start->conf->signer, &start->node.agent,
				     why);
	hf_log(HF_LOG_WARNING, "hashfedd", "signer shares our user",
	       "hint=\"run hashfed-signer as a service of its own user: only "
	       "then can a taken-over daemon not use the keys\"");
	signer_program(program, sizeof(program));
	return hf_agent_spawn(program, home,
			      start->conf->checkpoint_peers.count > 0,
			      &start->node.agent, why);
}

static enum hf_err on_last(void *arg, struct hf_span origin, uint64_t *out_size,
			   struct hf_tree_hash *out_root, struct hf_why *why)
{
	struct hf_node *node = arg;
	enum hf_err err =
		hf_agent_last(node->agent, origin, out_size, out_root, why);

	if (err == HF_E_BUSY)
		hf_vouch_ask(node->vouching);
	return err;
}

static struct hf_agent_checkpoint
what_to_sign(const struct hf_ledger_to_sign *request)
{
	return (struct hf_agent_checkpoint){
		.origin = request->origin,
		.size = request->size,
		.root = request->root,
		.old_size = request->old_size,
		.proof = request->proof,
	};
}

static enum hf_err on_checkpoint(void *arg,
				 const struct hf_ledger_to_sign *request,
				 struct hf_buf *note, struct hf_why *why)
{
	const struct hf_agent_checkpoint ask = what_to_sign(request);
	struct hf_node *node = arg;
	enum hf_err err = hf_agent_checkpoint(node->agent, &ask, note, why);

	if (err == HF_E_BUSY)
		hf_vouch_ask(node->vouching);
	return err;
}

_Static_assert(HF_LEDGER_SIGNED_AT_ONCE <= HF_AGENT_CHECKPOINTS_MAX,
	       "fits one question");

static enum hf_err on_checkpoints(void *arg,
				  const struct hf_ledger_to_sign *requests,
				  size_t count, struct hf_buf *notes,
				  struct hf_why *why)
{
	struct hf_agent_checkpoint asks[HF_LEDGER_SIGNED_AT_ONCE];
	struct hf_node *node = arg;

	for (size_t i = 0; i < count; i++)
		asks[i] = what_to_sign(&requests[i]);
	return hf_agent_checkpoints(node->agent, asks, count, notes, why);
}

/* On the ledger's writer thread. */
static void on_old_copy(void *arg)
{
	struct hf_node *node = arg;

	hf_vouch_ask_seldom(node->vouching);
}

/* A signer that lost its record must not sign what contradicts what we hold:
 * show it its own signature, which moves it up and never down. */
static enum hf_err remind_signer_of(struct hf_node *node,
				    struct hf_ledger_view *view,
				    const struct hf_ledger_info *set,
				    struct hf_why *why)
{
	struct hf_tree_hash root;
	struct hf_span note;
	uint64_t size;
	enum hf_err err = hf_agent_last(node->agent, hf_span_of(set->origin),
					&size, &root, why);

	/* One that waits for the word of others does not say. */
	bool is_waiting = err == HF_E_BUSY;

	if (!is_waiting && (err != HF_OK || size >= set->note_size))
		return err;
	err = hf_ledger_note(view, set->set, HF_LEDGER_NOTE, &note, why);
	if (err == HF_OK)
		err = hf_agent_report(node->agent, note, why);
	if (err == HF_OK && !is_waiting)
		hf_log(HF_LOG_WARNING, "hashfedd", "reminded the signer",
		       "set=%s size=%llu", set->origin,
		       (unsigned long long)set->note_size);
	return err;
}

/* Without a signer there is nobody to remind; the ledger says so itself. */
static void remind_signer(struct hf_node *node)
{
	struct hf_ledger_info set = { .set = 0 };
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, &why);

	if (err != HF_OK)
		return;
	while (hf_ledger_next(view, set.set, &set, NULL) == HF_OK) {
		if (set.kind != HF_LEDGER_OWN || !set.has_note)
			continue;
		err = remind_signer_of(node, view, &set, &why);
		if (err == HF_E_UNAVAILABLE)
			break;
		if (err != HF_OK)
			hf_log(HF_LOG_ERROR, "hashfedd", "signer disagrees",
			       "set=%s why=\"%s\"", set.origin, why.text);
	}
	hf_ledger_view_end(view);
}

/* What lookups in place judge by. */
static enum hf_err tell_rules(struct hf_node *node, struct hf_why *why)
{
	const struct hf_match_sets_rules rules = hf_judged_rules(node->conf);

	return hf_index_tell_rules(node->index, &rules, why);
}

/* While somebody's lookup waits. */
static void on_trip(void *arg, uint32_t set, uint64_t entry)
{
	struct hf_node *node = arg;

	hf_log(HF_LOG_WARNING, "match", "entry hits too often",
	       "set=%u entry=%llu "
	       "hint=\"hashfed status names it; hashfed release\"",
	       set, (unsigned long long)entry);
	hf_opinions_mark(node->opinions, set, entry);
}

enum hf_err hf_start_desk(struct hf_node *node, struct hf_why *why)
{
	enum hf_err err;

	if (node->desk != NULL)
		return HF_OK;
	err = hf_journal_start(node, &node->journal, why);
	return err == HF_OK ? hf_desk_start(node, &node->desk, why) : err;
}

enum hf_err hf_start_store(struct hf_start *start, struct hf_why *why)
{
	struct hf_node *node = &start->node;
	char dir[HF_NODE_PATH_SIZE];
	const struct hf_ledger_options options = {
		.dir = dir,
		.map_most_bytes = start->conf->store_max_bytes,
		.reserve_bytes = start->conf->disk_reserve_bytes,
		.keeps_leaving = true,
		.signer = { node, on_last, on_checkpoint, on_checkpoints,
			    on_old_copy },
		.moving = hf_start_meanwhile,
		.moving_arg = start,
	};
	enum hf_err err;

	snprintf(dir, sizeof(dir), "%s/ledger", start->conf->state_dir);
	err = hf_vouching_new(node, &node->vouching, why);
	if (err == HF_OK)
		err = hf_ledger_open(&options, &node->ledger, why);
	if (err != HF_OK)
		return err;
	hf_start_meanwhile_opened(start);
	remind_signer(node);
	err = hf_node_forks_open(node, why);
	if (err == HF_OK)
		err = hf_own_sets_create(node, why);
	if (err == HF_OK)
		err = hf_start_index(node, why);
	if (err == HF_OK)
		err = tell_rules(node, why);
	if (err == HF_OK)
		err = hf_roles_new(
			node->ledger, node->ring, start->conf->attesters,
			start->conf->attesters_count, &node->roles, why);
	if (err == HF_OK) {
		snprintf(dir, sizeof(dir), "%s/held", start->conf->state_dir);
		err = hf_hold_open(dir, &node->hold, why);
	}
	if (err == HF_OK)
		err = hf_breaker_new(start->conf->breaker_hits, on_trip, node,
				     &node->breaker, why);
	/* Before anybody can look up. */
	if (err == HF_OK)
		err = hf_opinions_new(node, &node->opinions, why);
	if (err == HF_OK)
		err = hf_feed_start(node, &node->feed, why);
	if (err == HF_OK)
		err = hf_start_desk(node, why);
	if (err == HF_OK)
		err = hf_epochs_new(node, &node->epochs, why);
	if (err == HF_OK)
		err = hf_errands_start("errands", 1, &node->errands, why);
	if (err == HF_OK)
		err = hf_errands_start("case-errands", HF_ERRAND_THREADS_MAX,
				       &node->case_errands, why);
	return err;
}

static enum hf_err on_open_cases(void *arg, const struct hf_span *members,
				 size_t members_count,
				 const struct hf_span *relays,
				 size_t relays_count, char *out_origin,
				 struct hf_why *why)
{
	return hf_own_set_open_kind(arg, HF_SET_KIND_CASES, NULL, members,
				    members_count, relays, relays_count,
				    "takedown cases", out_origin, why);
}

static void on_case_changed(void *arg)
{
	struct hf_node *node = arg;

	hf_watches_changed(node->watches);
}

/* Opening a set tells peers and callers: after these. */
static enum hf_err start_cases(struct hf_start *start, struct hf_why *why)
{
	struct hf_node *node = &start->node;
	char dir[HF_NODE_PATH_SIZE], names_dir[HF_NODE_PATH_SIZE];
	const struct hf_cases_options options = {
		.ledger = node->ledger,
		.ring = node->ring,
		.agent = node->agent,
		.roles = node->roles,
		.conf = start->conf,
		.dir = dir,
		.names_dir = names_dir,
		.open_set = on_open_cases,
		.changed = on_case_changed,
		.arg = node,
	};
	enum hf_err err;

	snprintf(dir, sizeof(dir), "%s/views", start->conf->state_dir);
	snprintf(names_dir, sizeof(names_dir), "%s/names",
		 start->conf->state_dir);
	err = hf_watches_new(node, &node->watches, why);
	return err == HF_OK ? hf_cases_start(&options, &node->cases, why) : err;
}

/* Who is told that we are ready wants an answer then, not to be put off.  An
 * index that takes longer is built while we serve, unless lookups go on with
 * the one before. */
static enum hf_err wait_for_feed(struct hf_start *start, struct hf_why *why)
{
	struct hf_node *node = &start->node;

	if (node->meanwhile != NULL)
		return hf_start_meanwhile_change_over(start, why);
	if (hf_feed_wait_caught_up(node->feed, FEED_WAIT_MS) != HF_OK)
		hf_log(HF_LOG_INFO, "feed", "still reading",
		       "hint=\"lookups are UNAVAILABLE until it is done\"");
	return HF_OK;
}

enum hf_err hf_start_serve(struct hf_start *start, struct hf_why *why)
{
	enum hf_err err = hf_start_listen(start, why);

	if (err == HF_OK)
		err = hf_tails_new(&start->node, &start->node.tails, why);
	if (err == HF_OK)
		err = wait_for_feed(start, why);
	if (err == HF_OK)
		err = hf_start_peers(start, why);
	if (err == HF_OK)
		err = start_cases(start, why);
	if (err == HF_OK)
		err = hf_retro_start(&start->node, &start->node.retro, why);
	if (err == HF_OK)
		err = hf_applied_say_start(&start->node,
					   &start->node.applied_say, why);
	if (err == HF_OK)
		err = hf_erasure_start(&start->node, &start->node.erasure, why);
	if (err == HF_OK)
		err = hf_audit_start(&start->node, &start->node.audit, why);
	if (err == HF_OK)
		err = hf_start_answer(start, why);
	if (err == HF_OK)
		err = hf_retract_resume(&start->node, true, why);
	if (err != HF_OK)
		return err;
	hf_epochs_resume(start->node.epochs);
	hf_start_meanwhile_end(start);
	return HF_OK;
}

void hf_start_stop(struct hf_start *start, int64_t grace_ms)
{
	struct hf_node *node = &start->node;

	atomic_store(&node->is_ending, true);
	hf_vouching_stop(node->vouching);
	hf_erasure_stop(node->erasure);
	hf_applied_say_stop(node->applied_say);
	hf_retro_halt(node->retro);
	hf_cases_halt(node->cases);
	hf_peers_stop(node->peers);
	hf_start_servers_stop(start, grace_ms);
	/* An errand that waits for the index would wait as long as reading all
	 * sets takes. */
	hf_feed_halt(node->feed);
	hf_epochs_halt(node->epochs);
	hf_desk_stop(node->desk);
	hf_errands_stop(node->case_errands);
	hf_errands_stop(node->errands);
	hf_epochs_free(node->epochs);
	hf_cases_free(node->cases);
	hf_start_servers_free(start);
	if (node->tails != NULL)
		hf_tails_unfollow(node->tails);
	if (node->outbound != NULL)
		hf_rpc_loop_free(node->outbound);
	hf_peers_free(node->peers);
	if (node->worker != NULL)
		hf_rpc_loop_free(node->worker);
	if (node->poller != NULL)
		hf_rpc_loop_free(node->poller);
	hf_desk_free(node->desk);
	hf_meanwhile_free(node->meanwhile);
	hf_journal_free(node->journal);
	hf_retro_free(node->retro);
	hf_tails_free(node->tails);
	hf_watches_free(node->watches);
	if (node->trust != NULL)
		hf_rpc_trust_free(node->trust);
	if (start->is_rpc_up)
		hf_rpc_stop();
	hf_audit_stop(node->audit);
	hf_audit_free(node->audit);
	hf_feed_stop(node->feed);
	hf_opinions_free(node->opinions);
	hf_breaker_free(node->breaker);
	hf_hold_close(node->hold);
	hf_roles_free(node->roles);
	hf_expiry_close(node->expiring);
	hf_index_close(node->retracted);
	hf_index_close(node->index);
	hf_node_forks_close(node);
	hf_ledger_close(node->ledger);
	hf_vouching_free(node->vouching);
	hf_agent_close(node->agent);
	hf_policy_free(node->policy);
	hf_ring_holder_free(node->ring);
	if (start->key_pem != NULL)
		explicit_bzero(start->key_pem, strlen(start->key_pem));
	free(start->key_pem);
	free(start->cert_pem);
	hf_conf_free(start->conf);
}
