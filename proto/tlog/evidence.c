#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "text.h"

#include "evidence.h"

static const char first_line[] = "hashfed/evidence/v1\n";
static const char key_word[] = "key ";
static const char note_word[] = "note ";
static const char root_word[] = "root ";

/* Which of two notes stands first. */
static bool is_before(const struct hf_checkpoint *a,
		      const struct hf_checkpoint *b)
{
	if (a->size != b->size)
		return a->size < b->size;
	return memcmp(&a->root, &b->root, sizeof(a->root)) < 0;
}

static void hash_put(struct hf_buf *buf, const char *word,
		     const struct hf_tree_hash *hash)
{
	char text[HF_BASE64_LEN(HF_HASH_BYTES) + 1];

	hf_base64(hash->bytes, HF_HASH_BYTES, text);
	hf_buf_printf(buf, "%s%s\n", word, text);
}

static void note_put(struct hf_buf *buf, struct hf_span note)
{
	hf_buf_printf(buf, "%s%zu\n", note_word, note.len_bytes);
	hf_buf_put(buf, note);
}

static bool is_same_key(const struct hf_note_key *a,
			const struct hf_note_key *b)
{
	return memcmp(&a->key, &b->key, sizeof(a->key)) == 0;
}

static void key_put(struct hf_buf *buf, const struct hf_note_key *key)
{
	char vkey[HF_NOTE_VKEY_MAX_BYTES + 1];

	hf_note_key_text(key, vkey);
	hf_buf_printf(buf, "%s%s\n", key_word, vkey);
}

void hf_evidence_put(struct hf_buf *buf, const struct hf_evidence_side *one,
		     const struct hf_evidence_side *other,
		     const struct hf_tree_hash *root,
		     const struct hf_tree_proof *proof)
{
	if (is_before(&other->note->checkpoint, &one->note->checkpoint)) {
		const struct hf_evidence_side *first = other;

		other = one;
		one = first;
	}
	hf_buf_put_text(buf, first_line);
	key_put(buf, one->key);
	if (!is_same_key(one->key, other->key))
		key_put(buf, other->key);
	note_put(buf, one->note->bytes);
	note_put(buf, other->note->bytes);
	if (root == NULL)
		return;
	hash_put(buf, root_word, root);
	for (size_t i = 0; i < proof->hashes_count; i++)
		hash_put(buf, "", &proof->hashes[i]);
}

/* A line that begins with the word: what follows it. */
static bool line_take(struct hf_span *rest, const char *word,
		      struct hf_span *out_value)
{
	size_t len_bytes = strlen(word);
	struct hf_span after = *rest, line;

	if (!hf_text_line_take(&after, &line) || line.len_bytes < len_bytes ||
	    memcmp(line.at, word, len_bytes) != 0)
		return false;
	*rest = after;
	*out_value = hf_span(line.at + len_bytes, line.len_bytes - len_bytes);
	return true;
}

static bool key_parse(struct hf_span value, struct hf_note_key *out_key)
{
	return hf_note_key_parse(value, out_key, NULL) == HF_OK &&
	       out_key->kind == HF_NOTE_LOG;
}

/* One line, or where another key signed the second note, two. */
static enum hf_err keys_parse(struct hf_span *rest, struct hf_evidence *out,
			      struct hf_why *why)
{
	struct hf_note_key *first = &out->keys[0], *second = &out->keys[1];
	struct hf_span value;

	if (!line_take(rest, key_word, &value) || !key_parse(value, first))
		return hf_why(why, HF_E_MALFORMED,
			      "evidence: line 2 is not the key of a log");
	*second = *first;
	if (!line_take(rest, key_word, &value))
		return HF_OK;
	if (!key_parse(value, second) ||
	    strcmp(first->name, second->name) != 0 ||
	    is_same_key(first, second))
		return hf_why(why, HF_E_MALFORMED,
			      "evidence: line 3 is not another key of the "
			      "same log");
	return HF_OK;
}

static enum hf_err note_parse(struct hf_span *rest, struct hf_span *out_note,
			      struct hf_why *why)
{
	struct hf_span value;
	uint64_t len_bytes;

	if (!line_take(rest, note_word, &value) ||
	    hf_text_u64(value, HF_NOTE_MAX_BYTES, &len_bytes) != HF_OK ||
	    len_bytes > rest->len_bytes)
		return hf_why(why, HF_E_MALFORMED,
			      "evidence: no note of at most %zu bytes where "
			      "one should be",
			      (size_t)HF_NOTE_MAX_BYTES);
	*out_note = hf_span(rest->at, (size_t)len_bytes);
	rest->at += len_bytes;
	rest->len_bytes -= (size_t)len_bytes;
	return HF_OK;
}

static enum hf_err hash_parse(struct hf_span *rest, const char *word,
			      struct hf_tree_hash *out_hash, struct hf_why *why)
{
	struct hf_span value;
	size_t len_bytes;

	if (!line_take(rest, word, &value) ||
	    hf_base64_parse(value, out_hash->bytes, HF_HASH_BYTES,
			    &len_bytes) != HF_OK ||
	    len_bytes != HF_HASH_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "evidence: a line behind the notes is no hash");
	return HF_OK;
}

static enum hf_err proof_parse(struct hf_span *rest, struct hf_evidence *out,
			       struct hf_why *why)
{
	enum hf_err err = hash_parse(rest, root_word, &out->root, why);

	while (err == HF_OK && rest->len_bytes > 0) {
		if (out->proof.hashes_count == HF_PROOF_MAX_HASHES)
			return hf_why(why, HF_E_LIMIT,
				      "evidence: a proof has at most %d "
				      "hashes",
				      HF_PROOF_MAX_HASHES);
		err = hash_parse(rest, "",
				 &out->proof.hashes[out->proof.hashes_count++],
				 why);
	}
	out->has_root = err == HF_OK;
	return err;
}

enum hf_err hf_evidence_parse(struct hf_span bytes,
			      struct hf_evidence *out_evidence,
			      struct hf_why *why)
{
	struct hf_evidence parsed = { .has_root = false };
	struct hf_span rest = bytes, value;
	enum hf_err err;

	if (bytes.len_bytes > HF_EVIDENCE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "evidence: %zu bytes, at most %zu",
			      bytes.len_bytes, HF_EVIDENCE_MAX_BYTES);
	if (!line_take(&rest, "hashfed/evidence/v1", &value) ||
	    value.len_bytes > 0)
		return hf_why(why, HF_E_MALFORMED,
			      "evidence: line 1 is not 'hashfed/evidence/v1'");
	err = keys_parse(&rest, &parsed, why);
	if (err == HF_OK)
		err = note_parse(&rest, &parsed.notes[0], why);
	if (err == HF_OK)
		err = note_parse(&rest, &parsed.notes[1], why);
	if (err == HF_OK && rest.len_bytes > 0)
		err = proof_parse(&rest, &parsed, why);
	if (err == HF_OK)
		*out_evidence = parsed;
	return err;
}

/* Do two notes, which are signed, contradict each other? */
static enum hf_err judge(const struct hf_evidence *evidence,
			 const struct hf_checkpoint *a,
			 const struct hf_checkpoint *b, struct hf_why *why)
{
	if (a->size == b->size && hf_tree_equal(&a->root, &b->root))
		return hf_why(why, HF_E_PROOF,
			      "evidence: both notes have the same size and "
			      "root");
	if (!is_before(a, b))
		return hf_why(why, HF_E_MALFORMED,
			      "evidence: the notes are not in their order");
	if (evidence->has_root != (a->size != b->size))
		return hf_why(why, HF_E_PROOF,
			      evidence->has_root
				      ? "evidence: notes of one size need no "
					"proof"
				      : "evidence: notes of different sizes "
					"and no proof that they contradict");
	if (!evidence->has_root)
		return HF_OK;
	if (hf_tree_equal(&a->root, &evidence->root))
		return hf_why(why, HF_E_PROOF,
			      "evidence: the larger note has the root of the "
			      "smaller one at its size");
	return hf_tree_verify_consistency(a->size, &evidence->root, b->size,
					  &b->root, &evidence->proof, why);
}

enum hf_err hf_evidence_verify(const struct hf_evidence *evidence,
			       struct hf_note out_notes[static 2],
			       struct hf_why *why)
{
	struct hf_note notes[2];
	enum hf_err err = HF_OK;

	for (size_t i = 0; err == HF_OK && i < 2; i++)
		err = hf_note_open(evidence->notes[i], &evidence->keys[i], NULL,
				   &notes[i], NULL, why);
	if (err == HF_OK)
		err = judge(evidence, &notes[0].checkpoint,
			    &notes[1].checkpoint, why);
	if (err == HF_OK)
		memcpy(out_notes, notes, sizeof(notes));
	return err;
}
