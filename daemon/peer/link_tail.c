#include <stdlib.h>
#include <string.h>

#include "codec_federation.h"

#include "peers_in.h"

struct hf_link_set *hf_link_set(struct hf_link *link, const char *origin)
{
	struct hf_link_set *set = link->sets;

	while (set != NULL && strcmp(set->origin, origin) != 0)
		set = set->next;
	return set;
}

enum hf_err hf_link_set_note(struct hf_link *link, struct hf_link_set *set,
			     struct hf_span note)
{
	struct hf_note parsed;
	uint8_t *copy;

	if (link->notes_bytes - set->note.len_bytes + note.len_bytes >
	    HF_LINK_NOTES_MAX_BYTES)
		return HF_E_LIMIT;
	copy = malloc(note.len_bytes);
	if (copy == NULL)
		return HF_E_NOMEM;
	memcpy(copy, note.at, note.len_bytes);
	pthread_mutex_lock(&link->peers->lock);
	hf_sha256(note.at, note.len_bytes, set->told_digest);
	pthread_mutex_unlock(&link->peers->lock);
	link->notes_bytes += note.len_bytes;
	link->notes_bytes -= set->note.len_bytes;
	free((void *)set->note.at);
	set->note = hf_span(copy, note.len_bytes);
	if (hf_note_parse(set->note, &parsed, NULL) == HF_OK)
		set->size = parsed.checkpoint.size;
	return HF_OK;
}

void hf_link_drop_note(struct hf_link *link, const char *origin)
{
	struct hf_link_set *set = hf_link_set(link, origin);

	if (set == NULL)
		return;
	link->notes_bytes -= set->note.len_bytes;
	free((void *)set->note.at);
	set->note = hf_span(NULL, 0);
}

void hf_link_verified(struct hf_link *link, const char *origin, uint64_t time_s)
{
	struct hf_link_set *set = hf_link_set(link, origin);

	if (set == NULL || time_s <= set->time_s)
		return;
	pthread_mutex_lock(&link->peers->lock);
	set->time_s = time_s;
	pthread_mutex_unlock(&link->peers->lock);
}

/* Take the set at *at out of the list. */
static void forget_at(struct hf_link *link, struct hf_link_set **at)
{
	struct hf_link_set *set = *at;

	pthread_mutex_lock(&link->peers->lock);
	*at = set->next;
	pthread_mutex_unlock(&link->peers->lock);
	link->sets_count--;
	link->notes_bytes -= set->note.len_bytes;
	free((void *)set->note.at);
	free(set);
}

static void forget_set(struct hf_link *link, const char *origin)
{
	struct hf_link_set **at = &link->sets;

	while (*at != NULL && strcmp((*at)->origin, origin) != 0)
		at = &(*at)->next;
	if (*at != NULL)
		forget_at(link, at);
}

void hf_link_forget(struct hf_link *link)
{
	while (link->sets != NULL)
		forget_at(link, &link->sets);
}

enum hf_err hf_link_add_set(struct hf_link *link, const char *origin,
			    struct hf_link_set **out_set)
{
	struct hf_link_set *set = hf_link_set(link, origin);

	*out_set = set;
	if (set != NULL)
		return HF_OK;
	if (link->sets_count >= HF_TAIL_SETS_MAX)
		return HF_E_LIMIT;
	set = calloc(1, sizeof(*set));
	if (set == NULL)
		return HF_E_NOMEM;
	strcpy(set->origin, origin);
	link->sets_count++;
	pthread_mutex_lock(&link->peers->lock);
	set->next = link->sets;
	link->sets = set;
	pthread_mutex_unlock(&link->peers->lock);
	*out_set = set;
	return HF_OK;
}

static enum hf_err take_news(struct hf_link *link,
			     const struct hf_tail_response *news,
			     struct hf_why *why)
{
	struct hf_follow *follow;
	struct hf_link_set *set;
	size_t before = link->sets_count;
	enum hf_err err;

	if (news->manifests_count > 0)
		hf_link_manifests(link, news->manifests, news->manifests_count);
	if (news->origin[0] == '\0')
		return HF_OK;
	follow = hf_peers_follow(link->peers, news->origin);
	if (news->ended) {
		forget_set(link, news->origin);
		if (follow != NULL)
			hf_follow_ended(follow, link);
		return HF_OK;
	}
	err = hf_link_add_set(link, news->origin, &set);
	if (err == HF_OK && news->note.len_bytes > 0)
		err = hf_link_set_note(link, set, news->note);
	if (err != HF_OK)
		return hf_why(why, err, "it tells of too many sets");
	set->agreement_version = news->agreement_version;
	hf_gossip_told(link, news->origin, news->note);
	if (follow == NULL && news->agreement.len_bytes > 0 &&
	    link->peers->options.set_offered != NULL)
		link->peers->options.set_offered(link->peers->options.arg,
						 news->origin, news->agreement);
	hf_fills_told(link->peers, follow, news->origin,
		      link->sets_count > before);
	if (follow != NULL) {
		hf_follow_told(follow, link);
		if (news->cosigned.len_bytes > 0 &&
		    follow->agreement_version > 0)
			hf_follow_collect(follow, news->cosigned);
		hf_follow_look(follow);
	}
	return HF_OK;
}

static void tail_open(struct hf_rpc_call *call)
{
	struct hf_buf wire;
	const struct hf_tail_request request = { 0 };

	/* We say nothing of what we hold: each link keeps the latest note of
	 * each set, so that another one can go on where this one stops. */
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	if (hf_tail_request_encode(&request, &wire) == HF_OK)
		(void)hf_rpc_send(call, hf_buf_span(&wire));
	hf_buf_release(&wire);
	hf_rpc_finish(call, HF_OK, NULL);
}

static void tail_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_link *link = hf_rpc_arg(call);
	struct hf_tail_response news;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (link->is_going || !link->is_in_session)
		return;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_tail_response_parse(message, &arena, &news, &why);
	if (err == HF_OK) {
		hf_link_well(link);
		err = take_news(link, &news, &why);
	}
	hf_arena_release(&arena);
	if (err != HF_OK) {
		hf_why_prefix(&why, "Tail: ");
		hf_link_fail(link, err, &why);
	}
}

static void tail_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_link *link = hf_rpc_arg(call);
	struct hf_why why = *hf_rpc_why(call);

	hf_rpc_unref(link->tail);
	link->tail = NULL;
	if (link->is_in_session && !link->is_going) {
		if (why.text[0] == '\0')
			hf_why(&why, err, "the connection ended");
		hf_link_fail(link, err, &why);
	}
	hf_link_back(link);
}

static const struct hf_rpc_events tail_events = {
	.open = tail_open,
	.recv = tail_recv,
	.done = tail_done,
};

void hf_link_tail(struct hf_link *link)
{
	struct hf_why why = { "" };
	enum hf_err err;

	/* The first round names every set anew. */
	hf_link_forget(link);
	hf_gossip_forget(link);
	err = hf_rpc_call_start(link->channel, "/hashfed.v1.Federation/Tail",
				&tail_events, link, 0, &link->tail, &why);
	if (err != HF_OK) {
		hf_link_fail(link, err, &why);
		return;
	}
	link->away++;
	hf_offers_look(link);
	hf_link_ask_own(link);
	hf_link_ask_agreements(link);
	hf_gossip_soon(link);
}
