/*
 * signed_note.h -- keys made of fixed seeds and a note they have signed, for
 * the tests that read notes.
 */
#ifndef HF_SIGNED_NOTE_H
#define HF_SIGNED_NOTE_H

#include "unit.h"

#include <string.h>

#include "buf.h"
#include "note.h"
#include "sign.h"

#define ORIGIN   "hotline.example/ncii/1"
#define DOMAIN   "hotline.example"
#define TIME_S   1767225600
#define ROOM_MAX (128 * 1024)

struct party {
	struct hf_secret *secret;
	struct hf_note_key key;
};

static inline int party_init(struct party *party, uint8_t seed_byte,
			     enum hf_note_kind kind, const char *name)
{
	uint8_t seed[HF_SEED_BYTES] = { seed_byte };

	if (hf_secret_from_seed(seed, &party->secret, NULL) != HF_OK)
		return -1;
	return hf_note_key_init(kind, hf_span_of(name),
				hf_secret_public(party->secret), &party->key,
				NULL) == HF_OK
		       ? 0
		       : -1;
}

/* Sign as the signer does: the text by a log, time and text by a cosigner. */
static inline void party_sign(const struct party *party, uint64_t time_s,
			      struct hf_span text, struct hf_buf *buf)
{
	uint8_t signature[HF_SIGNATURE_BYTES];
	struct hf_buf message;

	hf_buf_init(&message, 4096);
	if (party->key.kind == HF_NOTE_COSIGNER)
		hf_note_put_cosigned(&message, time_s, text);
	else
		hf_buf_put(&message, text);
	hf_sign(party->secret, hf_buf_span(&message), signature);
	hf_buf_release(&message);
	hf_note_put_line(buf, &party->key, time_s, signature);
}

/* The text, a blank line, and a line by each party. */
static inline void note_make(const struct hf_checkpoint *checkpoint,
			     const struct party *parties, size_t parties_count,
			     struct hf_buf *buf)
{
	struct hf_buf text;

	hf_buf_init(&text, 4096);
	assert_int_equal(hf_note_put_text(&text, checkpoint, NULL), HF_OK);
	hf_buf_put(buf, hf_buf_span(&text));
	hf_note_put_blank(buf);
	for (size_t i = 0; i < parties_count; i++)
		party_sign(&parties[i], TIME_S, hf_buf_span(&text), buf);
	hf_buf_release(&text);
	assert_int_equal(hf_buf_failed(buf), HF_OK);
}

#endif /* HF_SIGNED_NOTE_H */
