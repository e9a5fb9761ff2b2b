/*
 * ledger_tree.h -- a set's table as the tree that proto/tlog asks for: hashes
 * of complete subtrees from level 8 up are stored, those below are made from
 * the headers.
 *
 * Units    as ledger.h.
 * Owns     a struct hf_ledger_tree borrows its transaction and tail.
 * Threads  that of the transaction.
 * Errors   CORRUPT when an entry or a hash that should be there is not.
 * Source   daemon/ledger/DESIGN.md, "The tree".
 */
#ifndef HF_LEDGER_TREE_H
#define HF_LEDGER_TREE_H

#include <stdbool.h>

#include "chunk.h"
#include "store.h"
#include "tree.h"

/* Leaf hashes of the beginning of one chunk. */
struct hf_ledger_leaves {
	uint64_t chunk;
	size_t count;
	struct hf_tree_hash hashes[HF_CHUNK_ENTRIES];
};

/*
 * The last two chunks of a set that grows, with every complete subtree in them:
 * a proof that the tree grew by a group of entries needs these, which else
 * would be read and hashed again for each signature.
 */
struct hf_ledger_tail {
	struct hf_ledger_tail_chunk {
		uint64_t chunk;
		size_t count; /* leaves that are here */
		/* Level 0 first, each level half as long as the one below. */
		struct hf_tree_hash nodes[2 * HF_CHUNK_ENTRIES - 2];
	} chunks[2]; /* the even one, the odd one */
};

/* A subtree below a chunk's became complete; leaves come in order, each before
 * what it completes. */
void hf_ledger_tail_put(struct hf_ledger_tail *tail, unsigned level,
			uint64_t index, const struct hf_tree_hash *hash);

/* Does it have all leaves of a tree of this size that are in no whole chunk? */
bool hf_ledger_tail_has(const struct hf_ledger_tail *tail, uint64_t size);

/* Take these for the first leaves of a chunk. */
void hf_ledger_tail_load(struct hf_ledger_tail *tail, uint64_t chunk,
			 const struct hf_tree_hash *leaves, size_t count);

/* What was put did not come to be. */
void hf_ledger_tail_drop(struct hf_ledger_tail *tail);

struct hf_ledger_tree {
	struct hf_store_txn *txn; /* borrowed */
	size_t table;
	const struct hf_ledger_tail *tail; /* borrowed, or NULL: a short cut */
	struct hf_ledger_leaves leaves;    /* of the chunk last asked for */
};

void hf_ledger_tree_init(struct hf_ledger_tree *tree, struct hf_store_txn *txn,
			 size_t table, const struct hf_ledger_tail *tail);

/* Borrowed from the tree. */
struct hf_tree_reader hf_ledger_tree_reader(struct hf_ledger_tree *tree);

/* As hf_tree_prove_consistency(), and old_size may be 0 or new_size. */
HF_MUST enum hf_err hf_ledger_tree_growth(struct hf_ledger_tree *tree,
					  uint64_t old_size, uint64_t new_size,
					  struct hf_tree_proof *out_proof,
					  struct hf_why *why);

/* Read entries [first, first + count) of a table in order.  CORRUPT when one
 * is not there. */
HF_MUST enum hf_err hf_ledger_tree_headers(struct hf_store_txn *txn,
					   size_t table, uint64_t first,
					   size_t count, uint8_t *out_headers,
					   struct hf_why *why);

#endif /* HF_LEDGER_TREE_H */
