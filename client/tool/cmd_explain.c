#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "kind.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

/* ---- as JSON ---- */

/* A word for a number; null for 0. */
static json_t *word_json(unsigned number, const char *word)
{
	return number != 0 ? json_string(word) : json_null();
}

static json_t *opinion_json(const struct hf_stated_opinion *opinion)
{
	json_t *object = json_object();

	json_object_set_new(object, "organisation",
			    json_string(opinion->organisation));
	json_object_set_new(object, "opinion",
			    json_string(hf_opinion_kind_word(opinion->kind)));
	json_object_set_new(object, "reason",
			    word_json(opinion->reason,
				      hf_opinion_reason_word(opinion->reason)));
	json_object_set_new(object, "note", hf_json_text(opinion->note));
	json_object_set_new(object, "said_ms",
			    hf_json_number(opinion->said_ms));
	json_object_set_new(object, "until_ms",
			    opinion->until_ms != 0
				    ? hf_json_number(opinion->until_ms)
				    : json_null());
	json_object_set_new(object, "origin", json_string(opinion->origin));
	json_object_set_new(object, "index", hf_json_number(opinion->index));
	json_object_set_new(object, "by_hash",
			    json_boolean(opinion->is_by_hash));
	json_object_set_new(object, "counts", json_boolean(opinion->counts));
	json_object_set_new(object, "why_not", hf_json_text(opinion->why_not));
	return object;
}

static json_t *lists_json(const struct hf_explained_entry *entry,
			  json_t *object)
{
	json_t *labels = json_array(), *derived = json_array();
	json_t *remarks = json_array(), *opinions = json_array();

	for (size_t i = 0; i < entry->labels_count; i++)
		json_array_append_new(
			labels,
			json_pack("{s:o, s:o}", "scheme",
				  hf_json_text(entry->labels[i].scheme),
				  "value",
				  hf_json_text(entry->labels[i].value)));
	for (size_t i = 0; i < entry->derived_from_count; i++)
		json_array_append_new(
			derived, hf_json_entry(entry->derived_from[i].origin,
					       entry->derived_from[i].index));
	for (size_t i = 0; i < entry->remarks_count; i++)
		json_array_append_new(remarks, hf_json_text(entry->remarks[i]));
	for (size_t i = 0; i < entry->opinions_count; i++)
		json_array_append_new(opinions,
				      opinion_json(&entry->opinions[i]));
	json_object_set_new(object, "labels", labels);
	json_object_set_new(object, "derived_from", derived);
	json_object_set_new(object, "remarks", remarks);
	json_object_set_new(object, "opinions", opinions);
	return object;
}

static json_t *entry_json(const struct hf_explained_entry *entry)
{
	json_t *object = hf_json_entry(entry->origin, entry->index);

	json_object_set_new(object, "publisher", json_string(entry->publisher));
	json_object_set_new(
		object, "verdict",
		word_json(entry->verdict, hf_verdict_word(entry->verdict)));
	json_object_set_new(object, "rule", hf_json_text(entry->rule));
	json_object_set_new(object, "algorithm",
			    word_json(entry->algorithm,
				      hf_algorithm_word(entry->algorithm)));
	json_object_set_new(object, "distance",
			    hf_json_number(entry->distance));
	json_object_set_new(object, "class",
			    json_string(hf_class_word(entry->content_class)));
	json_object_set_new(object, "freshness",
			    word_json(entry->freshness,
				      hf_freshness_word(entry->freshness)));
	json_object_set_new(object, "checkpoint_ms",
			    hf_json_number(entry->checkpoint_ms));
	json_object_set_new(object, "added_ms",
			    hf_json_number(entry->added_ms));
	json_object_set_new(object, "assessors",
			    hf_json_number(entry->assessors));
	return lists_json(entry, object);
}

static enum hf_err explain_json(const struct hf_explain_response *answer,
				struct hf_why *why)
{
	json_t *object = json_object(), *entries = json_array();

	for (size_t i = 0; i < answer->entries_count; i++)
		json_array_append_new(entries, entry_json(&answer->entries[i]));
	json_object_set_new(
		object, "verdict",
		word_json(answer->verdict, hf_verdict_word(answer->verdict)));
	json_object_set_new(object, "organisations",
			    hf_json_number(answer->organisations));
	json_object_set_new(object, "entries", entries);
	json_object_set_new(object, "more", json_boolean(answer->more));
	return hf_json_line(object, why);
}

/* ---- for people ---- */

static void line(const char *what, const char *text)
{
	printf("  %-12s", what);
	hf_show_escaped(stdout, text);
	putchar('\n');
}

static void show_opinion(const struct hf_stated_opinion *opinion)
{
	char at[HF_SHOW_TIME_SIZE];

	hf_show_time(opinion->said_ms, at);
	printf("  %-12s%s, %s UTC", hf_opinion_kind_word(opinion->kind),
	       opinion->organisation, at);
	if (opinion->reason != 0)
		printf(", %s", hf_opinion_reason_word(opinion->reason));
	if (opinion->note[0] != '\0') {
		printf(": ");
		hf_show_escaped(stdout, opinion->note);
	}
	hf_show_time(opinion->until_ms, at);
	if (at[0] != '\0')
		printf(", until %s UTC", at);
	printf(" (%s %llu%s)\n", opinion->origin,
	       (unsigned long long)opinion->index,
	       opinion->is_by_hash ? ", by hash" : "");
	if (!opinion->counts) {
		printf("  %-12s", "");
		printf("does not count: %s\n", opinion->why_not);
	}
}

static void show_entry(const struct hf_explained_entry *entry)
{
	char text[2 * HF_LABEL_MAX_BYTES + HF_ORIGIN_MAX_BYTES];
	char at[HF_SHOW_TIME_SIZE];

	printf("\n%s %llu\n", entry->origin, (unsigned long long)entry->index);
	if (entry->verdict != 0)
		line(hf_verdict_word(entry->verdict), entry->rule);
	else
		line("no hit", "lookups here do not find it");
	if (entry->algorithm == HF_ALGORITHM_PDQ) {
		snprintf(text, sizeof(text), "pdq, %u of 256 bits differ",
			 entry->distance);
		line("by", text);
	} else if (entry->algorithm != 0) {
		line("by", hf_algorithm_word(entry->algorithm));
	}
	line("class", hf_class_word(entry->content_class));
	for (size_t i = 0; i < entry->labels_count; i++) {
		snprintf(text, sizeof(text), "%s %s", entry->labels[i].scheme,
			 entry->labels[i].value);
		line("label", text);
	}
	hf_show_time(entry->added_ms, at);
	snprintf(text, sizeof(text), "%s UTC by %s", at, entry->publisher);
	line("added", text);
	if (entry->assessors > 0) {
		snprintf(text, sizeof(text), "%u", entry->assessors);
		line("assessors", text);
	}
	hf_show_time(entry->checkpoint_ms, at);
	snprintf(text, sizeof(text), "%s, checkpoint of %s UTC",
		 entry->freshness != 0 ? hf_freshness_word(entry->freshness)
				       : "our own, or not matched on",
		 at[0] != '\0' ? at : "-");
	line("set", text);
	for (size_t i = 0; i < entry->derived_from_count; i++) {
		snprintf(text, sizeof(text), "%s %llu",
			 entry->derived_from[i].origin,
			 (unsigned long long)entry->derived_from[i].index);
		line("taken from", text);
	}
	for (size_t i = 0; i < entry->remarks_count; i++)
		line("note", entry->remarks[i]);
	for (size_t i = 0; i < entry->opinions_count; i++)
		show_opinion(&entry->opinions[i]);
}

static void explain_text(const struct hf_explain_response *answer)
{
	if (answer->entries_count == 0) {
		printf("not known here\n");
		return;
	}
	printf("verdict  %s, listed by %u organisation%s\n",
	       answer->verdict != 0 ? hf_verdict_word(answer->verdict) : "none",
	       answer->organisations, answer->organisations == 1 ? "" : "s");
	for (size_t i = 0; i < answer->entries_count; i++)
		show_entry(&answer->entries[i]);
	if (answer->more)
		printf("\nthere are more entries\n");
}

static enum hf_err ask(struct hf_client *client, struct hf_cmd *cmd,
		       struct hf_cmd_subject *subject,
		       struct hf_explain_response *out, struct hf_why *why)
{
	struct hf_explain_request request = {
		.what = subject->is_hash ? HF_EXPLAIN_HASH : HF_EXPLAIN_ENTRY,
		.entry = &subject->entry,
		.hash = &subject->hash,
	};
	enum hf_err err =
		hf_client_explain(client, &request, &cmd->arena, out, why);

	/* 64 digits: no digest is both but by being made so. */
	if (err == HF_OK && subject->is_hash &&
	    subject->parsed.algorithm == 0 &&
	    subject->parsed.len_bytes == HF_PDQ_BYTES &&
	    out->entries_count == 0) {
		subject->hash.algorithm = HF_ALGORITHM_PDQ;
		err = hf_client_explain(client, &request, &cmd->arena, out,
					why);
	}
	return err;
}

enum hf_err hf_cmd_explain(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_cmd_subject subject = { .is_hash = false };
	struct hf_explain_response answer;
	struct hf_client *client;
	enum hf_err err = hf_cmd_subject(cmd, &subject, why);

	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST | HF_DUTY_OPERATOR,
				     &client, why);
	if (err != HF_OK)
		return err;
	err = ask(client, cmd, &subject, &answer, why);
	if (err == HF_OK && hf_cmd_has(cmd, HF_CMD_JSON))
		err = explain_json(&answer, why);
	else if (err == HF_OK)
		explain_text(&answer);
	hf_client_close(client);
	return err;
}

/* ---- release ---- */

enum hf_err hf_cmd_release(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_release_request request = { .set = cmd->args[0] };
	struct hf_release_response answer;
	struct hf_client *client;
	uint64_t index;
	enum hf_err err = HF_OK;

	if (cmd->args_count == 2) {
		err = hf_cmd_index(cmd->args[1], &index, why);
		request.index_plus_one = index + 1;
	}
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_OPERATOR, &client, why);
	if (err != HF_OK)
		return err;
	err = hf_client_release(client, &request, &cmd->arena, &answer, why);
	if (err == HF_OK)
		printf("%llu released\n", (unsigned long long)answer.count);
	hf_client_close(client);
	return err;
}
