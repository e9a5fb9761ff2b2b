#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "duty.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* The daemon has another directory to start from. */
static enum hf_err absolute(struct hf_cmd *cmd, const char *path,
			    const char **out_path, struct hf_why *why)
{
	char here[PATH_MAX], whole[2 * PATH_MAX];
	size_t len;

	if (path[0] == '/') {
		snprintf(whole, sizeof(whole), "%s", path);
	} else {
		if (getcwd(here, sizeof(here)) == NULL)
			return hf_why_errno(why, "find out where we are");
		snprintf(whole, sizeof(whole), "%s/%s", here, path);
	}
	for (len = strlen(whole); len > 1 && whole[len - 1] == '/';)
		whole[--len] = '\0';
	*out_path = hf_arena_text(&cmd->arena, hf_span_of(whole));
	return *out_path != NULL ? HF_OK : hf_why(why, HF_E_NOMEM, "no memory");
}

enum hf_err hf_cmd_admin_backup(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_make_backup_request request = { 0 };
	struct hf_make_backup_response answer;
	struct hf_client *client;
	json_t *object;
	enum hf_err err = absolute(cmd, cmd->args[0], &request.directory, why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_make_backup(client, &request, &cmd->arena, &answer,
				    why);
	hf_client_close(client);
	if (err != HF_OK)
		return err;
	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("%s: %llu sets, %llu entries, %llu bytes, copied and "
		       "verified; the signer's record and all keys are not in "
		       "it\n",
		       request.directory, (unsigned long long)answer.sets,
		       (unsigned long long)answer.entries,
		       (unsigned long long)answer.bytes);
		return HF_OK;
	}
	object = json_object();
	json_object_set_new(object, "directory",
			    json_string(request.directory));
	json_object_set_new(object, "sets", hf_json_number(answer.sets));
	json_object_set_new(object, "entries", hf_json_number(answer.entries));
	json_object_set_new(object, "bytes", hf_json_number(answer.bytes));
	return hf_json_line(object, why);
}

/* ---- verify ---- */

enum column { ORIGIN, ENTRIES, PAYLOADS, ERASED, MISSING, PROBLEMS };

static const struct hf_column columns[] = {
	[ORIGIN] = { "origin", HF_COLUMN_TEXT },
	[ENTRIES] = { "entries", HF_COLUMN_NUMBER },
	[PAYLOADS] = { "payloads", HF_COLUMN_NUMBER },
	[ERASED] = { "erased", HF_COLUMN_NUMBER },
	[MISSING] = { "missing", HF_COLUMN_NUMBER },
	[PROBLEMS] = { "problems", HF_COLUMN_NUMBER },
};

static void put_row(struct hf_table *table, const struct hf_set_check *set)
{
	hf_table_row(table);
	hf_table_text(table, ORIGIN, set->origin);
	hf_table_number(table, ENTRIES, set->size);
	hf_table_number(table, PAYLOADS, set->payloads);
	hf_table_number(table, ERASED, set->erased);
	hf_table_number(table, MISSING, set->missing);
	hf_table_number(table, PROBLEMS, set->problems);
}

/* What and where, on standard error. */
static void complain(const struct hf_set_check *set)
{
	for (size_t i = 0; i < set->faults_count; i++) {
		const struct hf_store_fault *fault = &set->faults[i];
		char sentence[HF_SENTENCE_MAX_BYTES + 64];

		if (fault->end > fault->first + 1)
			snprintf(sentence, sizeof(sentence),
				 "entries %llu to %llu: %s",
				 (unsigned long long)fault->first,
				 (unsigned long long)fault->end - 1,
				 fault->problem);
		else
			snprintf(sentence, sizeof(sentence), "entry %llu: %s",
				 (unsigned long long)fault->first,
				 fault->problem);
		hf_cmd_complain(set->origin, sentence);
	}
	if (set->problems > set->faults_count)
		hf_cmd_complain(set->origin, "and more of the kind");
}

enum hf_err hf_cmd_admin_verify(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_verify_store_response answer;
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_verify_store(client, &cmd->arena, &answer, why);
	hf_client_close(client);
	if (err == HF_OK)
		err = hf_table_new("sets", columns,
				   sizeof(columns) / sizeof(columns[0]),
				   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < answer.sets_count; i++) {
		put_row(table, &answer.sets[i]);
		complain(&answer.sets[i]);
		if (answer.sets[i].problems + answer.sets[i].missing > 0)
			cmd->exit_code = HF_CMD_EXIT_FOUND;
	}
	err = hf_table_print(table, why);
	hf_table_free(table);
	return err;
}
