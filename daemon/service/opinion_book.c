#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"
#include "sign.h"
#include "text.h"

#include "opinion_book.h"

#define BUCKETS_FIRST 64

enum hf_err hf_opinion_book_init(struct hf_opinion_book *book,
				 struct hf_why *why)
{
	*book = (struct hf_opinion_book){ .buckets_count = BUCKETS_FIRST };
	hf_random(book->key, sizeof(book->key));
	book->buckets =
		calloc(BUCKETS_FIRST, sizeof(struct hf_opinion_subject *));
	if (book->buckets == NULL)
		return hf_why(why, HF_E_NOMEM, "opinions: no memory");
	return HF_OK;
}

void hf_opinion_book_release(struct hf_opinion_book *book)
{
	while (book->sources != NULL) {
		struct hf_opinion_source *source = book->sources;

		book->sources = source->next;
		hf_opinion_book_reset(book, source);
		free(source);
	}
	for (size_t i = 0; i < book->buckets_count && book->buckets != NULL;
	     i++) {
		while (book->buckets[i] != NULL) {
			struct hf_opinion_subject *subject = book->buckets[i];

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

struct hf_opinion_source *
hf_opinion_book_source(const struct hf_opinion_book *book, uint32_t set)
{
	struct hf_opinion_source *source = book->sources;

	while (source != NULL && source->set < set)
		source = source->next;
	return source != NULL && source->set == set ? source : NULL;
}

enum hf_err hf_opinion_book_open(struct hf_opinion_book *book, uint32_t set,
				 const char *origin,
				 struct hf_opinion_source **out_source,
				 struct hf_why *why)
{
	struct hf_opinion_source *source = calloc(1, sizeof(*source));
	struct hf_opinion_source **place = &book->sources;

	if (source == NULL)
		return hf_why(why, HF_E_NOMEM, "opinions: no memory");
	source->set = set;
	strcpy(source->origin, origin);
	while (*place != NULL && (*place)->set < set)
		place = &(*place)->next;
	source->next = *place;
	*place = source;
	*out_source = source;
	return HF_OK;
}

/*
 * Subjects.
 */

/* What nobody who does not know the key can make two of that meet. */
static void key_of(const struct hf_opinion_book *book, unsigned algorithm,
		   uint64_t index, struct hf_span bytes,
		   uint8_t out_key[static HF_HASH_BYTES])
{
	uint8_t head[9] = { (uint8_t)algorithm };
	struct hf_sha256 hash;

	hf_be64_put(head + 1, index);
	hf_sha256_init(&hash);
	hf_sha256_update(&hash, book->key, sizeof(book->key));
	hf_sha256_update(&hash, head, sizeof(head));
	hf_sha256_update(&hash, bytes.at, bytes.len_bytes);
	hf_sha256_final(&hash, out_key);
}

static struct hf_opinion_subject **bucket_of(const struct hf_opinion_book *book,
					     const uint8_t *key)
{
	return &book->buckets[hf_be64(key) & (book->buckets_count - 1)];
}

static struct hf_opinion_subject *find(const struct hf_opinion_book *book,
				       unsigned algorithm, uint64_t index,
				       struct hf_span bytes)
{
	struct hf_opinion_subject *subject;
	uint8_t key[HF_HASH_BYTES];

	if (book->subjects_count == 0)
		return NULL;
	key_of(book, algorithm, index, bytes, key);
	subject = *bucket_of(book, key);
	while (subject != NULL && memcmp(subject->key, key, sizeof(key)) != 0)
		subject = subject->next;
	return subject;
}

/* An origin with its zero byte: no digest of algorithm 0 is there. */
static struct hf_span origin_bytes(const char *origin)
{
	return hf_span(origin, strlen(origin) + 1);
}

struct hf_opinion_subject *
hf_opinion_book_entry(const struct hf_opinion_book *book, const char *origin,
		      uint64_t index)
{
	return find(book, 0, index, origin_bytes(origin));
}

struct hf_opinion_subject *
hf_opinion_book_hash(const struct hf_opinion_book *book, unsigned algorithm,
		     struct hf_span digest)
{
	return book->hashes_count == 0 ? NULL
				       : find(book, algorithm, 0, digest);
}

/* Without memory the chains grow longer instead. */
static void grow(struct hf_opinion_book *book)
{
	size_t count = book->buckets_count;
	struct hf_opinion_subject **before = book->buckets;
	struct hf_opinion_subject **more =
		book->subjects_count < count
			? NULL
			: calloc(2 * count,
				 sizeof(struct hf_opinion_subject *));

	if (more == NULL)
		return;
	book->buckets = more;
	book->buckets_count = 2 * count;
	for (size_t i = 0; i < count; i++) {
		while (before[i] != NULL) {
			struct hf_opinion_subject *subject = before[i], **place;

			before[i] = subject->next;
			place = bucket_of(book, subject->key);
			subject->next = *place;
			*place = subject;
		}
	}
	free(before);
}

static struct hf_opinion_subject *subject_new(struct hf_opinion_book *book,
					      unsigned algorithm,
					      uint64_t index,
					      struct hf_span bytes)
{
	struct hf_opinion_subject *subject =
		calloc(1, sizeof(*subject) + bytes.len_bytes);
	struct hf_opinion_subject **place;

	if (subject == NULL)
		return NULL;
	key_of(book, algorithm, index, bytes, subject->key);
	subject->algorithm = algorithm;
	subject->index = index;
	subject->len_bytes = bytes.len_bytes;
	memcpy(subject->bytes, bytes.at, bytes.len_bytes);
	grow(book);
	place = bucket_of(book, subject->key);
	subject->next = *place;
	*place = subject;
	book->subjects_count++;
	book->hashes_count += algorithm != 0;
	return subject;
}

void hf_opinion_book_dirty(struct hf_opinion_book *book,
			   struct hf_opinion_subject *subject)
{
	if (subject->is_dirty)
		return;
	subject->is_dirty = true;
	subject->next_dirty = book->dirty;
	book->dirty = subject;
}

void hf_opinion_book_dirty_all(struct hf_opinion_book *book)
{
	for (size_t i = 0; i < book->buckets_count; i++) {
		struct hf_opinion_subject *subject = book->buckets[i];

		for (; subject != NULL; subject = subject->next)
			hf_opinion_book_dirty(book, subject);
	}
}

struct hf_opinion_subject *
hf_opinion_book_take_dirty(struct hf_opinion_book *book)
{
	struct hf_opinion_subject *subject = book->dirty;

	if (subject == NULL)
		return NULL;
	book->dirty = subject->next_dirty;
	subject->is_dirty = false;
	return subject;
}

void hf_opinion_book_settle(struct hf_opinion_book *book,
			    struct hf_opinion_subject *subject)
{
	struct hf_opinion_subject **place = bucket_of(book, subject->key);

	if (subject->said != NULL || subject->is_dirty)
		return;
	while (*place != subject)
		place = &(*place)->next;
	*place = subject->next;
	book->subjects_count--;
	book->hashes_count -= subject->algorithm != 0;
	free(subject);
}

void hf_opinion_subject_text(const struct hf_opinion_subject *subject,
			     char *out_text, size_t size_bytes)
{
	char hex[2 * HF_DIGEST_MAX_BYTES + 1];

	if (subject->algorithm == 0) {
		snprintf(out_text, size_bytes, "%s %llu",
			 (const char *)subject->bytes,
			 (unsigned long long)subject->index);
		return;
	}
	hf_hex(subject->bytes, subject->len_bytes, hex);
	snprintf(out_text, size_bytes, "%s:%s",
		 hf_algorithm_word(subject->algorithm), hex);
}

/*
 * Opinions.
 */

static struct hf_said *said_by(const struct hf_opinion_subject *subject,
			       const struct hf_opinion_source *source)
{
	struct hf_said *said = subject->said;

	while (said != NULL && said->source != source)
		said = said->of_subject;
	return said;
}

/* Before anything is kept of the subject: who says too much costs nothing. */
static enum hf_err put(struct hf_opinion_book *book,
		       struct hf_opinion_source *source, unsigned algorithm,
		       uint64_t index, struct hf_span bytes,
		       const struct hf_said *what, struct hf_why *why)
{
	struct hf_opinion_subject *subject =
		find(book, algorithm, index, bytes);
	struct hf_said *said =
		subject != NULL ? said_by(subject, source) : NULL;

	if (said == NULL && source->said_count == HF_OPINIONS_OF_SET_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "%s has opinions on more than %d subjects",
			      source->origin, HF_OPINIONS_OF_SET_MAX);
	if (subject == NULL)
		subject = subject_new(book, algorithm, index, bytes);
	if (subject == NULL)
		return hf_why(why, HF_E_NOMEM, "opinions: no memory");
	if (said == NULL) {
		said = calloc(1, sizeof(*said));
		if (said == NULL)
			return hf_why(why, HF_E_NOMEM, "opinions: no memory");
		said->source = source;
		said->subject = subject;
		said->of_subject = subject->said;
		subject->said = said;
		said->of_source = source->said;
		source->said = said;
		source->said_count++;
	}
	said->index = what->index;
	said->said_ms = what->said_ms;
	said->until_ms = what->until_ms;
	said->kind = what->kind;
	said->reason = what->reason;
	memcpy(said->leaf_hash, what->leaf_hash, sizeof(said->leaf_hash));
	hf_opinion_book_dirty(book, subject);
	return HF_OK;
}

enum hf_err hf_opinion_book_put(struct hf_opinion_book *book,
				struct hf_opinion_source *source,
				uint64_t index, uint64_t said_ms,
				const struct hf_opinion *opinion,
				struct hf_why *why)
{
	const struct hf_entry_ref *entry = opinion->entry;
	struct hf_said what = {
		.index = index,
		.said_ms = said_ms,
		.until_ms = opinion->until_ms,
		.kind = opinion->kind,
		.reason = opinion->reason,
	};
	enum hf_err err = HF_OK;

	if (entry != NULL) {
		memcpy(what.leaf_hash, entry->leaf_hash.at, HF_HASH_BYTES);
		return put(book, source, 0, entry->index,
			   origin_bytes(entry->origin), &what, why);
	}
	for (size_t i = 0; i < opinion->hashes_count && err == HF_OK; i++)
		err = put(book, source, opinion->hashes[i].algorithm, 0,
			  opinion->hashes[i].digest, &what, why);
	return err;
}

void hf_opinion_book_reset(struct hf_opinion_book *book,
			   struct hf_opinion_source *source)
{
	while (source->said != NULL) {
		struct hf_said *said = source->said;
		struct hf_said **place = &said->subject->said;

		source->said = said->of_source;
		while (*place != said)
			place = &(*place)->of_subject;
		*place = said->of_subject;
		hf_opinion_book_dirty(book, said->subject);
		free(said);
	}
	source->said_count = 0;
	source->position = 0;
}

size_t hf_opinion_book_gather(const struct hf_opinion_subject *subject,
			      const uint8_t *leaf, const struct hf_said **rows,
			      size_t count, size_t most)
{
	const struct hf_said *said = subject != NULL ? subject->said : NULL;

	for (; said != NULL; said = said->of_subject) {
		size_t i = 0;

		if (leaf != NULL &&
		    memcmp(said->leaf_hash, leaf, HF_HASH_BYTES) != 0)
			continue;
		while (i < count && rows[i]->source != said->source)
			i++;
		if (i == most)
			continue;
		if (i == count)
			rows[count++] = said;
		else if (said->index > rows[i]->index)
			rows[i] = said;
	}
	return count;
}

bool hf_opinion_is_later(uint64_t one_ms, const char *one_origin,
			 uint64_t other_ms, const char *other_origin)
{
	struct hf_span one = hf_span_of(one_origin);
	struct hf_span other = hf_span_of(other_origin);

	if (one_ms != other_ms)
		return one_ms > other_ms;
	if (hf_span_equal(hf_text_origin_stem(one), hf_text_origin_stem(other)))
		return hf_text_origin_epoch(one) > hf_text_origin_epoch(other);
	return strcmp(one_origin, other_origin) > 0;
}
