#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "codec_opinion.h"
#include "leaf.h"
#include "ledger_view.h"
#include "text.h"

#include "breaker.h"
#include "feed.h"
#include "hold.h"
#include "lookup.h"
#include "node.h"
#include "opinions.h"
#include "serve.h"
#include "unary.h"

/* Everything that is put together for one answer, in the arena. */
struct explaining {
	struct hf_unary *unary;
	struct hf_ledger_view *view;
	struct hf_explained_entry *entries;
	size_t count;
	bool has_failed; /* no memory */
};

static const char *keep(struct explaining *explaining, const char *text)
{
	const char *kept =
		hf_arena_text(explaining->unary->arena, hf_span_of(text));

	explaining->has_failed |= kept == NULL;
	return kept != NULL ? kept : "";
}

/*
 * What is looked up.
 */

/* All hashes of an item as one question. */
static enum hf_err ask_item(struct hf_unary *unary,
			    const struct hf_hash *hashes, size_t count,
			    struct hf_wire_match_response *out,
			    struct hf_why *why)
{
	struct hf_digest_batch *batches = hf_arena_calloc(
		unary->arena, HF_ALGORITHM_COUNT, sizeof(*batches));
	const struct hf_wire_match_request request = { .batches = batches,
						       .batches_count = 0,
						       .is_question = true };
	struct hf_wire_match_request asked = request;
	const struct hf_lookup_ask ask = { .request = &asked };
	uint32_t *zeros =
		hf_arena_calloc(unary->arena, count + 1, sizeof(*zeros));

	if (batches == NULL || zeros == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (unsigned a = 1; a < HF_ALGORITHM_COUNT; a++) {
		struct hf_digest_batch *batch = &batches[asked.batches_count];
		uint32_t *frames = hf_arena_calloc(unary->arena, count + 1,
						   sizeof(*frames));
		struct hf_buf digests;
		size_t found = 0;

		if (frames == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		hf_buf_init(&digests, HF_MESSAGE_MAX_BYTES);
		for (size_t i = 0; i < count; i++) {
			size_t len = hashes[i].digest.len_bytes;

			if (hashes[i].algorithm != a ||
			    !hf_algorithm_takes(a, len))
				continue;
			hf_buf_put(&digests, hashes[i].digest);
			frames[found++] = (uint32_t)(len / HF_PDQ_BYTES);
		}
		if (found > 0) {
			*batch = (struct hf_digest_batch){
				.algorithm = (enum hf_algorithm)a,
				.digests = hf_arena_copy(unary->arena,
							 hf_buf_span(&digests)),
				.items = zeros,
				.items_count = found,
			};
			if (a == HF_ALGORITHM_VPDQ) {
				batch->frames = frames;
				batch->frames_count = found;
			}
			asked.batches_count++;
		}
		hf_buf_release(&digests);
		if (found > 0 && batch->digests.at == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
	}
	return hf_lookup(unary->node, &ask, unary->arena, out, why);
}

/*
 * What is known of an entry.
 */

struct remarks {
	struct explaining *explaining;
	const char **at;
	size_t count;
};

static void remark(struct remarks *remarks, const char *format, ...)
	HF_PRINTF(2, 3);

static void remark(struct remarks *remarks, const char *format, ...)
{
	char text[HF_SENTENCE_MAX_BYTES];
	va_list args;

	if (remarks->count == HF_EXPLAIN_REMARKS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	remarks->at[remarks->count++] = keep(remarks->explaining, text);
}

static void remark_fate(struct remarks *remarks, struct hf_ledger_view *view,
			uint32_t set, uint64_t index)
{
	struct hf_ledger_fate fate;

	if (hf_ledger_fate(view, set, index, &fate, NULL) != HF_OK)
		return;
	if (fate.retracted_by != HF_LEDGER_NONE)
		remark(remarks, "retracted by entry %llu: %s",
		       (unsigned long long)fate.retracted_by,
		       hf_retract_reason_word(fate.retract_code));
	if (fate.erased_by != HF_LEDGER_NONE)
		remark(remarks, "erased by entry %llu",
		       (unsigned long long)fate.erased_by);
	if (fate.amended_by != HF_LEDGER_NONE)
		remark(remarks, "amended by entry %llu",
		       (unsigned long long)fate.amended_by);
}

static void remark_set(struct remarks *remarks, struct hf_node *node,
		       const struct hf_feed_set *is, uint64_t index)
{
	uint64_t count;

	if (!is->is_matchable)
		remark(remarks, "the set is not matched on here");
	if (is->is_provisional)
		remark(remarks, "the set was never yet applied whole");
	if (is->is_frozen)
		remark(remarks, "the set is frozen, incomplete or unsupported");
	if (is->held_from_plus_one != 0 && index + 1 >= is->held_from_plus_one)
		remark(remarks, "it came with too many others and is held "
				"('hashfed release')");
	if (hf_breaker_is_hot(node->breaker, is->set, index, &count))
		remark(remarks,
		       "it hits too often: %llu items in an hour ('hashfed "
		       "release')",
		       (unsigned long long)count);
}

struct opinions {
	struct explaining *explaining;
	struct hf_stated_opinion *at;
	size_t count;
};

/* The words are in the entry that said it. */
static const char *note_of(struct explaining *explaining,
			   const struct hf_opinions_row *row)
{
	struct hf_ledger_entry entry;
	struct hf_opinion opinion;

	if (hf_ledger_entry(explaining->view, row->set, row->index, &entry,
			    NULL) != HF_OK ||
	    entry.state != HF_LEDGER_HELD ||
	    hf_opinion_parse(entry.payload, explaining->unary->arena, &opinion,
			     NULL) != HF_OK)
		return "";
	return keep(explaining, opinion.note);
}

static void put_opinion(void *arg, const struct hf_opinions_row *row)
{
	struct opinions *opinions = arg;
	struct explaining *explaining = opinions->explaining;

	if (opinions->count == HF_EXPLAIN_OPINIONS_MAX)
		return;
	opinions->at[opinions->count++] = (struct hf_stated_opinion){
		.organisation = keep(explaining, row->organisation),
		.kind = row->kind,
		.reason = row->reason,
		.note = note_of(explaining, row),
		.said_ms = row->said_ms,
		.until_ms = row->until_ms,
		.origin = keep(explaining, row->origin),
		.index = row->index,
		.is_by_hash = row->is_by_hash,
		.counts = row->counts,
		.why_not = keep(explaining, row->why_not),
	};
}

/* What the payload says, as it was added. */
static void put_item(struct explaining *explaining,
		     const struct hf_ledger_entry *entry,
		     struct hf_explained_entry *out)
{
	struct hf_span payload =
		hf_arena_copy(explaining->unary->arena, entry->payload);
	struct hf_item item;

	if (entry->state != HF_LEDGER_HELD ||
	    hf_item_parse(payload, explaining->unary->arena, &item, NULL) !=
		    HF_OK)
		return;
	out->assessors = item.assessors;
	out->derived_from = item.derived_from;
	out->derived_from_count = item.derived_from_count;
	if (out->content_class == 0) {
		out->content_class = hf_item_class(&item);
		out->labels = item.labels;
		out->labels_count = item.labels_count;
	}
}

static enum hf_err fill(struct explaining *explaining,
			struct hf_explained_entry *out, struct hf_why *why)
{
	struct hf_unary *unary = explaining->unary;
	struct hf_node *node = unary->node;
	struct remarks remarks = { explaining,
				   hf_arena_calloc(unary->arena,
						   HF_EXPLAIN_REMARKS_MAX,
						   sizeof(char *)),
				   0 };
	struct opinions opinions = {
		explaining,
		hf_arena_calloc(unary->arena, HF_EXPLAIN_OPINIONS_MAX,
				sizeof(struct hf_stated_opinion)),
		0
	};
	struct hf_ledger_entry entry;
	struct hf_feed_set is;
	struct hf_header header;
	uint32_t set;
	enum hf_err err;

	if (remarks.at == NULL || opinions.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_find(explaining->view, hf_span_of(out->origin), &set,
			     why);
	if (err == HF_OK)
		err = hf_ledger_entry(explaining->view, set, out->index, &entry,
				      why);
	if (err == HF_OK)
		err = hf_header_parse(entry.header, &header, why);
	if (err != HF_OK)
		return err;
	out->added_ms = header.time_ms;
	put_item(explaining, &entry, out);
	remark_fate(&remarks, explaining->view, set, out->index);
	if (hf_feed_get(node->feed, set, &is) == HF_OK) {
		remark_set(&remarks, node, &is, out->index);
		out->checkpoint_ms = is.checkpoint_ms;
		out->freshness = hf_feed_set_freshness(node->feed, &is,
						       hf_clock_wall_ms());
	}
	err = hf_opinions_each(node->opinions, explaining->view, set,
			       out->index, put_opinion, &opinions, why);
	out->remarks = remarks.at;
	out->remarks_count = remarks.count;
	out->opinions = opinions.at;
	out->opinions_count = opinions.count;
	return err;
}

static struct hf_explained_entry *entry_of(struct explaining *explaining,
					   const char *origin, uint64_t index)
{
	struct hf_explained_entry *entry;

	for (size_t i = 0; i < explaining->count; i++) {
		entry = &explaining->entries[i];
		if (entry->index == index && strcmp(entry->origin, origin) == 0)
			return entry;
	}
	if (explaining->count == HF_MATCH_HITS_PER_ITEM)
		return NULL;
	entry = &explaining->entries[explaining->count++];
	*entry = (struct hf_explained_entry){
		.origin = keep(explaining, origin),
		.index = index,
		.publisher = hf_arena_text(
			explaining->unary->arena,
			hf_text_origin_domain(hf_span_of(origin))),
		.rule = "",
	};
	explaining->has_failed |= entry->publisher == NULL;
	return entry;
}

/* Of an entry the strongest of its hits. */
static void put_hits(struct explaining *explaining,
		     const struct hf_wire_match_response *answer)
{
	const struct hf_wire_match_hit *best[HF_MATCH_HITS_PER_ITEM] = { NULL };

	for (size_t i = 0; i < answer->hits_count; i++) {
		const struct hf_wire_match_hit *hit = &answer->hits[i];
		struct hf_explained_entry *entry =
			entry_of(explaining, hit->origin, hit->index);
		size_t at;

		if (entry == NULL)
			continue;
		at = (size_t)(entry - explaining->entries);
		if (best[at] != NULL &&
		    !hf_wire_match_hit_is_stronger(hit, best[at]))
			continue;
		best[at] = hit;
		entry->algorithm = hit->algorithm;
		entry->distance = hit->distance;
		entry->verdict = hit->verdict;
		entry->rule = hit->rule;
		entry->content_class = hit->content_class;
		entry->labels = hit->labels;
		entry->labels_count = hit->labels_count;
	}
}

static uint32_t count_organisations(const struct explaining *explaining)
{
	uint32_t count = 0;

	for (size_t i = 0; i < explaining->count; i++) {
		size_t j = 0;

		while (j < i && strcmp(explaining->entries[i].publisher,
				       explaining->entries[j].publisher) != 0)
			j++;
		count += j == i;
	}
	return count;
}

/* The hashes of an entry that was named, and where it stands. */
static enum hf_err find_entry(struct explaining *explaining,
			      const struct hf_entry_ref *ref, char *out_origin,
			      struct hf_item *out_item, struct hf_why *why)
{
	struct hf_arena *arena = explaining->unary->arena;
	struct hf_ledger_entry entry;
	uint32_t set;
	enum hf_err err = hf_node_set(explaining->unary->node, ref->origin,
				      out_origin, &set, why);

	*out_item = (struct hf_item){ .hashes_count = 0 };
	if (err == HF_OK)
		err = hf_ledger_entry(explaining->view, set, ref->index, &entry,
				      why);
	/* One that cannot be read is explained as far as it goes. */
	if (err == HF_OK && entry.state == HF_LEDGER_HELD &&
	    hf_item_parse(hf_arena_copy(arena, entry.payload), arena, out_item,
			  NULL) != HF_OK)
		*out_item = (struct hf_item){ .hashes_count = 0 };
	return err;
}

static enum hf_err explain_all(struct explaining *explaining,
			       const struct hf_explain_request *request,
			       struct hf_why *why)
{
	struct hf_explain_response response = { .entries_count = 0 };
	struct hf_wire_match_response answer = { .hits_count = 0 };
	struct hf_unary *unary = explaining->unary;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_item item = { .hashes = request->hash, .hashes_count = 1 };
	enum hf_err err = HF_OK;

	if (request->what == HF_EXPLAIN_ENTRY)
		err = find_entry(explaining, request->entry, origin, &item,
				 why);
	if (err == HF_OK)
		err = ask_item(unary, item.hashes, item.hashes_count, &answer,
			       why);
	if (err != HF_OK)
		return err;
	put_hits(explaining, &answer);
	if (request->what == HF_EXPLAIN_ENTRY &&
	    entry_of(explaining, origin, request->entry->index) == NULL)
		response.more = true;
	for (size_t i = 0; i < explaining->count && err == HF_OK; i++)
		err = fill(explaining, &explaining->entries[i], why);
	if (err == HF_OK && explaining->has_failed)
		err = hf_why(why, HF_E_NOMEM, "no memory");
	if (err != HF_OK)
		return err;
	response.entries = explaining->entries;
	response.entries_count = explaining->count;
	response.more |= answer.more;
	response.organisations = count_organisations(explaining);
	if (answer.hits_count > 0)
		response.verdict = answer.hits[0].verdict;
	return hf_explain_response_encode(&response, unary->reply);
}

static enum hf_err explain(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_explain_request request;
	struct explaining explaining = { .unary = unary };
	enum hf_err err = hf_explain_request_parse(unary->request, unary->arena,
						   &request, why);

	if (err != HF_OK)
		return err;
	if (request.what == HF_EXPLAIN_HASH &&
	    !hf_algorithm_takes(request.hash->algorithm,
				request.hash->digest.len_bytes))
		return hf_why(why, HF_E_ARGUMENT,
			      "hash: %zu bytes are no digest of algorithm %u",
			      request.hash->digest.len_bytes,
			      (unsigned)request.hash->algorithm);
	explaining.entries =
		hf_arena_calloc(unary->arena, HF_MATCH_HITS_PER_ITEM,
				sizeof(*explaining.entries));
	if (explaining.entries == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_view_begin(unary->node->ledger, &explaining.view, why);
	if (err != HF_OK)
		return err;
	err = explain_all(&explaining, &request, why);
	hf_ledger_view_end(explaining.view);
	return err;
}

HF_UNARY_ERRAND(explain);

/*
 * Letting go of what is held.
 */

static enum hf_err release_entry(struct hf_node *node, uint32_t set,
				 const char *origin, uint64_t index,
				 struct hf_why *why)
{
	uint64_t count;

	if (!hf_breaker_reset(node->breaker, set, index, &count))
		return hf_why(why, HF_E_NOTFOUND,
			      "entry %llu of %s does not hit too often",
			      (unsigned long long)index, origin);
	hf_opinions_mark(node->opinions, set, index);
	return HF_OK;
}

static enum hf_err release(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_node *node = unary->node;
	struct hf_release_response response = { .count = 1 };
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_release_request request;
	uint32_t set;
	enum hf_err err = hf_release_request_parse(unary->request, unary->arena,
						   &request, why);

	if (err == HF_OK)
		err = hf_node_set(node, request.set, origin, &set, why);
	if (err != HF_OK)
		return err;
	if (request.index_plus_one != 0) {
		err = release_entry(node, set, origin,
				    request.index_plus_one - 1, why);
	} else {
		err = hf_hold_release(node->hold, origin, &response.count, why);
		if (err == HF_OK) {
			hf_feed_changed(node->feed);
			hf_opinions_changed(node->opinions);
		}
	}
	return err == HF_OK
		       ? hf_release_response_encode(&response, unary->reply)
		       : err;
}

HF_UNARY_ERRAND(release);
