#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "report_cases.h"
#include "report_day.h"
#include "report_doc.h"

#define ROOM ((size_t)64 * 1024 * 1024)

static char read_text[1024 * 1024];

typedef enum hf_err write_doc(const struct hf_doc *doc, struct hf_buf *out,
			      struct hf_why *why);

static const struct {
	const char *name;
	write_doc *write;
} formats[] = {
	{ "html", hf_doc_write_html },
	{ "csv", hf_doc_write_csv },
	{ "json", hf_doc_write_json },
	{ "text", hf_doc_write_text },
};
enum { HTML, CSV, JSON, TEXT };

/* Of the year 2025, made in 2026. */
static struct hf_report *report_for(enum hf_report_kind kind,
				    enum hf_report_audience audience)
{
	return open_report(kind, audience, "2025-01-01", "2026-01-01",
			   "2026-02-01");
}

/* Write it; the buf is the caller's. */
static void write_report(struct hf_report *report, const char *organisation,
			 int format, struct hf_buf *out)
{
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_doc doc;

	hf_arena_init(&arena, ROOM);
	hf_buf_init(out, ROOM);
	assert_ok(hf_report_finish(report, &why), &why);
	assert_ok(hf_doc_make(report, organisation, &arena, &doc, &why), &why);
	assert_ok(formats[format].write(&doc, out, &why), &why);
	hf_arena_release(&arena);
}

/* What another program finds in it. */
static const char *read_report(struct hf_report *report, int format)
{
	char path[] = "/tmp/hf-report-XXXXXX", command[512];
	struct hf_buf out;
	size_t len;
	FILE *pipe;
	int fd;

	write_report(report, "hotline.example", format, &out);
	if (format == TEXT) {
		assert_true(out.len_bytes < sizeof(read_text));
		memcpy(read_text, out.at, out.len_bytes);
		read_text[out.len_bytes] = '\0';
		hf_buf_release(&out);
		return read_text;
	}
	/* Under torture nothing has to be right, and this takes long. */
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
		 "python3 %s/tests/unit/read_report.py %s %s 2>&1",
		 HF_SOURCE_DIR, formats[format].name, path);
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

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' is in:\n%s", part, text);
}

/*
 * alpha: 2 within 24 h (1 h, 23 h), 1 in 30 h, 1 online
 * beta (no node): 1 after 100 h, 1 rejected without a reason
 */
static struct hf_report *a_story(enum hf_report_kind kind)
{
	static const char *sites[] = { "pics.example" };
	struct hf_report *report = report_for(kind, HF_REPORT_AUTHORITY);
	const uint64_t may = day("2025-05-10");
	struct hf_case_summary is = removed("alpha.example", may, 1 * H);

	is.is_priority = true;
	is.sites = sites;
	is.sites_count = 1;
	add(report, is);
	is = removed("alpha.example", may, 23 * H);
	is.is_priority = true;
	add(report, is);
	is = removed("alpha.example", may, 30 * H);
	is.is_priority = true;
	is.case_id = "0000000000000000000000000000001a";
	add(report, is);
	is = summary_of("alpha.example", day("2025-07-01"));
	is.is_priority = true;
	is.content_class = HF_CLASS_NCII;
	add(report, is);
	is = removed("beta.example", may, 100 * H);
	is.is_priority = is.is_not_member = true;
	add(report, is);
	is = in_state("beta.example", may, HF_CASE_REJECTED, 0);
	is.is_priority = is.is_not_member = true;
	add(report, is);
	return report;
}

static void a_page_has_the_numbers_in_figures_tables_and_plots(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_HOSTING);
	const char *text = read_report(report, HTML);

	has(text, "figure=6^cases\n");
	/* 2 and 3 of 5. */
	has(text, "figure=40.0 %^gone within 24 hours\n");
	has(text, "figure=60.0 %^gone within 48 hours\n");
	has(text, "figure=1^still online\n");
	/* 1, 23, 30, 100: the second. */
	has(text, "figure=23 h 0 min^median time until it was gone\n");
	has(text, "plot=Month by month\n");
	has(text, "plot=How soon it was gone\n");
	has(text, "section=By provider\n"
		  "row=alpha.example^^4^2^1^0^1^50.0 %^75.0 %^23 h 0 min^30 h "
		  "0 min^0\n"
		  "row=beta.example^not a member^2^0^0^1^0^0.0 %^0.0 %^4 d 4 "
		  "h^4 d 4 h^1\n");
	has(text, "row=pics.example^1^1^0^0^0^100.0 %^100.0 %^");
	/* The month between, without a case. */
	has(text, "row=2025-06^0^0^0^0\n");
	hf_report_free(report);
}

static void a_csv_has_every_column_for_programs(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_HOSTING);
	const char *text = read_report(report, CSV);

	has(text, "row=table^name^member^cases^within_24h^within_48h^later^"
		  "online^share_24h^share_48h^median_hours^p90_hours^apart^"
		  "rejected^withdrawn^");
	has(text, "row=providers^alpha.example^^4^2^1^0^1^0.5000^0.7500^"
		  "23.00^30.00^0^0^");
	has(text, "row=providers^beta.example^not a member^2^0^0^1^0^0.0000^"
		  "0.0000^100.00^100.00^1^1^");
	has(text, "row=total^total^^6^2^1^1^1^0.4000^0.6000^23.00^100.00^1^1^");
	hf_report_free(report);
}

static void json_has_times_in_milliseconds(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_HOSTING);
	const char *text = read_report(report, JSON);

	has(text, "\"report\": \"hosting\"");
	has(text, "\"audience\": \"authority\"");
	has(text, "\"median_ms\": 82800000");
	has(text, "\"share_24h\": 0.4");
	has(text, "\"from_ms\": 1735689600000");
	hf_report_free(report);
}

static void text_is_a_table_people_can_read(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_HOSTING);
	const char *text = read_report(report, TEXT);

	has(text, "Hosting report, 2025-01-01 to 2025-12-31\n");
	has(text, "PROVIDER");
	/* Whatever the locale is. */
	for (const char *at = text; *at != '\0'; at++)
		assert_true((unsigned char)*at < 0x80 && *at != '\\');
	has(text, "not a member");
	has(text, "40.0 %  gone within 24 hours");
	hf_report_free(report);
}

static void a_flagger_s_report_has_what_article_22_lists(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_TRUSTED_FLAGGER);
	const char *text = read_report(report, HTML);

	has(text, "figure=6^notices\n");
	has(text, "section=By provider\nrow=alpha.example^^4^3^0^0^0^0^1^");
	has(text, "section=By type of content\n");
	has(text, "row=csam^5^4^0^0^1^0^0^");
	has(text, "row=ncii^1^0^0^0^0^0^1^");
	has(text, "row=2025^6^4^");
	/* (1 + 23 + 30 + 100) / 4 = 38.5 h */
	has(text, "figure=38 h 30 min^mean time until it was gone\n");
	hf_report_free(report);
}

static void a_supervisor_s_report_names_the_cases(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_DSC);
	const char *text = read_report(report, HTML);

	has(text, "section=By provider\n"
		  "row=alpha.example^^4^2^50.0 %^1^0^1^0^0^");
	has(text, "row=beta.example^not a member^2^2^100.0 %^0^0^1^1^0^");
	has(text, "section=Cases that prove it\n");
	has(text, "row=alpha.example^acted late^6 h 0 "
		  "min^0000000000000000000000000000001a\n");
	has(text, "^rejected, no reason^^");
	hf_report_free(report);
}

static void names_from_outside_stay_text(void **state)
{
	static const char *const names[] = {
		"<script>alert(1)</script>",
		"\"><img src=x onerror=alert(1)>",
		"=HYPERLINK(\"x\")",
		" =1+1",
		"@SUM(A1)",
		"a,b\"c\r\nd",
		"&amp;&#60;",
		"\xff\xfe\x01 bad bytes \xc3",
		"\xe2\x80\xae right to left",
		"]]>--><!--",
		("a-name-that-is-far-too-long-for-any-plot-and-goes-on-for-a-"
		 "while.example"),
		"",
	};

	for (int kind = 0; kind < HF_REPORT_KINDS; kind++) {
		for (int format = 0; format <= TEXT; format++) {
			struct hf_report *report = report_for(
				(enum hf_report_kind)kind, HF_REPORT_AUTHORITY);
			const char *text;

			for (size_t i = 0; i < ROWS(names); i++) {
				struct hf_case_summary is =
					summary_of(names[i], day("2025-05-10"));

				is.sites = &names[i];
				is.sites_count = 1;
				is.is_priority = true;
				add(report, is);
			}
			text = read_report(report, format);
			if (format == HTML)
				has(text, "row=<script>alert(1)</script>^");
			if (format == CSV)
				has(text, "^'=HYPERLINK(\"x\")^");
			hf_report_free(report);
		}
	}
}

static void the_organisation_is_text_too(void **state)
{
	struct hf_report *report = a_story(HF_REPORT_HOSTING);
	struct hf_buf out;

	write_report(report, "<b>x", HTML, &out);
	hf_buf_put_u8(&out, 0);
	has((const char *)out.at, "By <bdi>&lt;b&gt;x</bdi>");
	hf_buf_release(&out);
	hf_report_free(report);
}

/* A month with n that are online among others. */
static struct hf_report *a_public_story(enum hf_report_kind kind, unsigned n)
{
	struct hf_report *report = report_for(kind, HF_REPORT_PUBLIC);

	for (unsigned i = 0; i < 23; i++) {
		struct hf_case_summary is =
			removed("secret.example", day("2025-05-10"), i * H);

		is.is_priority = true;
		add(report, is);
	}
	for (unsigned i = 0; i < n; i++) {
		struct hf_case_summary is =
			summary_of("hidden.example", day("2025-05-11"));

		is.is_priority = true;
		add(report, is);
	}
	return report;
}

static void no_format_tells_the_public_what_a_small_count_is(void **state)
{
	for (int kind = 0; kind < HF_REPORT_KINDS; kind++) {
		for (int format = 0; format <= TEXT; format++) {
			struct hf_buf first, other;

			for (unsigned n = 1; n <= 4; n++) {
				struct hf_report *report = a_public_story(
					(enum hf_report_kind)kind, n);

				write_report(report, "hotline.example", format,
					     n == 1 ? &first : &other);
				hf_report_free(report);
				if (n == 1)
					continue;
				assert_true(hf_span_equal(hf_buf_span(&first),
							  hf_buf_span(&other)));
				hf_buf_release(&other);
			}
			hf_buf_put_u8(&first, 0);
			has((const char *)first.at,
			    format == HTML ? "&lt;5" : "<5");
			has_not((const char *)first.at, "secret");
			has_not((const char *)first.at, "hidden");
			/* Nor what a large one is exactly. */
			if (format == CSV)
				has_not((const char *)first.at, "23");
			hf_buf_release(&first);
		}
	}
}

static void a_public_page_is_one(void **state)
{
	struct hf_report *report = a_public_story(HF_REPORT_HOSTING, 3);
	const char *text = read_report(report, HTML);

	has(text, "figure=25^cases\n");
	has(text, "figure=<5^still online\n");
	has(text, "row=2025-05^25^25^0^0^<5^100.0 %^100.0 %^0\n");
	has_not(text, "section=By provider");
	has_not(text, "median");
	hf_report_free(report);
}

static void a_report_of_nothing_is_a_report(void **state)
{
	for (int kind = 0; kind < HF_REPORT_KINDS; kind++) {
		for (int format = 0; format <= TEXT; format++) {
			struct hf_report *report = report_for(
				(enum hf_report_kind)kind, HF_REPORT_AUTHORITY);

			has(read_report(report, format),
			    format == HTML   ? "figure=0^"
			    : format == CSV  ? "row=table^"
			    : format == JSON ? "\"total\""
					     : "2025-01-01");
			hf_report_free(report);
		}
	}
}

static void numbers_are_written_for_people(void **state)
{
	static const struct {
		uint64_t ms;
		const char *want;
	} spans[] = {
		{ 0, "0 s" },
		{ 59999, "59 s" },
		{ 60000, "1 min" },
		{ 3600000, "1 h 0 min" },
		{ 47 * H + 59 * 60000, "47 h 59 min" },
		{ 48 * H, "2 d 0 h" },
	};
	static const struct {
		uint64_t count;
		const char *want;
	} counts[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 1234567, "1,234,567" },
		{ HF_REPORT_SMALL, "<5" },
		{ HF_REPORT_FEW, "few" },
	};
	char text[HF_DOC_NUMBER_SIZE];

	for (size_t i = 0; i < ROWS(spans); i++) {
		hf_doc_span_text(spans[i].ms, text);
		assert_string_equal(text, spans[i].want);
	}
	for (size_t i = 0; i < ROWS(counts); i++) {
		hf_doc_count_text(counts[i].count, text);
		assert_string_equal(text, counts[i].want);
	}
	assert_int_equal(hf_doc_share(1, 3), 3333);
	assert_int_equal(hf_doc_share(2, 3), 6667);
	assert_int_equal(hf_doc_share(3, 3), 10000);
	assert_int_equal(hf_doc_share(0, 0), 0);
	hf_doc_share_text(9999, text);
	assert_string_equal(text, "100.0 %");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_page_has_the_numbers_in_figures_tables_and_plots),
		cmocka_unit_test(a_csv_has_every_column_for_programs),
		cmocka_unit_test(json_has_times_in_milliseconds),
		cmocka_unit_test(text_is_a_table_people_can_read),
		cmocka_unit_test(a_flagger_s_report_has_what_article_22_lists),
		cmocka_unit_test(a_supervisor_s_report_names_the_cases),
		cmocka_unit_test(names_from_outside_stay_text),
		cmocka_unit_test(the_organisation_is_text_too),
		cmocka_unit_test(
			no_format_tells_the_public_what_a_small_count_is),
		cmocka_unit_test(a_public_page_is_one),
		cmocka_unit_test(a_report_of_nothing_is_a_report),
		cmocka_unit_test(numbers_are_written_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
