#include "unit.h"

#include <stdio.h>

#include "organisations.h"

static struct made_up hotline, partner;
static struct hf_arena arena;

static int start(void **state)
{
	hf_arena_init(&arena, (size_t)64 * 1024 * 1024);
	if (hf_sign_start(NULL) != HF_OK)
		return -1;
	return made_up_new(&hotline, "hotline.example", 10, 2, 2, NULL) ==
				       HF_OK &&
			       made_up_new(&partner, "partner.example", 20, 1,
					   1, NULL) == HF_OK
		       ? 0
		       : -1;
}

static int stop(void **state)
{
	made_up_free(&hotline);
	made_up_free(&partner);
	hf_arena_release(&arena);
	return 0;
}

static enum hf_err check(struct hf_span document, bool *out_is_proved,
			 struct hf_why *why)
{
	const struct hf_manifest *manifest;

	return hf_trust_manifest(document, &arena, &manifest, out_is_proved,
				 why);
}

static void a_manifest_verifies_and_its_id_is_its_keys(void **state)
{
	const struct hf_manifest *manifest;
	struct hf_why why = { "" };
	bool is_proved = false;

	assert_ok(hf_trust_manifest(hf_buf_span(&hotline.document), &arena,
				    &manifest, &is_proved, &why),
		  &why);
	assert_true(is_proved);
	assert_string_equal(manifest->name, "hotline.example");
	assert_int_equal(manifest->root_keys_count, 2);
	assert_memory_equal(manifest->organisation_id.at, hotline.id, 32);
}

static void the_id_does_not_depend_on_the_order_of_the_keys(void **state)
{
	struct hf_public_key keys[2] = {
		*hf_secret_public(hotline.roots[1]),
		*hf_secret_public(hotline.roots[0]),
	};
	uint8_t id[32];

	hf_trust_organisation_id(2, keys, 2, id);
	assert_memory_equal(id, hotline.id, 32);
	hf_trust_organisation_id(1, keys, 2, id);
	assert_memory_not_equal(id, hotline.id, 32);
}

/* Sign whatever is in org->manifest without looking at it, as a stranger
 * with his own program would. */
static void sign_blindly(const struct hf_manifest *manifest,
			 struct hf_secret *const *secrets, size_t count,
			 struct hf_buf *out)
{
	struct hf_document_signature signatures[4];
	uint8_t ids[4][HF_KEY_ID_BYTES], bytes[4][HF_SIGNATURE_BYTES];
	struct hf_signed_document document = { .signatures = signatures,
					       .signatures_count = count };
	struct hf_buf body, text;

	hf_buf_init(&body, HF_MANIFEST_MAX_BYTES);
	hf_buf_init(&text, HF_MANIFEST_MAX_BYTES);
	assert_int_equal(hf_manifest_encode(manifest, &body), HF_OK);
	document.body = hf_buf_span(&body);
	assert_int_equal(hf_document_sign_text(HF_DOCUMENT_MANIFEST,
					       document.body, &text),
			 HF_OK);
	for (size_t i = 0; i < count; i++) {
		hf_key_id(hf_secret_public(secrets[i]), ids[i]);
		hf_sign(secrets[i], hf_buf_span(&text), bytes[i]);
		signatures[i].key_id = hf_span(ids[i], HF_KEY_ID_BYTES);
		signatures[i].signature = hf_span(bytes[i], HF_SIGNATURE_BYTES);
	}
	hf_buf_reset(out);
	assert_int_equal(hf_signed_document_encode(&document, out), HF_OK);
	hf_buf_release(&body);
	hf_buf_release(&text);
}

static void a_manifest_needs_as_many_keys_as_it_says(void **state)
{
	struct hf_secret *const first = hotline.roots[0];
	struct hf_secret *const second = hotline.roots[1];
	const struct {
		const char *name;
		struct hf_secret *signers[3];
		size_t count;
		enum hf_err want;
	} rows[] = {
		{ "both", { first, second }, 2, HF_OK },
		{ "the other order", { second, first }, 2, HF_OK },
		{ "both and a stranger",
		  { partner.roots[0], first, second },
		  3,
		  HF_OK },
		{ "one", { first }, 1, HF_E_SIGNATURE },
		{ "the same twice", { first, first }, 2, HF_E_SIGNATURE },
		{ "one and a stranger",
		  { first, partner.roots[0] },
		  2,
		  HF_E_SIGNATURE },
		{ "an online key",
		  { first, hotline.agreement },
		  2,
		  HF_E_SIGNATURE },
	};
	struct hf_buf document;

	hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		bool is_proved;

		sign_blindly(&hotline.manifest, rows[i].signers, rows[i].count,
			     &document);
		if (check(hf_buf_span(&document), &is_proved, &why) !=
		    rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
	}
	hf_buf_release(&document);
}

static void a_changed_byte_is_found_wherever_it_is(void **state)
{
	struct hf_span good = hf_buf_span(&partner.document);
	uint8_t *bad = malloc(good.len_bytes);
	bool is_proved;

	assert_non_null(bad);
	for (size_t i = 0; i < good.len_bytes; i++) {
		struct hf_why why = { "" };

		memcpy(bad, good.at, good.len_bytes);
		bad[i] ^= 1;
		if (check(hf_span(bad, good.len_bytes), &is_proved, &why) ==
		    HF_OK)
			fail_msg("byte %zu changed and it verified", i);
		hf_arena_reset(&arena);
	}
	for (size_t i = 0; i < good.len_bytes; i++) {
		if (check(hf_span(good.at, i), &is_proved, NULL) == HF_OK)
			fail_msg("cut to %zu bytes and it verified", i);
		hf_arena_reset(&arena);
	}
	free(bad);
}

/* One field of a manifest set to what it may not be. */
static void fields_that_may_not_be_are_refused(void **state)
{
	static const uint8_t zeros[32];
	/* The identity: of order 1. */
	static const uint8_t small[32] = { 1 };
	struct hf_span small_span = hf_span(small, 32);
	enum {
		LIFE,
		BACKWARDS,
		SMALL_ROOT,
		SMALL_AGREEMENT,
		SMALL_NOTICE,
		SMALL_RECEIVE,
		TWO_USES,
		ROOT_USE,
		ZERO_RECEIVE,
		NO_DATE,
		OTHER_ID
	};
	const struct {
		const char *name;
		int what;
	} rows[] = {
		{ "valid for 14 months", LIFE },
		{ "expires before it is issued", BACKWARDS },
		{ "root key of small order", SMALL_ROOT },
		{ "agreement key of small order", SMALL_AGREEMENT },
		{ "notice key of small order", SMALL_NOTICE },
		{ "receive key of small order", SMALL_RECEIVE },
		{ "agreement and notice key the same", TWO_USES },
		{ "root key as notice key", ROOT_USE },
		{ "receive key of zeros", ZERO_RECEIVE },
		{ "never issued", NO_DATE },
		{ "another's organisation id", OTHER_ID },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_manifest bad = partner.manifest;
		const struct hf_secret *root = partner.roots[0];
		struct hf_why why = { "" };
		struct hf_buf document;

		switch (rows[i].what) {
		case LIFE:
			bad.expires_ms = bad.issued_ms + 420 * DAY_MS;
			break;
		case BACKWARDS:
			bad.expires_ms = bad.issued_ms - 1;
			break;
		case SMALL_ROOT:
			bad.root_keys = &small_span;
			break;
		case SMALL_AGREEMENT:
			bad.agreement_key = small_span;
			break;
		case SMALL_NOTICE:
			bad.notice_key = small_span;
			break;
		case SMALL_RECEIVE:
			bad.receive_key = small_span;
			break;
		case TWO_USES:
			bad.agreement_key = bad.notice_key;
			break;
		case ROOT_USE:
			bad.notice_key = bad.root_keys[0];
			break;
		case OTHER_ID:
			bad.organisation_id = hf_span(hotline.id, 32);
			break;
		case ZERO_RECEIVE:
			bad.receive_key = hf_span(zeros, 32);
			break;
		default:
			bad.issued_ms = 0;
			break;
		}
		hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
		if (hf_trust_manifest_make(&bad, &root, 1, &document, &why) ==
		    HF_OK)
			fail_msg("%s: was signed", rows[i].name);
		hf_buf_release(&document);
	}
}

static void a_stranger_cannot_sign_such_fields_either(void **state)
{
	static const uint8_t small[32] = { 1 };
	struct hf_span small_span = hf_span(small, 32);
	struct hf_manifest bad = partner.manifest;
	struct hf_why why = { "" };
	struct hf_buf document;
	bool is_proved;

	/* The identity as key verifies every message in some libraries. */
	bad.root_keys = &small_span;
	hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
	sign_blindly(&bad, partner.roots, 1, &document);
	assert_int_equal(check(hf_buf_span(&document), &is_proved, &why),
			 HF_E_ARGUMENT);
	hf_buf_release(&document);
}

/* --- Versions. ----------------------------------------------------------- */

static void only_the_next_version_follows(void **state)
{
	const struct {
		const char *name;
		uint64_t version;
		enum hf_err want;
	} rows[] = {
		{ "the next", 2, HF_OK },
		{ "the same", 1, HF_E_CONFLICT },
		{ "one skipped", 3, HF_E_CONFLICT },
		{ "none", 0, HF_E_ARGUMENT },
	};
	struct made_up org;
	struct hf_buf next;
	struct hf_why why = { "" };

	assert_ok(made_up_new(&org, "partner.example", 20, 1, 1, &why), &why);
	hf_buf_init(&next, HF_MANIFEST_MAX_BYTES);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_manifest *manifest;
		enum hf_err got;

		org.manifest.version = rows[i].version;
		got = made_up_sign(&org, &next, &why);
		if (got == HF_OK)
			got = hf_trust_manifest_next(&partner.manifest,
						     hf_buf_span(&next), &arena,
						     &manifest, &why);
		if (got != rows[i].want && rows[i].version != 0)
			fail_msg("%s: %s", rows[i].name, why.text);
		assert_true((got == HF_OK) == (rows[i].want == HF_OK));
	}
	hf_buf_release(&next);
	made_up_free(&org);
}

static void a_new_root_key_needs_the_old_one_too(void **state)
{
	struct made_up org;
	struct hf_manifest rotated;
	struct hf_span new_root;
	struct hf_why why = { "" };
	struct hf_buf document;
	const struct hf_manifest *manifest;
	struct hf_secret *new_only[1], *both[2];

	assert_ok(made_up_new(&org, "partner.example", 20, 1, 1, &why), &why);
	hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
	rotated = org.manifest;
	rotated.version = 2;
	new_root = public_span(org.roots[1]);
	rotated.root_keys = &new_root;
	new_only[0] = org.roots[1];
	both[0] = org.roots[0];
	both[1] = org.roots[1];

	sign_blindly(&rotated, new_only, 1, &document);
	assert_int_equal(hf_trust_manifest_next(&partner.manifest,
						hf_buf_span(&document), &arena,
						&manifest, &why),
			 HF_E_SIGNATURE);
	sign_blindly(&rotated, org.roots, 1, &document);
	assert_int_equal(hf_trust_manifest_next(&partner.manifest,
						hf_buf_span(&document), &arena,
						&manifest, &why),
			 HF_E_SIGNATURE);
	sign_blindly(&rotated, both, 2, &document);
	assert_ok(hf_trust_manifest_next(&partner.manifest,
					 hf_buf_span(&document), &arena,
					 &manifest, &why),
		  &why);
	hf_buf_release(&document);
	made_up_free(&org);
}

static void the_next_version_is_of_the_same_organisation(void **state)
{
	struct hf_why why = { "" };
	struct made_up org;
	struct hf_buf next;
	const struct hf_manifest *manifest;

	assert_ok(made_up_new(&org, "renamed.example", 20, 1, 1, &why), &why);
	hf_buf_init(&next, HF_MANIFEST_MAX_BYTES);
	org.manifest.version = 2;
	assert_ok(made_up_sign(&org, &next, &why), &why);
	assert_int_equal(hf_trust_manifest_next(&partner.manifest,
						hf_buf_span(&next), &arena,
						&manifest, &why),
			 HF_E_CONFLICT);
	org.manifest.name = "partner.example";
	org.manifest.organisation_id = hf_span(hotline.id, 32);
	assert_ok(made_up_sign(&org, &next, &why), &why);
	assert_int_equal(hf_trust_manifest_next(&partner.manifest,
						hf_buf_span(&next), &arena,
						&manifest, &why),
			 HF_E_CONFLICT);
	org.manifest.organisation_id = hf_span(org.id, 32);
	org.manifest.issued_ms = partner.manifest.issued_ms - 1;
	assert_ok(made_up_sign(&org, &next, &why), &why);
	assert_int_equal(hf_trust_manifest_next(&partner.manifest,
						hf_buf_span(&next), &arena,
						&manifest, &why),
			 HF_E_CONFLICT);
	hf_buf_release(&next);
	made_up_free(&org);
}

/* An invite of version 2 that claims the id of somebody else, to be given
 * what is shared with that other. */
static void an_id_is_not_taken_without_the_history_that_proves_it(void **state)
{
	struct hf_why why = { "" };
	struct made_up thief, org;
	struct hf_buf stolen, rotated;
	struct hf_span new_root, history;
	struct hf_secret *both[2];
	const struct hf_manifest *manifest;
	bool is_proved = true;

	assert_ok(made_up_new(&thief, "thief.example", 40, 1, 1, &why), &why);
	hf_buf_init(&stolen, HF_MANIFEST_MAX_BYTES);
	hf_buf_init(&rotated, HF_MANIFEST_MAX_BYTES);
	thief.manifest.organisation_id = hf_span(partner.id, 32);
	thief.manifest.version = 2;
	assert_ok(made_up_sign(&thief, &stolen, &why), &why);
	assert_ok(check(hf_buf_span(&stolen), &is_proved, &why), &why);
	assert_false(is_proved);
	assert_int_equal(hf_trust_manifest_chain(NULL, 0, hf_buf_span(&stolen),
						 &arena, &manifest, &why),
			 HF_E_ARGUMENT);
	history = hf_buf_span(&partner.document);
	assert_int_equal(hf_trust_manifest_chain(&history, 1,
						 hf_buf_span(&stolen), &arena,
						 &manifest, &why),
			 HF_E_SIGNATURE);

	/* With the old key's signature, history proves it. */
	assert_ok(made_up_new(&org, "partner.example", 20, 1, 1, &why), &why);
	new_root = public_span(org.roots[1]);
	org.manifest.version = 2;
	org.manifest.root_keys = &new_root;
	both[0] = org.roots[0];
	both[1] = org.roots[1];
	sign_blindly(&org.manifest, both, 2, &rotated);
	assert_ok(hf_trust_manifest_chain(&history, 1, hf_buf_span(&rotated),
					  &arena, &manifest, &why),
		  &why);
	assert_int_equal(hf_trust_manifest_chain(NULL, 0, hf_buf_span(&rotated),
						 &arena, &manifest, &why),
			 HF_E_ARGUMENT);
	hf_buf_release(&stolen);
	hf_buf_release(&rotated);
	made_up_free(&thief);
	made_up_free(&org);
}

/* --- Agreements. --------------------------------------------------------- */

static struct hf_agreement agreement_of(const struct made_up *org)
{
	return (struct hf_agreement){
		.origin = "hotline.example/ncii/1",
		.version = 1,
		.organisation_id = hf_span(org->id, 32),
		.log_key = public_span(org->log),
		.cosigner_key = public_span(org->cosigner),
		.cosigner_name = "hotline.example/cosigner",
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = NOW_MS,
		.expires_ms = NOW_MS + 30 * DAY_MS,
	};
}

static void an_agreement_is_its_publishers_or_refused(void **state)
{
	static const uint8_t small[32] = { 1 };
	enum {
		GOOD,
		OTHER_KEY,
		OTHER_ID,
		OTHER_DOMAIN,
		ROOT_KEY,
		SMALL_LOG,
		ONE_KEY,
		COSIGNER_NAME,
		LIFE,
		NOT_ORIGIN
	};
	const struct {
		const char *name;
		int what;
		enum hf_err want;
	} rows[] = {
		{ "good", GOOD, HF_OK },
		{ "another's agreement key", OTHER_KEY, HF_E_SIGNATURE },
		{ "another's organisation id", OTHER_ID, HF_E_CONFLICT },
		{ "an origin of another's domain", OTHER_DOMAIN,
		  HF_E_CONFLICT },
		{ "signed by a root key", ROOT_KEY, HF_E_SIGNATURE },
		{ "log key of small order", SMALL_LOG, HF_E_ARGUMENT },
		{ "log key as cosigner key", ONE_KEY, HF_E_ARGUMENT },
		{ "cosigner of another name", COSIGNER_NAME, HF_E_ARGUMENT },
		{ "valid for 14 months", LIFE, HF_E_ARGUMENT },
		{ "no origin", NOT_ORIGIN, HF_E_ARGUMENT },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_agreement agreement = agreement_of(&hotline);
		const struct hf_secret *key = hotline.agreement;
		const struct hf_agreement *read;
		struct hf_why why = { "" };
		struct hf_buf document;
		enum hf_err got;

		hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
		switch (rows[i].what) {
		case OTHER_KEY:
			key = partner.agreement;
			break;
		case OTHER_ID:
			agreement.organisation_id = hf_span(partner.id, 32);
			break;
		case OTHER_DOMAIN:
			agreement.origin = "partner.example/ncii/1";
			agreement.cosigner_name = "partner.example/cosigner";
			break;
		case ROOT_KEY:
			key = hotline.roots[0];
			break;
		case SMALL_LOG:
			agreement.log_key = hf_span(small, 32);
			break;
		case ONE_KEY:
			agreement.cosigner_key = agreement.log_key;
			break;
		case COSIGNER_NAME:
			agreement.cosigner_name = "partner.example/cosigner";
			break;
		case LIFE:
			agreement.expires_ms =
				agreement.issued_ms + 420 * DAY_MS;
			break;
		case NOT_ORIGIN:
			agreement.origin = "hotline.example";
			break;
		default:
			break;
		}
		got = hf_trust_agreement_make(&agreement, key, &document, &why);
		if (got == HF_OK)
			got = hf_trust_agreement(hf_buf_span(&document),
						 &hotline.manifest, &arena,
						 &read, &why);
		if (got != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(got),
				 why.text);
		hf_buf_release(&document);
	}
}

static void a_manifest_is_no_agreement(void **state)
{
	const struct hf_agreement *read;
	struct hf_why why = { "" };

	assert_int_not_equal(hf_trust_agreement(hf_buf_span(&hotline.document),
						&hotline.manifest, &arena,
						&read, &why),
			     HF_OK);
}

/* --- Invites and the fingerprint. ---------------------------------------- */

static void an_invite_comes_back_as_it_was(void **state)
{
	struct hf_invite_read invite;
	struct hf_why why = { "" };
	struct hf_buf text;

	hf_buf_init(&text, HF_INVITE_MAX_BYTES);
	assert_ok(hf_trust_invite_make(hf_buf_span(&hotline.document), NULL, 0,
				       &text, &why),
		  &why);
	assert_ok(hf_trust_invite(hf_buf_span(&text), &arena, &invite, &why),
		  &why);
	assert_true(
		hf_span_equal(invite.document, hf_buf_span(&hotline.document)));
	assert_string_equal(invite.manifest->name, "hotline.example");
	/* One letter typed wrong. */
	text.at[text.len_bytes / 2] ^= 1;
	assert_int_not_equal(
		hf_trust_invite(hf_buf_span(&text), &arena, &invite, &why),
		HF_OK);
	hf_buf_release(&text);
}

static void the_fingerprint_is_the_same_from_both_sides(void **state)
{
	char here[HF_FINGERPRINT_SIZE], there[HF_FINGERPRINT_SIZE];
	struct hf_span one = hf_buf_span(&hotline.document);
	struct hf_span other = hf_buf_span(&partner.document);

	hf_trust_fingerprint(hotline.id, one, partner.id, other, here);
	hf_trust_fingerprint(partner.id, other, hotline.id, one, there);
	assert_string_equal(here, there);
	assert_int_equal(strlen(here), HF_FINGERPRINT_SIZE - 1);
	for (size_t i = 0; i < strlen(here); i++) {
		if (i % 6 == 5)
			assert_int_equal(here[i], ' ');
		else
			assert_in_range(here[i], '0', '9');
	}
	/* Another document on either side changes it. */
	hf_trust_fingerprint(hotline.id, one, partner.id, one, there);
	assert_string_not_equal(here, there);
}

static void a_typed_fingerprint_may_have_blanks_and_no_mistake(void **state)
{
	const char *print = "01234 56789 01234 56789 01234 56789 01234 56789";
	const struct {
		const char *typed;
		bool want;
	} rows[] = {
		{ "01234 56789 01234 56789 01234 56789 01234 56789", true },
		{ "0123456789012345678901234567890123456789", true },
		{ " 01234-56789-01234-56789\n01234 56789 01234 56789\n", true },
		{ "01234 56789 01234 56789 01234 56789 01234 5678", false },
		{ "01234 56789 01234 56789 01234 56789 01234 567890", false },
		{ "11234 56789 01234 56789 01234 56789 01234 56789", false },
		{ "01234 56789", false },
		{ "", false },
		{ "x", false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_trust_fingerprint_is(print, hf_span_of(rows[i].typed)) !=
		    rows[i].want)
			fail_msg("'%s'", rows[i].typed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_verifies_and_its_id_is_its_keys),
		cmocka_unit_test(
			the_id_does_not_depend_on_the_order_of_the_keys),
		cmocka_unit_test(a_manifest_needs_as_many_keys_as_it_says),
		cmocka_unit_test(a_changed_byte_is_found_wherever_it_is),
		cmocka_unit_test(fields_that_may_not_be_are_refused),
		cmocka_unit_test(a_stranger_cannot_sign_such_fields_either),
		cmocka_unit_test(only_the_next_version_follows),
		cmocka_unit_test(a_new_root_key_needs_the_old_one_too),
		cmocka_unit_test(the_next_version_is_of_the_same_organisation),
		cmocka_unit_test(
			an_id_is_not_taken_without_the_history_that_proves_it),
		cmocka_unit_test(an_agreement_is_its_publishers_or_refused),
		cmocka_unit_test(a_manifest_is_no_agreement),
		cmocka_unit_test(an_invite_comes_back_as_it_was),
		cmocka_unit_test(the_fingerprint_is_the_same_from_both_sides),
		cmocka_unit_test(
			a_typed_fingerprint_may_have_blanks_and_no_mistake),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
