#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "text.h"

#include "case_show.h"
#include "case_value.h"
#include "cmd.h"
#include "notice.h"
#include "show.h"
#include "show_json.h"

#define HF_CASE_EVENT_NONE 0

/* What every act is, by its word on the command line. */
static const struct act {
	const char *word;
	unsigned kind; /* of enum hf_case_event_kind, or NONE */
} acts[] = {
#define ACT(word, kind, takes, words) { word, HF_CASE_EVENT_##kind },
	HF_CMD_ACT_TABLE(ACT)
#undef ACT
};

/* What is being said; all borrowed. */
struct saying {
	struct hf_cmd *cmd;
	struct hf_case_event event;
	struct hf_delivery delivery;
	struct hf_update_case_request request;
	uint8_t request_id[HF_EVENT_ID_BYTES];
};

static const struct act *act_of(const struct hf_cmd *cmd)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].word, cmd->row->verb) == 0)
			return &acts[i];
	}
	return NULL;
}

/* ---- what goes with what ---- */

static enum hf_err take_reason(struct saying *saying, struct hf_why *why)
{
	const char *word = hf_cmd_option(saying->cmd, HF_CMD_REASON);

	if (word == NULL && saying->event.kind == HF_CASE_EVENT_REJECTED)
		return hf_why(why, HF_E_ARGUMENT,
			      "why? --reason not-illegal, not-ours, adult, "
			      "below-threshold, duplicate ...; hashfed(1) has "
			      "them all");
	if (word == NULL)
		return HF_OK;
	saying->event.reason =
		(enum hf_case_reason)hf_case_reason_parse(hf_span_of(word));
	if (saying->event.reason != 0)
		return HF_OK;
	hf_cmd_complain_words("reasons", hf_case_reason_words());
	return hf_why(why, HF_E_ARGUMENT,
		      "--reason '%.40s': give one of those above", word);
}

static enum hf_err take_when(struct saying *saying, struct hf_why *why)
{
	uint64_t at_ms;
	enum hf_err err = hf_cmd_moment(saying->cmd, HF_CMD_AT, &at_ms, why);

	if (saying->event.kind == HF_CASE_EVENT_DELIVERY)
		saying->delivery.sent_ms = at_ms;
	else
		saying->event.acted_ms = at_ms;
	return err;
}

static enum hf_err take_delivery(struct saying *saying, struct hf_why *why)
{
	struct hf_delivery *delivery = &saying->delivery;
	enum hf_err err;

	err = hf_cmd_text(saying->cmd, HF_CMD_MEANS, 64, &delivery->means, why);
	if (err == HF_OK)
		err = hf_cmd_text(saying->cmd, HF_CMD_ADDRESS,
				  HF_LABEL_MAX_BYTES, &delivery->address, why);
	if (err == HF_OK)
		err = hf_cmd_text(saying->cmd, HF_CMD_REFERENCE,
				  HF_LABEL_MAX_BYTES, &delivery->reference,
				  why);
	if (err != HF_OK)
		return err;
	if (delivery->means == NULL || delivery->means[0] == '\0')
		return hf_why(why, HF_E_ARGUMENT,
			      "sent by what? --means mail, form, post or "
			      "phone, and --address");
	delivery->has_failed = hf_cmd_has(saying->cmd, HF_CMD_FAILED);
	saying->event.delivery = delivery;
	return HF_OK;
}

static enum hf_err take_places(struct saying *saying, struct hf_why *why)
{
	const struct hf_cmd_values *given = &saying->cmd->options[HF_CMD_URL];
	struct hf_locator *locators = hf_arena_calloc(
		&saying->cmd->arena, HF_CMD_VALUES_MAX, sizeof(*locators));
	enum hf_err err;

	if (locators == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_case_urls(given->at, given->count, locators, why);
	if (err != HF_OK)
		return err;
	saying->event.locators = locators;
	saying->event.locators_count = given->count;
	return HF_OK;
}

static enum hf_err take_country(struct saying *saying, struct hf_why *why)
{
	const char *country;
	enum hf_err err =
		hf_cmd_text(saying->cmd, HF_CMD_COUNTRY, 2, &country, why);

	if (err != HF_OK || country == NULL)
		return err;
	if (!hf_text_is_country(hf_span_of(country)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--country: give two capitals, as NL");
	saying->event.moved_country = country;
	return HF_OK;
}

/* Where it is now: a host, a country, or both. */
static enum hf_err take_where(struct saying *saying, struct hf_why *why)
{
	const char *host = hf_cmd_option(saying->cmd, HF_CMD_HOST);
	enum hf_err err = take_country(saying, why);

	if (err == HF_OK && host != NULL)
		err = hf_case_provider_parse(hf_span_of(host),
					     &saying->cmd->arena,
					     &saying->event.moved_host, why);
	return err;
}

/* Who is told: an authority or the police, a partner. */
static enum hf_err take_whom(struct saying *saying, struct hf_why *why)
{
	const char *to = hf_cmd_option(saying->cmd, HF_CMD_TO);
	bool is_lea = hf_cmd_has(saying->cmd, HF_CMD_LEA);
	bool is_forward = saying->event.kind == HF_CASE_EVENT_FORWARD;

	if (is_lea == (to != NULL))
		return hf_why(why, HF_E_ARGUMENT,
			      is_forward ? "to whom? --to DOMAIN, a partner "
					   "that is a peer of ours"
					 : "to whom? --to DOMAIN for an "
					   "authority, or --lea for the "
					   "police");
	if (to != NULL && !hf_text_is_domain(hf_span_of(to)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--to '%.60s': give the domain of a peer; "
			      "'hashfed peers' lists them",
			      to);
	if (is_lea)
		saying->event.kind = HF_CASE_EVENT_ESCALATE_LEA;
	saying->request.to = to;
	return is_forward ? take_country(saying, why) : HF_OK;
}

static enum hf_err take_more(struct saying *saying, struct hf_why *why)
{
	switch (saying->event.kind) {
	case HF_CASE_EVENT_DELIVERY:
		return take_delivery(saying, why);
	case HF_CASE_EVENT_INFO:
		return take_places(saying, why);
	case HF_CASE_EVENT_MOVED:
		return take_where(saying, why);
	case HF_CASE_EVENT_ESCALATE_AUTHORITY:
	case HF_CASE_EVENT_FORWARD:
		return take_whom(saying, why);
	default:
		return HF_OK;
	}
}

static enum hf_err take_event(struct saying *saying, struct hf_why *why)
{
	enum hf_err err = take_reason(saying, why);

	if (err == HF_OK)
		err = hf_cmd_text(saying->cmd, HF_CMD_TEXT,
				  HF_CASE_REMARK_MAX_BYTES, &saying->event.text,
				  why);
	if (err == HF_OK)
		err = take_when(saying, why);
	if (err == HF_OK)
		err = take_more(saying, why);
	saying->event.is_automatic = hf_cmd_has(saying->cmd, HF_CMD_AUTOMATIC);
	return err;
}

/* ---- saying it ---- */

static enum hf_err print(const struct hf_cmd *cmd,
			 const struct hf_case_summary *summary,
			 const char *mail_path, struct hf_why *why)
{
	json_t *object;
	char due[HF_SHOW_TIME_SIZE];

	if (hf_cmd_has(cmd, HF_CMD_JSON)) {
		object = hf_case_json(summary);
		if (mail_path[0] != '\0')
			json_object_set_new(object, "mail",
					    hf_json_text(mail_path));
		return hf_json_line(object, why);
	}
	printf("case %s: %s", summary->case_id,
	       hf_case_state_word(summary->state));
	if (summary->reason != 0)
		printf(" (%s)", hf_case_reason_word(summary->reason));
	hf_show_time(summary->due_ms, due);
	if (due[0] != '\0')
		printf("; due %s UTC%s", due,
		       summary->is_overdue ? ", OVERDUE" : "");
	putchar('\n');
	if (mail_path[0] != '\0') {
		printf("mail: ");
		hf_show_escaped(stdout, mail_path);
		printf("\nnext: send it, then hashfed cases sent %.12s --means "
		       "mail --address ADDRESS\n",
		       summary->case_id);
	}
	return HF_OK;
}

static enum hf_err say(struct saying *saying, struct hf_why *why)
{
	struct hf_cmd *cmd = saying->cmd;
	char mail_path[HF_MAIL_PATH_SIZE];
	struct hf_update_case_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);

	if (err != HF_OK)
		return err;
	err = hf_client_update_case(client, &saying->request, &cmd->arena,
				    &answer, why);
	hf_client_close(client);
	if (err != HF_OK) {
		hf_request_say_broken(saying->request_id, err);
		return err;
	}
	err = hf_answer_check(answer.summary, why);
	if (err == HF_OK)
		err = hf_mail_write(cmd, answer.summary->case_id, answer.mail,
				    mail_path, why);
	if (err == HF_OK)
		err = print(cmd, answer.summary, mail_path, why);
	return err;
}

enum hf_err hf_cmd_cases_act(struct hf_cmd *cmd, struct hf_why *why)
{
	struct saying saying = { .cmd = cmd };
	const struct act *act = act_of(cmd);
	bool is_given;
	enum hf_err err = hf_cmd_case_id(cmd->args[0], why);

	if (err == HF_OK)
		err = hf_request_id(cmd, saying.request_id, &is_given, why);
	if (err != HF_OK)
		return err;
	saying.request.case_id = cmd->args[0];
	saying.request.request_id =
		hf_span(saying.request_id, sizeof(saying.request_id));
	if (act->kind == HF_CASE_EVENT_NONE) {
		saying.request.is_release = true;
		return say(&saying, why);
	}
	saying.event.kind = (enum hf_case_event_kind)act->kind;
	saying.request.event = &saying.event;
	err = take_event(&saying, why);
	return err == HF_OK ? say(&saying, why) : err;
}
