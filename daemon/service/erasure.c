#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "ledger_view.h"
#include "log.h"
#include "match_index.h"
#include "thread.h"

#include "erasure.h"
#include "feed.h"
#include "forget.h"
#include "node.h"

/* Between two looks at most, and after a failure at least. */
#define LOOK_MOST_MS 60000

/* How long the index may take between two looks at whether to stop. */
#define FEED_STEP_MS 200

struct hf_erasure {
	struct hf_node *node; /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool is_over;
	/* Under lock.  Not HF_OK: logged; quiet until it works again. */
	enum hf_err failed;
	struct hf_why failed_why;
};

/* Until the index has let go of all that was erased by now.  One set after the
 * other, each as far as it has come: what grows all the time has no end. */
static enum hf_err wait_for_feed(struct hf_erasure *erasure, struct hf_why *why)
{
	struct hf_feed *feed = erasure->node->feed;
	struct hf_ledger_info info;
	enum hf_err err;

	for (uint32_t set = 0;; set = info.set) {
		err = hf_ledger_next_now(erasure->node->ledger, set, &info,
					 why);
		if (err != HF_OK)
			return err == HF_E_NOTFOUND ? HF_OK : err;
		while (hf_feed_found(feed, info.set) < info.size) {
			if (atomic_load(&erasure->is_over))
				return hf_why(why, HF_E_CANCELLED, "stopping");
			/* It is looked at again either way. */
			err = hf_feed_wait(feed, info.set, info.size,
					   FEED_STEP_MS);
			(void)err;
		}
	}
}

/* What was looked up here lately, and has the hashes of what was erased. */
static enum hf_err forget(struct hf_erasure *erasure, struct hf_why *why)
{
	struct hf_forgotten forgotten;
	enum hf_err err =
		hf_forget(erasure->node, &erasure->is_over, &forgotten, why);

	if (err == HF_OK && forgotten.payloads > 0)
		hf_log(HF_LOG_INFO, "erasure", "forgotten",
		       "payloads=%llu digests=%llu items=%llu",
		       (unsigned long long)forgotten.payloads,
		       (unsigned long long)forgotten.digests,
		       (unsigned long long)forgotten.items);
	return err;
}

static void add_bytes(void *arg, const struct hf_size *size)
{
	*(uint64_t *)arg += size->bytes;
}

static void add_none(void *arg, const struct hf_size *size)
{
}

/* A copy that took the reserve would be in the way of what takes back. */
static enum hf_err check_room(struct hf_node *node, struct hf_why *why)
{
	uint64_t reserve = node->conf->disk_reserve_bytes, bytes = 0;
	struct hf_ledger_stats stats;
	enum hf_err err =
		hf_ledger_sizes(node->ledger, add_bytes, add_none, &bytes, why);

	if (err == HF_OK)
		err = hf_ledger_stats(node->ledger, &stats, why);
	if (err != HF_OK ||
	    (stats.disk_bytes >= bytes && stats.disk_bytes - bytes >= reserve))
		return err;
	return hf_why(why, HF_E_FULL,
		      "the ledger is written anew, which needs %llu MiB beside "
		      "the %llu MiB of disk-reserve, and the disk has %llu MiB",
		      (unsigned long long)(bytes >> 20) + 1,
		      (unsigned long long)reserve >> 20,
		      (unsigned long long)stats.disk_bytes >> 20);
}

static enum hf_err erase(struct hf_erasure *erasure, struct hf_why *why)
{
	struct hf_node *node = erasure->node;
	enum hf_err err = check_room(node, why);

	if (err == HF_OK)
		err = wait_for_feed(erasure, why);
	if (err == HF_OK)
		err = forget(erasure, why);
	if (err == HF_OK)
		err = hf_index_compact(node->index, why);
	if (err == HF_OK)
		err = hf_index_compact(node->retracted, why);
	/* Last: with it goes what says that there is something to do. */
	return err == HF_OK
		       ? hf_ledger_compact(node->ledger, &erasure->is_over, why)
		       : err;
}

/* How many erasures wait, where the first has waited long enough. */
static uint64_t count_due(struct hf_erasure *erasure)
{
	uint64_t count, since_ms, now_ms = hf_clock_wall_ms();
	struct hf_ledger_view *view;
	enum hf_err err =
		hf_ledger_view_begin(erasure->node->ledger, &view, NULL);

	if (err != HF_OK)
		return 0;
	err = hf_ledger_erasing(view, &count, &since_ms, NULL);
	hf_ledger_view_end(view);
	if (err != HF_OK || count == 0)
		return 0;
	/* With a clock that was set back nobody knows: now, then. */
	return since_ms > now_ms || now_ms - since_ms >=
					    erasure->node->conf->erase_within_ms
		       ? count
		       : 0;
}

static void look(struct hf_erasure *erasure)
{
	uint64_t count = count_due(erasure), begun_us = hf_clock_mono_us();
	struct hf_why why = { "" };
	enum hf_err err;

	if (count == 0)
		return;
	err = erase(erasure, &why);
	if (err == HF_OK)
		hf_log(HF_LOG_INFO, "erasure", "erased from the files",
		       "payloads=%llu took_ms=%llu", (unsigned long long)count,
		       (unsigned long long)((hf_clock_mono_us() - begun_us) /
					    1000));
	else if (err != HF_E_CANCELLED && erasure->failed == HF_OK)
		hf_log(HF_LOG_WARNING, "erasure", "not yet erased",
		       "payloads=%llu err=%s why=\"%s\"",
		       (unsigned long long)count, hf_err_name(err), why.text);
	pthread_mutex_lock(&erasure->lock);
	erasure->failed = err;
	erasure->failed_why = why;
	pthread_mutex_unlock(&erasure->lock);
}

bool hf_erasure_has_failed(struct hf_erasure *erasure, struct hf_why *out_why)
{
	bool has_failed;

	if (erasure == NULL)
		return false;
	pthread_mutex_lock(&erasure->lock);
	has_failed = erasure->failed != HF_OK;
	if (has_failed)
		*out_why = erasure->failed_why;
	pthread_mutex_unlock(&erasure->lock);
	return has_failed;
}

/* False when it is to stop. */
static bool wait(struct hf_erasure *erasure)
{
	uint64_t most_ms = erasure->node->conf->erase_within_ms / 4;
	struct timespec until;

	if (most_ms > LOOK_MOST_MS)
		most_ms = LOOK_MOST_MS;
	until = hf_clock_moment(hf_clock_mono_us() + most_ms * 1000);
	pthread_mutex_lock(&erasure->lock);
	while (!atomic_load(&erasure->is_over) &&
	       pthread_cond_timedwait(&erasure->changed, &erasure->lock,
				      &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&erasure->lock);
	return !atomic_load(&erasure->is_over);
}

static void *erasure_main(void *arg)
{
	struct hf_erasure *erasure = arg;

	hf_thread_name("erasure");
	while (wait(erasure))
		look(erasure);
	return NULL;
}

enum hf_err hf_erasure_start(struct hf_node *node,
			     struct hf_erasure **out_erasure,
			     struct hf_why *why)
{
	struct hf_erasure *erasure = calloc(1, sizeof(*erasure));
	int rc;

	if (erasure == NULL)
		return hf_why(why, HF_E_NOMEM, "erasure: no memory");
	erasure->node = node;
	pthread_mutex_init(&erasure->lock, NULL);
	hf_clock_cond_init(&erasure->changed);
	rc = pthread_create(&erasure->thread, NULL, erasure_main, erasure);
	if (rc != 0) {
		free(erasure);
		errno = rc;
		return hf_why_errno(why, "erasure: start the thread");
	}
	*out_erasure = erasure;
	return HF_OK;
}

void hf_erasure_stop(struct hf_erasure *erasure)
{
	if (erasure == NULL)
		return;
	pthread_mutex_lock(&erasure->lock);
	atomic_store(&erasure->is_over, true);
	pthread_cond_signal(&erasure->changed);
	pthread_mutex_unlock(&erasure->lock);
	pthread_join(erasure->thread, NULL);
	pthread_mutex_destroy(&erasure->lock);
	pthread_cond_destroy(&erasure->changed);
	free(erasure);
}
