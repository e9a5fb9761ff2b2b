/*
 * retro.h -- items that were looked up lately, checked against the entries that
 * came after: what an upload was before its hash was known becomes a case when
 * it is.
 *
 * One thread follows the match index from a position of its own in each set;
 * what may match a new entry is looked up as if it were asked again, and what
 * matters is reported as a scan would.  It is off unless the operator wants it
 * (retro-match in hashfedd.conf(5)).
 *
 * Units    _ms; sizes in bytes.
 * Owns     hf_retro_start() gives the caller a retro, hf_retro_free() takes it
 *          back.  The node is borrowed.
 * Threads  one of its own; hf_retro_keep() from whoever looks up, and quick;
 *          hf_retro_strip() and hf_retro_compact() from one that may wait.
 * Errors   what cannot be done is logged once and tried again; what cannot be
 *          kept is let go, and said.
 * Source   daemon/DESIGN.md, "Found later"; proto/SPEC.md section 8.4.
 */
#ifndef HF_RETRO_H
#define HF_RETRO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "codec_match.h"
#include "err.h"
#include "retro_gone.h"
#include "size.h"

struct hf_node;
struct hf_retro;

/* Needs node's ledger, feed, index, policy and cases.  Where it is off, what
 * an earlier run kept is erased, and *out_retro is NULL. */
HF_MUST enum hf_err hf_retro_start(struct hf_node *node,
				   struct hf_retro **out_retro,
				   struct hf_why *why);

/* Before a lookup, and what hf_retro_keep() wants to be told.  NULL is fine. */
uint64_t hf_retro_begin(struct hf_retro *retro);

/* After the lookup: remember its items, but those that are blocked, which
 * nobody keeps.  False when entries that the lookup may not have seen were
 * checked meanwhile: look it up again.  NULL is fine. */
HF_MUST bool hf_retro_keep(struct hf_retro *retro, uint64_t began,
			   const struct hf_wire_match_request *request,
			   const struct hf_wire_match_response *response);

/* From now on no check begins, so that what is looked up can be kept, until
 * hf_retro_let_go(): for one lookup.  False when a check waits already for
 * others who hold it: there is nothing to let go then.  NULL is held. */
HF_MUST bool hf_retro_hold(struct hf_retro *retro);

void hf_retro_let_go(struct hf_retro *retro);

/* Take digests out of all that is remembered, and items that have no others;
 * *out_items is how many had one.  What is looked up from now on may bring them
 * back.  As hf_retro_store_strip(); nothing for NULL. */
HF_MUST enum hf_err hf_retro_strip(struct hf_retro *retro,
				   const struct hf_retro_gone *gone,
				   const atomic_bool *is_over,
				   uint64_t *out_items, struct hf_why *why);

/* What is remembered no more is in no file when this returns.  As
 * hf_store_compact(); nothing for NULL. */
HF_MUST enum hf_err hf_retro_compact(struct hf_retro *retro,
				     const atomic_bool *is_over,
				     struct hf_why *why);

/* What it keeps on the disk.  From any thread; nothing for NULL. */
HF_MUST enum hf_err hf_retro_sizes(struct hf_retro *retro, hf_size_each *each,
				   void *arg, struct hf_why *why);

/* Check no more; what is looked up is still kept.  NULL is fine. */
void hf_retro_halt(struct hf_retro *retro);

/* When nobody looks up any more.  NULL is fine. */
void hf_retro_free(struct hf_retro *retro);

#endif /* HF_RETRO_H */
