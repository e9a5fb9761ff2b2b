#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "duty.h"

#include "case_show.h"
#include "case_value.h"
#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* A table holds all its cells: longer lists come as several. */
#define TABLE_ROWS ((size_t)10000)

/* ---- the list ---- */

struct list {
	struct hf_cmd *cmd;
	struct hf_list_cases_request request;
	enum hf_case_state states[32];
	struct hf_hash hash;
	struct hf_table *table; /* owned; NULL: JSON, or none yet */
	size_t rows_count;      /* of the table */
	bool is_json;
};

static enum hf_err take_states(struct list *list, struct hf_why *why)
{
	const struct hf_cmd_values *given = &list->cmd->options[HF_CMD_STATE];
	size_t count = 0;

	for (size_t i = 0; i < given->count; i++) {
		unsigned state = hf_case_state_parse(hf_span_of(given->at[i]));
		size_t k = 0;

		if (state == 0) {
			hf_cmd_complain_words("states", hf_case_state_words());
			return hf_why(why, HF_E_ARGUMENT,
				      "--state '%.40s': give one of those "
				      "above",
				      given->at[i]);
		}
		while (k < count && list->states[k] != state)
			k++;
		if (k == count)
			list->states[count++] = (enum hf_case_state)state;
	}
	list->request.states = list->states;
	list->request.states_count = count;
	return HF_OK;
}

static enum hf_err take_choice(struct list *list, struct hf_why *why)
{
	struct hf_cmd *cmd = list->cmd;
	const char *provider = hf_cmd_option(cmd, HF_CMD_PROVIDER);
	const char *hash = hf_cmd_option(cmd, HF_CMD_HASH);
	enum hf_err err = take_states(list, why);

	if (err == HF_OK && provider != NULL)
		err = hf_case_provider_parse(hf_span_of(provider), &cmd->arena,
					     &list->request.provider, why);
	if (err == HF_OK && hash != NULL) {
		err = hf_case_hash_parse(hf_span_of(hash), &cmd->arena,
					 &list->hash, why);
		list->request.hash = &list->hash;
	}
	if (err == HF_OK)
		err = hf_cmd_moment(cmd, HF_CMD_FROM, &list->request.from_ms,
				    why);
	if (err == HF_OK)
		err = hf_cmd_moment(cmd, HF_CMD_TO, &list->request.to_ms, why);
	list->request.only_overdue = hf_cmd_has(cmd, HF_CMD_OVERDUE);
	list->request.only_open = hf_cmd_has(cmd, HF_CMD_OPEN);
	return err;
}

static enum hf_err print_table(struct list *list, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (list->table != NULL)
		err = hf_table_print(list->table, why);
	hf_table_free(list->table);
	list->table = NULL;
	list->rows_count = 0;
	return err;
}

static enum hf_err put_page(struct list *list,
			    const struct hf_list_cases_response *page,
			    struct hf_why *why)
{
	for (size_t i = 0; i < page->cases_count; i++) {
		enum hf_err err = HF_OK;

		if (list->is_json)
			err = hf_json_line(hf_case_json(&page->cases[i]), why);
		else if (list->table == NULL)
			err = hf_case_table_new(&list->table, why);
		if (err != HF_OK)
			return err;
		if (list->table == NULL)
			continue;
		hf_case_row(list->table, &page->cases[i]);
		list->rows_count++;
	}
	return list->rows_count >= TABLE_ROWS ? print_table(list, why) : HF_OK;
}

static enum hf_err list_all(struct list *list, struct hf_client *client,
			    struct hf_why *why)
{
	char token[HF_PAGE_TOKEN_MAX_BYTES + 1] = "";
	struct hf_list_cases_response page;
	struct hf_arena arena; /* of one page */
	enum hf_err err;

	hf_arena_init(&arena, HF_CMD_ARENA_BYTES);
	list->request.page_size = HF_PAGE_SIZE_MAX;
	list->request.page_token = token;
	do {
		err = hf_client_list_cases(client, &list->request, &arena,
					   &page, why);
		if (err == HF_OK)
			err = put_page(list, &page, why);
	} while (err == HF_OK &&
		 hf_cmd_next_page(&arena, token, page.next_page_token));
	hf_arena_release(&arena);
	if (err == HF_OK)
		err = print_table(list, why);
	hf_table_free(list->table);
	return err;
}

enum hf_err hf_cmd_cases(struct hf_cmd *cmd, struct hf_why *why)
{
	struct list list = { .cmd = cmd,
			     .is_json = hf_cmd_has(cmd, HF_CMD_JSON) };
	struct hf_client *client;
	enum hf_err err = take_choice(&list, why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err != HF_OK)
		return err;
	err = list_all(&list, client, why);
	hf_client_close(client);
	return err;
}

/* ---- one case ---- */

enum hf_err hf_cmd_case_id(const char *text, struct hf_why *why)
{
	size_t len = strlen(text);

	if (len == 0 || len > 32 || strspn(text, "0123456789abcdef") != len)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.40s' is no case: give its id, or how it "
			      "begins, in hex digits; 'hashfed cases' lists "
			      "them",
			      text);
	return HF_OK;
}

enum hf_err hf_cmd_cases_show(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_get_case_request request = { .case_id = cmd->args[0] };
	struct hf_get_case_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_case_id(cmd->args[0], why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_get_case(client, &request, &cmd->arena, &answer, why);
	hf_client_close(client);
	if (err == HF_OK && answer.summary == NULL)
		err = hf_why(why, HF_E_INTERNAL,
			     "the daemon's answer tells of no case");
	if (err != HF_OK)
		return err;
	return hf_cmd_has(cmd, HF_CMD_JSON)
		       ? hf_case_print_json(&answer, why)
		       : hf_case_print(&answer, &cmd->arena, why);
}

enum hf_err hf_cmd_cases_bundle(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_get_bundle_request request = { .case_id =
							       cmd->args[0] };
	struct hf_get_bundle_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_case_id(cmd->args[0], why);

	if (err == HF_OK && isatty(STDOUT_FILENO) != 0)
		err = hf_why(why, HF_E_ARGUMENT,
			     "a bundle is a file, not for a terminal: hashfed "
			     "cases bundle %.32s > FILE",
			     cmd->args[0]);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_get_bundle(client, &request, &cmd->arena, &answer, why);
	hf_client_close(client);
	if (err == HF_OK && fwrite(answer.bundle.at, 1, answer.bundle.len_bytes,
				   stdout) != answer.bundle.len_bytes)
		err = hf_why_errno(why, "write to standard output");
	return err;
}
