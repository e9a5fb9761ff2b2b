#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "codec_audit.h"
#include "codec_item.h"
#include "ledger_view.h"

#include "journal.h"
#include "node.h"
#include "serve.h"
#include "unary.h"

#define PAGE_SIZE_USUAL 100

/* Verdicts that one call looks at; the next one goes on. */
#define LOOKED_AT_MAX 200000

/* Cases that are told of one hash, and in all. */
#define CASES_OF_HASH 100
#define CASES_MAX     200

/* Entries whose hashes were compared last, by where they stand. */
#define KNOWN_SLOTS 256

struct known {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t index;
	bool has_hash;
};

struct search {
	struct hf_unary *unary;
	const struct hf_get_affected_request *request;
	char origin[HF_ORIGIN_MAX_BYTES + 1]; /* of the entry that is meant */
	struct known *known;                  /* in the arena, for a hash */
	struct hf_given_verdict *rows;        /* in the arena */
	size_t count;
	size_t most;
	size_t looked_at;
	struct hf_case_summary *cases; /* in the arena */
	size_t cases_count;
	bool has_failed;
};

/* The item of an entry that we hold; false where its payload is not here. */
static bool item_of(struct hf_node *node, const char *origin, uint64_t index,
		    struct hf_arena *arena, struct hf_item *out)
{
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	uint32_t set;
	bool is = false;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return false;
	if (hf_ledger_find(view, hf_span_of(origin), &set, NULL) == HF_OK &&
	    hf_ledger_entry(view, set, index, &entry, NULL) == HF_OK &&
	    entry.state == HF_LEDGER_HELD)
		is = hf_item_parse(entry.payload, arena, out, NULL) == HF_OK;
	hf_ledger_view_end(view);
	return is;
}

static bool lists(struct hf_node *node, const struct hf_entry_ref *entry,
		  const struct hf_hash *hash)
{
	struct hf_arena arena;
	struct hf_item item;
	bool does = false;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (item_of(node, entry->origin, entry->index, &arena, &item)) {
		for (size_t i = 0; i < item.hashes_count && !does; i++)
			does = item.hashes[i].algorithm == hash->algorithm &&
			       hf_span_equal(item.hashes[i].digest,
					     hash->digest);
	}
	hf_arena_release(&arena);
	return does;
}

static bool is_about(struct search *search, const struct hf_entry_ref *entry)
{
	const struct hf_get_affected_request *request = search->request;
	struct known *known;

	if (request->what == HF_AFFECTED_ENTRY)
		return entry->index == request->entry->index &&
		       strcmp(entry->origin, search->origin) == 0;
	known = &search->known[entry->index % KNOWN_SLOTS];
	if (known->index != entry->index ||
	    strcmp(known->origin, entry->origin) != 0) {
		snprintf(known->origin, sizeof(known->origin), "%s",
			 entry->origin);
		known->index = entry->index;
		known->has_hash =
			lists(search->unary->node, entry, request->hash);
	}
	return known->has_hash;
}

/* A copy that lives as long as the answer. */
static bool keep(struct search *search, const struct hf_given_verdict *verdict)
{
	struct hf_arena *arena = search->unary->arena;
	struct hf_given_verdict *row = &search->rows[search->count];
	struct hf_entry_ref *entry = hf_arena_calloc(arena, 1, sizeof(*entry));

	*row = *verdict;
	row->rule = hf_arena_text(arena, hf_span_of(verdict->rule));
	row->policy_version =
		hf_arena_text(arena, hf_span_of(verdict->policy_version));
	row->who = hf_arena_text(arena, hf_span_of(verdict->who));
	row->item = hf_arena_text(arena, hf_span_of(verdict->item));
	row->entry = entry;
	if (entry == NULL)
		return false;
	entry->origin =
		hf_arena_text(arena, hf_span_of(verdict->entry->origin));
	entry->index = verdict->entry->index;
	search->count++;
	return row->rule != NULL && row->policy_version != NULL &&
	       row->who != NULL && row->item != NULL && entry->origin != NULL;
}

static bool on_verdict(void *arg, const struct hf_given_verdict *verdict)
{
	struct search *search = arg;

	search->looked_at++;
	if (is_about(search, verdict->entry) && !keep(search, verdict))
		search->has_failed = true;
	return !search->has_failed && search->count < search->most &&
	       search->looked_at < LOOKED_AT_MAX;
}

/* ---- cases ---- */

static bool is_told(const struct search *search, const char *case_id)
{
	for (size_t i = 0; i < search->cases_count; i++) {
		if (strcmp(search->cases[i].case_id, case_id) == 0)
			return true;
	}
	return false;
}

static enum hf_err put_cases(struct search *search, const struct hf_hash *hash,
			     struct hf_why *why)
{
	const struct hf_list_cases_request request = {
		.page_size = CASES_OF_HASH,
		.page_token = "",
		.provider = "",
		.hash = hash,
	};
	struct hf_list_cases_response page;
	enum hf_err err = hf_cases_list(search->unary->node->cases, &request,
					search->unary->arena, &page, why);

	for (size_t i = 0; err == HF_OK && i < page.cases_count &&
			   search->cases_count < CASES_MAX;
	     i++) {
		if (!is_told(search, page.cases[i].case_id))
			search->cases[search->cases_count++] = page.cases[i];
	}
	return err;
}

/* Cases about what has one of its hashes. */
static enum hf_err find_cases(struct search *search, struct hf_why *why)
{
	struct hf_arena *arena = search->unary->arena;
	struct hf_item item;
	enum hf_err err = HF_OK;

	search->cases =
		hf_arena_calloc(arena, CASES_MAX, sizeof(*search->cases));
	if (search->cases == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (search->request->what == HF_AFFECTED_HASH)
		return put_cases(search, search->request->hash, why);
	if (!item_of(search->unary->node, search->origin,
		     search->request->entry->index, arena, &item))
		return HF_OK;
	for (size_t i = 0; i < item.hashes_count && err == HF_OK; i++)
		err = put_cases(search, &item.hashes[i], why);
	return err;
}

/* ---- the call ---- */

static enum hf_err take_request(struct search *search,
				struct hf_journal_place *place,
				struct hf_why *why)
{
	const struct hf_get_affected_request *request = search->request;
	struct hf_arena *arena = search->unary->arena;
	uint32_t set;
	char end;

	if (request->what == HF_AFFECTED_NOTHING)
		return hf_why(why, HF_E_ARGUMENT, "what: entry or hash");
	/* One of a set that is no longer here, too. */
	if (request->what == HF_AFFECTED_ENTRY &&
	    hf_node_set(search->unary->node, request->entry->origin,
			search->origin, &set, why) != HF_OK)
		strcpy(search->origin, request->entry->origin);
	*place = (struct hf_journal_place){ .file = 0 };
	if (request->page_token[0] != '\0' &&
	    sscanf(request->page_token, "%" SCNu64 ":%" SCNu64 "%c",
		   &place->file, &place->offset, &end) != 2)
		return hf_why(why, HF_E_ARGUMENT,
			      "page_token: not from an answer");
	search->most = request->page_size > 0 ? (size_t)request->page_size
					      : PAGE_SIZE_USUAL;
	search->rows =
		hf_arena_calloc(arena, search->most, sizeof(*search->rows));
	search->known =
		hf_arena_calloc(arena, KNOWN_SLOTS, sizeof(*search->known));
	if (search->rows == NULL || search->known == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	return HF_OK;
}

static enum hf_err get_affected(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_affected_request request;
	struct search search = { .unary = unary, .request = &request };
	struct hf_get_affected_response response = { .next_page_token = "" };
	struct hf_journal_place place;
	char token[48];
	bool has_more = false;
	enum hf_err err = hf_get_affected_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = take_request(&search, &place, why);
	if (err == HF_OK && request.page_token[0] == '\0')
		err = find_cases(&search, why);
	if (err == HF_OK)
		err = hf_journal_read(unary->node->journal, &place, on_verdict,
				      &search, &has_more, why);
	if (err == HF_OK && search.has_failed)
		err = hf_why(why, HF_E_NOMEM, "no memory");
	if (err != HF_OK)
		return err;
	snprintf(token, sizeof(token), "%" PRIu64 ":%" PRIu64, place.file,
		 place.offset);
	if (has_more)
		response.next_page_token = token;
	response.verdicts = search.rows;
	response.verdicts_count = search.count;
	response.cases = search.cases;
	response.cases_count = search.cases_count;
	return hf_get_affected_response_encode(&response, unary->reply);
}

/* It reads files. */
HF_UNARY_CASE(get_affected);
