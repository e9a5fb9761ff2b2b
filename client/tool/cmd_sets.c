#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "kind.h"
#include "text.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* Call once for every set, a page at a time. */
static enum hf_err each_set(struct hf_cmd *cmd, struct hf_client *client,
			    enum hf_err (*call)(void *arg,
						const struct hf_wire_set_info *,
						struct hf_why *why),
			    void *arg, struct hf_why *why)
{
	struct hf_list_sets_request request = { .page_size = HF_PAGE_SIZE_MAX };
	struct hf_list_sets_response page;
	enum hf_err err;

	request.page_token = "";
	do {
		err = hf_client_list_sets(client, &request, &cmd->arena, &page,
					  why);
		for (size_t i = 0; err == HF_OK && i < page.sets_count; i++)
			err = call(arg, &page.sets[i], why);
		if (err != HF_OK)
			return err;
		request.page_token = page.next_page_token;
	} while (page.next_page_token[0] != '\0');
	return HF_OK;
}

/* ---- sets ---- */

enum column {
	ORIGIN,
	KIND,
	OWN,
	STATE,
	SEEN,
	APPLIED,
	LIVE,
	FRESHNESS,
	CHECKPOINT,
	MEMBERS,
	RELAY,
	VERSION,
	EXPIRES,
	SUCCESSOR,
	VOID_FROM
};

static const struct hf_column columns[] = {
	[ORIGIN] = { "origin", HF_COLUMN_TEXT },
	[KIND] = { "kind", HF_COLUMN_TEXT },
	[OWN] = { "own", HF_COLUMN_BOOL },
	[STATE] = { "state", HF_COLUMN_TEXT },
	[SEEN] = { "seen", HF_COLUMN_NUMBER },
	[APPLIED] = { "applied", HF_COLUMN_NUMBER },
	[LIVE] = { "live", HF_COLUMN_NUMBER },
	[FRESHNESS] = { "freshness", HF_COLUMN_TEXT },
	[CHECKPOINT] = { "checkpoint", HF_COLUMN_TIME },
	[MEMBERS] = { "members", HF_COLUMN_LIST },
	[RELAY] = { "relay", HF_COLUMN_TEXT },
	[VERSION] = { "agreement", HF_COLUMN_NUMBER },
	[EXPIRES] = { "expires", HF_COLUMN_TIME },
	[SUCCESSOR] = { "succeeded_by", HF_COLUMN_TEXT },
	[VOID_FROM] = { "void_from", HF_COLUMN_NUMBER },
};

static void put_members(struct hf_table *table,
			const struct hf_wire_set_info *set)
{
	struct hf_buf buf;

	hf_buf_init(&buf, (size_t)HF_AUDIENCE_MAX * (HF_DOMAIN_MAX_BYTES + 2));
	for (size_t i = 0; i < set->members_count; i++)
		hf_buf_printf(&buf, "%s%s", i > 0 ? "\n" : "", set->members[i]);
	hf_buf_put_u8(&buf, 0);
	if (hf_buf_failed(&buf) == HF_OK)
		hf_table_text(table, MEMBERS, (const char *)buf.at);
	hf_buf_release(&buf);
}

static enum hf_err put_set(void *arg, const struct hf_wire_set_info *set,
			   struct hf_why *why)
{
	struct hf_table *table = arg;

	hf_table_row(table);
	hf_table_text(table, ORIGIN, set->origin);
	/* Only the agreement says it. */
	if (set->agreement_version != 0)
		hf_table_text(table, KIND,
			      set->kind != 0 ? hf_set_kind_word(set->kind)
					     : "items");
	hf_table_bool(table, OWN, set->is_own);
	hf_table_text(table, STATE, hf_set_state_word(set->state));
	hf_table_number(table, SEEN, set->seen);
	hf_table_number(table, APPLIED, set->applied);
	hf_table_number(table, LIVE, set->live);
	if (set->freshness != 0)
		hf_table_text(table, FRESHNESS,
			      hf_freshness_word(set->freshness));
	hf_table_time(table, CHECKPOINT, set->checkpoint_ms);
	put_members(table, set);
	hf_table_text(table, RELAY,
		      set->relay != 0 ? hf_relay_word(set->relay) : "");
	hf_table_number(table, VERSION, set->agreement_version);
	hf_table_time(table, EXPIRES, set->agreement_expires_ms);
	if (set->succeeded_by[0] != '\0') {
		hf_table_text(table, SUCCESSOR, set->succeeded_by);
		hf_table_number(table, VOID_FROM, set->void_from);
	}
	return HF_OK;
}

enum hf_err hf_cmd_sets(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_client *client;
	struct hf_table *table;
	enum hf_err err;

	if (hf_cmd_has(cmd, HF_CMD_SIZES))
		return hf_cmd_sets_sizes(cmd, why);
	err = hf_cmd_connect(cmd, HF_DUTY_READER, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_table_new("sets", columns,
			   sizeof(columns) / sizeof(columns[0]),
			   hf_cmd_has(cmd, HF_CMD_JSON), &table, why);
	if (err == HF_OK) {
		err = each_set(cmd, client, put_set, table, why);
		if (err == HF_OK)
			err = hf_table_print(table, why);
		hf_table_free(table);
	}
	hf_client_close(client);
	return err;
}

/* ---- one set ---- */

/* {"origin": …, "name": number} or a sentence. */
static enum hf_err print_done(const struct hf_cmd *cmd, const char *origin,
			      const char *name, uint64_t number,
			      const char *sentence, struct hf_why *why)
{
	json_t *object;

	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		puts(sentence);
		return HF_OK;
	}
	object = json_object();
	json_object_set_new(object, "origin", json_string(origin));
	if (name != NULL)
		json_object_set_new(object, name, hf_json_number(number));
	return hf_json_line(object, why);
}

enum hf_err hf_cmd_sets_open(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_cmd_values *given = &cmd->options[HF_CMD_CLASS];
	enum hf_class classes[HF_CLASSES_MAX];
	struct hf_open_set_request request = {
		.name = cmd->args_count > 0 ? cmd->args[0] : "",
		.purpose = hf_cmd_option(cmd, HF_CMD_PURPOSE),
		.is_restricted = hf_cmd_has(cmd, HF_CMD_RESTRICTED),
		.classes = classes,
	};
	struct hf_open_set_response answer;
	struct hf_client *client;
	char sentence[HF_ORIGIN_MAX_BYTES + 16];
	enum hf_err err;

	if (request.is_restricted == (cmd->args_count > 0))
		return hf_why(why, HF_E_ARGUMENT,
			      "usage: hashfed sets open NAME | --restricted (a "
			      "restricted set gets a random name)");
	for (size_t i = 0; i < given->count; i++) {
		unsigned number = hf_class_parse(hf_span_of(given->at[i]));

		if (number == 0 || i == HF_CLASSES_MAX)
			return hf_why(
				why, HF_E_ARGUMENT,
				"--class '%.40s': give csam, "
				"csam-suspected, ncii, terrorist or other",
				given->at[i]);
		classes[request.classes_count++] = (enum hf_class)number;
	}
	err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_open_set(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK) {
		snprintf(sentence, sizeof(sentence), "opened %s",
			 answer.origin);
		err = print_done(cmd, answer.origin, NULL, 0, sentence, why);
	}
	hf_client_close(client);
	return err;
}

/* A number that an option may give; default_value without it. */
static enum hf_err number_of(struct hf_cmd *cmd, enum hf_cmd_option option,
			     const char *name, uint64_t most,
			     uint64_t default_value, uint64_t *out,
			     struct hf_why *why)
{
	*out = default_value;
	if (!hf_cmd_has(cmd, option) ||
	    hf_text_u64(hf_span_of(hf_cmd_option(cmd, option)), most, out) ==
		    HF_OK)
		return HF_OK;
	return hf_why(why, HF_E_ARGUMENT, "--%s '%.40s': not a number", name,
		      hf_cmd_option(cmd, option));
}

static enum hf_err next_epoch_request(struct hf_cmd *cmd,
				      struct hf_next_epoch_request *out,
				      struct hf_why *why)
{
	uint64_t size, epoch;
	enum hf_err err = number_of(cmd, HF_CMD_FROM_SIZE, "from-size",
				    INT64_MAX, UINT64_MAX, &size, why);

	if (err == HF_OK)
		err = number_of(cmd, HF_CMD_EPOCH, "epoch", UINT32_MAX, 0,
				&epoch, why);
	if (err == HF_OK)
		*out = (struct hf_next_epoch_request){
			.set = cmd->args[0],
			.from_size_plus_one = size + 1,
			.epoch = (uint32_t)epoch,
		};
	return err;
}

enum hf_err hf_cmd_sets_next_epoch(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_next_epoch_request request;
	struct hf_next_epoch_response answer;
	struct hf_client *client;
	char sentence[3 * HF_ORIGIN_MAX_BYTES];
	enum hf_err err = next_epoch_request(cmd, &request, why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_next_epoch(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK) {
		snprintf(sentence, sizeof(sentence),
			 "opened %s; %s is void from entry %llu, and what "
			 "lives below it is being carried over: 'hashfed sets' "
			 "shows %s as waiting until it is",
			 answer.origin, answer.predecessor,
			 (unsigned long long)answer.void_from, answer.origin);
		err = print_done(cmd, answer.origin, "void_from",
				 answer.void_from, sentence, why);
	}
	hf_client_close(client);
	return err;
}

static enum hf_err share(struct hf_cmd *cmd, bool is_removal,
			 struct hf_why *why)
{
	const struct hf_share_set_request request = {
		.set = cmd->args[0],
		.peer = cmd->args[1],
		.may_relay = hf_cmd_has(cmd, HF_CMD_RELAY),
		.is_removal = is_removal,
		.is_witness = hf_cmd_has(cmd, HF_CMD_WITNESS),
	};
	struct hf_share_set_response answer;
	struct hf_client *client;
	char sentence[1024];
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_share_set(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK) {
		snprintf(sentence, sizeof(sentence),
			 "%s: %s %s%s; agreement %llu", answer.origin,
			 request.peer,
			 is_removal           ? "no longer has it"
			 : request.is_witness ? "may witness it"
					      : "may have it",
			 request.may_relay ? " and pass it on" : "",
			 (unsigned long long)answer.agreement_version);
		err = print_done(cmd, answer.origin, "agreement",
				 answer.agreement_version, sentence, why);
	}
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_sets_share(struct hf_cmd *cmd, struct hf_why *why)
{
	return share(cmd, false, why);
}

enum hf_err hf_cmd_sets_unshare(struct hf_cmd *cmd, struct hf_why *why)
{
	return share(cmd, true, why);
}

/* ---- following ---- */

static enum hf_err follow_one(struct hf_cmd *cmd, struct hf_client *client,
			      const char *origin, bool is_removal,
			      struct hf_why *why)
{
	const struct hf_follow_set_request request = { .origin = origin,
						       .is_removal =
							       is_removal };
	char sentence[HF_ORIGIN_MAX_BYTES + 40];
	enum hf_err err = hf_client_follow_set(client, &request, why);

	if (err != HF_OK)
		return err;
	snprintf(sentence, sizeof(sentence), "%s %s",
		 is_removal ? "no longer following" : "following", origin);
	return print_done(cmd, origin, NULL, 0, sentence, why);
}

/* The offered sets of one domain, to be followed once the list is whole. */
struct offered {
	struct hf_cmd *cmd;
	const char *domain;
	const char **origins; /* in the arena */
	size_t count;
	size_t size;
};

/* Is it of that publisher, or does that peer pass it on?  Without an agreement
 * the members are those who told us of it. */
static bool is_from(const struct hf_wire_set_info *set, const char *domain)
{
	if (hf_span_is(hf_text_origin_domain(hf_span_of(set->origin)), domain))
		return true;
	for (size_t i = 0;
	     set->agreement_version == 0 && i < set->members_count; i++) {
		if (strcmp(set->members[i], domain) == 0)
			return true;
	}
	return false;
}

static enum hf_err pick_offered(void *arg, const struct hf_wire_set_info *set,
				struct hf_why *why)
{
	struct offered *offered = arg;

	if (set->state != HF_SET_STATE_OFFERED ||
	    !is_from(set, offered->domain))
		return HF_OK;
	if (offered->count == offered->size) {
		size_t size = offered->size * 2 + 16;
		const char **more = hf_arena_calloc(&offered->cmd->arena, size,
						    sizeof(*more));

		if (more == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		if (offered->count > 0)
			memcpy(more, offered->origins,
			       offered->count * sizeof(*more));
		offered->origins = more;
		offered->size = size;
	}
	offered->origins[offered->count++] = set->origin;
	return HF_OK;
}

static enum hf_err follow_all(struct hf_cmd *cmd, struct hf_client *client,
			      struct hf_why *why)
{
	struct offered offered = {
		.cmd = cmd, .domain = hf_cmd_option(cmd, HF_CMD_ALL_FROM)
	};
	enum hf_err err = each_set(cmd, client, pick_offered, &offered, why);

	for (size_t i = 0; i < offered.count && err == HF_OK; i++)
		err = follow_one(cmd, client, offered.origins[i], false, why);
	if (err == HF_OK && offered.count == 0)
		err = hf_why(why, HF_E_NOTFOUND,
			     "%.100s offers no set that is not followed: "
			     "'hashfed sets' lists what is offered",
			     offered.domain);
	return err;
}

enum hf_err hf_cmd_sets_follow(struct hf_cmd *cmd, struct hf_why *why)
{
	bool is_all = hf_cmd_has(cmd, HF_CMD_ALL_FROM);
	struct hf_client *client;
	enum hf_err err;

	if (is_all == (cmd->args_count > 0))
		return hf_why(why, HF_E_ARGUMENT,
			      "usage: hashfed sets follow ORIGIN | --all-from "
			      "PEER");
	err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = is_all ? follow_all(cmd, client, why)
		     : follow_one(cmd, client, cmd->args[0], false, why);
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_sets_unfollow(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);

	if (err != HF_OK)
		return err;
	err = follow_one(cmd, client, cmd->args[0], true, why);
	hf_client_close(client);
	return err;
}

/* ---- verify ---- */

enum hf_err hf_cmd_sets_verify(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_verify_set_request request = { .set = cmd->args[0] };
	struct hf_verify_set_response answer;
	struct hf_client *client;
	json_t *object;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_verify_set(client, &request, &cmd->arena, &answer, why);
	hf_client_close(client);
	if (err != HF_OK)
		return err;
	if (answer.missing > 0)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("%s: %llu entries and their checkpoint verify, %llu "
		       "payloads match, %llu are missing\n",
		       cmd->args[0], (unsigned long long)answer.size,
		       (unsigned long long)answer.payloads,
		       (unsigned long long)answer.missing);
		return HF_OK;
	}
	object = json_object();
	json_object_set_new(object, "set", json_string(cmd->args[0]));
	json_object_set_new(object, "size", hf_json_number(answer.size));
	json_object_set_new(object, "payloads",
			    hf_json_number(answer.payloads));
	json_object_set_new(object, "missing", hf_json_number(answer.missing));
	return hf_json_line(object, why);
}
