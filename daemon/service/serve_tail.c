#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "codec_federation.h"
#include "gossip.h"
#include "ledger_view.h"
#include "peers.h"
#include "ring.h"
#include "rpc.h"
#include "sha256.h"
#include "sign.h"

#include "behind.h"
#include "cosigned.h"
#include "node.h"
#include "serve.h"
#include "serve_tail.h"
#include "visible.h"

/* A set that was signed again and is the same otherwise: told some time within
 * this, together with others, and not at all to a caller who told us meanwhile.
 * But it is told every so often all the same, or we would seem to be behind. */
#define SAME_MS      ((uint64_t)2000)
#define SAME_MOST_MS (HF_BEHIND_MS / 2)

/* What a Tail call was told of one set. */
struct told {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t agreement_version;
	uint8_t note_digest[HF_SHA256_BYTES]; /* zeros: no note yet */
	uint8_t text_digest[HF_SHA256_BYTES]; /* by hf_gossip_digest() */
	uint64_t sent_ms;                     /* when it was told last */
	bool is_seen;                         /* mark and sweep */
};

/* One open call.  Rows are sorted by origin, as the ring's sets are. */
struct tail {
	struct tail *next;
	struct hf_rpc_call *call; /* borrowed until done */
	struct hf_tails *tails;   /* borrowed */
	struct told *rows;        /* owned */
	size_t rows_count;
	size_t rows_size;
	bool is_caught_up; /* the first round is over */
	bool must_look;    /* something changed while it was sending */
	uint8_t ring[HF_SHA256_BYTES];      /* as it was looked at last */
	uint8_t manifests[HF_SHA256_BYTES]; /* that were told */
	struct hf_rpc_timer same;
	bool is_same_due; /* what waited for the timer is told now */
};

struct hf_tails {
	struct hf_node *node; /* borrowed */
	struct hf_ledger_follower *follower;
	struct tail *first; /* the worker loop's */
	struct hf_rpc_task look;
	pthread_mutex_t lock; /* guards the two below */
	uint32_t *dirty;      /* owned: sets with news */
	size_t dirty_count;
	size_t dirty_size;
	bool has_changed; /* look at every set */
};

static struct told *find_row(struct tail *tail, const char *origin)
{
	for (size_t i = 0; i < tail->rows_count; i++) {
		if (strcmp(tail->rows[i].origin, origin) == 0)
			return &tail->rows[i];
	}
	return NULL;
}

static struct told *add_row(struct tail *tail, const char *origin)
{
	struct told *row;

	if (tail->rows_count == tail->rows_size) {
		size_t size = tail->rows_size * 2 + 16;
		struct told *rows = realloc(tail->rows, size * sizeof(*rows));

		if (rows == NULL)
			return NULL;
		tail->rows = rows;
		tail->rows_size = size;
	}
	row = &tail->rows[tail->rows_count++];
	memset(row, 0, sizeof(*row));
	strcpy(row->origin, origin);
	return row;
}

static void send_news(struct tail *tail, const struct hf_tail_response *news)
{
	struct hf_buf wire;

	hf_buf_init(&wire,
		    2 * HF_NOTE_MAX_BYTES + HF_AGREEMENT_MAX_BYTES + 1024);
	if (hf_tail_response_encode(news, &wire) == HF_OK)
		(void)hf_rpc_send_buf(tail->call, &wire);
	else
		hf_rpc_finish(tail->call, HF_E_INTERNAL, NULL);
	hf_buf_release(&wire);
}

static void digest_of(const struct hf_tail_response *news,
		      uint8_t out_digest[static HF_SHA256_BYTES])
{
	uint8_t both[2 * HF_SHA256_BYTES];

	hf_sha256(news->note.at, news->note.len_bytes, out_digest);
	if (news->cosigned.len_bytes == 0)
		return;
	memcpy(both, out_digest, HF_SHA256_BYTES);
	hf_sha256(news->cosigned.at, news->cosigned.len_bytes,
		  both + HF_SHA256_BYTES);
	hf_sha256(both, sizeof(both), out_digest);
}

/* Nothing is new but when it was signed: is there time, or no need at all? */
static bool is_kept_back(struct tail *tail, struct told *row,
			 const struct hf_tail_response *news,
			 const uint8_t digest[static HF_SHA256_BYTES])
{
	struct hf_node *node = tail->tails->node;
	uint64_t now_ms = hf_clock_wall_ms(), random;
	uint8_t text[HF_SHA256_BYTES];
	bool is_same;

	hf_gossip_digest(news->note, text);
	is_same = tail->is_caught_up && news->cosigned.len_bytes == 0 &&
		  row->agreement_version == news->agreement_version &&
		  memcmp(row->text_digest, text, sizeof(text)) == 0;
	if (is_same && !tail->is_same_due) {
		hf_random(&random, sizeof(random));
		if (!tail->same.is_armed)
			hf_rpc_timer_start(node->worker, &tail->same,
					   (int64_t)(random % SAME_MS));
		return true;
	}
	if (is_same && now_ms - row->sent_ms < SAME_MOST_MS &&
	    node->peers != NULL &&
	    hf_peers_has_told(node->peers,
			      hf_rpc_caller(tail->call)->organisation_id,
			      row->origin, digest)) {
		memcpy(row->note_digest, digest, sizeof(row->note_digest));
		return true;
	}
	memcpy(row->text_digest, text, sizeof(text));
	row->sent_ms = now_ms;
	return false;
}

/* Tell what is new of one set that the caller may see. */
static void tell(struct tail *tail, struct hf_ledger_view *view,
		 const struct hf_visible *visible)
{
	const struct hf_ring_set *set = visible->set;
	struct hf_tail_response news = {
		.origin = set->origin,
		.agreement_version = set->agreement->version,
	};
	uint8_t digest[HF_SHA256_BYTES] = { 0 };
	struct told *row = find_row(tail, set->origin);
	bool is_news = row == NULL;
	struct hf_buf own, other;

	/* Nobody is told of what is his own: it came from him. */
	if (visible->right == HF_RIGHT_PUBLISHER) {
		if (row != NULL)
			row->is_seen = true;
		return;
	}
	if (row == NULL)
		row = add_row(tail, set->origin);
	if (row == NULL) {
		hf_rpc_finish(tail->call, HF_E_NOMEM, NULL);
		return;
	}
	row->is_seen = true;
	hf_buf_init(&own, HF_NOTE_MAX_BYTES);
	hf_buf_init(&other, HF_NOTE_MAX_BYTES);
	if (visible->is_held &&
	    hf_ledger_note(view, visible->info.set, HF_LEDGER_NOTE, &news.note,
			   NULL) == HF_OK) {
		if (visible->set->is_own &&
		    hf_cosigned_get(tail->tails->node->cosigned, set->origin,
				    news.note, &own, &other)) {
			news.note = hf_buf_span(&own);
			news.cosigned = hf_buf_span(&other);
		}
		digest_of(&news, digest);
	}
	if (memcmp(digest, row->note_digest, sizeof(digest)) == 0) {
		news.note = hf_span(NULL, 0);
		news.cosigned = hf_span(NULL, 0);
	} else if (is_kept_back(tail, row, &news, digest)) {
		goto out;
	} else {
		is_news = true;
	}
	/* The first round names every set, news or not. */
	is_news |= row->agreement_version != news.agreement_version ||
		   !tail->is_caught_up;
	if (!is_news)
		goto out;
	if ((set->agreement->kind == HF_SET_KIND_CASES ||
	     set->agreement->predecessor != NULL) &&
	    row->agreement_version != news.agreement_version)
		news.agreement = set->document;
	memcpy(row->note_digest, digest, sizeof(digest));
	row->agreement_version = news.agreement_version;
	send_news(tail, &news);
out:
	hf_buf_release(&own);
	hf_buf_release(&other);
}

/* Is it the caller who lost the set, or we who no longer have or may pass it
 * on?  Only the former is an end: who is told of it stops matching. */
static bool has_caller_lost(struct tail *tail, struct hf_ring *ring,
			    const char *origin)
{
	return hf_ring_set(ring, hf_span_of(origin)) != NULL &&
	       hf_ring_may_have(ring, hf_span_of(origin),
				hf_rpc_caller(tail->call)->organisation_id,
				hf_clock_wall_ms()) == HF_RIGHT_NONE;
}

/* Sets that the caller was told of and may no longer see. */
static void tell_ended(struct tail *tail, struct hf_ring *ring)
{
	for (size_t i = 0; i < tail->rows_count;) {
		struct told *row = &tail->rows[i];

		if (row->is_seen) {
			row->is_seen = false;
			i++;
			continue;
		}
		if (has_caller_lost(tail, ring, row->origin))
			send_news(tail, &(struct hf_tail_response){
						.origin = row->origin,
						.ended = true,
					});
		else
			/* A new first round says what there is. */
			hf_rpc_finish(tail->call, HF_E_UNAVAILABLE, NULL);
		tail->rows_count--;
		memmove(row, row + 1, (tail->rows_count - i) * sizeof(*row));
	}
}

/* Which manifests and agreements we hold: a few bytes to compare, where what a
 * caller may know of them takes looking at every set. */
static void digest_ring(const struct hf_ring *ring,
			uint8_t out_digest[static HF_SHA256_BYTES])
{
	const struct hf_organisation *peers;
	const struct hf_ring_set *sets;
	size_t count = hf_ring_peers(ring, &peers);
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, hf_ring_self(ring)->document_hash,
			 HF_HASH_BYTES);
	for (size_t i = 0; i < count; i++)
		hf_sha256_update(&hash, peers[i].document_hash, HF_HASH_BYTES);
	count = hf_ring_sets(ring, &sets);
	for (size_t i = 0; i < count; i++) {
		hf_sha256_update(&hash, sets[i].origin,
				 strlen(sets[i].origin) + 1);
		hf_sha256_update(&hash, &sets[i].agreement->version,
				 sizeof(sets[i].agreement->version));
	}
	hf_sha256_final(&hash, out_digest);
}

static void digest_marks(const struct hf_manifest_mark *marks, size_t count,
			 uint8_t out_digest[static HF_SHA256_BYTES])
{
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	for (size_t i = 0; i < count; i++)
		hf_sha256_update(&hash, marks[i].hash.at, HF_HASH_BYTES);
	hf_sha256_final(&hash, out_digest);
}

/* With the end of the first round, and when there are others than then, or
 * others that the caller may know of. */
static void tell_manifests(struct tail *tail, const struct hf_ring *ring)
{
	struct hf_tail_response news = { .origin = "",
					 .caught_up = !tail->is_caught_up };
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_manifest_mark *marks;

	digest_ring(ring, digest);
	if (tail->is_caught_up &&
	    memcmp(digest, tail->ring, sizeof(digest)) == 0)
		return;
	marks = calloc(HF_MARKS_MAX, sizeof(*marks));
	if (marks == NULL) {
		hf_rpc_finish(tail->call, HF_E_NOMEM, NULL);
		return;
	}
	memcpy(tail->ring, digest, sizeof(digest));
	news.manifests = marks;
	news.manifests_count =
		hf_visible_manifests(ring, hf_rpc_caller(tail->call), marks);
	digest_marks(marks, news.manifests_count, digest);
	if (news.caught_up ||
	    memcmp(digest, tail->manifests, sizeof(digest)) != 0)
		send_news(tail, &news);
	tail->is_caught_up = true;
	memcpy(tail->manifests, digest, sizeof(digest));
	free(marks);
}

/* Everything the caller may see; what is new of it is sent. */
static void look_at_all(struct tail *tail, struct hf_ring *ring,
			struct hf_ledger_view *view)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);

	for (size_t i = 0; i < count; i++) {
		struct hf_visible visible;

		if (hf_visible(ring, view, hf_rpc_caller(tail->call),
			       sets[i].origin, HF_RIGHT_WITNESS, &visible,
			       NULL) == HF_OK)
			tell(tail, view, &visible);
	}
	tell_ended(tail, ring);
	tell_manifests(tail, ring);
}

static void look_at(struct tail *tail, struct hf_ring *ring,
		    struct hf_ledger_view *view, uint32_t set)
{
	struct hf_ledger_info info;
	struct hf_visible visible;

	if (hf_ledger_info(view, set, &info, NULL) == HF_OK &&
	    hf_visible(ring, view, hf_rpc_caller(tail->call), info.origin,
		       HF_RIGHT_WITNESS, &visible, NULL) == HF_OK) {
		struct told *row;

		tell(tail, view, &visible);
		row = find_row(tail, info.origin);
		if (row != NULL)
			row->is_seen = false;
	}
}

/* Take the news; has_changed stands for all sets. */
static uint32_t *take_news(struct hf_tails *tails, size_t *out_count,
			   bool *out_has_changed)
{
	uint32_t *dirty;

	pthread_mutex_lock(&tails->lock);
	dirty = tails->dirty;
	*out_count = tails->dirty_count;
	*out_has_changed = tails->has_changed;
	tails->dirty = NULL;
	tails->dirty_count = 0;
	tails->dirty_size = 0;
	tails->has_changed = false;
	pthread_mutex_unlock(&tails->lock);
	return dirty;
}

/* On the worker loop: every open call, every set with news. */
static void look(void *arg)
{
	struct hf_tails *tails = arg;
	bool has_changed;
	size_t count;
	uint32_t *dirty = take_news(tails, &count, &has_changed);
	struct hf_ledger_view *view;
	struct hf_ring *ring;

	if (tails->first == NULL) {
		free(dirty);
		return;
	}
	if (hf_ledger_view_begin(tails->node->ledger, &view, NULL) != HF_OK) {
		/* Without it the news would be lost: with the next ones. */
		pthread_mutex_lock(&tails->lock);
		tails->has_changed = true;
		pthread_mutex_unlock(&tails->lock);
		free(dirty);
		return;
	}
	ring = hf_ring_holder_get(tails->node->ring);
	for (struct tail *tail = tails->first; tail != NULL;
	     tail = tail->next) {
		/* A caller that reads slowly gets the latest when it is ready
		 * for it, not every step on the way. */
		if (hf_rpc_queued(tail->call) > 0) {
			tail->must_look = true;
			continue;
		}
		if (has_changed) {
			look_at_all(tail, ring, view);
			continue;
		}
		for (size_t i = 0; i < count; i++)
			look_at(tail, ring, view, dirty[i]);
	}
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	free(dirty);
}

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct hf_tails *tails = arg;
	bool is_there = false;

	pthread_mutex_lock(&tails->lock);
	for (size_t i = 0; i < tails->dirty_count && !is_there; i++)
		is_there = tails->dirty[i] == set;
	if (!is_there && tails->dirty_count == tails->dirty_size) {
		size_t more = tails->dirty_size * 2 + 16;
		uint32_t *dirty = realloc(tails->dirty, more * sizeof(*dirty));

		if (dirty != NULL) {
			tails->dirty = dirty;
			tails->dirty_size = more;
		}
	}
	if (!is_there && tails->dirty_count < tails->dirty_size)
		tails->dirty[tails->dirty_count++] = set;
	else if (!is_there)
		tails->has_changed = true;
	pthread_mutex_unlock(&tails->lock);
	hf_rpc_loop_post(tails->node->worker, &tails->look);
}

void hf_tails_changed(struct hf_tails *tails)
{
	pthread_mutex_lock(&tails->lock);
	tails->has_changed = true;
	pthread_mutex_unlock(&tails->lock);
	hf_rpc_loop_post(tails->node->worker, &tails->look);
}

enum hf_err hf_tails_new(struct hf_node *node, struct hf_tails **out_tails,
			 struct hf_why *why)
{
	struct hf_tails *tails = calloc(1, sizeof(*tails));
	enum hf_err err;

	if (tails == NULL)
		return hf_why(why, HF_E_NOMEM, "tails: no memory");
	tails->node = node;
	tails->look.run = look;
	tails->look.arg = tails;
	pthread_mutex_init(&tails->lock, NULL);
	err = hf_ledger_follow(node->ledger, HF_LEDGER_ALL_SETS, 0, on_wake,
			       tails, &tails->follower, why);
	if (err != HF_OK) {
		free(tails);
		return err;
	}
	*out_tails = tails;
	return HF_OK;
}

void hf_tails_unfollow(struct hf_tails *tails)
{
	hf_ledger_unfollow(tails->follower);
	tails->follower = NULL;
}

void hf_tails_free(struct hf_tails *tails)
{
	if (tails == NULL)
		return;
	free(tails->dirty);
	pthread_mutex_destroy(&tails->lock);
	free(tails);
}

/* What the caller holds already is not sent again. */
static enum hf_err remember_held(struct tail *tail, struct hf_ring *ring,
				 struct hf_ledger_view *view,
				 const struct hf_tail_request *request)
{
	for (size_t i = 0; i < request->held_count; i++) {
		const struct hf_set_mark *held = &request->held[i];
		struct hf_visible visible;
		struct hf_span note;
		struct told *row;

		if (hf_visible(ring, view, hf_rpc_caller(tail->call),
			       held->origin, HF_RIGHT_WITNESS, &visible,
			       NULL) != HF_OK)
			continue;
		row = find_row(tail, held->origin);
		if (row == NULL)
			row = add_row(tail, held->origin);
		if (row == NULL)
			return HF_E_NOMEM;
		row->agreement_version = held->agreement_version;
		if (visible.is_held && visible.info.note_size <= held->size &&
		    hf_ledger_note(view, visible.info.set, HF_LEDGER_NOTE,
				   &note, NULL) == HF_OK)
			hf_sha256(note.at, note.len_bytes, row->note_digest);
	}
	return HF_OK;
}

static void on_same(void *arg)
{
	struct tail *tail = arg;
	struct hf_ledger_view *view;
	struct hf_ring *ring;

	if (hf_rpc_is_over(tail->call))
		return;
	if (hf_rpc_queued(tail->call) > 0 ||
	    hf_ledger_view_begin(tail->tails->node->ledger, &view, NULL) !=
		    HF_OK) {
		hf_rpc_timer_start(tail->tails->node->worker, &tail->same,
				   SAME_MS);
		return;
	}
	ring = hf_ring_holder_get(tail->tails->node->ring);
	tail->is_same_due = true;
	look_at_all(tail, ring, view);
	tail->is_same_due = false;
	hf_ring_release(ring);
	hf_ledger_view_end(view);
}

static enum hf_err begin(struct tail *tail,
			 const struct hf_tail_request *request,
			 struct hf_why *why)
{
	struct hf_node *node = tail->tails->node;
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(node->ring);
	err = remember_held(tail, ring, view, request);
	if (err == HF_OK)
		look_at_all(tail, ring, view);
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	return err;
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_tails *tails = hf_node_of(call)->tails;
	struct tail *tail = calloc(1, sizeof(*tail));
	struct hf_tail_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (tail == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	tail->call = call;
	tail->tails = tails;
	tail->same.run = on_same;
	tail->same.arg = tail;
	tail->next = tails->first;
	tails->first = tail;
	hf_rpc_set_data(call, tail);
	hf_arena_init(&arena, 4 * HF_UNPACK_MAX_BYTES);
	err = hf_tail_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = begin(tail, &request, &why);
	hf_arena_release(&arena);
	if (err != HF_OK)
		hf_rpc_finish(call, err, &why);
}

static void on_sent(struct hf_rpc_call *call)
{
	struct tail *tail = hf_rpc_data(call);

	struct hf_ledger_view *view;
	struct hf_ring *ring;

	if (tail == NULL || !tail->must_look || hf_rpc_is_over(call))
		return;
	/* Only this one: a slow caller must not have all others looked at. */
	if (hf_ledger_view_begin(hf_node_of(call)->ledger, &view, NULL) !=
	    HF_OK)
		return;
	tail->must_look = false;
	ring = hf_ring_holder_get(hf_node_of(call)->ring);
	look_at_all(tail, ring, view);
	hf_ring_release(ring);
	hf_ledger_view_end(view);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct tail *tail = hf_rpc_data(call);
	struct tail **at;

	if (tail == NULL)
		return;
	hf_rpc_timer_stop(tail->tails->node->worker, &tail->same);
	for (at = &tail->tails->first; *at != tail; at = &(*at)->next)
		;
	*at = tail->next;
	free(tail->rows);
	free(tail);
}

static void on_drain(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

const struct hf_rpc_events hf_serve_tail = {
	.recv = on_recv,
	.sent = on_sent,
	.done = on_done,
	.drain = on_drain,
};
