#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "duty.h"
#include "file.h"
#include "kind.h"
#include "sign.h"

#include "cmd.h"
#include "lookup_batch.h"
#include "show.h"

#define WORDS_MAX 16
#define MD5       "d41d8cd98f00b204e9800998ecf8427e"
#define SIXTY_FOUR                                                             \
	"d811ac390bfa6005d08543fe27fd5a11f6b55bdd2603000dc26476fc79fc76b5"

static char folder[64];

/* ---- the command line ---- */

/* Cut a line into words, as a shell would without quotes. */
static int words_of(char *line, char **words)
{
	int count = 0;

	for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX;
	     word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	return count;
}

static void command_lines_are_taken_apart(void **state)
{
	static const struct {
		const char *line;
		enum hf_err want;
		enum hf_err (*run)(struct hf_cmd *, struct hf_why *);
		size_t args;
		const char *says;
	} rows[] = {
		/* clang-format off */
		{ "hashfed hash a b",                    HF_OK, hf_cmd_hash, 2, NULL },
		{ "hashfed --home /x hash a --json",     HF_OK, hf_cmd_hash, 1, NULL },
		{ "hashfed hash -- --json",              HF_OK, hf_cmd_hash, 1, NULL },
		{ "hashfed publish --set ncii a",        HF_OK, hf_cmd_publish, 1, NULL },
		{ "hashfed sets",                        HF_OK, hf_cmd_sets, 0, NULL },
		{ "hashfed sets --json",                 HF_OK, hf_cmd_sets, 0, NULL },
		{ "hashfed sets share a b --relay",      HF_OK, hf_cmd_sets_share, 2, NULL },
		{ "hashfed peers add x --silent",        HF_OK, hf_cmd_peers_add, 1, NULL },
		{ "hashfed proof a 1",                   HF_OK, hf_cmd_proof, 2, NULL },
		{ "hashfed notify --provider a.example", HF_OK, hf_cmd_notify, 0, NULL },
		{ "hashfed cases",                       HF_OK, hf_cmd_cases, 0, NULL },
		{ "hashfed cases show a1",               HF_OK, hf_cmd_cases_show, 1, NULL },
		{ "hashfed cases order a1 --order x",    HF_OK, hf_cmd_cases_order, 1, NULL },
		{ "hashfed watch --once --from-now",     HF_OK, hf_cmd_watch, 0, NULL },
		{ "hashfed verify a --json",             HF_OK, hf_cmd_verify, 1, NULL },
		{ "hashfed",                             HF_OK, NULL, 0, NULL },
		{ "hashfed --help",                      HF_OK, NULL, 0, NULL },
		{ "hashfed hash",                        HF_E_ARGUMENT, NULL, 0, "usage: hashfed hash FILE" },
		{ "hashfed sets share a",                HF_E_ARGUMENT, NULL, 0, "usage: hashfed sets share SET PEER" },
		{ "hashfed sets frob",                   HF_E_ARGUMENT, NULL, 0, "no command 'sets frob'" },
		{ "hashfed frob",                        HF_E_ARGUMENT, NULL, 0, "no command 'frob'" },
		{ "hashfed match --skip-bad x",          HF_E_ARGUMENT, NULL, 0, "no option '--skip-bad'" },
		{ "hashfed match --frob x",              HF_E_ARGUMENT, NULL, 0, "no option '--frob'" },
		{ "hashfed publish --set",               HF_E_ARGUMENT, NULL, 0, "needs a value" },
		{ "hashfed cases frob a1",               HF_E_ARGUMENT, NULL, 0, "no command 'cases frob'" },
		{ "hashfed cases review a1 --failed",    HF_E_ARGUMENT, NULL, 0, "no option '--failed'" },
		{ "hashfed cases release a1 --reason x", HF_E_ARGUMENT, NULL, 0, "no option '--reason'" },
		{ "hashfed status now",                  HF_E_ARGUMENT, NULL, 0, "status" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_cmd_row *row = NULL;
		static struct hf_cmd cmd;
		struct hf_why why = { "" };
		char line[128], *words[WORDS_MAX + 1];
		enum hf_err err;

		snprintf(line, sizeof(line), "%s", rows[i].line);
		memset(&cmd, 0, sizeof(cmd));
		err = hf_cmd_parse(&cmd, words_of(line, words), words, &row,
				   &why);
		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].line, why.text);
		if (err != HF_OK) {
			if (strstr(why.text, rows[i].says) == NULL)
				fail_msg("%s: says '%s'", rows[i].line,
					 why.text);
			continue;
		}
		if (rows[i].run == NULL) {
			assert_null(row);
			continue;
		}
		assert_non_null(row);
		assert_ptr_equal(row->run, rows[i].run);
		assert_int_equal(cmd.args_count, rows[i].args);
	}
}

static void every_command_says_how_it_is_used(void **state)
{
	for (size_t i = 0; i < hf_cmd_rows_count; i++) {
		assert_non_null(hf_cmd_rows[i].run);
		assert_true(strlen(hf_cmd_rows[i].words) > 0);
		assert_true(hf_cmd_rows[i].args_least <=
			    hf_cmd_rows[i].args_most);
	}
}

/* getopt_long() has ':' and '?' for itself: no option may be one of them. */
static void every_option_is_taken_as_itself(void **state)
{
	static const struct {
		const char *text;
		bool has_value;
	} options[] = {
#define OPTION(name, text, has_value) { text, (has_value) != 0 },
		HF_CMD_OPTION_TABLE(OPTION)
#undef OPTION
	};

	for (int i = 0; i < HF_CMD_OPTIONS; i++) {
		const struct hf_cmd_row *row = NULL;
		static struct hf_cmd cmd;
		struct hf_why why = { "" };
		char line[128], *words[WORDS_MAX + 1];

		snprintf(line, sizeof(line), "hashfed --%s %s", options[i].text,
			 options[i].has_value ? "x" : "");
		memset(&cmd, 0, sizeof(cmd));
		assert_ok(hf_cmd_parse(&cmd, words_of(line, words), words, &row,
				       &why),
			  &why);
		assert_int_equal(cmd.options[i].count, 1);
	}
}

/* Every act is a command, and says an event or none. */
static void every_act_is_a_command_of_its_own(void **state)
{
	static const char *const acts[] = {
#define ACT(word, kind, takes, words) word,
		HF_CMD_ACT_TABLE(ACT)
#undef ACT
	};

	for (size_t i = 0; i < ROWS(acts); i++) {
		const struct hf_cmd_row *row = NULL;
		static struct hf_cmd cmd;
		struct hf_why why = { "" };
		char line[128], *words[WORDS_MAX + 1];

		snprintf(line, sizeof(line), "hashfed cases %s a1", acts[i]);
		memset(&cmd, 0, sizeof(cmd));
		assert_ok(hf_cmd_parse(&cmd, words_of(line, words), words, &row,
				       &why),
			  &why);
		assert_ptr_equal(row->run, hf_cmd_cases_act);
		assert_string_equal(row->verb, acts[i]);
		assert_ptr_equal(cmd.row, row);
	}
}

static void hashes_are_told_from_files(void **state)
{
	static const struct {
		const char *text;
		bool is_hash;
		unsigned algorithm;
		size_t len_bytes;
	} rows[] = {
		{ MD5, true, HF_ALGORITHM_MD5, 16 },
		{ "md5:" MD5, true, HF_ALGORITHM_MD5, 16 },
		{ "pdq:" SIXTY_FOUR, true, HF_ALGORITHM_PDQ, 32 },
		{ SIXTY_FOUR, true, 0, 32 },
		{ "sha1:" MD5, false, 0, 0 },
		{ "vpdq:" MD5, false, 0, 0 },
		{ "frob:" MD5, false, 0, 0 },
		{ "picture.jpg", false, 0, 0 },
		{ "zz1d8cd98f00b204e9800998ecf8427e", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_cmd_hash hash = { 0 };

		if (hf_cmd_hash_parse(rows[i].text, &hash) != rows[i].is_hash ||
		    hash.algorithm != rows[i].algorithm ||
		    hash.len_bytes != rows[i].len_bytes)
			fail_msg("'%s'", rows[i].text);
	}
}

/* ---- what is refused before anything happens ---- */

static enum hf_err run_line(const char *text, struct hf_why *why)
{
	const struct hf_cmd_row *row = NULL;
	static struct hf_cmd cmd;
	char line[512], *words[WORDS_MAX + 1];
	enum hf_err err;

	snprintf(line, sizeof(line), "%s", text);
	memset(&cmd, 0, sizeof(cmd));
	hf_arena_init(&cmd.arena, HF_CMD_ARENA_BYTES);
	snprintf(cmd.layout.run, sizeof(cmd.layout.run), "%s/run", folder);
	snprintf(cmd.layout.lib, sizeof(cmd.layout.lib), "%s/lib", folder);
	err = hf_cmd_parse(&cmd, words_of(line, words), words, &row, why);
	if (err == HF_OK)
		err = row->run(&cmd, why);
	hf_arena_release(&cmd.arena);
	return err;
}

static void refusals_say_what_to_do(void **state)
{
	static const struct {
		const char *line;
		enum hf_err want;
		const char *says;
	} rows[] = {
		/* clang-format off */
		{ "hashfed publish a",                          HF_E_ARGUMENT,    "--set" },
		{ "hashfed publish --set x/y a",                HF_E_ARGUMENT,    "origin like" },
		{ "hashfed publish --set case a",               HF_E_ARGUMENT,    "--class csam" },
		{ "hashfed publish --set ncii --class x a",     HF_E_ARGUMENT,    "--class 'x'" },
		{ "hashfed publish --set ncii --label A1 a",    HF_E_ARGUMENT,    "SCHEME=VALUE" },
		{ "hashfed publish --set ncii --flag x a",      HF_E_ARGUMENT,    "ai-generated" },
		{ "hashfed publish --set ncii --jurisdiction nl a", HF_E_ARGUMENT, "jurisdiction" },
		{ "hashfed publish --set ncii --batch 12 a",    HF_E_ARGUMENT,    "hex digits" },
		{ "hashfed publish --set ncii",                 HF_E_ARGUMENT,    "usage" },
		{ "hashfed publish --set ncii --import l a",    HF_E_ARGUMENT,    "not both" },
		{ "hashfed publish --set ncii --skip-bad a",    HF_E_ARGUMENT,    "--import" },
		{ "hashfed publish --set ncii --import /nonexistent", HF_E_NOTFOUND, "/nonexistent" },
		{ "hashfed publish --set ncii --import /",      HF_E_ARGUMENT,    "not a regular file" },
		{ "hashfed publish --set ncii --import /dev/null --type x", HF_E_ARGUMENT, "--type 'x'" },
		{ "hashfed publish --set ncii --import /dev/null --format x", HF_E_ARGUMENT, "--format 'x'" },
		{ "hashfed publish --set ncii a",               HF_E_UNAVAILABLE, "start it with hashfedd" },
		{ "hashfed retract",                            HF_E_ARGUMENT,    "usage" },
		{ "hashfed retract --reason x " MD5,            HF_E_ARGUMENT,    "withdrawn" },
		{ "hashfed match " MD5,                         HF_E_UNAVAILABLE, "scanner.sock" },
		{ "hashfed match --cert x " MD5,                HF_E_ARGUMENT,    "go with --server" },
		{ "hashfed match --server localhost:1 " MD5,    HF_E_ARGUMENT,    "--pin" },
		{ "hashfed sets open",                          HF_E_ARGUMENT,    "usage" },
		{ "hashfed sets follow",                        HF_E_ARGUMENT,    "usage" },
		{ "hashfed proof ncii x",                       HF_E_ARGUMENT,    "not the index" },
		{ "hashfed notify",                             HF_E_ARGUMENT,    "--provider" },
		{ "hashfed notify --letter --import x",         HF_E_ARGUMENT,    "not both" },
		{ "hashfed notify --import x --request y",      HF_E_ARGUMENT,    "twice" },
		{ "hashfed notify --skip-bad",                  HF_E_ARGUMENT,    "--import" },
		{ "hashfed cases show XYZ",                     HF_E_ARGUMENT,    "is no case" },
		{ "hashfed cases rejected a1",                  HF_E_ARGUMENT,    "--reason" },
		{ "hashfed cases --state frob",                 HF_E_ARGUMENT,    "'frob'" },
		{ "hashfed cases removed a1 --at x",            HF_E_ARGUMENT,    "--at: 'x' is no time" },
		{ "hashfed cases sent a1",                      HF_E_ARGUMENT,    "--means" },
		{ "hashfed watch --jobs 0 --exec x",            HF_E_ARGUMENT,    "--jobs '0'" },
		{ "hashfed watch --state x",                    HF_E_ARGUMENT,    "--exec" },
		{ "hashfed cases show a1",                      HF_E_UNAVAILABLE, "analyst.sock" },
		{ "hashfed watch --once",                       HF_E_UNAVAILABLE, "analyst.sock" },
		{ "hashfed status",                             HF_E_UNAVAILABLE, "reader.sock" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		enum hf_err err = run_line(rows[i].line, &why);

		if (err == HF_E_NOMEM)
			continue;
		if (err != rows[i].want ||
		    strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s: %s: %s", rows[i].line, hf_err_name(err),
				 why.text);
	}
}

static void a_bad_line_stops_an_import_and_is_written_down(void **state)
{
	char list[128], rejects[160], line[256];
	struct hf_why why = { "" };
	struct hf_buf buf;
	enum hf_err err;

	snprintf(list, sizeof(list), "%s/list", folder);
	snprintf(rejects, sizeof(rejects), "%s.rejects", list);
	err = hf_file_replace(list, BYTES(MD5 "\r\n" MD5 "\r\nfrob\r\n"), 0600,
			      &why);
	if (err != HF_OK)
		return; /* only under torture */
	snprintf(line, sizeof(line),
		 "hashfed publish --set ncii --import %s --quiet", list);
	err = run_line(line, &why);
	if (err == HF_E_NOMEM)
		return;
	assert_int_equal(err, HF_E_MALFORMED);
	assert_non_null(strstr(why.text, "nothing was published"));
	hf_buf_init(&buf, 4096);
	err = hf_file_read(rejects, &buf, &why);
	hf_buf_put_u8(&buf, 0);
	if (err == HF_OK && hf_buf_failed(&buf) == HF_OK)
		assert_ptr_equal(strstr((const char *)buf.at, "3: 'frob'"),
				 buf.at);
	hf_buf_release(&buf);
	unlink(rejects);
	unlink(list);
}

static void a_socket_that_is_left_behind_is_no_daemon(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct hf_why why = { "" };
	char dir[80];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(dir, sizeof(dir), "%s/run", folder);
	(void)mkdir(dir, 0700);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/reader.sock",
		 dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	close(fd);
	assert_int_equal(run_line("hashfed status", &why), HF_E_UNAVAILABLE);
	unlink(address.sun_path);
	rmdir(dir);
}

/* ---- what is printed ---- */

static void a_name_cannot_make_a_line_of_its_own(void **state)
{
	struct hf_buf buf;

	hf_buf_init(&buf, 256);
	hf_show_escape(&buf, "a\n\t\\\x1b b");
	if (hf_buf_failed(&buf) == HF_OK)
		assert_true(
			hf_span_is(hf_buf_span(&buf), "a\\n\\t\\\\\\x1b b"));
	hf_buf_release(&buf);
}

static void a_name_cannot_rule_a_terminal_or_turn_a_line_around(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		/* CSI as one character. */
		{ "\xc2\x9b"
		  "2Jx",
		  "\\xc2\\x9b2Jx" },
		{ "\xc2\x85", "\\xc2\\x85" },
		{ "gpj.\u202eexe", "gpj.\\xe2\\x80\\xaeexe" },
		{ "\u2066a\u2069", "\\xe2\\x81\\xa6a\\xe2\\x81\\xa9" },
		{ "\u200f\u2028", "\\xe2\\x80\\x8f\\xe2\\x80\\xa8" },
		{ "\u061c", "\\xd8\\x9c" },
		/* What only looks like it. */
		{ "\u00a0 d\u00e9j\u00e0 \u2027 \u202f \u2070",
		  "\u00a0 d\u00e9j\u00e0 \u2027 \u202f \u2070" },
		/* Cut off. */
		{ "\xc2", "\xc2" },
		{ "\xe2\x80", "\xe2\x80" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_buf buf;

		hf_buf_init(&buf, 256);
		hf_show_escape(&buf, rows[i].text);
		hf_buf_put_u8(&buf, 0);
		if (hf_buf_failed(&buf) == HF_OK)
			assert_string_equal((const char *)buf.at,
					    rows[i].shown);
		hf_buf_release(&buf);
	}
}

static void of_two_reasons_for_a_verdict_the_stronger_is_told(void **state)
{
	static const uint8_t bytes[32];
	/* Each is a stronger reason than the one below it. */
	const struct hf_wire_match_hit hits[] = {
		{ .algorithm = HF_ALGORITHM_PDQ,
		  .verdict = HF_VERDICT_BLOCK,
		  .distance = 9,
		  .digest = { bytes, 32 } },
		{ .algorithm = HF_ALGORITHM_SHA256,
		  .verdict = HF_VERDICT_REVIEW,
		  .digest = { bytes, 32 } },
		{ .algorithm = HF_ALGORITHM_SHA1,
		  .verdict = HF_VERDICT_REVIEW,
		  .digest = { bytes, 20 } },
		{ .algorithm = HF_ALGORITHM_MD5,
		  .verdict = HF_VERDICT_REVIEW,
		  .digest = { bytes, 16 } },
		{ .algorithm = HF_ALGORITHM_PDQ,
		  .verdict = HF_VERDICT_REVIEW,
		  .digest = { bytes, 32 } },
		{ .algorithm = HF_ALGORITHM_PDQ,
		  .verdict = HF_VERDICT_REVIEW,
		  .distance = 1,
		  .digest = { bytes, 32 } },
	};

	for (size_t i = 0; i < ROWS(hits); i++) {
		for (size_t j = 0; j < ROWS(hits); j++)
			assert_int_equal(hf_wire_match_hit_is_stronger(
						 &hits[i], &hits[j]),
					 i < j);
	}
}

static void hits_are_sorted_back_to_their_items(void **state)
{
	const struct hf_wire_match_hit hits[] = {
		{ .item = 1, .verdict = HF_VERDICT_BLOCK },
		{ .item = 1, .verdict = HF_VERDICT_REVIEW },
		{ .item = 4, .verdict = HF_VERDICT_IGNORE },
	};
	const struct hf_wire_match_response answer = { .hits = hits,
						       .hits_count = 3 };
	static const size_t want[] = { 0, 2, 0, 0, 1, 0 };
	const struct hf_wire_match_hit *found;
	size_t at = 0;

	for (uint32_t item = 0; item < ROWS(want); item++) {
		size_t count = hf_lookup_hits(&answer, item, &at, &found);

		assert_int_equal(count, want[item]);
		if (item == 1)
			assert_int_equal(hf_lookup_verdict(found, count),
					 HF_VERDICT_BLOCK);
	}
}

static int set(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/test_cmd.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines_are_taken_apart),
		cmocka_unit_test(every_command_says_how_it_is_used),
		cmocka_unit_test(
			of_two_reasons_for_a_verdict_the_stronger_is_told),
		cmocka_unit_test(every_option_is_taken_as_itself),
		cmocka_unit_test(every_act_is_a_command_of_its_own),
		cmocka_unit_test(hashes_are_told_from_files),
		cmocka_unit_test(refusals_say_what_to_do),
		cmocka_unit_test(
			a_bad_line_stops_an_import_and_is_written_down),
		cmocka_unit_test(a_socket_that_is_left_behind_is_no_daemon),
		cmocka_unit_test(a_name_cannot_make_a_line_of_its_own),
		cmocka_unit_test(
			a_name_cannot_rule_a_terminal_or_turn_a_line_around),
		cmocka_unit_test(hits_are_sorted_back_to_their_items),
	};

	if (hf_sign_start(NULL) != HF_OK)
		return 1;
	return cmocka_run_group_tests(tests, set, clear);
}
