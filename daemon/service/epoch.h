/*
 * epoch.h -- the next epoch of a set of our own: opened by an operator, and
 * filled with what counts of the one before.
 *
 * What is carried over is an errand that gives way to others after a few
 * pieces, and is taken up again after a restart.  When all is there, the
 * agreement says so, and members change over.
 *
 * Units    entries by their index.
 * Owns     hf_epochs_new() gives the caller epochs, hf_epochs_free() takes them
 *          back.
 * Threads  open: the errand thread.  The rest: any.
 * Errors   EXISTS for an epoch that is succeeded already, BUSY while it is
 *          itself being carried over, CONFLICT where the signer signed more
 *          than is here; ARGUMENT, NOTFOUND; of signer, ring and ledger.
 * Source   proto/SPEC.md section 7.6.
 */
#ifndef HF_EPOCH_H
#define HF_EPOCH_H

#include <stdbool.h>

#include "arena.h"
#include "codec_admin.h"
#include "err.h"

struct hf_epochs;
struct hf_ledger_info;
struct hf_node;
struct hf_recalls;

HF_MUST enum hf_err hf_epochs_new(struct hf_node *node,
				  struct hf_epochs **out_epochs,
				  struct hf_why *why);

/* Let go of the errand thread after the piece at hand.  NULL is fine. */
void hf_epochs_halt(struct hf_epochs *epochs);

/* After the errands.  NULL is fine. */
void hf_epochs_free(struct hf_epochs *epochs);

/* Go on with what is not carried over yet, if there is anything.  NULL is
 * fine. */
void hf_epochs_resume(struct hf_epochs *epochs);

/* Is this set of ours frozen because it goes on in another, and not because of
 * anything that is wrong with it? */
bool hf_epoch_is_closed(const struct hf_ledger_info *info);

/* FROZEN for a set of ours that goes on in another: members look for nothing
 * more in it, closed or not. */
HF_MUST enum hf_err hf_epoch_check_latest(struct hf_node *node,
					  const char *origin,
					  struct hf_why *why);

/* Is there something that could not go on, and may now?  NULL is fine. */
bool hf_epochs_are_waiting(const struct hf_epochs *epochs);

/* What came back from peers of what was carried over.  On the errand thread. */
struct hf_recalls *hf_epochs_recalls(struct hf_epochs *epochs);

/* Strings of the answer are in the arena. */
HF_MUST enum hf_err hf_epoch_open(struct hf_node *node,
				  const struct hf_next_epoch_request *request,
				  struct hf_arena *arena,
				  struct hf_next_epoch_response *out_response,
				  struct hf_why *why);

#endif /* HF_EPOCH_H */
