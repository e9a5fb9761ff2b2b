/*
 * catalogue.h -- what stands in a hub's catalogue, and what we think of it.
 *
 * A listing proposes; it decides nothing.  Nothing here is kept: a catalogue
 * is folded when somebody asks, so what is listed, or listed no longer, can
 * change nothing of what is followed or enrolled.
 *
 * Units    positions count entries.
 * Owns     a zeroed catalogue is empty; hf_catalogue_release() gives back what
 *          it grew to.
 * Threads  one at a time.  hf_catalogue_read() reads all of a set: not on the
 *          worker.
 * Errors   NOMEM; of the ledger.  A listing that breaks the rules says nothing.
 * Source   proto/SPEC.md section 8.7.
 */
#ifndef HF_CATALOGUE_H
#define HF_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_hub.h"
#include "sha256.h"

struct hf_ledger_view;
struct hf_ring;

/* The last word about one set, or one organisation. */
struct hf_catalogue_row {
	uint64_t index;
	uint8_t about[HF_SHA256_BYTES]; /* of origin or domain */
	bool is_ended;
};

struct hf_catalogue {
	struct hf_catalogue_row *rows; /* owned */
	size_t count;
	size_t size;
};

/* The entry said this; of two about the same, the later one counts. */
HF_MUST enum hf_err hf_catalogue_add(struct hf_catalogue *catalogue,
				     uint64_t index,
				     const struct hf_listing *listing,
				     struct hf_why *why);

/* All was said: rows are what stands, by index. */
void hf_catalogue_settle(struct hf_catalogue *catalogue);

void hf_catalogue_release(struct hf_catalogue *catalogue);

/* What stands in the first HF_CATALOGUE_ENTRIES_MAX entries of a set, of which
 * those from void_from on say nothing. */
HF_MUST enum hf_err hf_catalogue_read(struct hf_ledger_view *view, uint32_t set,
				      uint64_t void_from,
				      struct hf_catalogue *catalogue,
				      struct hf_why *why);

/* The entry of what stands about the same as the listing.  NOTFOUND. */
HF_MUST enum hf_err hf_catalogue_find(const struct hf_catalogue *catalogue,
				      const struct hf_listing *listing,
				      uint64_t *out_index);

/* Is it followed or enrolled already?  out_problem says why it cannot be what
 * it says, or cannot be taken yet; empty when it can. */
bool hf_catalogue_judge(const struct hf_ring *ring,
			const struct hf_listing *listing,
			struct hf_why *out_problem);

#endif /* HF_CATALOGUE_H */
