#include "unit.h"

#include <string.h>

#include <jansson.h>

#include "bytes.h"
#include "envelope.h"
#include "hpke.h"
#include "receive_key.h"
#include "sha256.h"

#define VECTORS HF_SOURCE_DIR "/tests/vectors/envelope.json"
#define NOW_MS  ((uint64_t)1800000000000)
#define DAY_MS  ((uint64_t)24 * 3600 * 1000)

/* Somebody with an id, a notice key and a receive key. */
struct party {
	uint8_t id[HF_HASH_BYTES];
	struct hf_secret *notice;
	uint8_t receive_seed[HF_SEED_BYTES];
	uint8_t receive_key[HF_PUBLIC_KEY_BYTES];
};

static struct party hotline, provider, other;
static const uint8_t ephemeral[HF_SEED_BYTES] = { 0x55, 0x66, 0x77 };
static uint8_t text_bytes[HF_CASE_TEXT_MAX_BYTES + 1];

static int party_make(struct party *party, uint8_t number)
{
	uint8_t seed[HF_SEED_BYTES];

	memset(party->id, number, sizeof(party->id));
	memset(seed, number + 1, sizeof(seed));
	memset(party->receive_seed, number + 2, sizeof(party->receive_seed));
	hf_receive_public(party->receive_seed, party->receive_key);
	return hf_secret_from_seed(seed, &party->notice, NULL) == HF_OK ? 0
									: -1;
}

static int start(void **state)
{
	for (size_t i = 0; i < sizeof(text_bytes); i++)
		text_bytes[i] = (uint8_t)(i * 7 + i / 251);
	if (hf_sign_start(NULL) != HF_OK || party_make(&hotline, 0x10) != 0 ||
	    party_make(&provider, 0x20) != 0 || party_make(&other, 0x30) != 0)
		return -1;
	return 0;
}

static int stop(void **state)
{
	hf_secret_free(hotline.notice);
	hf_secret_free(provider.notice);
	hf_secret_free(other.notice);
	return 0;
}

static struct hf_envelope_header header_of(const struct party *from,
					   const struct party *to)
{
	struct hf_envelope_header header = { .issued_ms = NOW_MS,
					     .expires_ms = NOW_MS + DAY_MS };

	memcpy(header.sender_id, from->id, HF_HASH_BYTES);
	memcpy(header.recipient_id, to->id, HF_HASH_BYTES);
	memset(header.event_id, 0xe1, sizeof(header.event_id));
	return header;
}

/* An envelope of a text, in a buf that the caller inits and releases. */
static void seal(const struct party *from, const struct party *to,
		 struct hf_span text, struct hf_buf *out,
		 uint8_t inner[HF_SIGNATURE_BYTES])
{
	struct hf_envelope_header header = header_of(from, to);
	struct hf_why why = { "" };

	hf_buf_reset(out);
	assert_ok(hf_envelope_seal(&header, text, from->notice, to->receive_key,
				   ephemeral, out, inner, &why),
		  &why);
}

/* Parse, then open as somebody who takes it to be from `from`. */
static enum hf_err open_as(const struct party *to, const struct party *from,
			   struct hf_span bytes, struct hf_buf *out_text)
{
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_envelope envelope;
	struct hf_why why = { "" };
	enum hf_err err = hf_envelope_parse(bytes, &envelope, &why);

	hf_buf_reset(out_text);
	if (err == HF_OK)
		err = hf_envelope_open(&envelope,
				       hf_secret_public(from->notice),
				       to->receive_seed, out_text, inner, &why);
	if (err == HF_OK)
		return HF_OK;
	assert_true(why.text[0] != '\0');
	assert_int_equal(out_text->len_bytes, 0);
	return err;
}

static void a_text_comes_out_as_it_went_in(void **state)
{
	const size_t lens[] = {
		0,    1,     40,    1500,  4011,
		4012, 16299, 16300, 57258, HF_CASE_TEXT_MAX_BYTES
	};
	const uint32_t want[] = { 4096,  4096,  4096,  4096,  4096,
				  16384, 16384, 57344, 57344, 57344 };
	uint8_t inner[HF_SIGNATURE_BYTES], again[HF_SIGNATURE_BYTES];
	struct hf_envelope envelope;
	struct hf_why why = { "" };
	struct hf_buf bytes, text;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	for (size_t i = 0; i < ROWS(lens); i++) {
		struct hf_span sent = hf_span(text_bytes, lens[i]);

		seal(&hotline, &provider, sent, &bytes, inner);
		assert_ok(
			hf_envelope_parse(hf_buf_span(&bytes), &envelope, &why),
			&why);
		assert_int_equal(envelope.header.class_bytes, want[i]);
		assert_int_equal(bytes.len_bytes, want[i] + 205);
		assert_memory_equal(envelope.header.sender_id, hotline.id, 32);
		assert_memory_equal(envelope.header.recipient_id, provider.id,
				    32);
		assert_true(envelope.header.issued_ms == NOW_MS &&
			    envelope.header.expires_ms == NOW_MS + DAY_MS);
		assert_ok(hf_envelope_check(&envelope,
					    hf_secret_public(hotline.notice),
					    &why),
			  &why);
		hf_buf_reset(&text);
		assert_ok(hf_envelope_open(
				  &envelope, hf_secret_public(hotline.notice),
				  provider.receive_seed, &text, again, &why),
			  &why);
		assert_true(hf_span_equal(hf_buf_span(&text), sent));
		assert_memory_equal(inner, again, sizeof(inner));
		assert_ok(hf_envelope_check_inner(
				  envelope.header_bytes, sent,
				  hf_secret_public(hotline.notice), inner,
				  &why),
			  &why);
	}
	hf_buf_release(&bytes);
	hf_buf_release(&text);
}

static void a_text_that_is_too_long_is_refused(void **state)
{
	struct hf_envelope_header header = header_of(&hotline, &provider);
	const struct hf_envelope_header before = header;
	uint8_t inner[HF_SIGNATURE_BYTES] = { 0 };
	struct hf_why why = { "" };
	struct hf_buf bytes;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	assert_int_equal(
		hf_envelope_seal(&header,
				 hf_span(text_bytes, sizeof(text_bytes)),
				 hotline.notice, provider.receive_key,
				 ephemeral, &bytes, inner, &why),
		HF_E_LIMIT);
	assert_int_equal(bytes.len_bytes, 0);
	assert_memory_equal(&header, &before, sizeof(header));
	/* Nor for a key that everybody can open. */
	memset(inner, 0, sizeof(inner));
	assert_int_equal(hf_envelope_seal(&header, BYTES("x"), hotline.notice,
					  (const uint8_t[32]){ 1 }, ephemeral,
					  &bytes, inner, &why),
			 HF_E_ARGUMENT);
	assert_int_equal(bytes.len_bytes, 0);
	hf_buf_release(&bytes);
}

static void every_changed_byte_is_refused(void **state)
{
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_buf bytes, text;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	seal(&hotline, &provider, hf_span(text_bytes, 1800), &bytes, inner);
	for (size_t i = 0; i < bytes.len_bytes; i++) {
		bytes.at[i] ^= (uint8_t)(1 << i % 8);
		if (open_as(&provider, &hotline, hf_buf_span(&bytes), &text) ==
		    HF_OK)
			fail_msg("byte %zu may change", i);
		bytes.at[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(
		open_as(&provider, &hotline, hf_buf_span(&bytes), &text),
		HF_OK);
	hf_buf_release(&bytes);
	hf_buf_release(&text);
}

/* What an attacker could make: any plaintext, under any header, with an outer
 * signature of his own choice. */
static void forge(const struct hf_envelope_header *header, struct hf_span plain,
		  const uint8_t *recipient_key, const struct hf_secret *signer,
		  struct hf_buf *out)
{
	static uint8_t sealed[57344], signed_text[64 + 109 + 32 + 57344];
	static const char hpke[] = "hashfed/event-hpke/v1";
	static const char outer[] = "hashfed/event-envelope/v1";
	uint8_t head[109] = { 1 }, enc[32], signature[64];
	uint8_t info[sizeof(hpke) + 72];
	size_t len = 0;
	struct hf_why why = { "" };

	memcpy(head + 1, header->sender_id, 32);
	memcpy(head + 33, header->recipient_id, 32);
	hf_receive_key_id(recipient_key, head + 65);
	memcpy(head + 73, header->event_id, 16);
	hf_be64_put(head + 89, header->issued_ms);
	hf_be64_put(head + 97, header->expires_ms);
	hf_be32_put(head + 105, (uint32_t)plain.len_bytes + 16);
	memcpy(info, hpke, sizeof(hpke));
	memcpy(info + sizeof(hpke), head + 1, 72);
	assert_ok(hf_hpke_seal(recipient_key, ephemeral,
			       hf_span(info, sizeof(info)),
			       hf_span(head, sizeof(head)), plain, enc, sealed,
			       &why),
		  &why);
	hf_buf_reset(out);
	hf_buf_put(out, hf_span(head, sizeof(head)));
	hf_buf_put(out, hf_span(enc, sizeof(enc)));
	hf_buf_put(out, hf_span(sealed, plain.len_bytes + 16));
	memcpy(signed_text, outer, sizeof(outer));
	len = sizeof(outer);
	memcpy(signed_text + len, out->at, out->len_bytes);
	len += out->len_bytes;
	hf_sign(signer, hf_span(signed_text, len), signature);
	hf_buf_put(out, hf_span(signature, sizeof(signature)));
	assert_int_equal(hf_buf_failed(out), HF_OK);
}

/* len || inner || text || 0x80 || zeros, in a plaintext of len_bytes. */
static struct hf_span plain_of(uint8_t *plain, size_t len_bytes,
			       struct hf_span text, const uint8_t *inner)
{
	memset(plain, 0, len_bytes);
	hf_be32_put(plain, (uint32_t)text.len_bytes);
	memcpy(plain + 4, inner, 64);
	memcpy(plain + 68, text.at, text.len_bytes);
	plain[68 + text.len_bytes] = 0x80;
	return hf_span(plain, len_bytes);
}

/* The inner signature under a header that the caller's envelope will have. */
static void sign_inner(const struct hf_envelope_header *header,
		       const uint8_t *recipient_key, uint32_t class_bytes,
		       struct hf_span text, const struct hf_secret *signer,
		       uint8_t *out_signature)
{
	static const char inner[] = "hashfed/event-inner/v1";
	static uint8_t signed_text[64 + 109 + HF_CASE_TEXT_MAX_BYTES];
	uint8_t *head = signed_text + sizeof(inner);

	memcpy(signed_text, inner, sizeof(inner));
	head[0] = 1;
	memcpy(head + 1, header->sender_id, 32);
	memcpy(head + 33, header->recipient_id, 32);
	hf_receive_key_id(recipient_key, head + 65);
	memcpy(head + 73, header->event_id, 16);
	hf_be64_put(head + 89, header->issued_ms);
	hf_be64_put(head + 97, header->expires_ms);
	hf_be32_put(head + 105, class_bytes);
	memcpy(head + 109, text.at, text.len_bytes);
	hf_sign(signer,
		hf_span(signed_text, sizeof(inner) + 109 + text.len_bytes),
		out_signature);
}

static void a_relay_cannot_make_itself_the_author(void **state)
{
	static const char outer[] = "hashfed/event-envelope/v1";
	static uint8_t signed_text[sizeof(outer) + 109 + 32 + 4096];
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_envelope envelope;
	struct hf_why why = { "" };
	struct hf_buf bytes, text;
	size_t body;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	/* With its own id and outer signature: any relay takes it for its. */
	seal(&hotline, &provider, hf_span(text_bytes, 100), &bytes, inner);
	memcpy(bytes.at + 1, other.id, 32);
	body = bytes.len_bytes - 64;
	memcpy(signed_text, outer, sizeof(outer));
	memcpy(signed_text + sizeof(outer), bytes.at, body);
	hf_sign(other.notice, hf_span(signed_text, sizeof(outer) + body),
		bytes.at + body);
	assert_ok(hf_envelope_parse(hf_buf_span(&bytes), &envelope, &why),
		  &why);
	assert_ok(hf_envelope_check(&envelope, hf_secret_public(other.notice),
				    &why),
		  &why);
	assert_int_equal(open_as(&provider, &other, hf_buf_span(&bytes), &text),
			 HF_E_SIGNATURE);
	/* Under the sender's name it has no signature to put. */
	memcpy(bytes.at + 1, hotline.id, 32);
	assert_int_equal(
		open_as(&provider, &hotline, hf_buf_span(&bytes), &text),
		HF_E_SIGNATURE);
	hf_buf_release(&bytes);
	hf_buf_release(&text);
}

static void a_recipient_cannot_pass_anothers_words_on(void **state)
{
	const struct hf_span words = hf_span(text_bytes, 100);
	struct hf_envelope_header header = header_of(&provider, &other);
	uint8_t inner[HF_SIGNATURE_BYTES], plain[4080];
	struct hf_envelope envelope;
	struct hf_why why = { "" };
	struct hf_buf bytes, text;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	seal(&hotline, &provider, words, &bytes, inner);
	/* The hotline's signature under the provider's own header, and under
	 * one that says it is from the hotline. */
	(void)plain_of(plain, sizeof(plain), words, inner);
	forge(&header, hf_span(plain, sizeof(plain)), other.receive_key,
	      provider.notice, &bytes);
	assert_int_equal(open_as(&other, &provider, hf_buf_span(&bytes), &text),
			 HF_E_SIGNATURE);
	header = header_of(&hotline, &other);
	forge(&header, hf_span(plain, sizeof(plain)), other.receive_key,
	      provider.notice, &bytes);
	assert_int_equal(open_as(&other, &hotline, hf_buf_span(&bytes), &text),
			 HF_E_SIGNATURE);
	/* Were its outer signature good, the inner one would still not be. */
	forge(&header, hf_span(plain, sizeof(plain)), other.receive_key,
	      hotline.notice, &bytes);
	assert_int_equal(open_as(&other, &hotline, hf_buf_span(&bytes), &text),
			 HF_E_SIGNATURE);
	assert_ok(hf_envelope_parse(hf_buf_span(&bytes), &envelope, &why),
		  &why);
	assert_int_equal(hf_envelope_check_inner(
				 envelope.header_bytes, words,
				 hf_secret_public(hotline.notice), inner, &why),
			 HF_E_SIGNATURE);
	hf_buf_release(&bytes);
	hf_buf_release(&text);
}

static void another_key_or_sender_is_refused(void **state)
{
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct party moved = provider;
	struct hf_buf bytes, text;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	seal(&hotline, &provider, hf_span(text_bytes, 100), &bytes, inner);
	assert_int_equal(open_as(&other, &hotline, hf_buf_span(&bytes), &text),
			 HF_E_DENIED);
	moved.receive_seed[31] ^= 1;
	assert_int_equal(open_as(&moved, &hotline, hf_buf_span(&bytes), &text),
			 HF_E_DENIED);
	assert_int_equal(open_as(&provider, &other, hf_buf_span(&bytes), &text),
			 HF_E_SIGNATURE);
	hf_buf_release(&bytes);
	hf_buf_release(&text);
}

static void what_is_no_envelope_is_refused(void **state)
{
	static uint8_t more[HF_ENVELOPE_MAX_BYTES + 1];
	const struct {
		const char *name;
		size_t at;
		uint8_t byte;
		enum hf_err want;
	} rows[] = {
		{ "version 0", 0, 0, HF_E_UNSUPPORTED },
		{ "version 2", 0, 2, HF_E_UNSUPPORTED },
		{ "class 0", 107, 0, HF_E_MALFORMED },
		{ "class 16384 of 4096 bytes", 107, 0x40, HF_E_MALFORMED },
		{ "class 4097", 108, 1, HF_E_MALFORMED },
		{ "class of 4 GiB", 105, 0xff, HF_E_MALFORMED },
	};
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_envelope_header header;
	struct hf_envelope envelope;
	struct hf_buf bytes;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	seal(&hotline, &provider, hf_span(text_bytes, 100), &bytes, inner);
	for (size_t cut = 0; cut < bytes.len_bytes; cut++)
		assert_int_equal(hf_envelope_parse(hf_span(bytes.at, cut),
						   &envelope, NULL),
				 HF_E_MALFORMED);
	memcpy(more, bytes.at, bytes.len_bytes);
	assert_int_equal(hf_envelope_parse(hf_span(more, bytes.len_bytes + 1),
					   &envelope, NULL),
			 HF_E_MALFORMED);
	assert_int_equal(
		hf_envelope_parse(hf_span(more, sizeof(more)), &envelope, NULL),
		HF_E_LIMIT);
	assert_int_equal(
		hf_envelope_header_parse(hf_span(more, 110), &header, NULL),
		HF_E_MALFORMED);
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t before = bytes.at[rows[i].at];

		bytes.at[rows[i].at] = rows[i].byte;
		if (hf_envelope_parse(hf_buf_span(&bytes), &envelope, NULL) !=
		    rows[i].want)
			fail_msg("%s", rows[i].name);
		bytes.at[rows[i].at] = before;
	}
	hf_buf_release(&bytes);
}

/* Sealed and signed by the real sender, who may not spell as he likes. */
static void a_text_has_one_spelling(void **state)
{
	const struct hf_envelope_header header = header_of(&hotline, &provider);
	const struct {
		const char *name;
		size_t plain_len_bytes;
		size_t at; /* of the plaintext, changed to byte */
		uint8_t byte;
		enum hf_err want;
	} rows[] = {
		{ "as it should be", 4080, 4079, 0, HF_OK },
		{ "a larger class than needed", 16368, 16367, 0,
		  HF_E_MALFORMED },
		{ "the largest class", 57328, 57327, 0, HF_E_MALFORMED },
		{ "no 0x80", 4080, 168, 0, HF_E_MALFORMED },
		{ "another byte behind it", 4080, 169, 1, HF_E_MALFORMED },
		{ "another last byte", 4080, 4079, 0x80, HF_E_MALFORMED },
		{ "a length past the end", 4080, 2, 0x10, HF_E_MALFORMED },
		{ "a length of 4 GiB", 4080, 0, 0xff, HF_E_MALFORMED },
		{ "a length of one less", 4080, 3, 99, HF_E_MALFORMED },
	};
	static uint8_t plain[57328];
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_buf bytes, text;

	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_span words = hf_span(text_bytes, 100);

		sign_inner(&header, provider.receive_key,
			   (uint32_t)rows[i].plain_len_bytes + 16, words,
			   hotline.notice, inner);
		(void)plain_of(plain, rows[i].plain_len_bytes, words, inner);
		plain[rows[i].at] = rows[i].byte;
		forge(&header, hf_span(plain, rows[i].plain_len_bytes),
		      provider.receive_key, hotline.notice, &bytes);
		if (open_as(&provider, &hotline, hf_buf_span(&bytes), &text) !=
		    rows[i].want)
			fail_msg("%s", rows[i].name);
	}
	hf_buf_release(&bytes);
	hf_buf_release(&text);
}

static void what_was_sealed_can_be_shown(void **state)
{
	struct hf_span words = hf_span(text_bytes, 100);
	uint8_t inner[HF_SIGNATURE_BYTES], seed[HF_SEED_BYTES];
	uint8_t wrong_inner[HF_SIGNATURE_BYTES], low[32] = { 1 };
	struct hf_envelope envelope;
	struct hf_why why = { "" };
	struct hf_buf bytes;

	memcpy(seed, ephemeral, sizeof(seed));
	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	seal(&hotline, &provider, words, &bytes, inner);
	assert_ok(hf_envelope_parse(hf_buf_span(&bytes), &envelope, &why),
		  &why);
	assert_ok(hf_envelope_prove(&envelope, words, inner,
				    provider.receive_key, seed, &why),
		  &why);
	memcpy(wrong_inner, inner, sizeof(inner));
	wrong_inner[63] ^= 1;
	seed[0] ^= 8;
	assert_int_equal(hf_envelope_prove(&envelope, words, inner,
					   provider.receive_key, seed, &why),
			 HF_E_PROOF);
	assert_int_equal(hf_envelope_prove(&envelope, words, wrong_inner,
					   provider.receive_key, ephemeral,
					   &why),
			 HF_E_PROOF);
	assert_int_equal(hf_envelope_prove(&envelope, words, inner,
					   other.receive_key, ephemeral, &why),
			 HF_E_PROOF);
	assert_int_equal(hf_envelope_prove(&envelope, words, inner, low,
					   ephemeral, &why),
			 HF_E_PROOF);
	words.len_bytes--;
	assert_int_equal(hf_envelope_prove(&envelope, words, inner,
					   provider.receive_key, ephemeral,
					   &why),
			 HF_E_PROOF);
	words = hf_span(text_bytes + 1, 100);
	assert_int_equal(hf_envelope_prove(&envelope, words, inner,
					   provider.receive_key, ephemeral,
					   &why),
			 HF_E_PROOF);
	words = hf_span(text_bytes, sizeof(text_bytes));
	assert_int_equal(hf_envelope_prove(&envelope, words, inner,
					   provider.receive_key, ephemeral,
					   &why),
			 HF_E_PROOF);
	hf_buf_release(&bytes);
}

static struct hf_span hex_of(const json_t *object, const char *name,
			     uint8_t *out, size_t size_bytes)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	assert_true(strlen(text) / 2 <= size_bytes);
	assert_int_equal(hf_hex_parse(hf_span_of(text), out, strlen(text) / 2),
			 HF_OK);
	return hf_span(out, strlen(text) / 2);
}

static void our_vectors_are_made_again(void **state)
{
	json_t *file = json_load_file(VECTORS, 0, NULL), *row;
	struct hf_buf bytes;
	size_t i;

	assert_non_null(file);
	assert_true(json_array_size(json_object_get(file, "cases")) >= 3);
	hf_buf_init(&bytes, HF_ENVELOPE_MAX_BYTES);
	json_array_foreach(json_object_get(file, "cases"), i, row)
	{
		uint8_t seed[32], key[32], want[64], digest[32], inner[64];
		struct hf_secret *notice = NULL;
		struct hf_envelope_header header;
		struct hf_why why = { "" };
		size_t len = (size_t)json_integer_value(
			json_object_get(row, "text_bytes"));

		assert_true(len <= HF_CASE_TEXT_MAX_BYTES);
		(void)hex_of(row, "sender_id", header.sender_id, 32);
		(void)hex_of(row, "recipient_id", header.recipient_id, 32);
		(void)hex_of(row, "event_id", header.event_id, 16);
		header.issued_ms = (uint64_t)json_integer_value(
			json_object_get(row, "issued_ms"));
		header.expires_ms = (uint64_t)json_integer_value(
			json_object_get(row, "expires_ms"));
		(void)hex_of(row, "notice_seed", seed, 32);
		assert_ok(hf_secret_from_seed(seed, &notice, &why), &why);
		(void)hex_of(row, "recipient_key", key, 32);
		(void)hex_of(row, "ephemeral_seed", seed, 32);
		hf_buf_reset(&bytes);
		/* The text is bytes 0, 7, 14 ... with a carry each 251. */
		assert_ok(hf_envelope_seal(&header, hf_span(text_bytes, len),
					   notice, key, seed, &bytes, inner,
					   &why),
			  &why);
		(void)hex_of(row, "header", want, 64);
		assert_memory_equal(bytes.at + 65, want, 44);
		(void)hex_of(row, "inner_signature", want, 64);
		assert_memory_equal(inner, want, 64);
		(void)hex_of(row, "enc", want, 32);
		assert_memory_equal(bytes.at + 109, want, 32);
		(void)hex_of(row, "sha256", want, 32);
		hf_sha256(bytes.at, bytes.len_bytes, digest);
		assert_memory_equal(digest, want, 32);
		hf_secret_free(notice);
	}
	hf_buf_release(&bytes);
	json_decref(file);
}

/* A receive key and the organisation that signs it. */
static void a_receive_key_is_its_organisations(void **state)
{
	struct hf_receive_key key = {
		.key = hf_span(provider.receive_key, 32),
		.organisation_id = hf_span(provider.id, 32),
		.from_ms = NOW_MS,
		.until_ms = NOW_MS + 120 * DAY_MS,
	};
	const struct hf_public_key *notice = hf_secret_public(provider.notice);
	struct hf_receive_key read, changed;
	uint8_t bad[64], low[32] = { 0 };
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf wire;

	hf_buf_init(&wire, 1024);
	hf_arena_init(&arena, 1 << 16);
	assert_ok(hf_receive_key_make(&key, provider.notice, &wire, &why),
		  &why);
	assert_ok(hf_receive_key_parse(hf_buf_span(&wire), &arena, &read, &why),
		  &why);
	assert_ok(hf_receive_key_check(&read, notice, provider.id, &why), &why);
	assert_true(read.from_ms == NOW_MS &&
		    read.until_ms == NOW_MS + 120 * DAY_MS);

	assert_int_equal(hf_receive_key_check(&read, notice, other.id, &why),
			 HF_E_CONFLICT);
	assert_int_equal(hf_receive_key_check(&read,
					      hf_secret_public(other.notice),
					      provider.id, &why),
			 HF_E_SIGNATURE);
	changed = read;
	changed.from_ms++;
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_SIGNATURE);
	changed = read;
	changed.until_ms = 0;
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_SIGNATURE);
	changed = read;
	changed.until_ms = read.from_ms;
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_ARGUMENT);
	changed = read;
	changed.key = hf_span(other.receive_key, 32);
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_SIGNATURE);
	changed.key = hf_span(low, 32);
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_ARGUMENT);
	changed = read;
	memcpy(bad, read.signature.at, 64);
	bad[5] ^= 1;
	changed.signature = hf_span(bad, 64);
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_SIGNATURE);
	changed.signature = hf_span(bad, 63);
	assert_int_equal(
		hf_receive_key_check(&changed, notice, provider.id, &why),
		HF_E_MALFORMED);
	hf_arena_release(&arena);
	hf_buf_release(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_comes_out_as_it_went_in),
		cmocka_unit_test(a_text_that_is_too_long_is_refused),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(a_relay_cannot_make_itself_the_author),
		cmocka_unit_test(a_recipient_cannot_pass_anothers_words_on),
		cmocka_unit_test(another_key_or_sender_is_refused),
		cmocka_unit_test(what_is_no_envelope_is_refused),
		cmocka_unit_test(a_text_has_one_spelling),
		cmocka_unit_test(what_was_sealed_can_be_shown),
		cmocka_unit_test(our_vectors_are_made_again),
		cmocka_unit_test(a_receive_key_is_its_organisations),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
