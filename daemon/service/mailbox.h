/*
 * mailbox.h -- sets that are taken without anybody asking for them: of cases
 * that are written for us, as a notice has to arrive before somebody knows of
 * it; and the next epoch of a set that we follow.
 *
 * Only what an enrolled peer signs, and of cases only what is for us by name,
 * or for us to pass on where that is configured, and only few from each.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  any; waits for a small file.
 * Errors   what is not taken is passed over; what cannot be kept is logged.
 * Source   proto/SPEC.md sections 7.6 and 12.1.
 */
#ifndef HF_MAILBOX_H
#define HF_MAILBOX_H

#include <stdbool.h>

#include "span.h"

struct hf_node;

/* A publisher begins another set when an epoch ends: so many are taken. */
#define HF_MAILBOX_SETS_MAX 4

/* Epochs of a set that are followed at a time, from which on a person takes the
 * next one: each takes one of the sets that a ledger has room for. */
#define HF_MAILBOX_EPOCHS_MAX 16

/* True when the set was taken now: the ring has to be read again. */
bool hf_mailbox_take(struct hf_node *node, const char *origin,
		     struct hf_span agreement);

#endif /* HF_MAILBOX_H */
