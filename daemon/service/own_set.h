/*
 * own_set.h -- opening and sharing sets of our own: agreements by the signer,
 * kept in the ring; and single entries in them.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  the errand thread, or main: these wait for signer and disk, where
 *          nothing else is said.
 * Errors   ARGUMENT, EXISTS, NOTFOUND; of signer and ring.
 * Source   proto/SPEC.md section 7.
 */
#ifndef HF_OWN_SET_H
#define HF_OWN_SET_H

#include "codec_admin.h"
#include "err.h"
#include "ledger.h"

struct hf_agreement; /* proto/codec */
struct hf_node;

/* Sign the first agreement of a set and make it; out_origin has room for
 * HF_ORIGIN_MAX_BYTES and a zero byte. */
HF_MUST enum hf_err hf_own_set_open(struct hf_node *node,
				    const struct hf_open_set_request *request,
				    char *out_origin, struct hf_why *why);

/* A set that the daemon itself writes: of cases or of claims, with its audience
 * from the beginning.  name is NULL for a random one, which tells a stranger
 * nothing.  EXISTS. */
HF_MUST enum hf_err
hf_own_set_open_kind(struct hf_node *node, enum hf_set_kind kind,
		     const char *name, const struct hf_span *audience_ids,
		     size_t audience_count, const struct hf_span *relay_ids,
		     size_t relays_count, const char *purpose, char *out_origin,
		     struct hf_why *why);

/* Our set of this kind and name; where there is none and it may be, opened
 * without members.  NOTFOUND; CONFLICT: the name is that of another kind. */
HF_MUST enum hf_err hf_own_set_need(struct hf_node *node, enum hf_set_kind kind,
				    const char *name, const char *purpose,
				    bool may_open, char *out_origin,
				    uint32_t *out_set, struct hf_why *why);
/* The audit's, which nobody but the daemon writes and nobody is given. */
#define HF_OWN_SET_AUDIT "audit"
HF_MUST enum hf_err hf_own_set_open_audit(struct hf_node *node, unsigned epoch,
					  char *out_origin, struct hf_why *why);

/* Sign the next agreement, with the peer in it or out of it. */
HF_MUST enum hf_err hf_own_set_share(struct hf_node *node,
				     const struct hf_share_set_request *request,
				     char *out_origin, uint64_t *out_version,
				     struct hf_why *why);

/* Have an agreement of ours signed and kept, and everyone told of it. */
HF_MUST enum hf_err hf_own_set_put(struct hf_node *node,
				   const struct hf_agreement *agreement,
				   struct hf_why *why);

/* When an agreement that is made now ends. */
uint64_t hf_own_set_expiry_ms(void);

/* One entry more, signed and durable.  BLOCKS. */
HF_MUST enum hf_err hf_own_set_say(struct hf_node *node, uint32_t set,
				   const struct hf_ledger_draft *draft,
				   struct hf_ledger_receipt *out_receipt,
				   struct hf_why *why);

/* The same with what goes along with it; NULL: nothing. */
HF_MUST enum hf_err hf_own_set_say_along(struct hf_node *node, uint32_t set,
					 const struct hf_ledger_draft *draft,
					 const struct hf_ledger_along *along,
					 struct hf_ledger_receipt *out_receipt,
					 struct hf_why *why);

/* The same for a statement: a STATUS entry about itself. */
HF_MUST enum hf_err hf_own_set_state(struct hf_node *node, uint32_t set,
				     uint64_t time_ms, struct hf_span payload,
				     struct hf_ledger_receipt *out_receipt,
				     struct hf_why *why);

/* The ledger has every set of ours that the ring has an agreement for. */
HF_MUST enum hf_err hf_own_sets_create(struct hf_node *node,
				       struct hf_why *why);

/* Whoever publishes nothing shows with a new signature that there was nothing.
 * Queue one for each of our sets that is due (sign-again-after); waits for
 * nothing.  Needs the feed, which knows how old checkpoints are. */
void hf_own_sets_refresh(struct hf_node *node);

#endif /* HF_OWN_SET_H */
