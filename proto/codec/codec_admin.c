#include "hashfed/v1/admin.pb-c.h"

#include "codec_admin.h"
#include "codec_shape.h"

static enum hf_err check_open(const void *ours, struct hf_why *why)
{
	const struct hf_open_set_request *request = ours;
	bool is_named = request->name != NULL && request->name[0] != '\0';

	if (is_named == request->is_restricted)
		return hf_why(why, HF_E_ARGUMENT,
			      "name: must be there unless is_restricted, which "
			      "makes a random one");
	return HF_OK;
}

/* clang-format off */
HF_SHAPE(wire_migration, Hashfed__V1__Migration, hashfed__v1__migration,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(from, 0, HF_LABEL_MAX_BYTES),
	HF_TEXT(to, 0, HF_LABEL_MAX_BYTES),
	HF_U32(step, UINT32_MAX),
	HF_U32(steps, UINT32_MAX),
	HF_FLAG(is_keeping),
	HF_U64(done),
	HF_U64(total),
	HF_FLAG(is_opening),
	HF_TEXT(lookups_wait, 0, HF_SENTENCE_MAX_BYTES),
	HF_TEXT(sentence, 0, HF_SENTENCE_MAX_BYTES))

HF_SHAPE(get_status_response, Hashfed__V1__GetStatusResponse,
	 hashfed__v1__get_status_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(organisation, 0, HF_DOMAIN_MAX_BYTES),
	HF_PIECES(organisation_id, HF_HASH_BYTES, 1),
	HF_TEXT(version, 0, HF_LABEL_MAX_BYTES),
	HF_U64(started_ms),
	HF_U64(manifest_version),
	HF_U64(manifest_expires_ms),
	HF_TEXT(listen, 0, HF_SENTENCE_MAX_BYTES),
	HF_U32(peers, UINT32_MAX),
	HF_U32(peers_connected, UINT32_MAX),
	HF_U32(sets, UINT32_MAX),
	HF_U64(entries),
	HF_U64(indexed),
	HF_TEXTS(warnings, 1, HF_SENTENCE_MAX_BYTES, HF_WARNINGS_MAX),
	HF_TEXT(cosigner_vkey, 0, HF_VKEY_MAX_BYTES),
	HF_U32(sets_stale, UINT32_MAX),
	HF_U32(sets_expired, UINT32_MAX),
	HF_TEXT(policy_version, 0, HF_LABEL_MAX_BYTES),
	HF_ONE(migration, wire_migration, 0))

HF_SHAPE(list_sets_request, Hashfed__V1__ListSetsRequest,
	 hashfed__v1__list_sets_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(wire_set_info, Hashfed__V1__SetInfo, hashfed__v1__set_info,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_FLAG(is_own),
	HF_ENUM(state, hf_set_state),
	HF_U64(seen),
	HF_U64(applied),
	HF_U64(live),
	HF_U64(checkpoint_ms),
	HF_ENUM(freshness, hf_freshness),
	HF_TEXTS(members, 1, HF_DOMAIN_MAX_BYTES, HF_AUDIENCE_MAX),
	HF_ENUM(relay, hf_relay),
	HF_U64(agreement_version),
	HF_U64(agreement_expires_ms),
	HF_ENUM(kind, hf_set_kind),
	HF_TEXT(frozen_reason, 0, HF_SENTENCE_MAX_BYTES),
	HF_FLAG(has_evidence),
	HF_TEXTS(cosigners, 1, HF_ORIGIN_MAX_BYTES, HF_NOTE_MAX_SIGNATURES),
	HF_U32(quorum, UINT32_MAX),
	HF_U64(missing),
	HF_U64S(missing_entries, HF_MISSING_MAX),
	HF_WORD(succeeded_by, hf_grammar_origin_or_none),
	HF_U64(void_from),
	HF_WORD(succeeds, hf_grammar_origin_or_none))

HF_SHAPE(list_sets_response, Hashfed__V1__ListSetsResponse,
	 hashfed__v1__list_sets_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(sets, wire_set_info, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(open_set_request, Hashfed__V1__OpenSetRequest,
	 hashfed__v1__open_set_request, HF_MESSAGE_MAX_BYTES, check_open,
	HF_WORD(name, hf_grammar_set_name_or_none),
	HF_TEXT(purpose, 0, HF_REMARK_MAX_BYTES),
	HF_ENUMS(classes, hf_class, HF_CLASSES_MAX),
	HF_FLAG(is_restricted))

HF_SHAPE(open_set_response, Hashfed__V1__OpenSetResponse,
	 hashfed__v1__open_set_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin))

HF_SHAPE(next_epoch_request, Hashfed__V1__NextEpochRequest,
	 hashfed__v1__next_epoch_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set),
	HF_U64(from_size_plus_one),
	HF_U32(epoch, UINT32_MAX))

HF_SHAPE(next_epoch_response, Hashfed__V1__NextEpochResponse,
	 hashfed__v1__next_epoch_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_WORD(predecessor, hf_grammar_origin),
	HF_U64(void_from))

HF_SHAPE(share_set_request, Hashfed__V1__ShareSetRequest,
	 hashfed__v1__share_set_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set),
	HF_WORD(peer, hf_grammar_domain),
	HF_FLAG(may_relay),
	HF_FLAG(is_removal),
	HF_FLAG(is_witness))

HF_SHAPE(share_set_response, Hashfed__V1__ShareSetResponse,
	 hashfed__v1__share_set_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(agreement_version))

HF_SHAPE(follow_set_request, Hashfed__V1__FollowSetRequest,
	 hashfed__v1__follow_set_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_FLAG(is_removal))

HF_SHAPE(get_note_request, Hashfed__V1__GetNoteRequest,
	 hashfed__v1__get_note_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set))

HF_SHAPE(get_note_response, Hashfed__V1__GetNoteResponse,
	 hashfed__v1__get_note_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(note, 0, HF_NOTE_MAX_BYTES),
	HF_TEXT(log_vkey, 0, HF_VKEY_MAX_BYTES),
	HF_TEXT(cosigner_vkey, 0, HF_VKEY_MAX_BYTES))

HF_SHAPE(prove_entry_request, Hashfed__V1__ProveEntryRequest,
	 hashfed__v1__prove_entry_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set),
	HF_U64(index))

HF_SHAPE(prove_entry_response, Hashfed__V1__ProveEntryResponse,
	 hashfed__v1__prove_entry_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(proof, 1, HF_LOGPROOF_MAX_BYTES),
	HF_BYTES(header, HF_HEADER_BYTES, HF_HEADER_BYTES))

HF_SHAPE(list_peers_request, Hashfed__V1__ListPeersRequest,
	 hashfed__v1__list_peers_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(wire_peer_info, Hashfed__V1__PeerInfo, hashfed__v1__peer_info,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(name, hf_grammar_domain),
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_WORD(country, hf_grammar_country_or_none),
	HF_U64(manifest_version),
	HF_U64(manifest_expires_ms),
	HF_WORD(endpoint, hf_grammar_endpoint_or_none),
	HF_FLAG(is_connected),
	HF_U64(seen_ms),
	HF_TEXT(problem, 0, HF_SENTENCE_MAX_BYTES),
	HF_U32(sets_behind, UINT32_MAX),
	HF_U64(entries_received),
	HF_U64(refused))

HF_SHAPE(list_peers_response, Hashfed__V1__ListPeersResponse,
	 hashfed__v1__list_peers_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(peers, wire_peer_info, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(add_peer_request, Hashfed__V1__AddPeerRequest,
	 hashfed__v1__add_peer_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(invite, 1, HF_INVITE_MAX_BYTES),
	HF_TEXT(fingerprint, 0, HF_LABEL_MAX_BYTES),
	HF_FLAG(is_silent),
	HF_WORD(endpoint, hf_grammar_endpoint_or_none))

HF_SHAPE(add_peer_response, Hashfed__V1__AddPeerResponse,
	 hashfed__v1__add_peer_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(name, hf_grammar_domain),
	HF_TEXT(fingerprint, 0, HF_LABEL_MAX_BYTES),
	HF_FLAG(is_enrolled))

HF_SHAPE(remove_peer_request, Hashfed__V1__RemovePeerRequest,
	 hashfed__v1__remove_peer_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(name, hf_grammar_domain))

HF_SHAPE(get_invite_response, Hashfed__V1__GetInviteResponse,
	 hashfed__v1__get_invite_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(invite, 1, HF_INVITE_MAX_BYTES))

HF_SHAPE(verify_set_request, Hashfed__V1__VerifySetRequest,
	 hashfed__v1__verify_set_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set))

HF_SHAPE(verify_set_response, Hashfed__V1__VerifySetResponse,
	 hashfed__v1__verify_set_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(size),
	HF_U64(payloads),
	HF_U64(missing))

HF_SHAPE(get_evidence_request, Hashfed__V1__GetEvidenceRequest,
	 hashfed__v1__get_evidence_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set))

HF_SHAPE(get_evidence_response, Hashfed__V1__GetEvidenceResponse,
	 hashfed__v1__get_evidence_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(evidence, 1, HF_EVIDENCE_MAX_BYTES))

HF_SHAPE(list_receipts_request, Hashfed__V1__ListReceiptsRequest,
	 hashfed__v1__list_receipts_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set))

HF_SHAPE(member_receipt, Hashfed__V1__MemberReceipt,
	 hashfed__v1__member_receipt, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(member, 1, HF_DOMAIN_MAX_BYTES),
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_ONE(receipt, applied_receipt, 0),
	HF_U64(retractions))

HF_SHAPE(list_receipts_response, Hashfed__V1__ListReceiptsResponse,
	 hashfed__v1__list_receipts_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_MANY(members, member_receipt, HF_AUDIENCE_MAX))

HF_SHAPE(thaw_set_request, Hashfed__V1__ThawSetRequest,
	 hashfed__v1__thaw_set_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set))

HF_SHAPE(size_info, Hashfed__V1__SizeInfo, hashfed__v1__size_info,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(part, 1, HF_LABEL_MAX_BYTES),
	HF_TEXT(table, 0, HF_ORIGIN_MAX_BYTES),
	HF_U64(bytes),
	HF_U64(count),
	HF_U64(bytes_max))

HF_SHAPE(get_sizes_response, Hashfed__V1__GetSizesResponse,
	 hashfed__v1__get_sizes_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(disk, size_info, HF_SIZES_MAX),
	HF_MANY(sets, size_info, HF_SIZES_MAX),
	HF_MANY(memory, size_info, HF_SIZES_MAX),
	HF_U64(disk_bytes),
	HF_U64(reserve_bytes),
	HF_U64(resident_bytes),
	HF_U64(mapped_bytes))

HF_SHAPE(store_fault, Hashfed__V1__StoreFault, hashfed__v1__store_fault,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(problem, 1, HF_SENTENCE_MAX_BYTES),
	HF_U64(first),
	HF_U64(end))

HF_SHAPE(set_check, Hashfed__V1__SetCheck, hashfed__v1__set_check,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_U64(payloads),
	HF_U64(erased),
	HF_U64(missing),
	HF_MANY(faults, store_fault, HF_FAULTS_MAX),
	HF_U64(problems))

HF_SHAPE(verify_store_response, Hashfed__V1__VerifyStoreResponse,
	 hashfed__v1__verify_store_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(sets, set_check, HF_CHECKS_MAX))

HF_SHAPE(make_backup_request, Hashfed__V1__MakeBackupRequest,
	 hashfed__v1__make_backup_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(directory, 1, HF_DIRECTORY_MAX_BYTES))

HF_SHAPE(make_backup_response, Hashfed__V1__MakeBackupResponse,
	 hashfed__v1__make_backup_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(bytes),
	HF_U64(sets),
	HF_U64(entries))
/* clang-format on */
