#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_federation.h"
#include "log.h"

#include "follow_fetch.h"
#include "peers_in.h"

/* Chunks that wait to be mended; verification finds the others again. */
#define MENDS_MAX 256

#define CALL_DEADLINE_MS ((int64_t)60000)

struct hf_mend {
	struct hf_rpc_task begin;
	struct hf_rpc_task back;
	struct hf_mend *next;
	struct hf_peers *peers; /* borrowed */
	uint32_t set;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t first;
	uint64_t size;
	size_t tried; /* links that were */
	char from[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_rpc_call *call; /* a reference, while it runs */
	struct hf_intake intake;
	bool is_away; /* at the ledger */
	bool is_over; /* nobody wants it any more */
	enum hf_err err;
	struct hf_why why;
};

static void next_link(struct hf_mend *mend);

/* What was said of a chunk that could not be mended: once, not at each try. */
struct hf_unmended {
	struct hf_unmended *next;
	uint32_t set;
	uint64_t first;
	struct hf_why why;
};

static struct hf_unmended **unmended(struct hf_mend *mend)
{
	struct hf_unmended **at = &mend->peers->unmended;

	while (*at != NULL &&
	       ((*at)->set != mend->set || (*at)->first != mend->first))
		at = &(*at)->next;
	return at;
}

/* It is mended. */
static void unmended_forget(struct hf_mend *mend)
{
	struct hf_unmended **at = unmended(mend), *said = *at;

	if (said == NULL)
		return;
	*at = said->next;
	mend->peers->unmended_count--;
	free(said);
}

/* Is it new?  When there is no more room for it, nothing is. */
static bool unmended_say(struct hf_mend *mend)
{
	struct hf_unmended **at = unmended(mend);

	if (*at == NULL && mend->peers->unmended_count < MENDS_MAX) {
		*at = calloc(1, sizeof(**at));
		if (*at != NULL) {
			(*at)->set = mend->set;
			(*at)->first = mend->first;
			(*at)->why = mend->why;
			mend->peers->unmended_count++;
			return true;
		}
	}
	if (*at == NULL || strcmp((*at)->why.text, mend->why.text) == 0)
		return false;
	(*at)->why = mend->why;
	return true;
}

/* The first one ended: the next may begin. */
static void end(struct hf_mend *mend)
{
	struct hf_peers *peers = mend->peers;
	struct hf_mend **at = &peers->mends;

	while (*at != NULL && *at != mend)
		at = &(*at)->next;
	if (*at == mend)
		*at = mend->next;
	hf_intake_end(&mend->intake);
	free(mend);
	peers->going--;
	if (peers->mends != NULL && peers->mends->call == NULL &&
	    !peers->mends->is_away)
		next_link(peers->mends);
	hf_peers_check_gone(peers);
}

static enum hf_err look(struct hf_mend *mend, bool *out_is_own)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err =
		hf_ledger_view_begin(mend->peers->options.ledger, &view, NULL);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, mend->set, &info, NULL);
	hf_ledger_view_end(view);
	if (err != HF_OK || !info.has_note || mend->first >= info.note_size)
		return HF_E_NOTFOUND;
	strcpy(mend->origin, info.origin);
	mend->size = info.note_size;
	*out_is_own = info.kind == HF_LEDGER_OWN;
	return HF_OK;
}

/* The next one that was not tried and may have it. */
static struct hf_link *pick(struct hf_mend *mend, bool is_own)
{
	struct hf_ring *ring = hf_ring_holder_get(mend->peers->options.ring);
	struct hf_span origin = hf_span_of(mend->origin);
	struct hf_link *link = mend->peers->links;
	uint64_t now_ms = hf_clock_wall_ms();
	size_t at = 0;

	for (; link != NULL; link = link->next) {
		bool may = is_own ? hf_ring_may_have(ring, origin,
						     link->organisation_id,
						     now_ms) >= HF_RIGHT_RELAY
				  : hf_ring_may_relay(ring, origin,
						      link->organisation_id,
						      now_ms);

		if (may && link->is_in_session && at++ == mend->tried)
			break;
	}
	hf_ring_release(ring);
	return link;
}

static void on_open(struct hf_rpc_call *call)
{
	struct hf_mend *mend = hf_rpc_arg(call);
	const struct hf_get_chunks_request request = {
		.origin = mend->origin,
		.size = mend->size,
		.first = mend->first,
		.end = hf_ledger_piece_end(mend->first, mend->size),
	};

	hf_link_ask_chunks(call, &request);
}

/* It is in the ledger, or could not be. */
static void on_back(void *arg)
{
	struct hf_mend *mend = arg;

	mend->is_away = false;
	if (mend->err == HF_OK) {
		unmended_forget(mend);
		hf_log(HF_LOG_WARNING, "peer", "mended",
		       "set=%s first=%llu peer=%s", mend->origin,
		       (unsigned long long)mend->first, mend->from);
		/* What it withheld is missing now. */
		hf_fills_heed(mend->peers, mend->set, NULL);
	}
	if (mend->call != NULL)
		return;
	if (mend->err == HF_OK || mend->is_over)
		end(mend);
	else
		next_link(mend);
}

/* On the ledger's writer thread. */
static void on_stored(void *arg, enum hf_err err,
		      const struct hf_ledger_receipt *receipt,
		      const struct hf_why *why)
{
	struct hf_mend *mend = arg;

	mend->err = err;
	if (err != HF_OK)
		mend->why = *why;
	hf_rpc_loop_post(mend->peers->options.outbound, &mend->back);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_mend *mend = hf_rpc_arg(call);
	struct hf_ledger_done done = { .call = on_stored, .arg = mend };
	struct hf_get_chunks_response chunk;
	struct hf_arena arena;
	bool is_committed = false;
	enum hf_err err;

	if (mend->is_over || mend->is_away)
		return;
	hf_arena_init(&arena, 4 * HF_UNPACK_MAX_BYTES);
	err = hf_get_chunks_response_parse(message, &arena, &chunk, &mend->why);
	/* Counted before it can come back. */
	mend->is_away = true;
	if (err == HF_OK)
		err = hf_intake_take(&mend->intake, &chunk, done, &is_committed,
				     &mend->why);
	if (!is_committed) {
		mend->is_away = false;
		mend->err = err;
	}
	hf_arena_release(&arena);
	if (err != HF_OK)
		hf_rpc_cancel(call);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_mend *mend = hf_rpc_arg(call);

	hf_rpc_unref(mend->call);
	mend->call = NULL;
	if (mend->is_away)
		return;
	/* Stored, and not left half given. */
	if (mend->is_over ||
	    (err == HF_OK && mend->err == HF_OK &&
	     mend->intake.next > mend->first && mend->intake.piece == NULL))
		end(mend);
	else
		next_link(mend);
}

static void next_link(struct hf_mend *mend)
{
	static const struct hf_rpc_events events = {
		.open = on_open,
		.recv = on_recv,
		.done = on_done,
	};
	struct hf_link *link = NULL;
	bool is_own = false;

	mend->err = HF_OK;
	hf_intake_end(&mend->intake);
	if (look(mend, &is_own) == HF_OK)
		link = pick(mend, is_own);
	if (link == NULL) {
		hf_log(unmended_say(mend) ? HF_LOG_ERROR : HF_LOG_DEBUG, "peer",
		       "not mended",
		       "set=%s first=%llu why=\"no peer that was reached "
		       "holds it%s%s\"",
		       mend->origin, (unsigned long long)mend->first,
		       mend->why.text[0] != '\0' ? ": " : "", mend->why.text);
		end(mend);
		return;
	}
	mend->tried++;
	strcpy(mend->from, link->name);
	hf_intake_begin(&mend->intake, mend->peers->options.ledger, mend->set,
			mend->size, mend->first);
	mend->intake.is_mend = true;
	if (hf_rpc_call_start(link->channel, "/hashfed.v1.Federation/GetChunks",
			      &events, mend, CALL_DEADLINE_MS, &mend->call,
			      &mend->why) != HF_OK) {
		mend->call = NULL;
		next_link(mend);
	}
}

/* On the loop. */
static void on_begin(void *arg)
{
	struct hf_mend *mend = arg;
	struct hf_peers *peers = mend->peers;
	struct hf_mend **at = &peers->mends;
	size_t count = 0;
	bool is_known = false;

	pthread_mutex_lock(&peers->lock);
	peers->told_count--;
	is_known = peers->is_stopping;
	pthread_mutex_unlock(&peers->lock);
	for (; *at != NULL; at = &(*at)->next, count++)
		is_known |=
			(*at)->set == mend->set && (*at)->first == mend->first;
	if (is_known || count >= MENDS_MAX) {
		free(mend);
		hf_peers_check_gone(peers);
		return;
	}
	*at = mend;
	peers->going++;
	if (peers->mends == mend)
		next_link(mend);
}

void hf_peers_mend(struct hf_peers *peers, uint32_t set, uint64_t entry)
{
	struct hf_mend *mend = calloc(1, sizeof(*mend));
	bool is_taken;

	if (mend == NULL)
		return;
	mend->begin.run = on_begin;
	mend->begin.arg = mend;
	mend->back.run = on_back;
	mend->back.arg = mend;
	mend->peers = peers;
	mend->set = set;
	mend->first = entry / HF_CHUNK_ENTRIES * HF_CHUNK_ENTRIES;
	pthread_mutex_lock(&peers->lock);
	is_taken = !peers->is_stopping && peers->told_count < HF_TOLD_MAX;
	peers->told_count += is_taken;
	pthread_mutex_unlock(&peers->lock);
	if (is_taken)
		hf_rpc_loop_post(peers->options.outbound, &mend->begin);
	else
		free(mend);
}

void hf_mends_drop(struct hf_peers *peers)
{
	struct hf_mend *first = peers->mends;

	if (first == NULL)
		return;
	while (first->next != NULL) {
		struct hf_mend *mend = first->next;

		first->next = mend->next;
		free(mend);
		peers->going--;
	}
	first->is_over = true;
	if (first->call != NULL)
		hf_rpc_cancel(first->call);
}

void hf_mends_free(struct hf_peers *peers)
{
	while (peers->unmended != NULL) {
		struct hf_unmended *next = peers->unmended->next;

		free(peers->unmended);
		peers->unmended = next;
	}
}
