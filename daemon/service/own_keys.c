#include <string.h>

#include "agent.h"
#include "clock.h"
#include "codec_document.h"
#include "log.h"
#include "ring.h"

#include "node.h"
#include "own_keys.h"
#include "own_set.h"

static bool is_key(struct hf_span bytes, const struct hf_agent_signs *key)
{
	return hf_span_equal(bytes,
			     hf_span(key->key.bytes, HF_PUBLIC_KEY_BYTES));
}

static const struct hf_set_key *row_of(const struct hf_agreement *agreement,
				       const struct hf_agent_signs *key)
{
	for (size_t i = 0; i < agreement->keys_count; i++) {
		if (agreement->keys[i].is_cosigner == key->is_cosigner &&
		    is_key(agreement->keys[i].key, key))
			return &agreement->keys[i];
	}
	return NULL;
}

/* Does the agreement say of the key what the signer does with it? */
static bool is_said(const struct hf_agreement *agreement,
		    const struct hf_agent_signs *key)
{
	const struct hf_set_key *row = row_of(agreement, key);
	bool is_now = is_key(key->is_cosigner ? agreement->cosigner_key
					      : agreement->log_key,
			     key);

	switch (key->state) {
	case HF_AGENT_KEY_NOW:
		return is_now;
	case HF_AGENT_KEY_NEXT:
		return !is_now && row != NULL && !row->is_void;
	default:
		/* It may be older than the set. */
		return !is_now && (row == NULL || row->is_void);
	}
}

static bool is_known(const struct hf_agent_status *signer,
		     const struct hf_set_key *row)
{
	for (size_t i = 0; i < signer->keys_count; i++) {
		if (signer->keys[i].is_cosigner == row->is_cosigner &&
		    is_key(row->key, &signer->keys[i]))
			return true;
	}
	return false;
}

static bool is_due(const struct hf_agreement *agreement,
		   const struct hf_agent_status *signer)
{
	for (size_t i = 0; i < signer->keys_count; i++) {
		if (!is_said(agreement, &signer->keys[i]))
			return true;
	}
	for (size_t i = 0; i < agreement->keys_count; i++) {
		if (!is_known(signer, &agreement->keys[i]))
			return true;
	}
	return false;
}

static void put_in_force(struct hf_node *node, const struct hf_ring_set *set)
{
	struct hf_agreement next = *set->agreement;
	struct hf_why why = { "" };
	char quoted[256];
	enum hf_err err;

	next.version++;
	err = hf_own_set_put(node, &next, &why);
	if (err == HF_OK)
		hf_log(HF_LOG_INFO, "set", "keys named",
		       "set=%s agreement=%llu", set->origin,
		       (unsigned long long)next.version);
	else
		hf_log(HF_LOG_WARNING, "set", "keys not named",
		       "set=%s err=%s why=\"%s\"", set->origin,
		       hf_err_name(err),
		       hf_log_quote(why.text, quoted, sizeof(quoted)));
}

void hf_own_keys_look(struct hf_node *node)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_agent_status signer;

	/* A signer that is away says so where something is to be signed. */
	if (hf_agent_status(node->agent, &signer, NULL) != HF_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (sets[i].is_own && sets[i].agreement->expires_ms > now_ms &&
		    is_due(sets[i].agreement, &signer))
			put_in_force(node, &sets[i]);
	}
	hf_ring_release(ring);
}
