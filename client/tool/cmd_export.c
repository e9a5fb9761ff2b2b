#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "file.h"

#include "sor.h"

#include "cmd.h"
#include "each_case.h"
#include "report_sor.h"
#include "show.h"

#define SOR_MAX_BYTES ((size_t)64 * 1024)
#define DIR_MODE      0700
#define FILE_MODE     0600

struct export
{
	struct hf_cmd *cmd;
	struct hf_client *client;
	struct hf_sor_options options;
	const char *dir; /* NULL: standard output */
	struct hf_arena arena;
	uint64_t refused;
};

static enum hf_err take_options(struct export *export, struct hf_why *why)
{
	const char *date = hf_cmd_option(export->cmd, HF_CMD_CONTENT_DATE);
	enum hf_err err;

	export->dir = hf_cmd_option(export->cmd, HF_CMD_OUTPUT);
	export->options.legal_ground =
		hf_cmd_option(export->cmd, HF_CMD_LEGAL_BASIS);
	export->options.content_type = hf_cmd_option(export->cmd, HF_CMD_TYPE);
	if (date == NULL)
		return HF_OK;
	if (strcmp(date, "notice") == 0) {
		export->options.is_content_notice = true;
		return HF_OK;
	}
	err = hf_day_parse(date, &export->options.content_ms, why);
	if (err != HF_OK)
		hf_why_prefix(why, "--content-date: ");
	return err;
}

static enum hf_err put(struct export *export, const struct hf_sor *sor,
		       struct hf_why *why)
{
	char name[HF_SOR_PUID_SIZE + 8], path[4096];
	struct hf_buf out;
	enum hf_err err;

	hf_buf_init(&out, SOR_MAX_BYTES);
	err = hf_sor_write(sor, export->dir == NULL, &out, why);
	if (err == HF_OK && export->dir == NULL) {
		fwrite(out.at, 1, out.len_bytes, stdout);
	} else if (err == HF_OK) {
		snprintf(name, sizeof(name), "%s.json", sor->puid);
		err = hf_file_join(path, sizeof(path), export->dir, name, why);
		if (err == HF_OK)
			err = hf_file_replace(path, hf_buf_span(&out),
					      FILE_MODE, why);
	}
	hf_buf_release(&out);
	return err;
}

/* What is missing in one case is said, and the others go on. */
static enum hf_err export_one(struct export *export, const char *case_id,
			      bool is_asked_for, struct hf_why *why)
{
	const struct hf_get_case_request request = { .case_id = case_id };
	struct hf_get_case_response answer;
	struct hf_why one = { "" };
	struct hf_sor sor;
	enum hf_err err;

	hf_arena_reset(&export->arena);
	err = hf_client_get_case(export->client, &request, &export->arena,
				 &answer, why);
	if (err != HF_OK)
		return err;
	err = hf_sor_make(&answer, &export->options, &sor, &one);
	if (err == HF_OK)
		return put(export, &sor, why);
	/* Of a whole period, those that need none are nothing to talk about. */
	if (err == HF_E_NOTFOUND && !is_asked_for)
		return HF_OK;
	fflush(stdout);
	fprintf(stderr, "hashfed: ");
	hf_show_escaped(stderr, one.text);
	fputc('\n', stderr);
	export->refused++;
	return HF_OK;
}

static enum hf_err export_listed(void *arg,
				 const struct hf_case_summary *summary,
				 struct hf_why *why)
{
	/* The provider acted, or there is nothing to state. */
	if (summary->acted_ms == 0)
		return HF_OK;
	return export_one(arg, summary->case_id, false, why);
}

static enum hf_err export_all(struct export *export, struct hf_why *why)
{
	uint64_t from_ms, to_ms;
	enum hf_err err = HF_OK;

	if (export->cmd->args_count == 0) {
		err = hf_cmd_window(export->cmd, &from_ms, &to_ms, why);
		if (err == HF_OK)
			err = hf_cmd_each_case(export->cmd, export->client,
					       from_ms, to_ms, NULL,
					       export_listed, export, why);
		return err;
	}
	for (size_t i = 0; err == HF_OK && i < export->cmd->args_count; i++)
		err = export_one(export, export->cmd->args[i], true, why);
	return err;
}

enum hf_err hf_cmd_export_dsa_sor(struct hf_cmd *cmd, struct hf_why *why)
{
	struct export export = { .cmd = cmd };
	bool has_window =
		hf_cmd_has(cmd, HF_CMD_FROM) || hf_cmd_has(cmd, HF_CMD_TO);
	enum hf_err err = take_options(&export, why);

	if (err == HF_OK && has_window == (cmd->args_count > 0))
		err = hf_why(why, HF_E_ARGUMENT,
			     "say which cases: by their ids, or with --from "
			     "and --to by the day of the notice");
	if (err == HF_OK && export.dir != NULL)
		err = hf_file_mkdirs(export.dir, DIR_MODE, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &export.client, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&export.arena, HF_CMD_ARENA_BYTES);
	err = export_all(&export, why);
	hf_arena_release(&export.arena);
	hf_client_close(export.client);
	if (err == HF_OK && export.refused > 0)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	return err;
}
