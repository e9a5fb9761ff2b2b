/*
 * waiting.h -- retractions that act here and could not be written: the disk is
 * full, or the signer away.
 *
 * Their entries are withheld from matching for as long as the daemon runs.  One
 * with an intent is on the disk and goes on after a restart; of the others
 * nothing is left then, and the entries match again.
 *
 * Units    counts of entries.
 * Owns     hf_waiting_new() gives the caller a list, hf_waiting_free() takes it
 *          back, with every row in it.
 * Threads  one keeps, goes through them and drops; any counts.
 * Errors   NOMEM; LIMIT past HF_WAITING_MAX.
 * Source   daemon/DESIGN.md, Full disk.
 */
#ifndef HF_WAITING_H
#define HF_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct hf_waiting;

/* What a caller is told before why it was not written. */
#define HF_WAITING_KEPT                                                        \
	"it acts on this node, is kept, and is written and told to members "   \
	"as soon as that can be: "
#define HF_WAITING_IN_MEMORY                                                   \
	"it acts on this node in memory alone, is written as soon as that "    \
	"can be, and must be said again if the daemon ends before: "

/* Requests; how many entries they mean is bounded by what the index can
 * withhold. */
#define HF_WAITING_MAX 1024

struct hf_waiting_target {
	uint32_t set;
	uint64_t entry;
};

struct hf_waiting_row {
	struct hf_waiting_row *next;
	struct hf_waiting_target *targets; /* owned; sorted */
	size_t count;
	char *intent;    /* owned: a path; "" when it is nowhere but here */
	enum hf_err err; /* that it was not written, when last tried */
	struct hf_why why;
	size_t wire_len_bytes;
	uint8_t wire[]; /* the request */
};

HF_MUST enum hf_err hf_waiting_new(struct hf_waiting **out_waiting,
				   struct hf_why *why);

/* NULL is fine. */
void hf_waiting_free(struct hf_waiting *waiting);

/* A row of a request, with copies of everything. */
HF_MUST enum hf_err hf_waiting_row_new(struct hf_span wire,
				       const struct hf_waiting_target *targets,
				       size_t count, const char *intent,
				       struct hf_waiting_row **out_row,
				       struct hf_why *why);
void hf_waiting_row_free(struct hf_waiting_row *row);

/* Behind the others.  After a failure it is still the caller's. */
HF_MUST enum hf_err hf_waiting_keep(struct hf_waiting *waiting,
				    struct hf_waiting_row *row,
				    struct hf_why *why);

/* The first, or the one behind row; NULL when there is none. */
const struct hf_waiting_row *hf_waiting_next(struct hf_waiting *waiting,
					     const struct hf_waiting_row *row);

/* It was tried again, and still not written. */
void hf_waiting_tried(struct hf_waiting *waiting,
		      const struct hf_waiting_row *row, enum hf_err err,
		      const struct hf_why *why);

void hf_waiting_drop(struct hf_waiting *waiting,
		     const struct hf_waiting_row *row);

/* Of a request that waits, what its caller was told; HF_OK: it does not. */
enum hf_err hf_waiting_find(struct hf_waiting *waiting, struct hf_span wire,
			    struct hf_why *out_why);

/* Is this intent taken care of here? */
bool hf_waiting_has_intent(struct hf_waiting *waiting, const char *path);

struct hf_waiting_count {
	size_t entries;
	size_t in_memory;  /* of these, in no intent */
	struct hf_why why; /* of the first */
};

void hf_waiting_count(struct hf_waiting *waiting,
		      struct hf_waiting_count *out_count);

#endif /* HF_WAITING_H */
