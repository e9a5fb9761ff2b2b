#include <string.h>

#include "codec_document.h"
#include "fresh.h"
#include "match_index.h"
#include "ring.h"

#include "epoch.h"
#include "feed_epoch.h"
#include "feed_in.h"
#include "judged.h"
#include "node.h"

/* The signed time of the note that covers what we hold.  It was verified
 * before it was stored, or comes from our own signer. */
static uint64_t note_time_ms(struct record *record, struct hf_ledger_view *view,
			     const struct hf_ring_set *about)
{
	struct hf_note note;
	struct hf_span bytes;

	if (about == NULL ||
	    hf_ledger_note(view, record->is.set, HF_LEDGER_NOTE, &bytes,
			   NULL) != HF_OK ||
	    hf_note_parse(bytes, &note, NULL) != HF_OK ||
	    hf_set_keys_for(about->agreement, &note, &record->keys, NULL) !=
		    HF_OK)
		return 0;
	return hf_fresh_ms(hf_note_time(&note, &record->keys.cosigner));
}

static bool has_ended(struct hf_feed *feed, const struct record *record)
{
	bool has;

	pthread_mutex_lock(&feed->lock);
	has = record->has_ended;
	pthread_mutex_unlock(&feed->lock);
	return has;
}

/* Does it have hashes?  A kind that only a later version knows has none for
 * us. */
static bool is_items(const struct hf_ring_set *about)
{
	return about == NULL || about->agreement->kind == 0;
}

/* Is a later epoch matched on instead?  What the feed has told of it counts, so
 * that both change over in one moment; before it told anything, what is
 * there. */
static bool is_succeeded(struct hf_feed *feed, const struct hf_ring *ring,
			 struct hf_ledger_view *view, uint32_t later)
{
	while (later != 0) {
		struct hf_feed_set is;
		struct hf_ledger_info info;
		struct hf_feed_epoch epoch;

		if (hf_feed_get(feed, later, &is) == HF_OK) {
			if (is.has_all)
				return true;
			later = is.later;
			continue;
		}
		if (hf_ledger_info(view, later, &info, NULL) != HF_OK)
			return false;
		hf_feed_epoch(feed->node, ring, view, &info, &epoch);
		if (epoch.is_given)
			return true;
		later = epoch.later;
	}
	return false;
}

/* Is an epoch before it matched on, so that it has to wait? */
static bool has_earlier(const struct hf_ring *ring, struct hf_ledger_view *view,
			uint32_t earlier)
{
	struct hf_ledger_info info;

	return earlier != 0 &&
	       hf_ledger_info(view, earlier, &info, NULL) == HF_OK &&
	       hf_judged_in_force(ring, &info);
}

void hf_feed_describe(struct hf_feed *feed, struct record *record,
		      struct hf_ledger_view *view,
		      const struct hf_ledger_info *info,
		      struct hf_feed_set *out)
{
	struct hf_ring *ring = hf_ring_holder_get(feed->node->ring);
	const struct hf_ring_set *about =
		hf_ring_set(ring, hf_span_of(info->origin));
	bool is_own = info->kind == HF_LEDGER_OWN;
	struct hf_feed_epoch epoch;

	hf_feed_epoch(feed->node, ring, view, info, &epoch);
	*out = (struct hf_feed_set){
		.set = info->set,
		.is_own = is_own,
		.is_items = is_items(about),
		.is_in_force = hf_judged_in_force(ring, info) &&
			       !has_ended(feed, record),
		.is_provisional = !is_own && !info->has_note,
		/* Our own that goes on in another is as good as it was. */
		.is_frozen = (info->is_frozen && !hf_epoch_is_closed(info)) ||
			     epoch.is_contradicted || info->missing_count > 0 ||
			     info->unsupported_from != HF_LEDGER_NONE,
		.checkpoint_ms = note_time_ms(record, view, about),
		.size = info->size,
		.expected = info->has_seen ? info->seen_size : 0,
		.earlier = epoch.earlier,
		.later = epoch.later,
		.void_from = epoch.void_from,
		.is_given = epoch.is_given,
		/* It never goes back, whatever comes then. */
		.has_all = record->is.has_all ||
			   (epoch.is_given &&
			    (epoch.earlier == 0 ||
			     hf_index_finds_all(feed->node->index))),
		.is_succeeded = is_succeeded(feed, ring, view, epoch.later),
	};
	if (out->size > out->void_from)
		out->size = out->void_from;
	if (out->expected > out->void_from)
		out->expected = out->void_from;
	out->is_waiting = out->is_items && !out->has_all &&
			  has_earlier(ring, view, out->earlier);
	/* Our own stays, for what was taken back in it. */
	out->is_indexed = out->is_in_force && out->is_items &&
			  (is_own || !out->is_succeeded);
	out->is_matchable =
		out->is_indexed && !out->is_succeeded && !out->is_waiting;
	memcpy(out->origin, info->origin, sizeof(out->origin));
	hf_ring_release(ring);
}
