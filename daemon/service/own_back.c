#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "limit.h"
#include "log.h"
#include "peers.h"
#include "ring.h"
#include "ringdir.h"

#include "errand.h"
#include "node.h"
#include "own_back.h"

struct coming_back {
	struct hf_errand errand; /* first */
	struct hf_node *node;    /* borrowed */
	char peer[HF_DOMAIN_MAX_BYTES + 1];
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_span agreement, note; /* in bytes */
	uint8_t bytes[];
};

enum standing {
	IS_NEW,
	IS_KNOWN, /* another text of it is held */
	IS_HELD,
};

static enum standing standing_of(struct hf_node *node, const char *origin,
				 struct hf_span agreement)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *set = hf_ring_set(ring, hf_span_of(origin));
	enum standing is = set == NULL ? IS_NEW : IS_KNOWN;

	if (set != NULL && hf_span_equal(set->document, agreement))
		is = IS_HELD;
	hf_ring_release(ring);
	return is;
}

/* The signer first: a set that it knows nothing of may begin, and this one
 * began long ago. */
static enum hf_err report(const struct coming_back *back, struct hf_why *why)
{
	if (back->note.len_bytes == 0)
		return hf_why(why, HF_E_NOTFOUND,
			      "it holds no checkpoint of it");
	return hf_agent_report(back->node->agent, back->note, why);
}

static void run(struct hf_errand *errand)
{
	struct coming_back *back = (struct coming_back *)(void *)errand;
	struct hf_node *node = back->node;
	enum standing is = standing_of(node, back->origin, back->agreement);
	struct hf_why why = { "" };
	enum hf_err err = is == IS_NEW ? report(back, &why) : HF_OK;

	if (is == IS_HELD)
		goto out;
	if (err == HF_OK)
		err = hf_ring_save_agreement_of(node->ring_dir, back->origin,
						back->agreement, &why);
	/* An older one than ours: the peer is behind. */
	if (err == HF_E_CONFLICT)
		goto out;
	if (err == HF_OK)
		err = hf_node_ring_changed(node, &why);
	hf_log(HF_LOG_WARNING, "ring",
	       err == HF_OK ? "agreement of ours taken back"
			    : "agreement of ours not taken back",
	       "set=%s from=%s why=\"%s\"", back->origin, back->peer,
	       err == HF_OK ? "we signed it, and had lost it" : why.text);
	/* There may be an epoch after that one, and entries of it. */
	if (err == HF_OK)
		hf_peers_ask_own(node->peers);
out:
	free(back);
}

void hf_own_back(struct hf_node *node, const char *peer, const char *origin,
		 struct hf_span agreement, struct hf_span note)
{
	struct coming_back *back;

	if (agreement.len_bytes == 0 ||
	    standing_of(node, origin, agreement) == IS_HELD)
		return;
	back = calloc(1, sizeof(*back) + agreement.len_bytes + note.len_bytes);
	if (back == NULL)
		return; /* it is asked for in the next session */
	back->errand.run = run;
	back->node = node;
	snprintf(back->peer, sizeof(back->peer), "%s", peer);
	snprintf(back->origin, sizeof(back->origin), "%s", origin);
	memcpy(back->bytes, agreement.at, agreement.len_bytes);
	back->agreement = hf_span(back->bytes, agreement.len_bytes);
	back->note = hf_span(back->bytes + agreement.len_bytes, note.len_bytes);
	if (note.len_bytes > 0)
		memcpy(back->bytes + agreement.len_bytes, note.at,
		       note.len_bytes);
	hf_errand_post(node->errands, &back->errand);
}
