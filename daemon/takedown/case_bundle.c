#include <string.h>

#include "agent.h"
#include "bundle.h"
#include "bytes.h"
#include "codec_document.h"
#include "envelope.h"
#include "leaf.h"
#include "ring.h"
#include "trust.h"

#include "cases_in.h"

#define LOGS_MAX    16
#define PARTIES_MAX 16

/* Cases of so many events are shown with those that do not count. */
#define SHOWN_WHOLE 100

/* What is gathered for one case. */
struct bundling {
	struct hf_cases *cases;
	const struct hf_ring *ring;
	struct hf_arena *arena;
	struct hf_bundle_log logs[LOGS_MAX];
	uint32_t sets[LOGS_MAX];
	uint64_t sizes[LOGS_MAX];
	size_t logs_count;
	const uint8_t *parties[PARTIES_MAX];
	size_t parties_count;
	struct hf_bundle_entry *entries;
	size_t entries_count;
	size_t entries_most;
};

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "no memory");
}

static void add_party(struct bundling *bundling, const uint8_t *id)
{
	for (size_t i = 0; i < bundling->parties_count; i++) {
		if (memcmp(bundling->parties[i], id, HF_HASH_BYTES) == 0)
			return;
	}
	if (bundling->parties_count < PARTIES_MAX && !hf_cases_is_zero(id) &&
	    hf_ring_by_id(bundling->ring, id) != NULL)
		bundling->parties[bundling->parties_count++] = id;
}

/* The log of a set, with the checkpoint that everything here is proven
 * under. */
static enum hf_err add_log(struct bundling *bundling,
			   struct hf_ledger_view *view, uint32_t set,
			   size_t *out_log, struct hf_why *why)
{
	const struct hf_ring_set *about;
	struct hf_bundle_log *log;
	struct hf_ledger_info info;
	struct hf_span note;
	enum hf_err err;

	for (*out_log = 0; *out_log < bundling->logs_count; (*out_log)++) {
		if (bundling->sets[*out_log] == set)
			return HF_OK;
	}
	if (bundling->logs_count == LOGS_MAX)
		return hf_why(why, HF_E_LIMIT, "more than %d logs", LOGS_MAX);
	err = hf_ledger_info(view, set, &info, why);
	if (err == HF_OK)
		err = hf_ledger_note(view, set, HF_LEDGER_NOTE, &note, why);
	if (err != HF_OK)
		return err;
	about = hf_ring_set(bundling->ring, hf_span_of(info.origin));
	if (about == NULL)
		return hf_why(why, HF_E_NOTFOUND, "%s has no agreement",
			      info.origin);
	log = &bundling->logs[bundling->logs_count];
	log->origin = hf_arena_text(bundling->arena, hf_span_of(info.origin));
	log->agreement = hf_arena_copy(bundling->arena, about->document);
	log->note = hf_arena_copy(bundling->arena, note);
	if (log->origin == NULL || log->agreement.at == NULL ||
	    log->note.at == NULL)
		return no_memory(why);
	bundling->sets[bundling->logs_count] = set;
	bundling->sizes[bundling->logs_count++] = info.note_size;
	add_party(bundling, about->publisher->id);
	return HF_OK;
}

static enum hf_err copy_entry(struct bundling *bundling,
			      struct hf_ledger_view *view, uint32_t set,
			      uint64_t index, struct hf_bundle_entry *out,
			      struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_tree_proof proof;
	size_t log;
	enum hf_err err = add_log(bundling, view, set, &log, why);

	if (err == HF_OK)
		err = hf_ledger_entry(view, set, index, &entry, why);
	if (err == HF_OK && entry.state != HF_LEDGER_HELD)
		err = hf_why(why, HF_E_NOTFOUND,
			     "entry %llu of a log of the case has no payload "
			     "here",
			     (unsigned long long)index);
	if (err == HF_OK)
		err = hf_ledger_prove_entry(view, set, index,
					    bundling->sizes[log], &proof, why);
	if (err != HF_OK)
		return err;
	*out = (struct hf_bundle_entry){
		.log = (uint32_t)log,
		.index = index,
		.header = hf_arena_copy(bundling->arena,
					hf_span(entry.header, HF_HEADER_BYTES)),
		.opening = hf_arena_copy(bundling->arena, entry.opening),
		.payload = hf_arena_copy(bundling->arena, entry.payload),
		.proof = hf_arena_copy(
			bundling->arena,
			hf_span(proof.hashes,
				proof.hashes_count * HF_HASH_BYTES)),
	};
	return out->header.at != NULL && out->opening.at != NULL &&
			       out->payload.at != NULL && out->proof.at != NULL
		       ? HF_OK
		       : no_memory(why);
}

static struct hf_bundle_entry *next_entry(struct bundling *bundling,
					  struct hf_why *why)
{
	if (bundling->entries_count < bundling->entries_most)
		return &bundling->entries[bundling->entries_count];
	(void)hf_why(why, HF_E_LIMIT, "more entries than a bundle holds");
	return NULL;
}

/* Where this entry is among those already there. */
static bool has_entry(const struct bundling *bundling, uint32_t set,
		      uint64_t index)
{
	for (size_t i = 0; i < bundling->entries_count; i++) {
		const struct hf_bundle_entry *entry = &bundling->entries[i];

		if (bundling->sets[entry->log] == set && entry->index == index)
			return true;
	}
	return false;
}

static enum hf_err add_entry(struct bundling *bundling, uint32_t set,
			     uint64_t index, struct hf_span *out_record,
			     struct hf_bundle_entry **out, struct hf_why *why)
{
	struct hf_bundle_entry *entry = next_entry(bundling, why);
	struct hf_ledger_view *view;
	struct hf_span record;
	enum hf_err err;

	if (entry == NULL)
		return HF_E_LIMIT;
	err = hf_ledger_view_begin(bundling->cases->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = copy_entry(bundling, view, set, index, entry, why);
	if (err == HF_OK && out_record != NULL) {
		err = hf_ledger_record(view, set, index, &record, why);
		if (err == HF_OK) {
			*out_record = hf_arena_copy(bundling->arena, record);
			err = out_record->at != NULL ? HF_OK : no_memory(why);
		}
	}
	hf_ledger_view_end(view);
	if (err != HF_OK)
		return err;
	bundling->entries_count++;
	*out = entry;
	return HF_OK;
}

/* The KEY entry that announced the key which an envelope of ours was sealed
 * with, in whatever log of the recipient it stands; none where it was the
 * manifest's. */
static enum hf_err add_key(struct bundling *bundling,
			   const struct hf_envelope *envelope,
			   struct hf_why *why)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(bundling->ring, &sets);
	struct hf_store_txn *views;
	struct hf_bundle_entry *unused;
	enum hf_err err =
		hf_store_view_begin(bundling->cases->views, &views, why);

	for (size_t i = 0; err == HF_OK && i < count; i++) {
		uint8_t key[1 + 4 + HF_RECEIVE_KEY_ID_BYTES] = { 'k' };
		struct hf_ledger_view *view;
		struct hf_span value;
		uint32_t set;

		if (sets[i].agreement->kind != HF_SET_KIND_CASES ||
		    memcmp(sets[i].publisher->id, envelope->header.recipient_id,
			   HF_HASH_BYTES) != 0 ||
		    hf_ledger_view_begin(bundling->cases->options.ledger, &view,
					 NULL) != HF_OK)
			continue;
		err = hf_ledger_find(view, hf_span_of(sets[i].origin), &set,
				     NULL);
		hf_ledger_view_end(view);
		if (err == HF_OK) {
			hf_be32_put(key + 1, set);
			memcpy(key + 5, envelope->header.receive_key_id,
			       HF_RECEIVE_KEY_ID_BYTES);
			err = hf_store_get(views, HF_CASE_META,
					   hf_span(key, sizeof(key)), &value,
					   NULL);
		}
		if (err == HF_OK && value.len_bytes == 8 &&
		    !has_entry(bundling, set, hf_be64(value.at)))
			err = add_entry(bundling, set, hf_be64(value.at), NULL,
					&unused, why);
		if (err == HF_E_NOTFOUND)
			err = HF_OK;
	}
	hf_store_view_end(views);
	return err;
}

static enum hf_err add_event(struct bundling *bundling,
			     const struct hf_case_event_row *row,
			     struct hf_why *why)
{
	struct hf_bundle_entry *entry = NULL;
	struct hf_envelope envelope;
	struct hf_agent_record read;
	struct hf_span record;
	enum hf_err err;

	if (has_entry(bundling, row->set, row->index))
		return HF_OK;
	err = add_entry(bundling, row->set, row->index, &record, &entry, why);
	if (err == HF_OK)
		err = hf_envelope_parse(entry->payload, &envelope, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_agent_read(bundling->cases->options.agent, record, &read, why);
	if (err == HF_OK) {
		entry->text =
			hf_arena_copy(bundling->arena, hf_buf_span(&read.text));
		entry->signature = hf_arena_copy(
			bundling->arena,
			hf_span(read.signature, sizeof(read.signature)));
		if (read.has_ephemeral)
			entry->ephemeral =
				hf_arena_copy(bundling->arena,
					      hf_span(read.ephemeral,
						      sizeof(read.ephemeral)));
		if (entry->text.at == NULL || entry->signature.at == NULL)
			err = no_memory(why);
	}
	if (err == HF_OK && read.has_ephemeral)
		err = add_key(bundling, &envelope, why);
	hf_wipe(read.ephemeral, sizeof(read.ephemeral));
	hf_buf_release(&read.text);
	add_party(bundling, row->fact.author);
	add_party(bundling, row->recipient);
	return err;
}

/* An invite of a party: its manifest, and what proves its id where the root
 * keys have changed since its first. */
static enum hf_err put_invite(struct bundling *bundling, const uint8_t *id,
			      struct hf_span *out, struct hf_why *why)
{
	const struct hf_organisation *who = hf_ring_by_id(bundling->ring, id);
	const struct hf_manifest *manifest;
	struct hf_span history[HF_HISTORY_MAX];
	struct hf_invite invite = { .manifest = who->document,
				    .history = history };
	struct hf_buf wire;
	bool is_proved;
	enum hf_err err = hf_trust_manifest(who->document, bundling->arena,
					    &manifest, &is_proved, why);

	if (err != HF_OK)
		return err;
	for (uint64_t version = 1; !is_proved && version < manifest->version &&
				   invite.history_count < HF_HISTORY_MAX;
	     version++) {
		struct hf_span older =
			hf_ring_manifest(bundling->ring, id, version);

		if (older.len_bytes > 0)
			history[invite.history_count++] = older;
	}
	hf_buf_init(&wire, HF_INVITE_MAX_BYTES);
	err = hf_invite_encode(&invite, &wire);
	if (err == HF_OK) {
		*out = hf_arena_copy(bundling->arena, hf_buf_span(&wire));
		err = out->at != NULL ? HF_OK : HF_E_NOMEM;
	}
	hf_buf_release(&wire);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "the manifest of %s", who->name);
}

static enum hf_err put_bundle(struct bundling *bundling,
			      const struct hf_case_row *row, struct hf_buf *out,
			      struct hf_why *why)
{
	struct hf_span manifests[PARTIES_MAX];
	struct hf_case_summary fixed;
	struct hf_bundle bundle = {
		.version = 1,
		.manifests = manifests,
		.manifests_count = bundling->parties_count,
		.logs = bundling->logs,
		.logs_count = bundling->logs_count,
		.entries = bundling->entries,
		.entries_count = bundling->entries_count,
		.made_ms = hf_cases_now(bundling->cases),
		.made_by = hf_span(hf_ring_self(bundling->ring)->id,
				   HF_HASH_BYTES),
	};
	struct hf_buf wire;
	enum hf_err err = hf_case_summary_parse(row->opening, bundling->arena,
						&fixed, why);

	for (size_t i = 0; err == HF_OK && i < bundling->parties_count; i++)
		err = put_invite(bundling, bundling->parties[i], &manifests[i],
				 why);
	if (err != HF_OK)
		return err;
	bundle.opening = fixed.opening;
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	err = hf_bundle_encode(&bundle, &wire);
	if (err == HF_OK)
		err = hf_bundle_file(hf_buf_span(&wire), out, why);
	else
		hf_why(why, err, "the bundle is larger than %zu bytes",
		       HF_MESSAGE_MAX_BYTES);
	hf_buf_release(&wire);
	return err;
}

static bool is_party(const struct bundling *bundling, struct hf_span id)
{
	for (size_t i = 0; i < bundling->parties_count; i++) {
		if (hf_span_equal(hf_span(bundling->parties[i], HF_HASH_BYTES),
				  id))
			return true;
	}
	return false;
}

/* The logs of the parties for each other that no event stands in: the log of a
 * provider that never answered has its cosigner's key, whose signature on our
 * checkpoint shows that it had our tree. */
static enum hf_err add_silent_logs(struct bundling *bundling,
				   struct hf_why *why)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(bundling->ring, &sets), log;
	struct hf_ledger_view *view = NULL;
	enum hf_err err = hf_ledger_view_begin(bundling->cases->options.ledger,
					       &view, why);

	for (size_t i = 0; err == HF_OK && i < count; i++) {
		const struct hf_agreement *about = sets[i].agreement;
		struct hf_ledger_info info;
		uint32_t set;

		if (about->kind != HF_SET_KIND_CASES ||
		    about->audience_count != 1 ||
		    !is_party(bundling, about->audience[0]) ||
		    !is_party(bundling, about->organisation_id) ||
		    hf_ledger_find(view, hf_span_of(sets[i].origin), &set,
				   NULL) != HF_OK ||
		    hf_ledger_info(view, set, &info, NULL) != HF_OK ||
		    !info.has_note)
			continue;
		err = add_log(bundling, view, set, &log, why);
	}
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err gather(struct bundling *bundling, const char *case_id,
			  struct hf_case_row *row,
			  struct hf_cases_history *history, struct hf_why *why)
{
	struct hf_store_txn *view;
	enum hf_err err =
		hf_store_view_begin(bundling->cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_case_find(view, case_id, bundling->arena, row, why);
	if (err == HF_OK && row->hold != 0)
		err = hf_why(why, HF_E_CONFLICT,
			     "it was not sent: there is nothing to prove");
	if (err == HF_OK)
		err = hf_cases_history(bundling->cases, view, row,
				       bundling->arena, history, why);
	hf_store_view_end(view);
	return err;
}

/* What counts; where there is room also what does not: nobody shall keep a case
 * from being shown by writing too much into it. */
static bool is_wanted(const struct hf_cases_history *history, size_t which)
{
	return history->fates[which] == HF_CASE_FATE_APPLIED ||
	       history->count <= SHOWN_WHOLE;
}

enum hf_err hf_cases_bundle(struct hf_cases *cases, const char *case_id,
			    struct hf_buf *out_bundle, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_cases_history history = { .count = 0 };
	struct hf_case_row row;
	struct hf_arena arena;
	struct bundling bundling = {
		.cases = cases,
		.ring = ring,
		.arena = &arena,
		.entries_most = HF_CASE_EVENTS_MAX,
	};
	enum hf_err err;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	err = gather(&bundling, case_id, &row, &history, why);
	bundling.entries = hf_arena_calloc(&arena, HF_CASE_EVENTS_MAX,
					   sizeof(*bundling.entries));
	if (err == HF_OK && bundling.entries == NULL)
		err = no_memory(why);
	add_party(&bundling, hf_ring_self(ring)->id);
	for (size_t i = 0; err == HF_OK && i < history.count; i++) {
		if (is_wanted(&history, i))
			err = add_event(&bundling, &history.rows[i], why);
	}
	if (err == HF_OK)
		err = add_silent_logs(&bundling, why);
	if (err == HF_OK)
		err = put_bundle(&bundling, &row, out_bundle, why);
	hf_arena_release(&arena);
	hf_ring_release(ring);
	return err;
}
