/*
 * Proof files.  What parses is spelt in one way, so writing it again gives
 * the same bytes.
 */
#include <stdlib.h>

#include "buf.h"
#include "bytes.h"
#include "logproof.h"
#include "sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hf_note_key log_key;

/* The log of the corpus: seed 1, then zeros. */
static void key_make(void)
{
	const uint8_t seed[HF_SEED_BYTES] = { 1 };
	struct hf_secret *secret;

	if (hf_sign_start(NULL) != HF_OK ||
	    hf_secret_from_seed(seed, &secret, NULL) != HF_OK ||
	    hf_note_key_init(HF_NOTE_LOG, hf_span_of("hotline.example/ncii/1"),
			     hf_secret_public(secret), &log_key, NULL) != HF_OK)
		abort();
	hf_secret_free(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hf_tree_hash leaf = { { 0x6e } };
	uint8_t extra[HF_LOGPROOF_EXTRA_BYTES];
	size_t extra_len_bytes;
	struct hf_logproof proof;
	struct hf_note note;
	struct hf_why why;
	struct hf_buf buf;

	if (log_key.id == 0)
		key_make();
	if (hf_logproof_parse(hf_span(data, size), &proof, &why) != HF_OK)
		return 0;
	if (hf_base64_parse(proof.extra_base64, extra, sizeof(extra),
			    &extra_len_bytes) != HF_OK)
		abort();
	hf_buf_init(&buf, HF_LOGPROOF_MAX_BYTES + 4096);
	hf_logproof_put(&buf, proof.index, hf_span(extra, extra_len_bytes),
			&proof.proof, proof.note);
	if (hf_buf_failed(&buf) != HF_OK ||
	    !hf_span_equal(hf_buf_span(&buf), hf_span(data, size)))
		abort();
	hf_buf_release(&buf);
	if (hf_logproof_verify(&proof, &leaf, &log_key, NULL, &note, NULL,
			       &why) == HF_OK &&
	    proof.index >= note.checkpoint.size)
		abort();
	return 0;
}
