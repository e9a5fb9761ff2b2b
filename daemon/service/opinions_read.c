#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "ledger_statements.h"
#include "log.h"
#include "ring.h"
#include "thread.h"

#include "node.h"
#include "opinions_impl.h"

#define ARENA_MAX_BYTES (2 * HF_UNPACK_MAX_BYTES)

/* The clock is looked at so often: it may be set. */
#define LOOK_MS ((uint64_t)60000)

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct hf_opinions *opinions = arg;
	struct hf_opinion_source *source;
	bool must_tell = true;

	pthread_mutex_lock(&opinions->lock);
	source = hf_opinion_book_source(&opinions->book, set);
	if (source != NULL) {
		source->size = size;
		opinions->has_news = true;
	} else if (set > opinions->seen_sets)
		opinions->has_changed = true;
	else
		must_tell = false; /* no set of opinions, as far as we know */
	pthread_mutex_unlock(&opinions->lock);
	if (must_tell)
		pthread_cond_signal(&opinions->news);
}

/*
 * Finding sets.
 */

static bool is_overrides(const struct hf_ring *ring,
			 const struct hf_ring_set *set)
{
	size_t len = strlen(hf_ring_self(ring)->name);

	return set->is_own && set->agreement->audience_count == 0 &&
	       strncmp(set->origin + len + 1, HF_OVERRIDES_SET "/",
		       sizeof(HF_OVERRIDES_SET)) == 0;
}

/* Under the lock.  What was read of it otherwise is read again. */
static void source_void(struct hf_opinions *opinions,
			struct hf_opinion_source *source, uint64_t void_from)
{
	if (void_from != source->void_from &&
	    (source->position > void_from ||
	     source->position > source->void_from)) {
		hf_opinion_book_reset(&opinions->book, source);
		opinions->version++;
	}
	source->void_from = void_from;
}

static enum hf_err source_note(struct hf_opinions *opinions,
			       const struct hf_ring *ring,
			       const struct hf_ledger_info *info,
			       struct hf_why *why)
{
	struct hf_span origin = hf_span_of(info->origin);
	const struct hf_ring_set *set = hf_ring_set(ring, origin);
	bool is_wanted =
		set != NULL && set->agreement->kind == HF_SET_KIND_OPINIONS;
	struct hf_opinion_source *source;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&opinions->lock);
	source = hf_opinion_book_source(&opinions->book, info->set);
	if (source == NULL && is_wanted)
		err = hf_opinion_book_open(&opinions->book, info->set,
					   info->origin, &source, why);
	if (err == HF_OK && source != NULL) {
		if (info->size > source->size)
			source->size = info->size;
		if (is_wanted)
			source->is_override = is_overrides(ring, set);
		source_void(opinions, source, hf_ring_void_from(ring, origin));
	}
	if (err == HF_OK && info->set > opinions->seen_sets)
		opinions->seen_sets = info->set;
	pthread_mutex_unlock(&opinions->lock);
	return err;
}

static enum hf_err sets_find(struct hf_opinions *opinions, struct hf_why *why)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	enum hf_err err =
		hf_ledger_view_begin(opinions->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(opinions->node->ring);
	while (err == HF_OK) {
		err = hf_ledger_next(view, info.set, &info, why);
		if (err == HF_OK)
			err = source_note(opinions, ring, &info, why);
	}
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/*
 * Reading them.
 */

struct reading {
	struct hf_opinions *opinions;
	struct hf_opinion_source *source;
	struct hf_arena arena;
};

/* One that breaks the rules says nothing.  Only our own want of memory is an
 * error. */
static enum hf_err opinion_take(void *arg, const struct hf_ledger_entry *entry,
				const struct hf_header *header,
				struct hf_why *why)
{
	struct reading *reading = arg;
	struct hf_opinions *opinions = reading->opinions;
	struct hf_opinion opinion;
	enum hf_err err;

	hf_arena_reset(&reading->arena);
	err = hf_opinion_parse(entry->payload, &reading->arena, &opinion, why);
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	if (hf_opinion_check(&opinion, NULL) != HF_OK)
		return HF_OK;
	pthread_mutex_lock(&opinions->lock);
	err = hf_opinion_book_put(&opinions->book, reading->source,
				  entry->index, header->time_ms, &opinion, why);
	opinions->version++;
	if (opinion.until_ms != 0 &&
	    (opinions->next_until_ms == 0 ||
	     opinion.until_ms < opinions->next_until_ms))
		opinions->next_until_ms = opinion.until_ms;
	pthread_mutex_unlock(&opinions->lock);
	return err == HF_E_LIMIT ? HF_OK : err;
}

/* Everything that a set has; once more, around it, where something that was
 * read is erased. */
static enum hf_err source_read(struct hf_opinions *opinions,
			       struct hf_opinion_source *source,
			       struct hf_why *why)
{
	struct reading reading = { .opinions = opinions, .source = source };
	struct hf_ledger_statements statements = {
		.ledger = opinions->node->ledger,
		.set = source->set,
		.position = source->position,
		.erased = source->erased,
		.void_from = source->void_from,
		.take = opinion_take,
		.arg = &reading,
	};
	bool is_over = false;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&opinions->lock);
	if (source->is_late) {
		source->is_late = false;
		hf_opinion_book_reset(&opinions->book, source);
		statements.position = 0;
	}
	pthread_mutex_unlock(&opinions->lock);
	hf_arena_init(&reading.arena, ARENA_MAX_BYTES);
	while (err == HF_OK && !is_over) {
		uint64_t before = statements.position;

		err = hf_ledger_statements_read(&statements, why);
		pthread_mutex_lock(&opinions->lock);
		if (err == HF_OK && statements.must_reset) {
			statements.erased = statements.position;
			source->erased = statements.erased;
			hf_opinion_book_reset(&opinions->book, source);
			statements.position = 0;
			statements.must_reset = false;
		} else if (err == HF_OK) {
			is_over = statements.position == before;
			source->position = statements.position;
		}
		if (is_over && source->size > source->position)
			source->size = source->position;
		pthread_mutex_unlock(&opinions->lock);
	}
	hf_arena_release(&reading.arena);
	return err;
}

/* A set that has more than was read, or NULL; behind a set's number. */
static struct hf_opinion_source *source_due(struct hf_opinions *opinions,
					    uint32_t behind)
{
	struct hf_opinion_source *source;

	pthread_mutex_lock(&opinions->lock);
	source = opinions->book.sources;
	while (source != NULL &&
	       (source->set <= behind ||
		(source->position >= source->size && !source->is_late)))
		source = source->next;
	pthread_mutex_unlock(&opinions->lock);
	return source;
}

/* Read what is due, once around; what fails waits for its next news. */
static void round_read(struct hf_opinions *opinions)
{
	struct hf_opinion_source *source = NULL;
	struct hf_why why = { "" };

	while ((source = source_due(opinions, source != NULL ? source->set
							     : 0)) != NULL) {
		enum hf_err err = source_read(opinions, source, &why);

		if (err != HF_OK && !source->has_failed)
			hf_log(HF_LOG_ERROR, "opinions", "reading stopped",
			       "set=%s err=%s why=\"%s\"", source->origin,
			       hf_err_name(err), why.text);
		source->has_failed = err != HF_OK;
	}
}

/*
 * The thread.
 */

/* Under the lock: what ended since is told anew, and the next end found. */
static void ends_look(struct hf_opinions *opinions, uint64_t now_ms)
{
	uint64_t next = 0;

	if (opinions->next_until_ms == 0 || opinions->next_until_ms > now_ms)
		return;
	for (struct hf_opinion_source *source = opinions->book.sources;
	     source != NULL; source = source->next) {
		for (struct hf_said *said = source->said; said != NULL;
		     said = said->of_source) {
			if (said->until_ms == 0)
				continue;
			if (said->until_ms <= now_ms)
				hf_opinion_book_dirty(&opinions->book,
						      said->subject);
			else if (next == 0 || said->until_ms < next)
				next = said->until_ms;
		}
	}
	opinions->next_until_ms = next;
}

static enum hf_err news_read(struct hf_opinions *opinions, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	bool has_changed;

	pthread_mutex_lock(&opinions->lock);
	has_changed = opinions->has_changed;
	opinions->has_changed = false;
	if (has_changed)
		opinions->seen_sets = 0;
	opinions->has_news = false;
	opinions->is_marking = true;
	if (has_changed)
		hf_opinion_book_dirty_all(&opinions->book);
	ends_look(opinions, hf_clock_wall_ms());
	pthread_mutex_unlock(&opinions->lock);
	if (has_changed)
		err = sets_find(opinions, why);
	round_read(opinions);
	hf_opinions_mark_all(opinions);
	pthread_mutex_lock(&opinions->lock);
	opinions->is_marking = false;
	pthread_cond_broadcast(&opinions->progress);
	pthread_mutex_unlock(&opinions->lock);
	return err;
}

static bool has_news(struct hf_opinions *opinions)
{
	bool has;

	pthread_mutex_lock(&opinions->lock);
	has = opinions->has_news || opinions->has_changed;
	pthread_mutex_unlock(&opinions->lock);
	return has;
}

enum hf_err hf_opinions_read_all(struct hf_opinions *opinions,
				 struct hf_why *why)
{
	enum hf_err err;

	do {
		err = news_read(opinions, why);
	} while (err == HF_OK && has_news(opinions));
	return err;
}

/* Under the lock. */
static void wait_most(struct hf_opinions *opinions)
{
	uint64_t now_ms = hf_clock_wall_ms(), until_ms = now_ms + LOOK_MS;
	struct timespec until;

	if (opinions->next_until_ms != 0 && opinions->next_until_ms < until_ms)
		until_ms = opinions->next_until_ms;
	until = hf_clock_moment(hf_clock_mono_us() +
				(until_ms > now_ms ? until_ms - now_ms : 0) *
					1000);
	pthread_cond_timedwait(&opinions->news, &opinions->lock, &until);
}

/* False when it is to stop. */
static bool news_wait(struct hf_opinions *opinions)
{
	bool goes_on;

	pthread_mutex_lock(&opinions->lock);
	while (!opinions->must_stop && !opinions->has_changed &&
	       !opinions->has_news &&
	       (opinions->next_until_ms == 0 ||
		opinions->next_until_ms > hf_clock_wall_ms()))
		wait_most(opinions);
	goes_on = !opinions->must_stop;
	pthread_mutex_unlock(&opinions->lock);
	return goes_on;
}

static void *run(void *arg)
{
	struct hf_opinions *opinions = arg;
	struct hf_why why = { "" };

	hf_thread_name("opinions");
	while (news_wait(opinions)) {
		if (news_read(opinions, &why) != HF_OK)
			hf_log(HF_LOG_ERROR, "opinions", "sets were not read",
			       "why=\"%s\"", why.text);
	}
	return NULL;
}

enum hf_err hf_opinions_read_start(struct hf_opinions *opinions,
				   struct hf_why *why)
{
	enum hf_err err =
		hf_ledger_follow(opinions->node->ledger, HF_LEDGER_ALL_SETS, 0,
				 on_wake, opinions, &opinions->follower, why);

	if (err != HF_OK)
		return err;
	errno = pthread_create(&opinions->thread, NULL, run, opinions);
	if (errno == 0)
		return HF_OK;
	err = hf_why_errno(why, "opinions: start a thread");
	hf_ledger_unfollow(opinions->follower);
	return err;
}

void hf_opinions_read_stop(struct hf_opinions *opinions)
{
	hf_ledger_unfollow(opinions->follower);
	pthread_mutex_lock(&opinions->lock);
	opinions->must_stop = true;
	pthread_cond_signal(&opinions->news);
	pthread_mutex_unlock(&opinions->lock);
	pthread_join(opinions->thread, NULL);
}
