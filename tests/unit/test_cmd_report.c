#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "duty.h"
#include "file.h"
#include "rpc_schema.h"
#include "rpc_server.h"

#include "cmd.h"
#include "report_cases.h"

#define CASES     2500 /* three pages */
#define WORDS_MAX 16
#define BUNDLE    "a bundle"

/* A daemon that knows made-up cases, on the socket of analysts. */
struct table {
	char dir[64];
	struct hf_rpc_loop *poller, *worker;
	struct hf_rpc_server *server;
};

static struct table table;

/* ---- its cases ---- */

struct made {
	struct hf_case_summary summary;
	char id[33];
};

/* Every tenth is silent, the others are removed after an hour; the first two
 * days of May 2025 have them all. */
static void make(unsigned i, struct made *made)
{
	uint64_t at = day("2025-05-01") + i % 2 * D;

	snprintf(made->id, sizeof(made->id), "%032x", i);
	made->summary = i % 10 == 0 ? summary_of("slow.example", at)
				    : removed("fast.example", at, 1 * H);
	made->summary.case_id = made->id;
	made->summary.side = HF_CASE_SIDE_PROVIDER;
	made->summary.is_overdue = i % 10 == 0;
}

static void reply(struct hf_rpc_call *call, enum hf_err err, struct hf_buf *buf,
		  struct hf_why *why)
{
	if (err == HF_OK)
		hf_rpc_reply_buf(call, buf);
	else
		hf_rpc_finish(call, err, why);
	hf_buf_release(buf);
}

static void on_status(struct hf_rpc_call *call, struct hf_span message)
{
	const struct hf_get_status_response status = {
		.organisation = "hotline.example", .version = "1"
	};
	struct hf_buf buf;

	hf_buf_init(&buf, 4096);
	reply(call, hf_get_status_response_encode(&status, &buf), &buf, NULL);
}

static bool is_asked_for(const struct hf_list_cases_request *request,
			 const struct hf_case_summary *summary)
{
	return summary->published_ms >= request->from_ms &&
	       (request->to_ms == 0 ||
		summary->published_ms < request->to_ms) &&
	       (request->provider[0] == '\0' ||
		strcmp(request->provider, summary->provider) == 0);
}

static enum hf_err list(const struct hf_list_cases_request *request,
			struct hf_arena *arena, struct hf_buf *buf)
{
	unsigned from = (unsigned)strtoul(request->page_token, NULL, 10);
	unsigned to = from + 1000 < CASES ? from + 1000 : CASES;
	struct made *made = hf_arena_calloc(arena, 1000, sizeof(*made));
	struct hf_case_summary *page =
		hf_arena_calloc(arena, 1000, sizeof(*page));
	struct hf_list_cases_response answer = { .cases = page };
	char token[16] = "";

	if (made == NULL || page == NULL || request->page_size != 1000)
		return HF_E_NOMEM;
	for (unsigned i = from; i < to; i++) {
		make(i, &made[i - from]);
		if (is_asked_for(request, &made[i - from].summary))
			page[answer.cases_count++] = made[i - from].summary;
	}
	if (to < CASES)
		snprintf(token, sizeof(token), "%u", to);
	answer.next_page_token = token;
	return hf_list_cases_response_encode(&answer, buf);
}

static void on_list(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_list_cases_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf buf;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	err = hf_list_cases_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = list(&request, &arena, &buf);
	reply(call, err, &buf, &why);
	hf_arena_release(&arena);
}

static void on_case(struct hf_rpc_call *call, struct hf_span message)
{
	static const uint8_t digest[32] = { 1 };
	static const struct hf_hash pdq = { HF_ALGORITHM_PDQ,
					    { digest, 32 },
					    0 };
	struct hf_get_case_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct made made;
	struct hf_buf buf;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	err = hf_get_case_request_parse(message, &arena, &request, &why);
	if (err == HF_OK) {
		unsigned i = (unsigned)strtoul(request.case_id + 24, NULL, 16);
		const struct hf_locator place = {
			.url = "https://host.example/x",
			.first_seen_ms = day("2025-04-01"),
		};
		/* One of them has no law in its notice. */
		const struct hf_notice notice = {
			.provider = "fast.example",
			.regime = HF_REGIME_NTD,
			.content_class = HF_CLASS_CSAM,
			.hashes = &pdq,
			.hashes_count = 1,
			.locators = &place,
			.locators_count = 1,
			.explanation = "why",
			.is_good_faith = true,
			.legal_basis = i == 7 ? "" : "art. 252 Sr",
		};
		const struct hf_case_event notified = {
			.kind = HF_CASE_EVENT_NOTICE,
			.at_ms = day("2025-05-01"),
			.notice = &notice,
		};
		const struct hf_case_event gone = {
			.kind = HF_CASE_EVENT_REMOVED,
			.at_ms = day("2025-05-02"),
		};
		const struct hf_case_event_info infos[] = {
			{ .event = &notified, .is_applied = true },
			{ .event = &gone, .is_applied = i % 10 != 0 },
		};
		const struct hf_get_case_response answer = {
			.summary = &made.summary,
			.events = infos,
			.events_count = 2,
		};

		make(i, &made);
		err = hf_get_case_response_encode(&answer, &buf);
	}
	reply(call, err, &buf, &why);
	hf_arena_release(&arena);
}

static void on_bundle(struct hf_rpc_call *call, struct hf_span message)
{
	const struct hf_get_bundle_response answer = {
		.bundle = hf_span_of(BUNDLE),
	};
	struct hf_get_bundle_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf buf;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&buf, 4096);
	err = hf_get_bundle_request_parse(message, &arena, &request, &why);
	/* The bundle of the very first case cannot be had. */
	if (err == HF_OK && strspn(request.case_id, "0") == 32)
		err = hf_why(&why, HF_E_NOTFOUND, "it was erased");
	if (err == HF_OK)
		err = hf_get_bundle_response_encode(&answer, &buf);
	reply(call, err, &buf, &why);
	hf_arena_release(&arena);
}

static const struct hf_rpc_events serve_status = { .recv = on_status };
static const struct hf_rpc_events serve_list = { .recv = on_list };
static const struct hf_rpc_events serve_case = { .recv = on_case };
static const struct hf_rpc_events serve_bundle = { .recv = on_bundle };

static const struct hf_rpc_method methods[] = {
	/* clang-format off */
	{ "/hashfed.v1.Admin/GetStatus",    HF_DUTY_ANALYST, 1024, 10000, false, false, &serve_status, HF_RPC_READS },
	{ "/hashfed.v1.Takedown/ListCases", HF_DUTY_ANALYST, 4096, 10000, false, false, &serve_list, HF_RPC_READS },
	{ "/hashfed.v1.Takedown/GetCase",   HF_DUTY_ANALYST, 1024, 10000, false, false, &serve_case, HF_RPC_READS },
	{ "/hashfed.v1.Takedown/GetBundle", HF_DUTY_ANALYST, 1024, 10000, false, false, &serve_bundle, HF_RPC_READS },
	/* clang-format on */
};

/* ---- the table ---- */

static bool lay(void)
{
	struct hf_rpc_server_options options = {
		.methods = methods,
		.methods_count = ROWS(methods),
		.local_duties = HF_DUTY_ANALYST,
	};
	struct hf_why why = { "" };
	char path[128];

	if (hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &table.poller, &why) != HF_OK ||
	    hf_rpc_loop_new(HF_RPC_LOOP_WORKS, &table.worker, &why) != HF_OK)
		return false;
	options.poller = table.poller;
	options.worker = table.worker;
	options.schema = hf_rpc_schema();
	snprintf(path, sizeof(path), "%s/analyst.sock", table.dir);
	return hf_rpc_server_new(&options, &table.server, &why) == HF_OK &&
	       hf_rpc_server_listen_unix(table.server, path, &why) == HF_OK &&
	       hf_rpc_server_start(table.server, &why) == HF_OK;
}

static int clear_table(void **state)
{
	char path[128];

	if (table.server != NULL)
		hf_rpc_server_free(table.server);
	if (table.worker != NULL)
		hf_rpc_loop_free(table.worker);
	if (table.poller != NULL)
		hf_rpc_loop_free(table.poller);
	table.server = NULL;
	table.worker = table.poller = NULL;
	snprintf(path, sizeof(path), "%s/analyst.sock", table.dir);
	unlink(path);
	return 0;
}

static bool is_tortured(void)
{
	return getenv("HF_FAIL_ALLOC") != NULL;
}

/* Run a command line; its exit code. */
static enum hf_err run(const char *text, int *out_code, struct hf_why *why)
{
	static struct hf_cmd cmd;
	const struct hf_cmd_row *row;
	char line[512] = "", *words[WORDS_MAX + 1];
	int count = 0;
	enum hf_err err;

	/* "%" is the table's directory. */
	for (const char *at = text; *at != '\0'; at++) {
		size_t len = strlen(line);

		snprintf(line + len, sizeof(line) - len,
			 *at == '%' ? "%s" : "%.1s",
			 *at == '%' ? table.dir : at);
	}
	for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX;
	     word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	memset(&cmd, 0, sizeof(cmd));
	snprintf(cmd.layout.run, sizeof(cmd.layout.run), "%s", table.dir);
	hf_arena_init(&cmd.arena, HF_CMD_ARENA_BYTES);
	err = hf_cmd_parse(&cmd, count, words, &row, why);
	if (err == HF_OK)
		err = row->run(&cmd, why);
	if (out_code != NULL)
		*out_code = cmd.exit_code;
	hf_arena_release(&cmd.arena);
	return err;
}

static char file_text[4 * 1024 * 1024];

static const char *file_of(const char *name)
{
	struct hf_why why = { "" };
	char path[256];
	struct hf_buf buf;

	snprintf(path, sizeof(path), "%s/%s", table.dir, name);
	hf_buf_init(&buf, sizeof(file_text) - 1);
	assert_ok(hf_file_read(path, &buf, &why), &why);
	memcpy(file_text, buf.at, buf.len_bytes);
	file_text[buf.len_bytes] = '\0';
	hf_buf_release(&buf);
	return file_text;
}

static bool is_there(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", table.dir, name);
	return access(path, F_OK) == 0;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in:\n%.3000s", part, text);
}

/* ---- the tests ---- */

static void a_report_counts_every_page(void **state)
{
	struct hf_why why = { "" };
	enum hf_err err;

	if (!lay())
		return;
	err = run("hashfed report hosting --from 2025-05-01 --to 2025-05-02 "
		  "--format csv --output %/hosting.csv",
		  NULL, &why);
	if (is_tortured())
		return;
	assert_ok(err, &why);
	file_of("hosting.csv");
	has(file_text, "\r\nproviders,fast.example,,2250,2250,0,0,0,1.0000,");
	has(file_text, "\r\nproviders,slow.example,,250,0,0,0,250,0.0000,");
	/* The last day of a window has all its hours; one day has half. */
	assert_ok(run("hashfed report hosting --from 2025-05-01 --to "
		      "2025-05-01 --format csv --output %/hosting.csv",
		      NULL, &why),
		  &why);
	has(file_of("hosting.csv"), "\r\ntotal,total,,1250,");
	assert_ok(run("hashfed report hosting --provider slow.example "
		      "--audience self --format html --output %/slow.html",
		      NULL, &why),
		  &why);
	has(file_of("slow.html"), "slow.example");
	assert_null(strstr(file_text, "fast.example"));
}

static void a_public_report_names_nobody(void **state)
{
	struct hf_why why = { "" };
	struct stat stat_of;
	char path[128];
	enum hf_err err;

	if (!lay())
		return;
	err = run("hashfed report hosting --from 2025-05-01 --to 2025-05-31 "
		  "--audience public --format json --output %/public.json",
		  NULL, &why);
	if (is_tortured())
		return;
	assert_ok(err, &why);
	file_of("public.json");
	has(file_text, "\"cases\": 2500");
	assert_null(strstr(file_text, ".example\",\n   \"cases"));
	assert_null(strstr(file_text, "slow.example"));
	/* Who may read it follows who may know it. */
	snprintf(path, sizeof(path), "%s/public.json", table.dir);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0644);
	assert_int_equal(
		run("hashfed report dsc --audience public --from 2025-01-01 "
		    "--to 2025-12-31 --bundles %/b",
		    NULL, &why),
		HF_E_ARGUMENT);
}

static void a_supervisor_gets_the_bundles(void **state)
{
	struct hf_why why = { "" };
	enum hf_err err;
	int code = 0;

	if (!lay())
		return;
	err = run("hashfed report dsc --from 2025-05-01 --to 2025-05-02 "
		  "--format csv --output %/dsc.csv --bundles %/bundles",
		  &code, &why);
	if (is_tortured())
		return;
	assert_ok(err, &why);
	has(file_of("dsc.csv"), "\r\nproviders,slow.example,,250,250,1.0000,");
	has(file_text, "proofs,slow.example,");
	has(file_text, "0000000000000000000000000000000a\r\n");
	has(file_of("bundles/0000000000000000000000000000000a.bundle"), BUNDLE);
	/* One could not be had: the rest is there, and it is told. */
	assert_false(
		is_there("bundles/00000000000000000000000000000000.bundle"));
	assert_true(
		is_there("bundles/000000000000000000000000000009ba.bundle"));
	assert_int_equal(code, HF_CMD_EXIT_FOUND);
}

static void statements_are_one_file_each(void **state)
{
	struct hf_why why = { "" };
	enum hf_err err;
	int code = 0;

	if (!lay())
		return;
	err = run("hashfed export dsa-sor --output %/sor "
		  "00000000000000000000000000000001 "
		  "00000000000000000000000000000002",
		  &code, &why);
	if (is_tortured())
		return;
	assert_ok(err, &why);
	assert_int_equal(code, HF_CMD_EXIT_OK);
	has(file_of("sor/00000000000000000000000000000002.json"),
	    "\"puid\": \"00000000000000000000000000000002\"");
	/* Something is missing in one, and one needs none: 1, but the other
	 * is written. */
	assert_ok(run("hashfed export dsa-sor --output %/sor "
		      "00000000000000000000000000000007 "
		      "0000000000000000000000000000000a "
		      "00000000000000000000000000000003",
		      &code, &why),
		  &why);
	assert_int_equal(code, HF_CMD_EXIT_FOUND);
	assert_false(is_there("sor/00000000000000000000000000000007.json"));
	assert_false(is_there("sor/0000000000000000000000000000000a.json"));
	assert_true(is_there("sor/00000000000000000000000000000003.json"));
	assert_ok(run("hashfed export dsa-sor --output %/sor --legal-basis "
		      "art.252 00000000000000000000000000000007",
		      &code, &why),
		  &why);
	assert_true(is_there("sor/00000000000000000000000000000007.json"));
}

static void wrong_options_are_refused_before_anything_is_asked(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		/* clang-format off */
		{ "hashfed report hosting --format pdf",            "text, csv, json or html" },
		{ "hashfed report hosting --audience press",        "authority, self or public" },
		{ "hashfed report hosting --from tomorrow",         "--from: 'tomorrow'" },
		{ "hashfed report hosting --to 2026-02-30",         "--to: '2026-02-30'" },
		{ "hashfed report hosting --from 2026-02-01 --to 2026-01-01", "before --from" },
		{ "hashfed report hosting --audience public",       "calendar months" },
		{ "hashfed report dsc --audience public --from 2025-01-01 --to 2025-06-30", "calendar years" },
		{ "hashfed report hosting --bundles x",             "no option '--bundles'" },
		{ "hashfed report",                                 "'report' needs one more word: hosting, " },
		{ "hashfed export dsa-sor",                         "say which cases" },
		{ "hashfed export dsa-sor 01 --from 2026-01-01",    "say which cases" },
		{ "hashfed export dsa-sor 01 --content-date soon",  "--content-date: 'soon'" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };

		if (run(rows[i].line, NULL, &why) != HF_E_ARGUMENT ||
		    strstr(why.text, rows[i].says) == NULL)
			if (!is_tortured())
				fail_msg("%s: %s", rows[i].line, why.text);
	}
}

static int set(void **state)
{
	hf_rpc_start(NULL);
	snprintf(table.dir, sizeof(table.dir), "/tmp/test_cmd_report.XXXXXX");
	return mkdtemp(table.dir) != NULL ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];

	hf_rpc_stop();
	snprintf(command, sizeof(command), "rm -rf '%s'", table.dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_report_counts_every_page,
					  clear_table),
		cmocka_unit_test_teardown(a_public_report_names_nobody,
					  clear_table),
		cmocka_unit_test_teardown(a_supervisor_gets_the_bundles,
					  clear_table),
		cmocka_unit_test_teardown(statements_are_one_file_each,
					  clear_table),
		cmocka_unit_test(
			wrong_options_are_refused_before_anything_is_asked),
	};

	return cmocka_run_group_tests(tests, set, clear);
}
