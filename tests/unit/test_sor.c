#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report_cases.h"
#include "report_sor.h"
#include "sor.h"

#define CASE "0123456789abcdef0123456789abcdef"
#define AT   1768022701412u /* 2026-01-10 05:25 UTC */

static const uint8_t digest[32] = { 1 };
static const struct hf_hash pdq = { HF_ALGORITHM_PDQ,
				    { digest, sizeof(digest) },
				    0 };
static const struct hf_hash md5 = { HF_ALGORITHM_MD5, { digest, 16 }, 0 };
static const struct hf_hash frames = { HF_ALGORITHM_VPDQ, { digest, 32 }, 0 };
static const struct hf_contact contact = { "Someone", "desk@hotline.example",
					   "" };
static const struct hf_locator places[] = {
	{ "https://host.example/secret-name", "192.0.2.1", AT - 3 * D, AT, "" },
	{ "https://host.example/b", "", 0, 0, "" },
};

/* A case that the provider acted on, in one piece. */
struct one {
	struct hf_case_summary summary;
	struct hf_notice notice;
	struct hf_case_event events[4];
	struct hf_case_event_info infos[4];
	struct hf_get_case_response response;
};

static void begin(struct one *one)
{
	memset(one, 0, sizeof(*one));
	one->summary = removed("host.example", AT, 5 * H);
	one->summary.case_id = CASE;
	one->summary.side = HF_CASE_SIDE_PROVIDER;
	one->summary.regime = HF_REGIME_DSA;
	one->notice = (struct hf_notice){
		.provider = "host.example",
		.regime = HF_REGIME_DSA,
		.content_class = HF_CLASS_CSAM,
		.hashes = &pdq,
		.hashes_count = 1,
		.locators = places,
		.locators_count = 2,
		.explanation = "Jan de Vries sees it.",
		.contact = &contact,
		.is_good_faith = true,
		.legal_basis = "art. 252 Sr",
		.reference = "",
	};
	one->events[0] = (struct hf_case_event){ .kind = HF_CASE_EVENT_NOTICE,
						 .at_ms = AT,
						 .notice = &one->notice };
	one->events[1] = (struct hf_case_event){ .kind = HF_CASE_EVENT_RECEIPT,
						 .at_ms = AT + 60000 };
	one->events[2] = (struct hf_case_event){ .kind = HF_CASE_EVENT_REMOVED,
						 .at_ms = AT + D,
						 .acted_ms = AT + D,
						 .text = "Jan did it." };
	for (size_t i = 0; i < 4; i++)
		one->infos[i] = (struct hf_case_event_info){
			.author = "host.example",
			.event = &one->events[i],
			.is_applied = true,
			.refused = "",
		};
	one->response = (struct hf_get_case_response){
		.summary = &one->summary,
		.events = one->infos,
		.events_count = 3,
	};
}

/* Another event behind the three. */
static void then(struct one *one, enum hf_case_event_kind kind,
		 bool is_automatic)
{
	one->events[3] = (struct hf_case_event){ .kind = kind,
						 .at_ms = AT + 2 * D,
						 .is_automatic = is_automatic };
	one->response.events_count = 4;
}

static char read_text[65536];

/* Make it, write it, and have the rules checked by another program. */
static const char *stated(struct one *one, const struct hf_sor_options *options)
{
	static const struct hf_sor_options none;
	char path[] = "/tmp/hf-sor-XXXXXX", command[512];
	struct hf_why why = { "" };
	struct hf_sor sor;
	struct hf_buf out;
	size_t len;
	FILE *pipe;
	int fd;

	assert_ok(hf_sor_make(&one->response, options != NULL ? options : &none,
			      &sor, &why),
		  &why);
	hf_buf_init(&out, 65536);
	assert_ok(hf_sor_write(&sor, true, &out, &why), &why);
	if (getenv("HF_FAIL_ALLOC") != NULL) {
		hf_buf_release(&out);
		skip();
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, out.at, out.len_bytes),
			 (ssize_t)out.len_bytes);
	close(fd);
	hf_buf_release(&out);
	snprintf(command, sizeof(command),
		 "python3 %s/tests/unit/read_sor.py < %s 2>&1", HF_SOURCE_DIR,
		 path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	len = fread(read_text, 1, sizeof(read_text) - 1, pipe);
	read_text[len] = '\0';
	unlink(path);
	if (pclose(pipe) != 0)
		fail_msg("%s", read_text);
	return read_text;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in:\n%s", part, text);
}

static void a_removal_after_a_notice_is_stated_whole(void **state)
{
	struct one one;
	const char *text;

	begin(&one);
	text = stated(&one, NULL);
	has(text, "puid=" CASE "\n");
	has(text, "decision_visibility=DECISION_VISIBILITY_CONTENT_REMOVED\n");
	has(text, "decision_ground=DECISION_GROUND_ILLEGAL_CONTENT\n");
	has(text, "illegal_content_legal_ground=art. 252 Sr\n");
	has(text, "content_type=CONTENT_TYPE_IMAGE\n");
	has(text, "category=STATEMENT_CATEGORY_PROTECTION_OF_MINORS\n");
	has(text,
	    "category_specification=KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL\n");
	has(text, "content_date=2026-01-07\n");
	has(text, "application_date=2026-01-11\n");
	has(text, "source_type=SOURCE_ARTICLE_16\n");
	has(text, "automated_detection=No\n");
	has(text, "automated_decision=AUTOMATED_DECISION_NOT_AUTOMATED\n");
	has(text, "on 2026-01-10 as child sexual abuse material, at 2 places");
}

static void nothing_that_a_person_wrote_is_in_it(void **state)
{
	static const char *const secrets[] = {
		"secret-name", "Jan", "desk@", "hotline", "192.0.2.1", "https",
	};
	struct one one;
	const char *text;

	begin(&one);
	text = stated(&one, NULL);
	for (size_t i = 0; i < ROWS(secrets); i++) {
		if (strstr(text, secrets[i]) != NULL)
			fail_msg("'%s' is in:\n%s", secrets[i], text);
	}
}

static void sources_and_automation_are_told_apart(void **state)
{
	struct one one;
	const char *text;

	begin(&one);
	one.summary.is_priority = true;
	one.events[2].is_automatic = true;
	one.events[2].kind = HF_CASE_EVENT_DISABLED;
	text = stated(&one, NULL);
	has(text, "source_type=SOURCE_TRUSTED_FLAGGER\n");
	has(text, "automated_decision=AUTOMATED_DECISION_FULLY\n");
	has(text, "decision_visibility=DECISION_VISIBILITY_CONTENT_DISABLED\n");

	/* A program disabled it, then a person removed it. */
	then(&one, HF_CASE_EVENT_REMOVED, false);
	text = stated(&one, NULL);
	has(text, "decision_visibility=DECISION_VISIBILITY_CONTENT_REMOVED\n");
	has(text, "automated_decision=AUTOMATED_DECISION_PARTIALLY\n");
	has(text, "application_date=2026-01-11\n");

	/* Under the code, but with all that Art. 16(2) asks; then without. */
	begin(&one);
	one.summary.regime = HF_REGIME_NTD;
	has(stated(&one, NULL), "source_type=SOURCE_ARTICLE_16\n");
	one.notice.is_good_faith = false;
	has(stated(&one, NULL), "source_type=SOURCE_TYPE_OTHER_NOTIFICATION\n");

	/* Its own find: notifier and provider are one. */
	begin(&one);
	one.summary.regime = HF_REGIME_VOLUNTARY;
	one.summary.side = HF_CASE_SIDE_NOTIFIER;
	one.summary.notifier = "host.example";
	one.events[0].is_automatic = true;
	text = stated(&one, NULL);
	has(text, "source_type=SOURCE_VOLUNTARY\n");
	has(text, "automated_detection=Yes\n");
}

static void classes_and_labels_give_category_and_keywords(void **state)
{
	static const struct hf_label women = {
		"dsa", "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN"
	};
	static const struct hf_label other = { "iwf", "B" };
	static const struct {
		enum hf_class content_class;
		const struct hf_label *label;
		const char *type, *category, *keywords;
	} rows[] = {
		/* clang-format off */
		{ HF_CLASS_CSAM, &other, "synthetic", "PROTECTION_OF_MINORS", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE\n" },
		{ HF_CLASS_CSAM_SUSPECTED, NULL, NULL, "PROTECTION_OF_MINORS", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL\n" },
		{ HF_CLASS_NCII, NULL, NULL, "CYBER_VIOLENCE", "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING\n" },
		{ HF_CLASS_NCII, &women, "synthetic", "CYBER_VIOLENCE_AGAINST_WOMEN",
		  "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE+KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN\n" },
		{ HF_CLASS_TERRORIST, NULL, "video", "RISK_FOR_PUBLIC_SECURITY", "KEYWORD_TERRORIST_CONTENT\n" },
		{ HF_CLASS_OTHER, NULL, "other", "NOT_SPECIFIED_NOTICE", "\n" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_sor_options options = { .content_type =
								rows[i].type };
		struct one one;
		char want[200];
		const char *text;

		begin(&one);
		one.summary.content_class = rows[i].content_class;
		one.notice.labels = rows[i].label;
		one.notice.labels_count = rows[i].label != NULL;
		text = stated(&one, &options);
		snprintf(want, sizeof(want), "category=STATEMENT_CATEGORY_%s\n",
			 rows[i].category);
		has(text, want);
		snprintf(want, sizeof(want), "category_specification=%s",
			 rows[i].keywords);
		has(text, want);
	}
}

static void the_command_line_says_what_the_case_does_not(void **state)
{
	char ground[HF_SOR_GROUND_SIZE] = "";
	struct hf_sor_options options = { .legal_ground = ground,
					  .content_type = "video",
					  .content_ms = day("2025-12-24") };
	struct one one;
	const char *text;

	/* 500 characters, each of two bytes, are what fits. */
	for (int i = 0; i < 500; i++)
		strcat(ground, "\xc3\xa9");
	begin(&one);
	one.notice.legal_basis = "";
	one.notice.hashes = &md5;
	one.notice.locators_count = 0;
	text = stated(&one, &options);
	has(text, "content_type=CONTENT_TYPE_VIDEO\n");
	has(text, "content_date=2025-12-24\n");
	has(text, "\xc3\xa9\n");
	options.content_ms = 0;
	options.is_content_notice = true;
	has(stated(&one, &options), "content_date=2026-01-10\n");
	one.notice.hashes = &frames;
	options.content_type = NULL;
	has(stated(&one, &options), "content_type=CONTENT_TYPE_VIDEO\n");
}

static void what_is_missing_is_said(void **state)
{
	enum lack { LAW, LONG, TYPE, KIND, DATE, OLD, NOTICE, CLASS, ID };
	static const struct {
		const char *name;
		enum lack lack;
		const char *says;
	} rows[] = {
		{ "no law", LAW, "--legal-basis" },
		{ "a long law", LONG, "more than 500" },
		{ "no type", TYPE, "--type" },
		{ "no such type", KIND, "image, video" },
		{ "no date", DATE, "--content-date" },
		{ "too old", OLD, "2000-01-01" },
		{ "no notice", NOTICE, "notice" },
		{ "no class", CLASS, "class" },
		{ "no id", ID, "case id" },
	};
	static char long_law[600];

	memset(long_law, 'x', sizeof(long_law) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_sor_options options = { 0 };
		struct hf_why why = { "" };
		struct hf_sor sor;
		struct one one;

		begin(&one);
		switch (rows[i].lack) {
		case LAW:
			one.notice.legal_basis = "";
			break;
		case LONG:
			options.legal_ground = long_law;
			break;
		case TYPE:
			one.notice.hashes = &md5;
			break;
		case KIND:
			options.content_type = "painting";
			break;
		case DATE:
			one.notice.locators_count = 0;
			break;
		case OLD:
			options.content_ms = day("1999-12-31");
			break;
		case NOTICE:
			one.events[0].notice = NULL;
			break;
		case CLASS:
			one.summary.regime = HF_REGIME_VOLUNTARY;
			one.summary.content_class = HF_CLASS_OTHER;
			break;
		case ID:
			one.summary.case_id = "../../../etc/passwd";
			break;
		}
		if (hf_sor_make(&one.response, &options, &sor, &why) !=
			    HF_E_ARGUMENT ||
		    strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s: '%s'", rows[i].name, why.text);
	}
}

static void what_needs_no_statement_gets_none(void **state)
{
	static const struct hf_sor_options options;
	struct hf_why why = { "" };
	struct hf_sor sor;
	struct one one;

	begin(&one);
	one.summary.side = HF_CASE_SIDE_NOTIFIER;
	assert_int_equal(hf_sor_make(&one.response, &options, &sor, &why),
			 HF_E_NOTFOUND);
	has(why.text, "that provider's to make");

	begin(&one);
	one.infos[2].is_applied = false;
	assert_int_equal(hf_sor_make(&one.response, &options, &sor, &why),
			 HF_E_NOTFOUND);
	has(why.text, "nothing was removed");

	begin(&one);
	then(&one, HF_CASE_EVENT_REINSTATED, false);
	assert_int_equal(hf_sor_make(&one.response, &options, &sor, &why),
			 HF_E_NOTFOUND);

	/* Ordered first: Art. 17(5).  Ordered after it was gone: stated. */
	begin(&one);
	one.summary.ordered_ms = AT + H;
	assert_int_equal(hf_sor_make(&one.response, &options, &sor, &why),
			 HF_E_NOTFOUND);
	has(why.text, "17(5)");
	one.summary.ordered_ms = AT + 3 * D;
	assert_int_equal(hf_sor_make(&one.response, &options, &sor, &why),
			 HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removal_after_a_notice_is_stated_whole),
		cmocka_unit_test(nothing_that_a_person_wrote_is_in_it),
		cmocka_unit_test(sources_and_automation_are_told_apart),
		cmocka_unit_test(classes_and_labels_give_category_and_keywords),
		cmocka_unit_test(the_command_line_says_what_the_case_does_not),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(what_needs_no_statement_gets_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
