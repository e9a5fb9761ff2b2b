#include <string.h>

#include "bytes.h"
#include "sha256.h"
#include "text.h"

#include "note.h"

/* The white space of Unicode that is not a control character, in UTF-8. */
static const char *const spaces[] = {
	" ",
	"\xc2\xa0",
	"\xe1\x9a\x80",
	"\xe2\x80\x80",
	"\xe2\x80\x81",
	"\xe2\x80\x82",
	"\xe2\x80\x83",
	"\xe2\x80\x84",
	"\xe2\x80\x85",
	"\xe2\x80\x86",
	"\xe2\x80\x87",
	"\xe2\x80\x88",
	"\xe2\x80\x89",
	"\xe2\x80\x8a",
	"\xe2\x80\xa8",
	"\xe2\x80\xa9",
	"\xe2\x80\xaf",
	"\xe2\x81\x9f",
	"\xe3\x80\x80",
};

bool hf_note_name_is_valid(struct hf_span name)
{
	if (name.len_bytes == 0 || !hf_text_is_clean(name) ||
	    memchr(name.at, '+', name.len_bytes) != NULL)
		return false;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		if (memmem(name.at, name.len_bytes, spaces[i],
			   strlen(spaces[i])) != NULL)
			return false;
	}
	return true;
}

uint32_t hf_note_key_id(enum hf_note_kind kind, struct hf_span name,
			const struct hf_public_key *key)
{
	const uint8_t between[2] = { '\n', (uint8_t)kind };
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, name.at, name.len_bytes);
	hf_sha256_update(&hash, between, sizeof(between));
	hf_sha256_update(&hash, key->bytes, sizeof(key->bytes));
	hf_sha256_final(&hash, digest);
	return hf_be32(digest);
}

enum hf_err hf_note_key_init(enum hf_note_kind kind, struct hf_span name,
			     const struct hf_public_key *key,
			     struct hf_note_key *out_key, struct hf_why *why)
{
	if (kind != HF_NOTE_LOG && kind != HF_NOTE_COSIGNER)
		return hf_why(why, HF_E_ARGUMENT,
			      "note key: signatures of type 0x%02x are not "
			      "checked here",
			      (unsigned)kind);
	if (name.len_bytes > HF_NOTE_NAME_MAX_BYTES ||
	    !hf_note_name_is_valid(name))
		return hf_why(why, HF_E_ARGUMENT,
			      "note key: a name has 1 to %d characters, no "
			      "space and no '+'",
			      HF_NOTE_NAME_MAX_BYTES);
	if (hf_public_key_check(key) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "note key: not a usable Ed25519 public key");
	*out_key = (struct hf_note_key){
		.kind = kind,
		.id = hf_note_key_id(kind, name, key),
		.key = *key,
	};
	memcpy(out_key->name, name.at, name.len_bytes);
	return HF_OK;
}

enum hf_err hf_note_cosigner_init(struct hf_span domain,
				  const struct hf_public_key *key,
				  struct hf_note_key *out_key,
				  struct hf_why *why)
{
	static const char suffix[] = "/cosigner";
	char name[HF_DOMAIN_MAX_BYTES + sizeof(suffix)];

	if (!hf_text_is_domain(domain))
		return hf_why(why, HF_E_ARGUMENT,
			      "note key: a cosigner is named after a domain");
	memcpy(name, domain.at, domain.len_bytes);
	memcpy(name + domain.len_bytes, suffix, sizeof(suffix));
	return hf_note_key_init(HF_NOTE_COSIGNER, hf_span_of(name), key,
				out_key, why);
}

#define KIND_AND_KEY_BYTES (1 + HF_PUBLIC_KEY_BYTES)

void hf_note_key_text(const struct hf_note_key *key,
		      char out_text[static HF_NOTE_VKEY_MAX_BYTES + 1])
{
	size_t name_len_bytes = strlen(key->name);
	uint8_t material[KIND_AND_KEY_BYTES], id[4];

	memcpy(out_text, key->name, name_len_bytes);
	out_text += name_len_bytes;
	*out_text++ = '+';
	hf_be32_put(id, key->id);
	hf_hex(id, sizeof(id), out_text);
	out_text += 2 * sizeof(id);
	*out_text++ = '+';
	material[0] = (uint8_t)key->kind;
	memcpy(material + 1, key->key.bytes, HF_PUBLIC_KEY_BYTES);
	hf_base64(material, sizeof(material), out_text);
}

enum hf_err hf_note_key_parse(struct hf_span text, struct hf_note_key *out_key,
			      struct hf_why *why)
{
	char canonical[HF_NOTE_VKEY_MAX_BYTES + 1];
	uint8_t material[KIND_AND_KEY_BYTES];
	struct hf_public_key key;
	struct hf_note_key parsed;
	const uint8_t *plus;
	size_t name_len_bytes, len_bytes;
	struct hf_span base64;
	enum hf_err err;

	plus = text.len_bytes > 0 ? memchr(text.at, '+', text.len_bytes) : NULL;
	name_len_bytes = plus != NULL ? (size_t)(plus - text.at) : 0;
	/* '+', eight digits, '+' */
	if (plus == NULL || text.len_bytes - name_len_bytes < 10)
		return hf_why(why, HF_E_MALFORMED,
			      "note key: is not name+id+key");
	base64 = hf_span(plus + 10, text.len_bytes - name_len_bytes - 10);
	if (hf_base64_parse(base64, material, sizeof(material), &len_bytes) !=
		    HF_OK ||
	    len_bytes != sizeof(material))
		return hf_why(why, HF_E_MALFORMED,
			      "note key: its last part is not a type and an "
			      "Ed25519 key in base64");
	memcpy(key.bytes, material + 1, sizeof(key.bytes));
	err = hf_note_key_init((enum hf_note_kind)material[0],
			       hf_span(text.at, name_len_bytes), &key, &parsed,
			       why);
	if (err != HF_OK)
		return err;
	/* One spelling only, and the id must be the one that follows. */
	hf_note_key_text(&parsed, canonical);
	if (!hf_span_is(text, canonical))
		return hf_why(why, HF_E_MALFORMED,
			      "note key: its id is not that of its name and "
			      "key");
	*out_key = parsed;
	return HF_OK;
}
