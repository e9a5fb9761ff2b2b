#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "codec_document.h"
#include "codec_federation.h"
#include "log.h"
#include "note.h"
#include "text.h"
#include "trust.h"

#include "follow_fetch.h"
#include "peers_in.h"

/*
 * A peer passes on a note that the agreement held here does not let count.  A
 * publisher that signs two texts of one version brings honest peers there: so
 * whoever is not the publisher is asked for his text first.  Where the note is
 * right by that one, he is not to blame, and only this set waits.
 */

/* --- what is known of a peer and a set -------------------------------------
 */

static struct hf_doubt *doubt_of(const struct hf_link *link, const char *origin)
{
	struct hf_doubt *doubt = link->doubts;

	while (doubt != NULL && strcmp(doubt->origin, origin) != 0)
		doubt = doubt->next;
	return doubt;
}

bool hf_link_is_doubted(const struct hf_link *link, const char *origin)
{
	return doubt_of(link, origin) != NULL;
}

void hf_link_trust(struct hf_link *link, const char *origin)
{
	struct hf_doubt **at = &link->doubts, *doubt;

	while (*at != NULL && strcmp((*at)->origin, origin) != 0)
		at = &(*at)->next;
	doubt = *at;
	if (doubt == NULL)
		return;
	pthread_mutex_lock(&link->peers->lock);
	*at = doubt->next;
	pthread_mutex_unlock(&link->peers->lock);
	free(doubt);
	/* It may be asked for payloads again. */
	hf_fills_look(link->peers);
}

void hf_doubts_free(struct hf_link *link)
{
	while (link->doubts != NULL) {
		struct hf_doubt *next = link->doubts->next;

		free(link->doubts);
		link->doubts = next;
	}
}

bool hf_follow_leaves_alone(struct hf_follow *follow,
			    const struct hf_link *link)
{
	const struct hf_doubt *doubt = doubt_of(link, follow->origin);
	uint64_t now_us = hf_clock_mono_us();

	/* Another agreement than then may let its notes count. */
	if (doubt == NULL || now_us >= doubt->until_us ||
	    doubt->held_version != follow->agreement_version)
		return false;
	if (!follow->retry.is_armed)
		hf_rpc_timer_start(
			follow->peers->options.outbound, &follow->retry,
			(int64_t)((doubt->until_us - now_us) / 1000 + 1));
	return true;
}

/* Without memory it is looked at again with the next news. */
static void leave_alone(struct hf_follow *follow, struct hf_link *link,
			const struct hf_why *why)
{
	struct hf_doubt *doubt = doubt_of(link, follow->origin);
	bool is_new = doubt == NULL;
	bool is_said = !is_new && strcmp(doubt->why.text, why->text) == 0;

	if (is_new)
		doubt = calloc(1, sizeof(*doubt));
	if (doubt == NULL)
		return;
	pthread_mutex_lock(&link->peers->lock);
	doubt->why = *why;
	if (is_new) {
		strcpy(doubt->origin, follow->origin);
		doubt->wait_ms = HF_LINK_BACKOFF_MIN_MS;
		doubt->next = link->doubts;
		link->doubts = doubt;
	} else if (doubt->wait_ms < HF_LINK_BACKOFF_MAX_MS / 2) {
		doubt->wait_ms *= 2;
	} else {
		doubt->wait_ms = HF_LINK_BACKOFF_MAX_MS;
	}
	pthread_mutex_unlock(&link->peers->lock);
	doubt->held_version = follow->agreement_version;
	doubt->until_us = hf_clock_mono_us() + (uint64_t)doubt->wait_ms * 1000;
	if (!is_said) {
		char quoted[256];

		hf_log(HF_LOG_WARNING, "peer", "set left alone",
		       "peer=%s set=%s why=\"%s\" retry_ms=%lld", link->name,
		       follow->origin,
		       hf_log_quote(why->text, quoted, sizeof(quoted)),
		       (long long)doubt->wait_ms);
	}
}

/* --- asking for his text ---------------------------------------------------
 */

/* By this text, is the note one of the set? */
static bool is_right_by(const struct hf_follow *follow,
			const struct hf_agreement *agreement)
{
	struct hf_set_pair keys = { 0 };
	struct hf_note note;

	return strcmp(agreement->origin, follow->origin) == 0 &&
	       hf_note_parse(follow->note, &note, NULL) == HF_OK &&
	       hf_set_keys_for(agreement, &note, &keys, NULL) == HF_OK &&
	       hf_note_open(follow->note, &keys.log, &keys.cosigner, &note,
			    NULL, NULL) == HF_OK;
}

/* What it claims, whoever signed it. */
static enum hf_err claim_of(struct hf_span document, struct hf_arena *arena,
			    struct hf_agreement *out_claim)
{
	struct hf_signed_document outer;
	enum hf_err err =
		hf_signed_document_parse(document, arena, &outer, NULL);

	return err == HF_OK
		       ? hf_agreement_parse(outer.body, arena, out_claim, NULL)
		       : err;
}

static void digest_of(struct hf_span document, char out_text[static 17])
{
	uint8_t digest[HF_SHA256_BYTES];

	hf_sha256(document.at, document.len_bytes, digest);
	hf_hex(digest, 8, out_text);
}

static void say(const struct hf_ring_set *set, struct hf_span document,
		const struct hf_agreement *shown, bool is_signed,
		struct hf_why *why)
{
	char ours[17], theirs[17];

	digest_of(set->document, ours);
	digest_of(document, theirs);
	if (!is_signed)
		hf_why(why, HF_E_SIGNATURE,
		       "its agreement %s is not signed by the manifest that we "
		       "hold of the publisher",
		       theirs);
	else if (shown->version == set->agreement->version)
		hf_why(why, HF_E_CONFLICT,
		       "the publisher signed two texts of version %llu of its "
		       "agreement: we hold %s, this peer %s, and both together "
		       "are evidence against the publisher",
		       (unsigned long long)shown->version, ours, theirs);
	else
		hf_why(why, HF_E_CONFLICT,
		       "it goes by version %llu of the agreement, whose keys "
		       "are not those of version %llu, which we hold",
		       (unsigned long long)shown->version,
		       (unsigned long long)set->agreement->version);
}

/* Does the peer hold another agreement by which its note is right? */
static bool is_in_good_faith(const struct hf_follow *follow,
			     struct hf_span document, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(follow->peers->options.ring);
	const struct hf_ring_set *set =
		hf_ring_set(ring, hf_span_of(follow->origin));
	const struct hf_agreement *shown = NULL;
	struct hf_agreement claim;
	struct hf_arena arena;
	enum hf_err err = HF_E_NOTFOUND;
	bool is_signed, is_right;

	hf_arena_init(&arena, 2 * HF_UNPACK_MAX_BYTES);
	/* Right by ours, but for a line of a witness that is forged. */
	if (set != NULL && !is_right_by(follow, set->agreement))
		err = hf_trust_agreement(document, set->publisher->manifest,
					 &arena, &shown, NULL);
	is_signed = err == HF_OK;
	/* He may have verified it with another manifest of the publisher. */
	if (err == HF_E_SIGNATURE) {
		err = claim_of(document, &arena, &claim);
		shown = &claim;
	}
	is_right = err == HF_OK && is_right_by(follow, shown);
	if (is_right)
		say(set, document, shown, is_signed, why);
	hf_arena_release(&arena);
	hf_ring_release(ring);
	return is_right;
}

static void on_text(void *owner, enum hf_err err, struct hf_span reply,
		    const struct hf_why *said)
{
	struct hf_follow *follow = owner;
	struct hf_link *link = follow->source;
	struct hf_get_checkpoint_response response;
	struct hf_why why = follow->why;
	struct hf_why texts = { "" };
	struct hf_arena arena;

	if (follow->is_going || follow->has_failed || link == NULL) {
		hf_follow_back(follow);
		return;
	}
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (err == HF_OK)
		err = hf_get_checkpoint_response_parse(reply, &arena, &response,
						       NULL);
	if (err != HF_OK ||
	    !is_in_good_faith(follow, response.agreement, &texts)) {
		hf_arena_release(&arena);
		hf_follow_fail(follow, HF_E_SIGNATURE, &why);
		hf_follow_back(follow);
		return;
	}
	hf_arena_release(&arena);
	leave_alone(follow, link, &texts);
	free((void *)follow->note.at);
	follow->note = hf_span(NULL, 0);
	follow->source = NULL;
	hf_follow_back(follow);
	hf_follow_look(follow);
}

/* Whose it is answers for it, and so does who holds what we signed. */
static bool answers_for(const struct hf_follow *follow,
			const struct hf_link *link)
{
	return follow->is_own ||
	       hf_span_is(hf_text_origin_domain(hf_span_of(follow->origin)),
			  link->name);
}

bool hf_follow_doubt(struct hf_follow *follow, struct hf_link *link,
		     const struct hf_note *note, const struct hf_why *why)
{
	const struct hf_get_checkpoint_request request = { follow->origin };
	struct hf_buf wire;
	uint8_t *copy;
	bool is_asked;

	if (answers_for(follow, link))
		return false;
	copy = malloc(note->bytes.len_bytes);
	if (copy == NULL)
		return false;
	hf_buf_init(&wire, 4096);
	is_asked = hf_get_checkpoint_request_encode(&request, &wire) == HF_OK &&
		   hf_link_ask(link, "/hashfed.v1.Federation/GetCheckpoint",
			       hf_buf_span(&wire), follow, on_text) == HF_OK;
	hf_buf_release(&wire);
	if (!is_asked) {
		free(copy);
		return false;
	}
	memcpy(copy, note->bytes.at, note->bytes.len_bytes);
	follow->note = hf_span(copy, note->bytes.len_bytes);
	follow->size = note->checkpoint.size;
	follow->why = *why;
	follow->source = link;
	follow->away++;
	return true;
}
