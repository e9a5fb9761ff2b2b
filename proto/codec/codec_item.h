/*
 * codec_item.h -- what an entry's payload says: the item of an ADD or AMEND,
 * the note of a RETRACT.
 *
 * hf_item_parse() takes what a peer committed to and checks sizes only, so
 * that an item of a newer version still parses; hf_item_check() is what an
 * own item must pass before it is signed, because entries are permanent.
 *
 * Units    _ms since 1970-01-01 UTC; digests raw bytes.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h; hf_item_check(): ARGUMENT, LIMIT.
 * Source   proto/hashfed/v1/payload.proto, proto/SPEC.md section 4.
 */
#ifndef HF_CODEC_ITEM_H
#define HF_CODEC_ITEM_H

#include "codec.h"

/* An algorithm that this version does not know keeps its number: skip it
 * (hf_algorithm_takes() is false).  The digest's length is checked by
 * hf_item_check(), not by parse: at most HF_VPDQ_MAX_FRAMES * 32 bytes. */
struct hf_hash {
	enum hf_algorithm algorithm;
	struct hf_span digest;
	uint32_t quality_plus_one; /* 0: no quality */
};

struct hf_label {
	const char *scheme; /* 1 to HF_LABEL_MAX_BYTES */
	const char *value;  /* 1 to HF_LABEL_MAX_BYTES */
};

struct hf_entry_ref {
	const char *origin; /* in a request also an own set's name alone */
	uint64_t index;
	struct hf_span leaf_hash; /* HF_HASH_BYTES or none */
};

struct hf_item {
	const struct hf_hash *hashes;
	size_t hashes_count;
	const struct hf_label *labels;
	size_t labels_count;
	enum hf_class content_class;
	const enum hf_item_flag *flags;
	size_t flags_count;
	enum hf_item_kind media_kind;
	uint32_t assessors;
	uint64_t assessed_at_ms;
	const char *jurisdiction; /* "" or two capitals */
	const char *legal_basis;
	const char *series;
	const struct hf_entry_ref *derived_from;
	size_t derived_from_count;
	bool own_assessment;
	uint64_t reinstates_plus_one; /* 0: none */
	const struct hf_entry_ref *predecessor;
	uint64_t expires_at_ms; /* 0: never */
};

struct hf_retraction {
	const char *note; /* at most HF_REMARK_MAX_BYTES */
};

HF_CODEC_MESSAGE(hash);
HF_CODEC_MESSAGE(label);
HF_CODEC_MESSAGE(entry_ref);
HF_CODEC_MESSAGE(item); /* at most HF_PAYLOAD_MAX_BYTES, both ways */
HF_CODEC_MESSAGE(retraction);

/* Is this an item that may be signed as an entry with this op (1 ADD, 2
 * AMEND)?  Known class, algorithms and flags; digests of their lengths;
 * hashes in an ADD and none in an AMEND; no hash and no flag twice; quality
 * only where the algorithm has one, 0 to 100; labels whole; country two
 * capitals; references to well-formed origins. */
HF_MUST enum hf_err hf_item_check(const struct hf_item *item, unsigned op,
				  struct hf_why *why);

/* hf_item_parse() and hf_item_check() in one, for less than both. */
HF_MUST enum hf_err hf_item_parse_for(struct hf_span wire, unsigned op,
				      struct hf_arena *arena,
				      struct hf_item *out, struct hf_why *why);

/* What an index wants of an item. */
struct hf_item_gist {
	struct hf_hash hashes[HF_ITEM_MAX_HASHES];
	size_t hashes_count;
	enum hf_class content_class; /* as it came: see hf_class_known() */
	uint64_t expires_at_ms;      /* 0: never */
	bool is_derived;             /* has derived_from */
	bool has_predecessor;
};

/* The same answer as hf_item_parse(), for a tenth of the time.  Digests point
 * into wire or into the arena.  On failure *out holds garbage. */
HF_MUST enum hf_err hf_item_skim(struct hf_span wire, struct hf_arena *arena,
				 struct hf_item_gist *out, struct hf_why *why);

/* The class to act on: OTHER for one that this version does not know and for
 * none, since a peer may have signed either. */
enum hf_class hf_class_known(enum hf_class class);
enum hf_class hf_item_class(const struct hf_item *item);

bool hf_item_has_flag(const struct hf_item *item, enum hf_item_flag flag);

#endif /* HF_CODEC_ITEM_H */
