/*
 * retract_targets.h -- which entries of our own sets a request to retract
 * means: one, every one with a hash, or everything that a batch added.
 *
 * Units    counts of entries.
 * Owns     rows belong to the caller, who frees them, also after an error.
 * Threads  the errand thread, which may wait for the index in it.
 * Errors   NOTFOUND when nothing live is meant; ARGUMENT, UNAVAILABLE while
 *          our own sets are still read; of the ledger and the index.
 * Source   proto/hashfed/v1/publish.proto, Retract.
 */
#ifndef HF_RETRACT_TARGETS_H
#define HF_RETRACT_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "codec_publish.h"
#include "err.h"
#include "waiting.h"

struct hf_node;

/* The index follows what was acknowledged within milliseconds; what keeps it
 * for longer than this does not pass by itself. */
#define HF_RETRACT_INDEX_MS 30000

struct hf_retract_targets {
	struct hf_node *node;           /* borrowed */
	struct hf_waiting_target *rows; /* owned */
	size_t count;
	size_t size;
	bool has_failed; /* no memory for all of them */
	bool is_behind;  /* the index is: there may be more by this hash */
};

/* Everything that the request means, of the epochs that go on, each once and
 * by set and entry. */
HF_MUST enum hf_err
hf_retract_targets_gather(struct hf_retract_targets *targets,
			  const struct hf_retract_request *request,
			  struct hf_why *why);

#endif /* HF_RETRACT_TARGETS_H */
