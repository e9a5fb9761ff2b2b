#include "bundle_stories.h"

#include "bytes.h"

/* --- Forgeries. ---------------------------------------------------------- */

/* Memory for what a forger writes. */
static struct {
	struct rig_entry entry;
	uint8_t bytes[HF_PAYLOAD_MAX_BYTES + 1];
	struct hf_buf buf;
	struct rig_set *other;
} forged;

static struct hf_span changed(struct hf_span from, size_t at)
{
	assert_true(from.len_bytes <= sizeof(forged.bytes));
	memcpy(forged.bytes, from.at, from.len_bytes);
	forged.bytes[at] ^= 1;
	return hf_span(forged.bytes, from.len_bytes);
}

/* The URL in the notice is another. */
static void another_text(struct story *story)
{
	struct hf_span text = filled.entries[0].text;

	filled.entries[0].text = changed(
		text, (size_t)((uint8_t *)memmem(text.at, text.len_bytes, URL,
						 strlen(URL)) -
			       text.at) +
			      strlen(URL) - 1);
}

/* The same, signed once more by the hotline itself under the old header. */
static void sign_again(struct story *story)
{
	struct hf_buf message;

	another_text(story);
	hf_buf_init(&message, HF_PAYLOAD_MAX_BYTES);
	hf_buf_put(&message, hf_span("hashfed/event-inner/v1", 23));
	hf_buf_put(&message, hf_span(story->there->entries[0].envelope_header,
				     HF_ENVELOPE_HEADER_BYTES));
	hf_buf_put(&message, filled.entries[0].text);
	hf_sign(hotline.notice, hf_buf_span(&message), forged.entry.signature);
	hf_buf_release(&message);
	filled.entries[0].signature =
		hf_span(forged.entry.signature, HF_SIGNATURE_BYTES);
}

/* Without the ephemeral key: only the receipt knows better. */
static void sign_again_quietly(struct story *story)
{
	sign_again(story);
	filled.entries[0].ephemeral = hf_span(NULL, 0);
}

static void another_signature(struct story *story)
{
	filled.entries[0].signature = filled.entries[3].signature;
}

static void another_ephemeral(struct story *story)
{
	filled.entries[0].ephemeral = changed(filled.entries[0].ephemeral, 3);
}

/* A removal that the hotline writes into the provider's mouth. */
static void another_key(struct story *story)
{
	story->back->notice = hotline.notice;
	add(story->back, &hotline, HF_CASE_EVENT_REMOVED, &story->opening,
	    story->back, story->receipt, NOW_MS + 3 * HOUR_MS);
	story->back->notice = provider.notice;
	seal_checkpoints();
	fill_two(story);
}

/* The receipt of another notice of the same hotline. */
static void swapped_receipt(struct story *story)
{
	struct rig_entry *entry = &story->there->entries[0];
	uint8_t first = entry->text.at[entry->text.len_bytes - 1];

	/* Acknowledge as if the text had been another. */
	entry->text.at[entry->text.len_bytes - 1] ^= 1;
	acknowledge(story->back, &hotline, &story->opening, story->there, 0,
		    NOW_MS + 6 * HOUR_MS);
	entry->text.at[entry->text.len_bytes - 1] = first;
	seal_checkpoints();
	fill_two(story);
}

static void receipt_of_another_leaf(struct story *story)
{
	struct hf_tree_hash own = story->there->nodes[0][0];
	struct hf_entry_ref opening = story->opening;

	opening.leaf_hash = hf_span(own.bytes, HF_HASH_BYTES);
	story->there->nodes[0][0].bytes[5] ^= 1;
	acknowledge(story->back, &hotline, &opening, story->there, 0,
		    NOW_MS + 6 * HOUR_MS);
	story->there->nodes[0][0] = own;
	seal_checkpoints();
	fill_two(story);
}

static void note_of_another_log(struct story *story)
{
	filled.logs[0].note = filled.logs[1].note;
}

static void note_changed(struct story *story)
{
	struct hf_span note = filled.logs[0].note;
	const uint8_t *line = memchr(note.at, '\n', note.len_bytes);

	/* The size, in the second line. */
	filled.logs[0].note = changed(note, (size_t)(line + 1 - note.at));
}

/* The name and id of the provider's cosigner key, which its own agreement
 * tells, on a signature by another. */
static void witness_forged(struct story *story)
{
	struct rig_set *set = story->there;
	struct hf_note_key key;
	struct hf_note note;

	rig_checkpoint(set, NOW_MS / 1000, NULL);
	assert_int_equal(hf_note_parse(hf_buf_span(&set->note), &note, NULL),
			 HF_OK);
	assert_int_equal(
		hf_note_cosigner_init(BYTES("provider.example"),
				      hf_secret_public(provider.cosigner), &key,
				      NULL),
		HF_OK);
	hf_buf_init(&forged.buf, HF_NOTE_MAX_BYTES);
	hf_buf_put(&forged.buf, note.bytes);
	rig_sign_line(authority.cosigner, &key, NOW_MS / 1000, note.text,
		      &forged.buf);
	memcpy(forged.bytes, forged.buf.at, forged.buf.len_bytes);
	filled.logs[0].note = hf_span(forged.bytes, forged.buf.len_bytes);
	hf_buf_release(&forged.buf);
}

static void proof_of_another_index(struct story *story)
{
	filled.entries[0].proof = filled.entries[1].proof;
}

static void another_index(struct story *story)
{
	filled.entries[1].index = 0;
	filled.entries[0].index = 1;
}

static void header_changed(struct story *story)
{
	filled.entries[0].header = changed(filled.entries[0].header, 15);
}

static void payload_changed(struct story *story)
{
	filled.entries[0].payload = changed(filled.entries[0].payload, 500);
}

static void opening_changed(struct story *story)
{
	filled.entries[0].opening = changed(filled.entries[0].opening, 0);
}

/* An entry that the hotline signed after the checkpoint, in the place of the
 * second. */
static struct rig_entry *put_later(struct story *story)
{
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_RENOTIFY, &story->opening, NULL,
			  NOW_MS + 7 * HOUR_MS);
	size_t index =
		rig_say(story->there, &provider, &event, provider.receive);
	struct rig_entry *entry = &story->there->entries[index];
	struct hf_bundle_entry *slot = &filled.entries[1];

	slot->header = hf_span(entry->header, HF_HEADER_BYTES);
	slot->opening = hf_span(entry->opening, HF_OPENING_BYTES);
	slot->payload = hf_buf_span(&entry->payload);
	slot->text = hf_buf_span(&entry->text);
	slot->signature = hf_span(entry->signature, HF_SIGNATURE_BYTES);
	slot->ephemeral = hf_span(entry->ephemeral, HF_SEED_BYTES);
	return entry;
}

/* In another tree of the same set it would be entry 1. */
static void from_a_fork(struct story *story)
{
	hf_be64_put(put_later(story)->header + 16, 1);
}

static void index_past_the_end(struct story *story)
{
	put_later(story);
	filled.entries[1].index = 2;
}

static void agreement_by_another(struct story *story)
{
	rig_agree(story->there, &provider, hotline.notice, HF_SET_KIND_CASES);
	filled.logs[0].agreement = hf_buf_span(&story->there->agreement);
}

static void agreement_of_another_set(struct story *story)
{
	forged.other = rig_open(&hotline, &provider, "0123");
	filled.logs[0].agreement = hf_buf_span(&forged.other->agreement);
}

static void agreement_of_items(struct story *story)
{
	rig_agree(story->there, &provider, hotline.agreement, 0);
	filled.logs[0].agreement = hf_buf_span(&story->there->agreement);
}

/* Everything right but the id, and signed by its own root keys. */
static void manifest_with_another_id(struct story *story)
{
	struct made_up thief;
	struct hf_why why = { "" };

	assert_ok(made_up_new(&thief, "provider.example", 60, 1, 1, &why),
		  &why);
	thief.manifest.organisation_id = hf_span(provider.id, 32);
	thief.manifest.version = 2;
	assert_ok(made_up_sign(&thief, &thief.document, &why), &why);
	hf_buf_init(&forged.buf, HF_INVITE_MAX_BYTES);
	assert_int_equal(rig_invite(&thief, &forged.buf), HF_OK);
	memcpy(forged.bytes, forged.buf.at, forged.buf.len_bytes);
	filled.manifests[1] = hf_span(forged.bytes, forged.buf.len_bytes);
	hf_buf_release(&forged.buf);
	made_up_free(&thief);
}

/* An organisation of the provider's name: a reader would take one for the
 * other. */
static void manifest_of_a_namesake(struct story *story)
{
	struct made_up other;
	struct hf_why why = { "" };

	assert_ok(made_up_new(&other, "provider.example", 60, 1, 1, &why),
		  &why);
	hf_buf_init(&forged.buf, HF_INVITE_MAX_BYTES);
	assert_int_equal(rig_invite(&other, &forged.buf), HF_OK);
	memcpy(forged.bytes, forged.buf.at, forged.buf.len_bytes);
	filled.manifests[2] = hf_span(forged.bytes, forged.buf.len_bytes);
	filled.bundle.manifests_count = 3;
	hf_buf_release(&forged.buf);
	made_up_free(&other);
}

static void manifest_twice(struct story *story)
{
	filled.manifests[2] = filled.manifests[1];
	filled.bundle.manifests_count = 3;
}

static void manifest_missing(struct story *story)
{
	filled.bundle.manifests_count = 1;
}

static void entry_twice(struct story *story)
{
	filled.entries[filled.bundle.entries_count] = filled.entries[0];
	filled.bundle.entries_count++;
}

static void log_twice(struct story *story)
{
	filled.logs[2] = filled.logs[0];
	filled.bundle.logs_count = 3;
}

static void log_that_is_not_there(struct story *story)
{
	filled.entries[2].log = 2;
}

static void opening_elsewhere(struct story *story)
{
	filled.opening.index = 1;
}

static void opening_of_another_leaf(struct story *story)
{
	filled.opening.leaf_hash = changed(filled.opening.leaf_hash, 31);
}

static void opening_missing(struct story *story)
{
	memmove(filled.entries, filled.entries + 1,
		4 * sizeof(*filled.entries));
	filled.bundle.entries_count--;
}

static void text_missing(struct story *story)
{
	filled.entries[1].text = hf_span(NULL, 0);
}

static void key_with_a_text(struct story *story)
{
	filled.entries[2].text = filled.entries[0].text;
}

/* An event of another case between the same two. */
static void another_case(struct story *story)
{
	struct hf_entry_ref other = story->opening;

	other.index = 9;
	add(story->there, &provider, HF_CASE_EVENT_RENOTIFY, &other,
	    story->there, 0, NOW_MS + 6 * HOUR_MS);
	seal_checkpoints();
	fill_two(story);
}

/* A receive key that somebody else made for the provider. */
static void receive_key_by_another(struct story *story)
{
	const uint8_t seed[HF_SEED_BYTES] = { 78 };
	uint8_t key[HF_PUBLIC_KEY_BYTES];

	hf_receive_public(seed, key);
	story->back->notice = hotline.notice;
	rig_key(story->back, key, NOW_MS, NOW_MS + DAY_MS);
	story->back->notice = provider.notice;
	seal_checkpoints();
	fill_two(story);
}

static void another_version(struct story *story)
{
	filled.bundle.version = 2;
}

static void nothing_in_it(struct story *story)
{
	filled.bundle.entries_count = 0;
}

static void a_forgery_is_refused_and_said(void **state)
{
	/* clang-format off */
	const struct {
		const char *name;
		void (*spoil)(struct story *story);
		enum hf_err want;
		const char *says;
	} rows[] = {
		{ "another text", another_text, HF_E_SIGNATURE, "entry 0 (hotline.example/5f21c0de/1 0): text: by hotline.example" },
		{ "another text, signed again", sign_again, HF_E_PROOF, "sealing this text again" },
		{ "the same without ephemeral key", sign_again_quietly, HF_E_PROOF, "the receipt by provider.example" },
		{ "another signature", another_signature, HF_E_SIGNATURE, "entry 0" },
		{ "another ephemeral key", another_ephemeral, HF_E_PROOF, "entry 0" },
		{ "another's key", another_key, HF_E_SIGNATURE, "envelope: by provider.example" },
		{ "receipt of another text", swapped_receipt, HF_E_PROOF, "another text than" },
		{ "receipt of another leaf", receipt_of_another_leaf, HF_E_PROOF, "another text than" },
		{ "note of another log", note_of_another_log, HF_E_SIGNATURE, "log 0 (hotline.example/5f21c0de/1)" },
		{ "note changed", note_changed, HF_E_SIGNATURE, "log 0" },
		{ "witness forged", witness_forged, HF_E_SIGNATURE, "provider.example/cosigner" },
		{ "proof of another index", proof_of_another_index, HF_E_PROOF, "entry 0" },
		{ "another index", another_index, HF_E_ARGUMENT, "entry 0" },
		{ "index past the end", index_past_the_end, HF_E_PROOF, "entry 1" },
		{ "header changed", header_changed, HF_E_PROOF, "entry 0" },
		{ "payload changed", payload_changed, HF_E_PROOF, "entry 0" },
		{ "opening changed", opening_changed, HF_E_PROOF, "entry 0" },
		{ "an entry of a fork", from_a_fork, HF_E_PROOF, "entry 1" },
		{ "agreement by another key", agreement_by_another, HF_E_SIGNATURE, "log 0" },
		{ "agreement of another set", agreement_of_another_set, HF_E_CONFLICT, "log 0" },
		{ "agreement of a set of items", agreement_of_items, HF_E_ARGUMENT, "not a set of cases" },
		{ "manifest with another's id", manifest_with_another_id, HF_E_ARGUMENT, "manifest 1" },
		{ "manifest of a namesake", manifest_of_a_namesake, HF_E_CONFLICT, "manifest 2" },
		{ "manifest twice", manifest_twice, HF_E_CONFLICT, "manifest 2" },
		{ "manifest missing", manifest_missing, HF_E_NOTFOUND, "log 1" },
		{ "entry twice", entry_twice, HF_E_CONFLICT, "is entry 0 once more" },
		{ "log twice", log_twice, HF_E_CONFLICT, "is log 0 once more" },
		{ "log that is not there", log_that_is_not_there, HF_E_ARGUMENT, "entry 2" },
		{ "opening elsewhere", opening_elsewhere, HF_E_PROOF, "opening" },
		{ "opening of another leaf", opening_of_another_leaf, HF_E_PROOF, "opening" },
		{ "opening missing", opening_missing, HF_E_NOTFOUND, "opening entry" },
		{ "text missing", text_missing, HF_E_NOTFOUND, "entry 1" },
		{ "key with a text", key_with_a_text, HF_E_ARGUMENT, "entry 2" },
		{ "another case", another_case, HF_E_CONFLICT, "of another case" },
		{ "receive key by another", receive_key_by_another, HF_E_SIGNATURE, "by provider.example: receive key" },
		{ "another version", another_version, HF_E_UNSUPPORTED, "version 2" },
		{ "nothing in it", nothing_in_it, HF_E_NOTFOUND, "no entry" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_bundle_report report;
		struct hf_why why = { "" };
		struct story story;
		enum hf_err got;

		tell_removed(&story);
		rows[i].spoil(&story);
		got = verify(&report, &why);
		if (got != rows[i].want ||
		    strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(got),
				 why.text);
	}
}

/* --- Quotations that are not what they say. ------------------------------ */

static void a_quotation_is_its_authors_or_refused(void **state)
{
	enum { TEXT, KEY, PLACE, LEAF, CASE };
	const struct {
		const char *name;
		int what;
		enum hf_err want;
	} rows[] = {
		{ "another text", TEXT, HF_E_SIGNATURE },
		{ "signed by the quoter", KEY, HF_E_SIGNATURE },
		{ "in a set of the quoter", PLACE, HF_E_CONFLICT },
		{ "of another leaf", LEAF, HF_E_PROOF },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_bundle_report report;
		struct hf_why why = { "" };
		struct story story;
		struct rig_set *told, *back;
		struct rig_entry *entry, own;
		struct hf_tree_hash leaf;
		char origin[HF_ORIGIN_MAX_BYTES + 1];
		enum hf_err got;

		tell_removed(&story);
		back = story.back;
		told = rig_open(&hotline, &authority, "33445566");
		entry = &back->entries[story.removed];
		own = *entry;
		leaf = back->nodes[0][story.removed];
		strcpy(origin, back->origin);
		if (rows[i].what == TEXT)
			entry->text.at[entry->text.len_bytes - 1] ^= 1;
		if (rows[i].what == KEY)
			memcpy(entry->signature,
			       story.there->entries[0].signature,
			       HF_SIGNATURE_BYTES);
		if (rows[i].what == PLACE)
			strcpy(back->origin, story.there->origin);
		if (rows[i].what == LEAF)
			back->nodes[0][story.removed].bytes[0] ^= 1;
		quote(told, &authority, &story.opening, back, story.removed,
		      NOW_MS + 6 * HOUR_MS);
		if (rows[i].what == TEXT)
			entry->text.at[entry->text.len_bytes - 1] ^= 1;
		memcpy(entry->signature, own.signature, HF_SIGNATURE_BYTES);
		strcpy(back->origin, origin);
		back->nodes[0][story.removed] = leaf;
		seal_checkpoints();
		fill_two(&story);
		got = verify(&report, &why);
		if (got != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(got),
				 why.text);
	}
}

int main(void)
{
#define STORY(name) cmocka_unit_test_teardown(name, clear)
	const struct CMUnitTest tests[] = {
		STORY(a_forgery_is_refused_and_said),
		STORY(a_quotation_is_its_authors_or_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
