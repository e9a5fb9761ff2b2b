#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "ledger_view.h"
#include "roles.h"

#include "node.h"
#include "opinions_impl.h"

/* Entries that wait to be marked; what is more is found by looking at every
 * subject anew. */
#define DUE_MAX 65536

static void on_roles(void *arg)
{
	hf_opinions_changed(arg);
}

static void release(struct hf_opinions *opinions)
{
	hf_opinion_book_release(&opinions->book);
	pthread_cond_destroy(&opinions->progress);
	pthread_cond_destroy(&opinions->news);
	pthread_mutex_destroy(&opinions->lock);
	free(opinions->due);
	free(opinions);
}

enum hf_err hf_opinions_new(struct hf_node *node,
			    struct hf_opinions **out_opinions,
			    struct hf_why *why)
{
	struct hf_opinions *opinions = calloc(1, sizeof(*opinions));
	enum hf_err err;

	if (opinions == NULL)
		return hf_why(why, HF_E_NOMEM, "opinions: no memory");
	opinions->node = node;
	opinions->has_changed = true;
	opinions->version = 1;
	pthread_mutex_init(&opinions->lock, NULL);
	hf_clock_cond_init(&opinions->news);
	hf_clock_cond_init(&opinions->progress);
	err = hf_opinion_book_init(&opinions->book, why);
	if (err == HF_OK)
		err = hf_opinions_read_all(opinions, why);
	if (err == HF_OK)
		err = hf_opinions_read_start(opinions, why);
	if (err != HF_OK) {
		release(opinions);
		return err;
	}
	hf_roles_watch(node->roles, on_roles, opinions);
	*out_opinions = opinions;
	return HF_OK;
}

void hf_opinions_free(struct hf_opinions *opinions)
{
	if (opinions == NULL)
		return;
	hf_roles_watch(opinions->node->roles, NULL, opinions);
	hf_opinions_read_stop(opinions);
	release(opinions);
}

void hf_opinions_changed(struct hf_opinions *opinions)
{
	if (opinions == NULL)
		return;
	pthread_mutex_lock(&opinions->lock);
	opinions->has_changed = true;
	pthread_cond_signal(&opinions->news);
	pthread_mutex_unlock(&opinions->lock);
}

void hf_opinions_late(struct hf_opinions *opinions, uint32_t set)
{
	struct hf_opinion_source *source;

	if (opinions == NULL)
		return;
	pthread_mutex_lock(&opinions->lock);
	source = hf_opinion_book_source(&opinions->book, set);
	if (source != NULL) {
		source->is_late = true;
		opinions->has_news = true;
		pthread_cond_signal(&opinions->news);
	}
	pthread_mutex_unlock(&opinions->lock);
}

/* Read, and a round of marking begun after that is over. */
enum hf_err hf_opinions_wait(struct hf_opinions *opinions, uint32_t set,
			     uint64_t size, int timeout_ms)
{
	const struct timespec until = hf_clock_moment(
		hf_clock_mono_us() + (uint64_t)timeout_ms * 1000);
	const struct hf_opinion_source *source;
	int rc = 0;

	pthread_mutex_lock(&opinions->lock);
	while (((source = hf_opinion_book_source(&opinions->book, set)) ==
			NULL ||
		source->position < size || opinions->book.dirty != NULL ||
		opinions->is_marking) &&
	       rc == 0)
		rc = pthread_cond_timedwait(&opinions->progress,
					    &opinions->lock, &until);
	pthread_mutex_unlock(&opinions->lock);
	return rc == 0 ? HF_OK : HF_E_DEADLINE;
}

uint64_t hf_opinions_version(struct hf_opinions *opinions)
{
	uint64_t version;

	if (opinions == NULL)
		return 0;
	pthread_mutex_lock(&opinions->lock);
	version = opinions->version;
	pthread_mutex_unlock(&opinions->lock);
	return version;
}

/* Under the lock. */
static void put_due(struct hf_opinions *opinions, uint32_t set, uint64_t entry)
{
	struct hf_opinions_due *more;
	size_t size = 2 * opinions->due_size + 64;

	if (opinions->due_count == opinions->due_size) {
		more = opinions->due_size < DUE_MAX
			       ? realloc(opinions->due, size * sizeof(*more))
			       : NULL;
		if (more == NULL) {
			opinions->has_changed = true;
			pthread_cond_signal(&opinions->news);
			return;
		}
		opinions->due = more;
		opinions->due_size = size;
	}
	opinions->due[opinions->due_count++] =
		(struct hf_opinions_due){ set, entry };
	opinions->has_news = true;
	pthread_cond_signal(&opinions->news);
}

void hf_opinions_meet_hash(struct hf_opinions *opinions, uint32_t set,
			   uint64_t entry, unsigned algorithm,
			   struct hf_span digest)
{
	pthread_mutex_lock(&opinions->lock);
	if (hf_opinion_book_hash(&opinions->book, algorithm, digest) != NULL)
		put_due(opinions, set, entry);
	pthread_mutex_unlock(&opinions->lock);
}

void hf_opinions_mark(struct hf_opinions *opinions, uint32_t set,
		      uint64_t entry)
{
	if (opinions == NULL)
		return;
	pthread_mutex_lock(&opinions->lock);
	put_due(opinions, set, entry);
	pthread_mutex_unlock(&opinions->lock);
}

void hf_opinions_meet(struct hf_opinions *opinions, uint32_t set,
		      uint64_t entry)
{
	if (opinions == NULL)
		return;
	pthread_mutex_lock(&opinions->lock);
	if (opinions->book.subjects_count > 0)
		put_due(opinions, set, entry);
	pthread_mutex_unlock(&opinions->lock);
}

enum hf_err
hf_opinions_each(struct hf_opinions *opinions, struct hf_ledger_view *view,
		 uint32_t set, uint64_t entry,
		 void (*each)(void *arg, const struct hf_opinions_row *row),
		 void *arg, struct hf_why *why)
{
	return hf_opinions_weigh(opinions, view, set, entry, each, arg, NULL,
				 why);
}

void hf_opinions_overrides(struct hf_opinions *opinions,
			   void (*each)(void *arg, const char *subject,
					uint64_t until_ms),
			   void *arg)
{
	uint64_t now_ms = hf_clock_wall_ms();
	char text[HF_ORIGIN_MAX_BYTES + 32];

	pthread_mutex_lock(&opinions->lock);
	for (const struct hf_opinion_source *source = opinions->book.sources;
	     source != NULL; source = source->next) {
		const struct hf_said *said =
			source->is_override ? source->said : NULL;

		for (; said != NULL; said = said->of_source) {
			if (said->kind != HF_OPINION_IGNORE ||
			    said->until_ms <= now_ms)
				continue;
			hf_opinion_subject_text(said->subject, text,
						sizeof(text));
			each(arg, text, said->until_ms);
		}
	}
	pthread_mutex_unlock(&opinions->lock);
}
