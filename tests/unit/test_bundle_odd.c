/* What verifies and is odd, or missing: said, and not refused. */
#include "bundle_stories.h"

static void expect(const char *part)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };

	assert_ok(verify(&report, &why), &why);
	if (!has_finding(&report, part))
		fail_msg("nothing says '%s'", part);
}

static void a_set_that_its_reader_may_not_read_is_named(void **state)
{
	struct story story;

	tell_silent(&story);
	rig_agree(story.there, &authority, hotline.agreement,
		  HF_SET_KIND_CASES);
	filled.logs[0].agreement = hf_buf_span(&story.there->agreement);
	expect("may not read that set");
}

static void a_checkpoint_of_another_time_is_named(void **state)
{
	struct story story;

	/* Older than what it has. */
	tell_silent(&story);
	rig_checkpoint(story.there, NOW_MS / 1000, NULL);
	filled.logs[0].note = hf_buf_span(&story.there->note);
	expect("is dated after the checkpoint");
	/* Of tomorrow. */
	rig_checkpoint(story.there, NOW_MS / 1000 + 9 * 24 * 3600, NULL);
	filled.logs[0].note = hf_buf_span(&story.there->note);
	expect("dated in the future");
}

static void an_expired_manifest_is_named_and_shows_what_it_showed(void **state)
{
	const struct hf_bundle_options options = { .now_ms = NOW_MS +
							     301 * DAY_MS };
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct story story;
	struct hf_buf bytes;

	tell_removed(&story);
	encode(&filled, &bytes);
	assert_ok(hf_bundle_verify(hf_buf_span(&bytes), &options, &arena,
				   &report, &why),
		  &why);
	hf_buf_release(&bytes);
	assert_true(report.parties[0].is_expired);
	assert_true(has_finding(&report, "hotline.example has expired"));
	assert_non_null(report.opening->receipt);
}

/* Version 2 of the provider's manifest: another notice key, from a time on. */
static struct hf_secret *rotate(struct made_up *next, uint64_t issued_ms,
				struct hf_buf *invite)
{
	struct hf_secret *notice = secret_of(99);
	struct hf_why why = { "" };

	assert_non_null(notice);
	*next = provider;
	hf_buf_init(&next->document, HF_MANIFEST_MAX_BYTES);
	next->manifest.version = 2;
	next->manifest.issued_ms = issued_ms;
	next->manifest.notice_key = public_span(notice);
	assert_ok(made_up_sign(next, &next->document, &why), &why);
	hf_buf_init(invite, HF_INVITE_MAX_BYTES);
	assert_int_equal(rig_invite(next, invite), HF_OK);
	hf_buf_release(&next->document);
	filled.manifests[2] = hf_buf_span(invite);
	filled.bundle.manifests_count = 3;
	return notice;
}

static void a_key_that_was_replaced_still_signed_what_it_signed(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct hf_secret *notice;
	struct made_up next;
	struct story story;
	struct hf_buf invite;

	/* After all it said: nothing is odd. */
	tell_removed(&story);
	notice = rotate(&next, NOW_MS + DAY_MS, &invite);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.parties_count, 2);
	assert_int_equal(report.parties[1].manifests_count, 2);
	assert_int_equal(report.parties[1].manifests[0]->version, 2);
	assert_int_equal(report.findings_count, 0);
	hf_secret_free(notice);
	hf_buf_release(&invite);

	/* Between receipt and removal: the old key said the latter. */
	tell_removed(&story);
	notice = rotate(&next, NOW_MS + HOUR_MS, &invite);
	assert_ok(verify(&report, &why), &why);
	assert_true(has_finding(&report, "after version 2 had replaced it"));
	hf_secret_free(notice);
	hf_buf_release(&invite);

	/* The new one says something; the old one had said the rest. */
	tell_removed(&story);
	notice = rotate(&next, NOW_MS + DAY_MS, &invite);
	story.back->notice = notice;
	add(story.back, &hotline, HF_CASE_EVENT_DISABLED, &story.opening,
	    story.back, story.removed, NOW_MS + 25 * HOUR_MS);
	seal_checkpoints();
	fill_two(&story);
	filled.manifests[2] = hf_buf_span(&invite);
	filled.bundle.manifests_count = 3;
	assert_ok(verify(&report, &why), &why);
	assert_string_equal(find(&report, HF_CASE_EVENT_DISABLED)->author->name,
			    "provider.example");
	filled.bundle.manifests_count = 2;
	assert_int_equal(verify(&report, &why), HF_E_SIGNATURE);
	hf_secret_free(notice);
	hf_buf_release(&invite);
}

static void a_receive_key_that_was_over_is_named(void **state)
{
	const struct {
		const char *name;
		uint64_t from_ms, until_ms;
		bool is_used, is_odd;
	} rows[] = {
		{ "in force", NOW_MS - HOUR_MS, NOW_MS + DAY_MS, true, false },
		{ "had ended", NOW_MS - DAY_MS, NOW_MS - HOUR_MS, true, true },
		{ "followed by another", NOW_MS - HOUR_MS, 0, false, true },
		{ "followed a moment ago", NOW_MS - MINUTE_MS, 0, false,
		  false },
	};
	const uint8_t seed[HF_SEED_BYTES] = { 77 };
	uint8_t key[HF_PUBLIC_KEY_BYTES];

	hf_receive_public(seed, key);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_bundle_report report;
		struct hf_why why = { "" };
		struct story story;

		rig_clear();
		story.there = rig_open(&hotline, &provider, "5f21c0de");
		story.back = rig_open(&provider, &hotline, "90ab12ef");
		rig_key(story.back, key, rows[i].from_ms, rows[i].until_ms);
		open_case(&story, &provider,
			  rows[i].is_used ? key : provider.receive);
		seal_checkpoints();
		fill_two(&story);
		assert_ok(verify(&report, &why), &why);
		assert_int_equal(report.opening->shown, HF_BUNDLE_SEALED);
		if (has_finding(&report, "may not have been able") !=
		    rows[i].is_odd)
			fail_msg("%s", rows[i].name);
	}
}

static void a_log_that_its_reader_saw_otherwise_is_named(void **state)
{
	struct hf_log_mark mark = { .size = 2 };
	struct hf_tree_hash other = { { 1, 2, 3 } }, root;
	struct hf_case_event event;
	struct hf_span after;
	struct story story;

	for (int is_fork = 0; is_fork < 2; is_fork++) {
		struct hf_bundle_report report;
		struct hf_why why = { "" };

		tell_removed(&story);
		hf_frontier_root(&story.there->frontier, &root);
		mark.origin = story.there->origin;
		mark.root = hf_span(is_fork ? other.bytes : root.bytes,
				    HF_HASH_BYTES);
		after = rig_id(story.there, story.offline);
		event = rig_event(HF_CASE_EVENT_CONTEST, &story.opening, &after,
				  NOW_MS + 8 * HOUR_MS);
		event.saw = &mark;
		event.saw_count = 1;
		rig_say(story.back, &hotline, &event, hotline.receive);
		seal_checkpoints();
		fill_two(&story);
		assert_ok(verify(&report, &why), &why);
		assert_int_equal(has_finding(&report, "saw another tree"),
				 is_fork);
	}
}

static void a_receipt_by_another_than_the_reader_shows_nothing(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct rig_set *third;
	struct story story;

	tell_silent(&story);
	third = rig_open(&authority, &hotline, "445566");
	acknowledge(third, &hotline, &story.opening, story.there, story.notice,
		    NOW_MS + MINUTE_MS);
	seal_checkpoints();
	fill_two(&story);
	filled.bundle.manifests_count = 3;
	assert_ok(verify(&report, &why), &why);
	assert_null(report.opening->receipt);
	assert_int_equal(report.now.acknowledged_ms, 0);
	assert_true(has_finding(&report, "which was sent to somebody else"));
	assert_true(has_finding(&report, "does not count: not-party"));
}

static void a_receipt_for_what_is_not_here_is_named(void **state)
{
	struct story story;

	tell_removed(&story);
	add(story.there, &provider, HF_CASE_EVENT_RENOTIFY, &story.opening,
	    story.there, story.notice, NOW_MS + 30 * MINUTE_MS);
	acknowledge(story.back, &hotline, &story.opening, story.there, 2,
		    NOW_MS + HOUR_MS);
	seal_checkpoints();
	fill_two(&story);
	/* All but the reminder. */
	memmove(&filled.entries[2], &filled.entries[3],
		4 * sizeof(filled.entries[0]));
	filled.bundle.entries_count--;
	expect("which is not in the bundle");
	/* Whatever names it waits for it. */
	expect("does not count: waiting");
}

static void a_notice_to_somebody_else_is_named(void **state)
{
	const struct hf_notice notice = notice_to(&authority);
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_NOTICE, NULL, NULL, NOW_MS);
	struct story story;

	rig_clear();
	story.there = rig_open(&hotline, &provider, "5f21c0de");
	event.notice = &notice;
	story.notice =
		rig_say(story.there, &provider, &event, provider.receive);
	seal_checkpoints();
	fill_two(&story);
	expect("names authority.example and was sent to somebody else");
}

/* By mail: the notice is in the hotline's own set without audience, sealed
 * for itself. */
static void a_provider_without_a_node_is_called_so(void **state)
{
	const struct hf_notice notice = notice_to(NULL);
	const struct hf_delivery delivery = {
		.means = "mail",
		.address = "abuse@elsewhere.example",
		.sent_ms = NOW_MS + MINUTE_MS,
	};
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_NOTICE, NULL, NULL, NOW_MS);
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct hf_span after;
	struct story story;

	rig_clear();
	story.there = rig_open(&hotline, NULL, "5f21c0de");
	event.notice = &notice;
	story.notice = rig_say(story.there, &hotline, &event, hotline.receive);
	story.opening = rig_ref(story.there, story.notice);
	after = rig_id(story.there, story.notice);
	event = rig_event(HF_CASE_EVENT_DELIVERY, &story.opening, &after,
			  NOW_MS + 2 * MINUTE_MS);
	event.delivery = &delivery;
	rig_say(story.there, &hotline, &event, hotline.receive);
	seal_checkpoints();
	fill_two(&story);
	filled.bundle.manifests_count = 1;
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.now.state, HF_CASE_DELIVERED);
	assert_int_equal(report.now.delivered_ms, NOW_MS + MINUTE_MS);
	assert_true(has_finding(&report, "elsewhere.example has no node"));
	assert_int_equal(report.findings_count, 1);
}

/* Sealed once more, for the receive key that followed: one event, twice in
 * the set, and the receipt is for the second. */
static void a_notice_that_was_sealed_again_is_one_notice(void **state)
{
	const struct hf_notice notice = notice_to(&provider);
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_NOTICE, NULL, NULL, NOW_MS);
	struct story story;
	uint8_t id[HF_EVENT_ID_BYTES] = { 9 };
	size_t again;

	rig_clear();
	story.there = rig_open(&hotline, &provider, "5f21c0de");
	story.back = rig_open(&provider, &hotline, "90ab12ef");
	event.notice = &notice;
	event.event_id = hf_span(id, sizeof(id));
	story.notice =
		rig_say(story.there, &provider, &event, provider.receive);
	story.opening = rig_ref(story.there, story.notice);
	again = rig_say(story.there, &provider, &event, provider.receive);
	acknowledge(story.back, &hotline, &story.opening, story.there, again,
		    NOW_MS + MINUTE_MS);
	seal_checkpoints();
	fill_two(&story);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.opening->index, story.notice);
	assert_non_null(report.opening->receipt);
	assert_int_equal(report.opening->receipt->receipt_of->index, again);
	assert_int_equal(report.now.acknowledged_ms, NOW_MS + MINUTE_MS);
	assert_int_equal(report.findings_count, 0);
}

static void more_findings_than_can_be_read_are_counted(void **state)
{
	struct hf_bundle_report report;
	struct hf_why why = { "" };
	struct hf_log_mark marks[8];
	struct hf_tree_hash other = { { 1, 2, 3 } };
	struct story story;

	tell_removed(&story);
	for (size_t i = 0; i < ROWS(marks); i++)
		marks[i] = (struct hf_log_mark){
			.origin = story.there->origin,
			.size = 2,
			.root = hf_span(other.bytes, HF_HASH_BYTES),
		};
	for (size_t i = 0; i < 10; i++) {
		struct hf_span after = rig_id(story.there, story.offline);
		struct hf_case_event event =
			rig_event(HF_CASE_EVENT_REVIEW, &story.opening, &after,
				  NOW_MS + 8 * HOUR_MS);

		event.saw = marks;
		event.saw_count = ROWS(marks);
		rig_say(story.back, &hotline, &event, hotline.receive);
	}
	seal_checkpoints();
	fill_two(&story);
	assert_ok(verify(&report, &why), &why);
	assert_int_equal(report.findings_count, 64);
	assert_true(has_finding(&report, "more that are not listed"));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_teardown(name, clear)
	const struct CMUnitTest tests[] = {
		STORY(a_set_that_its_reader_may_not_read_is_named),
		STORY(a_checkpoint_of_another_time_is_named),
		STORY(an_expired_manifest_is_named_and_shows_what_it_showed),
		STORY(a_key_that_was_replaced_still_signed_what_it_signed),
		STORY(a_receive_key_that_was_over_is_named),
		STORY(a_log_that_its_reader_saw_otherwise_is_named),
		STORY(a_receipt_by_another_than_the_reader_shows_nothing),
		STORY(a_receipt_for_what_is_not_here_is_named),
		STORY(a_notice_to_somebody_else_is_named),
		STORY(a_provider_without_a_node_is_called_so),
		STORY(a_notice_that_was_sealed_again_is_one_notice),
		STORY(more_findings_than_can_be_read_are_counted),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
