/*
 * own_back.h -- agreements of ours that a peer holds and we lost.
 *
 * A ring that was put back from a backup knows neither with whom a set was
 * shared since, nor that it goes on in another epoch.  What we signed is ours,
 * whoever kept it: a newer version is taken back.  Of a set that is not known
 * here the signer learns first how far it was signed, so that nothing begins
 * anew what others hold.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  any; the work is done on the errands' thread.
 * Errors   are logged: nobody waits for them.
 * Source   proto/SPEC.md section 6.6; hashfedd(8), BACKUP.
 */
#ifndef HF_OWN_BACK_H
#define HF_OWN_BACK_H

#include "span.h"

struct hf_node;

/* What a peer answered about a set of ours: the agreement, and the note of its
 * largest checkpoint or nothing. */
void hf_own_back(struct hf_node *node, const char *peer, const char *origin,
		 struct hf_span agreement, struct hf_span note);

#endif /* HF_OWN_BACK_H */
