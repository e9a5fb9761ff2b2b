#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "leaf.h"
#include "ledger_view.h"
#include "log.h"
#include "match_index.h"
#include "sign.h"

#include "epoch_carry.h"
#include "errand.h"
#include "feed.h"
#include "node.h"
#include "retract.h"
#include "retract_drafts.h"
#include "retract_others.h"
#include "waiting.h"

/* How long the index may take to let go of what was retracted. */
#define FEED_TIMEOUT_MS 30000

/* What is to be taken back. */
struct targets {
	struct hf_node *node;
	struct hf_waiting_target *rows; /* owned */
	size_t count;
	size_t size;
	bool has_failed;
};

static void add_target(struct targets *targets, uint32_t set, uint64_t entry)
{
	if (targets->count == targets->size) {
		size_t size = targets->size * 2 + 64;
		struct hf_waiting_target *rows =
			realloc(targets->rows, size * sizeof(*rows));

		if (rows == NULL) {
			targets->has_failed = true;
			return;
		}
		targets->rows = rows;
		targets->size = size;
	}
	targets->rows[targets->count++] =
		(struct hf_waiting_target){ set, entry };
}

static enum hf_err gather_entry(struct targets *targets,
				const struct hf_entry_ref *entry,
				struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	enum hf_err err = hf_node_own_set(targets->node, entry->origin, origin,
					  &set, why);

	if (err == HF_OK)
		add_target(targets, set, entry->index);
	return err;
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct targets *targets = arg;
	struct hf_feed_set is;

	if (hf_feed_get(targets->node->feed, hit->set, &is) == HF_OK &&
	    is.is_own)
		add_target(targets, hit->set, hit->entry);
}

static void on_video(void *arg, const struct hf_index_video_hit *hit)
{
	on_hit(arg,
	       &(struct hf_index_hit){ .set = hit->set, .entry = hit->entry });
}

/* Of a video: those that list the same frames. */
static enum hf_err look_up(struct targets *targets, struct hf_index_view *view,
			   const struct hf_hash *hash, struct hf_why *why)
{
	const struct hf_index_query query = {
		.algorithm = (uint8_t)hash->algorithm,
		.digest = hash->digest.at,
	};
	const struct hf_index_sink sink = { on_hit, NULL, targets };
	const struct hf_index_video_sink videos = { on_video, NULL, targets };

	if (hash->algorithm != HF_ALGORITHM_VPDQ)
		return hf_index_lookup_exact(view, &query, 1, &sink, why);
	return hf_index_lookup_same_video(view, hash->digest.at,
					  hash->digest.len_bytes / HF_PDQ_BYTES,
					  &videos, why);
}

static enum hf_err gather_index(struct targets *targets, struct hf_index *index,
				const struct hf_hash *hash, struct hf_why *why)
{
	struct hf_index_view *view;
	enum hf_err err = hf_index_view_begin(index, &view, why);

	if (err != HF_OK)
		return err;
	err = look_up(targets, view, hash, why);
	hf_index_view_end(view);
	return err;
}

/* Those that live, and with erasures those that were taken back as well. */
static enum hf_err gather_hash(struct targets *targets,
			       const struct hf_retract_request *request,
			       struct hf_why *why)
{
	const struct hf_hash *hash = request->hash;
	enum hf_err err;

	if (!hf_algorithm_takes(hash->algorithm, hash->digest.len_bytes))
		return hf_why(why, HF_E_ARGUMENT, "%zu bytes are no %s digest",
			      hash->digest.len_bytes,
			      hf_algorithm_word(hash->algorithm));
	if (!hf_feed_is_caught_up(targets->node->feed))
		return hf_why(why, HF_E_UNAVAILABLE,
			      "starting: our own sets are still being read");
	err = gather_index(targets, targets->node->index, hash, why);
	if (err == HF_OK && request->erase)
		err = gather_index(targets, targets->node->retracted, hash,
				   why);
	return err;
}

/* The live entries of one part of a batch, or those that are not erased. */
static enum hf_err gather_range(struct targets *targets,
				struct hf_ledger_view *view,
				const struct hf_ledger_receipt *part,
				bool erase, struct hf_why *why)
{
	for (uint64_t i = part->first; i < part->first + part->count; i++) {
		struct hf_ledger_fate fate;
		struct hf_ledger_entry entry;
		struct hf_header header;
		enum hf_err err =
			hf_ledger_fate(view, part->set, i, &fate, why);

		if (err == HF_OK)
			err = hf_ledger_entry(view, part->set, i, &entry, why);
		if (err == HF_OK)
			err = hf_header_parse(entry.header, &header, why);
		if (err != HF_OK)
			return err;
		if (header.op == HF_OP_ADD &&
		    (erase ? entry.state == HF_LEDGER_HELD
			   : fate.retracted_by == HF_LEDGER_NONE))
			add_target(targets, part->set, i);
	}
	return HF_OK;
}

static enum hf_err gather_batch(struct targets *targets,
				const struct hf_retract_request *request,
				struct hf_why *why)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	enum hf_err err =
		hf_ledger_view_begin(targets->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	while (err == HF_OK &&
	       hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct hf_ledger_receipt part;
		uint64_t sequence = 0;

		if (info.kind != HF_LEDGER_OWN)
			continue;
		while (err == HF_OK &&
		       hf_ledger_batch_next(view, info.set,
					    request->batch_id.at, sequence,
					    &sequence, &part, NULL) == HF_OK) {
			part.set = info.set;
			err = gather_range(targets, view, &part, request->erase,
					   why);
			sequence++;
		}
	}
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err gather(struct targets *targets,
			  const struct hf_retract_request *request,
			  struct hf_why *why)
{
	enum hf_err err = HF_E_ARGUMENT;

	switch (request->what) {
	case HF_RETRACT_ENTRY:
		err = gather_entry(targets, request->entry, why);
		break;
	case HF_RETRACT_HASH:
		err = gather_hash(targets, request, why);
		break;
	case HF_RETRACT_BATCH_ID:
		err = gather_batch(targets, request, why);
		break;
	case HF_RETRACT_NOTHING:
		return hf_why(why, err, "nothing to retract is named");
	}
	if (err == HF_OK && targets->has_failed)
		err = hf_why(why, HF_E_NOMEM, "no memory");
	if (err == HF_OK && targets->count == 0)
		err = hf_why(why, HF_E_NOTFOUND,
			     "no live entry of our own sets is meant");
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct hf_waiting_target *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Entries of an epoch that is succeeded stand for those that they were carried
 * over as: what is not there any more has been taken back already. */
static enum hf_err follow_epochs(struct targets *targets, struct hf_why *why)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->count; i++) {
		struct hf_waiting_target is = targets->rows[i];
		enum hf_err err =
			hf_carry_entry(targets->node, &is.set, &is.entry, why);

		if (err == HF_E_NOTFOUND)
			continue;
		if (err != HF_OK)
			return err;
		targets->rows[kept++] = is;
	}
	if (kept == 0 && targets->count > 0)
		return HF_E_NOTFOUND;
	targets->count = kept;
	return HF_OK;
}

/* Each once, and in order: by its hash an item may be found in two epochs. */
static void sort(struct targets *targets)
{
	size_t kept = 0;

	if (targets->count == 0)
		return;
	qsort(targets->rows, targets->count, sizeof(*targets->rows), compare);
	for (size_t i = 1; i < targets->count; i++) {
		if (compare(&targets->rows[i], &targets->rows[kept]) != 0)
			targets->rows[++kept] = targets->rows[i];
	}
	targets->count = kept + 1;
}

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
				   FEED_TIMEOUT_MS);
	return err;
}

static enum hf_err take_back_all(struct targets *targets,
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
static void hold_back(const struct targets *targets, struct hf_span wire,
		      const char *intent, enum hf_err said, struct hf_why *why)
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
	struct targets targets = { .node = node,
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
static enum hf_err carry_out(struct targets *targets, struct hf_span wire,
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

/* Who else lists what is meant: asked before, as payloads are at hand. */
static enum hf_err find_others(const struct targets *targets,
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

static enum hf_err respond(const struct targets *targets,
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

/* Everything that the request means, sorted; the caller frees the rows. */
static enum hf_err gather_sorted(struct targets *targets,
				 const struct hf_retract_request *request,
				 struct hf_why *why)
{
	enum hf_err err = gather(targets, request, why);

	if (err == HF_OK)
		err = follow_epochs(targets, why);
	if (err == HF_OK)
		sort(targets);
	return err;
}

enum hf_err hf_retract(struct hf_node *node, struct hf_span wire,
		       const struct hf_retract_request *request,
		       struct hf_arena *arena,
		       struct hf_retract_response *out_response,
		       struct hf_why *why)
{
	struct targets targets = { .node = node };
	struct hf_others others = { .node = node, .arena = arena };
	enum hf_err err;

	retry(node);
	err = hf_waiting_find(node->waiting, wire, why);
	if (err != HF_OK)
		return err;
	err = gather_sorted(&targets, request, why);
	if (err == HF_OK || err == HF_E_NOTFOUND) {
		enum hf_err found =
			find_others(&targets, request, &others, why);

		if (found != HF_OK || others.count > 0)
			err = found;
	}
	if (err == HF_OK)
		err = carry_out(&targets, wire, request, why);
	if (err == HF_OK)
		err = respond(&targets, &others, arena, out_response, why);
	free(targets.rows);
	return err;
}

/* Finish one intent; it goes when nothing of it is live any more. */
static void resume_one(struct hf_node *node, const char *path, bool is_start)
{
	struct targets targets = { .node = node };
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
		err = gather_sorted(&targets, &request, &why);
	if (err == HF_OK) {
		err = take_back_all(&targets, &request, &why);
		if (is_for_later(err))
			hold_back(&targets, hf_buf_span(&wire), path, err,
				  &why);
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

static void run_resume(struct hf_errand *errand)
{
	struct resume *resume = (struct resume *)(void *)errand;
	DIR *dir = opendir(resume->dir);
	struct dirent *file;

	retry(resume->node);
	while (dir != NULL && (file = readdir(dir)) != NULL) {
		char path[HF_NODE_PATH_SIZE + 256];

		if (strlen(file->d_name) != 32)
			continue;
		snprintf(path, sizeof(path), "%s/%s", resume->dir,
			 file->d_name);
		if (hf_waiting_has_intent(resume->node->waiting, path))
			continue;
		/* A hash is looked up in the index, which has to be whole. */
		if (hf_feed_wait_caught_up(resume->node->feed, INT_MAX) !=
		    HF_OK)
			break;
		resume_one(resume->node, path, resume->is_start);
	}
	if (dir != NULL)
		closedir(dir);
	free(resume);
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
