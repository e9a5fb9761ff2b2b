/*
 * forks.h -- publishers that signed two trees: the evidence, kept, and the set
 * frozen where we had applied it.
 *
 * Whatever tells of a contradiction ends here: our own ledger, a proof that
 * does not lead to our root, evidence that a peer passes on.  Only what a
 * third party can verify is evidence.  Nothing resolves it but an operator.
 *
 * One file for each set, in one directory: the evidence, and beside it, once
 * an operator went on, up to which size that was meant.
 *
 * Units    sizes count entries.
 * Owns     hf_forks_open() gives the caller forks, hf_forks_close() takes them
 *          back.  What the options name is borrowed and outlives them.
 * Threads  any; what says BLOCKS waits for the disk, never with a view open.
 * Errors   SIGNATURE, PROOF, MALFORMED, LIMIT: it is no evidence; NOTFOUND:
 *          about no set of ours; DENIED: by keys that our agreement does not
 *          name, from a peer to whom the publisher may have shown another;
 *          EXISTS: nothing new.
 * Source   proto/SPEC.md sections 6.5 and 6.7.
 */
#ifndef HF_FORKS_H
#define HF_FORKS_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "note.h"
#include "span.h"

struct hf_forks;
struct hf_ledger;
struct hf_ring;

struct hf_forks_options {
	const char *dir; /* made when there is something to keep; copied */
	struct hf_ledger *ledger;
	/* There is new evidence: tell peers.  On any thread; may be NULL. */
	void (*found)(void *arg);
	void *arg;
};

/* Freezes every set that there is evidence about: a crash may have come
 * between the two.  BLOCKS. */
HF_MUST enum hf_err hf_forks_open(const struct hf_forks_options *options,
				  struct hf_forks **out_forks,
				  struct hf_why *why);

/* NULL is fine. */
void hf_forks_close(struct hf_forks *forks);

/* Does this note, whose signatures were verified, contradict what we hold of
 * its set?  HF_OK: it does not, or that cannot be shown.
 * CONFLICT: it does; the evidence is kept, the set frozen.  BLOCKS then. */
HF_MUST enum hf_err hf_forks_judge(struct hf_forks *forks,
				   const struct hf_ring *ring, uint32_t set,
				   const struct hf_note *note,
				   struct hf_why *why);

/* The same for a larger note whose proof did not lead to the root that we have
 * seen: old_root is what its tree is said to have there. */
HF_MUST enum hf_err
hf_forks_judge_growth(struct hf_forks *forks, const struct hf_ring *ring,
		      uint32_t set, const struct hf_note *note,
		      const struct hf_tree_hash *old_root,
		      const struct hf_tree_proof *proof, struct hf_why *why);

/* Evidence that a peer hands us, who may know of the set it is about.  HF_OK:
 * it was true and new, the set is frozen.  EXISTS: we have some already, or an
 * operator has settled this.  BLOCKS. */
HF_MUST enum hf_err hf_forks_take(struct hf_forks *forks,
				  const struct hf_ring *ring,
				  const uint8_t peer[static HF_HASH_BYTES],
				  struct hf_span evidence, struct hf_why *why);

/* The evidence about a set, appended.  NOTFOUND. */
HF_MUST enum hf_err hf_forks_get(const struct hf_forks *forks,
				 const char *origin, struct hf_buf *out,
				 struct hf_why *why);
bool hf_forks_has(const struct hf_forks *forks, const char *origin);

/* An operator goes on with the branch held here.  Evidence of what other
 * branches had up to our size no longer counts; more of them does.  NOTFOUND
 * for a set that is not there, ARGUMENT for one that is not frozen.  BLOCKS. */
HF_MUST enum hf_err hf_forks_thaw(struct hf_forks *forks, const char *origin,
				  struct hf_why *why);

#endif /* HF_FORKS_H */
