#include <stdio.h>

#include "duty.h"

#include "cmd.h"
#include "show.h"

enum column { WHERE, PART, TABLE, BYTES, COUNT, EACH, MOST };

static const struct hf_column columns[] = {
	[WHERE] = { "where", HF_COLUMN_TEXT },
	[PART] = { "part", HF_COLUMN_TEXT },
	[TABLE] = { "table", HF_COLUMN_TEXT },
	[BYTES] = { "bytes", HF_COLUMN_NUMBER },
	[COUNT] = { "count", HF_COLUMN_NUMBER },
	[EACH] = { "each", HF_COLUMN_TEXT },
	[MOST] = { "most", HF_COLUMN_NUMBER },
};

static void put_row(struct hf_table *table, const char *where,
		    const struct hf_size_info *row)
{
	char each[32];

	hf_table_row(table);
	hf_table_text(table, WHERE, where);
	hf_table_text(table, PART, row->part);
	hf_table_text(table, TABLE, row->table);
	hf_table_number(table, BYTES, row->bytes);
	if (row->count > 0) {
		snprintf(each, sizeof(each), "%.1f",
			 (double)row->bytes / (double)row->count);
		hf_table_number(table, COUNT, row->count);
		hf_table_text(table, EACH, each);
	}
	if (row->bytes_max > 0)
		hf_table_number(table, MOST, row->bytes_max);
}

static void put_rows(struct hf_table *table, const char *where,
		     const struct hf_size_info *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_row(table, where, &rows[i]);
}

/* What it comes to, with all entries as count. */
static void put_totals(struct hf_table *table,
		       const struct hf_get_sizes_response *sizes)
{
	struct hf_size_info rows[] = {
		{ .part = "disk", .table = "", .bytes = sizes->disk_bytes },
		{ .part = "reserve",
		  .table = "",
		  .bytes = sizes->reserve_bytes },
		{ .part = "resident",
		  .table = "",
		  .bytes = sizes->resident_bytes },
		{ .part = "mapped", .table = "", .bytes = sizes->mapped_bytes },
	};

	for (size_t i = 0; i < sizes->sets_count; i++)
		rows[0].count += sizes->sets[i].count;
	put_rows(table, "total", rows, sizeof(rows) / sizeof(rows[0]));
}

enum hf_err hf_cmd_sets_sizes(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_get_sizes_response sizes;
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_get_sizes(client, &cmd->arena, &sizes, why);
	hf_client_close(client);
	if (err == HF_OK)
		err = hf_table_new("sizes", columns,
				   sizeof(columns) / sizeof(columns[0]),
				   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err != HF_OK)
		return err;
	put_rows(table, "disk", sizes.disk, sizes.disk_count);
	put_rows(table, "set", sizes.sets, sizes.sets_count);
	put_rows(table, "memory", sizes.memory, sizes.memory_count);
	put_totals(table, &sizes);
	err = hf_table_print(table, why);
	hf_table_free(table);
	return err;
}
