#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "text.h"

#include "logproof.h"

static const char first_line[] = "c2sp.org/tlog-proof@v1\n";
static const char extra_word[] = "extra ";
static const char index_word[] = "index ";

void hf_logproof_put(struct hf_buf *buf, uint64_t index, struct hf_span extra,
		     const struct hf_tree_proof *proof, struct hf_span note)
{
	char hash[HF_BASE64_LEN(HF_HASH_BYTES) + 1];

	hf_buf_put_text(buf, first_line);
	if (extra.len_bytes > 0) {
		char *text;

		/* hf_base64() writes a zero byte, which the newline takes
		 * the place of. */
		hf_buf_put_text(buf, extra_word);
		text = (char *)hf_buf_grow(buf,
					   HF_BASE64_LEN(extra.len_bytes) + 1);
		if (text == NULL)
			return;
		hf_base64(extra.at, extra.len_bytes, text);
		text[HF_BASE64_LEN(extra.len_bytes)] = '\n';
	}
	hf_buf_printf(buf, "%s%" PRIu64 "\n", index_word, index);
	for (size_t i = 0; i < proof->hashes_count; i++) {
		hf_base64(proof->hashes[i].bytes, HF_HASH_BYTES, hash);
		hf_buf_printf(buf, "%s\n", hash);
	}
	hf_buf_put_u8(buf, '\n');
	hf_buf_put(buf, note);
}

/* Take the word from the front, if it is there. */
static bool word_take(struct hf_span *text, const char *word)
{
	size_t len_bytes = strlen(word);

	if (text->len_bytes < len_bytes ||
	    memcmp(text->at, word, len_bytes) != 0)
		return false;
	text->at += len_bytes;
	text->len_bytes -= len_bytes;
	return true;
}

static enum hf_err extra_parse(struct hf_span *rest, struct hf_span *out_extra,
			       struct hf_why *why)
{
	uint8_t extra[HF_LOGPROOF_EXTRA_BYTES];
	struct hf_span line;
	size_t len_bytes;

	if (!word_take(rest, extra_word))
		return HF_OK;
	if (!hf_text_line_take(rest, &line) || line.len_bytes == 0 ||
	    hf_base64_parse(line, extra, sizeof(extra), &len_bytes) != HF_OK)
		return hf_why(why, HF_E_MALFORMED,
			      "proof file: the extra line is not base64 of 1 "
			      "to %d bytes",
			      HF_LOGPROOF_EXTRA_BYTES);
	*out_extra = line;
	return HF_OK;
}

/* The hashes and the blank line behind them. */
static enum hf_err hashes_parse(struct hf_span *rest,
				struct hf_tree_proof *out_proof,
				struct hf_why *why)
{
	struct hf_span line;
	size_t len_bytes, count = 0;

	for (;;) {
		if (!hf_text_line_take(rest, &line))
			return hf_why(why, HF_E_MALFORMED,
				      "proof file: has no checkpoint");
		if (line.len_bytes == 0)
			break;
		if (count == HF_PROOF_MAX_HASHES)
			return hf_why(why, HF_E_LIMIT,
				      "proof file: more than %d hashes",
				      HF_PROOF_MAX_HASHES);
		if (hf_base64_parse(line, out_proof->hashes[count].bytes,
				    HF_HASH_BYTES, &len_bytes) != HF_OK ||
		    len_bytes != HF_HASH_BYTES)
			return hf_why(why, HF_E_MALFORMED,
				      "proof file: hash %zu is not base64 of "
				      "%d bytes",
				      count + 1, HF_HASH_BYTES);
		count++;
	}
	out_proof->hashes_count = count;
	return HF_OK;
}

enum hf_err hf_logproof_parse(struct hf_span bytes,
			      struct hf_logproof *out_proof, struct hf_why *why)
{
	struct hf_logproof parsed = { .index = 0 };
	struct hf_span rest = bytes, line;
	enum hf_err err;

	if (bytes.len_bytes > HF_LOGPROOF_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "proof file: %zu bytes, at most %zu",
			      bytes.len_bytes, HF_LOGPROOF_MAX_BYTES);
	if (!word_take(&rest, first_line))
		return hf_why(why, HF_E_MALFORMED,
			      "proof file: line 1 is not "
			      "'c2sp.org/tlog-proof@v1'");
	err = extra_parse(&rest, &parsed.extra_base64, why);
	if (err != HF_OK)
		return err;
	if (!word_take(&rest, index_word) || !hf_text_line_take(&rest, &line) ||
	    hf_text_u64(line, HF_TREE_MAX_SIZE - 1, &parsed.index) != HF_OK)
		return hf_why(why, HF_E_MALFORMED,
			      "proof file: has no index line");
	err = hashes_parse(&rest, &parsed.proof, why);
	if (err != HF_OK)
		return err;
	if (rest.len_bytes == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "proof file: has no checkpoint");
	parsed.note = rest;
	*out_proof = parsed;
	return HF_OK;
}

enum hf_err hf_logproof_verify(const struct hf_logproof *proof,
			       const struct hf_tree_hash *leaf,
			       const struct hf_note_key *log,
			       const struct hf_note_key *cosigner,
			       struct hf_note *out_note, uint64_t *out_time_s,
			       struct hf_why *why)
{
	struct hf_note note;
	uint64_t time_s;
	enum hf_err err;

	err = hf_note_open(proof->note, log, cosigner, &note, &time_s, why);
	if (err != HF_OK)
		return err;
	err = hf_tree_verify_inclusion(leaf, proof->index, note.checkpoint.size,
				       &proof->proof, &note.checkpoint.root,
				       why);
	if (err != HF_OK)
		return err;
	if (out_note != NULL)
		*out_note = note;
	if (out_time_s != NULL)
		*out_time_s = time_s;
	return HF_OK;
}
