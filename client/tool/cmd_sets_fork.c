#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "kind.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* ---- one set ---- */

static void show_text(const struct hf_wire_set_info *set)
{
	char at[HF_SHOW_TIME_SIZE];

	printf("set          %s\n", set->origin);
	printf("state        %s\n", hf_set_state_word(set->state));
	if (set->frozen_reason[0] != '\0')
		printf("frozen       %s\n", set->frozen_reason);
	if (set->has_evidence)
		printf("evidence     hashfed sets evidence %s\n", set->origin);
	printf("seen         %" PRIu64 "\napplied      %" PRIu64 "\n",
	       set->seen, set->applied);
	if (set->missing > 0)
		printf("missing      %" PRIu64 " payloads, of entries",
		       set->missing);
	for (size_t i = 0; i < set->missing_entries_count; i++)
		printf(" %" PRIu64, set->missing_entries[i]);
	if (set->missing > 0)
		printf("%s\n", set->missing > set->missing_entries_count
				       ? " and on"
				       : "");
	if (set->checkpoint_ms != 0) {
		hf_show_time(set->checkpoint_ms, at);
		printf("checkpoint   %s UTC, %s\n", at,
		       hf_freshness_word(set->freshness));
	}
	for (size_t i = 0; i < set->cosigners_count; i++)
		printf("cosigned by  %s\n", set->cosigners[i]);
	if (set->quorum > 0)
		printf("asked for    cosignatures of %u witnesses\n",
		       (unsigned)set->quorum);
}

static enum hf_err show_json(const struct hf_wire_set_info *set,
			     struct hf_why *why)
{
	json_t *object = json_object(), *cosigners = json_array();
	json_t *missing = json_array();

	for (size_t i = 0; i < set->cosigners_count; i++)
		json_array_append_new(cosigners,
				      hf_json_text(set->cosigners[i]));
	for (size_t i = 0; i < set->missing_entries_count; i++)
		json_array_append_new(missing,
				      hf_json_number(set->missing_entries[i]));
	json_object_set_new(object, "origin", json_string(set->origin));
	json_object_set_new(object, "state",
			    json_string(hf_set_state_word(set->state)));
	json_object_set_new(object, "frozen_reason",
			    hf_json_text(set->frozen_reason));
	json_object_set_new(object, "has_evidence",
			    json_boolean(set->has_evidence));
	json_object_set_new(object, "seen", hf_json_number(set->seen));
	json_object_set_new(object, "applied", hf_json_number(set->applied));
	json_object_set_new(object, "missing", hf_json_number(set->missing));
	json_object_set_new(object, "missing_entries", missing);
	json_object_set_new(object, "checkpoint_ms",
			    hf_json_number(set->checkpoint_ms));
	if (set->freshness != 0)
		json_object_set_new(
			object, "freshness",
			json_string(hf_freshness_word(set->freshness)));
	json_object_set_new(object, "cosigners", cosigners);
	json_object_set_new(object, "quorum", hf_json_number(set->quorum));
	return hf_json_line(object, why);
}

/* An origin, or the set name of one of our own. */
static bool is_named(const struct hf_wire_set_info *set, const char *name)
{
	size_t len = strlen(name);
	const char *rest = strchr(set->origin, '/');

	return strcmp(set->origin, name) == 0 ||
	       (set->is_own && rest != NULL &&
		strncmp(rest + 1, name, len) == 0 && rest[1 + len] == '/');
}

static enum hf_err show_named(struct hf_cmd *cmd,
			      const struct hf_list_sets_response *page,
			      bool *out_is_found, struct hf_why *why)
{
	for (size_t i = 0; i < page->sets_count; i++) {
		if (!is_named(&page->sets[i], cmd->args[0]))
			continue;
		*out_is_found = true;
		if (hf_cmd_has(cmd, HF_CMD_JSON))
			return show_json(&page->sets[i], why);
		show_text(&page->sets[i]);
		return HF_OK;
	}
	return HF_OK;
}

enum hf_err hf_cmd_sets_show(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_list_sets_request request = { .page_size = HF_PAGE_SIZE_MAX,
						.page_token = "" };
	struct hf_list_sets_response page;
	struct hf_client *client;
	bool is_found = false;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	do {
		err = hf_client_list_sets(client, &request, &cmd->arena, &page,
					  why);
		if (err == HF_OK)
			err = show_named(cmd, &page, &is_found, why);
		request.page_token = err == HF_OK ? page.next_page_token : "";
	} while (!is_found && request.page_token[0] != '\0');
	hf_client_close(client);
	if (err == HF_OK && !is_found)
		err = hf_why(why, HF_E_NOTFOUND,
			     "no set '%.80s': 'hashfed sets' lists them",
			     cmd->args[0]);
	return err;
}

/* ---- forks ---- */

enum hf_err hf_cmd_sets_evidence(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_get_evidence_request request = { cmd->args[0] };
	struct hf_get_evidence_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_get_evidence(client, &request, &cmd->arena, &answer,
				     why);
	if (err == HF_OK)
		fwrite(answer.evidence.at, 1, answer.evidence.len_bytes,
		       stdout);
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_sets_thaw(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_thaw_set_request request = { cmd->args[0] };
	struct hf_client *client;
	json_t *object;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_thaw_set(client, &request, why);
	hf_client_close(client);
	if (err != HF_OK)
		return err;
	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("%s goes on with what is held here\n", cmd->args[0]);
		return HF_OK;
	}
	object = json_object();
	json_object_set_new(object, "set", json_string(cmd->args[0]));
	return hf_json_line(object, why);
}
