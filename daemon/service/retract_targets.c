#include <stdlib.h>

#include "leaf.h"
#include "ledger_view.h"
#include "match_index.h"

#include "epoch_carry.h"
#include "feed.h"
#include "node.h"
#include "retract_targets.h"

static void add_target(struct hf_retract_targets *targets, uint32_t set,
		       uint64_t entry)
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

static enum hf_err gather_entry(struct hf_retract_targets *targets,
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
	struct hf_retract_targets *targets = arg;
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
static enum hf_err look_up(struct hf_retract_targets *targets,
			   struct hf_index_view *view,
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

static enum hf_err gather_index(struct hf_retract_targets *targets,
				struct hf_index *index,
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

/* What is acknowledged by now is found by its hash. */
static enum hf_err wait_for_index(struct hf_retract_targets *targets,
				  struct hf_why *why)
{
	struct hf_feed *feed = targets->node->feed;
	struct hf_ledger_info info = { .set = 0 };
	enum hf_err err;

	while ((err = hf_ledger_next_now(targets->node->ledger, info.set, &info,
					 why)) == HF_OK) {
		struct hf_feed_set is;

		if (info.kind != HF_LEDGER_OWN ||
		    (hf_feed_get(feed, info.set, &is) == HF_OK &&
		     !is.is_indexed))
			continue;
		if (hf_feed_wait(feed, info.set, info.size,
				 HF_RETRACT_INDEX_MS) != HF_OK) {
			/* The others may not be waited for as long again. */
			targets->is_behind = true;
			return HF_OK;
		}
	}
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* Those that live, and with erasures those that were taken back as well. */
static enum hf_err gather_hash(struct hf_retract_targets *targets,
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
	err = wait_for_index(targets, why);
	if (err == HF_OK)
		err = gather_index(targets, targets->node->index, hash, why);
	if (err == HF_OK && request->erase)
		err = gather_index(targets, targets->node->retracted, hash,
				   why);
	return err;
}

/* The live entries of one part of a batch, or those that are not erased. */
static enum hf_err gather_range(struct hf_retract_targets *targets,
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

static enum hf_err gather_batch(struct hf_retract_targets *targets,
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

static enum hf_err gather(struct hf_retract_targets *targets,
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
	if (err == HF_OK && targets->count == 0 && targets->is_behind)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "our newest entries are not in the index yet: "
			      "try again");
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
static enum hf_err follow_epochs(struct hf_retract_targets *targets,
				 struct hf_why *why)
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
static void sort(struct hf_retract_targets *targets)
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

enum hf_err hf_retract_targets_gather(struct hf_retract_targets *targets,
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
