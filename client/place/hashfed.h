/*
 * hashfed.h -- is this known?  Asked where the daemon's index is, without
 * asking the daemon.
 *
 * The index of a hashfedd on this machine is mapped and looked up in, by any
 * number of threads and processes, while the daemon goes on writing.  An entry
 * is found, and one that was retracted or demoted is not or is milder, from
 * the moment on at which the daemon's own Match call says so; verdicts, rules
 * and freshness are the same, by the same code.  Labels are not in the index:
 * who needs the words of a publisher asks the daemon (hashfed match).
 *
 * Units    digests are raw bytes; distances are differing bits; _ms are
 *          milliseconds.
 * Owns     hashfed_open() and hashfed_answer_new() give, hashfed_close() and
 *          hashfed_answer_free() take back.  Hits and texts are borrowed from
 *          the answer until its next lookup.
 * Threads  one struct hashfed serves all threads; an answer is one thread's at
 *          a time.  A process that forks opens again in the child.
 * Errors   enum hashfed_error, 0 is none; hashfed_words() has words for each,
 *          and a sentence is in the answer, or in the buffer that an open
 *          was given.  Who gets an error does not know: hold the upload.
 * Source   hashfed(3).
 */
#ifndef HASHFED_H
#define HASHFED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hashfed_error {
	HASHFED_OK,
	HASHFED_UNAVAILABLE, /* the daemon has not begun, or is starting */
	HASHFED_NOT_FOUND,   /* no index there */
	HASHFED_DENIED,      /* not in the group that may read it */
	HASHFED_ARGUMENT,    /* a hash that cannot be looked up */
	HASHFED_LIMIT,       /* too many hashes, or too many hits, at once */
	HASHFED_NO_MEMORY,
	HASHFED_DAMAGED,     /* a file is; the daemon makes it again */
	HASHFED_UNSUPPORTED, /* of another version than this library */
	HASHFED_SYSTEM
};

/* Numbers as in the protocol. */
enum hashfed_algorithm {
	HASHFED_MD5 = 1,
	HASHFED_SHA1 = 2,
	HASHFED_SHA256 = 3,
	HASHFED_PDQ = 4,
	HASHFED_PHOTODNA = 5,
	HASHFED_VPDQ = 6 /* frames of a video, PDQ hashes all */
};

enum hashfed_class {
	HASHFED_CSAM = 1,
	HASHFED_CSAM_SUSPECTED = 2,
	HASHFED_NCII = 3,
	HASHFED_TERRORIST = 4,
	HASHFED_OTHER = 5
};

/* The larger is the more severe; 0 is none. */
enum hashfed_verdict {
	HASHFED_IGNORE = 1, /* log only */
	HASHFED_REVIEW = 2, /* unpublished until a person decides */
	HASHFED_BLOCK = 3   /* neither store nor show */
};

enum hashfed_freshness {
	HASHFED_FRESH = 1,
	HASHFED_STALE = 2,
	HASHFED_EXPIRED = 3
};

/* A PDQ hash without a quality. */
#define HASHFED_NO_QUALITY 255

/* Hashes of one lookup, and hits of one item, at most. */
#define HASHFED_HASHES_MAX 10000
#define HASHFED_HITS_MAX   64

/* One hash of an item that is looked up.  An item may have several. */
struct hashfed_hash {
	uint32_t item;         /* a number of yours, below HASHFED_HASHES_MAX */
	uint8_t algorithm;     /* enum hashfed_algorithm */
	uint8_t quality;       /* of PDQ, 0 to 100, or HASHFED_NO_QUALITY */
	const uint8_t *digest; /* 16, 20, 32, 32 or 144 bytes; frames */
	uint32_t frames_count; /* of VPDQ, 32 bytes each; 1 to 1,800 */
};

/* An entry that has it, or one near it. */
struct hashfed_hit {
	uint32_t item;
	uint8_t verdict;       /* enum hashfed_verdict */
	uint8_t algorithm;     /* what matched */
	uint8_t content_class; /* enum hashfed_class */
	uint8_t freshness;     /* enum hashfed_freshness, of the set */
	/* 0: the same bytes.  Of a video: frames within this are the same. */
	uint32_t distance;
	uint8_t looked_up_percent; /* of a video's frames, that are listed */
	uint8_t listed_percent; /* of the frames listed, that were looked up */
	const char *origin;     /* the set: "hotline.example/ncii/1" */
	uint64_t index;         /* of the entry in it */
	const char *rule;       /* what of the policy says so */
	const uint8_t *digest;  /* the entry's; NULL of a video */
	size_t digest_bytes;
};

struct hashfed;
struct hashfed_answer;

/* The daemon's index: dir is its directory, NULL for /var/lib/hashfed/index.
 * Where it fails and text is not NULL, a sentence is put there. */
int hashfed_open(const char *dir, struct hashfed **out_hashfed, char *text,
		 size_t text_size);

/* No lookup may run.  NULL is fine. */
void hashfed_close(struct hashfed *hashfed);

/* 1 while a daemon keeps the index up to date, else 0: lookups then answer
 * from what there was.  *out_age_ms (NULL is fine) is how long ago a daemon
 * last said that it is alive, which it does twice a minute; its own sets are
 * as fresh as that, others as their publishers' last word. */
int hashfed_is_live(struct hashfed *hashfed, uint64_t *out_age_ms);

/* Room for answers, to be used again and again.  NULL without memory. */
struct hashfed_answer *hashfed_answer_new(void);

/* NULL is fine. */
void hashfed_answer_free(struct hashfed_answer *answer);

/* Many at a time are faster than one at a time.  Fails as a whole. */
int hashfed_lookup(struct hashfed *hashfed, const struct hashfed_hash *hashes,
		   size_t hashes_count, struct hashfed_answer *answer);

/* What the last lookup found: by item, worst verdict first within one. */
size_t hashfed_hits(const struct hashfed_answer *answer,
		    const struct hashfed_hit **out_hits);

/* The item's verdict, the worst of its hits; 0 when it is not known. */
int hashfed_verdict(const struct hashfed_answer *answer, uint32_t item);

/* 1 when an item had more hits than are given. */
int hashfed_has_more(const struct hashfed_answer *answer);

/* Why the last lookup failed; "" when it did not. */
const char *hashfed_answer_text(const struct hashfed_answer *answer);

/* "not in the group that may read it" */
const char *hashfed_words(int error);

/* "block", "sha256", "ncii", "fresh"; "unknown" for other numbers. */
const char *hashfed_verdict_word(int verdict);
const char *hashfed_algorithm_word(int algorithm);
const char *hashfed_class_word(int content_class);
const char *hashfed_freshness_word(int freshness);

#ifdef __cplusplus
}
#endif

#endif /* HASHFED_H */
