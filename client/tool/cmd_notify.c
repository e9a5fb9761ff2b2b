#include <stdio.h>
#include <string.h>

#include "duty.h"

#include "case_show.h"
#include "cmd.h"
#include "letter.h"
#include "notice.h"

/* ---- sending one ---- */

static enum hf_err send_notice(struct hf_cmd *cmd, struct hf_client *client,
			       const struct hf_notice_plan *plan,
			       const char *case_id, struct hf_why *why)
{
	const struct hf_send_notice_request request = {
		.request_id = { plan->request_id, sizeof(plan->request_id) },
		.notice = &plan->notice,
		.kind = plan->kind,
		.case_id = case_id,
		.hold = plan->hold,
	};
	struct hf_send_notice_response answer;
	char mail_path[HF_MAIL_PATH_SIZE];
	enum hf_err err;

	err = hf_client_send_notice(client, &request, &cmd->arena, &answer,
				    why);
	if (err != HF_OK) {
		hf_request_say_broken(plan->request_id, err);
		return err;
	}
	err = hf_answer_check(answer.summary, why);
	if (err == HF_OK)
		err = hf_mail_write(cmd, answer.summary->case_id, answer.mail,
				    mail_path, why);
	if (err == HF_OK)
		return hf_notice_print(cmd, answer.summary, plan->request_id,
				       mail_path, why);
	/* The case is there; its mail is not: asking again brings it. */
	hf_request_say_broken(plan->request_id, HF_E_INTERNAL);
	return err;
}

static enum hf_err notify_one(struct hf_cmd *cmd,
			      const struct hf_notice_plan *plan,
			      struct hf_why *why)
{
	struct hf_client *client;
	enum hf_err err = hf_notice_check(&plan->notice, why);

	if (err != HF_OK)
		return err;
	hf_notice_warn(&plan->notice);
	if (hf_cmd_has(cmd, HF_CMD_DRY_RUN)) {
		printf("one notice to %s could be sent; nothing was, as "
		       "asked\n",
		       plan->notice.provider);
		return HF_OK;
	}
	err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err != HF_OK)
		return err;
	err = send_notice(cmd, client, plan, NULL, why);
	hf_client_close(client);
	return err;
}

/* ---- a letter ---- */

static enum hf_err print_letter(struct hf_cmd *cmd,
				const struct hf_notice_plan *plan,
				struct hf_why *why)
{
	const char *language = hf_cmd_option(cmd, HF_CMD_LANGUAGE);
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, HF_LETTER_MAX_BYTES);
	err = hf_letter_write(&plan->notice, language != NULL ? language : "en",
			      &buf, why);
	if (err == HF_OK)
		fwrite(buf.at, 1, buf.len_bytes, stdout);
	hf_buf_release(&buf);
	return err;
}

static enum hf_err check_use(const struct hf_cmd *cmd, struct hf_why *why)
{
	bool is_import = hf_cmd_has(cmd, HF_CMD_IMPORT);
	bool is_letter = hf_cmd_has(cmd, HF_CMD_LETTER);

	if (is_import && is_letter)
		return hf_why(why, HF_E_ARGUMENT,
			      "give --import or --letter, not both");
	if (!is_letter && hf_cmd_has(cmd, HF_CMD_LANGUAGE))
		return hf_why(why, HF_E_ARGUMENT,
			      "--language goes with --letter");
	if (!is_import && hf_cmd_has(cmd, HF_CMD_SKIP_BAD))
		return hf_why(why, HF_E_ARGUMENT,
			      "--skip-bad goes with --import");
	if (is_import && hf_cmd_has(cmd, HF_CMD_REQUEST))
		return hf_why(why, HF_E_ARGUMENT,
			      "--import has request ids of its own: the same "
			      "command again sends nothing twice");
	if (is_import &&
	    (hf_cmd_has(cmd, HF_CMD_URL) || hf_cmd_has(cmd, HF_CMD_HASH) ||
	     hf_cmd_has(cmd, HF_CMD_FILE) || hf_cmd_has(cmd, HF_CMD_ENTRY)))
		return hf_why(why, HF_E_ARGUMENT,
			      "places and hashes are in the list: give them "
			      "there, or no --import");
	return HF_OK;
}

enum hf_err hf_cmd_notify(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_notice_plan plan;
	enum hf_err err = check_use(cmd, why);

	if (err == HF_OK)
		err = hf_notice_take(cmd, &plan, why);
	if (err != HF_OK)
		return err;
	if (hf_cmd_has(cmd, HF_CMD_LETTER))
		return print_letter(cmd, &plan, why);
	if (hf_cmd_has(cmd, HF_CMD_IMPORT))
		return hf_notice_import(cmd, &plan, why);
	return notify_one(cmd, &plan, why);
}

/* ---- an order in a case that is open ---- */

/* What the order does not say itself is what the case is about. */
static void fill(struct hf_notice *notice,
		 const struct hf_case_summary *summary,
		 const struct hf_notice *before)
{
	if (notice->provider == NULL)
		notice->provider = summary->provider;
	if (notice->content_class == 0)
		notice->content_class = summary->content_class;
	if (before == NULL)
		return;
	if (notice->locators_count == 0) {
		notice->locators = before->locators;
		notice->locators_count = before->locators_count;
	}
	if (notice->hashes_count == 0) {
		notice->hashes = before->hashes;
		notice->hashes_count = before->hashes_count;
	}
	if (notice->entries_count == 0) {
		notice->entries = before->entries;
		notice->entries_count = before->entries_count;
	}
	if (notice->labels_count == 0) {
		notice->labels = before->labels;
		notice->labels_count = before->labels_count;
	}
}

static enum hf_err order(struct hf_cmd *cmd, struct hf_client *client,
			 struct hf_notice_plan *plan, struct hf_why *why)
{
	const struct hf_get_case_request request = { .case_id = cmd->args[0] };
	struct hf_get_case_response answer;
	enum hf_err err;

	err = hf_client_get_case(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK)
		err = hf_answer_check(answer.summary, why);
	if (err != HF_OK)
		return err;
	fill(&plan->notice, answer.summary,
	     hf_case_notice(&answer, &cmd->arena));
	if (plan->notice.regime == 0)
		plan->notice.regime =
			hf_order_regime(plan->notice.content_class);
	err = hf_notice_check(&plan->notice, why);
	if (err != HF_OK)
		return err;
	return send_notice(cmd, client, plan, answer.summary->case_id, why);
}

enum hf_err hf_cmd_cases_order(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_notice_plan plan;
	struct hf_client *client;
	enum hf_err err = hf_cmd_case_id(cmd->args[0], why);

	if (err == HF_OK && !hf_cmd_has(cmd, HF_CMD_ORDER))
		err = hf_why(why, HF_E_ARGUMENT,
			     "what is ordered? --order FILE, as hashfed(1) "
			     "says under ORDERS");
	if (err == HF_OK)
		err = hf_notice_take(cmd, &plan, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err != HF_OK)
		return err;
	err = order(cmd, client, &plan, why);
	hf_client_close(client);
	return err;
}
