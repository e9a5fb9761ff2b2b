#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duty.h"

#include "cmd.h"
#include "found_cases.h"
#include "lookup_batch.h"
#include "match_pipe.h"
#include "show.h"

/* Four hashes a file, and some of each kind: well below the protocol's most. */
#define ITEMS_MAX 2000

struct run {
	struct hf_cmd *cmd;
	struct hf_client *client;
	struct hf_media *media;
	struct hf_lookup_batch batch;
	const char *subjects[ITEMS_MAX];
	struct hf_found_file *found;     /* owned; with --cases */
	struct hf_media_result *results; /* owned; likewise */
	size_t count;
	bool has_matched;
	bool has_said_migrating;
	bool has_failed;
	enum hf_err err; /* of a result */
	struct hf_why why;
};

static enum hf_err print_item(struct run *run, uint32_t item,
			      const struct hf_wire_match_hit *hits,
			      size_t count, struct hf_why *why)
{
	unsigned verdict = hf_lookup_verdict(hits, count);
	json_t *object;

	if (count > 0)
		run->has_matched = true;
	if (hf_cmd_has(run->cmd, HF_CMD_JSON)) {
		object = json_object();
		json_object_set_new(object, "subject",
				    hf_json_text(run->subjects[item]));
		json_object_set_new(
			object, "verdict",
			verdict != 0 ? json_string(hf_verdict_word(verdict))
				     : json_null());
		json_object_set_new(object, "matches",
				    hf_lookup_json(hits, count));
		if (run->found != NULL)
			hf_found_json(&run->found[item], object);
		return hf_json_line(object, why);
	}
	hf_lookup_print(hits, count, run->subjects[item]);
	if (run->found != NULL)
		hf_found_print(&run->found[item], run->subjects[item]);
	if (count == 0) {
		printf("none\t-\t-\t-\t-\t-\t-\t-\t-\t");
		hf_show_escaped(stdout, run->subjects[item]);
		putchar('\n');
	}
	return HF_OK;
}

/* With --cases, what matters becomes a case before it is printed. */
static enum hf_err make_cases(struct run *run,
			      const struct hf_wire_match_response *answer,
			      struct hf_why *why)
{
	const struct hf_wire_match_hit *hits;
	size_t at = 0;

	if (run->found == NULL)
		return HF_OK;
	for (uint32_t item = 0; item < run->count; item++) {
		size_t count = hf_lookup_hits(answer, item, &at, &hits);

		run->found[item] = (struct hf_found_file){
			.result = &run->results[item],
			.is_reported = hf_found_matters(hits, count),
		};
	}
	return hf_found_cases(run->client, run->found, run->count, why);
}

/* Once. */
static void say_migrating(struct run *run,
			  const struct hf_wire_match_response *answer)
{
	if (answer->is_migrating && !run->has_said_migrating)
		hf_cmd_complain("match",
				"the daemon's store is being migrated: this is "
				"what its index said before, without labels");
	run->has_said_migrating |= answer->is_migrating;
}

/* Look up what was collected and print it. */
static enum hf_err flush(struct run *run, struct hf_why *why)
{
	const struct hf_wire_match_request *request;
	struct hf_wire_match_response answer;
	size_t at = 0;
	enum hf_err err;

	if (run->count == 0)
		return HF_OK;
	hf_arena_reset(&run->cmd->arena);
	err = hf_lookup_batch_request(&run->batch, &request, why);
	if (err == HF_OK)
		err = hf_client_match(run->client, request, &run->cmd->arena,
				      &answer, why);
	if (err == HF_OK)
		say_migrating(run, &answer);
	if (err == HF_OK)
		err = make_cases(run, &answer, why);
	for (uint32_t item = 0; item < run->count && err == HF_OK; item++) {
		const struct hf_wire_match_hit *hits;
		size_t count = hf_lookup_hits(&answer, item, &at, &hits);

		err = print_item(run, item, hits, count, why);
	}
	hf_lookup_batch_reset(&run->batch);
	for (size_t i = 0; run->results != NULL && i < run->count; i++)
		hf_media_result_release(&run->results[i]);
	run->count = 0;
	return err;
}

/* No room for one more item, or no names for more. */
static bool is_full(const struct run *run)
{
	return run->count == ITEMS_MAX ||
	       run->batch.digests_count + HF_LOOKUP_FILE_MAX >
		       HF_MATCH_BATCH_MAX;
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct run *run = arg;

	if (run->err != HF_OK)
		return;
	if (result->err != HF_OK) {
		run->has_failed = true;
		hf_cmd_complain(result->path, result->why.text);
		return;
	}
	if (result->pdq_err != HF_OK && result->pdq_err != HF_E_UNSUPPORTED) {
		run->has_failed = true;
		hf_cmd_complain(result->path, result->why.text);
	}
	run->err = hf_lookup_batch_add_file(&run->batch, (uint32_t)run->count,
					    result, &run->why);
	if (run->err == HF_OK)
		run->err =
			hf_lookup_batch_name(&run->batch, (uint32_t)run->count,
					     result->path, &run->why);
	if (run->err != HF_OK)
		return;
	if (run->results != NULL) {
		run->err = hf_media_result_copy(
			result, &run->results[run->count], &run->why);
		if (run->err != HF_OK)
			return;
		run->results[run->count].path = result->tag;
	}
	run->subjects[run->count++] = result->tag;
	if (is_full(run))
		run->err = flush(run, &run->why);
}

/* Hashes in their place among files: everything before is done first. */
static enum hf_err add_hash(struct run *run, char *text,
			    const struct hf_cmd_hash *hash, struct hf_why *why)
{
	struct hf_span digest = hf_span(hash->digest, hash->len_bytes);
	uint32_t item = (uint32_t)run->count;
	enum hf_err err;

	if (hash->algorithm != 0)
		err = hf_lookup_batch_add(&run->batch, item, hash->algorithm,
					  digest, HF_QUALITY_MAX, why);
	else
		err = hf_lookup_batch_add(&run->batch, item,
					  HF_ALGORITHM_SHA256, digest,
					  HF_QUALITY_MAX, why);
	if (err == HF_OK && hash->algorithm == 0)
		err = hf_lookup_batch_add(&run->batch, item, HF_ALGORITHM_PDQ,
					  digest, HF_QUALITY_MAX, why);
	if (err != HF_OK)
		return err;
	run->subjects[run->count++] = text;
	return is_full(run) ? flush(run, why) : HF_OK;
}

static enum hf_err add(struct run *run, char *text, struct hf_why *why)
{
	struct hf_cmd_hash hash;
	enum hf_err err = HF_OK;

	if (hf_cmd_hash_parse(text, &hash)) {
		if (run->found != NULL || hf_cmd_has(run->cmd, HF_CMD_REMEMBER))
			return hf_why(why, HF_E_ARGUMENT,
				      "'%.80s': only a file that is here can "
				      "become a case, or be remembered",
				      text);
		if (run->media != NULL)
			hf_media_finish(run->media);
		return run->err == HF_OK ? add_hash(run, text, &hash, why)
					 : HF_OK;
	}
	if (run->media == NULL)
		err = hf_cmd_media(run->cmd, on_result, run, &run->media, why);
	return err == HF_OK ? hf_media_add(run->media, text, text, why) : err;
}

static enum hf_err match_all(struct run *run, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < run->cmd->args_count && err == HF_OK; i++) {
		err = add(run, run->cmd->args[i], why);
		if (err == HF_OK && run->err != HF_OK) {
			*why = run->why;
			err = run->err;
		}
	}
	if (err == HF_OK && run->media != NULL)
		hf_media_finish(run->media);
	if (err == HF_OK && run->err != HF_OK) {
		*why = run->why;
		err = run->err;
	}
	return err == HF_OK ? flush(run, why) : err;
}

static enum hf_err take_room(struct run *run, struct hf_why *why)
{
	if (!hf_cmd_has(run->cmd, HF_CMD_CASES))
		return HF_OK;
	run->found = calloc(ITEMS_MAX, sizeof(*run->found));
	run->results = calloc(ITEMS_MAX, sizeof(*run->results));
	return run->found != NULL && run->results != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_NOMEM, "no memory");
}

static enum hf_err match_args(struct hf_cmd *cmd, struct hf_why *why)
{
	struct run *run = calloc(1, sizeof(*run));
	enum hf_err err;

	if (run == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	run->cmd = cmd;
	hf_lookup_batch_init(&run->batch);
	/* Who only asks has not got what is asked about. */
	run->batch.is_question = !hf_cmd_has(cmd, HF_CMD_REMEMBER);
	err = take_room(run, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_SCANNER, &run->client, why);
	if (err == HF_OK)
		err = match_all(run, why);
	if (run->has_matched)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	else if (run->has_failed)
		cmd->exit_code = HF_CMD_EXIT_NO;
	hf_media_close(run->media);
	hf_client_close(run->client);
	hf_lookup_batch_release(&run->batch);
	for (size_t i = 0; run->results != NULL && i < run->count; i++)
		hf_media_result_release(&run->results[i]);
	free(run->results);
	free(run->found);
	free(run);
	return err;
}

enum hf_err hf_cmd_match(struct hf_cmd *cmd, struct hf_why *why)
{
	if (hf_cmd_has(cmd, HF_CMD_STDIN))
		return hf_match_pipe(cmd, why);
	if (hf_cmd_has(cmd, HF_CMD_UNAVAILABLE))
		return hf_why(why, HF_E_ARGUMENT,
			      "--unavailable goes with --stdin");
	if (cmd->args_count == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "give files, hashes, or --stdin");
	return match_args(cmd, why);
}
