/*
 * vouch.h -- what peers hold of our own sets, and of what we cosigned, told to
 * a signer that waits for it after its start.
 *
 * The peers of checkpoint-peers are asked; what each holds is reported to the
 * signer.  Once all that can be reached have answered it signs the set again,
 * or refuses to go on from an old copy until it has the rest.  When one of them
 * holds more of an own set than we do, those that are away are waited for as
 * well.  A set that none of them holds, or that none may have, is vouched for
 * without a report.  So is it with sets of others that we cosign.
 *
 * Units    none.
 * Owns     hf_vouching_new() gives the caller a vouching; hf_vouching_free()
 *          takes it back, after hf_vouching_stop().
 * Threads  any; the signer is asked on the errands' thread.
 * Errors   are logged: nobody waits for them.
 * Source   keys/agent/DESIGN.md, section 3; hashfedd.conf(5).
 */
#ifndef HF_VOUCH_H
#define HF_VOUCH_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct hf_node;
struct hf_vouching;

HF_MUST enum hf_err hf_vouching_new(struct hf_node *node,
				    struct hf_vouching **out_vouching,
				    struct hf_why *why);
void hf_vouching_free(struct hf_vouching *vouching);

/* Errands and peers are there; and will soon be no more.  NULL is fine. */
void hf_vouching_start(struct hf_vouching *vouching);
void hf_vouching_stop(struct hf_vouching *vouching);

/* The signer waits: ask.  Not more than once a second. */
void hf_vouch_ask(struct hf_vouching *vouching);

/* This store is an old copy of a set: ask who holds more of it, more and more
 * seldom while it is. */
void hf_vouch_ask_seldom(struct hf_vouching *vouching);

/* Is this one of checkpoint-peers? */
bool hf_vouch_is_asked(const struct hf_vouching *vouching, const char *peer);

/* One that was not heard yet is not reached. */
void hf_vouch_away(struct hf_vouching *vouching);

/* The signer waits before it cosigns this set of others: hear all anew.  Ends
 * in hf_cosigned_vouched(). */
void hf_vouch_waits(struct hf_vouching *vouching, const char *origin);

/* What a peer said that it holds of a set of ours, or of one that the signer
 * waits to cosign; empty: nothing. */
void hf_vouch_told(struct hf_vouching *vouching, const char *peer,
		   const char *origin, struct hf_span note);

#endif /* HF_VOUCH_H */
