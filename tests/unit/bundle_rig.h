/*
 * bundle_rig.h -- a hotline, a provider and an authority, their logs of one
 * case, and the bundle that shows it: all real, all in memory, the same bytes
 * in every run.
 */
#ifndef HF_BUNDLE_RIG_H
#define HF_BUNDLE_RIG_H

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "bundle.h"
#include "codec_case.h"
#include "codec_takedown.h"
#include "envelope.h"
#include "leaf.h"
#include "note.h"
#include "organisations.h"
#include "receive_key.h"
#include "sha256.h"
#include "tree.h"

#define MINUTE_MS ((uint64_t)60 * 1000)
#define HOUR_MS   (60 * MINUTE_MS)

#define RIG_ENTRIES_MAX 16
#define RIG_SETS_MAX    6
#define RIG_ORGS        3
#define RIG_LEVELS      5

/* One entry as its writer keeps it. */
struct rig_entry {
	uint8_t header[HF_HEADER_BYTES];
	uint8_t opening[HF_OPENING_BYTES];
	struct hf_buf payload; /* owned */
	struct hf_buf text;    /* owned */
	uint8_t signature[HF_SIGNATURE_BYTES];
	uint8_t ephemeral[HF_SEED_BYTES];
	uint8_t event_id[HF_EVENT_ID_BYTES];
	uint8_t envelope_header[HF_ENVELOPE_HEADER_BYTES];
	bool is_key;
};

struct rig_set {
	struct made_up *writer;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_secret *log; /* owned */
	/* The writer's notice key, or whose a forger has; borrowed. */
	const struct hf_secret *notice;
	struct hf_buf agreement, note;
	struct rig_entry entries[RIG_ENTRIES_MAX];
	size_t entries_count;
	struct hf_tree_hash nodes[RIG_LEVELS][RIG_ENTRIES_MAX];
	struct hf_frontier frontier;
};

/* What goes into a bundle, for tests to spoil before it is encoded. */
struct rig_bundle {
	struct hf_bundle bundle;
	struct hf_entry_ref opening;
	struct hf_span manifests[RIG_ORGS + 2];
	struct hf_bundle_log logs[RIG_SETS_MAX];
	struct hf_bundle_entry entries[RIG_SETS_MAX * RIG_ENTRIES_MAX];
	struct hf_tree_proof proofs[RIG_SETS_MAX * RIG_ENTRIES_MAX];
	struct hf_tree_hash opening_leaf;
};

static struct made_up hotline, provider, authority;
static struct made_up *const rig_orgs[RIG_ORGS] = { &hotline, &provider,
						    &authority };
static uint8_t rig_seeds[RIG_ORGS][HF_SEED_BYTES]; /* of receive keys */
static struct hf_buf rig_invites[RIG_ORGS];
static struct rig_set rig_sets[RIG_SETS_MAX];
static size_t rig_sets_count;
static struct hf_commit rig_commit;
static uint8_t rig_counter; /* for all that is random elsewhere */

static inline void rig_any(uint8_t *out_bytes, size_t len_bytes)
{
	rig_counter++;
	for (size_t i = 0; i < len_bytes; i++)
		out_bytes[i] = (uint8_t)(rig_counter + 7 * i);
}

/* --- Organisations. ------------------------------------------------------ */

static inline enum hf_err rig_invite(const struct made_up *org,
				     struct hf_buf *out)
{
	const struct hf_invite invite = { .manifest =
						  hf_buf_span(&org->document) };

	hf_buf_reset(out);
	return hf_invite_encode(&invite, out);
}

static inline int rig_start(void **state)
{
	static const char *const names[RIG_ORGS] = { "hotline.example",
						     "provider.example",
						     "authority.example" };

	if (hf_sign_start(NULL) != HF_OK)
		return -1;
	hf_commit_init(&rig_commit);
	for (size_t i = 0; i < RIG_ORGS; i++) {
		struct made_up *org = rig_orgs[i];

		if (made_up_new(org, names[i], (uint8_t)(10 + 10 * i), 1, 1,
				NULL) != HF_OK)
			return -1;
		memset(rig_seeds[i], (int)(101 + i), HF_SEED_BYTES);
		hf_receive_public(rig_seeds[i], org->receive);
		hf_buf_init(&rig_invites[i], HF_INVITE_MAX_BYTES);
		if (made_up_sign(org, &org->document, NULL) != HF_OK ||
		    rig_invite(org, &rig_invites[i]) != HF_OK)
			return -1;
	}
	return 0;
}

static inline int rig_stop(void **state)
{
	for (size_t i = 0; i < RIG_ORGS; i++) {
		made_up_free(rig_orgs[i]);
		hf_buf_release(&rig_invites[i]);
	}
	return 0;
}

/* --- Sets. --------------------------------------------------------------- */

static inline enum hf_err rig_put(void *context, unsigned level, uint64_t index,
				  const struct hf_tree_hash *hash,
				  struct hf_why *why)
{
	struct rig_set *set = context;

	set->nodes[level][index] = *hash;
	return HF_OK;
}

static inline enum hf_err rig_get(void *context, unsigned level, uint64_t index,
				  struct hf_tree_hash *out_hash,
				  struct hf_why *why)
{
	const struct rig_set *set = context;

	*out_hash = set->nodes[level][index];
	return HF_OK;
}

/* The agreement of a set, by a key and of a kind that a test may choose. */
static inline void rig_agree(struct rig_set *set, const struct made_up *reader,
			     const struct hf_secret *key, enum hf_set_kind kind)
{
	const struct hf_span audience = { reader != NULL ? reader->id : NULL,
					  32 };
	char cosigner[HF_COSIGNER_MAX_BYTES + 1];
	struct hf_agreement agreement = {
		.origin = set->origin,
		.version = 1,
		.organisation_id = hf_span(set->writer->id, 32),
		.log_key = public_span(set->log),
		.cosigner_key = public_span(set->writer->cosigner),
		.cosigner_name = cosigner,
		.audience = &audience,
		.audience_count = reader != NULL ? 1 : 0,
		.relay = HF_RELAY_NONE,
		.issued_ms = NOW_MS - HOUR_MS,
		.expires_ms = NOW_MS + 30 * DAY_MS,
		.kind = kind,
	};
	struct hf_why why = { "" };

	snprintf(cosigner, sizeof(cosigner), "%s/cosigner",
		 set->writer->manifest.name);
	hf_buf_reset(&set->agreement);
	assert_ok(
		hf_trust_agreement_make(&agreement, key, &set->agreement, &why),
		&why);
}

static inline struct rig_set *
rig_open(struct made_up *writer, const struct made_up *reader, const char *name)
{
	struct rig_set *set = &rig_sets[rig_sets_count++];

	memset(set, 0, sizeof(*set));
	set->writer = writer;
	set->notice = writer->notice;
	snprintf(set->origin, sizeof(set->origin), "%s/%s/1",
		 writer->manifest.name, name);
	hf_buf_init(&set->agreement, HF_AGREEMENT_MAX_BYTES);
	hf_buf_init(&set->note, HF_NOTE_MAX_BYTES);
	hf_frontier_init(&set->frontier);
	set->log = secret_of((uint8_t)(200 + rig_sets_count));
	assert_non_null(set->log);
	rig_agree(set, reader, writer->agreement, HF_SET_KIND_CASES);
	return set;
}

/* Close every set and forget the case. */
static inline void rig_clear(void)
{
	for (size_t i = 0; i < rig_sets_count; i++) {
		struct rig_set *set = &rig_sets[i];

		for (size_t j = 0; j < set->entries_count; j++) {
			hf_buf_release(&set->entries[j].payload);
			hf_buf_release(&set->entries[j].text);
		}
		hf_secret_free(set->log);
		hf_buf_release(&set->agreement);
		hf_buf_release(&set->note);
	}
	rig_sets_count = 0;
	rig_counter = 0;
}

static inline struct rig_entry *rig_new_entry(struct rig_set *set)
{
	struct rig_entry *entry = &set->entries[set->entries_count];

	assert_true(set->entries_count < RIG_ENTRIES_MAX);
	memset(entry, 0, sizeof(*entry));
	set->entries_count++;
	hf_buf_init(&entry->payload, HF_PAYLOAD_MAX_BYTES);
	hf_buf_init(&entry->text, HF_CASE_TEXT_MAX_BYTES);
	return entry;
}

/* Its payload is whole: commit to it and let the tree grow. */
static inline void rig_append(struct rig_set *set, struct rig_entry *entry,
			      uint8_t op, uint64_t time_ms)
{
	const struct hf_tree_sink sink = { rig_put, set };
	struct hf_tree_hash leaf;
	struct hf_header header = {
		.op = op,
		.time_ms = time_ms,
		.target = set->frontier.size,
	};

	assert_int_equal(hf_buf_failed(&entry->payload), HF_OK);
	rig_any(entry->opening, sizeof(entry->opening));
	hf_commit_payload(&rig_commit, entry->opening,
			  hf_buf_span(&entry->payload), &header);
	hf_header_encode(&header, entry->header);
	hf_leaf_hash(entry->header, &leaf);
	assert_int_equal(hf_frontier_append(&set->frontier, &leaf, &sink, NULL),
			 HF_OK);
}

static inline struct hf_entry_ref rig_ref(const struct rig_set *set,
					  size_t index)
{
	return (struct hf_entry_ref){
		.origin = set->origin,
		.index = index,
		.leaf_hash = hf_span(set->nodes[0][index].bytes, HF_HASH_BYTES),
	};
}

/* --- Events. ------------------------------------------------------------- */

/* The key that what is for an organisation is sealed with. */
static inline const uint8_t *rig_receive_key(const struct made_up *org)
{
	return org->receive;
}

/* Seal an event of the set's writer for one reader; its id is given or made
 * up, its time is in it.  Returns the index. */
static inline size_t rig_say(struct rig_set *set, const struct made_up *to,
			     struct hf_case_event *event,
			     const uint8_t *recipient_key)
{
	struct rig_entry *entry = rig_new_entry(set);
	struct hf_envelope_header header = {
		.issued_ms = event->at_ms,
		.expires_ms = event->at_ms + 30 * DAY_MS,
	};
	struct hf_envelope envelope;
	struct hf_why why = { "" };

	if (event->event_id.len_bytes == 0)
		rig_any(entry->event_id, sizeof(entry->event_id));
	else
		memcpy(entry->event_id, event->event_id.at,
		       sizeof(entry->event_id));
	event->event_id = hf_span(entry->event_id, sizeof(entry->event_id));
	assert_int_equal(hf_case_event_encode(event, &entry->text), HF_OK);
	assert_ok(hf_case_event_check(event, &why), &why);
	memcpy(header.sender_id, set->writer->id, 32);
	memcpy(header.recipient_id, to->id, 32);
	memcpy(header.event_id, entry->event_id, sizeof(header.event_id));
	rig_any(entry->ephemeral, sizeof(entry->ephemeral));
	assert_ok(hf_envelope_seal(&header, hf_buf_span(&entry->text),
				   set->notice, recipient_key, entry->ephemeral,
				   &entry->payload, entry->signature, &why),
		  &why);
	assert_ok(hf_envelope_parse(hf_buf_span(&entry->payload), &envelope,
				    &why),
		  &why);
	memcpy(entry->envelope_header, envelope.header_bytes.at,
	       HF_ENVELOPE_HEADER_BYTES);
	rig_append(set, entry, HF_OP_STATUS, event->at_ms);
	return set->entries_count - 1;
}

/* A word about a case: after one event, or none. */
static inline struct hf_case_event rig_event(enum hf_case_event_kind kind,
					     const struct hf_entry_ref *opening,
					     const struct hf_span *after,
					     uint64_t at_ms)
{
	return (struct hf_case_event){
		.kind = kind,
		.case_ref = opening,
		.after = after,
		.after_count = after != NULL ? 1 : 0,
		.at_ms = at_ms,
	};
}

static inline struct hf_span rig_id(const struct rig_set *set, size_t index)
{
	return hf_span(set->entries[index].event_id, HF_EVENT_ID_BYTES);
}

/* A receive key of the set's writer that begins. */
static inline void rig_key(struct rig_set *set,
			   const uint8_t key[static HF_PUBLIC_KEY_BYTES],
			   uint64_t from_ms, uint64_t until_ms)
{
	struct rig_entry *entry = rig_new_entry(set);
	struct hf_why why = { "" };
	struct hf_receive_key receive = {
		.key = hf_span(key, HF_PUBLIC_KEY_BYTES),
		.organisation_id = hf_span(set->writer->id, 32),
		.from_ms = from_ms,
		.until_ms = until_ms,
	};

	assert_ok(hf_receive_key_make(&receive, set->notice, &entry->payload,
				      &why),
		  &why);
	entry->is_key = true;
	rig_append(set, entry, HF_OP_KEY, from_ms);
}

/* --- Checkpoints and bundles. -------------------------------------------- */

static inline void rig_sign_line(const struct hf_secret *secret,
				 const struct hf_note_key *key, uint64_t time_s,
				 struct hf_span text, struct hf_buf *note)
{
	uint8_t signature[HF_SIGNATURE_BYTES];
	struct hf_buf message;

	hf_buf_init(&message, 4096);
	if (key->kind == HF_NOTE_COSIGNER)
		hf_note_put_cosigned(&message, time_s, text);
	else
		hf_buf_put(&message, text);
	hf_sign(secret, hf_buf_span(&message), signature);
	hf_buf_release(&message);
	hf_note_put_line(note, key, time_s, signature);
}

/* The note of a set as it stands, with a witness's line where there is one. */
static inline void rig_checkpoint(struct rig_set *set, uint64_t time_s,
				  const struct made_up *witness)
{
	struct hf_checkpoint checkpoint = { .origin = hf_span_of(set->origin),
					    .size = set->frontier.size };
	struct hf_note_key log, cosigner;
	struct hf_buf text;

	hf_frontier_root(&set->frontier, &checkpoint.root);
	hf_buf_init(&text, 4096);
	hf_buf_reset(&set->note);
	assert_int_equal(hf_note_put_text(&text, &checkpoint, NULL), HF_OK);
	assert_int_equal(hf_note_key_init(HF_NOTE_LOG, hf_span_of(set->origin),
					  hf_secret_public(set->log), &log,
					  NULL),
			 HF_OK);
	hf_buf_put(&set->note, hf_buf_span(&text));
	hf_note_put_blank(&set->note);
	rig_sign_line(set->log, &log, 0, hf_buf_span(&text), &set->note);
	for (int i = 0; i < 2; i++) {
		const struct made_up *who = i == 0 ? set->writer : witness;

		if (who == NULL)
			continue;
		assert_int_equal(
			hf_note_cosigner_init(hf_span_of(who->manifest.name),
					      hf_secret_public(who->cosigner),
					      &cosigner, NULL),
			HF_OK);
		rig_sign_line(who->cosigner, &cosigner, time_s,
			      hf_buf_span(&text), &set->note);
	}
	hf_buf_release(&text);
	assert_int_equal(hf_buf_failed(&set->note), HF_OK);
}

/* Everything in the sets as whoever wrote `maker`'s texts has it: their
 * ephemeral keys, the others' signatures. */
static inline void rig_fill(struct rig_bundle *out, const struct made_up *maker,
			    const struct rig_set *opening_set,
			    size_t opening_index)
{
	size_t count = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < RIG_ORGS; i++)
		out->manifests[i] = hf_buf_span(&rig_invites[i]);
	for (size_t i = 0; i < rig_sets_count; i++) {
		struct rig_set *set = &rig_sets[i];
		const struct hf_tree_reader reader = { rig_get, set };

		out->logs[i] = (struct hf_bundle_log){
			.origin = set->origin,
			.agreement = hf_buf_span(&set->agreement),
			.note = hf_buf_span(&set->note),
		};
		for (size_t j = 0; j < set->entries_count; j++, count++) {
			struct rig_entry *entry = &set->entries[j];
			bool is_own = set->writer == maker && !entry->is_key;

			assert_int_equal(hf_tree_prove_inclusion(
						 &reader, j, set->frontier.size,
						 &out->proofs[count], NULL),
					 HF_OK);
			out->entries[count] = (struct hf_bundle_entry){
				.log = (uint32_t)i,
				.index = j,
				.header =
					hf_span(entry->header, HF_HEADER_BYTES),
				.opening = hf_span(entry->opening,
						   HF_OPENING_BYTES),
				.payload = hf_buf_span(&entry->payload),
				.proof =
					hf_tree_proof_span(&out->proofs[count]),
				.text = hf_buf_span(&entry->text),
				.signature = hf_span(
					entry->signature,
					entry->is_key ? 0 : HF_SIGNATURE_BYTES),
				.ephemeral =
					hf_span(entry->ephemeral,
						is_own ? HF_SEED_BYTES : 0),
			};
		}
	}
	out->opening = rig_ref(opening_set, opening_index);
	out->bundle = (struct hf_bundle){
		.version = 1,
		.opening = &out->opening,
		.manifests = out->manifests,
		.manifests_count = RIG_ORGS,
		.logs = out->logs,
		.logs_count = rig_sets_count,
		.entries = out->entries,
		.entries_count = count,
		.made_ms = NOW_MS + 3 * DAY_MS,
		.made_by = hf_span(maker->id, 32),
	};
}

#endif /* HF_BUNDLE_RIG_H */
