#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ledger_view.h"
#include "limit.h"
#include "note.h"
#include "receipts.h"
#include "ring.h"

#include "node.h"
#include "replicas.h"

/* What a peer said of a set. */
struct row {
	struct row *next;
	char peer[HF_DOMAIN_MAX_BYTES + 1];
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t size;
};

struct hf_replicas {
	struct hf_node *node; /* borrowed */
	pthread_mutex_t lock;
	struct row *rows; /* owned; under lock */
};

enum hf_err hf_replicas_new(struct hf_node *node,
			    struct hf_replicas **out_replicas,
			    struct hf_why *why)
{
	struct hf_replicas *replicas = calloc(1, sizeof(*replicas));

	if (replicas == NULL)
		return hf_why(why, HF_E_NOMEM, "replicas: no memory");
	replicas->node = node;
	pthread_mutex_init(&replicas->lock, NULL);
	*out_replicas = replicas;
	return HF_OK;
}

void hf_replicas_free(struct hf_replicas *replicas)
{
	if (replicas == NULL)
		return;
	while (replicas->rows != NULL) {
		struct row *row = replicas->rows;

		replicas->rows = row->next;
		free(row);
	}
	pthread_mutex_destroy(&replicas->lock);
	free(replicas);
}

/* Is that our tree? */
static bool is_ours(struct hf_node *node, const char *origin,
		    const struct hf_checkpoint *checkpoint)
{
	struct hf_ledger_view *view;
	struct hf_tree_hash root;
	bool is_same = false;
	uint32_t set;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return false;
	if (hf_ledger_find(view, hf_span_of(origin), &set, NULL) == HF_OK &&
	    hf_ledger_root(view, set, checkpoint->size, &root, NULL) == HF_OK)
		is_same = hf_tree_equal(&root, &checkpoint->root);
	hf_ledger_view_end(view);
	return is_same;
}

/* Under the lock. */
static struct row *find(struct hf_replicas *replicas, const char *peer,
			const char *origin)
{
	struct row *row = replicas->rows;

	while (row != NULL && (strcmp(row->origin, origin) != 0 ||
			       strcmp(row->peer, peer) != 0))
		row = row->next;
	return row;
}

void hf_replicas_told(struct hf_replicas *replicas, const char *peer,
		      const char *origin, struct hf_span note)
{
	struct hf_note parsed = { .checkpoint.size = 0 };
	struct row *row;

	if (replicas->node->conf->min_replicas_count == 0)
		return;
	/* One that holds nothing (any more) says so with an empty note. */
	if (note.len_bytes > 0 &&
	    (hf_note_parse(note, &parsed, NULL) != HF_OK ||
	     !is_ours(replicas->node, origin, &parsed.checkpoint)))
		return;
	pthread_mutex_lock(&replicas->lock);
	row = find(replicas, peer, origin);
	if (row == NULL)
		row = calloc(1, sizeof(*row));
	if (row != NULL && row->origin[0] == '\0') {
		snprintf(row->peer, sizeof(row->peer), "%s", peer);
		snprintf(row->origin, sizeof(row->origin), "%s", origin);
		row->next = replicas->rows;
		replicas->rows = row;
	}
	if (row != NULL)
		row->size = parsed.checkpoint.size;
	pthread_mutex_unlock(&replicas->lock);
}

static bool holds(struct hf_replicas *replicas,
		  const struct hf_organisation *peer, const char *origin,
		  uint64_t size)
{
	struct hf_receipt_row receipt;
	const struct row *row;
	bool does;

	pthread_mutex_lock(&replicas->lock);
	row = find(replicas, peer->name, origin);
	does = row != NULL && row->size >= size;
	pthread_mutex_unlock(&replicas->lock);
	/* Who cannot be dialled brings its receipts. */
	return does || (hf_receipts_get(replicas->node->receipts, origin,
					peer->id, &receipt) &&
			receipt.size >= size);
}

size_t hf_replicas_count(struct hf_replicas *replicas, const char *origin,
			 uint64_t size)
{
	struct hf_ring *ring = hf_ring_holder_get(replicas->node->ring);
	uint64_t now_ms = hf_clock_wall_ms();
	const struct hf_organisation *peers;
	size_t peers_count = hf_ring_peers(ring, &peers), count = 0;

	for (size_t i = 0; i < peers_count; i++) {
		if (hf_ring_may_have(ring, hf_span_of(origin), peers[i].id,
				     now_ms) >= HF_RIGHT_RELAY)
			count += holds(replicas, &peers[i], origin, size);
	}
	hf_ring_release(ring);
	return count;
}
