/*
 * lookup_batch.h -- the digests of many items as one request, and the answer
 * sorted back to them.
 *
 * Units    items count from 0 within a batch.
 * Owns     a batch owns its memory between init and release; a request
 *          borrows from it until the next change.
 * Threads  one at a time.
 * Errors   LIMIT when the protocol allows no more in one request; NOMEM.
 * Source   proto/hashfed/v1/match.proto, DigestBatch.
 */
#ifndef HF_LOOKUP_BATCH_H
#define HF_LOOKUP_BATCH_H

#include <stdbool.h>

#include "buf.h"
#include "codec_match.h"
#include "kind.h"
#include "media.h"
#include "show_json.h"

struct hf_lookup_part {
	struct hf_buf digests;
	struct hf_buf qualities;
	struct hf_buf items;  /* uint32_t each */
	struct hf_buf frames; /* likewise, of VPDQ */
	size_t count;
};

struct hf_lookup_batch {
	struct hf_lookup_part parts[HF_ALGORITHM_COUNT];
	struct hf_digest_batch rows[HF_ALGORITHM_COUNT];
	struct hf_wire_match_request request;
	size_t digests_count;
	char **names; /* owned, as its texts; by item, NULL for none */
	size_t names_count;
	bool is_question, forgets_names; /* the request says so */
};

void hf_lookup_batch_init(struct hf_lookup_batch *batch);
void hf_lookup_batch_reset(struct hf_lookup_batch *batch);
void hf_lookup_batch_release(struct hf_lookup_batch *batch);

/* What one file may need. */
#define HF_LOOKUP_FILE_MAX (8 + HF_VPDQ_MAX_FRAMES)

/* quality: 0 to 100, or HF_QUALITY_MAX where there is none.  A list of frames
 * is one digest, and counts for as many as it has. */
HF_MUST enum hf_err hf_lookup_batch_add(struct hf_lookup_batch *batch,
					uint32_t item, unsigned algorithm,
					struct hf_span digest, unsigned quality,
					struct hf_why *why);

/* All the hashes of a file. */
HF_MUST enum hf_err
hf_lookup_batch_add_file(struct hf_lookup_batch *batch, uint32_t item,
			 const struct hf_media_result *result,
			 struct hf_why *why);

/* What the item is called, made fit for the protocol (the end of it, where it
 * is too long). */
HF_MUST enum hf_err hf_lookup_batch_call(struct hf_lookup_batch *batch,
					 uint32_t item, const char *text,
					 struct hf_why *why);

/* The same of a file: a path as the daemon's machine would find it, made
 * fit likewise. */
HF_MUST enum hf_err hf_lookup_batch_name(struct hf_lookup_batch *batch,
					 uint32_t item, const char *path,
					 struct hf_why *why);

HF_MUST enum hf_err
hf_lookup_batch_request(struct hf_lookup_batch *batch,
			const struct hf_wire_match_request **out_request,
			struct hf_why *why);

/* ---- answers ---- */

/* The hits of one item: answers have them together.  *at moves along. */
size_t hf_lookup_hits(const struct hf_wire_match_response *answer,
		      uint32_t item, size_t *at,
		      const struct hf_wire_match_hit **out_hits);

/* The most severe verdict of some hits; 0 when there are none. */
unsigned hf_lookup_verdict(const struct hf_wire_match_hit *hits, size_t count);

/* One line for each entry that was hit, for the hit of it that counts most:
 * "verdict algorithm distance origin index class labels freshness rule
 * subject", tabs between; the subject is escaped. */
void hf_lookup_print(const struct hf_wire_match_hit *hits, size_t count,
		     const char *subject);

/* The hits as a JSON array. */
json_t *hf_lookup_json(const struct hf_wire_match_hit *hits, size_t count);

#endif /* HF_LOOKUP_BATCH_H */
