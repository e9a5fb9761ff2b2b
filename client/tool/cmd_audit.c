#include "duty.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

enum { AT, METHOD, WHO, DUTY, SERIAL, OUTCOME, FACTS, ENTRY };

static const struct hf_column columns[] = {
	[AT] = { "at", HF_COLUMN_TIME },
	[METHOD] = { "method", HF_COLUMN_TEXT },
	[WHO] = { "who", HF_COLUMN_TEXT },
	[DUTY] = { "duty", HF_COLUMN_TEXT },
	[SERIAL] = { "serial", HF_COLUMN_TEXT },
	[OUTCOME] = { "outcome", HF_COLUMN_TEXT },
	[FACTS] = { "concerned", HF_COLUMN_LIST },
	[ENTRY] = { "entry", HF_COLUMN_NUMBER },
};

/* ---- as a table ---- */

static void put_facts(struct hf_table *table,
		      const struct hf_audit_record *record)
{
	struct hf_buf buf;

	hf_buf_init(&buf,
		    (size_t)HF_AUDIT_FACTS_MAX * (HF_AUDIT_FACT_MAX_BYTES +
						  HF_AUDIT_NAME_MAX_BYTES + 2));
	for (size_t i = 0; i < record->facts_count; i++)
		hf_buf_printf(&buf, "%s%s=%s", i > 0 ? "\n" : "",
			      record->facts[i].name, record->facts[i].value);
	hf_buf_put_u8(&buf, 0);
	if (hf_buf_failed(&buf) == HF_OK)
		hf_table_text(table, FACTS, (const char *)buf.at);
	hf_buf_release(&buf);
}

static void put_entry(struct hf_table *table, const struct hf_audit_entry *row)
{
	const struct hf_audit_record *record = row->record;

	hf_table_row(table);
	hf_table_time(table, AT, row->at_ms);
	hf_table_text(table, METHOD, record->method);
	hf_table_text(table, WHO, record->who);
	hf_table_text(table, DUTY, record->duty);
	hf_table_text(table, SERIAL, record->serial);
	hf_table_text(table, OUTCOME, record->outcome);
	put_facts(table, record);
	hf_table_number(table, ENTRY, row->entry->index);
}

/* A table for each page: an audit may be larger than memory. */
static enum hf_err print_table(const struct hf_list_audit_response *page,
			       struct hf_why *why)
{
	struct hf_table *table;
	enum hf_err err = hf_table_new("audit", columns,
				       sizeof(columns) / sizeof(columns[0]),
				       false, &table, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < page->entries_count; i++)
		put_entry(table, &page->entries[i]);
	err = hf_table_print(table, why);
	hf_table_free(table);
	return err;
}

/* ---- as lines of JSON ---- */

/* {"set": ["ncii"], "entry": ["a.example/ncii/1 4", ...]} */
static json_t *facts_json(const struct hf_audit_record *record)
{
	json_t *object = json_object();

	for (size_t i = 0; i < record->facts_count; i++) {
		const char *name = record->facts[i].name;
		json_t *values = json_object_get(object, name);

		if (values == NULL) {
			values = json_array();
			json_object_set_new(object, name, values);
		}
		json_array_append_new(values,
				      hf_json_text(record->facts[i].value));
	}
	return object;
}

static enum hf_err print_json(const struct hf_audit_entry *row,
			      struct hf_why *why)
{
	const struct hf_audit_record *record = row->record;
	json_t *object = hf_json_entry(row->entry->origin, row->entry->index);

	json_object_set_new(object, "at_ms", hf_json_number(row->at_ms));
	json_object_set_new(object, "method", hf_json_text(record->method));
	json_object_set_new(object, "who", hf_json_text(record->who));
	json_object_set_new(object, "duty", hf_json_text(record->duty));
	json_object_set_new(object, "serial", hf_json_text(record->serial));
	json_object_set_new(object, "outcome", hf_json_text(record->outcome));
	json_object_set_new(object, "concerned", facts_json(record));
	return hf_json_line(object, why);
}

static enum hf_err print_page(const struct hf_cmd *cmd,
			      const struct hf_list_audit_response *page,
			      struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (page->entries_count == 0)
		return HF_OK;
	if (!hf_cmd_has(cmd, HF_CMD_JSON))
		return print_table(page, why);
	for (size_t i = 0; i < page->entries_count && err == HF_OK; i++)
		err = print_json(&page->entries[i], why);
	return err;
}

static enum hf_err list_all(struct hf_cmd *cmd, struct hf_client *client,
			    struct hf_list_audit_request *request,
			    struct hf_why *why)
{
	char token[HF_PAGE_TOKEN_MAX_BYTES + 1] = "";
	struct hf_list_audit_response page;
	enum hf_err err;

	request->page_token = token;
	do {
		err = hf_client_list_audit(client, request, &cmd->arena, &page,
					   why);
		if (err == HF_OK)
			err = print_page(cmd, &page, why);
	} while (err == HF_OK &&
		 hf_cmd_next_page(&cmd->arena, token, page.next_page_token));
	return err;
}

enum hf_err hf_cmd_audit(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_list_audit_request request = {
		.page_size = HF_PAGE_SIZE_MAX,
		.who = hf_cmd_option(cmd, HF_CMD_WHO),
		.method = hf_cmd_option(cmd, HF_CMD_METHOD),
	};
	struct hf_client *client;
	enum hf_err err =
		hf_cmd_moment(cmd, HF_CMD_FROM, &request.from_ms, why);

	if (err == HF_OK)
		err = hf_cmd_moment(cmd, HF_CMD_TO, &request.to_ms, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = list_all(cmd, client, &request, why);
	hf_client_close(client);
	return err;
}
