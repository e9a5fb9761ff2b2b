#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client_later.h"
#include "duty.h"
#include "file.h"
#include "sha256.h"

#include "case_csv.h"
#include "case_show.h"
#include "notice.h"
#include "notice_rows.h"
#include "show.h"
#include "show_json.h"

#define PATH_SIZE       4096
#define COMPLAINTS_MAX  20
#define ROWS_MAX_BYTES  ((size_t)1024 * 1024 * 1024)
#define SHOW_EVERY_ROWS 4096

/* Notices that wait for their answer: the daemon appends them together. */
#define UNDER_WAY 16

/* What is left to say of a notice once it is answered. */
struct under_way {
	struct hf_client_later *call;
	uint64_t line;
	size_t places;
	size_t hashes;
};

struct import {
	struct hf_cmd *cmd;
	const struct hf_notice_plan *plan;
	struct hf_client *client; /* NULL: only look */
	const char *path;
	struct hf_buf text; /* the file */
	uint8_t file_hash[HF_SHA256_BYTES];
	struct hf_arena arena; /* of rows */
	struct hf_arena part;  /* of one notice, or its answer */
	struct under_way under_way[UNDER_WAY]; /* a ring, oldest first */
	size_t oldest;
	size_t under_way_count;
	struct hf_notice_rows rows;
	struct hf_buf rejects;
	size_t notices_count;
	uint64_t bad;
	uint64_t sent;
	uint64_t refused;
	uint64_t places;
	struct hf_progress progress;
};

/* ---- reading ---- */

/* "hashfed: list.csv:7: url: ...". */
static void complain(struct import *import, uint64_t line,
		     const struct hf_why *because)
{
	char where[PATH_SIZE + 24];

	snprintf(where, sizeof(where), "%s:%llu", import->path,
		 (unsigned long long)line);
	hf_progress_clear(&import->progress);
	hf_cmd_complain(where, because->text);
}

static void reject(struct import *import, const struct hf_case_csv *csv,
		   const struct hf_case_csv_row *row,
		   const struct hf_why *because)
{
	if (import->bad++ < COMPLAINTS_MAX)
		complain(import, row->line, because);
	if (import->bad == 1 && csv->has_header) {
		hf_buf_put(&import->rejects, csv->header);
		hf_buf_put_text(&import->rejects, "\n");
	}
	hf_buf_put(&import->rejects, row->text);
	hf_buf_put_text(&import->rejects, "\n");
}

static enum hf_err read_rows(struct import *import, struct hf_case_csv *csv,
			     struct hf_why *why)
{
	for (uint64_t count = 1;; count++) {
		struct hf_case_csv_row row = { 0 };
		struct hf_why because = { "" };
		enum hf_err err =
			hf_case_csv_next(csv, &import->arena, &row, &because);

		if (err == HF_E_NOTFOUND)
			return HF_OK;
		if (err == HF_OK && import->rows.count == HF_NOTICE_ROWS_MAX)
			return hf_why(why, HF_E_LIMIT,
				      "%s:%llu: more than %zu rows: cut the "
				      "list",
				      import->path,
				      (unsigned long long)row.line,
				      HF_NOTICE_ROWS_MAX);
		if (err == HF_OK)
			err = hf_notice_rows_add(&import->rows, &row, &because);
		if (err == HF_E_NOMEM)
			return hf_why(why, err, "%s:%llu: %.150s", import->path,
				      (unsigned long long)row.line,
				      because.text);
		if (err != HF_OK)
			reject(import, csv, &row, &because);
		if (count % SHOW_EVERY_ROWS == 0)
			hf_progress_show(&import->progress, "check",
					 csv->at_bytes, csv->text.len_bytes,
					 "bytes", "");
	}
}

/* What was left out, as a list of its own, to be corrected and imported. */
static enum hf_err write_rejects(struct import *import, struct hf_why *why)
{
	char path[PATH_SIZE];
	enum hf_err err = hf_buf_failed(&import->rejects);

	if (import->bad == 0)
		return HF_OK;
	if (err != HF_OK)
		return hf_why(why, err, "no memory for what was left out");
	if (snprintf(path, sizeof(path), "%s.rejects", import->path) >=
	    (int)sizeof(path))
		return hf_why(why, HF_E_LIMIT, "a path too long");
	return hf_file_replace(path, hf_buf_span(&import->rejects), 0600, why);
}

static enum hf_err say_bad(const struct import *import, struct hf_why *why)
{
	const char *name = strrchr(import->path, '/');

	if (import->bad > COMPLAINTS_MAX)
		fprintf(stderr, "hashfed: ... and %llu more\n",
			(unsigned long long)import->bad - COMPLAINTS_MAX);
	return hf_why(why, HF_E_MALFORMED,
		      "nothing was sent: bad rows: %llu; correct them, or "
		      "leave them out with --skip-bad, which writes them to "
		      "%.60s.rejects",
		      (unsigned long long)import->bad,
		      name != NULL ? name + 1 : import->path);
}

static enum hf_err read_list(struct import *import, struct hf_why *why)
{
	struct hf_case_csv csv;
	enum hf_err err = hf_file_read(import->path, &import->text, why);

	if (err != HF_OK)
		return err;
	hf_sha256(import->text.at, import->text.len_bytes, import->file_hash);
	err = hf_case_csv_init(&csv, hf_buf_span(&import->text), why);
	if (err != HF_OK) {
		hf_why_prefix(why, "%s: ", import->path);
		return err;
	}
	err = read_rows(import, &csv, why);
	hf_progress_clear(&import->progress);
	if (err == HF_OK && import->bad > 0 &&
	    !hf_cmd_has(import->cmd, HF_CMD_SKIP_BAD))
		return say_bad(import, why);
	if (err == HF_OK)
		err = write_rejects(import, why);
	if (err == HF_OK && import->rows.count == 0)
		err = hf_why(why, HF_E_MALFORMED,
			     "%s: no row that tells of anything: nothing was "
			     "sent",
			     import->path);
	return err;
}

/* ---- sending ---- */

static enum hf_err print(struct import *import, const struct under_way *sent,
			 const struct hf_case_summary *summary,
			 const char *mail_path, struct hf_why *why)
{
	json_t *object;

	if (!hf_cmd_has(import->cmd, HF_CMD_JSON)) {
		printf("%s\t%s\t%s\t%zu places\t%zu hashes\tline %llu\t",
		       summary->case_id, hf_case_state_word(summary->state),
		       summary->provider, sent->places, sent->hashes,
		       (unsigned long long)sent->line);
		hf_show_escaped(stdout, mail_path[0] != '\0' ? mail_path : "-");
		putchar('\n');
		return HF_OK;
	}
	object = hf_case_json(summary);
	json_object_set_new(object, "line", hf_json_number(sent->line));
	if (mail_path[0] != '\0')
		json_object_set_new(object, "mail", hf_json_text(mail_path));
	return hf_json_line(object, why);
}

static enum hf_err begin_part(struct import *import,
			      const struct hf_notice_part *part,
			      struct hf_why *why)
{
	uint8_t id[HF_EVENT_ID_BYTES];
	const struct hf_send_notice_request request = {
		.request_id = { id, sizeof(id) },
		.notice = &part->notice,
		.kind = import->plan->kind,
		.hold = import->plan->hold,
	};
	size_t at = (import->oldest + import->under_way_count) % UNDER_WAY;
	struct under_way *sent = &import->under_way[at];
	enum hf_err err = hf_notice_rows_id(import->file_hash, &part->notice,
					    import->plan->hold, id, why);

	if (err == HF_OK)
		err = hf_client_notice_begin(import->client, &request,
					     &sent->call, why);
	if (err != HF_OK)
		return err;
	sent->line = part->line;
	sent->places = part->notice.locators_count;
	sent->hashes = part->notice.hashes_count;
	import->under_way_count++;
	return HF_OK;
}

static enum hf_err end_part(struct import *import, struct under_way *sent,
			    struct hf_why *why)
{
	struct hf_send_notice_response answer;
	char mail_path[HF_MAIL_PATH_SIZE];
	enum hf_err err;

	hf_arena_reset(&import->part);
	err = hf_client_notice_end(sent->call, &import->part, &answer, why);
	if (err == HF_OK)
		err = hf_answer_check(answer.summary, why);
	if (err == HF_OK)
		err = hf_mail_write(import->cmd, answer.summary->case_id,
				    answer.mail, mail_path, why);
	if (err == HF_OK)
		err = print(import, sent, answer.summary, mail_path, why);
	return err;
}

/* Is it about this notice alone?  Then the others go on. */
static bool is_of_notice(enum hf_err err)
{
	return err == HF_E_ARGUMENT || err == HF_E_MALFORMED ||
	       err == HF_E_LIMIT || err == HF_E_NOTFOUND ||
	       err == HF_E_CONFLICT || err == HF_E_UNSUPPORTED;
}

static enum hf_err count(struct import *import, uint64_t line, size_t places,
			 enum hf_err err, const struct hf_why *because,
			 struct hf_why *why)
{
	if (err != HF_OK && !is_of_notice(err))
		return hf_why(why, err, "%s", because->text);
	if (err != HF_OK) {
		complain(import, line, because);
		import->refused++;
		return HF_OK;
	}
	import->sent++;
	import->places += places;
	return HF_OK;
}

/* Take the answer to the oldest. */
static enum hf_err take_answer(struct import *import, struct hf_why *why)
{
	struct under_way *sent = &import->under_way[import->oldest];
	struct hf_why because = { "" };
	enum hf_err err = end_part(import, sent, &because);

	import->oldest = (import->oldest + 1) % UNDER_WAY;
	import->under_way_count--;
	err = count(import, sent->line, sent->places, err, &because, why);
	if (err != HF_OK)
		return err;
	fflush(stdout);
	hf_progress_show(&import->progress, "notify",
			 import->sent + import->refused, import->notices_count,
			 "notices", "");
	return HF_OK;
}

static enum hf_err take_part(struct import *import,
			     const struct hf_notice_part *part,
			     struct hf_why *why)
{
	struct hf_why because = { "" };
	enum hf_err err = hf_notice_check(&part->notice, &because);

	if (err == HF_OK && import->client != NULL) {
		err = begin_part(import, part, &because);
		/* It is counted when it is answered. */
		if (err == HF_OK)
			return HF_OK;
	} else if (err == HF_OK) {
		printf("%s\t%zu places\t%zu hashes\tline %llu\n",
		       part->notice.provider, part->notice.locators_count,
		       part->notice.hashes_count,
		       (unsigned long long)part->line);
	}
	return count(import, part->line, part->notice.locators_count, err,
		     &because, why);
}

static enum hf_err send_all(struct import *import, struct hf_why *why)
{
	size_t at = 0;
	enum hf_err err = HF_OK;

	for (;;) {
		struct hf_notice_part part;

		if (hf_cmd_is_interrupted())
			return hf_why(why, HF_E_CANCELLED, "interrupted");
		if (import->under_way_count == UNDER_WAY)
			err = take_answer(import, why);
		hf_arena_reset(&import->part);
		if (err == HF_OK)
			err = hf_notice_rows_next(&import->rows, &at,
						  &import->part, &part, why);
		if (err == HF_E_NOTFOUND)
			break;
		if (err == HF_OK)
			err = take_part(import, &part, why);
		if (err != HF_OK)
			return err;
	}
	err = HF_OK;
	while (err == HF_OK && import->under_way_count > 0)
		err = hf_cmd_is_interrupted()
			      ? hf_why(why, HF_E_CANCELLED, "interrupted")
			      : take_answer(import, why);
	return err;
}

/* What is under way when something else failed: sent again, it is the same. */
static void drop_rest(struct import *import)
{
	for (; import->under_way_count > 0; import->under_way_count--) {
		hf_client_later_drop(import->under_way[import->oldest].call);
		import->oldest = (import->oldest + 1) % UNDER_WAY;
	}
}

static void print_end(const struct import *import)
{
	if (hf_cmd_has(import->cmd, HF_CMD_JSON))
		return;
	printf("%llu notices %s: %llu places", (unsigned long long)import->sent,
	       import->client != NULL ? "are sent"
				      : "could be sent; nothing was, as asked",
	       (unsigned long long)import->places);
	if (import->refused > 0)
		printf(", %llu notices refused",
		       (unsigned long long)import->refused);
	if (import->bad > 0)
		printf(", %llu rows left out", (unsigned long long)import->bad);
	putchar('\n');
}

static enum hf_err send_list(struct import *import, struct hf_why *why)
{
	enum hf_err err = hf_notice_rows_count(&import->rows,
					       &import->notices_count, why);

	if (err == HF_OK && !hf_cmd_has(import->cmd, HF_CMD_DRY_RUN))
		err = hf_cmd_connect(import->cmd, HF_DUTY_ANALYST,
				     &import->client, why);
	if (err != HF_OK)
		return err;
	hf_cmd_catch_signals();
	err = send_all(import, why);
	drop_rest(import);
	hf_progress_clear(&import->progress);
	if (err == HF_OK) {
		print_end(import);
		if (import->refused > 0)
			import->cmd->exit_code = HF_CMD_EXIT_FOUND;
	} else {
		fprintf(stderr,
			"hashfed: %llu of %zu notices are sent: the same "
			"command goes on, and sends none of them twice\n",
			(unsigned long long)import->sent,
			import->notices_count);
	}
	hf_client_close(import->client);
	return err;
}

enum hf_err hf_notice_import(struct hf_cmd *cmd, struct hf_notice_plan *plan,
			     struct hf_why *why)
{
	struct import import = { .cmd = cmd,
				 .plan = plan,
				 .path = hf_cmd_option(cmd, HF_CMD_IMPORT) };
	enum hf_err err;

	if (plan->notice.regime == 0 && plan->notice.order == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "by which rules? --regime, one of %s",
			      hf_regime_words());
	hf_buf_init(&import.text, HF_CASE_CSV_FILE_MAX_BYTES);
	hf_buf_init(&import.rejects, 2 * HF_CASE_CSV_FILE_MAX_BYTES);
	hf_arena_init(&import.arena, ROWS_MAX_BYTES);
	hf_arena_init(&import.part, HF_CMD_ARENA_BYTES);
	hf_notice_rows_init(&import.rows, &import.arena, &plan->notice);
	hf_progress_begin(&import.progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	err = read_list(&import, why);
	if (err == HF_OK)
		err = send_list(&import, why);
	hf_arena_release(&import.part);
	hf_arena_release(&import.arena);
	hf_buf_release(&import.rejects);
	hf_buf_release(&import.text);
	return err;
}
