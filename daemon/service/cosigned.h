/*
 * cosigned.h -- cosignatures: those of others under checkpoints of our own
 * sets, gathered, and our own as a witness, asked of the signer.
 *
 * What is gathered is in memory alone: witnesses keep what they cosigned and
 * tell it again in every session.
 *
 * Units    none.
 * Owns     hf_cosigned_new() gives the caller a table; hf_cosigned_free() takes
 *          it back.
 * Threads  any.
 * Errors   what cannot be kept is not: it is told again.
 * Source   proto/SPEC.md section 6.8; hashfedd.conf(5), WITNESSES.
 */
#ifndef HF_COSIGNED_H
#define HF_COSIGNED_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "note.h"
#include "span.h"

struct hf_cosign;
struct hf_cosigned;
struct hf_ledger_view;
struct hf_node;
struct hf_peers_options;

HF_MUST enum hf_err hf_cosigned_new(struct hf_node *node,
				    struct hf_cosigned **out_cosigned,
				    struct hf_why *why);

/* NULL is fine. */
void hf_cosigned_free(struct hf_cosigned *cosigned);

/* A verified note of any set, that a peer told of.  After a start of the
 * signer it is also a report of what we cosigned, when the peer is one of
 * those that are to make one; an empty one says that it holds nothing. */
void hf_cosigned_told(struct hf_cosigned *cosigned, const char *peer,
		      const char *origin, struct hf_span note);

/* Of a set of ours, for those who may know of it: the note with every
 * cosignature that there is, and, where enough witnesses have cosigned an
 * earlier one only, that.  Both are appended; other may be NULL.  False: there
 * is nothing to add to the note. */
bool hf_cosigned_get(struct hf_cosigned *cosigned, const char *origin,
		     struct hf_span note, struct hf_buf *out_note,
		     struct hf_buf *out_other);

/* As a witness: has the signer cosign on the errands' thread. */
void hf_cosigned_ask(struct hf_cosigned *cosigned, struct hf_cosign *cosign);

/* The signer does not wait any more before it cosigns this set. */
void hf_cosigned_vouched(struct hf_cosigned *cosigned, const char *origin);

/* The key that our signer cosigns with; NULL until it was reached. */
const struct hf_note_key *hf_cosigned_key(const struct hf_cosigned *cosigned);

/* What daemon/peer asks about witnesses; its `arg` is the node. */
void hf_cosigned_options(struct hf_peers_options *options);

/* At the start: a signer that lost its record is shown what it has cosigned. */
void hf_cosigned_remind(struct hf_cosigned *cosigned);

/* Reach it: waits for the signer. */
void hf_cosigned_learn_key(struct hf_cosigned *cosigned);

#endif /* HF_COSIGNED_H */
