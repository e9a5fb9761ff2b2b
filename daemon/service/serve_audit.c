#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_audit.h"
#include "codec_document.h"
#include "ledger_view.h"
#include "ring.h"

#include "node.h"
#include "serve.h"
#include "unary.h"

#define PAGE_SIZE_USUAL 100

/* Entries that one call looks at: a page may have none of what is asked for,
 * and then the next one goes on. */
#define LOOKED_AT_MAX 100000

/* Of an answer, with what is around its rows. */
#define PAGE_MAX_BYTES (HF_MESSAGE_MAX_BYTES / 2)

/* A page being filled. */
struct page {
	struct hf_unary *unary;
	const struct hf_list_audit_request *request;
	struct hf_audit_entry *rows; /* in the arena */
	size_t count;
	size_t most;
	size_t bytes; /* of their payloads */
	size_t looked_at;
};

static bool is_full(const struct page *page)
{
	return page->count == page->most || page->bytes > PAGE_MAX_BYTES ||
	       page->looked_at >= LOOKED_AT_MAX;
}

static bool is_in_time(const struct page *page, uint64_t at_ms)
{
	return at_ms >= page->request->from_ms &&
	       (page->request->to_ms == 0 || at_ms < page->request->to_ms);
}

/* "Publish/Append", or "Append" alone. */
static bool is_method(const char *wanted, const char *method)
{
	const char *name = strrchr(method, '/');

	return wanted[0] == '\0' || strcmp(wanted, method) == 0 ||
	       (name != NULL && strcmp(wanted, name + 1) == 0);
}

static enum hf_err put(struct page *page, const char *origin,
		       const struct hf_ledger_entry *entry, uint64_t at_ms,
		       struct hf_why *why)
{
	struct hf_arena *arena = page->unary->arena;
	struct hf_audit_record *record =
		hf_arena_calloc(arena, 1, sizeof(*record));
	struct hf_entry_ref *ref = hf_arena_calloc(arena, 1, sizeof(*ref));
	const struct hf_list_audit_request *wanted = page->request;
	enum hf_err err;

	if (record == NULL || ref == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_audit_record_parse(entry->payload, arena, record, why);
	if (err != HF_OK)
		return err;
	if (!is_method(wanted->method, record->method) ||
	    (wanted->who[0] != '\0' && strcmp(wanted->who, record->who) != 0))
		return HF_OK;
	ref->origin = origin;
	ref->index = entry->index;
	page->rows[page->count++] = (struct hf_audit_entry){
		.entry = ref,
		.at_ms = at_ms,
		.record = record,
	};
	page->bytes += entry->payload.len_bytes;
	return HF_OK;
}

/* From an index of a set on, until the page is full; *index is what comes
 * next. */
static enum hf_err put_set(struct page *page, struct hf_ledger_view *view,
			   const struct hf_ledger_info *info, uint64_t *index,
			   struct hf_why *why)
{
	const char *origin =
		hf_arena_text(page->unary->arena, hf_span_of(info->origin));
	struct hf_ledger_entry entry;
	struct hf_ledger_scan *scan;
	struct hf_header header;
	enum hf_err err =
		hf_ledger_scan_begin(view, info->set, *index, &scan, why);

	if (err == HF_OK && origin == NULL)
		err = hf_why(why, HF_E_NOMEM, "no memory");
	while (err == HF_OK && !is_full(page)) {
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err == HF_OK)
			err = hf_header_parse(entry.header, &header, why);
		if (err != HF_OK)
			break;
		*index = entry.index + 1;
		page->looked_at++;
		if (header.op == HF_OP_STATUS &&
		    entry.state == HF_LEDGER_HELD &&
		    is_in_time(page, header.time_ms))
			err = put(page, origin, &entry, header.time_ms, why);
	}
	hf_ledger_scan_end(scan);
	return err;
}

/* Every epoch of the audit, in the order in which they were opened. */
static enum hf_err put_sets(struct page *page, struct hf_ledger_view *view,
			    uint32_t *set, uint64_t *index, bool *out_has_more,
			    struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(page->unary->node->ring);
	struct hf_ledger_info info = { .set = *set > 0 ? *set - 1 : 0 };
	enum hf_err err = HF_OK;

	*out_has_more = false;
	while (err == HF_OK &&
	       hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		const struct hf_ring_set *about =
			hf_ring_set(ring, hf_span_of(info.origin));

		if (about == NULL || !about->is_own ||
		    about->agreement->kind != HF_SET_KIND_AUDIT)
			continue;
		if (info.set != *set)
			*index = 0;
		*set = info.set;
		err = put_set(page, view, &info, index, why);
		if (err == HF_OK) {
			*out_has_more = true;
			break;
		}
		if (err == HF_E_NOTFOUND)
			err = HF_OK;
	}
	hf_ring_release(ring);
	return err;
}

static enum hf_err take_token(const char *token, uint32_t *out_set,
			      uint64_t *out_index, struct hf_why *why)
{
	char end;

	*out_set = 0;
	*out_index = 0;
	if (token[0] != '\0' && sscanf(token, "%" SCNu32 ":%" SCNu64 "%c",
				       out_set, out_index, &end) != 2)
		return hf_why(why, HF_E_ARGUMENT,
			      "page_token: not from an answer");
	return HF_OK;
}

static enum hf_err fill(struct page *page, struct hf_list_audit_response *out,
			struct hf_why *why)
{
	struct hf_ledger_view *view;
	char token[48];
	uint64_t index;
	uint32_t set;
	bool has_more = false;
	enum hf_err err =
		take_token(page->request->page_token, &set, &index, why);

	if (err == HF_OK)
		err = hf_ledger_view_begin(page->unary->node->ledger, &view,
					   why);
	if (err != HF_OK)
		return err;
	err = put_sets(page, view, &set, &index, &has_more, why);
	hf_ledger_view_end(view);
	if (err != HF_OK)
		return err;
	snprintf(token, sizeof(token), "%" PRIu32 ":%" PRIu64, set, index);
	*out = (struct hf_list_audit_response){
		.entries = page->rows,
		.entries_count = page->count,
		.next_page_token = has_more ? hf_arena_text(page->unary->arena,
							    hf_span_of(token))
					    : "",
	};
	return HF_OK;
}

static enum hf_err list_audit(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_audit_request request;
	struct hf_list_audit_response response;
	struct page page = { .unary = unary, .request = &request };
	enum hf_err err = hf_list_audit_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	page.most = request.page_size > 0 ? (size_t)request.page_size
					  : PAGE_SIZE_USUAL;
	page.rows =
		hf_arena_calloc(unary->arena, page.most, sizeof(*page.rows));
	if (page.rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = fill(&page, &response, why);
	return err == HF_OK
		       ? hf_list_audit_response_encode(&response, unary->reply)
		       : err;
}

/* It may read many entries. */
HF_UNARY_CASE(list_audit);
