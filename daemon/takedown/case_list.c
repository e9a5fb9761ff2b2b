#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "ring.h"
#include "text.h"

#include "cases_in.h"

#define PAGE_SIZE_USUAL 100

/* Cases looked at for one page: a filter that fits few must not hold the
 * worker, and a view, for as long as all of them take.  Then the page ends,
 * with fewer cases or none, and the next one goes on. */
#define LOOK_MOST 20000

/* A state in which nothing more is expected. */
static bool is_over(const struct hf_case_row *row)
{
	return row->now.is_over;
}

static bool is_wanted_state(const struct hf_list_cases_request *request,
			    enum hf_case_state state)
{
	for (size_t i = 0; i < request->states_count; i++) {
		if (request->states[i] == state)
			return true;
	}
	return request->states_count == 0;
}

static bool has_hash(struct hf_store_txn *view, const struct hf_case_row *row,
		     const struct hf_hash *hash)
{
	uint8_t way[HF_CASE_HASH_KEY_BYTES + HF_CASE_KEY_BYTES];
	struct hf_span value;

	hf_case_hash_key(hash, way);
	memcpy(way + HF_CASE_HASH_KEY_BYTES, row->key, HF_CASE_KEY_BYTES);
	return hf_store_get(view, HF_CASE_HASHES, hf_span(way, sizeof(way)),
			    &value, NULL) == HF_OK;
}

struct listing {
	struct hf_cases *cases;
	struct hf_store_txn *view;
	struct hf_ring *ring;
	const struct hf_list_cases_request *request;
	struct hf_arena *arena;
	struct hf_arena scratch;
	struct hf_case_summary *rows;
	size_t count;
	size_t most;
	uint64_t next; /* number of the change to go on from; 0: none */
};

/* A name that is nowhere in the bytes of a summary is not the provider's. */
static enum hf_err is_wanted_provider(struct listing *listing,
				      const struct hf_case_row *row,
				      bool *out_is_it, struct hf_why *why)
{
	const char *provider = listing->request->provider;
	struct hf_case_summary fixed;
	enum hf_err err;

	*out_is_it = provider[0] == '\0';
	if (*out_is_it || memmem(row->opening.at, row->opening.len_bytes,
				 provider, strlen(provider)) == NULL)
		return HF_OK;
	err = hf_case_summary_parse(row->opening, &listing->scratch, &fixed,
				    why);
	*out_is_it = err == HF_OK && strcmp(fixed.provider, provider) == 0;
	return err;
}

/* Most cases may be passed over: what is cheap to ask comes first, and none of
 * it makes a summary. */
static bool is_wanted(const struct listing *listing,
		      const struct hf_case_row *row)
{
	const struct hf_list_cases_request *request = listing->request;
	uint64_t begun_ms = row->now.published_ms;
	struct hf_case_clock clock;

	if ((request->only_open && is_over(row)) ||
	    (request->from_ms != 0 && begun_ms < request->from_ms) ||
	    (request->to_ms != 0 && begun_ms >= request->to_ms) ||
	    (request->hash != NULL &&
	     !has_hash(listing->view, row, request->hash)))
		return false;
	if (request->states_count == 0 && !request->only_overdue)
		return true;
	return is_wanted_state(request,
			       hf_cases_state(listing->cases, row, &clock)) &&
	       (!request->only_overdue || clock.is_overdue);
}

static enum hf_err page_most(int32_t asked, size_t *out_most,
			     struct hf_why *why)
{
	if (asked < 0)
		return hf_why(why, HF_E_ARGUMENT, "page_size is negative");
	*out_most = asked == 0                 ? PAGE_SIZE_USUAL
		    : asked > HF_PAGE_SIZE_MAX ? HF_PAGE_SIZE_MAX
					       : (size_t)asked;
	return HF_OK;
}

static enum hf_err put_case(struct listing *listing, struct hf_span change,
			    struct hf_span key, struct hf_why *why)
{
	struct hf_case_row row;
	bool is_it = false;
	enum hf_err err;

	/* Looked at in memory that is used again. */
	hf_arena_reset(&listing->scratch);
	err = hf_case_get(listing->view, key.at, &listing->scratch, &row, why);
	/* A case has two changes at times: it is listed by its last. */
	if (err == HF_OK && row.change == hf_be64(change.at) &&
	    is_wanted(listing, &row))
		err = is_wanted_provider(listing, &row, &is_it, why);
	if (err != HF_OK || !is_it)
		return err;
	return hf_cases_summary(listing->cases, listing->view, listing->ring,
				&row, listing->arena,
				&listing->rows[listing->count++], why);
}

/* The last change at or below a number. */
static enum hf_err seek_back(struct hf_store_cursor *cursor, uint64_t number,
			     struct hf_span *key, struct hf_span *value)
{
	uint8_t from[8];
	enum hf_err err;

	hf_be64_put(from, number);
	err = hf_store_cursor_seek(cursor, hf_span(from, sizeof(from)), key,
				   value, NULL);
	if (err == HF_E_NOTFOUND)
		return hf_store_cursor_last(cursor, key, value, NULL);
	if (err == HF_OK && hf_be64(key->at) > number)
		err = hf_store_cursor_prev(cursor, key, value, NULL);
	return err;
}

static enum hf_err walk(struct listing *listing, uint64_t from,
			struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	size_t looked = 0;
	enum hf_err err = hf_store_cursor_open(listing->view, HF_CASE_CHANGES,
					       &cursor, why);

	if (err != HF_OK)
		return err;
	err = seek_back(cursor, from, &key, &value);
	while (err == HF_OK) {
		if (listing->count == listing->most || looked++ == LOOK_MOST) {
			listing->next = hf_be64(key.at);
			break;
		}
		err = put_case(listing, key, value, why);
		if (err == HF_OK)
			err = hf_store_cursor_prev(cursor, &key, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/*
 * Those with one hash: by its own table, where they are not too many for that.
 */

struct change {
	uint64_t number;
	uint8_t key[HF_CASE_KEY_BYTES];
};

static int newest_first(const void *a, const void *b)
{
	const struct change *one = a, *other = b;

	return (one->number < other->number) - (one->number > other->number);
}

/* The last change of every case with this hash, of LOOK_MOST that are looked
 * at.  One that may not be opened is no case, and counts all the same: whoever
 * writes them shall not keep a page from ending. */
static enum hf_err gather(struct listing *listing, struct change *changes,
			  size_t *out_count, bool *out_is_all,
			  struct hf_why *why)
{
	uint8_t way[HF_CASE_HASH_KEY_BYTES];
	struct hf_store_cursor *cursor;
	struct hf_span at, value;
	struct hf_case_row row;
	size_t count = 0, looked = 0;
	enum hf_err err = hf_store_cursor_open(listing->view, HF_CASE_HASHES,
					       &cursor, why);

	if (err != HF_OK)
		return err;
	hf_case_hash_key(listing->request->hash, way);
	err = hf_store_cursor_seek(cursor, hf_span(way, sizeof(way)), &at,
				   &value, NULL);
	while (err == HF_OK && looked < LOOK_MOST &&
	       at.len_bytes == sizeof(way) + HF_CASE_KEY_BYTES &&
	       memcmp(at.at, way, sizeof(way)) == 0) {
		looked++;
		hf_arena_reset(&listing->scratch);
		err = hf_case_get(listing->view, at.at + sizeof(way),
				  &listing->scratch, &row, why);
		if (err == HF_OK) {
			changes[count].number = row.change;
			memcpy(changes[count++].key, row.key,
			       HF_CASE_KEY_BYTES);
		}
		if (err == HF_OK || err == HF_E_NOTFOUND)
			err = hf_store_cursor_next(cursor, &at, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	qsort(changes, count, sizeof(*changes), newest_first);
	*out_count = count;
	*out_is_all = looked < LOOK_MOST;
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err list_changes(struct listing *listing,
				const struct change *changes, size_t count,
				uint64_t from, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		uint8_t number[8];

		if (changes[i].number > from)
			continue;
		if (listing->count == listing->most) {
			listing->next = changes[i].number;
			break;
		}
		hf_be64_put(number, changes[i].number);
		err = put_case(listing, hf_span(number, sizeof(number)),
			       hf_span(changes[i].key, HF_CASE_KEY_BYTES), why);
	}
	return err;
}

static enum hf_err walk_hash(struct listing *listing, uint64_t from,
			     struct hf_why *why)
{
	struct change *changes = calloc(LOOK_MOST, sizeof(*changes));
	bool is_all = false;
	size_t count = 0;
	enum hf_err err;

	if (changes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = gather(listing, changes, &count, &is_all, why);
	if (err == HF_OK)
		err = is_all ? list_changes(listing, changes, count, from, why)
			     : walk(listing, from, why);
	free(changes);
	return err;
}

enum hf_err hf_cases_list(struct hf_cases *cases,
			  const struct hf_list_cases_request *request,
			  struct hf_arena *arena,
			  struct hf_list_cases_response *out,
			  struct hf_why *why)
{
	struct listing listing = {
		.cases = cases,
		.request = request,
		.arena = arena,
	};
	uint64_t from = UINT64_MAX;
	char token[32] = "";
	enum hf_err err = page_most(request->page_size, &listing.most, why);

	if (err == HF_OK && request->page_token[0] != '\0' &&
	    hf_text_u64(hf_span_of(request->page_token), UINT64_MAX, &from) !=
		    HF_OK)
		err = hf_why(why, HF_E_ARGUMENT, "page_token is none of ours");
	if (err != HF_OK)
		return err;
	listing.rows =
		hf_arena_calloc(arena, listing.most + 1, sizeof(*listing.rows));
	if (listing.rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_case_view_begin(cases, &listing.view, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&listing.scratch, HF_UNPACK_MAX_BYTES);
	listing.ring = hf_ring_holder_get(cases->options.ring);
	err = request->hash != NULL ? walk_hash(&listing, from, why)
				    : walk(&listing, from, why);
	hf_ring_release(listing.ring);
	hf_arena_release(&listing.scratch);
	hf_case_view_end(cases, listing.view);
	if (err != HF_OK)
		return err;
	if (listing.next != 0)
		snprintf(token, sizeof(token), "%llu",
			 (unsigned long long)listing.next);
	*out = (struct hf_list_cases_response){
		.cases = listing.rows,
		.cases_count = listing.count,
		.next_page_token = hf_arena_text(arena, hf_span_of(token)),
	};
	return out->next_page_token != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_NOMEM, "no memory");
}

/*
 * The stream of changes.
 */

/* Where somebody is: what he was told last, and up to where every case that was
 * opened was told as one that is new. */
struct place {
	uint64_t told;
	uint64_t heard;
};

static void put_position(const uint8_t *run, const struct place *place,
			 uint8_t *out)
{
	memcpy(out, run, HF_CASE_RUN_BYTES);
	hf_be64_put(out + HF_CASE_RUN_BYTES, place->told);
	hf_be64_put(out + HF_CASE_RUN_BYTES + 8, place->heard);
}

/* Zeros for the beginning. */
static struct place place_of(struct hf_store_txn *view, struct hf_span position)
{
	struct place place = { 0, 0 };

	if (position.len_bytes != HF_CASES_POSITION_BYTES)
		return place;
	place.told = hf_case_run_shared(
		view, position.at, hf_be64(position.at + HF_CASE_RUN_BYTES));
	place.heard = hf_be64(position.at + HF_CASE_RUN_BYTES + 8);
	if (place.heard > place.told)
		place.heard = place.told;
	return place;
}

/* Of a case that was opened behind what was heard, the first change there. */
static bool is_new_at(const struct hf_case_row *row, uint64_t number,
		      uint64_t heard)
{
	uint64_t other =
		number == row->change ? row->clock_change : row->change;

	return row->first_change > heard && (other <= heard || number <= other);
}

static enum hf_err first_change(struct hf_store_txn *view, uint64_t behind,
				uint64_t *out_number, uint8_t *out_key,
				unsigned *out_clock, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	uint8_t from[8];
	enum hf_err err =
		hf_store_cursor_open(view, HF_CASE_CHANGES, &cursor, why);

	if (err != HF_OK)
		return err;
	hf_be64_put(from, behind + 1);
	err = hf_store_cursor_seek(cursor, hf_span(from, sizeof(from)), &key,
				   &value, NULL);
	if (err == HF_OK && value.len_bytes != HF_CASE_KEY_BYTES + 1)
		err = hf_why(why, HF_E_CORRUPT, "views: a change's row");
	if (err == HF_OK) {
		*out_number = hf_be64(key.at);
		memcpy(out_key, value.at, HF_CASE_KEY_BYTES);
		*out_clock = value.at[HF_CASE_KEY_BYTES];
	}
	hf_store_cursor_close(cursor);
	return err;
}

enum hf_err
hf_cases_next_change(struct hf_cases *cases, struct hf_span position,
		     struct hf_arena *arena,
		     uint8_t out_position[static HF_CASES_POSITION_BYTES],
		     struct hf_watch_cases_response *out, struct hf_why *why)
{
	struct hf_case_summary *summary =
		hf_arena_calloc(arena, 1, sizeof(*summary));
	uint8_t run[HF_CASE_RUN_BYTES], key[HF_CASE_KEY_BYTES];
	struct hf_store_txn *view;
	struct hf_case_row row;
	struct hf_ring *ring;
	struct place place = { 0, 0 };
	uint64_t number;
	unsigned clock;
	enum hf_err err;

	if (summary == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_store_view_begin(cases->views, &view, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(cases->options.ring);
	err = hf_case_run(view, run, why);
	if (err == HF_OK) {
		place = place_of(view, position);
		put_position(run, &(struct place){ place.told, place.told },
			     out_position);
		err = first_change(view, place.told, &number, key, &clock, why);
	}
	if (err == HF_OK)
		err = hf_case_get(view, key, arena, &row, why);
	if (err == HF_OK)
		err = hf_cases_summary(cases, view, ring, &row, arena, summary,
				       why);
	hf_ring_release(ring);
	hf_store_view_end(view);
	if (err != HF_OK)
		return err;
	place.told = number;
	put_position(run, &place, out_position);
	*out = (struct hf_watch_cases_response){
		.position = hf_span(out_position, HF_CASES_POSITION_BYTES),
		.summary = summary,
		.clock = hf_case_clock_word(clock),
		.is_new = is_new_at(&row, number, place.heard),
	};
	return HF_OK;
}

enum hf_err hf_cases_mark(struct hf_cases *cases,
			  uint8_t out_position[static HF_CASES_POSITION_BYTES],
			  struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_store_txn *view;
	struct hf_span key, value;
	struct place now = { 0, 0 };
	uint8_t run[HF_CASE_RUN_BYTES];
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_case_run(view, run, why);
	if (err == HF_OK)
		err = hf_store_cursor_open(view, HF_CASE_CHANGES, &cursor, why);
	if (err == HF_OK) {
		if (hf_store_cursor_last(cursor, &key, &value, NULL) == HF_OK)
			now.told = now.heard = hf_be64(key.at);
		hf_store_cursor_close(cursor);
		put_position(run, &now, out_position);
	}
	hf_store_view_end(view);
	return err;
}
