/*
 * opinions.h -- what organisations think of entries becomes doubts of the
 * match index: who disputes, who affirms, and what an operator overrode.
 *
 * Built from every set of opinions that the ledger has, and again from the
 * beginning at each start.  Whose word counts is said in SPEC.md; it changes
 * with roles, agreements, the clock and what is held, and so do the doubts.
 *
 * Units    _ms since 1970-01-01 UTC; set is the ledger's number.
 * Owns     hf_opinions_new() gives the caller opinions, hf_opinions_free()
 *          takes them back.  The node is borrowed.
 * Threads  a thread of its own reads sets and marks entries; every call from
 *          any thread, and none but new, wait and each waits for a disk.
 * Errors   what cannot be read is logged once and tried again on the next news
 *          of that set.
 * Source   proto/SPEC.md section 12.10.
 */
#ifndef HF_OPINIONS_H
#define HF_OPINIONS_H

#include "opinion_book.h"

/* Our sets of opinions, where nothing else is said. */
#define HF_OPINIONS_SET  "opinions"
#define HF_OVERRIDES_SET "overrides"

/* Opinions of one entry that are looked at, those of a subject that most
 * lately got one first. */
#define HF_OPINIONS_OF_ENTRY_MAX 256

struct hf_ledger_view;
struct hf_node;
struct hf_opinions;

/* Needs node's ring, ledger, roles, hold and index.  Everything that the
 * ledger has is read, and the index knows it, before this returns. */
HF_MUST enum hf_err hf_opinions_new(struct hf_node *node,
				    struct hf_opinions **out_opinions,
				    struct hf_why *why);

/* NULL is fine. */
void hf_opinions_free(struct hf_opinions *opinions);

/* Roles, the ring or what is held changed: everything counts anew.  NULL is
 * fine. */
void hf_opinions_changed(struct hf_opinions *opinions);

/* Opinions of this set came that were missing before: if it has any, it is read
 * once more.  NULL is fine. */
void hf_opinions_late(struct hf_opinions *opinions, uint32_t set);

/* Wait until size entries of a set of opinions are read and acted on, at most
 * timeout_ms.  DEADLINE. */
HF_MUST enum hf_err hf_opinions_wait(struct hf_opinions *opinions, uint32_t set,
				     uint64_t size, int timeout_ms);

/*
 * For the feed, which may have none (NULL).
 */

/* Another number whenever something was said. */
uint64_t hf_opinions_version(struct hf_opinions *opinions);

/* An entry with this digest is in the index now: if anything was said of the
 * digest, it is marked. */
void hf_opinions_meet_hash(struct hf_opinions *opinions, uint32_t set,
			   uint64_t entry, unsigned algorithm,
			   struct hf_span digest);

/* The entry is there and follows another, or something was said while it came:
 * it is marked, if ever anything was said at all. */
void hf_opinions_meet(struct hf_opinions *opinions, uint32_t set,
		      uint64_t entry);

/* Mark the entry by all that is known, soon: whether it hits too often changed,
 * for one. */
void hf_opinions_mark(struct hf_opinions *opinions, uint32_t set,
		      uint64_t entry);

/*
 * For people.
 */

/* What one organisation thinks of an entry. */
struct hf_opinions_row {
	const char *organisation;
	const char *origin; /* where it was said */
	uint32_t set;       /* likewise */
	uint64_t index;     /* likewise */
	uint64_t said_ms;
	uint64_t until_ms;
	enum hf_opinion_kind kind;
	enum hf_opinion_reason reason;
	bool is_by_hash;
	bool counts;
	const char *why_not; /* "" when it counts */
};

/* Call for each, those that count first; texts live until it returns. */
HF_MUST enum hf_err
hf_opinions_each(struct hf_opinions *opinions, struct hf_ledger_view *view,
		 uint32_t set, uint64_t entry,
		 void (*each)(void *arg, const struct hf_opinions_row *row),
		 void *arg, struct hf_why *why);

/* Overrides in force, each once. */
void hf_opinions_overrides(struct hf_opinions *opinions,
			   void (*each)(void *arg, const char *subject,
					uint64_t until_ms),
			   void *arg);

#endif /* HF_OPINIONS_H */
