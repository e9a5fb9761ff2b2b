#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"
#include "sign.h"
#include "text.h"

#include "roles_book.h"

#define BUCKETS_FIRST 64

enum hf_err hf_roles_book_init(struct hf_roles_book *book, struct hf_why *why)
{
	*book = (struct hf_roles_book){ .buckets_count = BUCKETS_FIRST };
	hf_random(book->key, sizeof(book->key));
	book->buckets = calloc(BUCKETS_FIRST, sizeof(struct subject *));
	if (book->buckets == NULL)
		return hf_why(why, HF_E_NOMEM, "roles: no memory");
	return HF_OK;
}

void hf_roles_book_release(struct hf_roles_book *book)
{
	for (struct source *at = book->sources; at != NULL; at = at->next)
		hf_roles_book_reset(book, at);
	while (book->sources != NULL) {
		struct source *source = book->sources;

		book->sources = source->next;
		free(source);
	}
	while (book->streams != NULL) {
		struct stream *stream = book->streams;

		book->streams = stream->next;
		free(stream);
	}
	for (size_t i = 0; i < book->buckets_count && book->buckets != NULL;
	     i++) {
		while (book->buckets[i] != NULL) {
			struct subject *subject = book->buckets[i];

			book->buckets[i] = subject->next;
			free(subject);
		}
	}
	free(book->buckets);
	book->buckets = NULL;
}

/*
 * Sets.
 */

struct source *hf_roles_book_source(const struct hf_roles_book *book,
				    uint32_t set)
{
	struct source *source = book->sources;

	while (source != NULL && source->set < set)
		source = source->next;
	return source != NULL && source->set == set ? source : NULL;
}

static struct stream *stream_of(struct hf_roles_book *book, const char *origin)
{
	size_t len = (size_t)(strrchr(origin, '/') - origin);
	struct stream *stream = book->streams;

	while (stream != NULL && (stream->name_len_bytes != len ||
				  memcmp(stream->name, origin, len) != 0))
		stream = stream->next;
	if (stream != NULL)
		return stream;
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return NULL;
	memcpy(stream->name, origin, len);
	stream->name_len_bytes = len;
	stream->next = book->streams;
	book->streams = stream;
	return stream;
}

enum hf_err hf_roles_book_open(struct hf_roles_book *book, uint32_t set,
			       const char *origin, struct source **out_source,
			       struct hf_why *why)
{
	struct source **at = &book->sources;
	struct source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return hf_why(why, HF_E_NOMEM, "roles: no memory");
	source->set = set;
	strcpy(source->origin, origin);
	source->stream = stream_of(book, origin);
	if (source->stream == NULL ||
	    hf_text_u64(hf_span_of(strrchr(origin, '/') + 1), UINT32_MAX,
			&source->epoch) != HF_OK) {
		free(source);
		return hf_why(why, HF_E_NOMEM, "roles: no memory");
	}
	while (*at != NULL && (*at)->set < set)
		at = &(*at)->next;
	source->next = *at;
	*at = source;
	*out_source = source;
	return HF_OK;
}

/*
 * Organisations.
 */

static size_t bucket_of(const struct hf_roles_book *book, const uint8_t *id,
			const char *name)
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	/* Keyed: ids are what an attester wrote, who may want them all in one
	 * bucket. */
	hf_sha256_init(&hash);
	hf_sha256_update(&hash, book->key, sizeof(book->key));
	if (id != NULL)
		hf_sha256_update(&hash, id, HF_HASH_BYTES);
	else
		hf_sha256_update(&hash, name, strlen(name));
	hf_sha256_final(&hash, digest);
	return (size_t)hf_be64(digest) & (book->buckets_count - 1);
}

struct subject *hf_roles_book_subject(const struct hf_roles_book *book,
				      const uint8_t *id, const char *name)
{
	struct subject *subject = book->buckets[bucket_of(book, id, name)];

	while (subject != NULL &&
	       (subject->has_id != (id != NULL) ||
		(id != NULL ? memcmp(subject->id, id, HF_HASH_BYTES) != 0
			    : strcmp(subject->name, name) != 0)))
		subject = subject->next;
	return subject;
}

/* Twice the buckets, where there is memory. */
static void grow(struct hf_roles_book *book)
{
	struct hf_roles_book larger = *book;

	larger.buckets_count *= 2;
	larger.buckets = calloc(larger.buckets_count, sizeof(struct subject *));
	if (larger.buckets == NULL)
		return;
	for (size_t i = 0; i < book->buckets_count; i++) {
		while (book->buckets[i] != NULL) {
			struct subject *subject = book->buckets[i];
			size_t to = bucket_of(
				&larger, subject->has_id ? subject->id : NULL,
				subject->name);

			book->buckets[i] = subject->next;
			subject->next = larger.buckets[to];
			larger.buckets[to] = subject;
		}
	}
	free(book->buckets);
	*book = larger;
}

static struct subject *subject_need(struct hf_roles_book *book,
				    const struct hf_attestation *claim)
{
	const uint8_t *id = claim->organisation_id.len_bytes > 0
				    ? claim->organisation_id.at
				    : NULL;
	const char *name = id != NULL ? "" : claim->name;
	struct subject *subject = hf_roles_book_subject(book, id, name);
	struct subject **bucket;

	if (subject != NULL)
		return subject;
	subject = calloc(1, sizeof(*subject) + strlen(name) + 1);
	if (subject == NULL)
		return NULL;
	if (book->subjects_count > book->buckets_count)
		grow(book);
	subject->has_id = id != NULL;
	if (id != NULL)
		memcpy(subject->id, id, HF_HASH_BYTES);
	strcpy(subject->name, name);
	bucket = &book->buckets[bucket_of(book, id, name)];
	subject->next = *bucket;
	*bucket = subject;
	book->subjects_count++;
	return subject;
}

/*
 * Claims.
 */

bool hf_roles_is_later(const struct claim *one, const struct claim *other)
{
	if (one->source->epoch != other->source->epoch)
		return one->source->epoch > other->source->epoch;
	return one->index > other->index;
}

/* Do they answer the same question, by the same attester? */
static bool is_alike(const struct claim *one, const struct claim *other)
{
	return one->source->stream == other->source->stream &&
	       one->role == other->role;
}

/* Take a claim out of both lists.  Its subject stays: few are ever empty. */
static void claim_drop(struct claim *claim)
{
	struct claim **at = &claim->subject->claims;

	while (*at != claim)
		at = &(*at)->of_subject;
	*at = claim->of_subject;
	if (claim->before != NULL)
		claim->before->after = claim->after;
	else
		claim->source->first = claim->after;
	if (claim->after != NULL)
		claim->after->before = claim->before;
	else
		claim->source->last = claim->before;
	claim->source->claims_count--;
	free(claim);
}

void hf_roles_book_reset(struct hf_roles_book *book, struct source *source)
{
	const struct stream *stream = source->stream;

	for (source = book->sources; source != NULL; source = source->next) {
		if (source->stream != stream)
			continue;
		while (source->first != NULL)
			claim_drop(source->first);
		source->position = 0;
	}
}

/* From the moment the later one begins, it is the one that counts: an earlier
 * one that begins no earlier never does.  Returns whether the new one is to be
 * kept: not when it is such itself, or there is no room. */
static bool replace(struct claim *fresh)
{
	struct claim *claim = fresh->subject->claims, *oldest = NULL;
	size_t alike = 0;

	fresh->is_latest = true;
	while (claim != NULL) {
		struct claim *next = claim->of_subject;

		if (!is_alike(claim, fresh)) {
			claim = next;
			continue;
		}
		if (hf_roles_is_later(claim, fresh)) {
			fresh->is_latest = false;
			if (claim->from_ms <= fresh->from_ms)
				return false;
		} else {
			claim->is_latest = false;
			if (claim->from_ms >= fresh->from_ms) {
				claim_drop(claim);
				claim = next;
				continue;
			}
		}
		alike++;
		if (oldest == NULL || hf_roles_is_later(oldest, claim))
			oldest = claim;
		claim = next;
	}
	if (alike < HF_ROLES_HISTORY_MAX &&
	    fresh->source->claims_count < HF_ROLES_CLAIMS_MAX)
		return true;
	/* An end must find room where its beginning did. */
	if (oldest == NULL || hf_roles_is_later(oldest, fresh))
		return false;
	claim_drop(oldest);
	return true;
}

static uint32_t powers_of(const struct hf_attestation *claim)
{
	uint32_t powers = 0;

	for (size_t i = 0; i < claim->powers_count; i++)
		powers |= 1u << claim->powers[i];
	return powers;
}

enum hf_err hf_roles_book_add(struct hf_roles_book *book, struct source *source,
			      uint64_t index,
			      const struct hf_attestation *claim,
			      struct hf_why *why)
{
	struct claim *fresh = malloc(sizeof(*fresh));
	struct subject *subject =
		fresh != NULL ? subject_need(book, claim) : NULL;

	if (subject == NULL) {
		free(fresh);
		return hf_why(why, HF_E_NOMEM, "roles: no memory");
	}
	*fresh = (struct claim){
		.source = source,
		.subject = subject,
		.index = index,
		.from_ms = claim->from_ms,
		.until_ms = claim->until_ms,
		.role = claim->role,
		.powers = powers_of(claim),
	};
	if (claim->jurisdiction != NULL)
		memcpy(fresh->jurisdiction, claim->jurisdiction,
		       strlen(claim->jurisdiction));
	if (!replace(fresh)) {
		free(fresh);
		return HF_OK;
	}
	fresh->of_subject = subject->claims;
	subject->claims = fresh;
	fresh->before = source->last;
	if (source->last != NULL)
		source->last->after = fresh;
	else
		source->first = fresh;
	source->last = fresh;
	source->claims_count++;
	return HF_OK;
}
