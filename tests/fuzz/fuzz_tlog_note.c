/*
 * Signed notes and verifier keys.  What parses is spelt in one way, so
 * writing it again gives the same bytes; what opens was signed.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "note.h"
#include "sign.h"

#define ORIGIN "hotline.example/ncii/1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The keys of the corpus: seeds 1 and 2, then zeros. */
static struct hf_note_key keys[2];

static void keys_make(void)
{
	static const char *const names[] = { ORIGIN,
					     "hotline.example/cosigner" };
	static const enum hf_note_kind kinds[] = { HF_NOTE_LOG,
						   HF_NOTE_COSIGNER };

	if (hf_sign_start(NULL) != HF_OK)
		abort();
	for (size_t i = 0; i < 2; i++) {
		uint8_t seed[HF_SEED_BYTES] = { (uint8_t)(i + 1) };
		struct hf_secret *secret;

		if (hf_secret_from_seed(seed, &secret, NULL) != HF_OK ||
		    hf_note_key_init(kinds[i], hf_span_of(names[i]),
				     hf_secret_public(secret), &keys[i],
				     NULL) != HF_OK)
			abort();
		hf_secret_free(secret);
	}
}

static void note_try(struct hf_span bytes)
{
	struct hf_note_mark marks[2];
	struct hf_note note;
	struct hf_why why;
	struct hf_buf buf;
	uint64_t time_s;

	if (hf_note_parse(bytes, &note, &why) != HF_OK)
		return;
	hf_buf_init(&buf, 4096);
	if (hf_note_put_text(&buf, &note.checkpoint, NULL) != HF_OK ||
	    hf_buf_failed(&buf) != HF_OK ||
	    !hf_span_equal(hf_buf_span(&buf), note.text))
		abort();
	hf_buf_release(&buf);
	if (note.lines_count == 0 || note.lines_count > HF_NOTE_MAX_SIGNATURES)
		abort();
	if (hf_note_verify(&note, keys, 2, marks, &why) == HF_OK &&
	    !marks[0].is_signed && !marks[1].is_signed)
		abort();
	if (hf_note_open(bytes, &keys[0], &keys[1], &note, &time_s, &why) ==
		    HF_OK &&
	    !hf_span_is(note.checkpoint.origin, ORIGIN))
		abort();
}

static void key_try(struct hf_span text)
{
	char again[HF_NOTE_VKEY_MAX_BYTES + 1];
	struct hf_note_key key;
	struct hf_why why;

	if (hf_note_key_parse(text, &key, &why) != HF_OK)
		return;
	hf_note_key_text(&key, again);
	if (!hf_span_is(text, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (keys[0].id == 0)
		keys_make();
	note_try(hf_span(data, size));
	key_try(hf_span(data, size));
	return 0;
}
