/*
 * fill_in.h -- what the two files of asking for missing payloads share: a set
 * of which some are, and the look that is under way for it.
 *
 * fill.c knows which sets, and whose turn it is; fill_look.c asks.
 *
 * Units    positions count entries.
 * Owns     peers own sets; a set its sources.
 * Threads  the outbound loop.
 * Errors   end a look: the source waits, or is blamed.
 * Source   daemon/DESIGN.md, "What is withheld".
 */
#ifndef HF_FILL_IN_H
#define HF_FILL_IN_H

#include "fill_source.h"
#include "peers_in.h"

struct hf_fill {
	struct hf_fill *next;
	struct hf_peers *peers; /* borrowed */
	uint32_t set;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_fill_source *sources; /* owned */
	bool is_going;                  /* nobody wants it any more */
	/* The look that is under way. */
	struct hf_link *link; /* borrowed; NULL: idle */
	struct hf_fill_source *source;
	uint64_t size; /* of the tree that it is asked in */
	struct hf_fill_result result;
	size_t asked;
	size_t bytes;
	/* Its call: entries wanted of one chunk, ascending, and the next one.
	 */
	uint64_t wanted[HF_CHUNK_ENTRIES];
	size_t wanted_count;
	size_t wanted_at;
	uint64_t coming;           /* the entry that has to come next */
	struct hf_rpc_call *call;  /* a reference, while it runs */
	struct hf_rpc_timer stall; /* armed while a message is awaited */
	struct hf_arena arena;     /* of the message at hand */
	unsigned jobs;             /* at the ledger */
	enum hf_err err;
	struct hf_why why;
};

/* Is one missing in [from, end)?  The first. */
bool hf_fill_is_missing(struct hf_ledger_view *view, uint32_t set,
			uint64_t from, uint64_t end, uint64_t *out_index);

/* Ask the link, which is filling nothing, for what is missing from
 * begin->reached to begin->end, in the tree of this size.  Ends in
 * hf_fills_look(), or where nobody wants the set any more in
 * hf_fill_free_when_over(). */
void hf_fill_look(struct hf_fill *fill, struct hf_link *link,
		  struct hf_fill_source *source, uint64_t size,
		  const struct hf_fill_result *begin);

/* It sends nothing any more; arg is the set. */
void hf_fill_stalled(void *arg);

void hf_fill_free_when_over(struct hf_fill *fill);

#endif /* HF_FILL_IN_H */
