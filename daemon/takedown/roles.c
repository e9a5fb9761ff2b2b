#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "codec_document.h"
#include "conf.h"
#include "ring.h"

#include "roles_impl.h"

enum hf_err hf_roles_new(struct hf_ledger *ledger, struct hf_ring_holder *ring,
			 const struct hf_conf_attester *attesters,
			 size_t attesters_count, struct hf_roles **out_roles,
			 struct hf_why *why)
{
	struct hf_roles *roles = calloc(1, sizeof(*roles));
	enum hf_err err;

	if (roles == NULL)
		return hf_why(why, HF_E_NOMEM, "roles: no memory");
	roles->ledger = ledger;
	roles->ring = ring;
	roles->attesters = attesters;
	roles->attesters_count = attesters_count;
	roles->has_changed = true;
	roles->version = 1;
	pthread_mutex_init(&roles->lock, NULL);
	pthread_cond_init(&roles->news, NULL);
	hf_clock_cond_init(&roles->progress);
	err = hf_roles_book_init(&roles->book, why);
	if (err == HF_OK)
		err = hf_roles_read_all(roles, why);
	if (err == HF_OK)
		err = hf_roles_read_start(roles, why);
	if (err != HF_OK)
		goto out_free;
	*out_roles = roles;
	return HF_OK;

out_free:
	hf_roles_book_release(&roles->book);
	pthread_cond_destroy(&roles->progress);
	pthread_cond_destroy(&roles->news);
	pthread_mutex_destroy(&roles->lock);
	free(roles);
	return err;
}

void hf_roles_free(struct hf_roles *roles)
{
	if (roles == NULL)
		return;
	hf_roles_read_stop(roles);
	hf_roles_book_release(&roles->book);
	pthread_cond_destroy(&roles->progress);
	pthread_cond_destroy(&roles->news);
	pthread_mutex_destroy(&roles->lock);
	free(roles);
}

void hf_roles_tell(struct hf_roles *roles)
{
	roles->version++;
	for (size_t i = 0; i < HF_ROLES_WATCHERS; i++) {
		const struct hf_roles_watcher *watcher = &roles->watchers[i];

		if (watcher->changed != NULL)
			watcher->changed(watcher->arg);
	}
}

uint64_t hf_roles_version(struct hf_roles *roles)
{
	uint64_t version;

	pthread_mutex_lock(&roles->lock);
	version = roles->version;
	pthread_mutex_unlock(&roles->lock);
	return version;
}

void hf_roles_watch(struct hf_roles *roles, void (*changed)(void *arg),
		    void *arg)
{
	struct hf_roles_watcher *place = NULL;

	pthread_mutex_lock(&roles->lock);
	for (size_t i = 0; i < HF_ROLES_WATCHERS; i++) {
		struct hf_roles_watcher *watcher = &roles->watchers[i];

		if (watcher->arg == arg ||
		    (place == NULL && watcher->changed == NULL))
			place = watcher;
	}
	assert(place != NULL);
	*place = (struct hf_roles_watcher){ changed,
					    changed != NULL ? arg : NULL };
	pthread_mutex_unlock(&roles->lock);
}

void hf_roles_changed(struct hf_roles *roles)
{
	pthread_mutex_lock(&roles->lock);
	roles->has_changed = true;
	/* Who is enrolled, and whose agreement is in force, counts as well. */
	hf_roles_tell(roles);
	pthread_mutex_unlock(&roles->lock);
	pthread_cond_signal(&roles->news);
}

void hf_roles_late(struct hf_roles *roles, uint32_t set)
{
	struct source *source;

	if (roles == NULL)
		return;
	pthread_mutex_lock(&roles->lock);
	source = hf_roles_book_source(&roles->book, set);
	if (source != NULL) {
		source->is_late = true;
		roles->has_news = true;
		pthread_cond_signal(&roles->news);
	}
	pthread_mutex_unlock(&roles->lock);
}

enum hf_err hf_roles_wait(struct hf_roles *roles, uint32_t set, uint64_t size,
			  int timeout_ms)
{
	const struct timespec until = hf_clock_moment(
		hf_clock_mono_us() + (uint64_t)timeout_ms * 1000);
	const struct source *source;
	int rc = 0;

	pthread_mutex_lock(&roles->lock);
	while (((source = hf_roles_book_source(&roles->book, set)) == NULL ||
		source->position < size) &&
	       rc == 0)
		rc = pthread_cond_timedwait(&roles->progress, &roles->lock,
					    &until);
	pthread_mutex_unlock(&roles->lock);
	return rc == 0 ? HF_OK : HF_E_DEADLINE;
}

/*
 * What holds.  Under the lock, with one ring.
 */

/* Who a question is about: as far as we know, id and name. */
struct who {
	const uint8_t *id; /* or NULL */
	const char *name;  /* or NULL */
};

struct asking {
	struct hf_roles *roles;
	const struct hf_ring *ring;
	uint64_t at_ms;
};

static struct who who_by_id(const struct hf_ring *ring, const uint8_t *id)
{
	const struct hf_organisation *known = hf_ring_by_id(ring, id);

	return (struct who){ .id = id,
			     .name = known != NULL ? known->name : NULL };
}

static struct who who_of(const struct hf_ring *ring,
			 const struct subject *subject)
{
	const struct hf_organisation *known;

	if (subject->has_id)
		return who_by_id(ring, subject->id);
	known = hf_ring_by_name(ring, hf_span_of(subject->name));
	return (struct who){ .id = known != NULL ? known->id : NULL,
			     .name = subject->name };
}

/* Among what every attester said of this subject, find the last that had
 * begun; streams that have one become a list. */
static void decide(const struct asking *asking, const struct subject *subject,
		   enum hf_role role, unsigned depth, struct stream **list)
{
	struct claim *claim = subject != NULL ? subject->claims : NULL;

	for (; claim != NULL; claim = claim->of_subject) {
		struct stream *stream = claim->source->stream;
		struct claim **decides = &stream->decides[depth];

		if (claim->role != role || claim->from_ms > asking->at_ms)
			continue;
		if (*decides == NULL) {
			stream->next_decides[depth] = *list;
			*list = stream;
			*decides = claim;
		} else if (hf_roles_is_later(claim, *decides)) {
			*decides = claim;
		}
	}
}

/* Every attester whose word there is about this role of this organisation. */
static struct stream *decide_all(const struct asking *asking,
				 const struct who *who, enum hf_role role,
				 unsigned depth)
{
	const struct hf_roles_book *book = &asking->roles->book;
	struct stream *list = NULL;

	if (who->id != NULL)
		decide(asking, hf_roles_book_subject(book, who->id, NULL), role,
		       depth, &list);
	if (who->name != NULL)
		decide(asking, hf_roles_book_subject(book, NULL, who->name),
		       role, depth, &list);
	return list;
}

/* Take the next claim that decides off the list. */
static struct claim *decided_take(struct stream **list, unsigned depth)
{
	struct stream *stream = *list;
	struct claim *claim;

	if (stream == NULL)
		return NULL;
	claim = stream->decides[depth];
	stream->decides[depth] = NULL;
	*list = stream->next_decides[depth];
	return claim;
}

static enum hf_err not(struct hf_why * why, const char *format, ...)
	HF_PRINTF(2, 3);

static enum hf_err not(struct hf_why * why, const char *format, ...) {
	va_list args;

	if (why != NULL){ va_start(args, format);
			  vsnprintf(why->text, sizeof(why->text), format, args);
			  va_end(args); }
return HF_E_DENIED;
}

static bool is_over(const struct claim *claim, uint64_t at_ms)
{
	return claim->until_ms != 0 && at_ms >= claim->until_ms;
}

/* May we use this directory, at that time? */
static enum hf_err source_counts(const struct asking *asking,
				 const struct source *source,
				 const struct hf_ring_set **out_set,
				 struct hf_why *why)
{
	struct hf_span origin = hf_span_of(source->origin);
	const struct hf_ring_set *set = hf_ring_set(asking->ring, origin);

	if (set == NULL || set->agreement->kind != HF_SET_KIND_DIRECTORY)
		return not(why, "no agreement of %s is held", source->origin);
	*out_set = set;
	if (set->is_own)
		return HF_OK;
	if (!set->is_followed)
		return not(why, "%s is not followed", source->origin);
	if (hf_ring_may_have(asking->ring, origin,
			     hf_ring_self(asking->ring)->id,
			     asking->at_ms) < HF_RIGHT_MEMBER)
		return not(why, "the agreement of %s is over", source->origin);
	return HF_OK;
}

/* May whoever writes this directory give this role, whatever powers it has? */
static bool may_attest(const struct asking *asking,
		       const struct hf_ring_set *set, enum hf_role role)
{
	const struct hf_roles *roles = asking->roles;

	for (size_t i = 0; i < roles->attesters_count && !set->is_own; i++) {
		if (strcmp(roles->attesters[i].by, set->publisher->name) == 0 &&
		    (roles->attesters[i].roles & 1u << role) != 0)
			return true;
	}
	return set->is_own;
}

/* Powers by our own word or that of a row alone: so an authority cannot make
 * others. */
static uint32_t powers_at(const struct asking *asking, const struct who *who,
			  const char *jurisdiction, unsigned depth)
{
	struct stream *list = decide_all(asking, who, HF_ROLE_AUTHORITY, depth);
	const struct hf_ring_set *set;
	const struct claim *claim;
	uint32_t powers = 0;

	while ((claim = decided_take(&list, depth)) != NULL) {
		if (!is_over(claim, asking->at_ms) &&
		    (jurisdiction == NULL ||
		     strcmp(claim->jurisdiction, jurisdiction) == 0) &&
		    source_counts(asking, claim->source, &set, NULL) == HF_OK &&
		    may_attest(asking, set, HF_ROLE_AUTHORITY))
			powers |= claim->powers;
	}
	return powers;
}

static enum hf_err claim_counts(const struct asking *asking,
				const struct claim *claim, struct hf_why *why)
{
	const struct hf_ring_set *set;
	const char *attester;
	struct who who;
	enum hf_err err;

	if (is_over(claim, asking->at_ms))
		return not(why, "it has ended");
	err = source_counts(asking, claim->source, &set, why);
	if (err != HF_OK || may_attest(asking, set, claim->role))
		return err;
	attester = set->publisher->name;
	if (claim->role != HF_ROLE_TRUSTED_FLAGGER)
		return not(why, "no row of attesters lets %s say who is %s",
			   attester, hf_role_word(claim->role));
	who = who_by_id(asking->ring, set->publisher->id);
	if ((powers_at(asking, &who, NULL, 1) &
	     1u << HF_POWER_ATTEST_FLAGGER) != 0)
		return HF_OK;
	return not(why,
		   "%s is not known to have the power attest-flagger, and no "
		   "row of attesters lets it say who is trusted-flagger",
		   attester);
}

/*
 * Questions.
 */

static struct asking ask_begin(struct hf_roles *roles, uint64_t at_ms,
			       struct hf_ring **out_ring)
{
	*out_ring = hf_ring_holder_get(roles->ring);
	pthread_mutex_lock(&roles->lock);
	return (struct asking){ .roles = roles,
				.ring = *out_ring,
				.at_ms = at_ms };
}

static void ask_end(struct hf_roles *roles, struct hf_ring *ring)
{
	pthread_mutex_unlock(&roles->lock);
	hf_ring_release(ring);
}

bool hf_roles_has(struct hf_roles *roles,
		  const uint8_t id[static HF_HASH_BYTES], enum hf_role role,
		  uint64_t at_ms)
{
	struct hf_ring *ring;
	struct asking asking = ask_begin(roles, at_ms, &ring);
	struct who who = who_by_id(ring, id);
	struct stream *list = decide_all(&asking, &who, role, 0);
	const struct claim *claim;
	bool has = false;

	while ((claim = decided_take(&list, 0)) != NULL)
		has |= claim_counts(&asking, claim, NULL) == HF_OK;
	ask_end(roles, ring);
	return has;
}

static uint32_t powers_of(struct hf_roles *roles, const uint8_t *id,
			  const char *jurisdiction, uint64_t at_ms)
{
	struct hf_ring *ring;
	struct asking asking = ask_begin(roles, at_ms, &ring);
	struct who who = who_by_id(ring, id);
	uint32_t powers = powers_at(&asking, &who, jurisdiction, 0);

	ask_end(roles, ring);
	return powers;
}

uint32_t hf_roles_powers(struct hf_roles *roles,
			 const uint8_t id[static HF_HASH_BYTES], uint64_t at_ms)
{
	return powers_of(roles, id, NULL, at_ms);
}

uint32_t hf_roles_powers_in(struct hf_roles *roles,
			    const uint8_t id[static HF_HASH_BYTES],
			    const char *jurisdiction, uint64_t at_ms)
{
	return powers_of(roles, id, jurisdiction, at_ms);
}

/*
 * Listing.
 */

/* Is it the one that decides? */
static bool decides(const struct asking *asking, const struct claim *claim)
{
	struct who who = who_of(asking->ring, claim->subject);
	struct stream *list = decide_all(asking, &who, claim->role, 0);
	const struct claim *decided;
	bool is = false;

	while ((decided = decided_take(&list, 0)) != NULL)
		is |= decided == claim;
	return is;
}

static bool list_one(const struct asking *asking, const struct claim *claim,
		     bool (*each)(void *arg, const struct hf_roles_row *row),
		     void *arg)
{
	struct hf_roles_row row = { .set = claim->source->set,
				    .index = claim->index };
	bool is_deciding = decides(asking, claim);

	if (!claim->is_latest && !is_deciding)
		return true;
	if (is_deciding)
		row.counts = claim_counts(asking, claim, &row.why_not) == HF_OK;
	else if (claim->from_ms > asking->at_ms)
		not(&row.why_not, "it has not begun");
	else
		not(&row.why_not, "another claim replaced it");
	return each(arg, &row);
}

void hf_roles_list(struct hf_roles *roles, uint32_t set, uint64_t index,
		   uint64_t at_ms,
		   bool (*each)(void *arg, const struct hf_roles_row *row),
		   void *arg)
{
	struct hf_ring *ring;
	struct asking asking = ask_begin(roles, at_ms, &ring);
	bool goes_on = true;

	for (const struct source *source = roles->book.sources;
	     source != NULL && goes_on; source = source->next) {
		const struct claim *claim = source->first;

		if (source->set < set)
			continue;
		while (claim != NULL && source->set == set &&
		       claim->index <= index)
			claim = claim->after;
		for (; claim != NULL && goes_on; claim = claim->after)
			goes_on = list_one(&asking, claim, each, arg);
	}
	ask_end(roles, ring);
}

enum hf_err hf_roles_find(struct hf_roles *roles, uint32_t set,
			  const uint8_t *id, const char *name,
			  enum hf_role role, uint32_t *out_set,
			  uint64_t *out_index)
{
	const struct subject *subject;
	const struct claim *found = NULL;
	const struct source *source;

	pthread_mutex_lock(&roles->lock);
	source = hf_roles_book_source(&roles->book, set);
	subject = hf_roles_book_subject(&roles->book, id, name);
	for (const struct claim *claim =
		     source != NULL && subject != NULL ? subject->claims : NULL;
	     claim != NULL; claim = claim->of_subject) {
		if (claim->source->stream == source->stream &&
		    claim->source->epoch <= source->epoch &&
		    claim->role == role &&
		    (found == NULL || hf_roles_is_later(claim, found)))
			found = claim;
	}
	if (found != NULL) {
		*out_set = found->source->set;
		*out_index = found->index;
	}
	pthread_mutex_unlock(&roles->lock);
	return found != NULL ? HF_OK : HF_E_NOTFOUND;
}
