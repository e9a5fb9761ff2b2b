#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "codec_document.h"
#include "ledger.h"
#include "log.h"
#include "match_tell.h"
#include "ring.h"
#include "thread.h"

#include "feed.h"
#include "feed_batch.h"
#include "feed_epoch.h"
#include "feed_expiry.h"
#include "feed_in.h"
#include "feed_late.h"
#include "judged.h"
#include "node.h"

/* Between two rounds, where there is news all the time: a client that waits for
 * its next acknowledgement needs the core, and many entries at once cost less
 * than one by one. */
#define REST_US ((uint64_t)4000)

/* Entries looked at in one view of the ledger: a few milliseconds, and as many
 * hashes for the index in one stroke. */
#define VIEW_ENTRIES 16384

/* Under the lock: lookups in place see what ours see. */
static void tell_index(struct hf_feed *feed, const struct hf_feed_set *is)
{
	struct hf_judge_set set;

	if (is->origin[0] == '\0')
		return;
	hf_judged_set(is, hf_clock_wall_ms(), &set);
	hf_index_tell_set(feed->node->index, &set);
}

/* Under the lock. */
static void tell(struct hf_feed *feed)
{
	pthread_cond_broadcast(&feed->progress);
	if (feed->told != NULL)
		feed->told(feed->told_arg);
}

void hf_feed_tell(struct hf_feed *feed, void (*told)(void *arg), void *arg)
{
	pthread_mutex_lock(&feed->lock);
	feed->told = told;
	feed->told_arg = arg;
	pthread_mutex_unlock(&feed->lock);
}

/* Under the lock.  NULL without memory. */
static struct record *record_of(struct hf_feed *feed, uint32_t set)
{
	if (set >= feed->records_count) {
		size_t count = (size_t)set * 2 + 8;
		struct record **records =
			realloc(feed->records, count * sizeof(*records));

		if (records == NULL)
			return NULL;
		memset(records + feed->records_count, 0,
		       (count - feed->records_count) * sizeof(*records));
		feed->records = records;
		feed->records_count = count;
	}
	if (feed->records[set] == NULL) {
		feed->records[set] = calloc(1, sizeof(struct record));
		if (feed->records[set] != NULL)
			feed->records[set]->is.set = set;
	}
	return feed->records[set];
}

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct hf_feed *feed = arg;
	struct record *record;
	bool must_tell;

	pthread_mutex_lock(&feed->lock);
	record = record_of(feed, set);
	if (record != NULL)
		record->is_dirty = true;
	else
		feed->has_changed = true; /* looks at every set later */
	must_tell = !feed->is_resting;
	pthread_mutex_unlock(&feed->lock);
	if (must_tell)
		pthread_cond_signal(&feed->news);
}

/* Every set of the ledger has news, because the ring has. */
static void mark_all(struct hf_feed *feed)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info = { .set = 0 };

	if (hf_ledger_view_begin(feed->node->ledger, &view, NULL) != HF_OK)
		return;
	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct record *record;

		pthread_mutex_lock(&feed->lock);
		record = record_of(feed, info.set);
		if (record != NULL)
			record->is_dirty = true;
		pthread_mutex_unlock(&feed->lock);
	}
	hf_ledger_view_end(view);
}

/* Where both indexes of an own set stand, or the one of a foreign set. */
static uint64_t fed_position(struct hf_feed *feed, const struct hf_feed_set *is)
{
	uint64_t fed = hf_index_position(feed->node->index, is->set);
	uint64_t taken_back;

	if (!is->is_own)
		return fed;
	taken_back = hf_index_position(feed->node->retracted, is->set);
	return taken_back < fed ? taken_back : fed;
}

static enum hf_err drop(struct hf_feed *feed, const struct hf_feed_set *is,
			struct hf_why *why)
{
	if (hf_index_position(feed->node->index, is->set) == 0)
		return HF_OK;
	hf_log(HF_LOG_INFO, "feed", "stopped matching", "set=%s", is->origin);
	return hf_index_drop_set(feed->node->index, is->set, why);
}

/* Up to VIEW_ENTRIES of a set into the count of those that live, and of what
 * can be matched on into a batch for the index.  Those that the index had
 * before the start are only counted. */
static enum hf_err take_in(struct hf_feed *feed, struct hf_ledger_view *view,
			   struct hf_feed_set *is, uint64_t *counted,
			   struct hf_feed_batch *out_batch, struct hf_why *why)
{
	/* A store put back from a backup may be behind the index. */
	uint64_t fed = is->fed < is->size ? is->fed : is->size;
	bool is_next = *counted == fed;
	enum hf_err err;

	if (!is->is_items) {
		is->fed = is->size;
		is->live = 0;
		*counted = is->size;
		return HF_OK;
	}
	if (!is->is_indexed || *counted < fed)
		return hf_feed_count(view, is->set,
				     is->is_indexed ? fed : is->size,
				     VIEW_ENTRIES, counted, &is->live, why);
	err = hf_feed_gather(feed->node, view, is, VIEW_ENTRIES,
			     is_next ? &is->live : NULL, out_batch, why);
	if (err == HF_OK && is_next)
		*counted = fed + (out_batch->end - is->fed);
	return err;
}

/* What a view shows of a set, and what is to be done about it. */
static enum hf_err look(struct hf_feed *feed, struct record *record,
			struct hf_feed_set *is, uint64_t *counted,
			struct hf_feed_batch *out_batch, struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err;

	err = hf_ledger_view_begin(feed->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, record->is.set, &info, why);
	if (err == HF_OK) {
		hf_feed_describe(feed, record, view, &info, is);
		is->live = record->is.live;
		/* What was counted beyond the end became void. */
		if (*counted > is->size) {
			*counted = 0;
			is->live = 0;
		}
		if (is->is_indexed)
			is->fed = fed_position(feed, is);
		else
			err = drop(feed, is, why);
	}
	if (err == HF_OK)
		err = take_in(feed, view, is, counted, out_batch, why);
	hf_ledger_view_end(view);
	return err;
}

/* Under the lock.  When the last set of which more was known to come has come,
 * the index need not wait for more. */
static void settle(struct hf_feed *feed, struct record *record)
{
	bool was_awaited = record->is_awaited, is_any = false;

	record->is_awaited =
		record->is.is_indexed && record->is.fed < record->is.expected;
	for (size_t i = 0; i < feed->records_count; i++)
		is_any |= feed->records[i] != NULL &&
			  feed->records[i]->is_awaited;
	if (was_awaited && !is_any)
		hf_index_settle(feed->node->index);
}

/* Before lookups find what came with a flood, they know that it is held. */
static void look_for_flood(struct hf_feed *feed, struct record *record,
			   struct hf_feed_set *is)
{
	if (!hf_judged_flood(feed->node, is))
		return;
	pthread_mutex_lock(&feed->lock);
	record->is.held_from_plus_one = is->held_from_plus_one;
	tell_index(feed, &record->is);
	pthread_mutex_unlock(&feed->lock);
}

/* Under the lock.  It has all that counts of earlier epochs: they are matched
 * on no more, from the moment on in which this one is.  Lookups in place, which
 * see no lock, are told of this one before. */
static void retire_earlier(struct hf_feed *feed, const struct hf_feed_set *is)
{
	uint32_t set = is->earlier;

	while (set != 0 && set < feed->records_count &&
	       feed->records[set] != NULL) {
		struct record *record = feed->records[set];

		set = record->is.earlier;
		if (record->is.is_succeeded)
			continue;
		hf_log(HF_LOG_INFO, "feed", "changed over", "set=%s to=%s",
		       record->is.origin, is->origin);
		feed->turns++;
		hf_index_tell_turn(feed->node->index);
		record->is.is_succeeded = true;
		record->is.is_matchable = false;
		record->is_dirty = true;
		tell_index(feed, &record->is);
	}
}

/* Entries that count no longer. */
static enum hf_err take_out_void(struct hf_feed *feed, struct record *record,
				 const struct hf_feed_set *is,
				 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (record->is_voided || !is->is_indexed || is->fed <= is->void_from)
		return HF_OK;
	for (uint64_t i = is->void_from; i < is->fed && err == HF_OK; i++)
		err = hf_index_remove(feed->node->index, is->set, i, why);
	record->is_voided = err == HF_OK;
	if (err == HF_OK)
		hf_log(HF_LOG_WARNING, "feed", "void entries taken out",
		       "set=%s from=%llu to=%llu", is->origin,
		       (unsigned long long)is->void_from,
		       (unsigned long long)is->fed);
	return err;
}

/* One view's worth of one set. */
static enum hf_err step(struct hf_feed *feed, struct record *record,
			bool *out_is_done, struct hf_why *why)
{
	struct hf_feed_batch batch = { .node = NULL };
	uint64_t counted = record->counted;
	struct hf_feed_set is;
	bool may_have_all = false;
	enum hf_err err, late_err;

	err = hf_index_tell_room(feed->node->index, record->is.set, why);
	if (err == HF_OK)
		err = look(feed, record, &is, &counted, &batch, why);
	if (err == HF_OK)
		look_for_flood(feed, record, &is);
	if (err == HF_OK && batch.node != NULL) {
		err = hf_feed_give(&batch, why);
		/* Another look says whether the index has it all now. */
		may_have_all = !is.has_all && batch.end > is.fed;
		is.fed = batch.end;
		hf_feed_batch_release(&batch);
	}
	/* Nobody finds what came in bulk before it is sealed. */
	if (err == HF_OK && !is.has_all && is.is_given) {
		err = hf_index_sync(feed->node->index, why);
		may_have_all = true;
	}
	if (err == HF_OK)
		err = take_out_void(feed, record, &is, why);
	if (err != HF_OK)
		return err;
	/* Nobody is told that all is there before it is found. */
	late_err = hf_feed_late(feed->node, &is, why);
	is.is_frozen |= late_err != HF_OK;

	/* What takes back may be behind what it takes back, not fed yet. */
	record->was_whole =
		is.is_indexed && (record->was_whole || is.fed >= is.size);
	is.is_provisional |= !is.is_own && !record->was_whole;
	*out_is_done = !may_have_all && counted >= is.size &&
		       (!is.is_indexed || is.fed >= is.size);
	pthread_mutex_lock(&feed->lock);
	record->is = is;
	record->is.has_ended = record->has_ended;
	record->is.is_in_force &= !record->has_ended;
	record->is.is_matchable &= !record->has_ended;
	record->counted = counted;
	tell_index(feed, &record->is);
	if (is.has_all)
		retire_earlier(feed, &is);
	settle(feed, record);
	tell(feed);
	pthread_mutex_unlock(&feed->lock);
	return late_err;
}

static bool must_stop(struct hf_feed *feed)
{
	bool stop;

	pthread_mutex_lock(&feed->lock);
	stop = feed->must_stop;
	pthread_mutex_unlock(&feed->lock);
	return stop;
}

static void feed_set(struct hf_feed *feed, struct record *record)
{
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	bool is_done = false;

	while (!is_done && err == HF_OK && !must_stop(feed))
		err = step(feed, record, &is_done, &why);
	if (err != HF_OK && !record->has_failed)
		hf_log(HF_LOG_ERROR, "feed", "indexing stopped",
		       "set=%s err=%s why=\"%s\"", record->is.origin,
		       hf_err_name(err), why.text);
	record->has_failed = err != HF_OK;
}

/* Under the lock.  All that there was at the start has been fed. */
static void catch_up(struct hf_feed *feed)
{
	if (feed->is_caught_up)
		return;
	feed->is_caught_up = true;
	hf_index_tell_ready(feed->node->index);
	tell(feed);
}

/* Under the lock.  The next set with news before `end`, or NULL. */
static struct record *next_dirty(struct hf_feed *feed, size_t end)
{
	while (feed->next < end) {
		struct record *record = feed->records[feed->next++];

		if (record != NULL && record->is_dirty)
			return record;
	}
	return NULL;
}

/* A set with news, its mark taken; NULL when there is none.  In turn: a set
 * that always has news must not keep the others waiting. */
static struct record *take_dirty(struct hf_feed *feed)
{
	struct record *found;

	pthread_mutex_lock(&feed->lock);
	found = next_dirty(feed, feed->records_count);
	if (found == NULL) {
		/* Once around, and that is what was there at the start. */
		catch_up(feed);
		feed->next = 0;
		found = next_dirty(feed, feed->records_count);
	}
	if (found != NULL)
		found->is_dirty = false;
	pthread_mutex_unlock(&feed->lock);
	return found;
}

/* Under the lock: for news, not for ever. */
static void wait_most(struct hf_feed *feed, uint64_t most_us)
{
	const struct timespec until =
		hf_clock_moment(hf_clock_mono_us() + most_us);

	pthread_cond_timedwait(&feed->news, &feed->lock, &until);
}

/* False when the feed is to stop. */
static bool wait_for_news(struct hf_feed *feed)
{
	bool has_changed, goes_on, is_dirty = false;
	uint64_t wait_us;

	pthread_mutex_lock(&feed->lock);
	for (;;) {
		for (size_t i = 0; i < feed->records_count; i++)
			is_dirty |= feed->records[i] != NULL &&
				    feed->records[i]->is_dirty;
		wait_us = hf_expiry_wait_us(feed->node->expiring);
		if (is_dirty || feed->has_changed || feed->must_stop ||
		    wait_us == 0)
			break;
		catch_up(feed);
		wait_most(feed, wait_us);
	}
	has_changed = feed->has_changed;
	feed->has_changed = false;
	goes_on = !feed->must_stop;
	pthread_mutex_unlock(&feed->lock);
	if (has_changed && goes_on)
		mark_all(feed);
	return goes_on;
}

/* Until a time on the monotonic clock, or the end. */
static void rest(struct hf_feed *feed, uint64_t until_us)
{
	uint64_t now_us;

	pthread_mutex_lock(&feed->lock);
	feed->is_resting = true;
	while (!feed->must_stop && (now_us = hf_clock_mono_us()) < until_us)
		wait_most(feed, until_us - now_us);
	feed->is_resting = false;
	pthread_mutex_unlock(&feed->lock);
}

static void *run(void *arg)
{
	struct hf_feed *feed = arg;
	struct record *record;
	uint64_t rested_us = 0;

	hf_thread_name("feed");
	while (wait_for_news(feed)) {
		/* The first news after a pause are looked at right away. */
		if (hf_clock_mono_us() < rested_us)
			rest(feed, rested_us);
		hf_expiry_run(feed->node->expiring, feed->node->ledger,
			      feed->node->index);
		while (!must_stop(feed) && (record = take_dirty(feed)) != NULL)
			feed_set(feed, record);
		rested_us = hf_clock_mono_us() + REST_US;
	}
	return NULL;
}

static void free_feed(struct hf_feed *feed)
{
	for (size_t i = 0; i < feed->records_count; i++)
		free(feed->records[i]);
	free(feed->records);
	pthread_cond_destroy(&feed->progress);
	pthread_cond_destroy(&feed->news);
	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

enum hf_err hf_feed_start(struct hf_node *node, struct hf_feed **out_feed,
			  struct hf_why *why)
{
	struct hf_feed *feed = calloc(1, sizeof(*feed));
	enum hf_err err;

	if (feed == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	feed->node = node;
	feed->has_changed = true;
	pthread_mutex_init(&feed->lock, NULL);
	hf_clock_cond_init(&feed->news);
	hf_clock_cond_init(&feed->progress);
	err = hf_ledger_follow(node->ledger, HF_LEDGER_ALL_SETS, 0, on_wake,
			       feed, &feed->follower, why);
	if (err != HF_OK)
		goto out_free;
	errno = pthread_create(&feed->thread, NULL, run, feed);
	if (errno != 0) {
		err = hf_why_errno(why, "feed: start a thread");
		goto out_unfollow;
	}
	*out_feed = feed;
	return HF_OK;

out_unfollow:
	hf_ledger_unfollow(feed->follower);
out_free:
	free_feed(feed);
	return err;
}

void hf_feed_halt(struct hf_feed *feed)
{
	if (feed == NULL)
		return;
	pthread_mutex_lock(&feed->lock);
	feed->must_stop = true;
	pthread_cond_signal(&feed->news);
	pthread_cond_broadcast(&feed->progress);
	pthread_mutex_unlock(&feed->lock);
}

void hf_feed_stop(struct hf_feed *feed)
{
	if (feed == NULL)
		return;
	hf_ledger_unfollow(feed->follower);
	hf_feed_halt(feed);
	pthread_join(feed->thread, NULL);
	free_feed(feed);
}

void hf_feed_changed(struct hf_feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	feed->has_changed = true;
	pthread_cond_signal(&feed->news);
	pthread_mutex_unlock(&feed->lock);
}

void hf_feed_end(struct hf_feed *feed, uint32_t set, bool has_ended)
{
	struct record *record;

	pthread_mutex_lock(&feed->lock);
	record = record_of(feed, set);
	if (record != NULL) {
		record->has_ended = has_ended;
		record->is_dirty = true;
		/* Now, not when the feed gets to it. */
		record->is.has_ended = has_ended;
		record->is.is_in_force &= !has_ended;
		record->is.is_matchable &= !has_ended;
		tell_index(feed, &record->is);
	}
	pthread_cond_signal(&feed->news);
	pthread_mutex_unlock(&feed->lock);
}

enum hf_err hf_feed_get(struct hf_feed *feed, uint32_t set,
			struct hf_feed_set *out_set)
{
	enum hf_err err = HF_E_NOTFOUND;

	pthread_mutex_lock(&feed->lock);
	if (set < feed->records_count && feed->records[set] != NULL &&
	    feed->records[set]->is.origin[0] != '\0') {
		*out_set = feed->records[set]->is;
		err = HF_OK;
	}
	pthread_mutex_unlock(&feed->lock);
	return err;
}

uint64_t hf_feed_found(struct hf_feed *feed, uint32_t set)
{
	uint64_t found = UINT64_MAX;

	pthread_mutex_lock(&feed->lock);
	if (set < feed->records_count && feed->records[set] != NULL &&
	    feed->records[set]->is.is_indexed)
		found = feed->records[set]->is.fed;
	pthread_mutex_unlock(&feed->lock);
	return found;
}

uint64_t hf_feed_turns(struct hf_feed *feed)
{
	uint64_t turns;

	pthread_mutex_lock(&feed->lock);
	turns = feed->turns;
	pthread_mutex_unlock(&feed->lock);
	return turns;
}

enum hf_err hf_feed_demote(struct hf_feed *feed, uint32_t set, uint64_t entry,
			   struct hf_why *why)
{
	return hf_index_demote(feed->node->index, set, entry, true, why);
}

enum hf_err hf_feed_retract(struct hf_feed *feed, uint32_t set, uint64_t entry,
			    struct hf_why *why)
{
	return hf_index_remove(feed->node->index, set, entry, why);
}

enum hf_err hf_feed_withhold(struct hf_feed *feed, uint32_t set, uint64_t entry,
			     bool is_withheld, struct hf_why *why)
{
	return hf_index_withhold(feed->node->index, set, entry, is_withheld,
				 why);
}

static struct timespec in_ms(int timeout_ms)
{
	return hf_clock_moment(hf_clock_mono_us() +
			       (uint64_t)timeout_ms * 1000);
}

enum hf_err hf_feed_wait(struct hf_feed *feed, uint32_t set, uint64_t size,
			 int timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&feed->lock);
	while (set >= feed->records_count || feed->records[set] == NULL ||
	       feed->records[set]->is.fed < size) {
		if (feed->must_stop ||
		    pthread_cond_timedwait(&feed->progress, &feed->lock,
					   &until) != 0) {
			err = HF_E_DEADLINE;
			break;
		}
	}
	pthread_mutex_unlock(&feed->lock);
	return err;
}

bool hf_feed_is_caught_up(struct hf_feed *feed)
{
	bool is;

	pthread_mutex_lock(&feed->lock);
	is = feed->is_caught_up;
	pthread_mutex_unlock(&feed->lock);
	return is;
}

enum hf_err hf_feed_wait_caught_up(struct hf_feed *feed, int timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	enum hf_err err;
	int rc = 0;

	pthread_mutex_lock(&feed->lock);
	while (!feed->is_caught_up && !feed->must_stop && rc == 0)
		rc = pthread_cond_timedwait(&feed->progress, &feed->lock,
					    &until);
	err = feed->is_caught_up ? HF_OK : HF_E_UNAVAILABLE;
	pthread_mutex_unlock(&feed->lock);
	return err;
}

enum hf_freshness hf_feed_freshness(const struct hf_feed *feed,
				    uint64_t checkpoint_ms, uint64_t now_ms)
{
	struct hf_fresh_ages ages = hf_judged_ages(feed->node->conf);

	return hf_fresh_of(&ages, checkpoint_ms, now_ms);
}

enum hf_freshness hf_feed_set_freshness(const struct hf_feed *feed,
					const struct hf_feed_set *is,
					uint64_t now_ms)
{
	if (is->is_own || !is->is_in_force || is->is_provisional)
		return 0;
	return hf_feed_freshness(feed, is->checkpoint_ms, now_ms);
}
