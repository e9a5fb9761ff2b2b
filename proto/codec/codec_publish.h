/*
 * codec_publish.h -- the messages of those who write into their own sets.
 *
 * Units    tree sizes and indexes count entries.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/publish.proto.
 */
#ifndef HF_CODEC_PUBLISH_H
#define HF_CODEC_PUBLISH_H

#include "codec.h"
#include "codec_item.h"

/* The items are opaque here: the one who signs them parses each with
 * hf_item_parse() and hf_item_check(). */
struct hf_append_request {
	const char *set;         /* an origin or a set name */
	struct hf_span batch_id; /* HF_BATCH_ID_BYTES */
	uint64_t sequence;
	const struct hf_span *items; /* 1 to HF_PAYLOAD_MAX_BYTES each */
	size_t items_count;          /* at most HF_APPEND_BATCH_MAX */
	bool skip_known;
};

struct hf_appended_range {
	uint64_t sequence;
	uint64_t first;
	uint32_t count;
	uint32_t known;
};

struct hf_append_response {
	const char *origin;
	const struct hf_appended_range *ranges; /* HF_APPEND_RANGES_MAX */
	size_t ranges_count;
	uint64_t size;
};

enum hf_retract_what {
	HF_RETRACT_NOTHING = 0,
	HF_RETRACT_ENTRY = 1,
	HF_RETRACT_HASH = 2,
	HF_RETRACT_BATCH_ID = 3,
};

struct hf_retract_request {
	enum hf_retract_what what; /* NOTHING is refused */
	const struct hf_entry_ref *entry;
	const struct hf_hash *hash;
	struct hf_span batch_id; /* HF_BATCH_ID_BYTES */
	enum hf_retract_reason reason;
	const char *note; /* at most HF_REMARK_MAX_BYTES */
	bool erase;
};

struct hf_retract_response {
	const struct hf_entry_ref *retracted; /* HF_RETRACTED_MAX */
	size_t retracted_count;
	uint64_t count;                    /* 0: only others list it */
	const struct hf_entry_ref *others; /* HF_RETRACTED_MAX */
	size_t others_count;
};

struct hf_amend_request {
	const struct hf_entry_ref *entry; /* required */
	struct hf_span item;              /* 1 to HF_PAYLOAD_MAX_BYTES */
};

struct hf_amend_response {
	uint64_t index;
};

HF_CODEC_MESSAGE(append_request);
HF_CODEC_MESSAGE(appended_range);
HF_CODEC_MESSAGE(append_response);
HF_CODEC_MESSAGE(retract_request);
HF_CODEC_MESSAGE(retract_response);
HF_CODEC_MESSAGE(amend_request);
HF_CODEC_MESSAGE(amend_response);

#endif /* HF_CODEC_PUBLISH_H */
