#include <stdio.h>

#include "duty.h"
#include "text.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

enum { AT, VERDICT, ITEM, WHO, ENTRY, ALGORITHM, DISTANCE, RULE, POLICY };

static const struct hf_column columns[] = {
	[AT] = { "at", HF_COLUMN_TIME },
	[VERDICT] = { "verdict", HF_COLUMN_TEXT },
	[ITEM] = { "item", HF_COLUMN_TEXT },
	[WHO] = { "who", HF_COLUMN_TEXT },
	[ENTRY] = { "entry", HF_COLUMN_TEXT },
	[ALGORITHM] = { "algorithm", HF_COLUMN_TEXT },
	[DISTANCE] = { "distance", HF_COLUMN_NUMBER },
	[RULE] = { "rule", HF_COLUMN_TEXT },
	[POLICY] = { "policy", HF_COLUMN_TEXT },
};

enum { CASE, SIDE, STATE, PROVIDER, CHANGED };

static const struct hf_column case_columns[] = {
	[CASE] = { "case", HF_COLUMN_TEXT },
	[SIDE] = { "side", HF_COLUMN_TEXT },
	[STATE] = { "state", HF_COLUMN_TEXT },
	[PROVIDER] = { "provider", HF_COLUMN_TEXT },
	[CHANGED] = { "changed", HF_COLUMN_TIME },
};

static void put_verdict(struct hf_table *table,
			const struct hf_given_verdict *verdict)
{
	char entry[HF_ORIGIN_MAX_BYTES + 24];

	snprintf(entry, sizeof(entry), "%s %llu", verdict->entry->origin,
		 (unsigned long long)verdict->entry->index);
	hf_table_row(table);
	hf_table_time(table, AT, verdict->at_ms);
	hf_table_text(table, VERDICT, hf_verdict_word(verdict->verdict));
	hf_table_text(table, ITEM, verdict->item);
	hf_table_text(table, WHO, verdict->who);
	hf_table_text(table, ENTRY, entry);
	hf_table_text(table, ALGORITHM, hf_algorithm_word(verdict->algorithm));
	hf_table_number(table, DISTANCE, verdict->distance);
	hf_table_text(table, RULE, verdict->rule);
	hf_table_text(table, POLICY, verdict->policy_version);
}

static void put_case(struct hf_table *table, const struct hf_case_summary *one)
{
	hf_table_row(table);
	hf_table_text(table, CASE, one->case_id);
	hf_table_text(table, SIDE, hf_case_side_word(one->side));
	hf_table_text(table, STATE, hf_case_state_word(one->state));
	hf_table_text(table, PROVIDER, one->provider);
	hf_table_time(table, CHANGED, one->changed_ms);
}

static enum hf_err print_tables(const struct hf_get_affected_response *page,
				struct hf_why *why)
{
	struct hf_table *table;
	enum hf_err err = HF_OK;

	if (page->cases_count > 0) {
		err = hf_table_new("cases", case_columns,
				   sizeof(case_columns) /
					   sizeof(case_columns[0]),
				   false, &table, why);
		if (err != HF_OK)
			return err;
		for (size_t i = 0; i < page->cases_count; i++)
			put_case(table, &page->cases[i]);
		err = hf_table_print(table, why);
		hf_table_free(table);
	}
	if (err != HF_OK || page->verdicts_count == 0)
		return err;
	err = hf_table_new("verdicts", columns,
			   sizeof(columns) / sizeof(columns[0]), false, &table,
			   why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < page->verdicts_count; i++)
		put_verdict(table, &page->verdicts[i]);
	err = hf_table_print(table, why);
	hf_table_free(table);
	return err;
}

static json_t *verdict_json(const struct hf_given_verdict *verdict)
{
	json_t *object = json_object();

	json_object_set_new(object, "at_ms", hf_json_number(verdict->at_ms));
	json_object_set_new(object, "verdict",
			    hf_json_text(hf_verdict_word(verdict->verdict)));
	json_object_set_new(object, "item", hf_json_text(verdict->item));
	json_object_set_new(object, "who", hf_json_text(verdict->who));
	json_object_set_new(object, "origin",
			    hf_json_text(verdict->entry->origin));
	json_object_set_new(object, "index",
			    hf_json_number(verdict->entry->index));
	json_object_set_new(
		object, "algorithm",
		hf_json_text(hf_algorithm_word(verdict->algorithm)));
	json_object_set_new(object, "distance",
			    hf_json_number(verdict->distance));
	json_object_set_new(object, "rule", hf_json_text(verdict->rule));
	json_object_set_new(object, "policy_version",
			    hf_json_text(verdict->policy_version));
	return object;
}

static json_t *case_json(const struct hf_case_summary *one)
{
	json_t *object = json_object();

	json_object_set_new(object, "case_id", hf_json_text(one->case_id));
	json_object_set_new(object, "side",
			    hf_json_text(hf_case_side_word(one->side)));
	json_object_set_new(object, "state",
			    hf_json_text(hf_case_state_word(one->state)));
	json_object_set_new(object, "provider", hf_json_text(one->provider));
	json_object_set_new(object, "changed_ms",
			    hf_json_number(one->changed_ms));
	return object;
}

static enum hf_err print_json(const struct hf_get_affected_response *page,
			      struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < page->cases_count && err == HF_OK; i++)
		err = hf_json_line(case_json(&page->cases[i]), why);
	for (size_t i = 0; i < page->verdicts_count && err == HF_OK; i++)
		err = hf_json_line(verdict_json(&page->verdicts[i]), why);
	return err;
}

static enum hf_err list_all(struct hf_cmd *cmd, struct hf_client *client,
			    struct hf_get_affected_request *request,
			    struct hf_why *why)
{
	char token[HF_PAGE_TOKEN_MAX_BYTES + 1] = "";
	struct hf_get_affected_response page;
	enum hf_err err;

	request->page_token = token;
	do {
		err = hf_client_get_affected(client, request, &cmd->arena,
					     &page, why);
		if (err == HF_OK)
			err = hf_cmd_has(cmd, HF_CMD_JSON)
				      ? print_json(&page, why)
				      : print_tables(&page, why);
	} while (err == HF_OK &&
		 hf_cmd_next_page(&cmd->arena, token, page.next_page_token));
	return err;
}

/* Asked for a hash that may be SHA-256 or PDQ: both. */
static enum hf_err list_hash(struct hf_cmd *cmd, struct hf_client *client,
			     const struct hf_cmd_hash *given,
			     struct hf_why *why)
{
	static const enum hf_algorithm either[] = { HF_ALGORITHM_SHA256,
						    HF_ALGORITHM_PDQ };
	struct hf_hash hash = {
		.algorithm = (enum hf_algorithm)given->algorithm,
		.digest = hf_span(given->digest, given->len_bytes),
	};
	struct hf_get_affected_request request = {
		.what = HF_AFFECTED_HASH,
		.hash = &hash,
		.page_size = HF_PAGE_SIZE_MAX,
	};
	size_t count = given->algorithm == 0 ? 2 : 1;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		if (given->algorithm == 0)
			hash.algorithm = either[i];
		err = list_all(cmd, client, &request, why);
	}
	return err;
}

enum hf_err hf_cmd_affected(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_entry_ref entry = { .origin = cmd->args[0] };
	struct hf_get_affected_request request = {
		.what = HF_AFFECTED_ENTRY,
		.entry = &entry,
		.page_size = HF_PAGE_SIZE_MAX,
	};
	struct hf_cmd_hash hash;
	struct hf_client *client;
	enum hf_err err = HF_OK;

	if (cmd->args_count == 1 && !hf_cmd_hash_parse(cmd->args[0], &hash))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.80s' is no hash: give a set and an index, or "
			      "a hash",
			      cmd->args[0]);
	if (cmd->args_count == 2)
		err = hf_text_u64(hf_span_of(cmd->args[1]),
				  HF_TREE_MAX_SIZE - 1, &entry.index);
	if (err != HF_OK)
		return hf_why(why, HF_E_ARGUMENT, "'%.40s' is no index",
			      cmd->args[1]);
	err = hf_cmd_connect(cmd, HF_DUTY_ANALYST | HF_DUTY_OPERATOR, &client,
			     why);
	if (err != HF_OK)
		return err;
	err = cmd->args_count == 2 ? list_all(cmd, client, &request, why)
				   : list_hash(cmd, client, &hash, why);
	hf_client_close(client);
	return err;
}
