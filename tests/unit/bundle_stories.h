/*
 * bundle_stories.h -- cases that the tests of bundles tell: a provider that
 * removes, one that is silent, and an authority that orders.
 */
#ifndef HF_BUNDLE_STORIES_H
#define HF_BUNDLE_STORIES_H

#include "bundle_rig.h"

static struct hf_arena arena;

static inline int start(void **state)
{
	hf_arena_init(&arena, HF_BUNDLE_ARENA_BYTES);
	return rig_start(state);
}

static inline int stop(void **state)
{
	hf_arena_release(&arena);
	return rig_stop(state);
}

static inline int clear(void **state)
{
	rig_clear();
	return 0;
}

/* --- The stories. -------------------------------------------------------- */

#define URL "https://files.provider.example/a/1.jpg"

static const struct hf_locator place = { .url = URL,
					 .ip = "192.0.2.7",
					 .first_seen_ms = NOW_MS - HOUR_MS };
static const struct hf_contact desk = { .name = "Meldpunt",
					.email = "desk@hotline.example" };
static const uint8_t digest[HF_HASH_BYTES] = { 0xd1, 0x9e };
static const struct hf_hash hash = { .algorithm = HF_ALGORITHM_SHA256,
				     .digest = { digest, sizeof(digest) } };

static inline struct hf_notice notice_to(const struct made_up *to)
{
	return (struct hf_notice){
		.provider =
			to != NULL ? to->manifest.name : "elsewhere.example",
		.provider_id = hf_span(to != NULL ? to->id : NULL,
				       to != NULL ? 32 : 0),
		.regime = HF_REGIME_NTD,
		.content_class = HF_CLASS_CSAM,
		.hashes = &hash,
		.hashes_count = 1,
		.locators = &place,
		.locators_count = 1,
		.explanation = "A minor is shown; assessed by two analysts.",
		.contact = &desk,
		.is_good_faith = true,
		.jurisdiction = "NL",
		.legal_basis = "art. 252 Sr",
		.reference = "M-2027-0117",
		.deadline_ms = 24 * HOUR_MS,
	};
}

/* Where a story's events stand. */
struct story {
	struct rig_set *there; /* hotline's set for the provider */
	struct rig_set *back;  /* the provider's for the hotline */
	size_t notice, receipt, removed, offline;
	struct hf_entry_ref opening;
};

static struct rig_bundle filled;

static inline void open_case(struct story *story, const struct made_up *to,
			     const uint8_t *receive_key)
{
	const struct hf_notice notice = notice_to(to);
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_NOTICE, NULL, NULL, NOW_MS);

	event.notice = &notice;
	story->notice = rig_say(story->there, to != NULL ? to : &hotline,
				&event, receive_key);
	story->opening = rig_ref(story->there, story->notice);
}

/* A receipt for an entry, as the receiver's signer makes it. */
static inline size_t acknowledge(struct rig_set *in, const struct made_up *to,
				 const struct hf_entry_ref *opening,
				 const struct rig_set *of, size_t index,
				 uint64_t at_ms)
{
	const struct hf_entry_ref ref = rig_ref(of, index);
	const struct hf_span after = rig_id(of, index);
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_RECEIPT, opening, &after, at_ms);
	uint8_t text_hash[HF_HASH_BYTES];
	const struct hf_case_receipt receipt = {
		.origin = ref.origin,
		.index = ref.index,
		.leaf_hash = ref.leaf_hash,
		.text_hash = hf_span(text_hash, sizeof(text_hash)),
	};

	hf_sha256(of->entries[index].text.at, of->entries[index].text.len_bytes,
		  text_hash);
	event.receipt = &receipt;
	return rig_say(in, to, &event, to->receive);
}

/* One more word of a set's writer, after an event of any set. */
static inline size_t add(struct rig_set *in, const struct made_up *to,
			 enum hf_case_event_kind kind,
			 const struct hf_entry_ref *opening,
			 const struct rig_set *after_in, size_t after_index,
			 uint64_t at_ms)
{
	const struct hf_span after = rig_id(after_in, after_index);
	struct hf_case_event event = rig_event(kind, opening, &after, at_ms);

	return rig_say(in, to, &event, to->receive);
}

static inline void seal_checkpoints(void)
{
	for (size_t i = 0; i < rig_sets_count; i++)
		rig_checkpoint(&rig_sets[i], NOW_MS / 1000 + 2 * 24 * 3600,
			       i == 0 ? &provider : NULL);
}

/* As the hotline has it; the authority is nobody's business. */
static inline void fill_two(const struct story *story)
{
	rig_fill(&filled, &hotline, story->there, story->notice);
	filled.bundle.manifests_count = 2;
}

/* A member: notice, receipt, removal, and the notifier's own look. */
static inline void tell_removed(struct story *story)
{
	uint8_t key[HF_PUBLIC_KEY_BYTES];
	const uint8_t seed[HF_SEED_BYTES] = { 77 };
	struct hf_case_event event;
	struct hf_span after;

	rig_clear();
	hf_receive_public(seed, key);
	story->there = rig_open(&hotline, &provider, "5f21c0de");
	story->back = rig_open(&provider, &hotline, "90ab12ef");
	rig_key(story->back, key, NOW_MS - HOUR_MS, NOW_MS + 30 * DAY_MS);
	open_case(story, &provider, key);
	story->receipt =
		acknowledge(story->back, &hotline, &story->opening,
			    story->there, story->notice, NOW_MS + MINUTE_MS);
	story->removed = add(story->back, &hotline, HF_CASE_EVENT_REMOVED,
			     &story->opening, story->back, story->receipt,
			     NOW_MS + 2 * HOUR_MS);
	after = rig_id(story->back, story->removed);
	event = rig_event(HF_CASE_EVENT_OFFLINE, &story->opening, &after,
			  NOW_MS + 5 * HOUR_MS);
	story->offline = rig_say(story->there, &provider, &event, key);
	seal_checkpoints();
	fill_two(story);
}

/* A member that never answers. */
static inline void tell_silent(struct story *story)
{
	rig_clear();
	story->there = rig_open(&hotline, &provider, "5f21c0de");
	story->back = NULL;
	open_case(story, &provider, provider.receive);
	add(story->there, &provider, HF_CASE_EVENT_RENOTIFY, &story->opening,
	    story->there, story->notice, NOW_MS + 25 * HOUR_MS);
	seal_checkpoints();
	fill_two(story);
}

static inline void encode(const struct rig_bundle *from, struct hf_buf *out)
{
	hf_buf_init(out, 2 * HF_MESSAGE_MAX_BYTES);
	assert_int_equal(hf_bundle_encode(&from->bundle, out), HF_OK);
}

/* Verify what is filled in. */
static inline enum hf_err verify(struct hf_bundle_report *report,
				 struct hf_why *why)
{
	const struct hf_bundle_options options = { .now_ms = NOW_MS +
							     4 * DAY_MS };
	struct hf_buf bytes;
	enum hf_err err;

	hf_arena_reset(&arena);
	encode(&filled, &bytes);
	err = hf_bundle_verify(hf_buf_span(&bytes), &options, &arena, report,
			       why);
	hf_buf_release(&bytes);
	return err;
}

static inline const struct hf_bundle_event *
find(const struct hf_bundle_report *report, enum hf_case_event_kind kind)
{
	for (size_t i = 0; i < report->events_count; i++) {
		if (report->events[i]->event->kind == kind)
			return report->events[i];
	}
	fail_msg("no %s", hf_case_event_kind_word(kind));
	return NULL;
}

static inline bool has_finding(const struct hf_bundle_report *report,
			       const char *part)
{
	for (size_t i = 0; i < report->findings_count; i++) {
		if (strstr(report->findings[i], part) != NULL)
			return true;
	}
	return false;
}

/* --- Quoted events, to an authority. ------------------------------------- */

struct authority_story {
	struct story first;
	struct rig_set *told;    /* hotline's set for the authority */
	struct rig_set *ordered; /* the authority's for the provider */
	struct rig_set *answer;  /* the provider's for the authority */
	size_t order;
};

static inline size_t quote(struct rig_set *in, const struct made_up *to,
			   const struct hf_entry_ref *opening,
			   const struct rig_set *of, size_t index,
			   uint64_t at_ms)
{
	const struct hf_entry_ref ref = rig_ref(of, index);
	const struct rig_entry *entry = &of->entries[index];
	const struct hf_quoted_event quoted = {
		.header = hf_span(entry->envelope_header,
				  HF_ENVELOPE_HEADER_BYTES),
		.text = hf_buf_span(&entry->text),
		.signature = hf_span(entry->signature, HF_SIGNATURE_BYTES),
		.entry = &ref,
	};
	struct hf_case_event event =
		rig_event(HF_CASE_EVENT_QUOTE, opening, NULL, at_ms);

	event.quoted = &quoted;
	return rig_say(in, to, &event, to->receive);
}

/* The provider acknowledges and does nothing; the hotline tells the
 * authority, which orders; the provider complies.  The bundle is what the
 * authority has. */
static inline void tell_ordered(struct authority_story *story)
{
	struct story *first = &story->first;
	const struct hf_order order = {
		.reference = "AV-2027-3",
		.issuing_state = "NL",
		.authority = "Autoriteit",
	};
	struct hf_notice notice = notice_to(&provider);
	struct hf_case_event event;
	struct hf_span after;
	size_t escalated, receipt;

	rig_clear();
	first->there = rig_open(&hotline, &provider, "5f21c0de");
	first->back = rig_open(&provider, &hotline, "90ab12ef");
	story->told = rig_open(&hotline, &authority, "33445566");
	story->ordered = rig_open(&authority, &provider, "778899aa");
	story->answer = rig_open(&provider, &authority, "bbccddee");
	open_case(first, &provider, provider.receive);
	first->receipt =
		acknowledge(first->back, &hotline, &first->opening,
			    first->there, first->notice, NOW_MS + MINUTE_MS);
	after = rig_id(first->back, first->receipt);
	event = rig_event(HF_CASE_EVENT_ESCALATE_AUTHORITY, &first->opening,
			  &after, NOW_MS + 30 * HOUR_MS);
	event.to_id = hf_span(authority.id, 32);
	escalated = rig_say(story->told, &authority, &event, authority.receive);
	quote(story->told, &authority, &first->opening, first->there,
	      first->notice, NOW_MS + 30 * HOUR_MS);
	quote(story->told, &authority, &first->opening, first->back,
	      first->receipt, NOW_MS + 30 * HOUR_MS);
	notice.regime = HF_REGIME_CSAM_ORDER;
	notice.deadline_ms = 12 * HOUR_MS;
	notice.order = &order;
	after = rig_id(story->told, escalated);
	event = rig_event(HF_CASE_EVENT_ORDER, &first->opening, &after,
			  NOW_MS + 31 * HOUR_MS);
	event.notice = &notice;
	story->order =
		rig_say(story->ordered, &provider, &event, provider.receive);
	receipt = acknowledge(story->answer, &authority, &first->opening,
			      story->ordered, story->order,
			      NOW_MS + 32 * HOUR_MS);
	add(story->answer, &authority, HF_CASE_EVENT_COMPLIED, &first->opening,
	    story->answer, receipt, NOW_MS + 33 * HOUR_MS);
	seal_checkpoints();
	/* The first two logs are not the authority's to see. */
	rig_fill(&filled, &authority, first->there, first->notice);
	memmove(filled.logs, filled.logs + 2, 3 * sizeof(filled.logs[0]));
	filled.bundle.logs_count = 3;
	memmove(filled.entries, filled.entries + 2,
		6 * sizeof(filled.entries[0]));
	filled.bundle.entries_count = 6;
	for (size_t i = 0; i < 6; i++)
		filled.entries[i].log -= 2;
}

#endif /* HF_BUNDLE_STORIES_H */
