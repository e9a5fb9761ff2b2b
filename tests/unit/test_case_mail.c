#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "limit.h"

#include "case_mail.h"
#include "mail_form.h"

#define CASE "0123456789abcdef0123456789abcdef"

/* 2026-01-10 05:25:01.412 UTC, a Saturday. */
#define AT 1768022701412u

static char read_text[256 * 1024];

static struct hf_notice a_notice(void)
{
	static const struct hf_contact contact = {
		.name = "Meldpunt, \"nacht\"",
		.email = "desk@hotline.example",
		.phone = "+31 20 1234567",
	};
	static const struct hf_locator places[] = {
		{ .url = "https://host.example/a;b?c=\"d\"",
		  .ip = "192.0.2.7",
		  .first_seen_ms = AT,
		  .last_seen_ms = AT + 1000,
		  .note = "=HYPERLINK(\"x\")" },
		{ .url = "https://host.example/\xc3\xa9",
		  .ip = "",
		  .note = "two\nlines" },
	};
	static const uint8_t digest[16] = { 0xab };
	static const struct hf_hash hashes[] = {
		{ HF_ALGORITHM_MD5, { digest, sizeof(digest) }, 0 },
	};

	return (struct hf_notice){
		.provider = "host.example",
		.regime = HF_REGIME_NTD,
		.content_class = HF_CLASS_CSAM,
		.hashes = hashes,
		.hashes_count = 1,
		.locators = places,
		.locators_count = 2,
		.explanation = "It shows\nwhat it must not.",
		.contact = &contact,
		.is_good_faith = true,
		.jurisdiction = "NL",
		.legal_basis = "art. 252 Sr",
		.reference = "2026-17",
		.deadline_ms = (uint64_t)24 * 3600 * 1000,
	};
}

static struct hf_case_mail a_mail(const struct hf_notice *notice)
{
	return (struct hf_case_mail){
		.notice = notice,
		.case_id = CASE,
		.organisation = "hotline.example",
		.date_ms = AT,
	};
}

/* Give it to Python's email module; what that prints. */
static const char *read_as_others_do(struct hf_span mail)
{
	char path[] = "/tmp/hf-mail-XXXXXX";
	char command[512];
	size_t len;
	FILE *out;
	int fd;

	/* Under torture nothing has to be right, and this takes long. */
	if (getenv("HF_FAIL_ALLOC") != NULL)
		skip();
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, mail.at, mail.len_bytes),
			 (ssize_t)mail.len_bytes);
	close(fd);
	snprintf(command, sizeof(command),
		 "python3 %s/tests/unit/read_mail.py < %s 2>&1", HF_SOURCE_DIR,
		 path);
	out = popen(command, "r");
	assert_non_null(out);
	len = fread(read_text, 1, sizeof(read_text) - 1, out);
	read_text[len] = '\0';
	unlink(path);
	if (pclose(out) != 0)
		fail_msg("%s\n%.*s", read_text, (int)mail.len_bytes,
			 (const char *)mail.at);
	return read_text;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' is in:\n%s", part, text);
}

/* Make it and read it. */
static const char *made(const struct hf_case_mail *mail)
{
	struct hf_buf out;
	struct hf_why why = { "" };
	const char *text;

	hf_buf_init(&out, HF_MAIL_MAX_BYTES);
	assert_ok(hf_case_mail(mail, &out, &why), &why);
	text = read_as_others_do(hf_buf_span(&out));
	hf_buf_release(&out);
	return text;
}

static void a_notice_says_what_article_16_asks_for(void **state)
{
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	const char *text = made(&mail);

	has(text, "date=1768022701\n");
	has(text, "From.address=desk@hotline.example\n");
	has(text, "From.display=Meldpunt, \"nacht\"\n");
	has(text, "To.address=abuse@host.example\n");
	has(text, "Subject=Notice of illegal content, case 0123456789abcdef\n");
	has(text, "Message-ID=<" CASE ".0@hotline.example>\n");
	has_not(text, "In-Reply-To");
	has(text, "parts=2\n");
	has(text, "type=text/plain utf-8\n");
	has(text, "type=text/csv utf-8\nfile=case-0123456789abcdef.csv\n");
	/* Why, where, whom to ask, good faith; rules, deadline, case. */
	has(text, "It shows|what it must not.");
	has(text, "|  https://host.example/a;b?c=\"d\"|");
	has(text, "|  https://host.example/\xc3\xa9|");
	has(text, "By: hotline.example, Meldpunt, \"nacht\", "
		  "desk@hotline.example, +31 20 1234567|");
	has(text, "We believe in good faith");
	has(text, "Under: the Dutch notice-and-takedown code");
	has(text, "Law: art. 252 Sr|");
	has(text, "Our number: 2026-17|");
	has(text, "Please act within 24 hours of receiving this.");
	has(text, "How to answer");
	has(text, "md5 ab000000000000000000000000000000|");
	has(text, "Case / zaak: " CASE);
	/* And all of it in Dutch. */
	has(text, "Aan de abuse-afdeling van host.example");
	has(text, "materiaal van seksueel kindermisbruik");
	has(text, "Handel binnen 24 uur na ontvangst.");
	has(text, "kopie\xc3\xabn");
	/* The table, as its readers know it. */
	has(text, "row=url^IP^firstseen^lastseen^note\n");
	has(text, "row=https://host.example/a;b?c=\"d\"^192.0.2.7^2026-01-10 "
		  "05:25:01^2026-01-10 05:25:02^'=HYPERLINK(\"x\")\n");
	has(text, "row=https://host.example/\xc3\xa9^^^^two lines\n");
}

static void the_same_notice_gives_the_same_bytes(void **state)
{
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	struct hf_buf one, two;

	hf_buf_init(&one, HF_MAIL_MAX_BYTES);
	hf_buf_init(&two, HF_MAIL_MAX_BYTES);
	assert_int_equal(hf_case_mail(&mail, &one, NULL), HF_OK);
	assert_int_equal(hf_case_mail(&mail, &two, NULL), HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&one), hf_buf_span(&two)));
	hf_buf_release(&two);
	hf_buf_release(&one);
}

static void a_reminder_is_below_what_it_reminds_of(void **state)
{
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	const char *text;

	mail.reminders = 2;
	mail.published_ms = AT - 86400000;
	mail.message_domain = "mail.hotline.example";
	text = made(&mail);
	has(text, "Subject=Reminder 2: Notice of illegal content");
	has(text, "Message-ID=<" CASE ".2@mail.hotline.example>\n");
	has(text, "In-Reply-To=<" CASE ".0@mail.hotline.example>\n");
	has(text, "This is reminder 2: on 2026-01-09 05:25:01 UTC");
	has(text, "Dit is herinnering 2: op 2026-01-09 05:25:01 UTC");
}

static void an_order_says_who_orders_and_how_to_contest_it(void **state)
{
	static const char *const grounds[] = { "It is CSAM." };
	const struct hf_order order = {
		.reference = "ATKM-9",
		.issuing_state = "NL",
		.authority = "Autoriteit ATKM",
		.addressee = "Host B.V.",
		.host_state = "NL",
		.identification = "",
		.grounds = grounds,
		.grounds_count = 1,
		.series = "",
		.covers_similar = true,
		.penalty = "EUR 1,000 an hour",
		.redress = "Within six weeks at the court of The Hague",
	};
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	const char *text;

	notice.order = &order;
	notice.regime = HF_REGIME_CSAM_ORDER;
	notice.deadline_ms = (uint64_t)90 * 60000;
	text = made(&mail);
	has(text, "Subject=Order to remove content");
	has(text, "You are ordered to remove child sexual abuse material");
	has(text, "Order of: Autoriteit ATKM|");
	has(text, "Redress: Within six weeks");
	has(text, "Het geldt ook voor vrijwel gelijke");
	has(text, "within 90 minutes");
	has_not(text, "Identified by");
}

static void an_unknown_provider_leaves_the_address_open(void **state)
{
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	const char *text;

	notice.provider = "UNKNOWN";
	notice.contact = NULL;
	notice.deadline_ms = 0;
	text = made(&mail);
	has(text, "To=undisclosed-recipients:;\n");
	has_not(text, "To.address");
	has_not(text, "To the abuse desk");
	/* Nobody to ask: the address every domain has. */
	has(text, "From.address=abuse@hotline.example\n");
	has(text, "without undue delay");
}

static void hostile_texts_stay_in_their_place(void **state)
{
	static const char long_url[] =
		"https://host.example/?=_hashfed_" CASE "&x=";
	static char url[HF_URL_MAX_BYTES + 1];
	const struct hf_contact contact = {
		.name = "X\r\nBcc: all@evil.example\r\n\r\n<script>",
		.email = "desk@hotline.example",
		.phone = "\x01\x7f\xff\xc3",
	};
	struct hf_locator places[] = {
		{ .url = url, .ip = "-1", .note = "\"\"\"" },
		{ .url = "=cmd|'/c calc'!A1", .ip = "@x", .note = "\t+1" },
		{ .url = "a\r\nb;c", .ip = "\xff", .note = ";;;" },
		{ .url = "", .ip = NULL, .note = NULL },
	};
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	const char *text;

	memset(url, 'u', sizeof(url) - 1);
	memcpy(url, long_url, sizeof(long_url) - 1);
	notice.contact = &contact;
	notice.locators = places;
	notice.locators_count = ROWS(places);
	notice.reference = "7\r\n--=_hashfed_" CASE "--\r\n";
	notice.explanation = "x\r\n.\r\n--=_hashfed_" CASE "\r\n"
			     "Content-Type: text/html\r\n\r\nFrom me\n  "
			     "\n\xf0\x9f\x98\x80 \n";
	text = made(&mail);
	has(text, "parts=2\n");
	has(text, "From.address=desk@hotline.example\n");
	has(text, "From.display=X Bcc: all@evil.example <script>\n");
	has_not(text, "\nBcc=");
	has(text, "\xf0\x9f\x98\x80 |");
	has(text, "From me|  |");
	has(text, url); /* whole, in text and table */
	has(text, "row='=cmd|'/c calc'!A1^'@x^^^' +1\n");
	has(text, "row=a  b;c^\xef\xbf\xbd^^^;;;\n");
	has(text, "row=^^^^\n");
	has(text, "^'-1^^^\"\"\"\n");
}

static void names_of_any_letters_come_back_whole(void **state)
{
	static const char *const names[] = {
		"Ren\xc3\xa9 M\xc3\xbcller",
		"\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
		"\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87"
		"\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
		"\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87",
		"=?utf-8?Q?not_encoded?=",
		("a very long name of a desk that goes on and on until it does "
		 "not fit a line any more"),
		"back\\slash and \"quotes\"",
	};

	for (size_t i = 0; i < ROWS(names); i++) {
		const struct hf_contact contact = {
			.name = names[i],
			.email = "desk@hotline.example",
			.phone = "",
		};
		struct hf_notice notice = a_notice();
		struct hf_case_mail mail = a_mail(&notice);
		char want[400];

		notice.contact = &contact;
		snprintf(want, sizeof(want), "From.name=%s\n", names[i]);
		has(made(&mail), want);
	}
}

static void fields_that_are_no_addresses_are_refused(void **state)
{
	static const struct {
		const char *name, *case_id, *organisation, *from, *provider,
			*domain, *says;
	} rows[] = {
		/* clang-format off */
		{ "short id",   "0123", "h.example", NULL, "host.example", NULL, "case id" },
		{ "id breaks",  CASE "\r\nX: y", "h.example", NULL, "host.example", NULL, "case id" },
		{ "who breaks", CASE, "h.example\r\nX: y", NULL, "host.example", NULL, "organisation" },
		{ "to breaks",  CASE, "h.example", NULL, "host.example>\r\nX: y", NULL, "provider" },
		{ "to two",     CASE, "h.example", NULL, "a.example, b.example", NULL, "provider" },
		{ "from breaks", CASE, "h.example", "a@b.example\r\nX: y", "host.example", NULL, "from" },
		{ "from none",  CASE, "h.example", "nobody", "host.example", NULL, "from" },
		{ "from quoted", CASE, "h.example", "\"a b\"@b.example", "host.example", NULL, "from" },
		{ "from dots",  CASE, "h.example", "a..b@b.example", "host.example", NULL, "from" },
		{ "ids break",  CASE, "h.example", NULL, "host.example", "x>\r\nX: y", "message ids" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_notice notice = a_notice();
		struct hf_case_mail mail = a_mail(&notice);
		struct hf_why why = { "" };
		struct hf_buf out;

		notice.provider = rows[i].provider;
		mail.case_id = rows[i].case_id;
		mail.organisation = rows[i].organisation;
		mail.from = rows[i].from;
		mail.message_domain = rows[i].domain;
		hf_buf_init(&out, HF_MAIL_MAX_BYTES);
		if (hf_case_mail(&mail, &out, &why) != HF_E_ARGUMENT)
			fail_msg("%s: taken", rows[i].name);
		if (strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].name, why.text);
		assert_int_equal(out.len_bytes, 0);
		hf_buf_release(&out);
	}
}

static void what_does_not_fit_is_said(void **state)
{
	struct hf_notice notice = a_notice();
	struct hf_case_mail mail = a_mail(&notice);
	struct hf_why why = { "" };
	struct hf_buf out;

	hf_buf_init(&out, 1000);
	assert_int_equal(hf_case_mail(&mail, &out, &why), HF_E_LIMIT);
	assert_non_null(strstr(why.text, "split"));
	hf_buf_release(&out);
}

static void lines_of_a_body_are_short(void **state)
{
	struct hf_buf text, out;

	hf_buf_init(&text, 65536);
	hf_buf_init(&out, 262144);
	for (int i = 0; i < 300; i++)
		hf_buf_printf(&text, "%c\xc3\xa9=%*s.", 'a' + i % 26, i % 90,
			      "");
	hf_mail_quoted(&out, hf_buf_span(&text));
	assert_int_equal(hf_buf_failed(&out), HF_OK);
	for (size_t i = 0, column = 0; i < out.len_bytes; i++) {
		column = out.at[i] == '\n' ? 0 : column + 1;
		/* 76 and the CR. */
		assert_true(column <= 77);
		assert_true(out.at[i] < 0x7f);
	}
	hf_buf_release(&out);
	hf_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_notice_says_what_article_16_asks_for),
		cmocka_unit_test(the_same_notice_gives_the_same_bytes),
		cmocka_unit_test(a_reminder_is_below_what_it_reminds_of),
		cmocka_unit_test(
			an_order_says_who_orders_and_how_to_contest_it),
		cmocka_unit_test(an_unknown_provider_leaves_the_address_open),
		cmocka_unit_test(hostile_texts_stay_in_their_place),
		cmocka_unit_test(names_of_any_letters_come_back_whole),
		cmocka_unit_test(fields_that_are_no_addresses_are_refused),
		cmocka_unit_test(what_does_not_fit_is_said),
		cmocka_unit_test(lines_of_a_body_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
