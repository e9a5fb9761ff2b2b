#include "duty.h"

#include "cmd.h"
#include "show.h"

enum { MEMBER, APPLIED, SIZE, RETRACTIONS, SAID };

static const struct hf_column columns[] = {
	[MEMBER] = { "member", HF_COLUMN_TEXT },
	[APPLIED] = { "applied", HF_COLUMN_NUMBER },
	[SIZE] = { "of", HF_COLUMN_NUMBER },
	[RETRACTIONS] = { "retractions_missing", HF_COLUMN_NUMBER },
	[SAID] = { "said", HF_COLUMN_TIME },
};

enum hf_err hf_cmd_sets_receipts(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_list_receipts_request request = { cmd->args[0] };
	struct hf_list_receipts_response answer;
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_list_receipts(client, &request, &cmd->arena, &answer,
				      why);
	hf_client_close(client);
	if (err == HF_OK)
		err = hf_table_new("receipts", columns,
				   sizeof(columns) / sizeof(columns[0]),
				   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < answer.members_count; i++) {
		const struct hf_member_receipt *row = &answer.members[i];

		hf_table_row(table);
		hf_table_text(table, MEMBER, row->member);
		hf_table_number(table, SIZE, answer.size);
		hf_table_number(table, RETRACTIONS, row->retractions);
		if (row->receipt == NULL)
			continue;
		hf_table_number(table, APPLIED, row->receipt->size);
		hf_table_time(table, SAID, row->receipt->at_ms);
	}
	err = hf_table_print(table, why);
	hf_table_free(table);
	return err;
}
