#include <stdio.h>
#include <string.h>

#include "found_cases.h"
#include "show.h"

/* An answer is a few kilobytes. */
#define ARENA_BYTES ((size_t)1024 * 1024)

bool hf_found_matters(const struct hf_wire_match_hit *hits, size_t count)
{
	return hf_lookup_verdict(hits, count) >= HF_VERDICT_REVIEW;
}

/* As many as one call takes, from *at on; chosen says which they are. */
static enum hf_err fill(struct hf_lookup_batch *batch,
			struct hf_found_file *files, size_t count, size_t *at,
			struct hf_found_file **chosen, uint32_t *out_count,
			struct hf_why *why)
{
	uint32_t taken = 0;
	enum hf_err err = HF_OK;

	hf_lookup_batch_reset(batch);
	for (; *at < count && taken < HF_FOUND_ITEMS_MAX && err == HF_OK &&
	       batch->digests_count + HF_LOOKUP_FILE_MAX <= HF_MATCH_BATCH_MAX;
	     (*at)++) {
		struct hf_found_file *file = &files[*at];

		if (!file->is_reported)
			continue;
		err = hf_lookup_batch_add_file(batch, taken, file->result, why);
		if (err == HF_OK)
			err = hf_lookup_batch_name(batch, taken,
						   file->result->path, why);
		chosen[taken++] = file;
	}
	*out_count = taken;
	return err;
}

static enum hf_err report(struct hf_client *client,
			  struct hf_lookup_batch *batch,
			  struct hf_found_file **chosen, uint32_t count,
			  struct hf_why *why)
{
	struct hf_report_found_response answer;
	struct hf_report_found_request request;
	struct hf_arena arena;
	enum hf_err err = hf_lookup_batch_request(batch, &request.batch, why);

	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, ARENA_BYTES);
	err = hf_client_report_found(client, &request, &arena, &answer, why);
	for (size_t i = 0; err == HF_OK && i < answer.found_count; i++) {
		const struct hf_found_case *found = &answer.found[i];

		if (found->item >= count) {
			err = hf_why(why, HF_E_INTERNAL,
				     "the daemon answered what was not asked");
			break;
		}
		chosen[found->item]->how = found->how;
		snprintf(chosen[found->item]->case_id,
			 sizeof(chosen[found->item]->case_id), "%s",
			 found->case_id);
	}
	hf_arena_release(&arena);
	return err;
}

enum hf_err hf_found_cases(struct hf_client *client,
			   struct hf_found_file *files, size_t count,
			   struct hf_why *why)
{
	struct hf_found_file *chosen[HF_FOUND_ITEMS_MAX];
	struct hf_lookup_batch batch;
	uint32_t taken;
	size_t at = 0;
	enum hf_err err;

	hf_lookup_batch_init(&batch);
	do {
		err = fill(&batch, files, count, &at, chosen, &taken, why);
		if (err == HF_OK && taken > 0)
			err = report(client, &batch, chosen, taken, why);
	} while (err == HF_OK && taken > 0);
	hf_lookup_batch_release(&batch);
	if (err != HF_OK)
		hf_why_prefix(why, "no case was made: ");
	return err;
}

void hf_found_print(const struct hf_found_file *file, const char *subject)
{
	if (file->case_id[0] == '\0')
		return;
	printf("case\t%s\t%s\t", file->case_id, hf_found_how_word(file->how));
	hf_show_escaped(stdout, subject);
	putchar('\n');
}

void hf_found_json(const struct hf_found_file *file, json_t *object)
{
	if (file->case_id[0] == '\0')
		return;
	json_object_set_new(object, "case", json_string(file->case_id));
	json_object_set_new(object, "case_how",
			    json_string(hf_found_how_word(file->how)));
}
