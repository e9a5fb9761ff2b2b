/*
 * bundle_inside.h -- what the files of this folder share while one bundle is
 * being verified.
 *
 * Units    as in bundle.h.
 * Owns     all of it lives in the arena of the report.
 * Threads  one.
 * Errors   as in bundle.h.
 * Source   proto/SPEC.md section 12.7.
 */
#ifndef HF_BUNDLE_INSIDE_H
#define HF_BUNDLE_INSIDE_H

#include "codec_case.h"
#include "codec_document.h"
#include "codec_takedown.h"
#include "leaf.h"
#include "note.h"
#include "sign.h"

#include "bundle.h"

/* A key that a text may have been sealed with. */
struct hf_bundle_key {
	const struct hf_bundle_party *owner;
	uint8_t key[HF_PUBLIC_KEY_BYTES];
	uint64_t from_ms;  /* 0: the manifest's, before all others */
	uint64_t until_ms; /* 0: no end */
};

struct hf_bundle_work {
	const struct hf_bundle *bundle;
	const struct hf_bundle_options *options;
	struct hf_arena *arena;
	struct hf_commit commit;
	struct hf_bundle_report *report;
	struct hf_bundle_party *parties;
	size_t parties_count;
	struct hf_bundle_set *sets; /* one for each of bundle->logs */
	struct hf_bundle_key *keys;
	size_t keys_count;
	struct hf_bundle_event *events;
	size_t events_count;
	const char **findings;
	size_t findings_count;
	size_t findings_more; /* that had no room */
};

/* Keep a sentence for the reader.  NOMEM. */
HF_MUST enum hf_err hf_bundle_find(struct hf_bundle_work *work,
				   struct hf_why *why, const char *format, ...)
	HF_PRINTF(3, 4);

/* NULL when it is not in the bundle. */
const struct hf_bundle_party *
hf_bundle_party(const struct hf_bundle_work *work,
		const uint8_t id[static HF_HASH_BYTES]);

/* bundle_trust.c */
HF_MUST enum hf_err hf_bundle_parties(struct hf_bundle_work *work,
				      struct hf_why *why);
HF_MUST enum hf_err hf_bundle_sets(struct hf_bundle_work *work,
				   struct hf_why *why);

/* bundle_entry.c */
HF_MUST enum hf_err hf_bundle_entries(struct hf_bundle_work *work,
				      struct hf_why *why);

/* bundle_text.c */

/* Is a receive key signed by its owner's notice key? */
HF_MUST enum hf_err hf_bundle_check_key(const struct hf_bundle_party *owner,
					const struct hf_receive_key *key,
					struct hf_why *why);

/* The event of one entry that is proven, and what it quotes. */
HF_MUST enum hf_err hf_bundle_text(struct hf_bundle_work *work,
				   const struct hf_bundle_entry *entry,
				   const struct hf_tree_hash *leaf,
				   struct hf_why *why);

/* bundle_case.c: one case, its receipts, where it stands. */
HF_MUST enum hf_err hf_bundle_case(struct hf_bundle_work *work,
				   struct hf_why *why);

/* bundle_look.c: what a reader should know beside it. */
HF_MUST enum hf_err hf_bundle_look(struct hf_bundle_work *work,
				   struct hf_why *why);

#endif /* HF_BUNDLE_INSIDE_H */
