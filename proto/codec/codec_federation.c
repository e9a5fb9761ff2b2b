#include "hashfed/v1/federation.pb-c.h"

#include "codec_federation.h"
#include "codec_shape.h"

static enum hf_err check_range(const void *ours, struct hf_why *why)
{
	const struct hf_get_chunks_request *request = ours;

	if (request->first < request->end && request->end <= request->size &&
	    request->size <= HF_TREE_MAX_SIZE)
		return HF_OK;
	return hf_why(why, HF_E_ARGUMENT,
		      "first %ju, end %ju, size %ju: must be first < end <= "
		      "size",
		      (uintmax_t)request->first, (uintmax_t)request->end,
		      (uintmax_t)request->size);
}

/* The lengths say how the payloads are cut: they must say it exactly. */
static enum hf_err check_payloads(const void *ours, struct hf_why *why)
{
	const struct hf_get_chunks_response *part = ours;
	size_t openings = part->openings.len_bytes / HF_OPENING_BYTES;
	size_t sum = 0, some = 0;

	for (size_t i = 0; i < part->payload_lengths_count; i++) {
		sum += part->payload_lengths[i];
		some += part->payload_lengths[i] > 0;
	}
	if (sum != part->payloads.len_bytes)
		return hf_why(why, HF_E_MALFORMED,
			      "payload_lengths add up to %zu, payloads are %zu "
			      "bytes",
			      sum, part->payloads.len_bytes);
	if (openings < some || openings > part->payload_lengths_count)
		return hf_why(why, HF_E_MALFORMED,
			      "%zu openings for %zu payloads", openings, some);
	return HF_OK;
}

static enum hf_err check_kind(const void *ours, struct hf_why *why)
{
	const struct hf_get_proof_request *request = ours;

	if (request->kind != HF_GET_PROOF_INDEX &&
	    request->kind != HF_GET_PROOF_OLD_SIZE)
		return hf_why(why, HF_E_ARGUMENT,
			      "kind: one of index and old_size must be there");
	return HF_OK;
}

/* clang-format off */
HF_SHAPE(manifest_mark, Hashfed__V1__ManifestMark, hashfed__v1__manifest_mark,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(version),
	HF_BYTES(hash, HF_HASH_BYTES, HF_HASH_BYTES))

HF_SHAPE(hello_request, Hashfed__V1__HelloRequest, hashfed__v1__hello_request,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_U32(version_min, UINT32_MAX),
	HF_U32(version_max, UINT32_MAX),
	HF_U32(format_min, UINT32_MAX),
	HF_U32(format_max, UINT32_MAX),
	HF_MANY(manifests, manifest_mark, HF_MARKS_MAX))

HF_SHAPE(hello_response, Hashfed__V1__HelloResponse,
	 hashfed__v1__hello_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U32(version_min, UINT32_MAX),
	HF_U32(version_max, UINT32_MAX),
	HF_U32(format_min, UINT32_MAX),
	HF_U32(format_max, UINT32_MAX),
	HF_MANY(manifests, manifest_mark, HF_MARKS_MAX),
	HF_U64(time_ms))

HF_SHAPE(get_manifest_request, Hashfed__V1__GetManifestRequest,
	 hashfed__v1__get_manifest_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(version))

HF_SHAPE(get_manifest_response, Hashfed__V1__GetManifestResponse,
	 hashfed__v1__get_manifest_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(manifest, 1, HF_MANIFEST_MAX_BYTES))

HF_SHAPE(get_checkpoint_request, Hashfed__V1__GetCheckpointRequest,
	 hashfed__v1__get_checkpoint_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin))

HF_SHAPE(get_checkpoint_response, Hashfed__V1__GetCheckpointResponse,
	 hashfed__v1__get_checkpoint_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(note, 0, HF_NOTE_MAX_BYTES),
	HF_BYTES(agreement, 0, HF_AGREEMENT_MAX_BYTES))

HF_SHAPE(set_mark, Hashfed__V1__SetMark, hashfed__v1__set_mark,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_U64(agreement_version))

HF_SHAPE(tail_request, Hashfed__V1__TailRequest, hashfed__v1__tail_request,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(held, set_mark, HF_TAIL_SETS_MAX))

HF_SHAPE(tail_response, Hashfed__V1__TailResponse,
	 hashfed__v1__tail_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin_or_none),
	HF_BYTES(note, 0, HF_NOTE_MAX_BYTES),
	HF_U64(agreement_version),
	HF_FLAG(caught_up),
	HF_FLAG(ended),
	HF_BYTES(agreement, 0, HF_AGREEMENT_MAX_BYTES),
	HF_BYTES(cosigned, 0, HF_NOTE_MAX_BYTES),
	HF_MANY(manifests, manifest_mark, HF_MARKS_MAX))

HF_SHAPE(get_chunks_request, Hashfed__V1__GetChunksRequest,
	 hashfed__v1__get_chunks_request, HF_MESSAGE_MAX_BYTES, check_range,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_U64(first),
	HF_U64(end),
	HF_FLAG(headers_only))

HF_SHAPE(get_chunks_response, Hashfed__V1__GetChunksResponse,
	 hashfed__v1__get_chunks_response, HF_MESSAGE_MAX_BYTES, check_payloads,
	HF_U64(first),
	HF_PIECES(headers, HF_HEADER_BYTES, HF_CHUNK_ENTRIES),
	HF_PIECES(proof, HF_HASH_BYTES, HF_PROOF_MAX_HASHES),
	HF_PIECES(openings, HF_OPENING_BYTES, HF_CHUNK_ENTRIES),
	HF_U32S(payload_lengths, HF_PAYLOAD_MAX_BYTES, HF_CHUNK_ENTRIES),
	HF_BYTES(payloads, 0, HF_CHUNK_MESSAGE_BYTES),
	HF_U64S(erased, HF_CHUNK_ENTRIES))

HF_SHAPE(get_proof_request, Hashfed__V1__GetProofRequest,
	 hashfed__v1__get_proof_request, HF_MESSAGE_MAX_BYTES, check_kind,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_CASE_U64(kind, HF_GET_PROOF_INDEX, index),
	HF_CASE_U64(kind, HF_GET_PROOF_OLD_SIZE, old_size))

HF_SHAPE(get_proof_response, Hashfed__V1__GetProofResponse,
	 hashfed__v1__get_proof_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_PIECES(hashes, HF_HASH_BYTES, HF_PROOF_MAX_HASHES),
	HF_PIECES(header, HF_HEADER_BYTES, 1),
	HF_PIECES(old_root, HF_HASH_BYTES, 1))

HF_SHAPE(applied_receipt, Hashfed__V1__AppliedReceipt,
	 hashfed__v1__applied_receipt, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(size),
	HF_BYTES(root, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(at_ms),
	HF_BYTES(signature, HF_SIGNATURE_BYTES, HF_SIGNATURE_BYTES))

HF_SHAPE(gossip_request, Hashfed__V1__GossipRequest,
	 hashfed__v1__gossip_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTESES(notes, 1, HF_NOTE_MAX_BYTES, HF_GOSSIP_NOTES_MAX),
	HF_BYTESES(evidence, 1, HF_EVIDENCE_MAX_BYTES,
		   HF_GOSSIP_EVIDENCE_MAX),
	HF_MANY(receipts, applied_receipt, HF_GOSSIP_RECEIPTS_MAX))

HF_SHAPE(gossip_response, Hashfed__V1__GossipResponse,
	 hashfed__v1__gossip_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTESES(notes, 1, HF_NOTE_MAX_BYTES, HF_GOSSIP_NOTES_MAX),
	HF_BYTESES(evidence, 1, HF_EVIDENCE_MAX_BYTES,
		   HF_GOSSIP_EVIDENCE_MAX))

HF_SHAPE(offer_request, Hashfed__V1__OfferRequest,
	 hashfed__v1__offer_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin_or_none),
	HF_BYTES(note, 0, HF_NOTE_MAX_BYTES),
	HF_BYTES(agreement, 0, HF_AGREEMENT_MAX_BYTES),
	HF_ONE(chunk, get_chunks_response, 0),
	HF_PIECES(growth, HF_HASH_BYTES, HF_PROOF_MAX_HASHES))

HF_SHAPE(offer_response, Hashfed__V1__OfferResponse,
	 hashfed__v1__offer_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(applied),
	HF_U64(seen))
/* clang-format on */
