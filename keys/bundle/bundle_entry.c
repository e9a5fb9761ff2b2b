#include <string.h>

#include "bundle_inside.h"

/* A key that begins is signed by the notice key of the set's publisher, whose
 * it is. */
static enum hf_err take_key(struct hf_bundle_work *work,
			    const struct hf_bundle_entry *entry,
			    struct hf_why *why)
{
	const struct hf_bundle_party *owner = work->sets[entry->log].publisher;
	struct hf_receive_key key;
	struct hf_bundle_key *out;
	enum hf_err err;

	if (entry->text.len_bytes > 0 || entry->signature.len_bytes > 0 ||
	    entry->ephemeral.len_bytes > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "a KEY entry has no text to show");
	err = hf_receive_key_parse(entry->payload, work->arena, &key, why);
	if (err != HF_OK)
		return err;
	err = hf_bundle_check_key(owner, &key, why);
	if (err != HF_OK)
		return err;
	out = &work->keys[work->keys_count++];
	out->owner = owner;
	memcpy(out->key, key.key.at, HF_PUBLIC_KEY_BYTES);
	out->from_ms = key.from_ms;
	out->until_ms = key.until_ms;
	return HF_OK;
}

/* The header is one that we know, and payload and opening are the ones it
 * commits to. */
static enum hf_err check_header(struct hf_bundle_work *work,
				const struct hf_bundle_entry *entry,
				struct hf_header *header, struct hf_why *why)
{
	enum hf_err err = hf_header_parse(entry->header.at, header, why);

	if (err != HF_OK)
		return err;
	if (hf_header_use(header) != HF_HEADER_APPLY ||
	    (header->op != HF_OP_STATUS && header->op != HF_OP_KEY))
		return hf_why(why, HF_E_UNSUPPORTED,
			      "op %u; a case has STATUS and KEY entries",
			      header->op);
	err = hf_header_check(header, entry->index, why);
	if (err != HF_OK)
		return err;
	if (header->target != entry->index || header->code != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "target and code of an entry of a case say "
			      "nothing: its own index and 0");
	return hf_commit_verify(&work->commit, header, entry->opening,
				entry->payload, why);
}

static enum hf_err check_proof(const struct hf_bundle_work *work,
			       const struct hf_bundle_entry *entry,
			       struct hf_tree_hash *out_leaf,
			       struct hf_why *why)
{
	const struct hf_bundle_set *set = &work->sets[entry->log];
	struct hf_tree_proof proof;
	enum hf_err err;

	hf_leaf_hash(entry->header.at, out_leaf);
	err = hf_tree_proof_parse(entry->proof, &proof, why);
	if (err != HF_OK)
		return err;
	err = hf_tree_verify_inclusion(out_leaf, entry->index, set->size,
				       &proof, &set->root, why);
	/* An index past the end is no argument of ours but their proof. */
	if (err == HF_E_ARGUMENT)
		err = HF_E_PROOF;
	return err;
}

/* An entry that is in its log, and says what is beside it. */
struct proven {
	struct hf_tree_hash leaf;
	uint8_t op;
};

static enum hf_err prove(struct hf_bundle_work *work,
			 const struct hf_bundle_entry *entry,
			 struct proven *out, struct hf_why *why)
{
	struct hf_header header = { 0 };
	enum hf_err err = check_header(work, entry, &header, why);

	if (err == HF_OK)
		err = check_proof(work, entry, &out->leaf, why);
	if (err != HF_OK)
		return err;
	out->op = header.op;
	work->sets[entry->log].entries_count++;
	return HF_OK;
}

static enum hf_err each_once(const struct hf_bundle *bundle, size_t number,
			     struct hf_why *why)
{
	const struct hf_bundle_entry *entry = &bundle->entries[number];

	if (entry->log >= bundle->logs_count)
		return hf_why(why, HF_E_ARGUMENT,
			      "of log %u, and there are %zu logs",
			      (unsigned)entry->log, bundle->logs_count);
	for (size_t i = 0; i < number; i++) {
		if (bundle->entries[i].log == entry->log &&
		    bundle->entries[i].index == entry->index)
			return hf_why(why, HF_E_CONFLICT,
				      "is entry %zu once more", i);
	}
	return HF_OK;
}

static void name_entry(const struct hf_bundle_work *work, size_t number,
		       struct hf_why *why)
{
	const struct hf_bundle_entry *entry = &work->bundle->entries[number];

	if (entry->log < work->bundle->logs_count)
		hf_why_prefix(why, "entry %zu (%.80s %llu): ", number,
			      work->sets[entry->log].origin,
			      (unsigned long long)entry->index);
	else
		hf_why_prefix(why, "entry %zu: ", number);
}

/* Prove every entry, then keys, then texts: these were sealed with those. */
static enum hf_err take_all(struct hf_bundle_work *work, struct proven *proven,
			    struct hf_why *why)
{
	const struct hf_bundle_entry *entries = work->bundle->entries;
	size_t count = work->bundle->entries_count, i = 0;
	enum hf_err err = HF_OK;

	for (size_t at = 0; at < 3 * count && err == HF_OK; at++) {
		i = at % count;
		if (at < count) {
			err = each_once(work->bundle, i, why);
			if (err == HF_OK)
				err = prove(work, &entries[i], &proven[i], why);
		} else if (at < 2 * count) {
			if (proven[i].op == HF_OP_KEY)
				err = take_key(work, &entries[i], why);
		} else if (proven[i].op == HF_OP_STATUS) {
			err = hf_bundle_text(work, &entries[i], &proven[i].leaf,
					     why);
		}
	}
	if (err != HF_OK)
		name_entry(work, i, why);
	return err;
}

enum hf_err hf_bundle_entries(struct hf_bundle_work *work, struct hf_why *why)
{
	size_t count = work->bundle->entries_count;
	struct proven *proven;

	if (count == 0)
		return hf_why(why, HF_E_NOTFOUND, "has no entry");
	proven = hf_arena_calloc(work->arena, count, sizeof(*proven));
	/* Each may quote one more. */
	work->events =
		hf_arena_calloc(work->arena, 2 * count, sizeof(*work->events));
	if (proven == NULL || work->events == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	return take_all(work, proven, why);
}
