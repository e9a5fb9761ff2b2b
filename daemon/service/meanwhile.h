/*
 * meanwhile.h -- while the store is brought to a newer format: lookups go on
 * with the index as the last daemon left it, everything else waits.
 *
 * It is the state that lookups in place go on with: what was retracted,
 * withheld or demoted then is so here.  It stays as it is until the feed has
 * caught up, and lookups change over to the node's own index; nobody can take
 * anything back before.
 *
 * Units    counts as in struct hf_store_move.
 * Owns     hf_meanwhile_new() gives the caller a meanwhile, hf_meanwhile_free()
 *          takes it back once no call runs.  The node is borrowed; a NULL
 *          meanwhile is that of a node whose store needed nothing.
 * Threads  main tells and ends; the rest from any.
 * Errors   an index that cannot be read is no error here: lookups are
 *          UNAVAILABLE then, and the sentence says why.
 * Source   daemon/DESIGN.md, "A newer format".
 */
#ifndef HF_MEANWHILE_H
#define HF_MEANWHILE_H

#include <stdbool.h>

#include "codec_admin.h"
#include "err.h"
#include "limit.h"
#include "match_judge.h"
#include "match_sets.h"

struct hf_index;
struct hf_meanwhile;
struct hf_node;
struct hf_store_move;

/* Before the node opens its index to write. */
HF_MUST enum hf_err hf_meanwhile_new(struct hf_node *node,
				     struct hf_meanwhile **out_meanwhile,
				     struct hf_why *why);

/* NULL is fine. */
void hf_meanwhile_free(struct hf_meanwhile *meanwhile);

/* How far it is; NULL: the steps are done, and what is stored is read. */
void hf_meanwhile_tell(struct hf_meanwhile *meanwhile,
		       const struct hf_store_move *move);

/* Do lookups go on? */
bool hf_meanwhile_answers(const struct hf_meanwhile *meanwhile);

/* The node's own index finds what it should: from now on lookups use that.
 * Waits for those that do not. */
void hf_meanwhile_change_over(struct hf_meanwhile *meanwhile);

/* Everything is open. */
void hf_meanwhile_end(struct hf_meanwhile *meanwhile);

/* Is it still going on, so that nothing of the store may be used? */
bool hf_meanwhile_is_on(const struct hf_meanwhile *meanwhile);

/* For a lookup, whose hf_meanwhile_leave() follows when it is true: look up
 * here.  UNAVAILABLE when lookups have to wait. */
bool hf_meanwhile_enter(struct hf_meanwhile *meanwhile,
			struct hf_index **out_index, enum hf_err *out_err,
			struct hf_why *why);
void hf_meanwhile_leave(struct hf_meanwhile *meanwhile);

/* What is known of a set of it: what was, and what the ring says now. */
bool hf_meanwhile_know(struct hf_meanwhile *meanwhile,
		       const struct hf_match_sets *sets, uint32_t set,
		       uint64_t now_ms, struct hf_judge_set *out_set);

/* All of it for GetStatus, whose sentence is text. */
void hf_meanwhile_say(struct hf_meanwhile *meanwhile,
		      char text[static HF_SENTENCE_MAX_BYTES],
		      struct hf_wire_migration *out);

/* UNAVAILABLE, with that sentence. */
HF_MUST enum hf_err hf_meanwhile_refuse(struct hf_meanwhile *meanwhile,
					struct hf_why *why);

#endif /* HF_MEANWHILE_H */
