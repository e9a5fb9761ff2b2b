/*
 * roles_book.h -- the claims, in memory: by whom they are about, by the set
 * they stand in, and what replaces what.
 *
 * No policy, no ring and no clock: roles.c has those, roles_read.c the way
 * from the ledger.
 *
 * Units    as roles.h.
 * Owns     a book owns its sources, streams, subjects and claims.
 * Threads  one at a time: under the lock of struct hf_roles.
 * Errors   NOMEM.
 * Source   proto/SPEC.md section 12.8.
 */
#ifndef HF_ROLES_BOOK_H
#define HF_ROLES_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_case.h"
#include "roles.h"

/* The epochs of one directory: a later one continues the earlier. */
struct stream {
	struct stream *next;
	size_t name_len_bytes; /* of the origins, without epoch */
	/* The claim that decides, while a question is answered; a second one,
	 * because a question about a flagger asks about its attester. */
	struct claim *decides[2];
	struct stream *next_decides[2];
	char name[HF_ORIGIN_MAX_BYTES + 1];
};

/* A directory set. */
struct source {
	struct source *next; /* by number */
	uint32_t set;
	uint64_t epoch;
	struct stream *stream;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t position;  /* entries read */
	uint64_t size;      /* entries there are, as we were told */
	uint64_t erased;    /* what an ERASE below says is known */
	uint64_t void_from; /* entries from here on say nothing */
	bool has_failed;    /* logged */
	bool is_late;       /* what was missing came: read all once more */
	size_t claims_count;
	struct claim *first; /* in order of index */
	struct claim *last;
};

struct claim {
	struct claim *of_subject; /* next */
	struct claim *before, *after;
	struct source *source;
	struct subject *subject;
	uint64_t index;
	uint64_t from_ms;
	uint64_t until_ms; /* 0: no end */
	enum hf_role role;
	uint32_t powers;      /* bits 1 << enum hf_power */
	char jurisdiction[3]; /* "NL", "EU" */
	bool is_latest;       /* of its stream, subject and role */
};

/* An organisation that claims are about: by its id or, without one, by its
 * name. */
struct subject {
	struct subject *next; /* of the bucket */
	struct claim *claims;
	bool has_id;
	uint8_t id[HF_HASH_BYTES];
	char name[]; /* "" with an id */
};

struct hf_roles_book {
	struct source *sources;
	struct stream *streams;
	struct subject **buckets;
	size_t buckets_count; /* a power of two */
	size_t subjects_count;
	uint8_t key[16]; /* of the hash that finds buckets */
};

HF_MUST enum hf_err hf_roles_book_init(struct hf_roles_book *book,
				       struct hf_why *why);
void hf_roles_book_release(struct hf_roles_book *book);

struct source *hf_roles_book_source(const struct hf_roles_book *book,
				    uint32_t set);

HF_MUST enum hf_err hf_roles_book_open(struct hf_roles_book *book, uint32_t set,
				       const char *origin,
				       struct source **out_source,
				       struct hf_why *why);

/* Keep a claim that hf_attestation_check() let pass.  What it replaces for
 * good, or what replaces it, is dropped. */
HF_MUST enum hf_err hf_roles_book_add(struct hf_roles_book *book,
				      struct source *source, uint64_t index,
				      const struct hf_attestation *claim,
				      struct hf_why *why);

/* Forget what a directory said, in all its epochs, and read it again from the
 * beginning. */
void hf_roles_book_reset(struct hf_roles_book *book, struct source *source);

/* NULL when nothing was said of it. */
struct subject *hf_roles_book_subject(const struct hf_roles_book *book,
				      const uint8_t *id, const char *name);

/* Was this said after that, by the same attester? */
bool hf_roles_is_later(const struct claim *one, const struct claim *other);

#endif /* HF_ROLES_BOOK_H */
