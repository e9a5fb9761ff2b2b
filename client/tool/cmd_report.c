#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "duty.h"
#include "file.h"
#include "sign.h"

#include "report.h"
#include "report_day.h"

#include "cmd.h"
#include "each_case.h"
#include "report_doc.h"
#include "show.h"

/* A million cases that a supervisor's report names are 52 MB of JSON. */
#define REPORT_MAX_BYTES ((size_t)512 * 1024 * 1024)

#define DIR_MODE  0700
#define FILE_MODE 0600
#define OPEN_MODE 0644 /* what the public may read anyway */

/* clang-format off */
static const struct {
	const char *word;
	enum hf_err (*write)(const struct hf_doc *doc, struct hf_buf *out,
			     struct hf_why *why);
} formats[] = {
	{ "text", hf_doc_write_text },
	{ "csv", hf_doc_write_csv },
	{ "json", hf_doc_write_json },
	{ "html", hf_doc_write_html },
};
/* clang-format on */
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static enum hf_err pick_format(const struct hf_cmd *cmd, size_t *out_format,
			       struct hf_why *why)
{
	const char *word = hf_cmd_option(cmd, HF_CMD_FORMAT);

	if (word == NULL)
		word = formats[0].word;
	for (size_t i = 0; i < FORMATS; i++) {
		if (strcmp(formats[i].word, word) == 0) {
			*out_format = i;
			return HF_OK;
		}
	}
	return hf_why(why, HF_E_ARGUMENT,
		      "--format '%.40s': give text, csv, json or html", word);
}

/* Without a window: the trusted flagger's last whole year, for the others
 * everything. */
static enum hf_err take_options(const struct hf_cmd *cmd,
				enum hf_report_kind kind,
				struct hf_report_options *out_options,
				struct hf_why *why)
{
	const char *audience = hf_cmd_option(cmd, HF_CMD_AUDIENCE);
	struct hf_report_options options = {
		.kind = kind,
		.as_of_ms = hf_clock_wall_ms(),
		.provider = hf_cmd_option(cmd, HF_CMD_PROVIDER),
	};
	enum hf_err err =
		hf_cmd_window(cmd, &options.from_ms, &options.to_ms, why);

	if (err != HF_OK)
		return err;
	if (audience != NULL &&
	    !hf_report_audience_parse(audience, &options.audience))
		return hf_why(why, HF_E_ARGUMENT,
			      "--audience '%.40s': give authority, self or "
			      "public",
			      audience);
	if (kind == HF_REPORT_TRUSTED_FLAGGER && options.from_ms == 0 &&
	    options.to_ms == 0) {
		options.to_ms = hf_year_begin(options.as_of_ms);
		options.from_ms = hf_year_begin(options.to_ms - 1);
	}
	hf_random(&options.seed, sizeof(options.seed));
	*out_options = options;
	return HF_OK;
}

static enum hf_err count_case(void *arg, const struct hf_case_summary *summary,
			      struct hf_why *why)
{
	return hf_report_add(arg, summary, why);
}

/* ---- bundles ---- */

static enum hf_err fetch_bundle(struct hf_client *client, const char *dir,
				const char *case_id, struct hf_arena *arena,
				struct hf_why *why)
{
	const struct hf_get_bundle_request request = { .case_id = case_id };
	struct hf_get_bundle_response answer;
	char name[64], path[4096];
	enum hf_err err;

	hf_arena_reset(arena);
	err = hf_client_get_bundle(client, &request, arena, &answer, why);
	if (err != HF_OK)
		return err;
	snprintf(name, sizeof(name), "%.32s.bundle", case_id);
	err = hf_file_join(path, sizeof(path), dir, name, why);
	if (err == HF_OK)
		err = hf_file_replace(path, answer.bundle, FILE_MODE, why);
	return err;
}

/* One file for each case that is named.  One that cannot be had is said, and
 * the rest goes on. */
static enum hf_err fetch_bundles(struct hf_cmd *cmd, struct hf_client *client,
				 const struct hf_report *report,
				 const char *dir, struct hf_why *why)
{
	struct hf_progress progress;
	struct hf_arena arena;
	uint64_t left_out;
	size_t count, failed = 0;
	const struct hf_report_proof *proofs =
		hf_report_proofs(report, &count, &left_out);
	enum hf_err err = hf_file_mkdirs(dir, DIR_MODE, why);

	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_CMD_ARENA_BYTES);
	hf_progress_begin(&progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	for (size_t i = 0; i < count; i++) {
		char id[2 * sizeof(proofs[i].case_id) + 1];
		struct hf_why one = { "" };

		hf_hex(proofs[i].case_id, sizeof(proofs[i].case_id), id);
		if (fetch_bundle(client, dir, id, &arena, &one) != HF_OK) {
			hf_progress_clear(&progress);
			hf_cmd_complain(id, one.text);
			failed++;
		}
		hf_progress_show(&progress, "fetching", i + 1, count, "bundles",
				 "");
	}
	hf_progress_clear(&progress);
	hf_arena_release(&arena);
	if (failed > 0)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	return HF_OK;
}

/* ---- the report ---- */

static enum hf_err put_report(struct hf_cmd *cmd,
			      const struct hf_report *report,
			      const char *organisation, size_t format,
			      struct hf_why *why)
{
	const char *path = hf_cmd_option(cmd, HF_CMD_OUTPUT);
	bool is_public =
		hf_report_options(report)->audience == HF_REPORT_PUBLIC;
	struct hf_arena arena;
	struct hf_buf out;
	struct hf_doc doc;
	enum hf_err err;

	hf_arena_init(&arena, REPORT_MAX_BYTES);
	hf_buf_init(&out, REPORT_MAX_BYTES);
	err = hf_doc_make(report, organisation, &arena, &doc, why);
	if (err == HF_OK)
		err = formats[format].write(&doc, &out, why);
	if (err == HF_OK && path != NULL)
		err = hf_file_replace(path, hf_buf_span(&out),
				      is_public ? OPEN_MODE : FILE_MODE, why);
	else if (err == HF_OK)
		fwrite(out.at, 1, out.len_bytes, stdout);
	hf_buf_release(&out);
	hf_arena_release(&arena);
	return err;
}

static enum hf_err read_and_put(struct hf_cmd *cmd, struct hf_client *client,
				struct hf_report *report, size_t format,
				struct hf_why *why)
{
	const struct hf_report_options *options = hf_report_options(report);
	const char *bundles = hf_cmd_option(cmd, HF_CMD_BUNDLES);
	struct hf_get_status_response status;
	enum hf_err err =
		hf_client_get_status(client, &cmd->arena, &status, why);

	if (err == HF_OK)
		err = hf_cmd_each_case(cmd, client, options->from_ms,
				       options->to_ms, options->provider,
				       count_case, report, why);
	if (err == HF_OK)
		err = hf_report_finish(report, why);
	if (err == HF_OK)
		err = put_report(cmd, report, status.organisation, format, why);
	if (err == HF_OK && bundles != NULL)
		err = fetch_bundles(cmd, client, report, bundles, why);
	return err;
}

static enum hf_err run_report(struct hf_cmd *cmd, enum hf_report_kind kind,
			      struct hf_why *why)
{
	struct hf_report_options options;
	struct hf_report *report;
	struct hf_client *client;
	size_t format;
	enum hf_err err = pick_format(cmd, &format, why);

	if (err == HF_OK)
		err = take_options(cmd, kind, &options, why);
	if (err == HF_OK && options.audience == HF_REPORT_PUBLIC &&
	    hf_cmd_has(cmd, HF_CMD_BUNDLES))
		return hf_why(why, HF_E_ARGUMENT,
			      "--bundles names cases; a public report has "
			      "totals only");
	if (err == HF_OK)
		err = hf_report_new(&options, &report, why);
	if (err != HF_OK)
		return err;
	err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err == HF_OK) {
		err = read_and_put(cmd, client, report, format, why);
		hf_client_close(client);
	}
	hf_report_free(report);
	return err;
}

enum hf_err hf_cmd_report_hosting(struct hf_cmd *cmd, struct hf_why *why)
{
	return run_report(cmd, HF_REPORT_HOSTING, why);
}

enum hf_err hf_cmd_report_trusted_flagger(struct hf_cmd *cmd,
					  struct hf_why *why)
{
	return run_report(cmd, HF_REPORT_TRUSTED_FLAGGER, why);
}

enum hf_err hf_cmd_report_dsc(struct hf_cmd *cmd, struct hf_why *why)
{
	return run_report(cmd, HF_REPORT_DSC, why);
}
