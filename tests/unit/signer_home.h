/*
 * signer_home.h -- for the tests of the signer: a directory with its keys,
 * and trees of any size with proofs between them.
 */
#ifndef HF_SIGNER_HOME_H
#define HF_SIGNER_HOME_H

#include <stdio.h>
#include <string.h>

#include "agent_wire.h"
#include "bytes.h"
#include "file.h"
#include "note.h"
#include "tree.h"
#include "vault.h"

#define HOME_DOMAIN "hotline.example"
#define HOME_ORIGIN "hotline.example/ncii/1"

static inline struct hf_key *home_key(enum hf_key_role role)
{
	const struct hf_key_facts facts = { .role = role,
					    .domain = BYTES(HOME_DOMAIN),
					    .created_ms = 1 };
	const uint8_t seed[HF_SEED_BYTES] = { (uint8_t)role };
	struct hf_why why = { "" };
	struct hf_key *key = NULL;

	assert_ok(hf_key_from_seed(&facts, seed, &key, &why), &why);
	return key;
}

static inline void home_put_key(const char *dir, const struct hf_key *key)
{
	const struct hf_key_lock open_lock = { { NULL, 0 }, { 0, 0 } };
	struct hf_why why = { "" };
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.key", dir,
		 hf_key_role_name(key->role));
	assert_ok(hf_vault_create(path, key, &open_lock, &why), &why);
}

/* dir/{log,cosigner,agreement}.key, the same ones each time. */
static inline void home_fill(const char *dir)
{
	const enum hf_key_role roles[] = { HF_KEY_LOG, HF_KEY_COSIGNER,
					   HF_KEY_AGREEMENT };
	struct hf_why why = { "" };

	assert_ok(hf_file_mkdirs(dir, 0700, &why), &why);
	for (size_t i = 0; i < ROWS(roles); i++) {
		struct hf_key *key = home_key(roles[i]);

		home_put_key(dir, key);
		hf_key_free(key);
	}
}

/* What takedown cases need as well: dir/{notice,receive,storage}.key. */
static inline void home_fill_notice(const char *dir)
{
	const enum hf_key_role roles[] = { HF_KEY_NOTICE, HF_KEY_RECEIVE,
					   HF_KEY_STORAGE };

	for (size_t i = 0; i < ROWS(roles); i++) {
		struct hf_key *key = home_key(roles[i]);

		home_put_key(dir, key);
		hf_key_free(key);
	}
}

/* Leaf i of tree number `world`: two worlds share the leaves before fork. */
struct home_tree {
	uint64_t fork;
	uint8_t world;
};

static inline enum hf_err home_leaves(void *context, unsigned level,
				      uint64_t index,
				      struct hf_tree_hash *out_hash,
				      struct hf_why *why)
{
	const struct home_tree *tree = context;
	struct hf_tree_hash hashes[256];
	uint64_t count = (uint64_t)1 << level;

	if (count > ROWS(hashes))
		return HF_E_LIMIT;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t leaf = index * count + i;
		uint8_t data[9] = { 0 };

		hf_be64_put(data, leaf);
		data[8] = leaf >= tree->fork ? tree->world : 0;
		hf_tree_leaf(hf_span(data, sizeof(data)), &hashes[i]);
	}
	hf_tree_fold(hashes, (size_t)count, out_hash);
	return HF_OK;
}

/* A request to sign size leaves of tree, with a proof from old_size. */
static inline struct hf_agent_checkpoint
home_checkpoint(struct home_tree tree, uint64_t old_size, uint64_t size)
{
	const struct hf_tree_reader reader = { home_leaves, &tree };
	struct hf_agent_checkpoint checkpoint = {
		.origin = BYTES(HOME_ORIGIN),
		.size = size,
		.old_size = old_size,
	};
	struct hf_why why = { "" };

	assert_ok(hf_tree_root(&reader, size, &checkpoint.root, &why), &why);
	if (old_size > 0 && old_size < size)
		assert_ok(hf_tree_prove_consistency(&reader, old_size, size,
						    &checkpoint.proof, &why),
			  &why);
	return checkpoint;
}

/* The note is for (size, root) and has both signatures; returns its time. */
static inline uint64_t home_check_note(struct hf_span bytes, uint64_t size,
				       const struct hf_tree_hash *root)
{
	struct hf_key *log = home_key(HF_KEY_LOG);
	struct hf_key *cosigner = home_key(HF_KEY_COSIGNER);
	struct hf_note_key log_key, cosigner_key;
	struct hf_why why = { "" };
	struct hf_note note;
	uint64_t time_s = 0;

	assert_ok(hf_note_key_init(HF_NOTE_LOG, BYTES(HOME_ORIGIN),
				   &log->public_key, &log_key, &why),
		  &why);
	assert_ok(hf_note_cosigner_init(BYTES(HOME_DOMAIN),
					&cosigner->public_key, &cosigner_key,
					&why),
		  &why);
	assert_ok(hf_note_open(bytes, &log_key, &cosigner_key, &note, &time_s,
			       &why),
		  &why);
	assert_int_equal(note.lines_count, 2);
	assert_true(note.checkpoint.size == size);
	assert_true(hf_tree_equal(&note.checkpoint.root, root));
	hf_key_free(log);
	hf_key_free(cosigner);
	return time_s;
}

#endif /* HF_SIGNER_HOME_H */
