/*
 * opinion_book.h -- opinions in memory: what each set of opinions says of each
 * subject, an entry or a hash.
 *
 * It knows nothing of who counts, nor of time; opinions.c decides.
 *
 * Units    _ms since 1970-01-01 UTC; set is the ledger's number.
 * Owns     init/release; everything it gives is its own and lives until the
 *          next call that changes it.
 * Threads  the caller's lock.
 * Errors   NOMEM; LIMIT for a set with more than HF_OPINIONS_OF_SET_MAX.
 * Source   proto/SPEC.md section 12.10.
 */
#ifndef HF_OPINION_BOOK_H
#define HF_OPINION_BOOK_H

#include "codec_opinion.h"

/* Subjects with an opinion that are kept of a set; what it says of others then
 * is passed over. */
#define HF_OPINIONS_OF_SET_MAX 65536

/* A set of opinions. */
struct hf_opinion_source {
	struct hf_opinion_source *next; /* by number */
	uint32_t set;
	uint64_t position;  /* entries read */
	uint64_t size;      /* entries there are, as we were told */
	uint64_t erased;    /* what an ERASE below says is known */
	uint64_t void_from; /* entries from here on say nothing */
	bool has_failed;    /* logged */
	bool is_late;       /* what was missing came: read all once more */
	bool is_override;   /* our own remedy: nobody else has it */
	size_t said_count;
	struct hf_said *said; /* newest first */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
};

/* The last that a set says of a subject. */
struct hf_said {
	struct hf_said *of_subject; /* next */
	struct hf_said *of_source;  /* next */
	struct hf_opinion_source *source;
	struct hf_opinion_subject *subject;
	uint64_t index;
	uint64_t said_ms;
	uint64_t until_ms;
	enum hf_opinion_kind kind;
	enum hf_opinion_reason reason;
	uint8_t leaf_hash[HF_HASH_BYTES]; /* of an entry */
};

struct hf_opinion_subject {
	struct hf_opinion_subject *next;       /* of the bucket */
	struct hf_opinion_subject *next_dirty; /* what it means is to be told */
	bool is_dirty;
	struct hf_said *said;
	uint8_t key[HF_HASH_BYTES];
	unsigned algorithm; /* of a hash; 0: an entry */
	uint64_t index;     /* of an entry */
	size_t len_bytes;
	uint8_t bytes[]; /* digest, or origin with a zero byte */
};

struct hf_opinion_book {
	struct hf_opinion_source *sources;
	struct hf_opinion_subject **buckets;
	size_t buckets_count; /* a power of two */
	size_t subjects_count;
	size_t hashes_count; /* of them: hashes */
	struct hf_opinion_subject *dirty;
	uint8_t key[16]; /* of the hash that finds buckets */
};

HF_MUST enum hf_err hf_opinion_book_init(struct hf_opinion_book *book,
					 struct hf_why *why);
void hf_opinion_book_release(struct hf_opinion_book *book);

/* NULL when it is none that the book has. */
struct hf_opinion_source *
hf_opinion_book_source(const struct hf_opinion_book *book, uint32_t set);

HF_MUST enum hf_err hf_opinion_book_open(struct hf_opinion_book *book,
					 uint32_t set, const char *origin,
					 struct hf_opinion_source **out_source,
					 struct hf_why *why);

/* Keep one that hf_opinion_check() let pass; its subjects become dirty. */
HF_MUST enum hf_err hf_opinion_book_put(struct hf_opinion_book *book,
					struct hf_opinion_source *source,
					uint64_t index, uint64_t said_ms,
					const struct hf_opinion *opinion,
					struct hf_why *why);

/* Forget what a set said; its subjects become dirty. */
void hf_opinion_book_reset(struct hf_opinion_book *book,
			   struct hf_opinion_source *source);

/* NULL when nothing was ever said of it. */
struct hf_opinion_subject *
hf_opinion_book_entry(const struct hf_opinion_book *book, const char *origin,
		      uint64_t index);
struct hf_opinion_subject *
hf_opinion_book_hash(const struct hf_opinion_book *book, unsigned algorithm,
		     struct hf_span digest);

/* "hotline.example/ncii/1 7", "sha256:1f...". */
void hf_opinion_subject_text(const struct hf_opinion_subject *subject,
			     char *out_text, size_t size_bytes);

/* What is said of a subject, or all, means something else now. */
void hf_opinion_book_dirty(struct hf_opinion_book *book,
			   struct hf_opinion_subject *subject);
void hf_opinion_book_dirty_all(struct hf_opinion_book *book);

/* A dirty subject, which is that no longer; NULL when there is none. */
struct hf_opinion_subject *
hf_opinion_book_take_dirty(struct hf_opinion_book *book);

/* What it means is told: one that nobody speaks of any more is forgotten, but
 * for one that became dirty again. */
void hf_opinion_book_settle(struct hf_opinion_book *book,
			    struct hf_opinion_subject *subject);

/* Add to rows what is said of a subject (NULL: nothing): of each set what it
 * says last, by its place, so there are never more rows than sets.  leaf, NULL
 * for a hash, is that of the entry: opinions of another are passed over.  How
 * many rows there are then; what is more than most is left out. */
size_t hf_opinion_book_gather(const struct hf_opinion_subject *subject,
			      const uint8_t *leaf, const struct hf_said **rows,
			      size_t count, size_t most);

/* Of two sets of one organisation, does the first say it later?  By time, then
 * by name and epoch: all readers agree, whatever they read first. */
bool hf_opinion_is_later(uint64_t one_ms, const char *one_origin,
			 uint64_t other_ms, const char *other_origin);

#endif /* HF_OPINION_BOOK_H */
