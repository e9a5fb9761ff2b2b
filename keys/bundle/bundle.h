/*
 * bundle.h -- a takedown case as a file that shows a third party, offline and
 * with nothing but the manifests inside, what was sent, what was received, and
 * what each party said, under whose checkpoints.
 *
 * Everything in a bundle is checked or the whole is refused; what is merely
 * missing is a finding.  Whether an organisation is who its manifest says is
 * for the reader: compare its id.  Whoever made the bundle chose what is in
 * it, and did not sign it.
 *
 * Units    _ms and _s since 1970 UTC.
 * Owns     a report lives in the caller's arena and borrows from nothing else.
 * Threads  any; no state.
 * Errors   MALFORMED and UNSUPPORTED for what is no bundle of this version,
 *          LIMIT, SIGNATURE, PROOF for what does not verify, CONFLICT for
 *          parts that contradict or repeat each other, ARGUMENT for values
 *          that may not be, NOTFOUND for a part that others need.  The
 *          sentence names the manifest, log or entry, counted from 0.
 * Source   proto/SPEC.md section 12.7.
 */
#ifndef HF_BUNDLE_H
#define HF_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "case.h"
#include "err.h"
#include "limit.h"
#include "span.h"
#include "tree.h"

struct hf_manifest;   /* proto/codec */
struct hf_case_event; /* proto/codec */

/* A ceiling for the arena that holds any bundle and its report. */
#define HF_BUNDLE_ARENA_BYTES ((size_t)128 * 1024 * 1024)

struct hf_bundle_party {
	const char *name;
	const char *country;
	uint8_t id[HF_HASH_BYTES];
	/* The versions that are in the bundle, newest first. */
	const struct hf_manifest **manifests;
	size_t manifests_count;
	bool is_expired; /* the newest, at options.now_ms */
};

/* Somebody's signature beside those of the publisher. */
struct hf_bundle_cosigner {
	const char *name; /* of the key */
	uint32_t key_id;
	/* Whose key verified it; NULL: no key of this name and id is in the
	 * bundle, so nobody looked at the signature. */
	const struct hf_bundle_party *party;
	uint64_t time_s; /* 0 when it was not looked at */
};

/* A log with its checkpoint. */
struct hf_bundle_set {
	const char *origin;
	const struct hf_bundle_party *publisher;
	uint64_t size;
	struct hf_tree_hash root;
	uint64_t time_s; /* of the publisher's cosignature */
	const struct hf_bundle_cosigner *cosigners;
	size_t cosigners_count;
	size_t entries_count;           /* that are in the bundle */
	const struct hf_span *audience; /* of its agreement */
	size_t audience_count;
};

/* How it is shown that this is what was said.  Name, number, words. */
/* clang-format off */
#define HF_BUNDLE_SHOWN_TABLE(X)                                              \
	X(SIGNED, 1, "signed by its author")                                  \
	X(SEALED, 2, "signed by its author, and shown to be what was sealed")
/* clang-format on */

enum hf_bundle_shown {
#define HF_BUNDLE_SHOWN_ENUM(name, number, words) HF_BUNDLE_##name = (number),
	HF_BUNDLE_SHOWN_TABLE(HF_BUNDLE_SHOWN_ENUM)
#undef HF_BUNDLE_SHOWN_ENUM
};

const char *hf_bundle_shown_words(unsigned shown);

struct hf_bundle_event {
	const struct hf_case_event *event;
	struct hf_span text; /* what was signed */
	uint8_t text_hash[HF_HASH_BYTES];
	const struct hf_bundle_party *author;
	const struct hf_bundle_party *recipient; /* NULL: not in the bundle */
	uint8_t recipient_id[HF_HASH_BYTES];
	uint64_t sealed_ms; /* later than at_ms when it was sealed again */
	/* Where it stands: proven, or for a quoted one where its quoter says.
	 */
	const char *origin;
	uint64_t index;
	uint8_t leaf_hash[HF_HASH_BYTES];
	const struct hf_bundle_set *set; /* NULL: quoted */
	/* The QUOTE that carries it, NULL for one that is itself here. */
	const struct hf_bundle_event *quote;
	enum hf_bundle_shown shown;
	enum hf_case_fate fate;
	/* When its recipient cosigned the checkpoint that has it, if not the
	 * envelope; 0: it did not, or its key is not here. */
	uint64_t cosigned_s;
	/* Its recipient's receipt for exactly this text, be it of this entry
	 * or of another that holds the same; or NULL. */
	const struct hf_bundle_event *receipt;
	/* RECEIPT: for what; NULL when that is not in the bundle. */
	const struct hf_bundle_event *receipt_of;
};

struct hf_bundle_report {
	const struct hf_bundle_party *parties;
	size_t parties_count;
	const struct hf_bundle_set *sets;
	size_t sets_count;
	/* In the order in which they count. */
	const struct hf_bundle_event *const *events;
	size_t events_count;
	const struct hf_bundle_event *opening;
	char case_id[33];   /* 32 hexadecimal digits */
	struct hf_case now; /* where it stands, by what is in the bundle */
	bool are_powers_checked;
	/* Said by whoever made it, signed by nobody. */
	uint64_t made_ms;
	uint8_t made_by[HF_HASH_BYTES];
	const struct hf_bundle_party *maker; /* NULL: not in the bundle */
	/* What is missing or odd: sentences. */
	const char *const *findings;
	size_t findings_count;
};

struct hf_bundle_options {
	/* The powers of an organisation at a time, bits 1 << enum hf_power.
	 * NULL: an order counts whoever gave it, and the report says so. */
	uint32_t (*powers)(void *context,
			   const uint8_t organisation_id[static HF_HASH_BYTES],
			   uint64_t at_ms);
	void *context;
	uint64_t now_ms; /* for expiry; 0: not looked at */
};

/* Verify an encoded bundle.  options may be NULL.  bytes may be freed. */
HF_MUST enum hf_err hf_bundle_verify(struct hf_span bytes,
				     const struct hf_bundle_options *options,
				     struct hf_arena *arena,
				     struct hf_bundle_report *out_report,
				     struct hf_why *why);

/* The same of a file's text. */
HF_MUST enum hf_err
hf_bundle_verify_file(struct hf_span text,
		      const struct hf_bundle_options *options,
		      struct hf_arena *arena,
		      struct hf_bundle_report *out_report, struct hf_why *why);

/* The text of a file around an encoded bundle, appended.  LIMIT for one that
 * makes more than HF_BUNDLE_FILE_MAX_BYTES. */
HF_MUST enum hf_err hf_bundle_file(struct hf_span bytes,
				   struct hf_buf *out_text, struct hf_why *why);

/* What a case is called: 32 hexadecimal digits and a zero byte. */
void hf_bundle_case_id(const char *origin, uint64_t index,
		       char out_id[static 33]);

#endif /* HF_BUNDLE_H */
