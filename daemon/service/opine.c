#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "leaf.h"
#include "ledger_view.h"
#include "ring.h"
#include "text.h"

#include "node.h"
#include "opine.h"
#include "opinions.h"
#include "own_set.h"
#include "serve.h"
#include "unary.h"

/* Whoever asks next wants to see what was said. */
#define READ_WAIT_MS 2000

/* "hotline.example/0123...ef/1", 128 random bits. */
static bool has_random_name(const char *origin)
{
	struct hf_span domain = hf_text_origin_domain(hf_span_of(origin));
	const char *name = origin + domain.len_bytes + 1;

	return strspn(name, "0123456789abcdef") == 32 && name[32] == '/';
}

static bool has_id(const struct hf_span *ids, size_t count, const uint8_t *id)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(ids[i].at, id, HF_HASH_BYTES) == 0)
			return true;
	}
	return false;
}

/* Does the organisation know of this set anyway? */
static bool knows(const struct hf_ring_set *about, const uint8_t *id)
{
	return memcmp(about->publisher->id, id, HF_HASH_BYTES) == 0 ||
	       has_id(about->agreement->audience,
		      about->agreement->audience_count, id);
}

bool hf_opine_may_name(const struct hf_ring *ring,
		       const struct hf_ring_set *set, const char *about_origin,
		       struct hf_why *why)
{
	const struct hf_ring_set *about =
		hf_ring_set(ring, hf_span_of(about_origin));
	const struct hf_agreement *has = set->agreement;
	const struct {
		const struct hf_span *ids;
		size_t count;
	} lists[] = { { has->audience, has->audience_count },
		      { has->relays, has->relays_count } };

	if (has_random_name(about_origin)) {
		hf_why(why, HF_E_DENIED,
		       "the set has a name that is nobody's "
		       "to know");
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < lists[i].count; j++) {
			if (about != NULL && knows(about, lists[i].ids[j].at))
				continue;
			hf_why(why, HF_E_DENIED,
			       "a member of %s is none of its set",
			       set->origin);
			return false;
		}
	}
	return true;
}

/* An entry of our set of opinions that names a set the peer may not have. */
static enum hf_err check_named(const struct hf_ring *ring,
			       const struct hf_ledger_entry *entry,
			       struct hf_arena *arena,
			       const struct hf_organisation *peer,
			       struct hf_why *why)
{
	const struct hf_ring_set *about;
	struct hf_opinion opinion;

	hf_arena_reset(arena);
	if (entry->state != HF_LEDGER_HELD ||
	    hf_opinion_parse(entry->payload, arena, &opinion, NULL) != HF_OK ||
	    opinion.entry == NULL)
		return HF_OK;
	about = hf_ring_set(ring, hf_span_of(opinion.entry->origin));
	if (about != NULL && knows(about, peer->id))
		return HF_OK;
	return hf_why(why, HF_E_DENIED,
		      "entry %llu names %s, which %s may not know of; say "
		      "opinions for it in another set (hashfed opine --set)",
		      (unsigned long long)entry->index, opinion.entry->origin,
		      peer->name);
}

enum hf_err hf_opine_may_share(struct hf_node *node, const struct hf_ring *ring,
			       const struct hf_ring_set *set,
			       const struct hf_organisation *peer,
			       struct hf_why *why)
{
	const char *name = set->origin + strlen(set->publisher->name) + 1;
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_arena arena;
	uint32_t number;
	enum hf_err err;

	if (set->agreement->kind != HF_SET_KIND_OPINIONS)
		return HF_OK;
	if (strncmp(name, HF_OVERRIDES_SET "/", sizeof(HF_OVERRIDES_SET)) == 0)
		return hf_why(why, HF_E_DENIED,
			      "%s is this node's own remedy and for nobody "
			      "else",
			      set->origin);
	err = hf_ledger_view_begin(node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_ledger_find(view, hf_span_of(set->origin), &number, why);
	if (err == HF_OK)
		err = hf_ledger_scan_begin(view, number, 0, &scan, why);
	if (err == HF_OK) {
		while (err == HF_OK) {
			err = hf_ledger_scan_next(scan, &entry, why);
			if (err == HF_OK)
				err = check_named(ring, &entry, &arena, peer,
						  why);
		}
		hf_ledger_scan_end(scan);
	}
	hf_arena_release(&arena);
	hf_ledger_view_end(view);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/*
 * Saying it.
 */

/* The set to say it in, opened with its first opinion. */
static enum hf_err set_need(struct hf_node *node, const char *name,
			    char *out_origin, uint32_t *out_set,
			    struct hf_why *why)
{
	const struct hf_ring_set *about;
	struct hf_ring *ring;
	bool is_right;
	enum hf_err err = hf_node_own_set(node, name, out_origin, out_set, why);

	if (err == HF_E_NOTFOUND) {
		err = hf_own_set_open_kind(
			node, HF_SET_KIND_OPINIONS, name, NULL, 0, NULL, 0,
			"what we think of entries", out_origin, why);
		if (err == HF_OK)
			err = hf_node_own_set(node, name, out_origin, out_set,
					      why);
	}
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(node->ring);
	about = hf_ring_set(ring, hf_span_of(out_origin));
	is_right =
		about != NULL && about->agreement->kind == HF_SET_KIND_OPINIONS;
	hf_ring_release(ring);
	return is_right ? HF_OK
			: hf_why(why, HF_E_CONFLICT,
				 "our set %s is not one of opinions",
				 out_origin);
}

/* The entry that it is about, with its leaf hash; and its item's hashes, in
 * the arena. */
static enum hf_err subject_find(struct hf_unary *unary,
				const struct hf_entry_ref *asked,
				struct hf_entry_ref *out_ref,
				struct hf_item *out_item, struct hf_why *why)
{
	char *origin = hf_arena_alloc(unary->arena, HF_ORIGIN_MAX_BYTES + 1);
	struct hf_tree_hash leaf;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_header header;
	uint32_t set;
	enum hf_err err;

	if (origin == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_node_set(unary->node, asked->origin, origin, &set, why);
	if (err == HF_OK)
		err = hf_ledger_view_begin(unary->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_entry(view, set, asked->index, &entry, why);
	if (err == HF_OK)
		err = hf_header_parse(entry.header, &header, why);
	if (err == HF_OK && header.op != HF_OP_ADD)
		err = hf_why(why, HF_E_ARGUMENT,
			     "entry %llu of %s adds no item",
			     (unsigned long long)asked->index, origin);
	*out_item = (struct hf_item){ .hashes_count = 0 };
	if (err == HF_OK && entry.state == HF_LEDGER_HELD)
		err = hf_item_parse(hf_arena_copy(unary->arena, entry.payload),
				    unary->arena, out_item, why);
	if (err == HF_OK) {
		hf_leaf_hash(entry.header, &leaf);
		*out_ref = (struct hf_entry_ref){
			.origin = origin,
			.index = asked->index,
			.leaf_hash = hf_arena_copy(
				unary->arena,
				hf_span(leaf.bytes, HF_HASH_BYTES)),
		};
		if (out_ref->leaf_hash.at == NULL)
			err = hf_why(why, HF_E_NOMEM, "no memory");
		else if (asked->leaf_hash.len_bytes > 0 &&
			 !hf_span_equal(asked->leaf_hash, out_ref->leaf_hash))
			err = hf_why(why, HF_E_CONFLICT,
				     "entry %llu of %s has another leaf hash",
				     (unsigned long long)asked->index, origin);
	}
	hf_ledger_view_end(view);
	return err;
}

/* Instead of the entry, all of its hashes that may be named. */
static enum hf_err name_hashes(struct hf_unary *unary,
			       const struct hf_item *item,
			       struct hf_opinion *opinion, struct hf_why *why)
{
	struct hf_hash *hashes = hf_arena_calloc(
		unary->arena, item->hashes_count + 1, sizeof(*hashes));
	size_t count = 0;

	if (hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < item->hashes_count; i++) {
		const struct hf_hash *hash = &item->hashes[i];

		if (hash->algorithm != HF_ALGORITHM_VPDQ &&
		    hf_algorithm_takes(hash->algorithm, hash->digest.len_bytes))
			hashes[count++] = *hash;
	}
	if (count == 0)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "the entry may not be named there, and has no "
			      "hash that could be instead");
	opinion->entry = NULL;
	opinion->hashes = hashes;
	opinion->hashes_count = count;
	return HF_OK;
}

/* What an opinion is about, as far as it is an entry. */
struct about {
	struct hf_entry_ref ref;
	struct hf_item item;
};

/* Name the entry, or say why only its hashes are. */
static enum hf_err compose(struct hf_unary *unary,
			   const struct hf_opine_request *request,
			   const struct about *about, const char *origin,
			   struct hf_opinion *opinion,
			   struct hf_why *why_hashes, struct hf_why *why)
{
	const struct hf_ring_set *set;
	struct hf_ring *ring;
	bool may_name;

	if (request->subject == HF_OPINE_HASH) {
		opinion->hashes = request->hash;
		opinion->hashes_count = 1;
		return HF_OK;
	}
	opinion->entry = &about->ref;
	/* Nobody else ever has our overrides. */
	if (strcmp(request->set, HF_OVERRIDES_SET) == 0)
		return HF_OK;
	ring = hf_ring_holder_get(unary->node->ring);
	set = hf_ring_set(ring, hf_span_of(origin));
	may_name = set != NULL &&
		   hf_opine_may_name(ring, set, about->ref.origin, why_hashes);
	hf_ring_release(ring);
	return may_name ? HF_OK
			: name_hashes(unary, &about->item, opinion, why);
}

static enum hf_err say(struct hf_unary *unary, uint32_t set,
		       const struct hf_opinion *opinion,
		       struct hf_ledger_receipt *out_receipt,
		       struct hf_why *why)
{
	struct hf_buf payload;
	enum hf_err err;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = hf_opinion_encode(opinion, &payload);
	if (err != HF_OK)
		err = hf_why(why, err, "opinion: %s", hf_err_words(err));
	else
		err = hf_own_set_state(unary->node, set, hf_clock_wall_ms(),
				       hf_buf_span(&payload), out_receipt, why);
	hf_buf_release(&payload);
	return err;
}

/* Before a set is opened for it. */
static enum hf_err check(const struct hf_opine_request *request,
			 const struct hf_opinion *opinion, struct hf_why *why)
{
	uint8_t leaf[HF_HASH_BYTES] = { 0 };
	const struct hf_entry_ref some = { "a.example/a/1",
					   0,
					   { leaf, sizeof(leaf) } };
	struct hf_opinion whole = *opinion;

	if (request->subject == HF_OPINE_HASH) {
		whole.hashes = request->hash;
		whole.hashes_count = 1;
	} else {
		whole.entry = &some;
	}
	if (opinion->until_ms != 0 && opinion->until_ms <= hf_clock_wall_ms())
		return hf_why(why, HF_E_ARGUMENT,
			      "until_ms: that is over already");
	return hf_opinion_check(&whole, why);
}

static enum hf_err opine(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_why why_hashes = { "" };
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_opine_request request;
	struct hf_ledger_receipt receipt;
	struct hf_opinion opinion;
	struct about about;
	uint32_t set;
	enum hf_err err;

	err = hf_opine_request_parse(unary->request, unary->arena, &request,
				     why);
	if (err != HF_OK)
		return err;
	opinion = (struct hf_opinion){ .kind = request.kind,
				       .reason = request.reason,
				       .note = request.note,
				       .until_ms = request.until_ms };
	if (request.set[0] == '\0')
		request.set = request.kind == HF_OPINION_IGNORE
				      ? HF_OVERRIDES_SET
				      : HF_OPINIONS_SET;
	err = check(&request, &opinion, why);
	if (err == HF_OK && request.kind == HF_OPINION_IGNORE &&
	    strcmp(request.set, HF_OVERRIDES_SET) != 0)
		err = hf_why(why, HF_E_ARGUMENT,
			     "set: what to ignore is said in '%s' alone",
			     HF_OVERRIDES_SET);
	/* The peer may have been enrolled by another program a moment ago. */
	if (err == HF_OK)
		err = hf_node_ring_changed(unary->node, why);
	if (err == HF_OK && request.subject == HF_OPINE_ENTRY)
		err = subject_find(unary, request.entry, &about.ref,
				   &about.item, why);
	if (err == HF_OK)
		err = set_need(unary->node, request.set, origin, &set, why);
	if (err == HF_OK)
		err = compose(unary, &request, &about, origin, &opinion,
			      &why_hashes, why);
	if (err == HF_OK)
		err = say(unary, set, &opinion, &receipt, why);
	if (err != HF_OK)
		return err;
	/* What is durable is said, read or not. */
	err = hf_opinions_wait(unary->node->opinions, set, receipt.size,
			       READ_WAIT_MS);
	(void)err;
	return hf_opine_response_encode(
		&(struct hf_opine_response){ .origin = origin,
					     .index = receipt.first,
					     .why_hashes = why_hashes.text },
		unary->reply);
}

HF_UNARY_ERRAND(opine);
