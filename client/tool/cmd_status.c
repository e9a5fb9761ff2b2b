#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "duty.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

static json_t *migration_json(const struct hf_wire_migration *migration)
{
	json_t *object = json_object();

	json_object_set_new(object, "from", hf_json_text(migration->from));
	json_object_set_new(object, "to", hf_json_text(migration->to));
	json_object_set_new(object, "step", hf_json_number(migration->step));
	json_object_set_new(object, "steps", hf_json_number(migration->steps));
	json_object_set_new(object, "is_keeping",
			    json_boolean(migration->is_keeping));
	json_object_set_new(object, "done", hf_json_number(migration->done));
	json_object_set_new(object, "total", hf_json_number(migration->total));
	json_object_set_new(object, "is_opening",
			    json_boolean(migration->is_opening));
	json_object_set_new(object, "lookups_wait",
			    hf_json_text(migration->lookups_wait));
	json_object_set_new(object, "sentence",
			    hf_json_text(migration->sentence));
	return object;
}

static enum hf_err status_json(const struct hf_get_status_response *status,
			       struct hf_why *why)
{
	json_t *object = json_object(), *warnings = json_array();

	for (size_t i = 0; i < status->warnings_count; i++)
		json_array_append_new(warnings,
				      hf_json_text(status->warnings[i]));
	json_object_set_new(object, "organisation",
			    json_string(status->organisation));
	json_object_set_new(object, "organisation_id",
			    hf_json_hex(status->organisation_id.at,
					status->organisation_id.len_bytes));
	json_object_set_new(object, "version", json_string(status->version));
	json_object_set_new(object, "started_ms",
			    hf_json_number(status->started_ms));
	json_object_set_new(object, "manifest_version",
			    hf_json_number(status->manifest_version));
	json_object_set_new(object, "manifest_expires_ms",
			    hf_json_number(status->manifest_expires_ms));
	json_object_set_new(object, "listen", json_string(status->listen));
	json_object_set_new(object, "peers", hf_json_number(status->peers));
	json_object_set_new(object, "peers_connected",
			    hf_json_number(status->peers_connected));
	json_object_set_new(object, "sets", hf_json_number(status->sets));
	json_object_set_new(object, "sets_stale",
			    hf_json_number(status->sets_stale));
	json_object_set_new(object, "sets_expired",
			    hf_json_number(status->sets_expired));
	json_object_set_new(object, "entries", hf_json_number(status->entries));
	json_object_set_new(object, "indexed", hf_json_number(status->indexed));
	json_object_set_new(object, "policy_version",
			    hf_json_text(status->policy_version));
	json_object_set_new(object, "cosigner_vkey",
			    hf_json_text(status->cosigner_vkey));
	json_object_set_new(object, "warnings", warnings);
	if (status->migration != NULL)
		json_object_set_new(object, "migration",
				    migration_json(status->migration));
	return hf_json_line(object, why);
}

static void put_warnings(const struct hf_get_status_response *status)
{
	for (size_t i = 0; i < status->warnings_count; i++)
		printf("warning       %s\n", status->warnings[i]);
}

static void status_text(const struct hf_get_status_response *status,
			const char *place)
{
	char started[HF_SHOW_TIME_SIZE], expires[HF_SHOW_TIME_SIZE];

	hf_show_time(status->started_ms, started);
	hf_show_time(status->manifest_expires_ms, expires);
	printf("organisation  %s\n", status->organisation);
	printf("daemon        hashfedd %s at %s, up since %s UTC\n",
	       status->version, place, started);
	printf("listening     %s\n",
	       status->listen[0] != '\0' ? status->listen : "-");
	printf("manifest      version %llu, until %s UTC\n",
	       (unsigned long long)status->manifest_version, expires);
	if (status->migration != NULL) {
		printf("migration     %s\n", status->migration->sentence);
		put_warnings(status);
		return;
	}
	if (status->cosigner_vkey[0] != '\0')
		printf("cosigns with  %s\n", status->cosigner_vkey);
	printf("peers         %u, %u connected\n", (unsigned)status->peers,
	       (unsigned)status->peers_connected);
	printf("sets          %u, %llu entries\n", (unsigned)status->sets,
	       (unsigned long long)status->entries);
	if (status->sets_stale + status->sets_expired > 0)
		printf("freshness     %u stale, %u expired\n",
		       (unsigned)status->sets_stale,
		       (unsigned)status->sets_expired);
	printf("match index   %llu hashes\n",
	       (unsigned long long)status->indexed);
	if (status->policy_version[0] != '\0')
		printf("policy        version %s\n", status->policy_version);
	put_warnings(status);
}

enum hf_err hf_cmd_status(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_get_status_response status;
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_get_status(client, &cmd->arena, &status, why);
	if (err == HF_OK && hf_cmd_has(cmd, HF_CMD_JSON))
		err = status_json(&status, why);
	else if (err == HF_OK)
		status_text(&status, hf_client_place(client));
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_checkpoint(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_get_note_request request = { .set = cmd->args[0] };
	struct hf_get_note_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_get_note(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK && hf_cmd_has(cmd, HF_CMD_VKEY))
		printf("%s\n%s\n", answer.log_vkey, answer.cosigner_vkey);
	else if (err == HF_OK)
		fwrite(answer.note.at, 1, answer.note.len_bytes, stdout);
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_proof(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_prove_entry_request request = { .set = cmd->args[0] };
	struct hf_prove_entry_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_index(cmd->args[1], &request.index, why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_prove_entry(client, &request, &cmd->arena, &answer,
				    why);
	if (err == HF_OK)
		fwrite(answer.proof.at, 1, answer.proof.len_bytes, stdout);
	hf_client_close(client);
	return err;
}
