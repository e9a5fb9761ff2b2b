#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "duty.h"
#include "kind.h"
#include "text.h"

#include "client_append.h"
#include "publish.h"
#include "show.h"
#include "show_json.h"

/* Below this a PDQ hash says little: it would match what it should not. */
#define QUALITY_LEAST 50

/* ---- the command line ---- */

/* A set that is called as a class is for that class. */
static unsigned class_of_set(const char *set)
{
	const char *name = strchr(set, '/');
	const char *end;

	name = name != NULL ? name + 1 : set;
	end = strchr(name, '/');
	return hf_class_parse(hf_span(name, end != NULL ? (size_t)(end - name)
							: strlen(name)));
}

static enum hf_err take_class(struct hf_cmd *cmd, struct hf_publish_plan *plan,
			      struct hf_why *why)
{
	const char *word = hf_cmd_option(cmd, HF_CMD_CLASS);
	unsigned number = word != NULL ? hf_class_parse(hf_span_of(word))
				       : class_of_set(plan->set);

	if (number == 0 && word != NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "--class '%.40s': give csam, csam-suspected, "
			      "ncii, terrorist or other",
			      word);
	if (number == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "what is it? --class csam, csam-suspected, ncii, "
			      "terrorist or other (a set that is called as a "
			      "class has it by itself)");
	plan->item.content_class = (enum hf_class)number;
	return HF_OK;
}

static enum hf_err take_labels(struct hf_cmd *cmd, struct hf_publish_plan *plan,
			       struct hf_why *why)
{
	const struct hf_cmd_values *given = &cmd->options[HF_CMD_LABEL];

	for (size_t i = 0; i < given->count; i++) {
		const char *equals = strchr(given->at[i], '=');
		struct hf_span scheme;

		if (equals == NULL || equals == given->at[i] ||
		    equals[1] == '\0')
			return hf_why(why, HF_E_ARGUMENT,
				      "--label '%.60s': give SCHEME=VALUE, for "
				      "example ncmec=A1",
				      given->at[i]);
		scheme = hf_span(given->at[i], (size_t)(equals - given->at[i]));
		plan->labels[i].scheme = hf_arena_text(&cmd->arena, scheme);
		plan->labels[i].value = equals + 1;
		if (plan->labels[i].scheme == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
	}
	plan->item.labels = plan->labels;
	plan->item.labels_count = given->count;
	return HF_OK;
}

static enum hf_err take_flags(struct hf_cmd *cmd, struct hf_publish_plan *plan,
			      struct hf_why *why)
{
	const struct hf_cmd_values *given = &cmd->options[HF_CMD_FLAG];

	if (given->count > HF_ITEM_MAX_FLAGS)
		return hf_why(why, HF_E_LIMIT, "more than %d --flag",
			      HF_ITEM_MAX_FLAGS);
	for (size_t i = 0; i < given->count; i++) {
		unsigned flag = hf_item_flag_parse(hf_span_of(given->at[i]));

		if (flag == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "--flag '%.40s': give one of %s",
				      given->at[i], hf_item_flag_words());
		plan->flags[i] = (enum hf_item_flag)flag;
	}
	plan->item.flags = plan->flags;
	plan->item.flags_count = given->count;
	return HF_OK;
}

static enum hf_err check_plan(const struct hf_publish_plan *plan,
			      struct hf_why *why)
{
	/* All that the options say, with a hash that nothing is wrong with. */
	static const uint8_t digest[16];
	const struct hf_hash hash = { .algorithm = HF_ALGORITHM_MD5,
				      .digest = { digest, sizeof(digest) } };
	struct hf_item item = plan->item;

	item.hashes = &hash;
	item.hashes_count = 1;
	return hf_item_check(&item, 1, why);
}

static enum hf_err make_plan(struct hf_cmd *cmd, struct hf_publish_plan *plan,
			     struct hf_why *why)
{
	const char *batch = hf_cmd_option(cmd, HF_CMD_BATCH);
	enum hf_err err;

	plan->set = hf_cmd_option(cmd, HF_CMD_SET);
	plan->is_json = hf_cmd_has(cmd, HF_CMD_JSON);
	if (plan->set == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "into which set? --set NAME; 'hashfed sets' "
			      "lists them");
	if (!hf_text_is_set_name(hf_span_of(plan->set)) &&
	    !hf_text_is_origin(hf_span_of(plan->set)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--set '%.80s': give a set's name, or an origin "
			      "like hotline.example/ncii/1",
			      plan->set);
	plan->item.jurisdiction = hf_cmd_option(cmd, HF_CMD_JURISDICTION);
	plan->item.legal_basis = hf_cmd_option(cmd, HF_CMD_LEGAL_BASIS);
	plan->item.series = hf_cmd_option(cmd, HF_CMD_SERIES);
	err = take_class(cmd, plan, why);
	if (err == HF_OK)
		err = take_labels(cmd, plan, why);
	if (err == HF_OK)
		err = take_flags(cmd, plan, why);
	if (err == HF_OK)
		err = check_plan(plan, why);
	if (err == HF_OK && batch != NULL) {
		err = hf_cmd_batch_id(batch, plan->batch_id, why);
		plan->has_batch = true;
	}
	return err;
}

/* ---- files ---- */

struct run {
	const struct hf_publish_plan *plan;
	struct hf_publisher *publisher; /* NULL: only look */
	struct hf_progress progress;
	size_t files_count;
	size_t done_count;
	size_t good_count;
	bool has_failed;
	enum hf_err err;
	struct hf_why why;
};

static unsigned item_kind(enum hf_media_kind kind)
{
	if (hf_media_kind_is_image(kind))
		return HF_ITEM_KIND_IMAGE;
	return hf_media_kind_is_video(kind) ? HF_ITEM_KIND_VIDEO
					    : HF_ITEM_KIND_OTHER;
}

static void note(struct run *run, const struct hf_media_result *result)
{
	char text[160];

	if (result->pdq_err == HF_OK && result->quality >= QUALITY_LEAST)
		return;
	if (result->pdq_err == HF_E_UNSUPPORTED)
		return;
	hf_progress_clear(&run->progress);
	if (result->pdq_err == HF_OK)
		snprintf(text, sizeof(text),
			 "published without its PDQ hash: quality %u is below "
			 "%d",
			 result->quality, QUALITY_LEAST);
	else
		snprintf(text, sizeof(text), "published without a %s: %.100s",
			 hf_media_kind_is_video(result->kind) ? "list of frames"
							      : "PDQ hash",
			 result->why.text);
	hf_cmd_complain(result->path, text);
}

static enum hf_err add_file(struct run *run,
			    const struct hf_media_result *result,
			    struct hf_why *why)
{
	struct hf_item item = run->plan->item;
	struct hf_hash hashes[4] = {
		{ .algorithm = HF_ALGORITHM_MD5,
		  .digest = { result->md5, sizeof(result->md5) } },
		{ .algorithm = HF_ALGORITHM_SHA1,
		  .digest = { result->sha1, sizeof(result->sha1) } },
		{ .algorithm = HF_ALGORITHM_SHA256,
		  .digest = { result->sha256, sizeof(result->sha256) } },
		{ .algorithm = HF_ALGORITHM_PDQ,
		  .digest = { result->pdq, sizeof(result->pdq) },
		  .quality_plus_one = result->quality + 1 },
	};

	item.hashes = hashes;
	item.hashes_count =
		result->pdq_err == HF_OK && result->quality >= QUALITY_LEAST
			? 4
			: 3;
	if (result->frames_count > 0)
		hashes[item.hashes_count++] = (struct hf_hash){
			.algorithm = HF_ALGORITHM_VPDQ,
			.digest = { result->frames,
				    result->frames_count * HF_PDQ_BYTES },
		};
	item.media_kind = (enum hf_item_kind)item_kind(result->kind);
	item.own_assessment = true;
	note(run, result);
	run->good_count++;
	return run->publisher != NULL
		       ? hf_publisher_add(run->publisher, &item, why)
		       : HF_OK;
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct run *run = arg;

	run->done_count++;
	if (run->err != HF_OK)
		return;
	if (result->err != HF_OK) {
		run->has_failed = true;
		hf_progress_clear(&run->progress);
		hf_cmd_complain(result->path, result->why.text);
		return;
	}
	run->err = add_file(run, result, &run->why);
	hf_progress_show(&run->progress, "publish", run->done_count,
			 run->files_count, "files", "");
}

static enum hf_err publish_files(struct hf_cmd *cmd, struct run *run,
				 struct hf_why *why)
{
	struct hf_media *media;
	enum hf_err err = hf_cmd_media(cmd, on_result, run, &media, why);

	if (err != HF_OK)
		return err;
	run->files_count = cmd->args_count;
	for (size_t i = 0;
	     i < cmd->args_count && err == HF_OK && run->err == HF_OK; i++)
		err = hf_media_add(media, cmd->args[i], NULL, why);
	if (err == HF_OK && run->err == HF_OK)
		hf_media_finish(media);
	hf_media_close(media);
	hf_progress_clear(&run->progress);
	if (err == HF_OK && run->err != HF_OK) {
		*why = run->why;
		err = run->err;
	}
	return err;
}

static enum hf_err run_files(struct hf_cmd *cmd, struct hf_publish_plan *plan,
			     struct hf_why *why)
{
	struct run run = { .plan = plan };
	struct hf_publish_left left = { 0 };
	struct hf_client *client = NULL;
	bool is_dry = hf_cmd_has(cmd, HF_CMD_DRY_RUN);
	enum hf_err err = HF_OK;

	if (!plan->has_batch)
		hf_client_batch_id(plan->batch_id);
	hf_progress_begin(&run.progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	if (!is_dry)
		err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err == HF_OK && !is_dry)
		err = hf_publisher_open(client, plan->set, plan->batch_id,
					&run.publisher, why);
	if (err != HF_OK)
		goto out_close;
	err = publish_files(cmd, &run, why);
	if (err == HF_OK && run.good_count == 0)
		err = hf_why(why, HF_E_ARGUMENT,
			     "none of the files could be read: nothing was "
			     "published");
	else if (err == HF_OK && is_dry)
		printf("%zu files could be published; nothing was, as asked\n",
		       run.good_count);
	else if (err == HF_OK)
		err = hf_publisher_finish(run.publisher, why);
	if (err != HF_OK) {
		if (!is_dry && run.good_count > 0)
			hf_publish_say_broken(plan, err);
		goto out_close;
	}
	if (!is_dry)
		err = hf_publish_print(plan, hf_publisher_totals(run.publisher),
				       &left, why);
	if (run.has_failed)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
out_close:
	hf_publisher_close(run.publisher);
	hf_client_close(client);
	return err;
}

/* ---- the end ---- */

static enum hf_err print_json(const struct hf_publish_plan *plan,
			      const struct hf_publisher_totals *totals,
			      const struct hf_publish_left *left,
			      struct hf_why *why)
{
	json_t *object = json_object();

	json_object_set_new(object, "origin", json_string(totals->origin));
	json_object_set_new(object, "batch",
			    hf_json_hex(plan->batch_id, HF_BATCH_ID_BYTES));
	json_object_set_new(object, "new", hf_json_number(totals->added));
	json_object_set_new(object, "earlier", hf_json_number(totals->earlier));
	json_object_set_new(object, "known", hf_json_number(totals->known));
	json_object_set_new(object, "repeated", hf_json_number(left->repeated));
	json_object_set_new(object, "rejected", hf_json_number(left->rejected));
	if (totals->added + totals->earlier > 0) {
		json_object_set_new(object, "first",
				    hf_json_number(totals->first));
		json_object_set_new(object, "last",
				    hf_json_number(totals->last));
	}
	json_object_set_new(object, "size", hf_json_number(totals->size));
	return hf_json_line(object, why);
}

enum hf_err hf_publish_print(const struct hf_publish_plan *plan,
			     const struct hf_publisher_totals *totals,
			     const struct hf_publish_left *left,
			     struct hf_why *why)
{
	char id[2 * HF_BATCH_ID_BYTES + 1];
	uint64_t there = totals->earlier + totals->known;

	if (plan->is_json)
		return print_json(plan, totals, left, why);
	hf_hex(plan->batch_id, HF_BATCH_ID_BYTES, id);
	printf("%s: %llu new, %llu already there", totals->origin,
	       (unsigned long long)totals->added, (unsigned long long)there);
	if (left->repeated > 0)
		printf(", %llu repeated in the list",
		       (unsigned long long)left->repeated);
	if (left->rejected > 0)
		printf(", %llu rejected", (unsigned long long)left->rejected);
	if (totals->added + totals->earlier > 0)
		printf("; entries %llu to %llu",
		       (unsigned long long)totals->first,
		       (unsigned long long)totals->last);
	if (totals->size > 0)
		printf("; signed up to %llu", (unsigned long long)totals->size);
	putchar('\n');
	if (totals->added + totals->earlier > 0)
		printf("to undo: hashfed retract --batch %s\n", id);
	return HF_OK;
}

void hf_publish_say_broken(const struct hf_publish_plan *plan, enum hf_err err)
{
	bool is_same = plan->has_batch || plan->is_derived;
	char id[2 * HF_BATCH_ID_BYTES + 1];

	if (err == HF_E_DENIED || err == HF_E_UNAUTHENTICATED)
		return;
	hf_hex(plan->batch_id, HF_BATCH_ID_BYTES, id);
	fprintf(stderr,
		"hashfed: part of it may be published: the same command "
		"%s%s%sgoes on, 'hashfed retract --batch %s' undoes it\n",
		is_same ? "" : "with --batch ", is_same ? "" : id,
		is_same ? "" : " ", id);
}

enum hf_err hf_cmd_publish(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_publish_plan plan = { 0 };
	bool is_import = hf_cmd_has(cmd, HF_CMD_IMPORT);
	enum hf_err err;

	if (is_import == (cmd->args_count > 0))
		return hf_why(why, HF_E_ARGUMENT,
			      is_import
				      ? "give files, or a list with --import, "
					"not both"
				      : "usage: hashfed publish --set SET "
					"FILE... | --set SET --import LIST");
	if (!is_import &&
	    (hf_cmd_has(cmd, HF_CMD_FORMAT) || hf_cmd_has(cmd, HF_CMD_TYPE) ||
	     hf_cmd_has(cmd, HF_CMD_SKIP_BAD)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--format, --type and --skip-bad go with "
			      "--import");
	err = make_plan(cmd, &plan, why);
	if (err != HF_OK)
		return err;
	return is_import ? hf_publish_import(cmd, &plan, why)
			 : run_files(cmd, &plan, why);
}
