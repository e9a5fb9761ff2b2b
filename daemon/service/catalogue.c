#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "leaf.h"
#include "ledger_view.h"
#include "ring.h"
#include "text.h"

#include "catalogue.h"

/* More than any payload unpacks to: so what is refused for its size is the
 * payload's fault. */
#define ARENA_MAX_BYTES (2 * HF_UNPACK_MAX_BYTES)

/* No domain has the slash that every origin has. */
static void about(const struct hf_listing *listing,
		  uint8_t out_digest[static HF_SHA256_BYTES])
{
	const char *text =
		listing->origin[0] != '\0' ? listing->origin : listing->name;

	hf_sha256(text, strlen(text), out_digest);
}

enum hf_err hf_catalogue_add(struct hf_catalogue *catalogue, uint64_t index,
			     const struct hf_listing *listing,
			     struct hf_why *why)
{
	struct hf_catalogue_row *row;

	if (catalogue->count == catalogue->size) {
		size_t size = catalogue->size * 2 + 16;
		struct hf_catalogue_row *rows =
			realloc(catalogue->rows, size * sizeof(*rows));

		if (rows == NULL)
			return hf_why(why, HF_E_NOMEM, "catalogue: no memory");
		catalogue->rows = rows;
		catalogue->size = size;
	}
	row = &catalogue->rows[catalogue->count++];
	row->set = catalogue->set;
	row->epoch = catalogue->epoch;
	row->index = index;
	row->is_ended = listing->is_ended;
	about(listing, row->about);
	return HF_OK;
}

static int by_index(const void *one, const void *other)
{
	const struct hf_catalogue_row *a = one, *b = other;

	return a->epoch != b->epoch
		       ? (a->epoch > b->epoch) - (a->epoch < b->epoch)
		       : (a->index > b->index) - (a->index < b->index);
}

static int by_about(const void *one, const void *other)
{
	const struct hf_catalogue_row *a = one, *b = other;
	int order = memcmp(a->about, b->about, sizeof(a->about));

	return order != 0 ? order : by_index(one, other);
}

void hf_catalogue_settle(struct hf_catalogue *catalogue)
{
	struct hf_catalogue_row *rows = catalogue->rows;
	size_t kept = 0;

	if (catalogue->count == 0)
		return;
	qsort(rows, catalogue->count, sizeof(*rows), by_about);
	for (size_t i = 0; i < catalogue->count; i++) {
		bool is_last = i + 1 == catalogue->count ||
			       memcmp(rows[i].about, rows[i + 1].about,
				      sizeof(rows[i].about)) != 0;

		if (is_last && !rows[i].is_ended)
			rows[kept++] = rows[i];
	}
	catalogue->count = kept;
	qsort(rows, kept, sizeof(*rows), by_index);
}

void hf_catalogue_release(struct hf_catalogue *catalogue)
{
	free(catalogue->rows);
	*catalogue = (struct hf_catalogue){ .rows = NULL };
}

static enum hf_err take(struct hf_catalogue *catalogue,
			const struct hf_ledger_entry *entry,
			struct hf_arena *arena, struct hf_why *why)
{
	struct hf_listing listing;
	struct hf_header header;
	enum hf_err err;

	if (hf_header_parse(entry->header, &header, NULL) != HF_OK ||
	    hf_header_use(&header) != HF_HEADER_APPLY ||
	    header.op != HF_OP_STATUS || header.target != entry->index ||
	    header.code != 0 || entry->state != HF_LEDGER_HELD)
		return HF_OK;
	hf_arena_reset(arena);
	err = hf_listing_parse(entry->payload, arena, &listing, why);
	if (err == HF_E_NOMEM)
		return err;
	if (err != HF_OK || hf_listing_check(&listing, NULL) != HF_OK)
		return HF_OK;
	return hf_catalogue_add(catalogue, entry->index, &listing, why);
}

static enum hf_err read_epoch(struct hf_ledger_view *view, uint32_t set,
			      uint64_t void_from,
			      struct hf_catalogue *catalogue,
			      struct hf_why *why)
{
	uint64_t end = HF_CATALOGUE_ENTRIES_MAX;
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	struct hf_arena arena;
	enum hf_err err = hf_ledger_scan_begin(view, set, 0, &scan, why);

	if (err != HF_OK)
		return err;
	if (end > void_from)
		end = void_from;
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	for (uint64_t i = 0; i < end && err == HF_OK; i++) {
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err == HF_OK)
			err = take(catalogue, &entry, &arena, why);
	}
	hf_arena_release(&arena);
	hf_ledger_scan_end(scan);
	return err == HF_E_NOTFOUND ? HF_OK : err; /* its end */
}

bool hf_catalogue_is_read(const struct hf_ring *ring,
			  const struct hf_ring_set *set)
{
	return set->agreement->kind == HF_SET_KIND_CATALOGUE &&
	       (set->is_own ||
		(set->is_followed &&
		 hf_ring_may_have(ring, hf_span_of(set->origin),
				  hf_ring_self(ring)->id,
				  hf_clock_wall_ms()) >= HF_RIGHT_MEMBER));
}

enum hf_err hf_catalogue_read(struct hf_ledger_view *view,
			      const struct hf_ring *ring, const char *origin,
			      struct hf_catalogue *catalogue,
			      struct hf_why *why)
{
	struct hf_span stem = hf_text_origin_stem(hf_span_of(origin));
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		struct hf_span epoch = hf_span_of(sets[i].origin);

		/* What the ledger has not met yet says nothing. */
		if (!hf_span_equal(hf_text_origin_stem(epoch), stem) ||
		    !hf_catalogue_is_read(ring, &sets[i]) ||
		    hf_ledger_find(view, epoch, &catalogue->set, NULL) != HF_OK)
			continue;
		catalogue->epoch = hf_text_origin_epoch(epoch);
		err = read_epoch(view, catalogue->set,
				 hf_ring_void_from(ring, epoch), catalogue,
				 why);
	}
	hf_catalogue_settle(catalogue);
	return err;
}

const struct hf_catalogue_row *
hf_catalogue_find(const struct hf_catalogue *catalogue,
		  const struct hf_listing *listing)
{
	uint8_t digest[HF_SHA256_BYTES];

	about(listing, digest);
	for (size_t i = 0; i < catalogue->count; i++) {
		if (memcmp(catalogue->rows[i].about, digest, sizeof(digest)) ==
		    0)
			return &catalogue->rows[i];
	}
	return NULL;
}

/* One id, one name: or one of the two is wrong. */
static void judge_names(const struct hf_organisation *by_name,
			const struct hf_organisation *by_id,
			const struct hf_listing *listing,
			struct hf_why *out_problem)
{
	if (by_name != NULL && by_name != by_id)
		(void)hf_why(out_problem, HF_E_CONFLICT,
			     "%s has another id here, by the fingerprint that "
			     "was compared",
			     listing->name);
	else if (by_id != NULL && by_name == NULL)
		(void)hf_why(out_problem, HF_E_CONFLICT,
			     "this id is that of %s here", by_id->name);
	else if (by_id == NULL)
		(void)hf_why(out_problem, HF_E_NOTFOUND,
			     "%s is not enrolled: ask it for its invite",
			     listing->name);
}

/* Whatever keys a set has come from its publisher's agreement alone. */
static void judge_keys(const struct hf_ring_set *set,
		       const struct hf_listing *listing,
		       struct hf_why *out_problem)
{
	if (set != NULL && listing->log_key.len_bytes > 0 &&
	    memcmp(set->log_key.bytes, listing->log_key.at,
		   HF_PUBLIC_KEY_BYTES) != 0)
		(void)hf_why(out_problem, HF_E_CONFLICT,
			     "the publisher's agreement names another log key");
}

bool hf_catalogue_judge(const struct hf_ring *ring,
			const struct hf_listing *listing,
			struct hf_why *out_problem)
{
	const struct hf_organisation *by_name =
		hf_ring_by_name(ring, hf_span_of(listing->name));
	const struct hf_organisation *by_id =
		hf_ring_by_id(ring, listing->organisation_id.at);
	const struct hf_ring_set *set;

	out_problem->text[0] = '\0';
	judge_names(by_name, by_id, listing, out_problem);
	if (listing->origin[0] == '\0')
		return out_problem->text[0] == '\0';
	set = hf_ring_set(ring, hf_span_of(listing->origin));
	if (out_problem->text[0] == '\0')
		judge_keys(set, listing, out_problem);
	return hf_ring_is_followed(ring, hf_span_of(listing->origin));
}
