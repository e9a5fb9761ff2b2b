#include <stdio.h>
#include <string.h>

#include "duty.h"
#include "kind.h"
#include "text.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

#define INDEX_MAX (HF_TREE_MAX_SIZE - 1)

/* What was taken back, over several requests. */
struct run {
	struct hf_cmd *cmd;
	struct hf_client *client;
	struct hf_retract_request request; /* what it says every time */
	uint64_t count;
	json_t *list;   /* of entries, with --json */
	json_t *others; /* entries of others, each once */
};

static enum hf_err take_options(struct run *run, struct hf_why *why)
{
	const char *word = hf_cmd_option(run->cmd, HF_CMD_REASON);
	const char *note = hf_cmd_option(run->cmd, HF_CMD_NOTE);
	unsigned reason = hf_cmd_has(run->cmd, HF_CMD_BATCH)
				  ? HF_RETRACT_REASON_BATCH
				  : HF_RETRACT_REASON_WRONG;

	if (word != NULL) {
		reason = hf_retract_reason_parse(hf_span_of(word));
		if (reason == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "--reason '%.40s': give one of %s", word,
				      hf_retract_reason_words());
	}
	if (note != NULL && (strlen(note) > HF_REMARK_MAX_BYTES ||
			     !hf_text_is_clean(hf_span_of(note))))
		return hf_why(why, HF_E_ARGUMENT,
			      "--note: at most %d bytes of UTF-8, on one line",
			      HF_REMARK_MAX_BYTES);
	run->request.reason = (enum hf_retract_reason)reason;
	run->request.note = note;
	run->request.erase = hf_cmd_has(run->cmd, HF_CMD_ERASE);
	return HF_OK;
}

/* The same entry is named again by the next hash of a file. */
static void note_other(struct run *run, const struct hf_entry_ref *entry)
{
	json_t *object = hf_json_entry(entry->origin, entry->index), *known;
	size_t i;

	json_array_foreach(run->others, i, known)
	{
		if (json_equal(known, object)) {
			json_decref(object);
			return;
		}
	}
	json_array_append_new(run->others, object);
}

static enum hf_err ask(struct run *run, const struct hf_retract_request *what,
		       struct hf_why *why)
{
	struct hf_retract_response answer;
	enum hf_err err = hf_client_retract(run->client, what, &run->cmd->arena,
					    &answer, why);

	if (err != HF_OK)
		return err;
	run->count += answer.count;
	for (size_t i = 0; i < answer.retracted_count; i++) {
		const struct hf_entry_ref *entry = &answer.retracted[i];

		if (run->list == NULL)
			printf("%s\t%llu\n", entry->origin,
			       (unsigned long long)entry->index);
		else
			json_array_append_new(
				run->list,
				hf_json_entry(entry->origin, entry->index));
	}
	for (size_t i = 0; i < answer.others_count; i++)
		note_other(run, &answer.others[i]);
	return HF_OK;
}

/* NOTFOUND leaves the count as it is: other hashes may find something. */
static enum hf_err ask_hash(struct run *run, unsigned algorithm,
			    const uint8_t *digest, size_t len_bytes,
			    struct hf_why *why)
{
	const struct hf_hash hash = { .algorithm = (enum hf_algorithm)algorithm,
				      .digest = { digest, len_bytes } };
	struct hf_retract_request request = run->request;
	enum hf_err err;

	request.what = HF_RETRACT_HASH;
	request.hash = &hash;
	err = ask(run, &request, why);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err retract_hash(struct run *run, const struct hf_cmd_hash *hash,
				struct hf_why *why)
{
	enum hf_err err;

	if (hash->algorithm != 0)
		return ask_hash(run, hash->algorithm, hash->digest,
				hash->len_bytes, why);
	/* 64 digits: no digest is both but by being made so. */
	err = ask_hash(run, HF_ALGORITHM_SHA256, hash->digest, hash->len_bytes,
		       why);
	if (err == HF_OK && run->count == 0)
		err = ask_hash(run, HF_ALGORITHM_PDQ, hash->digest,
			       hash->len_bytes, why);
	return err;
}

/* By its exact hashes: a PDQ hash may be that of another picture as well. */
static enum hf_err retract_file(struct run *run, const char *path,
				struct hf_why *why)
{
	struct hf_media_result result;
	struct hf_media *media;
	enum hf_err err = hf_cmd_media(run->cmd, NULL, NULL, &media, why);

	if (err != HF_OK)
		return err;
	err = hf_media_hash_file(media, path, &result, why);
	hf_media_close(media);
	if (err != HF_OK)
		return err;
	err = ask_hash(run, HF_ALGORITHM_SHA256, result.sha256,
		       sizeof(result.sha256), why);
	if (err == HF_OK)
		err = ask_hash(run, HF_ALGORITHM_SHA1, result.sha1,
			       sizeof(result.sha1), why);
	if (err == HF_OK)
		err = ask_hash(run, HF_ALGORITHM_MD5, result.md5,
			       sizeof(result.md5), why);
	return err;
}

static enum hf_err retract_entry(struct run *run, const char *set,
				 const char *text, struct hf_why *why)
{
	struct hf_retract_request request = run->request;
	struct hf_entry_ref entry = { .origin = set };

	if (hf_text_u64(hf_span_of(text), INDEX_MAX, &entry.index) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.40s' is not the index of an entry: a whole "
			      "number from 0",
			      text);
	request.what = HF_RETRACT_ENTRY;
	request.entry = &entry;
	return ask(run, &request, why);
}

static enum hf_err retract_batch(struct run *run, struct hf_why *why)
{
	struct hf_retract_request request = run->request;
	uint8_t id[HF_BATCH_ID_BYTES];
	enum hf_err err =
		hf_cmd_batch_id(hf_cmd_option(run->cmd, HF_CMD_BATCH), id, why);

	if (err != HF_OK)
		return err;
	request.what = HF_RETRACT_BATCH_ID;
	request.batch_id = hf_span(id, sizeof(id));
	return ask(run, &request, why);
}

static enum hf_err retract(struct run *run, struct hf_why *why)
{
	struct hf_cmd *cmd = run->cmd;
	struct hf_cmd_hash hash;

	if (hf_cmd_has(cmd, HF_CMD_BATCH))
		return retract_batch(run, why);
	if (cmd->args_count == 2)
		return retract_entry(run, cmd->args[0], cmd->args[1], why);
	if (hf_cmd_hash_parse(cmd->args[0], &hash))
		return retract_hash(run, &hash, why);
	return retract_file(run, cmd->args[0], why);
}

static enum hf_err print(struct run *run, struct hf_why *why)
{
	json_t *object, *entry;
	size_t i;

	if (run->list == NULL) {
		printf("%llu retracted\n", (unsigned long long)run->count);
		json_array_foreach(run->others, i, entry)
		{
			printf("still listed by others: %s\t%lld\n",
			       json_string_value(
				       json_object_get(entry, "origin")),
			       (long long)json_integer_value(
				       json_object_get(entry, "index")));
		}
		return HF_OK;
	}
	object = json_object();
	json_object_set_new(object, "count", hf_json_number(run->count));
	json_object_set(object, "retracted", run->list);
	json_object_set(object, "others", run->others);
	return hf_json_line(object, why);
}

enum hf_err hf_cmd_retract(struct hf_cmd *cmd, struct hf_why *why)
{
	struct run run = { .cmd = cmd };
	bool is_batch = hf_cmd_has(cmd, HF_CMD_BATCH);
	enum hf_err err;

	if (is_batch == (cmd->args_count > 0))
		return hf_why(why, HF_E_ARGUMENT,
			      "usage: hashfed retract SET INDEX | HASH | FILE "
			      "| --batch ID");
	err = take_options(&run, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &run.client, why);
	if (err != HF_OK)
		return err;
	if (hf_cmd_has(cmd, HF_CMD_JSON))
		run.list = json_array();
	run.others = json_array();
	err = retract(&run, why);
	if (err == HF_OK && (run.count > 0 || json_array_size(run.others) > 0))
		err = print(&run, why);
	if (err == HF_OK && run.count == 0)
		err = hf_why(why, HF_E_NOTFOUND,
			     "no live entry of ours has that: nothing was "
			     "retracted");
	json_decref(run.others);
	json_decref(run.list);
	hf_client_close(run.client);
	return err;
}
