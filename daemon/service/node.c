#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "clock.h"
#include "codec_document.h"
#include "forks.h"
#include "ledger_view.h"
#include "log.h"
#include "peers.h"
#include "receipts.h"
#include "ring.h"
#include "roles.h"
#include "rpc.h"
#include "rpc_tls.h"
#include "text.h"

#include "aging.h"
#include "audit.h"
#include "cosigned.h"
#include "epoch.h"
#include "feed.h"
#include "node.h"
#include "opinions.h"
#include "own_keys.h"
#include "own_set.h"
#include "replicas.h"
#include "retract.h"
#include "scores.h"
#include "scrub.h"
#include "serve_tail.h"
#include "waiting.h"

struct hf_node *hf_node_of(const struct hf_rpc_call *call)
{
	return hf_rpc_arg(call);
}

/* What was begun and could not be ended may go on now; without memory it waits
 * for the next time. */
static void go_on(struct hf_node *node)
{
	enum hf_err err = hf_retract_resume(node, false, NULL);

	(void)err;
	hf_epochs_resume(node->epochs);
}

enum hf_err hf_node_ring_changed(struct hf_node *node, struct hf_why *why)
{
	enum hf_err err = hf_ring_holder_reload(node->ring, why);

	if (err != HF_OK)
		return err;
	err = hf_own_sets_create(node, why);
	if (err != HF_OK)
		return err;
	hf_rpc_trust_changed(node->trust);
	hf_tails_changed(node->tails);
	hf_peers_changed(node->peers);
	hf_feed_changed(node->feed);
	hf_roles_changed(node->roles);
	hf_opinions_changed(node->opinions);
	hf_cases_wake(node->cases);
	go_on(node);
	return HF_OK;
}

/* What was damaged when it was opened, from peers that may be there by now. */
static void mend(struct hf_node *node)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return;
	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		if (info.is_damaged && info.note_size > 0)
			hf_peers_mend(node->peers, info.set,
				      info.note_size - 1);
	}
	hf_ledger_view_end(view);
}

void hf_node_tick(struct hf_node *node)
{
	hf_rpc_trust_changed(node->trust);
	hf_tails_changed(node->tails);
	hf_peers_changed(node->peers);
	hf_feed_changed(node->feed);
	/* Roles end by the clock as well. */
	hf_opinions_changed(node->opinions);
	hf_cases_wake(node->cases);
	hf_own_sets_refresh(node);
	hf_own_keys_look(node);
	hf_audit_wake(node->audit);
	hf_aging_look(node->aging, hf_clock_wall_ms());
	mend(node);
	hf_peers_fill(node->peers, false);
	hf_scrub_look(node);
	go_on(node);
}

void hf_node_retry(struct hf_node *node)
{
	struct hf_waiting_count count;

	hf_audit_wake(node->audit);
	hf_waiting_count(node->waiting, &count);
	if (count.entries > 0 || hf_epochs_are_waiting(node->epochs))
		go_on(node);
}

static void on_fork_found(void *arg)
{
	struct hf_node *node = arg;

	if (node->peers != NULL)
		hf_peers_gossip(node->peers);
}

enum hf_err hf_node_forks_open(struct hf_node *node, struct hf_why *why)
{
	char dir[HF_NODE_PATH_SIZE];
	const struct hf_forks_options options = {
		.dir = dir,
		.ledger = node->ledger,
		.found = on_fork_found,
		.arg = node,
	};
	enum hf_err err = hf_scores_new(&node->scores, why);

	if (err == HF_OK)
		err = hf_waiting_new(&node->waiting, why);
	if (err == HF_OK)
		err = hf_aging_new(node, &node->aging, why);
	if (err == HF_OK)
		err = hf_cosigned_new(node, &node->cosigned, why);
	/* A signer that is away is asked again when there is something to
	 * cosign. */
	if (err == HF_OK)
		hf_cosigned_learn_key(node->cosigned);
	if (err == HF_OK)
		hf_cosigned_remind(node->cosigned);
	snprintf(dir, sizeof(dir), "%s/receipts", node->conf->state_dir);
	if (err == HF_OK)
		err = hf_receipts_open(dir, &node->receipts, why);
	if (err == HF_OK)
		err = hf_replicas_new(node, &node->replicas, why);
	snprintf(dir, sizeof(dir), "%s/evidence", node->conf->state_dir);
	return err == HF_OK ? hf_forks_open(&options, &node->forks, why) : err;
}

void hf_node_forks_close(struct hf_node *node)
{
	struct hf_waiting_count count = { .in_memory = 0 };

	if (node->waiting != NULL)
		hf_waiting_count(node->waiting, &count);
	if (count.in_memory > 0)
		hf_log(HF_LOG_ERROR, "retract",
		       "never written, matches again after the next start",
		       "entries=%zu why=\"%s\"", count.in_memory,
		       count.why.text);
	hf_forks_close(node->forks);
	hf_receipts_close(node->receipts);
	hf_replicas_free(node->replicas);
	hf_scores_free(node->scores);
	hf_waiting_free(node->waiting);
	hf_aging_free(node->aging);
	hf_cosigned_free(node->cosigned);
}

/* "ncii" is the second part of "hotline.example/ncii/2"; its epoch then. */
static uint64_t epoch_of(const char *origin, const char *name)
{
	struct hf_span domain = hf_text_origin_domain(hf_span_of(origin));
	const char *rest = origin + domain.len_bytes + 1;
	size_t len = strlen(name);
	uint64_t epoch = 0;

	if (strncmp(rest, name, len) != 0 || rest[len] != '/' ||
	    hf_text_u64(hf_span_of(rest + len + 1), UINT32_MAX, &epoch) !=
		    HF_OK)
		return 0;
	return epoch;
}

/* One of our own is in the ring a moment before it is in the ledger. */
static enum hf_err find(struct hf_node *node, const char *origin, bool is_own,
			char *out_origin, uint32_t *out_set, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), out_set, NULL);
	hf_ledger_view_end(view);
	if (err != HF_OK && is_own)
		return hf_why(why, HF_E_BUSY, "%s is just being opened",
			      origin);
	if (err != HF_OK)
		return hf_why(why, HF_E_NOTFOUND,
			      "no set '%s' here; hashfed sets lists them",
			      origin);
	memmove(out_origin, origin, strlen(origin) + 1);
	return HF_OK;
}

/* The latest epoch of our own set of this name, or the origin itself. */
static bool resolve(const struct hf_ring *ring, const char *name,
		    bool must_be_own, char *out_origin)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	uint64_t latest = 0;

	if (strchr(name, '/') != NULL) {
		const struct hf_ring_set *set =
			hf_ring_set(ring, hf_span_of(name));

		if (!hf_text_is_origin(hf_span_of(name)) ||
		    (must_be_own && (set == NULL || !set->is_own)))
			return false;
		strcpy(out_origin, name);
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t epoch =
			sets[i].is_own ? epoch_of(sets[i].origin, name) : 0;

		if (epoch > latest) {
			latest = epoch;
			strcpy(out_origin, sets[i].origin);
		}
	}
	return latest > 0;
}

static enum hf_err find_by_name(struct hf_node *node, const char *name,
				bool must_be_own, char *out_origin,
				uint32_t *out_set, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	bool is_known = resolve(ring, name, must_be_own, origin);
	const struct hf_ring_set *set =
		is_known ? hf_ring_set(ring, hf_span_of(origin)) : NULL;
	bool is_own = set != NULL && set->is_own;
	bool is_audit = is_own && set->agreement->kind == HF_SET_KIND_AUDIT;

	hf_ring_release(ring);
	if (is_audit && must_be_own)
		return hf_why(why, HF_E_DENIED,
			      "'%s' is the audit, which only the daemon writes "
			      "and nobody is given; hashfed audit shows it",
			      origin);
	if (!is_known)
		return hf_why(why, HF_E_NOTFOUND,
			      "no %sset '%.80s' here; hashfed sets lists them",
			      must_be_own ? "own " : "", name);
	return find(node, origin, is_own, out_origin, out_set, why);
}

enum hf_err hf_node_own_set(struct hf_node *node, const char *name,
			    char *out_origin, uint32_t *out_set,
			    struct hf_why *why)
{
	return find_by_name(node, name, true, out_origin, out_set, why);
}

enum hf_err hf_node_set(struct hf_node *node, const char *name,
			char *out_origin, uint32_t *out_set, struct hf_why *why)
{
	return find_by_name(node, name, false, out_origin, out_set, why);
}
