#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "notice_sides.h"
#include "sha256.h"

static int start(void **state)
{
	return hf_sign_start(NULL) == HF_OK ? 0 : -1;
}

static void a_notice_goes_from_signer_to_signer(void **state)
{
	struct hf_agent_record sent, received;
	struct hf_envelope envelope;
	struct hf_case_event event;
	struct hf_public_key notice = notice_key_of(&hotline);
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct passed passed;
	struct hf_span text;

	hf_arena_init(&arena, 1 << 20);
	passed_init(&passed);
	text = passed.opened.strings[1];
	assert_true(hf_span_equal(text, passed.sealed.strings[2]));
	assert_ok(hf_case_event_parse(text, &arena, &event, &why), &why);
	assert_true(event.at_ms == NOW_MS);
	assert_string_equal(event.notice->locators[0].url,
			    "https://host.example/x");
	assert_ok(hf_envelope_parse(passed.sealed.strings[0], &envelope, &why),
		  &why);
	assert_memory_equal(envelope.header.event_id, event_id, 16);
	assert_true(envelope.header.issued_ms == NOW_MS &&
		    envelope.header.expires_ms == NOW_MS + DAY_MS);

	/* Both have it after a restart, the sender with what proves it. */
	side_open(&hotline);
	side_open(&provider);
	assert_int_equal(read_record(&hotline, passed.sealed.strings[1], &sent),
			 HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&sent.text), text));
	assert_true(sent.has_ephemeral);
	assert_ok(hf_envelope_prove(&envelope, hf_buf_span(&sent.text),
				    sent.signature, passed.key, sent.ephemeral,
				    &why),
		  &why);
	assert_int_equal(
		read_record(&provider, passed.opened.strings[0], &received),
		HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&received.text), text));
	assert_false(received.has_ephemeral);
	assert_memory_equal(received.header, envelope.header_bytes.at, 109);
	assert_ok(hf_envelope_check_inner(
			  hf_span(received.header, sizeof(received.header)),
			  hf_buf_span(&received.text), &notice,
			  received.signature, &why),
		  &why);
	hf_buf_release(&sent.text);
	hf_buf_release(&received.text);
	passed_release(&passed);
	hf_arena_release(&arena);
}

static void a_receipt_says_what_was_opened(void **state)
{
	uint8_t key[HF_PUBLIC_KEY_BYTES], digest[32], leaf[32];
	struct hf_case_event event;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct answer receipt;
	struct passed passed;

	hf_arena_init(&arena, 1 << 20);
	answer_init(&receipt);
	passed_init(&passed);
	first_key(&hotline, key);
	put_event(HF_CASE_EVENT_RECEIPT, &passed.event);
	assert_int_equal(seal(&provider, &hotline, key,
			      hf_buf_span(&passed.event),
			      passed.opened.strings[0], &receipt),
			 HF_OK);
	assert_ok(hf_case_event_parse(receipt.strings[2], &arena, &event, &why),
		  &why);
	assert_non_null(event.receipt);
	assert_string_equal(event.receipt->origin, SET);
	assert_true(event.receipt->index == 77);
	memset(leaf, 0x1f, sizeof(leaf));
	assert_memory_equal(event.receipt->leaf_hash.at, leaf, 32);
	hf_sha256(passed.opened.strings[1].at,
		  passed.opened.strings[1].len_bytes, digest);
	assert_memory_equal(event.receipt->text_hash.at, digest, 32);

	/* Of nothing, of what we sent, of what others opened, by another. */
	assert_int_equal(seal(&provider, &hotline, key,
			      hf_buf_span(&passed.event), hf_span(NULL, 0),
			      &receipt),
			 HF_E_ARGUMENT);
	assert_int_equal(seal(&hotline, &provider, key,
			      hf_buf_span(&passed.event),
			      passed.sealed.strings[1], &receipt),
			 HF_E_ARGUMENT);
	assert_int_equal(seal(&hotline, &provider, key,
			      hf_buf_span(&passed.event),
			      passed.opened.strings[0], &receipt),
			 HF_E_SIGNATURE);
	provider.id[0] ^= 1;
	assert_int_equal(seal(&provider, &hotline, key,
			      hf_buf_span(&passed.event),
			      passed.opened.strings[0], &receipt),
			 HF_E_ARGUMENT);
	provider.id[0] ^= 1;
	/* Nothing else has one. */
	put_event(HF_CASE_EVENT_REVIEW, &passed.event);
	assert_int_equal(seal(&provider, &hotline, key,
			      hf_buf_span(&passed.event),
			      passed.opened.strings[0], &receipt),
			 HF_E_ARGUMENT);
	passed_release(&passed);
	answer_release(&receipt);
	hf_arena_release(&arena);
}

static void what_is_no_event_is_not_signed(void **state)
{
	uint8_t key[HF_PUBLIC_KEY_BYTES];
	struct hf_agent_request late = { .verb = HF_AGENT_SEAL };
	const struct hf_span rows[] = {
		BYTES(""),
		BYTES("hello"),
		BYTES("\x08\x03"), /* no event id */
		BYTES("\x08\xe7\x07\x12\x10"
		      "0123456789abcdef"), /* kind 999 */
		BYTES("\x08\x01\x12\x10"
		      "0123456789abcdef"), /* no notice */
		BYTES("\x08\x03\x12\x11"
		      "0123456789abcdefg"), /* a long id */
	};
	struct answer answer;
	struct hf_buf bytes;

	answer_init(&answer);
	hf_buf_init(&bytes, HF_CASE_TEXT_MAX_BYTES);
	first_key(&provider, key);
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (seal(&hotline, &provider, key, rows[i], hf_span(NULL, 0),
			 &answer) == HF_OK)
			fail_msg("row %zu was signed", i);
	}
	put_event(HF_CASE_EVENT_REVIEW, &bytes);
	assert_int_equal(seal(&hotline, &provider, key, hf_buf_span(&bytes),
			      hf_span(NULL, 0), &answer),
			 HF_OK);
	/* For a key of small order, and when it would be expired. */
	memset(key, 0, sizeof(key));
	assert_int_equal(seal(&hotline, &provider, key, hf_buf_span(&bytes),
			      hf_span(NULL, 0), &answer),
			 HF_E_ARGUMENT);
	late.seal.event = hf_buf_span(&bytes);
	late.seal.expires_ms = NOW_MS;
	assert_int_equal(ask_strings(&hotline, &late, NOW_MS, 3, &answer),
			 HF_E_ARGUMENT);
	hf_buf_release(&bytes);
	answer_release(&answer);
}

static void an_envelope_for_another_is_not_opened(void **state)
{
	struct answer answer;
	struct passed passed;
	uint8_t *at;

	answer_init(&answer);
	passed_init(&passed);
	/* The sender's own, which its record is for. */
	assert_int_equal(open_sealed(&hotline, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_E_DENIED);
	provider.id[5] ^= 1;
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_E_DENIED);
	assert_non_null(strstr(provider.said.why.text, "another recipient"));
	provider.id[5] ^= 1;
	/* Not the publisher's. */
	assert_int_equal(open_sealed(&provider, &provider,
				     passed.sealed.strings[0], &answer),
			 HF_E_SIGNATURE);
	at = (uint8_t *)passed.sealed.strings[0].at;
	at[2000] ^= 1;
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_E_SIGNATURE);
	passed_release(&passed);
	answer_release(&answer);
}

static void a_record_is_its_signers_alone(void **state)
{
	struct hf_agent_record record;
	struct passed passed;
	struct hf_span sealed;
	uint8_t *at;

	passed_init(&passed);
	sealed = passed.sealed.strings[1];
	assert_int_equal(read_record(&provider, sealed, &record),
			 HF_E_SIGNATURE);
	hf_buf_release(&record.text);
	assert_int_equal(read_record(&hotline,
				     hf_span(sealed.at, sealed.len_bytes - 1),
				     &record),
			 HF_E_SIGNATURE);
	hf_buf_release(&record.text);
	for (size_t cut = 0; cut <= 40; cut++) {
		assert_int_equal(
			read_record(&hotline, hf_span(sealed.at, cut), &record),
			HF_E_MALFORMED);
		hf_buf_release(&record.text);
	}
	at = (uint8_t *)sealed.at;
	for (size_t i = 0; i < sealed.len_bytes; i++) {
		at[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(read_record(&hotline, sealed, &record),
				 i == 0 ? HF_E_UNSUPPORTED : HF_E_SIGNATURE);
		at[i] ^= (uint8_t)(1 << i % 8);
		hf_buf_release(&record.text);
	}
	assert_int_equal(read_record(&hotline, sealed, &record), HF_OK);
	hf_buf_release(&record.text);
	passed_release(&passed);
}

static void a_draft_is_kept_and_shows_nothing(void **state)
{
	const struct hf_agent_request request = {
		.verb = HF_AGENT_STORE,
		.text = BYTES("a draft about https://host.example/x"),
	};
	static const uint8_t zeros[HF_ENVELOPE_HEADER_BYTES];
	struct hf_agent_record record;
	struct answer first, second;

	answer_init(&first);
	answer_init(&second);
	assert_int_equal(ask_strings(&hotline, &request, NOW_MS, 1, &first),
			 HF_OK);
	assert_int_equal(ask_strings(&hotline, &request, NOW_MS, 1, &second),
			 HF_OK);
	assert_false(hf_span_equal(first.strings[0], second.strings[0]));
	assert_null(memmem(first.strings[0].at, first.strings[0].len_bytes,
			   "host.example", 12));
	side_open(&hotline);
	assert_int_equal(read_record(&hotline, first.strings[0], &record),
			 HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&record.text), request.text));
	assert_memory_equal(record.header, zeros, sizeof(zeros));
	assert_false(record.has_ephemeral);
	hf_buf_release(&record.text);
	answer_release(&first);
	answer_release(&second);
}

static void a_signer_without_these_keys_does_all_else(void **state)
{
	const struct {
		const char *missing;
		enum hf_agent_verb verb;
		enum hf_err want;
	} rows[] = {
		{ "notice", HF_AGENT_SEAL, HF_E_NOTFOUND },
		{ "notice", HF_AGENT_RECEIVE_KEY, HF_E_NOTFOUND },
		{ "notice", HF_AGENT_STORE, HF_OK },
		{ "storage", HF_AGENT_SEAL, HF_E_NOTFOUND },
		{ "storage", HF_AGENT_OPEN, HF_E_NOTFOUND },
		{ "storage", HF_AGENT_READ, HF_E_NOTFOUND },
		{ "storage", HF_AGENT_STORE, HF_E_NOTFOUND },
		{ "storage", HF_AGENT_RECEIVE_KEY, HF_OK },
		{ "receive", HF_AGENT_STORE, HF_OK },
		/* The first one begins when it is asked for. */
		{ "receive", HF_AGENT_RECEIVE_KEY, HF_OK },
	};
	struct hf_buf body;

	hf_buf_init(&body, HF_AGENT_MESSAGE_MAX_BYTES);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_agent_request request = { .verb = rows[i].verb };
		const struct hf_agent_request status = {
			.verb = HF_AGENT_STATUS
		};
		char path[128], aside[160], file[32];

		request.open.origin = BYTES(SET);
		request.key_wish.rotate_ms = ROTATE;
		request.text = BYTES("draft");
		snprintf(file, sizeof(file), "%s.key", rows[i].missing);
		snprintf(path, sizeof(path), "%s/%s", provider.dir, file);
		snprintf(aside, sizeof(aside), "%s/aside", provider.dir);
		assert_int_equal(rename(path, aside), 0);
		side_open(&provider);
		assert_non_null(
			strstr(hf_signer_warning(provider.signer), file));
		assert_int_equal(ask(&provider, &status, NOW_MS, &body), HF_OK);
		if (ask(&provider, &request, NOW_MS, &body) != rows[i].want)
			fail_msg("row %zu: %s", i, provider.said.why.text);
		if (rows[i].want != HF_OK)
			assert_non_null(strstr(provider.said.why.text, file));
		assert_int_equal(rename(aside, path), 0);
	}
	hf_buf_release(&body);
}

static void keys_of_another_organisation_do_not_open(void **state)
{
	const enum hf_key_role roles[] = { HF_KEY_NOTICE, HF_KEY_STORAGE,
					   HF_KEY_RECEIVE };
	const struct hf_signer_options options = {
		provider.dir, NULL, { NULL, 0 }, false
	};

	side_close(&provider);
	for (size_t i = 0; i < ROWS(roles); i++) {
		const struct hf_key_facts facts = { .role = roles[i],
						    .domain =
							    BYTES("x.example"),
						    .created_ms = 1 };
		struct hf_signer *signer;
		struct hf_key *key = NULL;
		struct hf_why why = { "" };
		char path[128], aside[160];

		snprintf(path, sizeof(path), "%s/%s.key", provider.dir,
			 hf_key_role_name(roles[i]));
		snprintf(aside, sizeof(aside), "%s.aside", path);
		assert_int_equal(rename(path, aside), 0);
		assert_ok(hf_key_new(&facts, &key, &why), &why);
		home_put_key(provider.dir, key);
		hf_key_free(key);
		assert_int_equal(hf_signer_open(&options, &signer, &why),
				 HF_E_CONFLICT);
		assert_int_equal(rename(aside, path), 0);
		assert_int_equal(chmod(path, 0640), 0);
		assert_int_equal(hf_signer_open(&options, &signer, &why),
				 HF_E_DENIED);
		assert_int_equal(chmod(path, 0600), 0);
	}
}

static void a_question_cut_short_is_refused(void **state)
{
	struct hf_agent_request rows[] = {
		{ .verb = HF_AGENT_SEAL },        { .verb = HF_AGENT_OPEN },
		{ .verb = HF_AGENT_READ },        { .verb = HF_AGENT_STORE },
		{ .verb = HF_AGENT_RECEIVE_KEY },
	};
	const struct hf_span huge[] = {
		BYTES("HFA\x01\x00\x09\xff\xff\xff\xff"),
		BYTES("HFA\x01\x00\x09\x00\x01\x00\x01"),
		BYTES("HFA\x01\x00\x0a\x00\x00\xdf\xac"),
	};
	struct hf_agent_request parsed;
	struct hf_buf bytes;

	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	rows[0].seal.event = BYTES("event");
	rows[0].seal.receipt_of = BYTES("record");
	rows[1].open.origin = BYTES(SET);
	rows[1].open.envelope = BYTES("envelope");
	rows[2].record = BYTES("record");
	rows[3].text = BYTES("text");
	for (size_t i = 0; i < ROWS(rows); i++) {
		hf_buf_reset(&bytes);
		hf_agent_request_encode(&rows[i], &bytes);
		for (size_t cut = 0; cut < bytes.len_bytes; cut++)
			assert_int_equal(
				hf_agent_request_parse(hf_span(bytes.at, cut),
						       &parsed, NULL),
				HF_E_MALFORMED);
		assert_int_equal(hf_agent_request_parse(hf_buf_span(&bytes),
							&parsed, NULL),
				 HF_OK);
		hf_buf_put_u8(&bytes, 0);
		assert_int_equal(hf_agent_request_parse(hf_buf_span(&bytes),
							&parsed, NULL),
				 HF_E_MALFORMED);
	}
	for (size_t i = 0; i < ROWS(huge); i++)
		assert_int_equal(hf_agent_request_parse(huge[i], &parsed, NULL),
				 HF_E_LIMIT);
	hf_buf_release(&bytes);
}

int main(void)
{
#define WHOLE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		WHOLE(a_notice_goes_from_signer_to_signer),
		WHOLE(a_receipt_says_what_was_opened),
		WHOLE(what_is_no_event_is_not_signed),
		WHOLE(an_envelope_for_another_is_not_opened),
		WHOLE(a_record_is_its_signers_alone),
		WHOLE(a_draft_is_kept_and_shows_nothing),
		WHOLE(a_signer_without_these_keys_does_all_else),
		WHOLE(keys_of_another_organisation_do_not_open),
		WHOLE(a_question_cut_short_is_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
