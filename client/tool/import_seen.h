/*
 * import_seen.h -- which rows of a list are the first with their hash.
 *
 * It remembers where a hash stands in the list, not the hash: 12 to 24 bytes
 * a row, so that lists of millions fit.
 *
 * Units    counts of rows.
 * Owns     init takes nothing; add allocates; hf_import_seen_release() frees.
 *          The list has to stay as long.
 * Threads  one at a time.
 * Errors   NOMEM.
 * Source   none.
 */
#ifndef HF_IMPORT_SEEN_H
#define HF_IMPORT_SEEN_H

#include "import_list.h"

struct hf_import_seen {
	const struct hf_import_list *list; /* borrowed */
	struct hf_arena arena;             /* for rows that are read again */
	uint8_t salt[16];   /* so that nobody can choose who collides */
	uint64_t *slots;    /* owned; 0: free, else place + 1 and a tag */
	size_t slots_count; /* a power of two */
	size_t count;
};

void hf_import_seen_init(struct hf_import_seen *seen,
			 const struct hf_import_list *list);
void hf_import_seen_release(struct hf_import_seen *seen);

/* Remember the row unless one with its hash is there. */
HF_MUST enum hf_err hf_import_seen_add(struct hf_import_seen *seen,
				       const struct hf_import_row *row,
				       bool *out_is_first, struct hf_why *why);

/* Was this very row the first with its hash?  Rows that were never added are
 * not. */
bool hf_import_seen_is_first(struct hf_import_seen *seen,
			     const struct hf_import_row *row);

#endif /* HF_IMPORT_SEEN_H */
