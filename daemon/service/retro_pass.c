#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "codec_item.h"
#include "codec_words.h"
#include "leaf.h"
#include "ledger_view.h"
#include "log.h"
#include "match_policy.h"
#include "match_sieve.h"

#include "found.h"
#include "node.h"
#include "retro_pass.h"

/* Items looked up together; with all the digests that one may have, videos
 * apart, they stay below what a lookup takes. */
#define PILE_ITEMS ((size_t)HF_MATCH_BATCH_MAX / HF_ITEM_MAX_HASHES)

/* What is read at once, and a frame more. */
#define READ_MAX_BYTES ((size_t)2 * 1024 * 1024)

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Entries whose payloads are read in one view of the ledger. */
#define VIEW_ENTRIES 4096

#define TEXT "found later: the hash came after the upload"

/* Items that may match, until there are enough for a lookup. */
struct pile {
	struct hf_buf digests[HF_ALGORITHM_COUNT];
	struct hf_buf qualities[HF_ALGORITHM_COUNT];
	struct hf_buf items[HF_ALGORITHM_COUNT]; /* uint32_t each */
	struct hf_buf frames;                    /* likewise, of videos */
	char *names[PILE_ITEMS];                 /* in the arena */
	size_t count;
	size_t lookups; /* each frame is one */
	struct hf_arena arena;
};

struct work {
	struct hf_retro_pass *pass;
	struct hf_match_sieve *filter; /* owned; NULL: look everything up */
	struct pile pile;
	struct hf_found_case found[PILE_ITEMS];
};

/*
 * What is new.
 */

static enum hf_err add_hashes(struct hf_match_sieve *filter,
			      const struct hf_item *item, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < item->hashes_count && err == HF_OK; i++) {
		const struct hf_hash *hash = &item->hashes[i];
		size_t step = hash->algorithm == HF_ALGORITHM_VPDQ
				      ? HF_PDQ_BYTES
				      : hash->digest.len_bytes;

		if (!hf_algorithm_takes(hash->algorithm,
					hash->digest.len_bytes))
			continue;
		for (size_t at = 0; at < hash->digest.len_bytes && err == HF_OK;
		     at += step)
			err = hf_match_sieve_add(filter, hash->algorithm,
						 hash->digest.at + at, why);
	}
	return err;
}

static enum hf_err add_entry(struct hf_match_sieve *filter,
			     const struct hf_ledger_entry *entry,
			     struct hf_arena *scratch, struct hf_why *why)
{
	struct hf_header header;
	struct hf_item item;
	enum hf_err err;

	if (entry->state != HF_LEDGER_HELD ||
	    hf_header_parse(entry->header, &header, NULL) != HF_OK ||
	    header.op != HF_OP_ADD)
		return HF_OK;
	hf_arena_reset(scratch);
	err = hf_item_parse(entry->payload, scratch, &item, why);
	/* What does not decode is not in the index either. */
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	return add_hashes(filter, &item, why);
}

static enum hf_err add_entries(struct work *work, uint32_t set, uint64_t from,
			       uint64_t to, struct hf_arena *scratch,
			       struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	enum hf_err err =
		hf_ledger_view_begin(work->pass->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_scan_begin(view, set, from, &scan, why);
	if (err == HF_OK) {
		for (uint64_t i = from; i < to && err == HF_OK; i++) {
			err = hf_ledger_scan_next(scan, &entry, why);
			if (err == HF_OK)
				err = add_entry(work->filter, &entry, scratch,
						why);
		}
		hf_ledger_scan_end(scan);
	}
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err add_range(struct work *work,
			     const struct hf_retro_range *range,
			     struct hf_arena *scratch, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (uint64_t at = range->from; at < range->to && err == HF_OK;
	     at += VIEW_ENTRIES) {
		uint64_t end = range->to - at > VIEW_ENTRIES ? at + VIEW_ENTRIES
							     : range->to;

		err = add_entries(work, range->set, at, end, scratch, why);
	}
	return err;
}

static enum hf_err make_filter(struct work *work, struct hf_why *why)
{
	const struct hf_retro_pass *pass = work->pass;
	struct hf_arena scratch;
	uint64_t entries = 0;
	unsigned looked_up;
	enum hf_err err;

	for (size_t i = 0; i < pass->ranges_count; i++)
		entries += pass->ranges[i].to - pass->ranges[i].from;
	if (entries > HF_RETRO_FILTER_ENTRIES)
		return HF_OK;
	err = hf_match_sieve_new(
		hf_policy_near_distance(pass->node->policy),
		hf_policy_video_distance(pass->node->policy, &looked_up),
		&work->filter, why);
	hf_arena_init(&scratch, HF_UNPACK_MAX_BYTES);
	for (size_t i = 0; i < pass->ranges_count && err == HF_OK; i++)
		err = add_range(work, &pass->ranges[i], &scratch, why);
	hf_arena_release(&scratch);
	return err;
}

/*
 * The pile.
 */

static void pile_init(struct pile *pile)
{
	size_t most = HF_MATCH_BATCH_MAX * (size_t)HF_DIGEST_MAX_BYTES;

	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_buf_init(&pile->digests[i], most);
		hf_buf_init(&pile->qualities[i], most);
		hf_buf_init(&pile->items[i], most);
	}
	hf_buf_init(&pile->frames, most);
	hf_arena_init(&pile->arena, ARENA_MAX_BYTES);
	pile->count = 0;
	pile->lookups = 0;
}

static void pile_reset(struct pile *pile)
{
	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_buf_reset(&pile->digests[i]);
		hf_buf_reset(&pile->qualities[i]);
		hf_buf_reset(&pile->items[i]);
	}
	hf_buf_reset(&pile->frames);
	hf_arena_reset(&pile->arena);
	pile->count = 0;
	pile->lookups = 0;
}

static void pile_release(struct pile *pile)
{
	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_buf_release(&pile->digests[i]);
		hf_buf_release(&pile->qualities[i]);
		hf_buf_release(&pile->items[i]);
	}
	hf_buf_release(&pile->frames);
	hf_arena_release(&pile->arena);
}

/* Only PDQ has qualities; where one is not known it counts as good, as in a
 * lookup without. */
static uint8_t quality_of(const struct hf_retro_digest *digest)
{
	return digest->quality > HF_QUALITY_MAX ? HF_QUALITY_MAX
						: digest->quality;
}

static enum hf_err pile_put(struct pile *pile, const struct hf_retro_item *item,
			    struct hf_why *why)
{
	uint32_t number = (uint32_t)pile->count;
	char *name = hf_arena_text(&pile->arena, item->name);
	enum hf_err err = name != NULL ? HF_OK : HF_E_NOMEM;

	for (size_t i = 0; i < item->count; i++) {
		const struct hf_retro_digest *digest = &item->digests[i];
		unsigned algorithm = digest->algorithm;
		uint32_t frames = (uint32_t)(digest->len_bytes / HF_PDQ_BYTES);

		hf_buf_put(&pile->digests[algorithm],
			   hf_span(digest->at, digest->len_bytes));
		if (algorithm == HF_ALGORITHM_VPDQ)
			hf_buf_put(&pile->frames,
				   hf_span(&frames, sizeof(frames)));
		pile->lookups += algorithm == HF_ALGORITHM_VPDQ ? frames : 1;
		hf_buf_put_u8(&pile->qualities[algorithm], quality_of(digest));
		hf_buf_put(&pile->items[algorithm],
			   hf_span(&number, sizeof(number)));
		if (hf_buf_failed(&pile->items[algorithm]) != HF_OK ||
		    hf_buf_failed(&pile->digests[algorithm]) != HF_OK)
			err = HF_E_NOMEM;
	}
	pile->names[pile->count++] = name;
	return err == HF_OK ? HF_OK : hf_why(why, err, "retro: no memory");
}

/* No room for one more item with all that it may have. */
static bool is_full(const struct pile *pile)
{
	return pile->count == PILE_ITEMS ||
	       pile->lookups + HF_ITEM_MAX_HASHES + HF_VPDQ_MAX_FRAMES >
		       HF_MATCH_BATCH_MAX;
}

static size_t pile_batches(const struct pile *pile,
			   struct hf_digest_batch *out_batches)
{
	size_t count = 0;

	for (unsigned i = 0; i < HF_ALGORITHM_COUNT; i++) {
		const struct hf_buf *items = &pile->items[i];

		if (items->len_bytes == 0)
			continue;
		out_batches[count++] = (struct hf_digest_batch){
			.algorithm = (enum hf_algorithm)i,
			.digests = hf_buf_span(&pile->digests[i]),
			.qualities = i == HF_ALGORITHM_PDQ
					     ? hf_buf_span(&pile->qualities[i])
					     : hf_span(NULL, 0),
			/* realloc() aligns for any type. */
			.items = (const uint32_t *)(const void *)items->at,
			.items_count = items->len_bytes / sizeof(uint32_t),
		};
		if (i != HF_ALGORITHM_VPDQ)
			continue;
		out_batches[count - 1].frames =
			(const uint32_t *)(const void *)pile->frames.at;
		out_batches[count - 1].frames_count =
			pile->frames.len_bytes / sizeof(uint32_t);
	}
	return count;
}

/*
 * Looking up.
 */

static bool is_new(void *arg, const struct hf_wire_match_hit *hit)
{
	const struct hf_retro_pass *pass = ((struct work *)arg)->pass;

	for (size_t i = 0; i < pass->ranges_count; i++) {
		const struct hf_retro_range *range = &pass->ranges[i];

		if (hit->index >= range->from && hit->index < range->to &&
		    strcmp(hit->origin, range->origin) == 0)
			return true;
	}
	return false;
}

static bool goes_on(void *arg)
{
	struct hf_retro_pass *pass = ((struct work *)arg)->pass;

	return !pass->is_cut && pass->goes_on(pass->arg);
}

/* Is it this item's fault?  Anything else passes, and the pass is made again.
 */
static bool is_of_item(enum hf_err err)
{
	switch (err) {
	case HF_E_ARGUMENT:
	case HF_E_CONFLICT:
	case HF_E_DENIED:
	case HF_E_LIMIT:
	case HF_E_MALFORMED:
	case HF_E_NOTFOUND:
	case HF_E_EXPIRED:
	case HF_E_FROZEN:
	case HF_E_UNSUPPORTED:
		return true;
	default:
		return false;
	}
}

static bool on_failed(void *arg, enum hf_err err, const struct hf_why *why)
{
	if (!is_of_item(err))
		return false;
	hf_log(HF_LOG_WARNING, "retro", "no case was made", "err=%s why=\"%s\"",
	       hf_err_name(err), why->text);
	return true;
}

static void on_made(void *arg, const struct hf_found_case *found)
{
	struct hf_retro_pass *pass = ((struct work *)arg)->pass;

	pass->cases += found->how != HF_FOUND_KNOWN;
	pass->is_cut = pass->cases >= HF_RETRO_CASES_MAX;
}

static enum hf_err look_up(struct work *work, struct hf_why *why)
{
	struct hf_digest_batch batches[HF_ALGORITHM_COUNT];
	struct hf_retro_pass *pass = work->pass;
	const struct hf_wire_match_request request = {
		.batches = batches,
		.batches_count = pile_batches(&work->pile, batches),
		.names = (const char *const *)work->pile.names,
		.names_count = work->pile.count,
	};
	const struct hf_found_options options = {
		.text = TEXT,
		.is_wanted = is_new,
		.goes_on = goes_on,
		.made = on_made,
		.failed = on_failed,
		.arg = work,
	};
	struct hf_arena arena;
	size_t found;
	enum hf_err err;

	if (work->pile.count == 0)
		return HF_OK;
	pass->looked_up += work->pile.count;
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	err = hf_found_report(pass->node, &request, &options, &arena,
			      work->found, &found, why);
	hf_arena_release(&arena);
	pile_reset(&work->pile);
	return err;
}

static enum hf_err check_items(struct work *work, struct hf_span items,
			       struct hf_why *why)
{
	struct hf_retro_item item;
	enum hf_err err = HF_OK;

	while (items.len_bytes > 0 && err == HF_OK) {
		/* Frames are whole: this is another version's, which the next
		 * ones need not be. */
		if (hf_retro_item_take(&items, &item, why) != HF_OK)
			break;
		if (work->filter != NULL &&
		    !hf_retro_item_passes(&item, work->filter))
			continue;
		err = pile_put(&work->pile, &item, why);
		if (err == HF_OK && is_full(&work->pile))
			err = look_up(work, why);
	}
	return err;
}

static enum hf_err check_all(struct work *work, struct hf_why *why)
{
	struct hf_retro_pass *pass = work->pass;
	uint64_t number = 0;
	struct hf_buf buf;
	enum hf_err err = HF_OK;

	hf_buf_init(&buf, READ_MAX_BYTES);
	while (err == HF_OK && !pass->is_cut) {
		if (!pass->goes_on(pass->arg)) {
			err = HF_E_CANCELLED;
			break;
		}
		hf_buf_reset(&buf);
		err = hf_retro_store_read(pass->store, &number, pass->last,
					  &buf, why);
		if (err == HF_OK)
			err = check_items(work, hf_buf_span(&buf), why);
	}
	hf_buf_release(&buf);
	if (err == HF_E_NOTFOUND)
		err = HF_OK;
	return err == HF_OK ? look_up(work, why) : err;
}

enum hf_err hf_retro_pass(struct hf_retro_pass *pass, struct hf_why *why)
{
	struct work *work = calloc(1, sizeof(*work));
	enum hf_err err;

	if (work == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	work->pass = pass;
	pile_init(&work->pile);
	err = make_filter(work, why);
	/* Nothing but retractions, for example. */
	if (err == HF_OK &&
	    (work->filter == NULL || hf_match_sieve_count(work->filter) > 0))
		err = check_all(work, why);
	if (err == HF_OK && !pass->is_cut && !pass->goes_on(pass->arg))
		err = HF_E_CANCELLED;
	pile_release(&work->pile);
	hf_match_sieve_free(work->filter);
	free(work);
	return err;
}
