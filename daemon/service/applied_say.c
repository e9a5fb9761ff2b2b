#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "arena.h"
#include "clock.h"
#include "codec_federation.h"
#include "ledger_view.h"
#include "log.h"
#include "peers.h"
#include "receipts.h"
#include "ring.h"
#include "thread.h"

#include "applied_say.h"
#include "feed.h"
#include "node.h"

/* From the first news to the receipts for all of it, and from one round to the
 * next: a set that grows all the time is a receipt each five seconds. */
#define GATHER_MS 500
#define REST_MS   5000

struct hf_applied_say {
	struct hf_node *node; /* borrowed */
	struct hf_ledger_follower *follower;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	bool has_news;
	bool must_stop;
};

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct hf_applied_say *say = arg;

	pthread_mutex_lock(&say->lock);
	if (!say->has_news)
		pthread_cond_signal(&say->changed);
	say->has_news = true;
	pthread_mutex_unlock(&say->lock);
}

/* A set that we are a member of, and how far lookups know it; false where there
 * is nothing to say. */
static bool is_to_say(struct hf_applied_say *say, const struct hf_ring *ring,
		      const struct hf_ledger_info *info, uint64_t *out_size)
{
	struct hf_node *node = say->node;
	struct hf_span origin = hf_span_of(info->origin);
	const uint8_t *self = hf_ring_self(ring)->id;
	struct hf_receipt_row last;
	struct hf_feed_set is;

	if (info->kind == HF_LEDGER_OWN || !info->has_note ||
	    !hf_ring_is_followed(ring, origin) ||
	    hf_ring_may_have(ring, origin, self, hf_clock_wall_ms()) !=
		    HF_RIGHT_MEMBER ||
	    hf_feed_get(node->feed, info->set, &is) != HF_OK || !is.is_in_force)
		return false;
	*out_size = is.is_indexed && is.fed < info->size ? is.fed : info->size;
	/* A smaller one is said as well: we were put back from a backup. */
	return !hf_receipts_get(node->receipts, info->origin, self, &last) ||
	       last.size != *out_size;
}

/* Sign one, and keep it. */
static enum hf_err sign(struct hf_applied_say *say, const struct hf_ring *ring,
			const struct hf_agent_applied *ask, struct hf_why *why)
{
	struct hf_node *node = say->node;
	struct hf_applied_receipt receipt;
	struct hf_arena arena;
	struct hf_buf bytes;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&bytes, HF_MESSAGE_MAX_BYTES);
	err = hf_agent_applied(node->agent, ask, &bytes, why);
	if (err == HF_OK)
		err = hf_applied_receipt_parse(hf_buf_span(&bytes), &arena,
					       &receipt, why);
	if (err == HF_OK)
		err = hf_receipts_take(node->receipts, ring, node->ledger,
				       &receipt, why);
	hf_buf_release(&bytes);
	hf_arena_release(&arena);
	return err;
}

/* The set, if any, behind a number that something is to be said of. */
static enum hf_err find(struct hf_applied_say *say, const struct hf_ring *ring,
			struct hf_ledger_info *info,
			struct hf_agent_applied *ask, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(say->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	do {
		err = hf_ledger_next(view, info->set, info, why);
	} while (err == HF_OK && !is_to_say(say, ring, info, &ask->size));
	if (err == HF_OK)
		err = hf_ledger_root(view, info->set, ask->size, &ask->root,
				     why);
	hf_ledger_view_end(view);
	return err;
}

/* True when there may be more to say later without any news. */
static bool say_all(struct hf_applied_say *say, const struct hf_ring *ring)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_agent_applied ask;
	bool has_said = false, is_open = false;
	struct hf_why why = { "" };
	enum hf_err err;

	memcpy(ask.organisation_id, hf_ring_self(ring)->id, HF_HASH_BYTES);
	while (find(say, ring, &info, &ask, &why) == HF_OK) {
		ask.origin = hf_span_of(info.origin);
		err = sign(say, ring, &ask, &why);
		has_said |= err == HF_OK;
		/* EXISTS: the signer's clock stands before what it signed. */
		is_open |= ask.size < info.size || err == HF_E_EXISTS;
		if (err != HF_OK && err != HF_E_EXISTS) {
			hf_log(HF_LOG_DEBUG, "applied", "not signed",
			       "set=%s err=%s why=\"%s\"", info.origin,
			       hf_err_name(err), why.text);
			/* NOTFOUND: there is no notice key to sign with. */
			is_open = err != HF_E_NOTFOUND;
			break;
		}
	}
	if (has_said)
		hf_peers_gossip(say->node->peers);
	return is_open;
}

/* Under the lock; false when it is to stop. */
static bool pause_for(struct hf_applied_say *say, unsigned ms)
{
	const struct timespec until =
		hf_clock_moment(hf_clock_mono_us() + (uint64_t)ms * 1000);

	while (!say->must_stop &&
	       pthread_cond_timedwait(&say->changed, &say->lock, &until) !=
		       ETIMEDOUT)
		;
	return !say->must_stop;
}

static void round_of(struct hf_applied_say *say)
{
	struct hf_ring *ring = hf_ring_holder_get(say->node->ring);
	bool is_open = say_all(say, ring);

	hf_ring_release(ring);
	if (!is_open)
		return;
	pthread_mutex_lock(&say->lock);
	say->has_news = true;
	pthread_mutex_unlock(&say->lock);
}

static void *say_main(void *arg)
{
	struct hf_applied_say *say = arg;

	hf_thread_name("applied");
	pthread_mutex_lock(&say->lock);
	while (!say->must_stop) {
		if (!say->has_news) {
			pthread_cond_wait(&say->changed, &say->lock);
			continue;
		}
		if (!pause_for(say, GATHER_MS))
			break;
		say->has_news = false;
		pthread_mutex_unlock(&say->lock);
		round_of(say);
		pthread_mutex_lock(&say->lock);
		if (!pause_for(say, REST_MS))
			break;
	}
	pthread_mutex_unlock(&say->lock);
	return NULL;
}

static enum hf_err start_thread(struct hf_applied_say *say, struct hf_why *why)
{
	int rc = pthread_create(&say->thread, NULL, say_main, say);
	enum hf_err err;

	if (rc != 0) {
		free(say);
		errno = rc;
		return hf_why_errno(why, "receipts: start the thread");
	}
	err = hf_ledger_follow(say->node->ledger, HF_LEDGER_ALL_SETS, 0,
			       on_wake, say, &say->follower, why);
	if (err == HF_OK)
		return HF_OK;
	hf_applied_say_stop(say);
	return err;
}

enum hf_err hf_applied_say_start(struct hf_node *node,
				 struct hf_applied_say **out_say,
				 struct hf_why *why)
{
	struct hf_applied_say *say = calloc(1, sizeof(*say));
	enum hf_err err;

	if (say == NULL)
		return hf_why(why, HF_E_NOMEM, "receipts: no memory");
	say->node = node;
	pthread_mutex_init(&say->lock, NULL);
	hf_clock_cond_init(&say->changed);
	err = start_thread(say, why);
	if (err == HF_OK)
		*out_say = say;
	return err;
}

void hf_applied_say_stop(struct hf_applied_say *say)
{
	if (say == NULL)
		return;
	hf_ledger_unfollow(say->follower);
	pthread_mutex_lock(&say->lock);
	say->must_stop = true;
	pthread_cond_signal(&say->changed);
	pthread_mutex_unlock(&say->lock);
	pthread_join(say->thread, NULL);
	pthread_mutex_destroy(&say->lock);
	pthread_cond_destroy(&say->changed);
	free(say);
}
