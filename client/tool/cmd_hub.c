/*
 * hashfed hub: what hubs propose, and what we do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "duty.h"
#include "text.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* ---- hub ---- */

enum column {
	PROPOSED,
	HUB,
	TAKEN,
	PROBLEM,
	CLASSES,
	COUNTRY,
	ENDPOINTS,
	ID,
	NOTE
};

static const struct hf_column columns[] = {
	[PROPOSED] = { "proposed", HF_COLUMN_TEXT },
	[HUB] = { "hub", HF_COLUMN_TEXT },
	[TAKEN] = { "taken", HF_COLUMN_BOOL },
	[PROBLEM] = { "problem", HF_COLUMN_TEXT },
	[CLASSES] = { "classes", HF_COLUMN_LIST },
	[COUNTRY] = { "country", HF_COLUMN_TEXT },
	[ENDPOINTS] = { "endpoints", HF_COLUMN_LIST },
	[ID] = { "organisation_id", HF_COLUMN_TEXT },
	[NOTE] = { "note", HF_COLUMN_TEXT },
};

/* One more of a list, which parts with newlines. */
static void put_part(char *text, size_t size, const char *part)
{
	size_t used = strlen(text);

	(void)snprintf(text + used, size - used, "%s%s", used > 0 ? "\n" : "",
		       part);
}

static void put_proposal(struct hf_table *table,
			 const struct hf_proposal *proposal, bool is_json)
{
	const struct hf_listing *listing = proposal->listing;
	char classes[HF_CLASSES_MAX * 24] = "";
	char endpoints[HF_ENDPOINTS_MAX * (HF_ENDPOINT_MAX_BYTES + 1)] = "";
	char id[2 * HF_HASH_BYTES + 1];
	bool is_set = listing->origin[0] != '\0';

	for (size_t i = 0; i < listing->classes_count; i++)
		put_part(classes, sizeof(classes),
			 hf_class_word(listing->classes[i]));
	for (size_t i = 0; i < listing->endpoints_count; i++)
		put_part(endpoints, sizeof(endpoints), listing->endpoints[i]);
	hf_table_row(table);
	hf_table_text(table, PROPOSED,
		      is_set ? listing->origin : listing->name);
	hf_table_text(table, HUB, proposal->hub);
	hf_table_bool(table, TAKEN, proposal->is_taken);
	hf_table_text(table, PROBLEM, proposal->problem);
	hf_table_text(table, CLASSES, classes);
	hf_table_text(table, COUNTRY, listing->country);
	hf_table_text(table, ENDPOINTS, endpoints);
	/* People need its beginning, programs all of it. */
	hf_hex(listing->organisation_id.at,
	       is_json || listing->organisation_id.len_bytes < 8
		       ? listing->organisation_id.len_bytes
		       : 8,
	       id);
	hf_table_text(table, ID, id);
	hf_table_text(table, NOTE, listing->note);
}

static enum hf_err put_proposals(struct hf_cmd *cmd, struct hf_client *client,
				 struct hf_table *table, struct hf_why *why)
{
	struct hf_list_proposals_request request = { .page_size =
							     HF_PAGE_SIZE_MAX,
						     .page_token = "" };
	struct hf_list_proposals_response page;

	do {
		enum hf_err err = hf_client_list_proposals(
			client, &request, &cmd->arena, &page, why);

		if (err != HF_OK)
			return err;
		for (size_t i = 0; i < page.proposals_count; i++)
			put_proposal(table, &page.proposals[i],
				     hf_cmd_has(cmd, HF_CMD_JSON));
		request.page_token = page.next_page_token;
	} while (page.next_page_token[0] != '\0');
	return HF_OK;
}

enum hf_err hf_cmd_hub(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_table_new("proposals", columns,
			   sizeof(columns) / sizeof(columns[0]),
			   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err == HF_OK) {
		err = put_proposals(cmd, client, table, why);
		if (err == HF_OK)
			err = hf_table_print(table, why);
		hf_table_free(table);
	}
	hf_client_close(client);
	return err;
}

/* ---- propose, end ---- */

/* An origin is a set, a domain an organisation. */
static enum hf_err take_what(const struct hf_cmd *cmd, char *name, size_t size,
			     struct hf_listing *listing, struct hf_why *why)
{
	struct hf_span what = hf_span_of(cmd->args[0]);
	struct hf_span domain = what;

	if (hf_text_is_origin(what)) {
		domain = hf_text_origin_domain(what);
		listing->origin = cmd->args[0];
	} else if (!hf_text_is_domain(what)) {
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.80s' is neither a set, such as "
			      "hotline.example/ncii/1, nor a domain",
			      cmd->args[0]);
	}
	snprintf(name, size, "%.*s", HF_SPAN_ARGS(domain));
	listing->name = name;
	return HF_OK;
}

static enum hf_err print_said(const struct hf_cmd *cmd,
			      const struct hf_listing *listing,
			      const struct hf_propose_response *answer,
			      struct hf_why *why)
{
	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("%s %llu: %s is %s\n", answer->origin,
		       (unsigned long long)answer->index, cmd->args[0],
		       listing->is_ended ? "proposed no longer" : "proposed");
		return HF_OK;
	}
	return hf_json_line(hf_json_entry(answer->origin, answer->index), why);
}

static enum hf_err say(struct hf_cmd *cmd, bool is_end, struct hf_why *why)
{
	const struct hf_cmd_values *endpoints = &cmd->options[HF_CMD_ENDPOINT];
	const char *note = hf_cmd_option(cmd, HF_CMD_NOTE);
	char name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_listing listing = {
		.origin = "",
		.endpoints = endpoints->at,
		.endpoints_count = endpoints->count,
		.country = "",
		.note = note != NULL ? note : "",
		.is_ended = is_end,
	};
	const struct hf_propose_request request = { .listing = &listing };
	struct hf_propose_response answer;
	struct hf_client *client;
	enum hf_err err = take_what(cmd, name, sizeof(name), &listing, why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_propose(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK)
		err = print_said(cmd, &listing, &answer, why);
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_hub_propose(struct hf_cmd *cmd, struct hf_why *why)
{
	return say(cmd, false, why);
}

enum hf_err hf_cmd_hub_end(struct hf_cmd *cmd, struct hf_why *why)
{
	return say(cmd, true, why);
}
