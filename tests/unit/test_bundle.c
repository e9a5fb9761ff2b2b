/*
 * With HF_BUNDLE_WRITE=FOLDER in its environment this writes the bundles that
 * tests/vectors/bundle holds: see tests/vectors/README.md.
 */
#include "bundle_stories.h"

#include "file.h"

/* --- What a bundle shows. ------------------------------------------------ */

static void a_member_acknowledged_exactly_this_text(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	const struct hf_bundle_event *notice, *removed;
	struct story story;

	tell_removed(&story);
	assert_ok(verify(&report, &why), &why);
	notice = find(&report, HF_CASE_EVENT_NOTICE);
	removed = find(&report, HF_CASE_EVENT_REMOVED);
	assert_ptr_equal(notice, report.opening);
	assert_string_equal(notice->event->notice->locators[0].url, URL);
	assert_int_equal(notice->shown, HF_BUNDLE_SEALED);
	assert_string_equal(notice->author->name, "hotline.example");
	assert_string_equal(notice->recipient->name, "provider.example");
	assert_ptr_equal(notice->receipt, find(&report, HF_CASE_EVENT_RECEIPT));
	assert_ptr_equal(notice->receipt->receipt_of, notice);
	/* What the provider said is its word: the hotline has no more. */
	assert_int_equal(removed->shown, HF_BUNDLE_SIGNED);
	assert_string_equal(removed->author->name, "provider.example");
	assert_int_equal(report.events_count, 4);
	assert_int_equal(report.now.state, HF_CASE_VERIFIED_OFFLINE);
	assert_int_equal(report.now.acknowledged_ms, NOW_MS + MINUTE_MS);
	assert_int_equal(report.now.acted_ms, NOW_MS + 2 * HOUR_MS);
	assert_int_equal(report.now.offline_ms, NOW_MS + 5 * HOUR_MS);
	assert_ptr_equal(report.maker, notice->author);
	assert_int_equal(report.findings_count, 0);
}

static void logs_are_named_with_who_vouches_for_them(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;

	tell_removed(&story);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.parties_count, 2);
	assert_string_equal(report.sets[0].origin,
			    "hotline.example/5f21c0de/1");
	assert_int_equal(report.sets[0].size, 2);
	assert_int_equal(report.sets[0].entries_count, 2);
	assert_int_equal(report.sets[1].size, 3);
	assert_int_equal(report.sets[0].time_s, NOW_MS / 1000 + 2 * 24 * 3600);
	/* The provider's line on the hotline's note, by a key that its own
	 * agreement names. */
	assert_int_equal(report.sets[0].cosigners_count, 1);
	assert_string_equal(report.sets[0].cosigners[0].name,
			    "provider.example/cosigner");
	assert_string_equal(report.sets[0].cosigners[0].party->name,
			    "provider.example");
	assert_int_equal(report.sets[0].cosigners[0].time_s,
			 report.sets[0].time_s);
	assert_int_equal(report.sets[1].cosigners_count, 0);
	/* So it had the tree that has the notice. */
	assert_int_equal(report.opening->cosigned_s, report.sets[0].time_s);
}

static void a_witness_that_nobody_here_knows_is_named_not_believed(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;

	tell_removed(&story);
	rig_checkpoint(story.there, NOW_MS / 1000, &authority);
	filled.logs[0].note = hf_buf_span(&story.there->note);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.sets[0].cosigners_count, 1);
	assert_string_equal(report.sets[0].cosigners[0].name,
			    "authority.example/cosigner");
	assert_null(report.sets[0].cosigners[0].party);
	assert_int_equal(report.sets[0].cosigners[0].time_s, 0);
}

static void a_silent_provider_is_shown_what_it_was_sent(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;

	tell_silent(&story);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.opening->shown, HF_BUNDLE_SEALED);
	assert_null(report.opening->receipt);
	assert_int_equal(report.now.acknowledged_ms, 0);
	assert_int_equal(report.now.renotified, 1);
	assert_true(has_finding(&report, "No receipt by provider.example"));
	assert_false(has_finding(&report, "Nothing shows"));
}

static void a_notice_that_only_its_author_signed_shows_no_more(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;

	tell_silent(&story);
	filled.entries[0].ephemeral = hf_span(NULL, 0);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.opening->shown, HF_BUNDLE_SIGNED);
	assert_true(has_finding(&report, "Nothing shows that the text"));
}

static void without_its_receive_key_a_text_is_not_shown(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;

	/* Sealed with the key that entry 0 of the provider's set gives. */
	tell_removed(&story);
	filled.entries[2] = filled.entries[4];
	filled.bundle.entries_count = 4;
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.opening->shown, HF_BUNDLE_SIGNED);
	assert_true(has_finding(&report, "the receive key"));
	/* The receipt is still for this text. */
	assert_non_null(report.opening->receipt);
}

static void an_authority_shows_what_it_was_told_and_ordered(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	const struct hf_bundle_event *notice, *order;
	struct authority_story story;

	tell_ordered(&story);
	assert_ok(verify(&report, &why), &why);
	notice = find(&report, HF_CASE_EVENT_NOTICE);
	assert_ptr_equal(notice, report.opening);
	assert_null(notice->set);
	assert_string_equal(notice->quote->author->name, "hotline.example");
	assert_int_equal(notice->shown, HF_BUNDLE_SIGNED);
	/* Only signed by the hotline, and yet shown: the provider's receipt
	 * is for this text. */
	assert_non_null(notice->receipt);
	assert_string_equal(notice->receipt->author->name, "provider.example");
	order = find(&report, HF_CASE_EVENT_ORDER);
	assert_int_equal(order->shown, HF_BUNDLE_SEALED);
	assert_non_null(order->receipt);
	assert_int_equal(report.now.state, HF_CASE_COMPLIED);
	assert_int_equal(report.now.ordered_ms, NOW_MS + 31 * HOUR_MS);
	assert_false(report.are_powers_checked);
	assert_true(has_finding(&report, "powers were not checked"));
	assert_int_equal(report.findings_count, 1);
}

static uint32_t no_powers(void *context, const uint8_t id[static HF_HASH_BYTES],
			  uint64_t at_ms)
{
	size_t *asked = context;

	if (memcmp(id, authority.id, HF_HASH_BYTES) == 0)
		++*asked;
	return 0;
}

static void whoever_knows_the_powers_is_asked(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct authority_story story;
	struct hf_bundle_options options = { .powers = no_powers };
	struct hf_buf bytes;
	size_t asked = 0;

	options.context = &asked;
	tell_ordered(&story);
	encode(&filled, &bytes);
	hf_arena_reset(&arena);
	assert_ok(hf_bundle_verify(hf_buf_span(&bytes), &options, &arena,
				   &report, &why),
		  &why);
	hf_buf_release(&bytes);
	assert_true(asked > 0);
	assert_true(report.are_powers_checked);
	assert_int_equal(find(&report, HF_CASE_EVENT_ORDER)->fate,
			 HF_CASE_FATE_NO_POWER);
	assert_true(has_finding(&report, "does not count"));
}

/* --- Bytes and files. ---------------------------------------------------- */

static void only_one_spelling_is_a_bundle(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;
	struct hf_buf bytes;

	tell_silent(&story);
	encode(&filled, &bytes);
	/* A field 15 of no bytes behind all that is known. */
	hf_buf_put(&bytes, BYTES("\x7a\x00"));
	hf_arena_reset(&arena);
	assert_int_equal(hf_bundle_verify(hf_buf_span(&bytes), NULL, &arena,
					  &report, &why),
			 HF_E_MALFORMED);
	assert_non_null(strstr(why.text, "spelled otherwise"));
	hf_buf_release(&bytes);
}

static void a_cut_bundle_is_refused_wherever_it_is_cut(void **state)
{
	struct hf_bundle_report report;
	struct story story;
	struct hf_buf bytes;

	tell_silent(&story);
	encode(&filled, &bytes);
	for (size_t len = 0; len < bytes.len_bytes; len += 41) {
		hf_arena_reset(&arena);
		if (hf_bundle_verify(hf_span(bytes.at, len), NULL, &arena,
				     &report, NULL) == HF_OK)
			fail_msg("verifies with %zu bytes", len);
	}
	hf_buf_release(&bytes);
}

/* How many of the bytes, one in so many, may be others. */
static size_t count_free_bytes(size_t step)
{
	struct hf_bundle_report report;
	struct hf_buf bytes;
	size_t count = 0;

	encode(&filled, &bytes);
	for (size_t at = 0; at < bytes.len_bytes; at += step) {
		bytes.at[at] ^= 1;
		hf_arena_reset(&arena);
		if (hf_bundle_verify(hf_buf_span(&bytes), NULL, &arena, &report,
				     NULL) == HF_OK)
			count++;
		bytes.at[at] ^= 1;
	}
	hf_buf_release(&bytes);
	return count;
}

static void a_changed_byte_is_refused_wherever_it_is(void **state)
{
	struct story story;

	/* Without a witness: his line may become one of an unknown key. */
	tell_removed(&story);
	rig_checkpoint(story.there, NOW_MS / 1000 + 2 * 24 * 3600, NULL);
	fill_two(&story);
	/* When it was made, and by whom, is said and not shown: 38 bytes. */
	assert_true(count_free_bytes(61) <= 1);
}

static void too_much_is_refused_before_it_is_read(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	size_t len = HF_MESSAGE_MAX_BYTES + 1;
	uint8_t *zeros = calloc(1, len);

	assert_non_null(zeros);
	hf_arena_reset(&arena);
	assert_int_equal(hf_bundle_verify(hf_span(zeros, len), NULL, &arena,
					  &report, &why),
			 HF_E_LIMIT);
	assert_int_equal(hf_bundle_verify_file(
				 hf_span(zeros, HF_BUNDLE_FILE_MAX_BYTES + 1),
				 NULL, &arena, &report, &why),
			 HF_E_LIMIT);
	free(zeros);
}

static void a_file_comes_back_as_it_was(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;
	struct hf_buf bytes, text;

	tell_removed(&story);
	encode(&filled, &bytes);
	hf_buf_init(&text, HF_BUNDLE_FILE_MAX_BYTES);
	assert_ok(hf_bundle_file(hf_buf_span(&bytes), &text, &why), &why);
	hf_buf_release(&bytes);
	hf_arena_reset(&arena);
	assert_ok(hf_bundle_verify_file(hf_buf_span(&text), NULL, &arena,
					&report, &why),
		  &why);
	assert_int_equal(report.events_count, 4);
	assert_int_equal(hf_bundle_verify_file(BYTES("hello"), NULL, &arena,
					       &report, &why),
			 HF_E_MALFORMED);
	assert_string_equal(why.text, "bundle: does not begin with "
				      "-----BEGIN HASHFED BUNDLE-----");
	hf_buf_release(&text);
}

static void what_is_too_large_for_a_file_is_not_written(void **state)
{
	struct hf_why why = { "" };
	size_t len = HF_BUNDLE_FILE_MAX_BYTES / 4 * 3 + 1;
	uint8_t *zeros = calloc(1, len);
	struct hf_buf text;

	assert_non_null(zeros);
	hf_buf_init(&text, HF_MESSAGE_MAX_BYTES * 2);
	assert_int_equal(hf_bundle_file(hf_span(zeros, len), &text, &why),
			 HF_E_LIMIT);
	assert_int_equal(text.len_bytes, 0);
	free(zeros);
	hf_buf_release(&text);
}

static void tell(size_t number)
{
	struct authority_story ordered;
	struct story story;

	if (number == 0)
		tell_removed(&story);
	else if (number == 1)
		tell_silent(&story);
	else
		tell_ordered(&ordered);
}

static void the_bundles_that_are_kept_are_what_the_rig_makes(void **state)
{
	static const char *const names[] = { "removed", "silent", "ordered" };
	const char *folder = getenv("HF_BUNDLE_WRITE");

	for (size_t i = 0; i < ROWS(names); i++) {
		struct hf_why why = { "" };
		struct hf_buf bytes, text, kept;
		char path[512];

		tell(i);
		encode(&filled, &bytes);
		hf_buf_init(&text, HF_BUNDLE_FILE_MAX_BYTES);
		hf_buf_init(&kept, HF_BUNDLE_FILE_MAX_BYTES);
		assert_ok(hf_bundle_file(hf_buf_span(&bytes), &text, &why),
			  &why);
		if (folder != NULL) {
			snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
			assert_ok(hf_file_replace(path, hf_buf_span(&text),
						  0644, &why),
				  &why);
		}
		snprintf(path, sizeof(path),
			 HF_SOURCE_DIR "/tests/vectors/bundle/%s", names[i]);
		assert_ok(hf_file_read(path, &kept, &why), &why);
		if (!hf_span_equal(hf_buf_span(&text), hf_buf_span(&kept)))
			fail_msg("%s is another", path);
		hf_buf_release(&bytes);
		hf_buf_release(&text);
		hf_buf_release(&kept);
	}
}

static void a_case_is_called_as_the_specification_says(void **state)
{
	char id[33];

	hf_bundle_case_id("hotline.example/5f21c0de/1", 7, id);
	assert_int_equal(strlen(id), 32);
	/* By Python's hashlib. */
	assert_string_equal(id, "106279e920ebc48494b69e609bdccc9b");
}

int main(void)
{
#define STORY(name) cmocka_unit_test_teardown(name, clear)
	const struct CMUnitTest tests[] = {
		STORY(a_member_acknowledged_exactly_this_text),
		STORY(logs_are_named_with_who_vouches_for_them),
		STORY(a_witness_that_nobody_here_knows_is_named_not_believed),
		STORY(a_silent_provider_is_shown_what_it_was_sent),
		STORY(a_notice_that_only_its_author_signed_shows_no_more),
		STORY(without_its_receive_key_a_text_is_not_shown),
		STORY(an_authority_shows_what_it_was_told_and_ordered),
		STORY(whoever_knows_the_powers_is_asked),
		STORY(only_one_spelling_is_a_bundle),
		STORY(a_cut_bundle_is_refused_wherever_it_is_cut),
		STORY(a_changed_byte_is_refused_wherever_it_is),
		STORY(too_much_is_refused_before_it_is_read),
		STORY(a_file_comes_back_as_it_was),
		STORY(what_is_too_large_for_a_file_is_not_written),
		STORY(the_bundles_that_are_kept_are_what_the_rig_makes),
		STORY(a_case_is_called_as_the_specification_says),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
