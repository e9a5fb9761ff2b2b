#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "duty.h"
#include "file.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

enum column {
	NAME,
	COUNTRY,
	CONNECTED,
	SEEN,
	ENDPOINT,
	MANIFEST,
	EXPIRES,
	ID,
	BEHIND,
	RECEIVED,
	REFUSED,
	PROBLEM
};

static const struct hf_column columns[] = {
	[NAME] = { "name", HF_COLUMN_TEXT },
	[COUNTRY] = { "country", HF_COLUMN_TEXT },
	[CONNECTED] = { "connected", HF_COLUMN_BOOL },
	[SEEN] = { "seen", HF_COLUMN_TIME },
	[ENDPOINT] = { "endpoint", HF_COLUMN_TEXT },
	[MANIFEST] = { "manifest", HF_COLUMN_NUMBER },
	[EXPIRES] = { "expires", HF_COLUMN_TIME },
	[ID] = { "organisation_id", HF_COLUMN_TEXT },
	[BEHIND] = { "behind", HF_COLUMN_NUMBER },
	[RECEIVED] = { "received", HF_COLUMN_NUMBER },
	[REFUSED] = { "refused", HF_COLUMN_NUMBER },
	[PROBLEM] = { "problem", HF_COLUMN_TEXT },
};

static void put_peer(struct hf_table *table,
		     const struct hf_wire_peer_info *peer, bool is_json)
{
	char id[2 * HF_HASH_BYTES + 1];

	hf_table_row(table);
	hf_table_text(table, NAME, peer->name);
	hf_table_text(table, COUNTRY, peer->country);
	hf_table_bool(table, CONNECTED, peer->is_connected);
	hf_table_time(table, SEEN, peer->seen_ms);
	hf_table_text(table, ENDPOINT, peer->endpoint);
	hf_table_number(table, MANIFEST, peer->manifest_version);
	hf_table_time(table, EXPIRES, peer->manifest_expires_ms);
	/* People need its beginning, programs all of it. */
	hf_hex(peer->organisation_id.at,
	       is_json || peer->organisation_id.len_bytes < 8
		       ? peer->organisation_id.len_bytes
		       : 8,
	       id);
	hf_table_text(table, ID, id);
	hf_table_number(table, BEHIND, peer->sets_behind);
	hf_table_number(table, RECEIVED, peer->entries_received);
	hf_table_number(table, REFUSED, peer->refused);
	hf_table_text(table, PROBLEM, peer->problem);
}

static enum hf_err put_peers(struct hf_cmd *cmd, struct hf_client *client,
			     struct hf_table *table, struct hf_why *why)
{
	struct hf_list_peers_request request = { .page_size = HF_PAGE_SIZE_MAX,
						 .page_token = "" };
	struct hf_list_peers_response page;

	do {
		enum hf_err err = hf_client_list_peers(client, &request,
						       &cmd->arena, &page, why);

		if (err != HF_OK)
			return err;
		for (size_t i = 0; i < page.peers_count; i++)
			put_peer(table, &page.peers[i],
				 hf_cmd_has(cmd, HF_CMD_JSON));
		request.page_token = page.next_page_token;
	} while (page.next_page_token[0] != '\0');
	return HF_OK;
}

enum hf_err hf_cmd_peers(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_table_new("peers", columns,
			   sizeof(columns) / sizeof(columns[0]),
			   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err == HF_OK) {
		err = put_peers(cmd, client, table, why);
		if (err == HF_OK)
			err = hf_table_print(table, why);
		hf_table_free(table);
	}
	hf_client_close(client);
	return err;
}

/* ---- enrolment ---- */

static enum hf_err print_added(const struct hf_cmd *cmd,
			       const struct hf_add_peer_response *answer,
			       struct hf_why *why)
{
	json_t *object;

	if (hf_cmd_has(cmd, HF_CMD_JSON)) {
		object = json_object();
		json_object_set_new(object, "name", json_string(answer->name));
		json_object_set_new(object, "fingerprint",
				    json_string(answer->fingerprint));
		json_object_set_new(object, "enrolled",
				    json_boolean(answer->is_enrolled));
		return hf_json_line(object, why);
	}
	if (answer->is_enrolled) {
		printf("%s is enrolled; it sees no set until: hashfed sets "
		       "share SET %s\n",
		       answer->name, answer->name);
		return HF_OK;
	}
	printf("%s is not enrolled yet.  The fingerprint of the two of you "
	       "is\n\n    %s\n\n"
	       "Call %s, over a number that you know is theirs, and compare: "
	       "their 'hashfed\npeers add' with your invite says the same "
	       "digits.  If they are equal:\n\n"
	       "    hashfed peers add %s --fingerprint '%s'\n",
	       answer->name, answer->fingerprint, answer->name, cmd->args[0],
	       answer->fingerprint);
	return HF_OK;
}

enum hf_err hf_cmd_peers_add(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_add_peer_request request = {
		.fingerprint = hf_cmd_option(cmd, HF_CMD_FINGERPRINT),
		.is_silent = hf_cmd_has(cmd, HF_CMD_SILENT),
		.endpoint = hf_cmd_option(cmd, HF_CMD_ENDPOINT),
	};
	struct hf_add_peer_response answer;
	const char *path = cmd->args[0];
	struct hf_client *client;
	struct hf_buf invite;
	enum hf_err err;

	hf_buf_init(&invite, HF_INVITE_MAX_BYTES);
	err = hf_file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path,
			   &invite, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		goto out_release;
	request.invite = hf_buf_span(&invite);
	err = hf_client_add_peer(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK)
		err = print_added(cmd, &answer, why);
	hf_client_close(client);
out_release:
	hf_buf_release(&invite);
	return err;
}

enum hf_err hf_cmd_peers_remove(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_remove_peer_request request = { .name = cmd->args[0] };
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_remove_peer(client, &request, why);
	hf_client_close(client);
	if (err != HF_OK)
		return err;
	if (hf_cmd_has(cmd, HF_CMD_JSON)) {
		json_t *object = json_object();

		json_object_set_new(object, "name", hf_json_text(cmd->args[0]));
		return hf_json_line(object, why);
	}
	printf("%s is no longer a peer\n", cmd->args[0]);
	return HF_OK;
}

enum hf_err hf_cmd_invite(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_get_invite_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_get_invite(client, &cmd->arena, &answer, why);
	if (err == HF_OK)
		fwrite(answer.invite.at, 1, answer.invite.len_bytes, stdout);
	hf_client_close(client);
	return err;
}
