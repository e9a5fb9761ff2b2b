/*
 * codec_hub.h -- catalogues: what a hub proposes.
 *
 * Units    none.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/hub.proto; SPEC section 8.7.
 */
#ifndef HF_CODEC_HUB_H
#define HF_CODEC_HUB_H

#include "codec.h"

struct hf_listing {
	const char *name;
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	const char *origin;             /* "": the organisation itself */
	const enum hf_class *classes;
	size_t classes_count;   /* at most HF_CLASSES_MAX */
	struct hf_span log_key; /* HF_PUBLIC_KEY_BYTES, or empty */
	const char *const *endpoints;
	size_t endpoints_count; /* at most HF_ENDPOINTS_MAX */
	const char *country;
	const char *note; /* at most HF_REMARK_MAX_BYTES */
	bool is_ended;
};

struct hf_propose_request {
	const struct hf_listing *listing; /* required; may lack what we know */
};

struct hf_propose_response {
	const char *origin;
	uint64_t index;
};

struct hf_list_proposals_request {
	int32_t page_size;
	const char *page_token; /* at most HF_PAGE_TOKEN_MAX_BYTES */
};

struct hf_proposal {
	const char *hub;
	const struct hf_listing *listing; /* required */
	bool is_taken;
	const char *problem; /* at most HF_SENTENCE_MAX_BYTES */
};

struct hf_list_proposals_response {
	const struct hf_proposal *proposals;
	size_t proposals_count;      /* at most HF_PAGE_SIZE_MAX */
	const char *next_page_token; /* at most HF_PAGE_TOKEN_MAX_BYTES */
};

HF_CODEC_MESSAGE(listing);
HF_CODEC_MESSAGE(propose_request);
HF_CODEC_MESSAGE(propose_response);
HF_CODEC_MESSAGE(list_proposals_request);
HF_CODEC_MESSAGE(proposal);
HF_CODEC_MESSAGE(list_proposals_response);

/* What no single field says: the id of the organisation; of a set an origin of
 * that organisation which is not restricted, and what a set has; of an
 * organisation nothing of that.  ARGUMENT, with the field. */
HF_MUST enum hf_err hf_listing_check(const struct hf_listing *listing,
				     struct hf_why *why);

#endif /* HF_CODEC_HUB_H */
