#include "hashfed/v1/publish.pb-c.h"

#include "codec_publish.h"
#include "codec_shape.h"

static enum hf_err check_what(const void *ours, struct hf_why *why)
{
	const struct hf_retract_request *request = ours;
	unsigned reason = request->reason;

	if (request->what < HF_RETRACT_ENTRY ||
	    request->what > HF_RETRACT_BATCH_ID)
		return hf_why(why, HF_E_ARGUMENT,
			      "what: one of entry, hash and batch_id must be "
			      "there");
	if (reason == 0 || reason > HF_RETRACT_REASON_ORDERED)
		return hf_why(why, HF_E_ARGUMENT, "reason: %u is none of %s",
			      reason, hf_retract_reason_words());
	return HF_OK;
}

/* clang-format off */
HF_SHAPE(append_request, Hashfed__V1__AppendRequest,
	 hashfed__v1__append_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set),
	HF_BYTES(batch_id, HF_BATCH_ID_BYTES, HF_BATCH_ID_BYTES),
	HF_U64(sequence),
	HF_BYTESES(items, 1, HF_PAYLOAD_MAX_BYTES, HF_APPEND_BATCH_MAX),
	HF_FLAG(skip_known))

HF_SHAPE(appended_range, Hashfed__V1__AppendedRange,
	 hashfed__v1__appended_range, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(sequence),
	HF_U64(first),
	HF_U32(count, HF_APPEND_BATCH_MAX),
	HF_U32(known, HF_APPEND_BATCH_MAX))

HF_SHAPE(append_response, Hashfed__V1__AppendResponse,
	 hashfed__v1__append_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_MANY(ranges, appended_range, HF_APPEND_RANGES_MAX),
	HF_U64(size))

HF_SHAPE(retract_request, Hashfed__V1__RetractRequest,
	 hashfed__v1__retract_request, HF_MESSAGE_MAX_BYTES, check_what,
	HF_CASE_ONE(what, HF_RETRACT_ENTRY, entry, entry_ref),
	HF_CASE_ONE(what, HF_RETRACT_HASH, hash, hash),
	HF_CASE_BYTES(what, HF_RETRACT_BATCH_ID, batch_id, HF_BATCH_ID_BYTES,
		      HF_BATCH_ID_BYTES),
	HF_ENUM(reason, hf_retract_reason),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES),
	HF_FLAG(erase))

HF_SHAPE(retract_response, Hashfed__V1__RetractResponse,
	 hashfed__v1__retract_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(retracted, entry_ref, HF_RETRACTED_MAX),
	HF_U64(count),
	HF_MANY(others, entry_ref, HF_RETRACTED_MAX))

HF_SHAPE(amend_request, Hashfed__V1__AmendRequest,
	 hashfed__v1__amend_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(entry, entry_ref, 1),
	HF_BYTES(item, 1, HF_PAYLOAD_MAX_BYTES))

HF_SHAPE(amend_response, Hashfed__V1__AmendResponse,
	 hashfed__v1__amend_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(index))
/* clang-format on */
