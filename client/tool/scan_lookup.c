#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kind.h"

#include "found_cases.h"
#include "scan_lookup.h"
#include "show_json.h"

/* Files of one lookup: few enough that results are seen soon, many enough
 * that the call costs nothing beside the hashing. */
#define PACK_FILES    256
#define PACK_MAX_US   500000
#define SAVE_EVERY_US 1000000

/* Files that wait for an answer together. */
struct hf_scan_pack {
	struct hf_scan_pack *next;
	uint64_t began_us;
	uint32_t count;
	struct hf_scan_file files[PACK_FILES]; /* their texts are owned */
};

/* ---- packs ---- */

static void pack_free(struct hf_scan_pack *pack)
{
	for (uint32_t i = 0; i < pack->count; i++) {
		free((char *)(uintptr_t)pack->files[i].shown);
		free((char *)(uintptr_t)pack->files[i].path);
		hf_media_result_release(&pack->files[i].result);
	}
	free(pack);
}

static struct hf_scan_pack *filling(const struct hf_scan_lookup *lookup)
{
	struct hf_scan_pack *pack = lookup->packs;

	while (pack != NULL && pack->next != NULL)
		pack = pack->next;
	return pack;
}

static enum hf_err begin_pack(struct hf_scan_lookup *lookup, struct hf_why *why)
{
	struct hf_scan_pack *pack = calloc(1, sizeof(*pack));
	struct hf_scan_pack *last = filling(lookup);

	if (pack == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a lookup");
	if (last != NULL)
		last->next = pack;
	else
		lookup->packs = pack;
	hf_lookup_batch_reset(&lookup->batch);
	return HF_OK;
}

/* ---- what is told ---- */

static enum hf_err print_json(const struct hf_scan_file *file,
			      const struct hf_found_file *found,
			      const struct hf_wire_match_hit *hits,
			      size_t count, struct hf_why *why)
{
	unsigned verdict = hf_lookup_verdict(hits, count);
	json_t *object = json_object();

	hf_json_set_path(object, file->shown);
	json_object_set_new(object, "verdict",
			    verdict != 0 ? json_string(hf_verdict_word(verdict))
					 : json_null());
	if (file->how != HF_SCAN_READ && file->told != 0 &&
	    file->told != verdict)
		json_object_set_new(object, "was",
				    json_string(hf_verdict_word(file->told)));
	json_object_set_new(object, "matches", hf_lookup_json(hits, count));
	hf_found_json(found, object);
	return hf_json_line(object, why);
}

static enum hf_err print_file(struct hf_scan_lookup *lookup,
			      const struct hf_scan_file *file,
			      const struct hf_found_file *found,
			      const struct hf_wire_match_hit *hits,
			      size_t count, struct hf_why *why)
{
	hf_progress_clear(&lookup->progress);
	if (lookup->is_json)
		return print_json(file, found, hits, count, why);
	if (count == 0) {
		printf("withdrawn\t%s\t-\t-\t-\t-\t-\t-\t-\t",
		       hf_verdict_word(file->told));
		hf_show_escaped(stdout, file->shown);
		putchar('\n');
	}
	hf_lookup_print(hits, count, file->shown);
	hf_found_print(found, file->shown);
	return HF_OK;
}

static enum hf_err tell(struct hf_scan_lookup *lookup,
			const struct hf_scan_file *file,
			const struct hf_found_file *found,
			const struct hf_wire_match_hit *hits, size_t count,
			struct hf_why *why)
{
	unsigned verdict = hf_lookup_verdict(hits, count);
	bool is_withdrawn =
		verdict == 0 && file->told != 0 && file->how != HF_SCAN_READ;

	lookup->counts.looked_up++;
	if (is_withdrawn)
		lookup->counts.withdrawn++;
	else if (verdict == 0 ||
		 (file->how == HF_SCAN_KEPT && verdict == file->told))
		return HF_OK;
	else
		lookup->counts
			.verdicts[verdict < HF_VERDICT_COUNT ? verdict : 0]++;
	return print_file(lookup, file, found, hits, count, why);
}

/* What was told, and what was read. */
static enum hf_err write_down(struct hf_scan_lookup *lookup,
			      const struct hf_scan_file *file, unsigned verdict,
			      struct hf_why *why)
{
	uint8_t digests[HF_ROW_ALL_BYTES];
	struct hf_row row = hf_scan_row_of(file->path, &file->result,
					   file->stamp, lookup->depth, digests);
	enum hf_err err = HF_OK;

	if (file->how == HF_SCAN_READ)
		err = hf_inventory_put(lookup->inventory, HF_INVENTORY_ALL,
				       &row, why);
	if (err != HF_OK || verdict == file->told)
		return err;
	if (verdict == 0)
		return hf_inventory_gone(lookup->inventory, HF_INVENTORY_TOLD,
					 file->path, why);
	row.note = (uint8_t)verdict;
	row.frames_count = 0; /* they are on the other shelf */
	return hf_inventory_put(lookup->inventory, HF_INVENTORY_TOLD, &row,
				why);
}

/* With --cases, those that matter become cases before they are printed: what
 * was printed counts as done. */
static enum hf_err make_cases(struct hf_scan_lookup *lookup,
			      struct hf_scan_pack *pack,
			      const struct hf_wire_match_response *answer,
			      struct hf_found_file *found, struct hf_why *why)
{
	const struct hf_wire_match_hit *hits;
	size_t at = 0;

	if (!lookup->must_report)
		return HF_OK;
	for (uint32_t item = 0; item < pack->count; item++) {
		size_t count = hf_lookup_hits(answer, item, &at, &hits);
		struct hf_scan_file *file = &pack->files[item];

		file->result.path = file->path;
		found[item].result = &file->result;
		found[item].is_reported = hf_found_matters(hits, count);
	}
	return hf_found_cases(lookup->client, found, pack->count, why);
}

static enum hf_err on_answer(void *arg, void *tag,
			     const struct hf_wire_match_response *answer,
			     struct hf_why *why)
{
	struct hf_found_file found[PACK_FILES] = { { .result = NULL } };
	struct hf_scan_lookup *lookup = arg;
	struct hf_scan_pack *pack = tag;
	char more[64];
	size_t at = 0;
	enum hf_err err = make_cases(lookup, pack, answer, found, why);

	for (uint32_t item = 0; item < pack->count && err == HF_OK; item++) {
		const struct hf_scan_file *file = &pack->files[item];
		const struct hf_wire_match_hit *hits;
		size_t count = hf_lookup_hits(answer, item, &at, &hits);

		err = tell(lookup, file, &found[item], hits, count, why);
		if (err == HF_OK)
			err = write_down(lookup, file,
					 hf_lookup_verdict(hits, count), why);
	}
	if (err != HF_OK)
		return err;
	lookup->packs = pack->next;
	pack_free(pack);
	snprintf(more, sizeof(more), "%llu matched",
		 (unsigned long long)hf_scan_matched(&lookup->counts));
	hf_progress_show(&lookup->progress, "scan", lookup->counts.files, 0,
			 "files", more);
	return hf_clock_mono_us() - lookup->saved_us < SAVE_EVERY_US
		       ? HF_OK
		       : hf_scan_lookup_save(lookup, why);
}

enum hf_err hf_scan_lookup_save(struct hf_scan_lookup *lookup,
				struct hf_why *why)
{
	enum hf_err err;

	if (fflush(stdout) != 0)
		return hf_why_errno(why, "write to standard output");
	err = hf_inventory_save(lookup->inventory, why);
	lookup->saved_us = hf_clock_mono_us();
	return err;
}

/* ---- what is asked ---- */

/* Send what was collected. */
static enum hf_err flush(struct hf_scan_lookup *lookup, struct hf_why *why)
{
	const struct hf_wire_match_request *request;
	struct hf_scan_pack *pack = filling(lookup);
	enum hf_err err;

	if (pack->count == 0)
		return HF_OK;
	err = hf_lookup_batch_request(&lookup->batch, &request, why);
	/* The next pack first, so that this one is never taken for it. */
	if (err == HF_OK)
		err = hf_client_stream_send(lookup->stream, request, pack, why);
	return err == HF_OK ? begin_pack(lookup, why) : err;
}

enum hf_err hf_scan_lookup_add(struct hf_scan_lookup *lookup,
			       const struct hf_scan_file *file,
			       struct hf_why *why)
{
	struct hf_scan_pack *pack = filling(lookup);
	struct hf_scan_file *copy = &pack->files[pack->count];
	enum hf_err err = hf_lookup_batch_add_file(&lookup->batch, pack->count,
						   &file->result, why);

	if (err == HF_OK)
		err = hf_lookup_batch_name(&lookup->batch, pack->count,
					   file->path, why);
	if (err != HF_OK)
		return err;
	*copy = *file;
	err = hf_media_result_copy(&file->result, &copy->result, why);
	if (err != HF_OK)
		return err;
	copy->shown = strdup(file->shown);
	copy->path = strdup(file->path);
	if (pack->count++ == 0)
		pack->began_us = hf_clock_mono_us();
	if (copy->shown == NULL || copy->path == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a path");
	return pack->count == PACK_FILES || lookup->batch.digests_count +
							    HF_LOOKUP_FILE_MAX >
						    HF_MATCH_BATCH_MAX
		       ? flush(lookup, why)
		       : HF_OK;
}

enum hf_err hf_scan_lookup_poll(struct hf_scan_lookup *lookup,
				struct hf_why *why)
{
	const struct hf_scan_pack *pack = filling(lookup);

	if (pack->count > 0 &&
	    hf_clock_mono_us() - pack->began_us >= PACK_MAX_US) {
		enum hf_err err = flush(lookup, why);

		if (err != HF_OK)
			return err;
	}
	return hf_client_stream_poll(lookup->stream, why);
}

enum hf_err hf_scan_lookup_finish(struct hf_scan_lookup *lookup,
				  struct hf_why *why)
{
	enum hf_err err = flush(lookup, why);

	return err == HF_OK ? hf_client_stream_finish(lookup->stream, why)
			    : err;
}

/* ---- the whole ---- */

enum hf_err hf_scan_lookup_begin(struct hf_scan_lookup *lookup,
				 struct hf_cmd *cmd, struct hf_client *client,
				 struct hf_inventory *inventory,
				 struct hf_why *why)
{
	enum hf_err err;

	*lookup = (struct hf_scan_lookup){
		.cmd = cmd,
		.is_json = hf_cmd_has(cmd, HF_CMD_JSON),
		.must_report = hf_cmd_has(cmd, HF_CMD_CASES),
		.client = client,
		.inventory = inventory,
		.saved_us = hf_clock_mono_us(),
	};
	hf_lookup_batch_init(&lookup->batch);
	lookup->batch.forgets_names = !hf_cmd_has(cmd, HF_CMD_REMEMBER);
	hf_progress_begin(&lookup->progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	err = begin_pack(lookup, why);
	return err == HF_OK ? hf_client_stream_begin(client, on_answer, lookup,
						     &lookup->stream, why)
			    : err;
}

void hf_scan_lookup_end(struct hf_scan_lookup *lookup)
{
	hf_client_stream_end(lookup->stream);
	while (lookup->packs != NULL) {
		struct hf_scan_pack *next = lookup->packs->next;

		pack_free(lookup->packs);
		lookup->packs = next;
	}
	hf_lookup_batch_release(&lookup->batch);
}

enum hf_err hf_scan_complain(struct hf_scan_lookup *lookup, const char *shown,
			     const char *sentence, struct hf_why *why)
{
	json_t *object;

	hf_progress_clear(&lookup->progress);
	hf_cmd_complain(shown, sentence);
	if (!lookup->is_json)
		return HF_OK;
	object = json_object();
	hf_json_set_path(object, shown);
	json_object_set_new(object, "error", hf_json_text(sentence));
	return hf_json_line(object, why);
}

uint64_t hf_scan_matched(const struct hf_scan_counts *counts)
{
	uint64_t count = 0;

	for (size_t i = 0; i < HF_VERDICT_COUNT; i++)
		count += counts->verdicts[i];
	return count;
}

static enum hf_err summary_json(const struct hf_scan_counts *counts,
				double seconds, struct hf_why *why)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {
		{ "files", counts->files },
		{ "read", counts->read },
		{ "unchanged", counts->unchanged },
		{ "gone", counts->gone },
		{ "failed", counts->failed },
		{ "looked_up", counts->looked_up },
		{ "withdrawn", counts->withdrawn },
	};
	json_t *object = json_object(), *summary = json_object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(summary, rows[i].name,
				    hf_json_number(rows[i].count));
	for (unsigned i = HF_VERDICT_IGNORE; i < HF_VERDICT_COUNT; i++)
		json_object_set_new(summary, hf_verdict_word(i),
				    hf_json_number(counts->verdicts[i]));
	json_object_set_new(summary, "seconds", json_real(seconds));
	json_object_set_new(object, "summary", summary);
	return hf_json_line(object, why);
}

enum hf_err hf_scan_summary(const struct hf_scan_lookup *lookup,
			    struct hf_why *why)
{
	const struct hf_scan_counts *counts = &lookup->counts;
	double seconds = (double)hf_progress_us(&lookup->progress) / 1e6;

	if (lookup->is_json)
		return summary_json(counts, seconds, why);
	fflush(stdout);
	fprintf(stderr,
		"hashfed: %llu files in %.1f s, %llu of them read, %llu gone: "
		"%llu block, %llu review, %llu ignore, %llu withdrawn; %llu "
		"could not be read\n",
		(unsigned long long)counts->files, seconds,
		(unsigned long long)counts->read,
		(unsigned long long)counts->gone,
		(unsigned long long)counts->verdicts[HF_VERDICT_BLOCK],
		(unsigned long long)counts->verdicts[HF_VERDICT_REVIEW],
		(unsigned long long)counts->verdicts[HF_VERDICT_IGNORE],
		(unsigned long long)counts->withdrawn,
		(unsigned long long)counts->failed);
	return HF_OK;
}
