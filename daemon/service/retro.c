#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "feed.h"
#include "ledger_view.h"
#include "log.h"
#include "retro_store.h"
#include "store.h"
#include "thread.h"

#include "node.h"
#include "retro.h"
#include "retro_pass.h"

/* Items that wait for the disk: at 20,000 lookups a second, some five seconds.
 * What comes then is not kept. */
#define QUEUE_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* A lookup after another comes to the disk with it. */
#define FLUSH_MS    2000
#define FLUSH_BYTES ((size_t)512 * 1024)

/* When nothing asks for it: sets that came or went, and what expires. */
#define TICK_MS  60000
#define AGAIN_MS 2000

/* New entries are checked together, and the machine gets most of its time for
 * other work: so long after a pass, in times of what it took of a core. */
#define REST_MS      100
#define REST_TIMES   4
#define REST_MOST_MS 10000

struct hf_retro {
	struct hf_node *node;
	struct hf_retro_store *store; /* owned */
	pthread_t thread;
	bool is_running;
	bool has_failed;  /* logged */
	uint64_t damaged; /* frames that were told of */

	/* Held while what waits goes to the disk: whoever has had it once has
	 * all in the store that came before.  Before lock. */
	pthread_mutex_t flushing;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t news;
	struct hf_buf queue; /* items */
	uint64_t checks;     /* begun */
	uint64_t lost;       /* items that found it full */
	size_t holders;      /* lookups that no check may overtake */
	bool is_waiting;     /* a check, for them */
	bool has_news;
	bool must_stop;
};

/* On the feed's thread, which holds its lock. */
static void on_told(void *arg)
{
	struct hf_retro *retro = arg;

	pthread_mutex_lock(&retro->lock);
	retro->has_news = true;
	pthread_cond_signal(&retro->news);
	pthread_mutex_unlock(&retro->lock);
}

static bool must_stop(struct hf_retro *retro)
{
	bool stop;

	pthread_mutex_lock(&retro->lock);
	stop = retro->must_stop;
	pthread_mutex_unlock(&retro->lock);
	return stop;
}

/*
 * Keeping.
 */

uint64_t hf_retro_begin(struct hf_retro *retro)
{
	uint64_t checks;

	if (retro == NULL)
		return 0;
	pthread_mutex_lock(&retro->lock);
	checks = retro->checks;
	pthread_mutex_unlock(&retro->lock);
	return checks;
}

/* Marks by item; NULL without memory. */
static bool *find_blocked(const struct hf_wire_match_response *response)
{
	bool *blocked = calloc((size_t)response->items + 1, sizeof(*blocked));

	for (size_t i = 0; blocked != NULL && i < response->hits_count; i++) {
		const struct hf_wire_match_hit *hit = &response->hits[i];

		if (hit->verdict == HF_VERDICT_BLOCK)
			blocked[hit->item] = true;
	}
	return blocked;
}

static bool enqueue(struct hf_retro *retro, uint64_t began,
		    const struct hf_buf *items, size_t count)
{
	bool is_in_time, was_empty;

	pthread_mutex_lock(&retro->lock);
	is_in_time = retro->checks == began;
	was_empty = retro->queue.len_bytes == 0;
	if (is_in_time &&
	    retro->queue.len_bytes + items->len_bytes <= QUEUE_MAX_BYTES)
		hf_buf_put(&retro->queue, hf_buf_span(items));
	else if (is_in_time)
		retro->lost += count;
	if (was_empty || retro->queue.len_bytes > FLUSH_BYTES)
		pthread_cond_signal(&retro->news);
	pthread_mutex_unlock(&retro->lock);
	return is_in_time;
}

bool hf_retro_keep(struct hf_retro *retro, uint64_t began,
		   const struct hf_wire_match_request *request,
		   const struct hf_wire_match_response *response)
{
	struct hf_buf items;
	bool is_in_time = true;
	size_t count;
	bool *blocked;

	if (retro == NULL || request->is_question)
		return true;
	blocked = find_blocked(response);
	hf_buf_init(&items, QUEUE_MAX_BYTES);
	if (blocked != NULL &&
	    hf_retro_items_put(&items, request, blocked, &count, NULL) ==
		    HF_OK &&
	    count > 0)
		is_in_time = enqueue(retro, began, &items, count);
	hf_buf_release(&items);
	free(blocked);
	return is_in_time;
}

bool hf_retro_hold(struct hf_retro *retro)
{
	bool is_held;

	if (retro == NULL)
		return true;
	pthread_mutex_lock(&retro->lock);
	is_held = !retro->is_waiting;
	retro->holders += is_held;
	pthread_mutex_unlock(&retro->lock);
	return is_held;
}

void hf_retro_let_go(struct hf_retro *retro)
{
	if (retro == NULL)
		return;
	pthread_mutex_lock(&retro->lock);
	if (--retro->holders == 0)
		pthread_cond_signal(&retro->news);
	pthread_mutex_unlock(&retro->lock);
}

enum hf_err hf_retro_sizes(struct hf_retro *retro, hf_size_each *each,
			   void *arg, struct hf_why *why)
{
	return retro != NULL
		       ? hf_retro_store_sizes(retro->store, each, arg, why)
		       : HF_OK;
}

/* With `flushing` held. */
static enum hf_err flush_held(struct hf_retro *retro, struct hf_why *why)
{
	struct hf_buf items;
	uint64_t lost;
	enum hf_err err;

	pthread_mutex_lock(&retro->lock);
	items = retro->queue;
	hf_buf_init(&retro->queue, QUEUE_MAX_BYTES);
	lost = retro->lost;
	retro->lost = 0;
	pthread_mutex_unlock(&retro->lock);
	if (lost > 0)
		hf_log(HF_LOG_WARNING, "retro", "not kept", "items=%llu",
		       (unsigned long long)lost);
	err = items.len_bytes == 0
		      ? HF_OK
		      : hf_retro_store_put(retro->store, hf_buf_span(&items),
					   hf_clock_wall_ms(), why);
	hf_buf_release(&items);
	return err;
}

/* What waits goes to the disk. */
static enum hf_err flush(struct hf_retro *retro, struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&retro->flushing);
	err = flush_held(retro, why);
	pthread_mutex_unlock(&retro->flushing);
	return err;
}

enum hf_err hf_retro_strip(struct hf_retro *retro,
			   const struct hf_retro_gone *gone,
			   const atomic_bool *is_over, uint64_t *out_items,
			   struct hf_why *why)
{
	enum hf_err err;

	*out_items = 0;
	if (retro == NULL)
		return HF_OK;
	err = flush(retro, why);
	return err == HF_OK ? hf_retro_store_strip(retro->store, gone, is_over,
						   out_items, why)
			    : err;
}

enum hf_err hf_retro_compact(struct hf_retro *retro, const atomic_bool *is_over,
			     struct hf_why *why)
{
	return retro != NULL
		       ? hf_retro_store_compact(retro->store, is_over, why)
		       : HF_OK;
}

/*
 * Checking.
 */

static void keep_what_waits(struct hf_retro *retro)
{
	struct hf_why why = { "" };

	if (flush(retro, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "retro", "not kept", "why=\"%s\"",
		       why.text);
}

/* Between two steps of a pass; it may take long. */
static bool goes_on(void *arg)
{
	struct hf_retro *retro = arg;
	bool is_much;

	pthread_mutex_lock(&retro->lock);
	is_much = retro->queue.len_bytes > FLUSH_BYTES;
	pthread_mutex_unlock(&retro->lock);
	if (is_much)
		keep_what_waits(retro);
	return !must_stop(retro);
}

struct plan {
	struct hf_retro_range *ranges; /* owned */
	size_t count;
	size_t size;
};

static struct hf_retro_range *plan_grow(struct plan *plan)
{
	if (plan->count == plan->size) {
		size_t size = plan->size * 2 + 16;
		struct hf_retro_range *ranges =
			realloc(plan->ranges, size * sizeof(*ranges));

		if (ranges == NULL)
			return NULL;
		plan->ranges = ranges;
		plan->size = size;
	}
	return &plan->ranges[plan->count];
}

/* From where the set was checked to where the index stands.  One that is not
 * matched begins again when it is: what was looked up meanwhile did not see
 * it. */
static enum hf_err plan_set(struct hf_retro *retro,
			    const struct hf_feed_set *is, struct plan *plan,
			    struct hf_why *why)
{
	struct hf_retro_range *range = plan_grow(plan);
	uint64_t position = 0;
	enum hf_err err;

	if (range == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	err = hf_retro_store_position(retro->store, is->origin, &position, why);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	if (!is->is_matchable && position == 0)
		return HF_OK;
	/* An index that is made again has not come so far yet. */
	if (is->is_matchable && is->fed <= position)
		return HF_OK;
	*range = (struct hf_retro_range){
		.set = is->set,
		.from = is->is_matchable ? position : 0,
		.to = is->is_matchable ? is->fed : 0,
	};
	memcpy(range->origin, is->origin, sizeof(range->origin));
	plan->count++;
	return HF_OK;
}

static enum hf_err make_plan(struct hf_retro *retro, struct plan *plan,
			     struct hf_why *why)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(retro->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	while (err == HF_OK &&
	       hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct hf_feed_set is;

		if (hf_feed_get(retro->node->feed, info.set, &is) == HF_OK &&
		    is.is_items)
			err = plan_set(retro, &is, plan, why);
	}
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err move_on(struct hf_retro *retro, const struct plan *plan,
			   struct hf_why *why)
{
	struct hf_retro_position *positions =
		calloc(plan->count + 1, sizeof(*positions));
	enum hf_err err;

	if (positions == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	for (size_t i = 0; i < plan->count; i++)
		positions[i] = (struct hf_retro_position){
			.origin = plan->ranges[i].origin,
			.position = plan->ranges[i].to,
		};
	err = hf_retro_store_move(retro->store, positions, plan->count, why);
	free(positions);
	return err;
}

static void tell(struct hf_retro *retro, const struct hf_retro_pass *pass)
{
	struct hf_retro_stats stats;

	hf_retro_store_stats(retro->store, &stats);
	if (stats.damaged > retro->damaged)
		hf_log(HF_LOG_WARNING, "retro", "damaged", "frames=%llu",
		       (unsigned long long)(stats.damaged - retro->damaged));
	retro->damaged = stats.damaged;
	if (pass->is_cut)
		hf_log(HF_LOG_WARNING, "retro", "too many found",
		       "cases=%zu set=%s hint=\"an entry that matches so much "
		       "is seldom right; a scan finds the rest\"",
		       pass->cases, pass->ranges[0].origin);
	else if (pass->cases > 0)
		hf_log(HF_LOG_INFO, "retro", "found later", "cases=%zu",
		       pass->cases);
}

/* The order matters: where the index stands, then what waits to be kept, then
 * the pass.  A lookup that began before may not have seen the entries, and is
 * not kept any more but made again; one that begins later sees them. */
static enum hf_err check(struct hf_retro *retro, struct hf_why *why)
{
	struct plan plan = { .count = 0 };
	struct hf_retro_stats stats;
	enum hf_err err = make_plan(retro, &plan, why);

	pthread_mutex_lock(&retro->lock);
	retro->is_waiting = true;
	while (retro->holders > 0 && !retro->must_stop)
		pthread_cond_wait(&retro->news, &retro->lock);
	retro->is_waiting = false;
	retro->checks++;
	pthread_mutex_unlock(&retro->lock);
	if (err == HF_OK)
		err = flush(retro, why);
	hf_retro_store_stats(retro->store, &stats);
	if (err == HF_OK && plan.count > 0 && stats.items > 0) {
		struct hf_retro_pass pass = {
			.node = retro->node,
			.store = retro->store,
			.ranges = plan.ranges,
			.ranges_count = plan.count,
			.last = stats.last,
			.goes_on = goes_on,
			.arg = retro,
		};

		err = hf_retro_pass(&pass, why);
		if (err == HF_OK)
			tell(retro, &pass);
	}
	if (err == HF_OK && plan.count > 0)
		err = move_on(retro, &plan, why);
	free(plan.ranges);
	return err;
}

/*
 * The thread.
 */

/* Until there is something to do, at most most_ms; or, with is_rest, for all
 * of it.  What comes to be kept goes to the disk by itself. */
static void pause_for(struct hf_retro *retro, uint64_t most_ms, bool is_rest)
{
	uint64_t until_us = hf_clock_mono_us() + most_ms * 1000;
	uint64_t flush_us = 0;

	pthread_mutex_lock(&retro->lock);
	while (!retro->must_stop && (is_rest || !retro->has_news)) {
		uint64_t now_us = hf_clock_mono_us(), end_us = until_us;
		struct timespec until;

		if (retro->queue.len_bytes > 0 && flush_us == 0)
			flush_us = now_us + (uint64_t)FLUSH_MS * 1000;
		if (flush_us != 0 && flush_us < end_us)
			end_us = flush_us;
		if (now_us >= end_us || retro->queue.len_bytes > FLUSH_BYTES)
			break;
		until = hf_clock_moment(end_us);
		pthread_cond_timedwait(&retro->news, &retro->lock, &until);
	}
	pthread_mutex_unlock(&retro->lock);
}

/* Rest to the end, whatever there is to keep meanwhile. */
static void rest(struct hf_retro *retro, uint64_t until_us)
{
	while (!must_stop(retro) && hf_clock_mono_us() < until_us) {
		pause_for(retro, (until_us - hf_clock_mono_us()) / 1000 + 1,
			  true);
		keep_what_waits(retro);
	}
}

static bool take_news(struct hf_retro *retro)
{
	bool has;

	pthread_mutex_lock(&retro->lock);
	has = retro->has_news;
	retro->has_news = false;
	pthread_mutex_unlock(&retro->lock);
	return has;
}

/* One round: keep, let go, check. */
static enum hf_err work(struct hf_retro *retro, bool must_check)
{
	struct hf_why why = { "" };
	enum hf_err err = flush(retro, &why);

	if (err == HF_OK)
		err = hf_retro_store_expire(retro->store, hf_clock_wall_ms(),
					    &why);
	/* Before that no lookup is answered either, and it tells. */
	if (err == HF_OK && must_check &&
	    hf_feed_is_caught_up(retro->node->feed))
		err = check(retro, &why);
	if (err != HF_OK && !retro->has_failed && !must_stop(retro))
		hf_log(HF_LOG_ERROR, "retro", "stopped", "err=%s why=\"%s\"",
		       hf_err_name(err), why.text);
	retro->has_failed = err != HF_OK;
	return err;
}

static uint64_t core_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t rest_of(uint64_t took_us)
{
	uint64_t rest_us = took_us * REST_TIMES + (uint64_t)REST_MS * 1000;

	return rest_us < (uint64_t)REST_MOST_MS * 1000
		       ? rest_us
		       : (uint64_t)REST_MOST_MS * 1000;
}

static void *run(void *arg)
{
	struct hf_retro *retro = arg;
	uint64_t checked_us = 0;

	hf_thread_name("retro");
	hf_thread_background();
	while (!must_stop(retro)) {
		uint64_t now_us = hf_clock_mono_us(), begun_us = core_us();
		uint64_t rest_us = 0;
		bool must_check =
			take_news(retro) ||
			now_us - checked_us >= (uint64_t)TICK_MS * 1000;

		if (must_check)
			checked_us = now_us;
		if (work(retro, must_check) != HF_OK) {
			/* Again, and after a while. */
			checked_us = 0;
			rest_us = (uint64_t)AGAIN_MS * 1000;
		} else if (must_check) {
			rest_us = rest_of(core_us() - begun_us);
		}
		rest(retro, hf_clock_mono_us() + rest_us);
		if (checked_us != 0)
			pause_for(retro, TICK_MS, false);
	}
	return NULL;
}

/*
 * Beginning and end.
 */

/* What is damaged, or of another version, is made again: it is a memory, no
 * record. */
static enum hf_err open_store(const struct hf_conf *conf, const char *path,
			      struct hf_retro_store **out_store,
			      struct hf_why *why)
{
	const struct hf_retro_limits limits = {
		.keep_ms = conf->retro_match_ms,
		.items_most = conf->retro_items_count,
	};
	enum hf_err err = hf_retro_store_open(path, &limits, out_store, why);

	if (err != HF_E_CORRUPT && err != HF_E_UNSUPPORTED)
		return err;
	hf_log(HF_LOG_WARNING, "retro", "made again", "why=\"%s\"", why->text);
	err = hf_store_delete(path, why);
	return err == HF_OK ? hf_retro_store_open(path, &limits, out_store, why)
			    : err;
}

static void release(struct hf_retro *retro)
{
	hf_retro_store_close(retro->store);
	hf_buf_release(&retro->queue);
	pthread_cond_destroy(&retro->news);
	pthread_mutex_destroy(&retro->lock);
	pthread_mutex_destroy(&retro->flushing);
	free(retro);
}

static struct hf_retro *retro_new(struct hf_node *node)
{
	struct hf_retro *retro = calloc(1, sizeof(*retro));

	if (retro == NULL)
		return NULL;
	retro->node = node;
	retro->has_news = true;
	hf_buf_init(&retro->queue, QUEUE_MAX_BYTES);
	pthread_mutex_init(&retro->flushing, NULL);
	pthread_mutex_init(&retro->lock, NULL);
	hf_clock_cond_init(&retro->news);
	return retro;
}

/* No origin. */
#define BEGUN "begun"

/* A store that is new has nothing to check against what the ledger has: no
 * lookup is answered before all that is in the index. */
static enum hf_err begin_positions(struct hf_retro *retro, struct hf_why *why)
{
	const struct hf_retro_position begun = { .origin = BEGUN };
	struct hf_ledger_info info = { .set = 0 };
	struct plan plan = { .count = 0 };
	struct hf_ledger_view *view;
	uint64_t position;
	enum hf_err err =
		hf_retro_store_position(retro->store, BEGUN, &position, why);

	if (err != HF_E_NOTFOUND)
		return err;
	err = hf_ledger_view_begin(retro->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	while (err == HF_OK &&
	       hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct hf_retro_range *range = plan_grow(&plan);

		if (range == NULL) {
			err = hf_why(why, HF_E_NOMEM, "retro: no memory");
			break;
		}
		range->to = info.size;
		memcpy(range->origin, info.origin, sizeof(range->origin));
		plan.count++;
	}
	hf_ledger_view_end(view);
	if (err == HF_OK)
		err = move_on(retro, &plan, why);
	free(plan.ranges);
	return err == HF_OK ? hf_retro_store_move(retro->store, &begun, 1, why)
			    : err;
}

static enum hf_err begin(struct hf_retro *retro, struct hf_why *why)
{
	enum hf_err err = begin_positions(retro, why);

	if (err != HF_OK)
		return err;
	errno = pthread_create(&retro->thread, NULL, run, retro);
	if (errno != 0)
		return hf_why_errno(why, "retro: start a thread");
	retro->is_running = true;
	hf_feed_tell(retro->node->feed, on_told, retro);
	return HF_OK;
}

enum hf_err hf_retro_start(struct hf_node *node, struct hf_retro **out_retro,
			   struct hf_why *why)
{
	char path[HF_NODE_PATH_SIZE];
	struct hf_retro *retro;
	enum hf_err err;

	*out_retro = NULL;
	snprintf(path, sizeof(path), "%s/retro", node->conf->state_dir);
	if (node->conf->retro_match_ms == 0)
		return hf_store_delete(path, why);
	retro = retro_new(node);
	if (retro == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	err = open_store(node->conf, path, &retro->store, why);
	if (err == HF_OK)
		err = begin(retro, why);
	if (err != HF_OK) {
		release(retro);
		return err;
	}
	*out_retro = retro;
	return HF_OK;
}

void hf_retro_halt(struct hf_retro *retro)
{
	if (retro == NULL || !retro->is_running)
		return;
	retro->is_running = false;
	hf_feed_tell(retro->node->feed, NULL, NULL);
	pthread_mutex_lock(&retro->lock);
	retro->must_stop = true;
	pthread_cond_signal(&retro->news);
	pthread_mutex_unlock(&retro->lock);
	pthread_join(retro->thread, NULL);
}

void hf_retro_free(struct hf_retro *retro)
{
	if (retro == NULL)
		return;
	hf_retro_halt(retro);
	/* What was looked up until the end. */
	keep_what_waits(retro);
	release(retro);
}
