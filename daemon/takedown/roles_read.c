#include <errno.h>
#include <string.h>

#include "arena.h"
#include "codec_document.h"
#include "ledger_statements.h"
#include "log.h"
#include "ring.h"
#include "thread.h"

#include "roles_impl.h"

/* More than any payload unpacks to: so what is refused for its size is the
 * payload's fault. */
#define ARENA_MAX_BYTES (2 * HF_UNPACK_MAX_BYTES)

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct hf_roles *roles = arg;
	struct source *source;
	bool must_tell = true;

	pthread_mutex_lock(&roles->lock);
	source = hf_roles_book_source(&roles->book, set);
	if (source != NULL) {
		source->size = size;
		roles->has_news = true;
	} else if (set > roles->seen_sets)
		roles->has_changed = true;
	else
		must_tell = false; /* no directory, as far as we know */
	pthread_mutex_unlock(&roles->lock);
	if (must_tell)
		pthread_cond_signal(&roles->news);
}

/*
 * Finding directories.
 */

static bool is_directory(const struct hf_ring *ring, struct hf_span origin)
{
	const struct hf_ring_set *set = hf_ring_set(ring, origin);

	return set != NULL && set->agreement->kind == HF_SET_KIND_DIRECTORY;
}

/* Under the lock.  What was read of it otherwise is read again. */
static void source_void(struct hf_roles *roles, struct source *source,
			uint64_t void_from)
{
	if (void_from != source->void_from &&
	    (source->position > void_from ||
	     source->position > source->void_from))
		hf_roles_book_reset(&roles->book, source);
	source->void_from = void_from;
}

static enum hf_err source_note(struct hf_roles *roles,
			       const struct hf_ring *ring,
			       const struct hf_ledger_info *info,
			       struct hf_why *why)
{
	struct hf_span origin = hf_span_of(info->origin);
	bool is_wanted = is_directory(ring, origin);
	struct source *source;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&roles->lock);
	source = hf_roles_book_source(&roles->book, info->set);
	if (source == NULL && is_wanted)
		err = hf_roles_book_open(&roles->book, info->set, info->origin,
					 &source, why);
	if (err == HF_OK && source != NULL && info->size > source->size)
		source->size = info->size;
	if (err == HF_OK && source != NULL)
		source_void(roles, source, hf_ring_void_from(ring, origin));
	if (err == HF_OK && info->set > roles->seen_sets)
		roles->seen_sets = info->set;
	pthread_mutex_unlock(&roles->lock);
	return err;
}

/* Every set of the ledger that its agreement calls a directory. */
static enum hf_err sets_find(struct hf_roles *roles, struct hf_why *why)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	enum hf_err err = hf_ledger_view_begin(roles->ledger, &view, why);

	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(roles->ring);
	while (err == HF_OK) {
		err = hf_ledger_next(view, info.set, &info, why);
		if (err == HF_OK)
			err = source_note(roles, ring, &info, why);
	}
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/*
 * Reading them.
 */

struct reading {
	struct hf_roles *roles;
	struct source *source;
	struct hf_arena arena;
	struct hf_ledger_statements statements;
};

/* A power that only a later version knows is none here; the rest of the claim
 * is as it is. */
static void powers_known(struct hf_arena *arena, struct hf_attestation *claim)
{
	enum hf_power *powers = hf_arena_calloc(arena, claim->powers_count + 1,
						sizeof(*powers));
	size_t count = 0;

	for (size_t i = 0; powers != NULL && i < claim->powers_count; i++) {
		if (strcmp(hf_power_word(claim->powers[i]), "unknown") != 0)
			powers[count++] = claim->powers[i];
	}
	claim->powers = powers;
	claim->powers_count = count;
}

/* A claim that breaks the rules says nothing.  Only our own want of memory is
 * an error. */
static enum hf_err claim_take(void *arg, const struct hf_ledger_entry *entry,
			      const struct hf_header *header,
			      struct hf_why *why)
{
	struct reading *reading = arg;
	struct hf_roles *roles = reading->roles;
	struct hf_attestation claim;
	enum hf_err err;

	hf_arena_reset(&reading->arena);
	err = hf_attestation_parse(entry->payload, &reading->arena, &claim,
				   why);
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	powers_known(&reading->arena, &claim);
	if (claim.powers == NULL)
		return hf_why(why, HF_E_NOMEM, "roles: no memory");
	if (hf_attestation_check(&claim, NULL) != HF_OK)
		return HF_OK;
	pthread_mutex_lock(&roles->lock);
	err = hf_roles_book_add(&roles->book, reading->source, entry->index,
				&claim, why);
	pthread_mutex_unlock(&roles->lock);
	return err;
}

/* What was read of it so far. */
static uint64_t reading_begin(struct reading *reading)
{
	struct hf_roles *roles = reading->roles;
	uint64_t size;

	hf_arena_init(&reading->arena, ARENA_MAX_BYTES);
	pthread_mutex_lock(&roles->lock);
	if (reading->source->is_late) {
		reading->source->is_late = false;
		hf_roles_book_reset(&roles->book, reading->source);
		/* Its other epochs are read again as well. */
		roles->has_news = true;
	}
	reading->statements = (struct hf_ledger_statements){
		.ledger = roles->ledger,
		.set = reading->source->set,
		.position = reading->source->position,
		.erased = reading->source->erased,
		.void_from = reading->source->void_from,
		.take = claim_take,
		.arg = reading,
	};
	size = reading->source->size;
	pthread_mutex_unlock(&roles->lock);
	return size;
}

/* Put down how far it came; returns how far it is to come. */
static uint64_t reading_note(struct reading *reading, uint64_t before)
{
	struct hf_roles *roles = reading->roles;
	struct source *source = reading->source;
	uint64_t size;

	pthread_mutex_lock(&roles->lock);
	source->position = reading->statements.position;
	if (reading->statements.position == before) /* less than we were told */
		source->size = before;
	size = source->size;
	hf_roles_tell(roles);
	pthread_cond_broadcast(&roles->progress);
	pthread_mutex_unlock(&roles->lock);
	return size;
}

/* Something was erased: read the directory again, around it. */
static void read_again(struct reading *reading)
{
	struct hf_roles *roles = reading->roles;

	pthread_mutex_lock(&roles->lock);
	reading->source->erased = reading->statements.position;
	hf_roles_book_reset(&roles->book, reading->source);
	roles->has_news = true;
	pthread_mutex_unlock(&roles->lock);
}

/* Everything that a set has. */
static enum hf_err source_read(struct hf_roles *roles, struct source *source,
			       struct hf_why *why)
{
	struct reading reading = { .roles = roles, .source = source };
	uint64_t size = reading_begin(&reading);
	enum hf_err err = HF_OK;

	while (err == HF_OK && reading.statements.position < size) {
		uint64_t before = reading.statements.position;

		err = hf_ledger_statements_read(&reading.statements, why);
		if (err == HF_OK)
			size = reading_note(&reading, before);
	}
	if (err == HF_OK && reading.statements.must_reset)
		read_again(&reading);
	hf_arena_release(&reading.arena);
	return err;
}

/*
 * The thread.
 */

/* A set that has more than was read, or NULL; behind a set's number. */
static struct source *source_due(struct hf_roles *roles, uint32_t behind)
{
	struct source *source;

	pthread_mutex_lock(&roles->lock);
	source = roles->book.sources;
	while (source != NULL &&
	       (source->set <= behind ||
		(source->position >= source->size && !source->is_late)))
		source = source->next;
	pthread_mutex_unlock(&roles->lock);
	return source;
}

/* Read what is due, once around; what fails waits for its next news. */
static void round_read(struct hf_roles *roles)
{
	struct source *source = NULL;
	struct hf_why why = { "" };

	while ((source = source_due(roles, source != NULL ? source->set : 0)) !=
	       NULL) {
		enum hf_err err = source_read(roles, source, &why);

		if (err != HF_OK && !source->has_failed)
			hf_log(HF_LOG_ERROR, "roles", "reading stopped",
			       "set=%s err=%s why=\"%s\"", source->origin,
			       hf_err_name(err), why.text);
		source->has_failed = err != HF_OK;
	}
}

/* Look at what is new, and at every set where the ring is. */
static enum hf_err news_read(struct hf_roles *roles, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	bool has_changed;

	pthread_mutex_lock(&roles->lock);
	has_changed = roles->has_changed;
	roles->has_changed = false;
	if (has_changed)
		roles->seen_sets = 0;
	roles->has_news = false;
	pthread_mutex_unlock(&roles->lock);
	if (has_changed)
		err = sets_find(roles, why);
	round_read(roles);
	return err;
}

static bool has_news(struct hf_roles *roles)
{
	bool has;

	pthread_mutex_lock(&roles->lock);
	has = roles->has_news || roles->has_changed;
	pthread_mutex_unlock(&roles->lock);
	return has;
}

enum hf_err hf_roles_read_all(struct hf_roles *roles, struct hf_why *why)
{
	enum hf_err err;

	do {
		err = news_read(roles, why);
	} while (err == HF_OK && has_news(roles));
	return err;
}

/* False when it is to stop. */
static bool news_wait(struct hf_roles *roles)
{
	bool goes_on;

	pthread_mutex_lock(&roles->lock);
	while (!roles->must_stop && !roles->has_changed && !roles->has_news)
		pthread_cond_wait(&roles->news, &roles->lock);
	goes_on = !roles->must_stop;
	pthread_mutex_unlock(&roles->lock);
	return goes_on;
}

static void *run(void *arg)
{
	struct hf_roles *roles = arg;
	struct hf_why why = { "" };

	hf_thread_name("roles");
	while (news_wait(roles)) {
		if (news_read(roles, &why) != HF_OK)
			hf_log(HF_LOG_ERROR, "roles", "sets were not read",
			       "why=\"%s\"", why.text);
	}
	return NULL;
}

enum hf_err hf_roles_read_start(struct hf_roles *roles, struct hf_why *why)
{
	enum hf_err err =
		hf_ledger_follow(roles->ledger, HF_LEDGER_ALL_SETS, 0, on_wake,
				 roles, &roles->follower, why);

	if (err != HF_OK)
		return err;
	errno = pthread_create(&roles->thread, NULL, run, roles);
	if (errno == 0)
		return HF_OK;
	err = hf_why_errno(why, "roles: start a thread");
	hf_ledger_unfollow(roles->follower);
	return err;
}

void hf_roles_read_stop(struct hf_roles *roles)
{
	hf_ledger_unfollow(roles->follower);
	pthread_mutex_lock(&roles->lock);
	roles->must_stop = true;
	pthread_cond_signal(&roles->news);
	pthread_mutex_unlock(&roles->lock);
	pthread_join(roles->thread, NULL);
}
