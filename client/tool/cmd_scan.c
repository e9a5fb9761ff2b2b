#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "client_stream.h"
#include "clock.h"
#include "duty.h"
#include "file.h"

#include "cmd.h"
#include "found_cases.h"
#include "lookup_batch.h"
#include "scan_state.h"
#include "scan_walk.h"
#include "show.h"

/* Files of one lookup: few enough that results are seen soon, many enough
 * that the call costs nothing beside the hashing. */
#define BATCH_FILES   256
#define BATCH_MAX_US  500000
#define SAVE_EVERY_US 1000000

/* An older state is of another day: start over. */
#define STATE_LIFE_MS ((uint64_t)24 * 3600 * 1000)

/* Files that wait for an answer together. */
struct pack {
	struct pack *next;
	char *paths[BATCH_FILES]; /* owned */
	/* With --cases: what is told of those that match; owned. */
	struct hf_media_result *results;
	uint32_t count;
	uint64_t failed; /* files on the way that could not be read */
	struct hf_scan_place last;
};

struct scan {
	struct hf_cmd *cmd;
	bool is_json;
	bool must_report;   /* --cases */
	bool must_remember; /* --remember */
	struct hf_client *client;
	struct hf_client_stream *stream;
	struct hf_media *media;
	struct hf_lookup_batch batch; /* of the pack being filled */
	struct pack *packs; /* oldest first; the last is being filled */
	uint64_t pack_began_us;
	struct hf_progress progress;
	char state_path[HF_SCAN_PATH_SIZE];
	bool has_state; /* there is a place to save it */
	uint64_t saved_us;
	struct hf_scan_state state;
	enum hf_err err; /* of a result */
	struct hf_why why;
};

/* ---- answers ---- */

static struct pack *pack_new(bool must_report)
{
	struct pack *pack = calloc(1, sizeof(*pack));

	if (pack != NULL && must_report) {
		pack->results = calloc(BATCH_FILES, sizeof(*pack->results));
		if (pack->results == NULL) {
			free(pack);
			return NULL;
		}
	}
	return pack;
}

static void pack_free(struct pack *pack)
{
	free(pack->results);
	for (uint32_t i = 0; i < pack->count; i++)
		free(pack->paths[i]);
	free(pack);
}

static enum hf_err print_file(struct scan *scan, const char *path,
			      const struct hf_found_file *found,
			      const struct hf_wire_match_hit *hits,
			      size_t count, struct hf_why *why)
{
	unsigned verdict = hf_lookup_verdict(hits, count);
	json_t *object;

	scan->state.files++;
	if (count == 0)
		return HF_OK;
	scan->state.verdicts[verdict < HF_VERDICT_COUNT ? verdict : 0]++;
	hf_progress_clear(&scan->progress);
	if (!scan->is_json) {
		hf_lookup_print(hits, count, path);
		hf_found_print(found, path);
		return HF_OK;
	}
	object = json_object();
	hf_json_set_path(object, path);
	json_object_set_new(object, "verdict",
			    json_string(hf_verdict_word(verdict)));
	json_object_set_new(object, "matches", hf_lookup_json(hits, count));
	hf_found_json(found, object);
	return hf_json_line(object, why);
}

static uint64_t matched_count(const struct hf_scan_state *state)
{
	uint64_t count = 0;

	for (size_t i = 0; i < HF_VERDICT_COUNT; i++)
		count += state->verdicts[i];
	return count;
}

static enum hf_err save(struct scan *scan, bool is_now, struct hf_why *why)
{
	uint64_t now_us = hf_clock_mono_us();

	if (!scan->has_state || !scan->state.has_place ||
	    (!is_now && now_us - scan->saved_us < SAVE_EVERY_US))
		return HF_OK;
	/* What was found has to be out before it counts as done. */
	fflush(stdout);
	scan->saved_us = now_us;
	scan->state.saved_ms = hf_clock_wall_ms();
	return hf_scan_state_save(scan->state_path, &scan->state, why);
}

/* The oldest pack is done with. */
static void settle(struct scan *scan)
{
	struct pack *pack = scan->packs;

	scan->state.failed += pack->failed;
	scan->state.files += pack->failed;
	scan->state.place = pack->last;
	scan->state.has_place = true;
	scan->packs = pack->next;
	pack_free(pack);
}

/* With --cases, those that matter become cases before they are printed: what
 * was printed counts as done. */
static enum hf_err make_cases(struct scan *scan, const struct pack *pack,
			      const struct hf_wire_match_response *answer,
			      struct hf_found_file *found, struct hf_why *why)
{
	const struct hf_wire_match_hit *hits;
	size_t at = 0;

	if (!scan->must_report)
		return HF_OK;
	for (uint32_t item = 0; item < pack->count; item++) {
		size_t count = hf_lookup_hits(answer, item, &at, &hits);

		found[item].result = &pack->results[item];
		found[item].is_reported = hf_found_matters(hits, count);
	}
	return hf_found_cases(scan->client, found, pack->count, why);
}

static enum hf_err on_answer(void *arg, void *tag,
			     const struct hf_wire_match_response *answer,
			     struct hf_why *why)
{
	struct scan *scan = arg;
	struct pack *pack = tag;
	struct hf_found_file found[BATCH_FILES] = { { .result = NULL } };
	char more[64];
	size_t at = 0;
	enum hf_err err = make_cases(scan, pack, answer, found, why);

	for (uint32_t item = 0; item < pack->count && err == HF_OK; item++) {
		const struct hf_wire_match_hit *hits;
		size_t count = hf_lookup_hits(answer, item, &at, &hits);

		err = print_file(scan, pack->paths[item], &found[item], hits,
				 count, why);
	}
	if (err != HF_OK)
		return err;
	settle(scan);
	snprintf(more, sizeof(more), "%llu matched",
		 (unsigned long long)matched_count(&scan->state));
	hf_progress_show(&scan->progress, "scan", scan->state.files, 0, "files",
			 more);
	return save(scan, false, why);
}

/* ---- files ---- */

/* The pack being filled. */
static struct pack *filling(struct scan *scan)
{
	struct pack **at = &scan->packs;

	while (*at != NULL && (*at)->next != NULL)
		at = &(*at)->next;
	return *at;
}

static enum hf_err begin_pack(struct scan *scan, struct hf_why *why)
{
	struct pack *pack = pack_new(scan->must_report);
	struct pack *last = filling(scan);

	if (pack == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a lookup");
	if (last != NULL)
		last->next = pack;
	else
		scan->packs = pack;
	hf_lookup_batch_reset(&scan->batch);
	scan->pack_began_us = hf_clock_mono_us();
	return HF_OK;
}

/* Send what was collected.  Files that all failed wait for one that did not,
 * or for the end. */
static enum hf_err flush(struct scan *scan, struct hf_why *why)
{
	const struct hf_wire_match_request *request;
	struct pack *pack = filling(scan);
	enum hf_err err;

	if (pack->count == 0)
		return HF_OK;
	err = hf_lookup_batch_request(&scan->batch, &request, why);
	/* The next pack first, so that this one is never taken for it. */
	if (err == HF_OK)
		err = hf_client_stream_send(scan->stream, request, pack, why);
	return err == HF_OK ? begin_pack(scan, why) : err;
}

/* Where a result is, from its root's number. */
static void set_place(const struct scan *scan,
		      const struct hf_media_result *result,
		      struct hf_scan_place *out_place)
{
	size_t root = (size_t)(uintptr_t)result->tag;
	const char *name = scan->cmd->args[root];
	size_t root_bytes = strlen(name);

	root_bytes += name[root_bytes - 1] != '/';
	out_place->root = root;
	snprintf(out_place->path, sizeof(out_place->path), "%s",
		 strlen(result->path) > root_bytes ? result->path + root_bytes
						   : "");
}

static void complain(struct scan *scan, const char *path, const char *sentence)
{
	hf_progress_clear(&scan->progress);
	hf_cmd_complain(path, sentence);
	if (scan->is_json && scan->err == HF_OK) {
		json_t *object = json_object();

		hf_json_set_path(object, path);
		json_object_set_new(object, "error", hf_json_text(sentence));
		scan->err = hf_json_line(object, &scan->why);
	}
}

static enum hf_err take_file(struct scan *scan,
			     const struct hf_media_result *result,
			     struct hf_why *why)
{
	struct pack *pack = filling(scan);
	enum hf_err err = hf_lookup_batch_add_file(&scan->batch, pack->count,
						   result, why);

	if (err != HF_OK)
		return err;
	pack->paths[pack->count] = strdup(result->path);
	if (pack->paths[pack->count] == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a path");
	if (pack->results != NULL) {
		pack->results[pack->count] = *result;
		pack->results[pack->count].path = pack->paths[pack->count];
	}
	if (scan->must_remember)
		err = hf_lookup_batch_name(&scan->batch, pack->count,
					   result->path, why);
	pack->count++;
	if (err != HF_OK)
		return err;
	/* An image that does not decode was still looked up exactly. */
	if (result->pdq_err != HF_OK && result->pdq_err != HF_E_UNSUPPORTED)
		complain(scan, result->path, result->why.text);
	return HF_OK;
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct scan *scan = arg;

	/* Cancelled files were not looked at: they come again. */
	if (scan->err != HF_OK || result->err == HF_E_CANCELLED)
		return;
	if (hf_cmd_is_interrupted()) {
		hf_media_cancel(scan->media);
		scan->err = hf_why(&scan->why, HF_E_CANCELLED, "interrupted");
		return;
	}
	if (result->err == HF_OK) {
		scan->err = take_file(scan, result, &scan->why);
	} else {
		filling(scan)->failed++;
		complain(scan, result->path, result->why.text);
	}
	if (scan->err != HF_OK)
		return;
	set_place(scan, result, &filling(scan)->last);
	if (filling(scan)->count == BATCH_FILES ||
	    scan->batch.digests_count + HF_LOOKUP_FILE_MAX >
		    HF_MATCH_BATCH_MAX ||
	    hf_clock_mono_us() - scan->pack_began_us >= BATCH_MAX_US)
		scan->err = flush(scan, &scan->why);
}

static enum hf_err visit(void *arg, size_t root, const char *path,
			 const char *rest, struct hf_why *why)
{
	struct scan *scan = arg;
	enum hf_err err =
		hf_media_add(scan->media, path, (void *)(uintptr_t)root, why);

	if (err == HF_OK)
		err = hf_client_stream_poll(scan->stream, why);
	if (err == HF_OK && scan->err == HF_OK && hf_cmd_is_interrupted())
		scan->err = hf_why(&scan->why, HF_E_CANCELLED, "interrupted");
	if (err == HF_OK && scan->err != HF_OK) {
		*why = scan->why;
		err = scan->err;
	}
	return err;
}

static void on_bad_dir(void *arg, const char *path, const char *sentence)
{
	struct scan *scan = arg;

	scan->state.failed++;
	complain(scan, path, sentence);
}

/* ---- the state file ---- */

static enum hf_err find_state(struct scan *scan, struct hf_why *why)
{
	const char *given = hf_cmd_option(scan->cmd, HF_CMD_RESUME);
	char dir[2048], key[17];

	scan->has_state = true;
	if (given != NULL) {
		if (strlen(given) + sizeof(".new") > sizeof(scan->state_path))
			return hf_why(why, HF_E_LIMIT,
				      "--resume: a path too long");
		strcpy(scan->state_path, given);
		return HF_OK;
	}
	if (!hf_cmd_state_dir(scan->cmd, "scan", dir, sizeof(dir))) {
		scan->has_state = false;
		return HF_OK;
	}
	hf_hex(scan->state.key, 8, key);
	snprintf(scan->state_path, sizeof(scan->state_path), "%s/%s.state", dir,
		 key);
	return HF_OK;
}

/* What an earlier run left.  Of its own accord only a recent one is taken. */
static enum hf_err load_state(struct scan *scan, struct hf_why *why)
{
	struct hf_scan_state *earlier;
	bool is_asked = hf_cmd_has(scan->cmd, HF_CMD_RESUME);
	char when[HF_SHOW_TIME_SIZE];
	enum hf_err err;

	if (!scan->has_state || hf_cmd_has(scan->cmd, HF_CMD_FRESH))
		return HF_OK;
	earlier = calloc(1, sizeof(*earlier));
	if (earlier == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_scan_state_load(scan->state_path, scan->state.key, earlier,
				 why);
	if (err == HF_OK &&
	    (is_asked ||
	     hf_clock_wall_ms() - earlier->saved_ms <= STATE_LIFE_MS)) {
		scan->state = *earlier;
		hf_show_time(earlier->saved_ms, when);
		fprintf(stderr,
			"hashfed: going on after %llu files, %llu of them "
			"matched, as of %s UTC; --fresh starts over\n",
			(unsigned long long)earlier->files,
			(unsigned long long)matched_count(earlier), when);
	}
	free(earlier);
	/* One that does not read is overwritten, unless it was named. */
	return err == HF_E_NOTFOUND || (err != HF_OK && !is_asked) ? HF_OK
								   : err;
}

/* ---- the run ---- */

static enum hf_err walk(struct scan *scan, struct hf_why *why)
{
	const struct hf_scan_visitor visitor = { .visit = visit,
						 .fail = on_bad_dir,
						 .arg = scan };
	struct hf_scan_place *after = NULL;
	enum hf_err err;

	if (scan->state.has_place) {
		/* The state moves on while the walk compares with it. */
		after = malloc(sizeof(*after));
		if (after == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		*after = scan->state.place;
	}
	err = hf_scan_walk(scan->cmd->args, scan->cmd->args_count, after,
			   &visitor, why);
	free(after);
	if (err != HF_OK)
		hf_media_cancel(scan->media);
	hf_media_finish(scan->media);
	if (err == HF_OK && scan->err != HF_OK) {
		*why = scan->why;
		err = scan->err;
	}
	return err;
}

/* Everything that was hashed is looked up, also when we are to stop. */
static enum hf_err drain(struct scan *scan, struct hf_why *why)
{
	enum hf_err err = flush(scan, why);

	if (err == HF_OK)
		err = hf_client_stream_finish(scan->stream, why);
	/* What is left is a pack of files that all failed. */
	if (err == HF_OK && filling(scan)->failed > 0)
		settle(scan);
	return err;
}

static enum hf_err run(struct scan *scan, struct hf_why *why)
{
	struct hf_why later = { "" };
	enum hf_err err, draining, saving;

	hf_cmd_catch_signals();
	err = begin_pack(scan, why);
	if (err != HF_OK)
		return err;
	err = walk(scan, why);
	draining = err == HF_OK || err == HF_E_CANCELLED ? drain(scan, &later)
							 : HF_OK;
	if (err == HF_OK && draining != HF_OK) {
		*why = later;
		err = draining;
	}
	hf_progress_clear(&scan->progress);
	if (err == HF_OK) {
		if (scan->has_state)
			(void)unlink(scan->state_path);
		return HF_OK;
	}
	saving = save(scan, true, &later);
	if (saving != HF_OK)
		fprintf(stderr, "hashfed: %s\n", later.text);
	else if (scan->has_state && scan->state.has_place)
		fprintf(stderr,
			"hashfed: stopped after %llu files: the same command "
			"goes on from there\n",
			(unsigned long long)scan->state.files);
	return err;
}

static enum hf_err print_summary(const struct scan *scan, struct hf_why *why)
{
	const struct hf_scan_state *state = &scan->state;
	double seconds = (double)hf_progress_us(&scan->progress) / 1e6;
	json_t *object, *summary;

	if (!scan->is_json) {
		fflush(stdout);
		fprintf(stderr,
			"hashfed: %llu files in %.1f s: %llu block, %llu "
			"review, %llu ignore; %llu could not be read\n",
			(unsigned long long)state->files, seconds,
			(unsigned long long)state->verdicts[HF_VERDICT_BLOCK],
			(unsigned long long)state->verdicts[HF_VERDICT_REVIEW],
			(unsigned long long)state->verdicts[HF_VERDICT_IGNORE],
			(unsigned long long)state->failed);
		return HF_OK;
	}
	summary = json_object();
	json_object_set_new(summary, "files", hf_json_number(state->files));
	json_object_set_new(summary, "failed", hf_json_number(state->failed));
	for (unsigned i = HF_VERDICT_IGNORE; i < HF_VERDICT_COUNT; i++)
		json_object_set_new(summary, hf_verdict_word(i),
				    hf_json_number(state->verdicts[i]));
	json_object_set_new(summary, "seconds", json_real(seconds));
	object = json_object();
	json_object_set_new(object, "summary", summary);
	return hf_json_line(object, why);
}

static enum hf_err open_all(struct scan *scan, struct hf_why *why)
{
	enum hf_err err = hf_scan_state_key(
		scan->cmd->args, scan->cmd->args_count,
		(hf_cmd_has(scan->cmd, HF_CMD_QUICK) ? HF_SCAN_QUICK : 0) |
			(scan->must_report ? HF_SCAN_CASES : 0) |
			(scan->must_remember ? HF_SCAN_REMEMBER : 0),
		scan->state.key, why);

	if (err == HF_OK)
		err = find_state(scan, why);
	if (err == HF_OK)
		err = load_state(scan, why);
	if (err == HF_OK)
		err = hf_cmd_connect(scan->cmd, HF_DUTY_SCANNER, &scan->client,
				     why);
	if (err == HF_OK)
		err = hf_client_stream_begin(scan->client, on_answer, scan,
					     &scan->stream, why);
	if (err == HF_OK)
		err = hf_cmd_media(scan->cmd, on_result, scan, &scan->media,
				   why);
	return err;
}

enum hf_err hf_cmd_scan(struct hf_cmd *cmd, struct hf_why *why)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	enum hf_err err;

	if (scan == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	scan->cmd = cmd;
	scan->is_json = hf_cmd_has(cmd, HF_CMD_JSON);
	scan->must_report = hf_cmd_has(cmd, HF_CMD_CASES);
	scan->must_remember = hf_cmd_has(cmd, HF_CMD_REMEMBER);
	hf_lookup_batch_init(&scan->batch);
	hf_progress_begin(&scan->progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	err = open_all(scan, why);
	if (err == HF_OK)
		err = run(scan, why);
	if (err == HF_OK)
		err = print_summary(scan, why);
	if (matched_count(&scan->state) > 0)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	else if (scan->state.failed > 0)
		cmd->exit_code = HF_CMD_EXIT_NO;
	hf_media_close(scan->media);
	hf_client_stream_end(scan->stream);
	hf_client_close(scan->client);
	while (scan->packs != NULL) {
		struct pack *next = scan->packs->next;

		pack_free(scan->packs);
		scan->packs = next;
	}
	hf_lookup_batch_release(&scan->batch);
	free(scan);
	return err;
}
