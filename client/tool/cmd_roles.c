#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "duty.h"
#include "report_day.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* ---- roles ---- */

enum column {
	NAME,
	ROLE,
	ATTESTER,
	COUNTS,
	POWERS,
	JURISDICTION,
	FROM,
	UNTIL,
	WHY_NOT,
	NOTE
};

static const struct hf_column columns[] = {
	[NAME] = { "name", HF_COLUMN_TEXT },
	[ROLE] = { "role", HF_COLUMN_TEXT },
	[ATTESTER] = { "attester", HF_COLUMN_TEXT },
	[COUNTS] = { "counts", HF_COLUMN_BOOL },
	[POWERS] = { "powers", HF_COLUMN_LIST },
	[JURISDICTION] = { "jurisdiction", HF_COLUMN_TEXT },
	[FROM] = { "from", HF_COLUMN_TIME },
	[UNTIL] = { "until", HF_COLUMN_TIME },
	[WHY_NOT] = { "why_not", HF_COLUMN_TEXT },
	[NOTE] = { "note", HF_COLUMN_TEXT },
};

static void put_powers(struct hf_table *table,
		       const struct hf_attestation *claim)
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < claim->powers_count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s", i > 0 ? "\n" : "",
					 hf_power_word(claim->powers[i]));
	hf_table_text(table, POWERS, text);
}

static void put_role(struct hf_table *table, const struct hf_role_info *role)
{
	const struct hf_attestation *claim = role->claim;

	hf_table_row(table);
	hf_table_text(table, NAME, claim->name);
	hf_table_text(table, ROLE, hf_role_word(claim->role));
	hf_table_text(table, ATTESTER, role->attester);
	hf_table_bool(table, COUNTS, role->counts);
	put_powers(table, claim);
	hf_table_text(table, JURISDICTION, claim->jurisdiction);
	hf_table_time(table, FROM, claim->from_ms);
	hf_table_time(table, UNTIL, claim->until_ms);
	hf_table_text(table, WHY_NOT, role->why_not);
	hf_table_text(table, NOTE, claim->note);
}

/* All of them, in the order in which people look for them. */
struct roles {
	struct hf_role_info *at; /* owned */
	size_t count;
};

static int by_name(const void *one, const void *other)
{
	const struct hf_role_info *a = one, *b = other;
	int order = strcmp(a->claim->name, b->claim->name);

	if (order == 0)
		order = (a->claim->role > b->claim->role) -
			(a->claim->role < b->claim->role);
	return order != 0 ? order : strcmp(a->attester, b->attester);
}

static enum hf_err roles_add(struct roles *roles,
			     const struct hf_list_roles_response *page,
			     struct hf_why *why)
{
	struct hf_role_info *more;

	if (page->roles_count == 0)
		return HF_OK;
	more = realloc(roles->at,
		       (roles->count + page->roles_count) * sizeof(*more));
	if (more == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	memcpy(more + roles->count, page->roles,
	       page->roles_count * sizeof(*more));
	roles->at = more;
	roles->count += page->roles_count;
	return HF_OK;
}

static enum hf_err roles_get(struct hf_cmd *cmd, struct hf_client *client,
			     struct roles *roles, struct hf_why *why)
{
	struct hf_list_roles_request request = { .page_size =
							 HF_PAGE_SIZE_MAX };
	struct hf_list_roles_response page;
	enum hf_err err;

	request.page_token = "";
	do {
		err = hf_client_list_roles(client, &request, &cmd->arena, &page,
					   why);
		if (err == HF_OK)
			err = roles_add(roles, &page, why);
		if (err != HF_OK)
			return err;
		request.page_token = page.next_page_token;
	} while (page.next_page_token[0] != '\0');
	if (roles->count > 1)
		qsort(roles->at, roles->count, sizeof(*roles->at), by_name);
	return HF_OK;
}

enum hf_err hf_cmd_roles(struct hf_cmd *cmd, struct hf_why *why)
{
	struct roles roles = { NULL, 0 };
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);

	if (err != HF_OK)
		return err;
	err = roles_get(cmd, client, &roles, why);
	hf_client_close(client);
	if (err == HF_OK)
		err = hf_table_new("roles", columns,
				   sizeof(columns) / sizeof(columns[0]),
				   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err == HF_OK) {
		for (size_t i = 0; i < roles.count; i++)
			put_role(table, &roles.at[i]);
		err = hf_table_print(table, why);
		hf_table_free(table);
	}
	free(roles.at);
	return err;
}

/* ---- attest, end ---- */

/* "2027-06-30": the beginning of that day, UTC. */
static enum hf_err take_until(const struct hf_cmd *cmd, uint64_t *out_ms,
			      struct hf_why *why)
{
	const char *text = hf_cmd_option(cmd, HF_CMD_UNTIL);
	enum hf_err err;

	*out_ms = 0;
	if (text == NULL)
		return HF_OK;
	err = hf_day_parse(text, out_ms, why);
	if (err != HF_OK)
		hf_why_prefix(why, "--until: ");
	else if (*out_ms <= hf_clock_wall_ms())
		err = hf_why(why, HF_E_ARGUMENT,
			     "--until '%.40s': give a day to come", text);
	return err;
}

static enum hf_err take_role(const struct hf_cmd *cmd, enum hf_role *out_role,
			     struct hf_why *why)
{
	const char *text = hf_cmd_option(cmd, HF_CMD_ROLE);
	unsigned role = text != NULL ? hf_role_parse(hf_span_of(text)) : 0;

	if (text == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "which role? --role, one of "
			      "%s",
			      hf_role_words());
	if (role == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "--role '%.40s': give one of %s", text,
			      hf_role_words());
	*out_role = (enum hf_role)role;
	return HF_OK;
}

static enum hf_err take_powers(const struct hf_cmd *cmd, enum hf_power *powers,
			       size_t *out_count, struct hf_why *why)
{
	const struct hf_cmd_values *given = &cmd->options[HF_CMD_POWER];

	for (size_t i = 0; i < given->count; i++) {
		powers[i] =
			(enum hf_power)hf_power_parse(hf_span_of(given->at[i]));
		if (powers[i] == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "--power '%.40s': give one of %s",
				      given->at[i], hf_power_words());
	}
	*out_count = given->count;
	return HF_OK;
}

static enum hf_err print_said(const struct hf_cmd *cmd,
			      const struct hf_attest_role_request *request,
			      const struct hf_attest_role_response *answer,
			      struct hf_why *why)
{
	const struct hf_attestation *claim = request->claim;

	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("%s %llu: %s is %s%s\n", answer->origin,
		       (unsigned long long)answer->index, claim->name,
		       request->is_end ? "no longer " : "",
		       hf_role_word(claim->role));
		return HF_OK;
	}
	return hf_json_line(hf_json_entry(answer->origin, answer->index), why);
}

static enum hf_err say(struct hf_cmd *cmd, bool is_end, struct hf_why *why)
{
	const char *jurisdiction = hf_cmd_option(cmd, HF_CMD_JURISDICTION);
	const char *note = hf_cmd_option(cmd, HF_CMD_NOTE);
	enum hf_power powers[HF_CMD_VALUES_MAX];
	struct hf_attestation claim = {
		.name = cmd->args[0],
		.powers = powers,
		.jurisdiction = jurisdiction != NULL ? jurisdiction : "",
		.note = note != NULL ? note : "",
	};
	const struct hf_attest_role_request request = { .claim = &claim,
							.is_end = is_end };
	struct hf_attest_role_response answer;
	struct hf_client *client;
	enum hf_err err;

	err = take_role(cmd, &claim.role, why);
	if (err == HF_OK)
		err = take_powers(cmd, powers, &claim.powers_count, why);
	if (err == HF_OK)
		err = take_until(cmd, &claim.until_ms, why);
	if (err == HF_OK && !is_end)
		err = hf_attestation_check(&claim, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_attest_role(client, &request, &cmd->arena, &answer,
				    why);
	if (err == HF_OK)
		err = print_said(cmd, &request, &answer, why);
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_roles_attest(struct hf_cmd *cmd, struct hf_why *why)
{
	return say(cmd, false, why);
}

enum hf_err hf_cmd_roles_end(struct hf_cmd *cmd, struct hf_why *why)
{
	return say(cmd, true, why);
}
