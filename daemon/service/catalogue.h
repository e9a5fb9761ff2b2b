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
struct hf_ring_set;

/* The last word about one set, or one organisation. */
struct hf_catalogue_row {
	uint32_t set; /* the ledger's number of the epoch that says it */
	uint32_t epoch;
	uint64_t index;
	uint8_t about[HF_SHA256_BYTES]; /* of origin or domain */
	bool is_ended;
};

struct hf_catalogue {
	struct hf_catalogue_row *rows; /* owned */
	size_t count;
	size_t size;
	uint32_t set, epoch; /* of what is added now */
};

/* The entry said this; of two about the same, the later one counts. */
HF_MUST enum hf_err hf_catalogue_add(struct hf_catalogue *catalogue,
				     uint64_t index,
				     const struct hf_listing *listing,
				     struct hf_why *why);

/* All was said: rows are what stands, by epoch and index. */
void hf_catalogue_settle(struct hf_catalogue *catalogue);

void hf_catalogue_release(struct hf_catalogue *catalogue);

/* Is it a catalogue of ours, or one that is followed and given to us? */
bool hf_catalogue_is_read(const struct hf_ring *ring,
			  const struct hf_ring_set *set);

/* What stands in the catalogue of which this is an epoch: of all that is read
 * of it, and of each the first HF_CATALOGUE_ENTRIES_MAX entries but those that
 * are void. */
HF_MUST enum hf_err hf_catalogue_read(struct hf_ledger_view *view,
				      const struct hf_ring *ring,
				      const char *origin,
				      struct hf_catalogue *catalogue,
				      struct hf_why *why);

/* What stands about the same as the listing, until the catalogue is released;
 * NULL where nothing does. */
const struct hf_catalogue_row *
hf_catalogue_find(const struct hf_catalogue *catalogue,
		  const struct hf_listing *listing);

/* Is it followed or enrolled already?  out_problem says why it cannot be what
 * it says, or cannot be taken yet; empty when it can. */
bool hf_catalogue_judge(const struct hf_ring *ring,
			const struct hf_listing *listing,
			struct hf_why *out_problem);

#endif /* HF_CATALOGUE_H */
