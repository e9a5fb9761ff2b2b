#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "codec_document.h"

static struct hf_arena arena;
static struct hf_buf wire;

static int begin(void **state)
{
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	return 0;
}

static int end(void **state)
{
	hf_arena_release(&arena);
	hf_buf_release(&wire);
	return 0;
}

static uint8_t ids[HF_AUDIENCE_MAX + 1][32];
static struct hf_span id_spans[HF_AUDIENCE_MAX + 1];

/* Different ids: the number, and a one behind so that none is empty. */
static void ids_make(void)
{
	for (size_t i = 0; i < ROWS(ids); i++) {
		ids[i][0] = (uint8_t)(i >> 8);
		ids[i][1] = (uint8_t)i;
		ids[i][31] = 1;
		id_spans[i] = hf_span(ids[i], 32);
	}
}

static const char *const endpoints[] = {
	"hotline.example:7443", "[2001:db8::1]:7443", "", "", "", "", "", "", ""
};

static struct hf_manifest good_manifest(void)
{
	ids_make();
	return (struct hf_manifest){
		.organisation_id = id_spans[100],
		.version = 1,
		.name = "hotline.example",
		.country = "NL",
		.root_keys = id_spans,
		.root_keys_count = 2,
		.threshold = 1,
		.agreement_key = id_spans[10],
		.notice_key = id_spans[11],
		.receive_key = id_spans[12],
		.tls_pins = id_spans + 20,
		.tls_pins_count = 1,
		.endpoints = endpoints,
		.endpoints_count = 2,
		.issued_ms = 1700000000000,
		.expires_ms = 1734000000000,
	};
}

static struct hf_agreement good_agreement(void)
{
	static const enum hf_class classes[] = { HF_CLASS_NCII, HF_CLASS_CSAM,
						 HF_CLASS_NCII };

	ids_make();
	return (struct hf_agreement){
		.origin = "hotline.example/ncii/1",
		.version = 3,
		.organisation_id = id_spans[HF_AUDIENCE_MAX],
		.log_key = id_spans[1],
		.cosigner_key = id_spans[2],
		.cosigner_name = "hotline.example/cosigner",
		.audience = id_spans,
		.audience_count = 2,
		.relay = HF_RELAY_LISTED,
		.relays = id_spans,
		.relays_count = 1,
		.witnesses = id_spans + 50,
		.witnesses_count = 1,
		.classes = classes,
		.classes_count = 2,
		.purpose = "Takedown",
		.issued_ms = 1700000000000,
		.expires_ms = 1734000000000,
	};
}

static enum hf_err encode_manifest(const struct hf_manifest *manifest)
{
	hf_buf_reset(&wire);
	return hf_manifest_encode(manifest, &wire);
}

static enum hf_err encode_agreement(const struct hf_agreement *agreement)
{
	hf_buf_reset(&wire);
	return hf_agreement_encode(agreement, &wire);
}

static void a_manifest_comes_back_as_it_was(void **state)
{
	struct hf_manifest manifest = good_manifest(), back;
	struct hf_why why = { "" };

	assert_int_equal(encode_manifest(&manifest), HF_OK);
	assert_ok(hf_manifest_parse(hf_buf_span(&wire), &arena, &back, &why),
		  &why);
	assert_string_equal(back.name, "hotline.example");
	assert_string_equal(back.endpoints[1], "[2001:db8::1]:7443");
	assert_true(hf_span_equal(back.root_keys[1], id_spans[1]));
	assert_true(hf_span_equal(back.receive_key, id_spans[12]));
	assert_int_equal(back.expires_ms, 1734000000000);
}

/* Each row spoils one field of a good manifest. */
#define SPOIL(name, type, statement)                                           \
	static void name(struct type *it)                                      \
	{                                                                      \
		statement;                                                     \
	}

SPOIL(m_nothing, hf_manifest, (void)it)
SPOIL(m_version, hf_manifest, it->version = 0)
SPOIL(m_name, hf_manifest, it->name = "Hotline.example")
SPOIL(m_no_name, hf_manifest, it->name = NULL)
SPOIL(m_country, hf_manifest, it->country = "nl")
SPOIL(m_no_country, hf_manifest, it->country = "")
SPOIL(m_short_id, hf_manifest, it->organisation_id.len_bytes = 31)
SPOIL(m_no_roots, hf_manifest, it->root_keys_count = 0)
SPOIL(m_8_roots, hf_manifest, it->root_keys_count = 8)
SPOIL(m_9_roots, hf_manifest, it->root_keys_count = 9)
SPOIL(m_threshold_0, hf_manifest, it->threshold = 0)
SPOIL(m_threshold_2, hf_manifest, it->threshold = 2)
SPOIL(m_threshold_3, hf_manifest, it->threshold = 3)
SPOIL(m_no_pins, hf_manifest, it->tls_pins_count = 0)
SPOIL(m_9_pins, hf_manifest, it->tls_pins_count = 9)
SPOIL(m_9_endpoints, hf_manifest, it->endpoints_count = 9)
SPOIL(m_bad_endpoint, hf_manifest, it->endpoints_count = 3)
SPOIL(m_no_endpoints, hf_manifest, it->endpoints_count = 0)
SPOIL(m_no_notice, hf_manifest, it->notice_key.len_bytes = 0)
SPOIL(m_no_life, hf_manifest, it->expires_ms = it->issued_ms)
SPOIL(m_root_twice, hf_manifest, memcpy(ids[1], ids[0], 32))
SPOIL(a_nothing, hf_agreement, (void)it)
SPOIL(a_origin, hf_agreement, it->origin = "ncii")
SPOIL(a_version, hf_agreement, it->version = 0)
SPOIL(a_cosigner, hf_agreement, it->cosigner_name = "")
SPOIL(a_member_twice, hf_agreement, memcpy(ids[1], ids[0], 32))
SPOIL(a_publisher, hf_agreement, it->organisation_id = id_spans[1])
SPOIL(a_full, hf_agreement, it->audience_count = HF_AUDIENCE_MAX)
SPOIL(a_too_full, hf_agreement, it->audience_count = HF_AUDIENCE_MAX + 1)
SPOIL(a_nobody, hf_agreement, it->audience_count = 0)
SPOIL(a_relay_0, hf_agreement, it->relay = (enum hf_relay)0)
SPOIL(a_relay_4, hf_agreement, it->relay = (enum hf_relay)4)
SPOIL(a_relay_none, hf_agreement, it->relay = HF_RELAY_NONE)
SPOIL(a_class_twice, hf_agreement, it->classes_count = 3)
SPOIL(a_any_class, hf_agreement, it->classes_count = 0)
SPOIL(a_no_life, hf_agreement, it->expires_ms = 5)

static void a_manifest_with_one_wrong_field_is_refused(void **state)
{
	static const struct {
		const char *name;
		void (*spoil)(struct hf_manifest *manifest);
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "nothing",              m_nothing,      HF_OK },
		{ "version 0",            m_version,      HF_E_ARGUMENT },
		{ "capital in the name",  m_name,         HF_E_ARGUMENT },
		{ "no name",              m_no_name,      HF_E_ARGUMENT },
		{ "small country",        m_country,      HF_E_ARGUMENT },
		{ "no country",           m_no_country,   HF_E_ARGUMENT },
		{ "id of 31 bytes",       m_short_id,     HF_E_LIMIT },
		{ "no root keys",         m_no_roots,     HF_E_ARGUMENT },
		{ "8 root keys",          m_8_roots,      HF_OK },
		{ "9 root keys",          m_9_roots,      HF_E_LIMIT },
		{ "threshold 0",          m_threshold_0,  HF_E_ARGUMENT },
		{ "threshold 2 of 2",     m_threshold_2,  HF_OK },
		{ "threshold 3 of 2",     m_threshold_3,  HF_E_ARGUMENT },
		{ "no pins",              m_no_pins,      HF_E_ARGUMENT },
		{ "9 pins",               m_9_pins,       HF_E_LIMIT },
		{ "9 endpoints",          m_9_endpoints,  HF_E_LIMIT },
		{ "an empty endpoint",    m_bad_endpoint, HF_E_ARGUMENT },
		{ "no endpoints",         m_no_endpoints, HF_OK },
		{ "no notice key",        m_no_notice,    HF_E_LIMIT },
		{ "expires as issued",    m_no_life,      HF_E_ARGUMENT },
		{ "a root key twice",     m_root_twice,   HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_manifest manifest = good_manifest();

		rows[i].spoil(&manifest);
		if (encode_manifest(&manifest) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

static void an_agreement_with_one_wrong_field_is_refused(void **state)
{
	static const struct {
		const char *name;
		void (*spoil)(struct hf_agreement *agreement);
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "nothing",              a_nothing,      HF_OK },
		{ "half an origin",       a_origin,       HF_E_ARGUMENT },
		{ "version 0",            a_version,      HF_E_ARGUMENT },
		{ "no cosigner name",     a_cosigner,     HF_E_LIMIT },
		{ "a member twice",       a_member_twice, HF_E_ARGUMENT },
		{ "publisher a member",   a_publisher,    HF_E_ARGUMENT },
		{ "4,096 members",        a_full,         HF_OK },
		{ "4,097 members",        a_too_full,     HF_E_LIMIT },
		{ "no members",           a_nobody,       HF_OK },
		{ "no relay value",       a_relay_0,      HF_E_ARGUMENT },
		{ "unknown relay value",  a_relay_4,      HF_E_ARGUMENT },
		{ "relays, not listed",   a_relay_none,   HF_E_ARGUMENT },
		{ "a class twice",        a_class_twice,  HF_E_ARGUMENT },
		{ "any class",            a_any_class,    HF_OK },
		{ "expires before",       a_no_life,      HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_agreement agreement = good_agreement();

		rows[i].spoil(&agreement);
		if (encode_agreement(&agreement) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

/* The encoder refuses what the parser refuses, so a bad body is made by
 * changing good bytes: the relay value is field 8, a varint. */
static void a_body_is_checked_when_it_is_parsed(void **state)
{
	struct hf_agreement agreement = good_agreement(), back;
	static const uint8_t relay[] = { 0x40, HF_RELAY_LISTED };
	struct hf_why why = { "" };
	uint8_t *at;

	assert_int_equal(encode_agreement(&agreement), HF_OK);
	assert_ok(hf_agreement_parse(hf_buf_span(&wire), &arena, &back, &why),
		  &why);
	at = memmem(wire.at, wire.len_bytes, relay, sizeof(relay));
	assert_non_null(at);
	at[1] = 7;
	assert_int_equal(
		hf_agreement_parse(hf_buf_span(&wire), &arena, &back, &why),
		HF_E_ARGUMENT);
	assert_string_equal(why.text, "agreement: relay: 7 is none of none, "
				      "members, listed");
}

static void what_is_signed_is_domain_zero_body(void **state)
{
	static uint8_t body[HF_AGREEMENT_MAX_BYTES + 1];

	assert_int_equal(hf_document_sign_text(HF_DOCUMENT_MANIFEST,
					       BYTES("body"), &wire),
			 HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&wire),
				  BYTES("hashfed/manifest/v1\0body")));
	hf_buf_reset(&wire);
	assert_int_equal(
		hf_document_sign_text(HF_DOCUMENT_AGREEMENT, BYTES(""), &wire),
		HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&wire),
				  BYTES("hashfed/agreement/v1\0")));
	assert_string_equal(hf_document_domain(HF_DOCUMENT_AGREEMENT),
			    "hashfed/agreement/v1");
	assert_int_equal(hf_document_sign_text(HF_DOCUMENT_AGREEMENT,
					       hf_span(body, sizeof(body)),
					       &wire),
			 HF_E_LIMIT);
	assert_int_equal(
		hf_document_sign_text(HF_DOCUMENT_MANIFEST,
				      hf_span(body, HF_MANIFEST_MAX_BYTES + 1),
				      &wire),
		HF_E_LIMIT);
}

static void a_document_keeps_its_body_verbatim(void **state)
{
	/* Not minimal, with an unknown field: never encoded again. */
	static const uint8_t body[] = { 0x10, 0x81, 0x00, 0xf8, 0x3e, 0x01 };
	static const uint8_t signature[64] = { 9 };
	struct hf_document_signature one = { BYTES("0123456789abcdef"),
					     hf_span(signature, 64) };
	struct hf_signed_document document = {
		.body = hf_span(body, sizeof(body)),
		.signatures = &one,
		.signatures_count = 1,
	};
	struct hf_signed_document back;
	struct hf_why why = { "" };

	assert_int_equal(hf_signed_document_encode(&document, &wire), HF_OK);
	assert_ok(hf_signed_document_parse(hf_buf_span(&wire), &arena, &back,
					   &why),
		  &why);
	assert_true(hf_span_equal(back.body, document.body));
	assert_true(hf_span_equal(back.signatures[0].signature, one.signature));
	hf_buf_reset(&wire);
	one.signature.len_bytes = 63;
	assert_int_equal(hf_signed_document_encode(&document, &wire),
			 HF_E_LIMIT);
}

static void an_invite_file_comes_back(void **state)
{
	static const uint8_t document[200] = { 1, 2, 3 };
	struct hf_span history[] = { BYTES("first"), BYTES("second") };
	struct hf_invite invite = {
		.manifest = hf_span(document, sizeof(document)),
		.history = history,
		.history_count = 2,
	};
	struct hf_why why = { "" };
	struct hf_invite back;

	assert_int_equal(hf_invite_text_encode(&invite, &wire), HF_OK);
	assert_memory_equal(wire.at, "-----BEGIN HASHFED INVITE-----\n", 31);
	assert_memory_equal(wire.at + wire.len_bytes - 29,
			    "-----END HASHFED INVITE-----\n", 29);
	assert_ok(hf_invite_text_parse(hf_buf_span(&wire), &arena, &back, &why),
		  &why);
	assert_true(hf_span_equal(back.manifest, invite.manifest));
	assert_int_equal(back.history_count, 2);
	assert_true(hf_span_equal(back.history[1], history[1]));

	hf_buf_put_text(&wire, "by the way\n");
	assert_int_equal(
		hf_invite_text_parse(hf_buf_span(&wire), &arena, &back, &why),
		HF_E_MALFORMED);
	wire.at[3] = '_';
	assert_int_equal(
		hf_invite_text_parse(hf_buf_span(&wire), &arena, &back, &why),
		HF_E_MALFORMED);
	assert_int_equal(
		hf_invite_text_parse(hf_span(NULL, 0), &arena, &back, &why),
		HF_E_MALFORMED);
}

static void the_largest_invite_fits_its_limit(void **state)
{
	static uint8_t document[HF_MANIFEST_MAX_BYTES];
	struct hf_span history = hf_span(document, 0);
	struct hf_invite invite = {
		.manifest = hf_span(document, sizeof(document)),
		.history = &history,
		.history_count = 1,
	};
	struct hf_why why = { "" };
	struct hf_invite back;

	/* Two tags and two lengths of three bytes. */
	history.len_bytes = HF_INVITE_WIRE_MAX_BYTES - sizeof(document) - 8;
	assert_int_equal(hf_invite_text_encode(&invite, &wire), HF_OK);
	assert_true(wire.len_bytes <= HF_INVITE_MAX_BYTES);
	assert_ok(hf_invite_text_parse(hf_buf_span(&wire), &arena, &back, &why),
		  &why);
	hf_buf_reset(&wire);
	history.len_bytes++;
	assert_int_equal(hf_invite_text_encode(&invite, &wire), HF_E_LIMIT);
	hf_buf_reset(&wire);
	while (hf_buf_failed(&wire) == HF_OK &&
	       wire.len_bytes <= HF_INVITE_MAX_BYTES)
		hf_buf_put_text(&wire, "\n");
	assert_int_equal(
		hf_invite_text_parse(hf_buf_span(&wire), &arena, &back, &why),
		HF_E_LIMIT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_manifest_comes_back_as_it_was),
		TEST(a_manifest_with_one_wrong_field_is_refused),
		TEST(an_agreement_with_one_wrong_field_is_refused),
		TEST(a_body_is_checked_when_it_is_parsed),
		TEST(what_is_signed_is_domain_zero_body),
		TEST(a_document_keeps_its_body_verbatim),
		TEST(an_invite_file_comes_back),
		TEST(the_largest_invite_fits_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
