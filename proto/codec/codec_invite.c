#include <stdlib.h>

#include "armour.h"
#include "codec_document.h"

#define LABEL "HASHFED INVITE"

enum hf_err hf_invite_text_parse(struct hf_span text, struct hf_arena *arena,
				 struct hf_invite *out, struct hf_why *why)
{
	enum hf_err err;
	uint8_t *wire;
	size_t len;

	if (text.len_bytes > HF_INVITE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "invite: %zu bytes, must be at most %zu",
			      text.len_bytes, HF_INVITE_MAX_BYTES);
	wire = hf_arena_alloc(arena, text.len_bytes);
	if (wire == NULL)
		return hf_why(why, HF_E_NOMEM, "invite: no memory");
	err = hf_armour_parse(LABEL, text, wire, text.len_bytes, &len, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "invite: ");
		return err;
	}
	return hf_invite_parse(hf_span(wire, len), arena, out, why);
}

/* The wire form is within its limit, so the text is too: 4 characters for 3
 * bytes, a newline for 64, and two short lines. */
enum hf_err hf_invite_text_encode(const struct hf_invite *in,
				  struct hf_buf *buf)
{
	struct hf_buf wire;
	enum hf_err err;
	char *text;

	hf_buf_init(&wire, HF_INVITE_MAX_BYTES);
	err = hf_invite_encode(in, &wire);
	if (err != HF_OK)
		goto out;
	text = malloc(HF_ARMOUR_SIZE(wire.len_bytes));
	if (text == NULL) {
		err = HF_E_NOMEM;
		goto out;
	}
	hf_buf_put(buf,
		   hf_span(text,
			   hf_armour_encode(LABEL, hf_buf_span(&wire), text)));
	free(text);
	err = hf_buf_failed(buf);
out:
	hf_buf_release(&wire);
	return err;
}
