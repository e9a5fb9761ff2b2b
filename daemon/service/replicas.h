/*
 * replicas.h -- how much of our own sets peers have stored, for publishers who
 * acknowledge only what is not in one place alone (min-replicas).
 *
 * A peer says it itself: by the checkpoint that it holds in full, when it is
 * asked, or by a receipt.  It is a claim, as any word about one's own disk.
 *
 * Units    sizes count entries.
 * Owns     hf_replicas_new() gives the caller replicas; hf_replicas_free()
 *          takes them back.
 * Threads  any.
 * Errors   NOMEM; what cannot be kept is asked for again.
 * Source   hashfedd.conf(5), min-replicas.
 */
#ifndef HF_REPLICAS_H
#define HF_REPLICAS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct hf_node;
struct hf_replicas;

HF_MUST enum hf_err hf_replicas_new(struct hf_node *node,
				    struct hf_replicas **out_replicas,
				    struct hf_why *why);
void hf_replicas_free(struct hf_replicas *replicas);

/* The note of what a peer holds of a set of ours; it counts where its tree is
 * ours. */
void hf_replicas_told(struct hf_replicas *replicas, const char *peer,
		      const char *origin, struct hf_span note);

/* How many peers that may have the set say that they have so much of it. */
size_t hf_replicas_count(struct hf_replicas *replicas, const char *origin,
			 uint64_t size);

#endif /* HF_REPLICAS_H */
