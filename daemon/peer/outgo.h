/*
 * outgo.h -- entries of a set as chunk messages: what GetChunks answers and
 * what Offer sends.
 *
 * Units    positions count entries.
 * Owns     hf_outgo_begin() fills in the caller's struct, hf_outgo_end()
 *          frees what it grew.  A message borrows from it until the next.
 * Threads  one at a time.
 * Errors   of the ledger.
 * Source   proto/SPEC.md section 5.6.  256 KiB messages stream fastest.
 */
#ifndef HF_OUTGO_H
#define HF_OUTGO_H

#include "codec_federation.h"
#include "ledger_view.h"

/* Payloads of one message, before the last one that is added. */
#define HF_OUTGO_PAYLOAD_BYTES ((size_t)256 * 1024)

struct hf_outgo {
	uint64_t size;         /* of the tree that proofs are made for */
	uint64_t next;         /* the entry that is sent next */
	uint64_t end;          /* one past the last */
	uint64_t with_headers; /* first entry whose header was not yet sent */
	bool is_headers_only;
	struct hf_buf openings;
	struct hf_buf payloads;
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct hf_tree_proof proof;
	uint32_t lengths[HF_CHUNK_ENTRIES];
	uint64_t erased[HF_CHUNK_ENTRIES];
};

void hf_outgo_begin(struct hf_outgo *outgo, uint64_t size, uint64_t first,
		    uint64_t end);
void hf_outgo_end(struct hf_outgo *outgo);

static inline bool hf_outgo_is_over(const struct hf_outgo *outgo)
{
	return outgo->next >= outgo->end;
}

/* The next message; not when it is over. */
HF_MUST enum hf_err hf_outgo_next(struct hf_outgo *outgo,
				  struct hf_ledger_view *view, uint32_t set,
				  struct hf_get_chunks_response *out_message,
				  struct hf_why *why);

#endif /* HF_OUTGO_H */
