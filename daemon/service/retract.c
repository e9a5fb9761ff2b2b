#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "ledger_view.h"
#include "log.h"
#include "sign.h"

#include "errand.h"
#include "feed.h"
#include "node.h"
#include "retract.h"
#include "retract_drafts.h"
#include "retract_others.h"
#include "retract_targets.h"
#include "waiting.h"

/* Append drafts to one set, and wait. */
static enum hf_err append(struct hf_node *node, uint32_t set,
			  const struct hf_ledger_draft *drafts, size_t count,
			  struct hf_ledger_receipt *out_receipt,
			  struct hf_why *why)
{
	struct hf_ledger_wait *wait;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	for (size_t i = 0; i < count && err == HF_OK;) {
		struct hf_ledger_batch batch = {
			.set = set,
			.drafts = drafts + i,
			.drafts_count = count - i < HF_APPEND_BATCH_MAX
						? count - i
						: HF_APPEND_BATCH_MAX,
		};

		err = hf_ledger_append(node->ledger, &batch,
				       hf_ledger_wait_done(wait), why);
		if (err == HF_OK)
			err = hf_ledger_wait_for(wait, out_receipt, why);
		i += batch.drafts_count;
	}
	hf_ledger_wait_free(wait);
	return err;
}

/* Take count targets of one set back, and wait until nobody finds them. */
static enum hf_err take_back(struct hf_node *node,
			     const struct hf_waiting_target *targets,
			     size_t count,
			     const struct hf_retract_request *request,
			     struct hf_span note, struct hf_why *why)
{
	struct hf_retract_drafts drafts = { .request = request, .note = note };
	struct hf_ledger_receipt receipt = { .set = 0 };
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = hf_retract_drafts_add(&drafts, view, targets[i].set,
					    targets[i].entry, why);
	hf_ledger_view_end(view);
	if (err == HF_OK)
		err = append(node, targets[0].set, drafts.rows, drafts.count,
			     &receipt, why);
	free(drafts.rows);
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = hf_feed_retract(node->feed, targets[i].set,
				      targets[i].entry, why);
	/* The feed also remembers what was taken back. */
	if (err == HF_OK && receipt.set != 0)
		err = hf_feed_wait(node->feed, receipt.set, receipt.size,
				   HF_RETRACT_INDEX_MS);
	return err;
}

static enum hf_err take_back_all(struct hf_retract_targets *targets,
				 const struct hf_retract_request *request,
				 struct hf_why *why)
{
	const struct hf_retraction retraction = { .note = request->note };
	struct hf_buf note;
	enum hf_err err = HF_OK;
	size_t i = 0;

	hf_buf_init(&note, HF_PAYLOAD_MAX_BYTES);
	if (request->note != NULL && request->note[0] != '\0')
		err = hf_retraction_encode(&retraction, &note);
	while (i < targets->count && err == HF_OK) {
		size_t end = i + 1;

		while (end < targets->count && end - i < HF_APPEND_BATCH_MAX &&
		       targets->rows[end].set == targets->rows[i].set)
			end++;
		err = take_back(targets->node, &targets->rows[i], end - i,
				request, hf_buf_span(&note), why);
		i = end;
	}
	hf_buf_release(&note);
	return err;
}

static enum hf_err keep_intent(struct hf_node *node, struct hf_span wire,
			       char *path, size_t path_size, struct hf_why *why)
{
	char dir[HF_NODE_PATH_SIZE], name[33];
	uint8_t id[16];
	enum hf_err err;

	err = hf_file_join(dir, sizeof(dir), node->conf->state_dir, "intents",
			   why);
	if (err == HF_OK)
		err = hf_file_mkdirs(dir, 0700, why);
	if (err != HF_OK)
		return err;
	hf_random(id, sizeof(id));
	hf_hex(id, sizeof(id), name);
	err = hf_file_join(path, path_size, dir, name, why);
	return err == HF_OK ? hf_file_create(path, wire, 0600, why) : err;
}

/*
 * What cannot be written.
 */

/* What only has to be tried again: no room on the disk, or no signer. */
static bool is_for_later(enum hf_err err)
{
	return err == HF_E_FULL || err == HF_E_SYSTEM ||
	       err == HF_E_UNAVAILABLE || err == HF_E_BUSY || err == HF_E_NOMEM;
}

static enum hf_err withhold(struct hf_node *node,
			    const struct hf_waiting_row *row, bool is_withheld,
			    struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < row->count && err == HF_OK; i++)
		err = hf_feed_withhold(node->feed, row->targets[i].set,
				       row->targets[i].entry, is_withheld, why);
	return err;
}

/* Nobody is to find them from now on, whatever becomes of the disk; they are
 * written when they can be.  why, that they were not, says so then. */
static void hold_back(const struct hf_retract_targets *targets,
		      struct hf_span wire, const char *intent, enum hf_err said,
		      struct hf_why *why)
{
	struct hf_node *node = targets->node;
	struct hf_waiting_row *row = NULL;
	struct hf_why own = { "" };
	enum hf_err err = hf_waiting_row_new(
		wire, targets->rows, targets->count, intent, &row, &own);

	if (err == HF_OK) {
		row->err = said;
		row->why = *why;
		err = withhold(node, row, true, &own);
		if (err == HF_OK)
			err = hf_waiting_keep(node->waiting, row, &own);
		if (err != HF_OK)
			(void)withhold(node, row, false, NULL);
	}
	if (err != HF_OK) {
		hf_waiting_row_free(row);
		hf_why_prefix(why, "it does not act either (%s): ", own.text);
		return;
	}
	hf_log(HF_LOG_WARNING, "retract", "not written, acts in memory",
	       "entries=%zu intent=\"%s\" why=\"%s\"", targets->count, intent,
	       why->text);
	hf_why_prefix(why, intent[0] != '\0' ? HF_WAITING_KEPT
					     : HF_WAITING_IN_MEMORY);
}

static void retry_one(struct hf_node *node, const struct hf_waiting_row *row)
{
	struct hf_retract_targets targets = { .node = node,
					      .rows = row->targets,
					      .count = row->count };
	struct hf_retract_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_retract_request_parse(hf_span(row->wire, row->wire_len_bytes),
				       &arena, &request, &why);
	if (err == HF_OK)
		err = take_back_all(&targets, &request, &why);
	hf_arena_release(&arena);
	if (is_for_later(err)) {
		hf_waiting_tried(node->waiting, row, err, &why);
		return;
	}
	if (err == HF_OK) {
		hf_log(HF_LOG_INFO, "retract", "written", "entries=%zu",
		       row->count);
		if (row->intent[0] != '\0')
			unlink(row->intent);
	} else {
		hf_log(HF_LOG_ERROR, "retract", "given up, matches again",
		       "entries=%zu why=\"%s\"", row->count, why.text);
		(void)withhold(node, row, false, NULL);
	}
	hf_waiting_drop(node->waiting, row);
}

/* Try once to write what waits, in order. */
static void retry(struct hf_node *node)
{
	const struct hf_waiting_row *row = hf_waiting_next(node->waiting, NULL);

	while (row != NULL) {
		const struct hf_waiting_row *next =
			hf_waiting_next(node->waiting, row);

		retry_one(node, row);
		row = next;
	}
}

/* An empty path where it cannot be kept. */
static void try_intent(struct hf_node *node, struct hf_span wire, char *path,
		       size_t path_size)
{
	if (keep_intent(node, wire, path, path_size, NULL) != HF_OK)
		path[0] = '\0';
}

/* Take back what is meant, on the disk or at least in memory. */
static enum hf_err carry_out(struct hf_retract_targets *targets,
			     struct hf_span wire,
			     const struct hf_retract_request *request,
			     struct hf_why *why)
{
	char intent[2 * HF_NODE_PATH_SIZE] = "";
	enum hf_err err;

	/* Without one it goes on as well: what does not wait is done now. */
	if (targets->count > 1)
		try_intent(targets->node, wire, intent, sizeof(intent));
	err = take_back_all(targets, request, why);
	if (err == HF_OK && intent[0] != '\0')
		unlink(intent);
	if (!is_for_later(err))
		return err;
	/* There may be room for a small file where there is none for more. */
	if (intent[0] == '\0')
		try_intent(targets->node, wire, intent, sizeof(intent));
	hold_back(targets, wire, intent, err, why);
	return err;
}

/* What was found is taken back, and what the index does not know yet is not:
 * the caller asks again. */
static enum hf_err not_all(const struct hf_retract_targets *targets,
			   struct hf_why *why)
{
	return hf_why(why, HF_E_UNAVAILABLE,
		      "%zu entries are taken back, but our newest are not in "
		      "the index yet: try again",
		      targets->count);
}

/* Who else lists what is meant: asked before, as payloads are at hand. */
static enum hf_err find_others(const struct hf_retract_targets *targets,
			       const struct hf_retract_request *request,
			       struct hf_others *others, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = HF_OK;

	if (request->what == HF_RETRACT_HASH)
		err = hf_others_of_hash(others, request->hash, why);
	if (err != HF_OK || targets->count == 0)
		return err;
	err = hf_ledger_view_begin(others->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0;
	     i < targets->count && i < HF_RETRACTED_MAX && err == HF_OK; i++)
		err = hf_others_of_entry(others, view, targets->rows[i].set,
					 targets->rows[i].entry, why);
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err respond(const struct hf_retract_targets *targets,
			   const struct hf_others *others,
			   struct hf_arena *arena,
			   struct hf_retract_response *out, struct hf_why *why)
{
	size_t count = targets->count < HF_RETRACTED_MAX ? targets->count
							 : HF_RETRACTED_MAX;
	struct hf_entry_ref *rows =
		hf_arena_calloc(arena, count, sizeof(*rows));

	if (rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		struct hf_feed_set is;

		if (hf_feed_get(targets->node->feed, targets->rows[i].set,
				&is) == HF_OK)
			rows[i].origin =
				hf_arena_text(arena, hf_span_of(is.origin));
		rows[i].index = targets->rows[i].entry;
	}
	*out = (struct hf_retract_response){
		.retracted = rows,
		.retracted_count = count,
		.count = targets->count,
		.others = others->rows,
		.others_count = others->count,
	};
	return HF_OK;
}

enum hf_err hf_retract(struct hf_node *node, struct hf_span wire,
		       const struct hf_retract_request *request,
		       struct hf_arena *arena,
		       struct hf_retract_response *out_response,
		       struct hf_why *why)
{
	struct hf_retract_targets targets = { .node = node };
	struct hf_others others = { .node = node, .arena = arena };
	enum hf_err err;

	retry(node);
	err = hf_waiting_find(node->waiting, wire, why);
	if (err != HF_OK)
		return err;
	err = hf_retract_targets_gather(&targets, request, why);
	if (err == HF_OK || err == HF_E_NOTFOUND) {
		enum hf_err found =
			find_others(&targets, request, &others, why);

		if (found != HF_OK || others.count > 0)
			err = found;
	}
	if (err == HF_OK)
		err = carry_out(&targets, wire, request, why);
	if (err == HF_OK && targets.is_behind)
		err = not_all(&targets, why);
	if (err == HF_OK)
		err = respond(&targets, &others, arena, out_response, why);
	free(targets.rows);
	return err;
}

/* Finish one intent; it goes when nothing of it is live any more. */
static void resume_one(struct hf_node *node, const char *path, bool is_start)
{
	struct hf_retract_targets targets = { .node = node };
	struct hf_retract_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf wire;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	err = hf_file_read(path, &wire, &why);
	if (err == HF_OK)
		err = hf_retract_request_parse(hf_buf_span(&wire), &arena,
					       &request, &why);
	if (err == HF_OK)
		err = hf_retract_targets_gather(&targets, &request, &why);
	if (err == HF_OK) {
		err = take_back_all(&targets, &request, &why);
		if (is_for_later(err))
			hold_back(&targets, hf_buf_span(&wire), path, err,
				  &why);
		if (err == HF_OK && targets.is_behind)
			err = not_all(&targets, &why);
	}
	free(targets.rows);
	if (err == HF_OK || err == HF_E_NOTFOUND) {
		unlink(path);
		hf_log(HF_LOG_INFO, "retract", "finished", "intent=%s", path);
	} else {
		/* Once is enough: it is tried every minute. */
		hf_log(is_start ? HF_LOG_ERROR : HF_LOG_DEBUG, "retract",
		       "still unfinished", "intent=%s err=%s why=\"%s\"", path,
		       hf_err_name(err), why.text);
	}
	hf_buf_release(&wire);
	hf_arena_release(&arena);
}

struct resume {
	struct hf_errand errand; /* first */
	struct hf_node *node;
	bool is_start;
	char dir[HF_NODE_PATH_SIZE];
};

static void resume_all(struct hf_node *node, const char *in, bool is_start)
{
	DIR *dir = opendir(in);
	struct dirent *file;

	retry(node);
	while (dir != NULL && (file = readdir(dir)) != NULL) {
		char path[HF_NODE_PATH_SIZE + 256];

		if (strlen(file->d_name) != 32)
			continue;
		snprintf(path, sizeof(path), "%s/%s", in, file->d_name);
		if (hf_waiting_has_intent(node->waiting, path))
			continue;
		/* A hash is looked up in the index, which has to be whole. */
		if (hf_feed_wait_caught_up(node->feed, INT_MAX) != HF_OK)
			break;
		resume_one(node, path, is_start);
	}
	if (dir != NULL)
		closedir(dir);
}

static void run_resume(struct hf_errand *errand)
{
	struct resume *resume = (struct resume *)(void *)errand;

	resume_all(resume->node, resume->dir, resume->is_start);
	free(resume);
}

enum hf_err hf_retract_resume_now(struct hf_node *node, struct hf_why *why)
{
	char dir[HF_NODE_PATH_SIZE];
	enum hf_err err = hf_file_join(dir, sizeof(dir), node->conf->state_dir,
				       "intents", why);

	if (err == HF_OK)
		resume_all(node, dir, true);
	return err;
}

enum hf_err hf_retract_resume(struct hf_node *node, bool is_start,
			      struct hf_why *why)
{
	struct resume *resume = calloc(1, sizeof(*resume));
	enum hf_err err;

	if (resume == NULL)
		return hf_why(why, HF_E_NOMEM, "retract: no memory");
	resume->errand.run = run_resume;
	resume->node = node;
	resume->is_start = is_start;
	err = hf_file_join(resume->dir, sizeof(resume->dir),
			   node->conf->state_dir, "intents", why);
	if (err != HF_OK) {
		free(resume);
		return err;
	}
	hf_errand_post(node->errands, &resume->errand);
	return HF_OK;
}
