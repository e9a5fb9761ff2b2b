/* What a relay or a partner could send: an envelope as bytes, and then, behind
 * a seal and signatures that are good, a plaintext as bytes.  A text has one
 * spelling: what opens is what sealing it again gives. */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "envelope.h"
#include "hpke.h"
#include "receive_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLAIN_MAX (57344 - 16)

static struct hf_secret *sender;
static uint8_t receive_seed[HF_SEED_BYTES], receive_key[HF_PUBLIC_KEY_BYTES];
static uint8_t ephemeral[HF_SEED_BYTES];
static struct hf_buf text;

static void start(void)
{
	uint8_t seed[HF_SEED_BYTES];

	if (sender != NULL)
		return;
	memset(seed, 0x11, sizeof(seed));
	memset(receive_seed, 0x22, sizeof(receive_seed));
	memset(ephemeral, 0x33, sizeof(ephemeral));
	if (hf_sign_start(NULL) != HF_OK ||
	    hf_secret_from_seed(seed, &sender, NULL) != HF_OK)
		abort();
	hf_receive_public(receive_seed, receive_key);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
}

/* True when it opens. */
static bool open_bytes(struct hf_span bytes, struct hf_envelope *out,
		       uint8_t inner[HF_SIGNATURE_BYTES])
{
	struct hf_why why;

	if (hf_envelope_parse(bytes, out, &why) != HF_OK)
		return false;
	if (out->header_bytes.at != bytes.at ||
	    out->signature.at + out->signature.len_bytes !=
		    bytes.at + bytes.len_bytes)
		abort();
	hf_buf_reset(&text);
	return hf_envelope_open(out, hf_secret_public(sender), receive_seed,
				&text, inner, &why) == HF_OK;
}

/* The plaintext under a header of its own size, sealed and signed. */
static void seal_plain(uint8_t *plain, size_t plain_len, struct hf_buf *out)
{
	static const char inner[] = "hashfed/event-inner/v1";
	static const char outer[] = "hashfed/event-envelope/v1";
	static const char hpke[] = "hashfed/event-hpke/v1";
	static uint8_t sealed[PLAIN_MAX + 16];
	static uint8_t said[sizeof(outer) + 109 + 32 + PLAIN_MAX + 16];
	uint8_t head[109] = { 1 }, info[sizeof(hpke) + 72], enc[32];
	uint8_t signature[HF_SIGNATURE_BYTES];
	size_t text_len = hf_be32(plain);

	hf_receive_key_id(receive_key, head + 65);
	hf_be32_put(head + 105, (uint32_t)plain_len + 16);
	if (text_len <= plain_len - 68) {
		memcpy(said, inner, sizeof(inner));
		memcpy(said + sizeof(inner), head, sizeof(head));
		memcpy(said + sizeof(inner) + sizeof(head), plain + 68,
		       text_len);
		hf_sign(sender,
			hf_span(said, sizeof(inner) + sizeof(head) + text_len),
			plain + 4);
	}
	memcpy(info, hpke, sizeof(hpke));
	memcpy(info + sizeof(hpke), head + 1, 72);
	if (hf_hpke_seal(receive_key, ephemeral, hf_span(info, sizeof(info)),
			 hf_span(head, sizeof(head)), hf_span(plain, plain_len),
			 enc, sealed, NULL) != HF_OK)
		abort();
	hf_buf_put(out, hf_span(head, sizeof(head)));
	hf_buf_put(out, hf_span(enc, sizeof(enc)));
	hf_buf_put(out, hf_span(sealed, plain_len + 16));
	memcpy(said, outer, sizeof(outer));
	memcpy(said + sizeof(outer), out->at, out->len_bytes);
	hf_sign(sender, hf_span(said, sizeof(outer) + out->len_bytes),
		signature);
	hf_buf_put(out, hf_span(signature, sizeof(signature)));
}

static void try_plain(const uint8_t *data, size_t size)
{
	static const size_t lens[] = { 4080, 16368, PLAIN_MAX };
	static uint8_t plain[PLAIN_MAX];
	size_t len = lens[data[0] % 3], left = size - 1;
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_envelope envelope;
	struct hf_buf bytes;

	memset(plain, 0, len);
	memcpy(plain, data + 1, left < len ? left : len);
	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	seal_plain(plain, len, &bytes);
	if (open_bytes(hf_buf_span(&bytes), &envelope, inner) &&
	    hf_envelope_prove(&envelope, hf_buf_span(&text), inner, receive_key,
			      ephemeral, NULL) != HF_OK)
		abort();
	hf_buf_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[HF_HASH_BYTES];
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_envelope envelope;
	struct hf_receive_key key;
	struct hf_arena arena;
	struct hf_why why;

	start();
	if (open_bytes(hf_span(data, size), &envelope, inner) &&
	    hf_envelope_check_inner(envelope.header_bytes, hf_buf_span(&text),
				    hf_secret_public(sender), inner,
				    &why) != HF_OK)
		abort();
	if (size > 0)
		try_plain(data, size);
	hf_arena_init(&arena, 1 << 16);
	if (hf_receive_key_parse(hf_span(data, size), &arena, &key, &why) ==
	    HF_OK)
		(void)!hf_receive_key_check(&key, hf_secret_public(sender), id,
					    &why);
	hf_arena_release(&arena);
	return 0;
}
