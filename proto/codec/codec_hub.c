#include <string.h>

#include "hashfed/v1/hub.pb-c.h"

#include "text.h"

#include "codec_hub.h"
#include "codec_shape.h"

/* clang-format off */
HF_SHAPE(listing, Hashfed__V1__Listing,
	 hashfed__v1__listing, HF_PAYLOAD_MAX_BYTES, NULL,
	HF_WORD(name, hf_grammar_domain),
	HF_PIECES(organisation_id, HF_HASH_BYTES, 1),
	HF_WORD(origin, hf_grammar_origin_or_none),
	HF_ENUMS(classes, hf_class, HF_CLASSES_MAX),
	HF_PIECES(log_key, HF_PUBLIC_KEY_BYTES, 1),
	HF_WORDS(endpoints, hf_grammar_endpoint, HF_ENDPOINTS_MAX),
	HF_WORD(country, hf_grammar_country_or_none),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES),
	HF_FLAG(is_ended))

HF_SHAPE(propose_request, Hashfed__V1__ProposeRequest,
	 hashfed__v1__propose_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(listing, listing, 1))

HF_SHAPE(propose_response, Hashfed__V1__ProposeResponse,
	 hashfed__v1__propose_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index))

HF_SHAPE(list_proposals_request, Hashfed__V1__ListProposalsRequest,
	 hashfed__v1__list_proposals_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(proposal, Hashfed__V1__Proposal,
	 hashfed__v1__proposal, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(hub, hf_grammar_domain),
	HF_ONE(listing, listing, 1),
	HF_FLAG(is_taken),
	HF_TEXT(problem, 0, HF_SENTENCE_MAX_BYTES))

HF_SHAPE(list_proposals_response, Hashfed__V1__ListProposalsResponse,
	 hashfed__v1__list_proposals_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(proposals, proposal, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))
/* clang-format on */

/* A name of 128 random bits tells a stranger nothing, and is told to none. */
static bool is_restricted(struct hf_span origin)
{
	const char *name = memchr(origin.at, '/', origin.len_bytes);
	const char *hex = "0123456789abcdef";

	return name != NULL && strspn(name + 1, hex) == 32 && name[33] == '/';
}

static enum hf_err check_set(const struct hf_listing *listing,
			     struct hf_why *why)
{
	struct hf_span origin = hf_span_of(listing->origin);

	if (!hf_span_equal(hf_text_origin_domain(origin),
			   hf_span_of(listing->name)))
		return hf_why(why, HF_E_ARGUMENT, "origin: no set of %s",
			      listing->name);
	if (is_restricted(origin))
		return hf_why(why, HF_E_ARGUMENT,
			      "origin: a restricted set is never listed");
	for (size_t i = 0; i < listing->classes_count; i++) {
		if (listing->classes[i] == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "classes[%zu]: must be one", i);
	}
	return HF_OK;
}

enum hf_err hf_listing_check(const struct hf_listing *listing,
			     struct hf_why *why)
{
	enum hf_err err = hf_shape_check(hf_listing_shape(), listing, why);

	if (err == HF_OK && listing->organisation_id.len_bytes == 0)
		err = hf_why(why, HF_E_ARGUMENT, "organisation_id: missing");
	if (err == HF_OK && listing->origin[0] != '\0')
		err = check_set(listing, why);
	else if (err == HF_OK &&
		 (listing->classes_count > 0 || listing->log_key.len_bytes > 0))
		err = hf_why(why, HF_E_ARGUMENT,
			     "origin: missing, classes and log_key are a "
			     "set's");
	if (err != HF_OK)
		hf_why_prefix(why, "listing: ");
	return err;
}
