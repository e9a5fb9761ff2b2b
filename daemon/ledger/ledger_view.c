#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "ledger_impl.h"
#include "ledger_view_impl.h"

enum hf_err hf_ledger_view_begin(struct hf_ledger *ledger,
				 struct hf_ledger_view **out_view,
				 struct hf_why *why)
{
	struct hf_ledger_view *view = malloc(sizeof(*view));
	enum hf_err err;

	if (view == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	view->ledger = ledger;
	view->set = NULL;
	view->shown = NULL;
	view->tree = NULL;
	err = hf_store_view_begin(ledger->store, &view->txn, why);
	if (err != HF_OK) {
		free(view);
		return err;
	}
	*out_view = view;
	return HF_OK;
}

void hf_ledger_view_end(struct hf_ledger_view *view)
{
	if (view == NULL)
		return;
	hf_store_view_end(view->txn);
	while (view->shown != NULL) {
		struct shown *shown = view->shown;

		view->shown = shown->next;
		free(shown);
	}
	free(view->tree);
	free(view);
}

struct hf_store_txn *hf_ledger_view_txn(struct hf_ledger_view *view)
{
	return view->txn;
}

/*
 * Sets.
 */

static struct shown *shown_find(const struct hf_ledger_view *view, uint32_t set)
{
	struct shown *shown = view->shown;

	while (shown != NULL && shown->set != set)
		shown = shown->next;
	return shown;
}

/* Whether an own set has a slip, for entries that the view has, is looked up
 * once: what a view has seen stays as it was. */
static enum hf_err slip_look(struct hf_ledger_view *view, const struct set *set,
			     uint64_t stored, struct hf_why *why)
{
	struct hf_ledger *ledger = view->ledger;
	const struct seen *slip = set->slips;
	struct shown *shown;
	bool is_slip;

	if (shown_find(view, set->id) != NULL)
		return HF_OK;
	pthread_mutex_lock(&ledger->lock);
	if (slip->note != NULL && slip->size > stored)
		slip++;
	is_slip = slip->note != NULL && slip->size <= stored;
	shown = malloc(sizeof(*shown) + (is_slip ? slip->note_len_bytes : 0));
	if (shown != NULL && is_slip) {
		memcpy(shown->bytes, slip->note, slip->note_len_bytes);
		shown->record = (struct hf_ledger_note_record){
			.size = slip->size,
			.root = slip->root,
			.note = hf_span(shown->bytes, slip->note_len_bytes),
		};
	}
	pthread_mutex_unlock(&ledger->lock);
	if (shown == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	shown->set = set->id;
	shown->is_slip = is_slip;
	shown->next = view->shown;
	view->shown = shown;
	return HF_OK;
}

static enum hf_err note_get(struct hf_ledger_view *view, uint32_t set,
			    enum hf_ledger_which which,
			    struct hf_ledger_note_record *out_record,
			    struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_note(set, which);
	const struct shown *shown = shown_find(view, set);
	struct hf_span value;
	enum hf_err err;

	if (shown != NULL && shown->is_slip) {
		*out_record = shown->record;
		return HF_OK;
	}
	err = hf_store_get(view->txn, TABLE_NOTES, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: no note of set %u", set);
	return hf_ledger_note_parse(value, out_record, why);
}

static enum hf_err marks_get(struct hf_ledger_view *view, uint32_t set,
			     struct hf_ledger_marks *out_marks,
			     struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_set(set);
	struct hf_span value;
	enum hf_err err;

	err = hf_store_get(view->txn, TABLE_MARKS, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: no set %u", set);
	return hf_ledger_marks_parse(value, out_marks, why);
}

enum hf_err hf_ledger_view_set(struct hf_ledger_view *view, uint32_t id,
			       struct hf_why *why)
{
	struct hf_ledger_note_record note;
	struct hf_ledger_marks marks;
	struct set *set;
	enum hf_err err;

	if (view->set != NULL && view->set->id == id)
		return HF_OK;
	err = hf_ledger_set_need(view->ledger, id, &set, why);
	if (err == HF_OK)
		err = marks_get(view, id, &marks, why);
	if (err != HF_OK)
		return err;
	view->stored = marks.stored;
	view->size = marks.stored;
	if (set->kind == HF_LEDGER_OWN) {
		err = slip_look(view, set, marks.stored, why);
		if (err != HF_OK)
			return err;
		err = note_get(view, id, HF_LEDGER_NOTE, &note, NULL);
		if (err != HF_OK && err != HF_E_NOTFOUND)
			return hf_why(why, err, "ledger: note of '%s'",
				      set->origin);
		view->size = err == HF_OK ? note.size : 0;
	}
	view->set = set;
	return HF_OK;
}

static enum hf_err notes_fill(struct hf_ledger_view *view,
			      struct hf_ledger_info *info, struct hf_why *why)
{
	struct hf_ledger_note_record record;
	enum hf_err err;

	err = note_get(view, info->set, HF_LEDGER_NOTE, &record, why);
	if (err == HF_OK) {
		info->has_note = true;
		info->note_size = record.size;
		info->note_root = record.root;
	} else if (err != HF_E_NOTFOUND) {
		return err;
	}
	if (info->kind == HF_LEDGER_OWN) {
		info->has_seen = info->has_note;
		info->seen_size = info->note_size;
		info->seen_root = info->note_root;
		return HF_OK;
	}
	err = note_get(view, info->set, HF_LEDGER_SEEN, &record, why);
	if (err == HF_OK) {
		info->has_seen = true;
		info->seen_size = record.size;
		info->seen_root = record.root;
	} else if (err != HF_E_NOTFOUND) {
		return err;
	}
	return HF_OK;
}

enum hf_err hf_ledger_info(struct hf_ledger_view *view, uint32_t set,
			   struct hf_ledger_info *out_info, struct hf_why *why)
{
	struct hf_ledger_info info = { .set = set };
	struct hf_ledger_marks marks;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err == HF_OK)
		err = marks_get(view, set, &marks, why);
	if (err != HF_OK)
		return err;
	info.kind = view->set->kind;
	memcpy(info.origin, view->set->origin, sizeof(info.origin));
	info.size = view->size;
	info.missing_count = marks.missing;
	info.unsupported_from = marks.unsupported_from;
	info.ended_at = marks.ended_at;
	info.unsigned_count = view->stored - view->size;
	pthread_mutex_lock(&view->ledger->lock);
	info.known_size = view->set->known_size;
	info.is_damaged = view->set->is_damaged;
	pthread_mutex_unlock(&view->ledger->lock);
	info.is_frozen = marks.frozen_reason[0] != '\0';
	memcpy(info.frozen_reason, marks.frozen_reason,
	       sizeof(info.frozen_reason));
	err = notes_fill(view, &info, why);
	if (err != HF_OK)
		return err;
	*out_info = info;
	return HF_OK;
}

enum hf_err hf_ledger_find(struct hf_ledger_view *view, struct hf_span origin,
			   uint32_t *out_set, struct hf_why *why)
{
	struct hf_span value;
	enum hf_err err = HF_E_NOTFOUND;

	if (origin.len_bytes >= 1 && origin.len_bytes <= HF_ORIGIN_MAX_BYTES)
		err = hf_store_get(view->txn, TABLE_ORIGINS, origin, &value,
				   NULL);
	if (err != HF_OK)
		return hf_why(
			why, err, "ledger: no set '%.*s'",
			(int)(origin.len_bytes < 128 ? origin.len_bytes : 128),
			(const char *)origin.at);
	if (value.len_bytes != 4)
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: damaged record of an origin");
	*out_set = hf_be32(value.at);
	return HF_OK;
}

enum hf_err hf_ledger_next(struct hf_ledger_view *view, uint32_t after,
			   struct hf_ledger_info *out_info, struct hf_why *why)
{
	/* Sets are numbered without gaps. */
	if (after >= HF_LEDGER_SETS_MAX)
		return hf_why(why, HF_E_NOTFOUND, "ledger: no more sets");
	return hf_ledger_info(view, after + 1, out_info, why);
}

enum hf_err hf_ledger_next_now(struct hf_ledger *ledger, uint32_t after,
			       struct hf_ledger_info *out_info,
			       struct hf_why *why)
{
	struct hf_why last = { "" };
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_next(view, after, out_info, &last);
	hf_ledger_view_end(view);
	if (err != HF_OK && err != HF_E_NOTFOUND && why != NULL)
		*why = last;
	return err;
}

enum hf_err hf_ledger_note(struct hf_ledger_view *view, uint32_t set,
			   enum hf_ledger_which which, struct hf_span *out_note,
			   struct hf_why *why)
{
	struct hf_ledger_note_record record;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err != HF_OK)
		return err;
	if (view->set->kind == HF_LEDGER_OWN)
		which = HF_LEDGER_NOTE;
	err = note_get(view, set, which, &record, why);
	if (err == HF_OK)
		*out_note = record.note;
	return err;
}

/*
 * Entries.
 */

enum hf_err hf_ledger_entry(struct hf_ledger_view *view, uint32_t set,
			    uint64_t index, struct hf_ledger_entry *out_entry,
			    struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_entry(index);
	struct hf_span value;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err != HF_OK)
		return err;
	if (index >= view->size)
		return hf_why(why, HF_E_NOTFOUND,
			      "ledger: '%s' has no entry %llu",
			      view->set->origin, (unsigned long long)index);
	err = hf_store_get(view->txn, view->set->table,
			   hf_ledger_key_span(&key), &value, NULL);
	if (err == HF_E_NOTFOUND)
		err = HF_E_CORRUPT;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: entry %llu of '%s' is lost",
			      (unsigned long long)index, view->set->origin);
	return hf_ledger_entry_parse(value, index, out_entry, why);
}

struct hf_ledger_scan {
	struct hf_store_cursor *cursor;
	uint64_t next;
	uint64_t size;
	bool is_begun;
};

enum hf_err hf_ledger_scan_begin(struct hf_ledger_view *view, uint32_t set,
				 uint64_t first,
				 struct hf_ledger_scan **out_scan,
				 struct hf_why *why)
{
	struct hf_ledger_scan *scan;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err != HF_OK)
		return err;
	scan = malloc(sizeof(*scan));
	if (scan == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*scan = (struct hf_ledger_scan){ .next = first, .size = view->size };
	err = hf_store_cursor_open(view->txn, view->set->table, &scan->cursor,
				   why);
	if (err != HF_OK) {
		free(scan);
		return err;
	}
	*out_scan = scan;
	return HF_OK;
}

enum hf_err hf_ledger_scan_next(struct hf_ledger_scan *scan,
				struct hf_ledger_entry *out_entry,
				struct hf_why *why)
{
	struct hf_ledger_key from;
	struct hf_span key, value;
	enum hf_err err;

	if (scan->next >= scan->size)
		return hf_why(why, HF_E_NOTFOUND, "ledger: no more entries");
	if (scan->is_begun) {
		err = hf_store_cursor_next(scan->cursor, &key, &value, why);
	} else {
		from = hf_ledger_key_entry(scan->next);
		err = hf_store_cursor_seek(scan->cursor,
					   hf_ledger_key_span(&from), &key,
					   &value, why);
	}
	/* Hashes of the tree lie between the entries. */
	while (err == HF_OK && key.len_bytes != HF_LEDGER_ENTRY_KEY_BYTES)
		err = hf_store_cursor_next(scan->cursor, &key, &value, why);
	if (err == HF_E_NOTFOUND ||
	    (err == HF_OK && hf_be64(key.at) != scan->next))
		return hf_why(why, HF_E_CORRUPT, "ledger: entry %llu is lost",
			      (unsigned long long)scan->next);
	if (err != HF_OK)
		return err;
	scan->is_begun = true;
	err = hf_ledger_entry_parse(value, scan->next, out_entry, why);
	if (err == HF_OK)
		scan->next++;
	return err;
}

void hf_ledger_scan_end(struct hf_ledger_scan *scan)
{
	if (scan == NULL)
		return;
	hf_store_cursor_close(scan->cursor);
	free(scan);
}

enum hf_err hf_ledger_headers(struct hf_ledger_view *view, uint32_t set,
			      uint64_t first, size_t count,
			      uint8_t *out_headers, struct hf_why *why)
{
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err != HF_OK)
		return err;
	if (first > view->size || count > view->size - first)
		return hf_why(
			why, HF_E_NOTFOUND, "ledger: '%s' has %llu entries",
			view->set->origin, (unsigned long long)view->size);
	return hf_ledger_tree_headers(view->txn, view->set->table, first, count,
				      out_headers, why);
}
