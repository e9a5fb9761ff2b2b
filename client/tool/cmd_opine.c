#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "text.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

enum hf_err hf_cmd_index(const char *text, uint64_t *out_index,
			 struct hf_why *why)
{
	if (hf_text_u64(hf_span_of(text), HF_TREE_MAX_SIZE - 1, out_index) !=
	    HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.40s' is not the index of an entry: a whole "
			      "number from 0",
			      text);
	return HF_OK;
}

enum hf_err hf_cmd_subject(const struct hf_cmd *cmd, struct hf_cmd_subject *out,
			   struct hf_why *why)
{
	if (cmd->args_count == 2) {
		out->entry = (struct hf_entry_ref){ .origin = cmd->args[0] };
		return hf_cmd_index(cmd->args[1], &out->entry.index, why);
	}
	if (!hf_cmd_hash_parse(cmd->args[0], &out->parsed))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.80s' is no hash; or give SET INDEX",
			      cmd->args[0]);
	/* 64 digits are SHA-256 where nobody says that they are PDQ. */
	out->is_hash = true;
	out->hash = (struct hf_hash){
		.algorithm = out->parsed.algorithm != 0
				     ? (enum hf_algorithm)out->parsed.algorithm
				     : HF_ALGORITHM_SHA256,
		.digest = { out->parsed.digest, out->parsed.len_bytes },
	};
	return HF_OK;
}

/* The one word of them that was given. */
static enum hf_err take_kind(const struct hf_cmd *cmd, bool is_override,
			     enum hf_opinion_kind *out_kind, struct hf_why *why)
{
	static const struct {
		enum hf_cmd_option option;
		enum hf_opinion_kind kind;
	} words[] = {
		{ HF_CMD_AFFIRM, HF_OPINION_AFFIRM },
		{ HF_CMD_DISPUTE, HF_OPINION_DISPUTE },
		{ HF_CMD_SEEN, HF_OPINION_SEEN },
		{ HF_CMD_WITHDRAW, HF_OPINION_WITHDRAWN },
		{ HF_CMD_IGNORE, HF_OPINION_IGNORE },
	};
	size_t given = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!hf_cmd_has(cmd, words[i].option))
			continue;
		*out_kind = words[i].kind;
		given++;
	}
	if (given == 1)
		return HF_OK;
	return hf_why(why, HF_E_ARGUMENT,
		      "what is thought of it? give one of "
		      "%s",
		      is_override ? "--ignore, --withdraw"
				  : "--affirm, --dispute, --seen, --withdraw");
}

static enum hf_err take_reason(const struct hf_cmd *cmd,
			       enum hf_opinion_reason *out, struct hf_why *why)
{
	const char *word = hf_cmd_option(cmd, HF_CMD_REASON);
	unsigned reason =
		word != NULL ? hf_opinion_reason_parse(hf_span_of(word)) : 0;

	if (word != NULL && reason == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "--reason '%.40s': give one of %s", word,
			      hf_opinion_reason_words());
	*out = (enum hf_opinion_reason)reason;
	return HF_OK;
}

static enum hf_err print_said(const struct hf_cmd *cmd,
			      const struct hf_opine_request *request,
			      const struct hf_opine_response *answer,
			      struct hf_why *why)
{
	json_t *object;

	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("%s %llu: %s\n", answer->origin,
		       (unsigned long long)answer->index,
		       hf_opinion_kind_word(request->kind));
		if (answer->why_hashes[0] != '\0')
			printf("only its hashes are named: %s\n",
			       answer->why_hashes);
		return HF_OK;
	}
	object = hf_json_entry(answer->origin, answer->index);
	json_object_set_new(object, "why_hashes",
			    hf_json_text(answer->why_hashes));
	return hf_json_line(object, why);
}

static enum hf_err say(struct hf_cmd *cmd, bool is_override, struct hf_why *why)
{
	const char *set = hf_cmd_option(cmd, HF_CMD_SET);
	struct hf_cmd_subject subject = { .is_hash = false };
	struct hf_opine_request request = { .set = set != NULL ? set : "" };
	struct hf_opine_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_subject(cmd, &subject, why);

	if (err == HF_OK)
		err = take_kind(cmd, is_override, &request.kind, why);
	if (err == HF_OK)
		err = take_reason(cmd, &request.reason, why);
	if (err == HF_OK)
		err = hf_cmd_text(cmd, HF_CMD_NOTE, HF_REMARK_MAX_BYTES,
				  &request.note, why);
	if (err == HF_OK)
		err = hf_cmd_moment(cmd, HF_CMD_UNTIL, &request.until_ms, why);
	if (err == HF_OK && request.kind == HF_OPINION_IGNORE &&
	    (request.until_ms == 0 || request.reason == 0))
		err = hf_why(why, HF_E_ARGUMENT,
			     "--ignore needs --reason and --until");
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST | HF_DUTY_OPERATOR,
				     &client, why);
	if (err != HF_OK)
		return err;
	if (request.note == NULL)
		request.note = "";
	if (is_override)
		request.set = "overrides";
	request.subject = subject.is_hash ? HF_OPINE_HASH : HF_OPINE_ENTRY;
	request.entry = &subject.entry;
	request.hash = &subject.hash;
	err = hf_client_opine(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK)
		err = print_said(cmd, &request, &answer, why);
	hf_client_close(client);
	return err;
}

enum hf_err hf_cmd_opine(struct hf_cmd *cmd, struct hf_why *why)
{
	return say(cmd, false, why);
}

enum hf_err hf_cmd_override(struct hf_cmd *cmd, struct hf_why *why)
{
	return say(cmd, true, why);
}
