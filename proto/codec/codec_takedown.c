#include "hashfed/v1/takedown.pb-c.h"

#include "codec_takedown.h"
#include "codec_shape.h"

/* clang-format off */
HF_SHAPE(case_summary, Hashfed__V1__CaseSummary,
	 hashfed__v1__case_summary, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(case_id, 1, 32),
	HF_ONE(opening, entry_ref, 0),
	HF_ENUM(side, hf_case_side),
	HF_TEXT(notifier, 0, HF_DOMAIN_MAX_BYTES),
	HF_TEXT(provider, 0, HF_DOMAIN_MAX_BYTES),
	HF_TEXT(authority, 0, HF_DOMAIN_MAX_BYTES),
	HF_FLAG(is_not_member),
	HF_ENUM(regime, hf_regime),
	HF_ENUM(content_class, hf_class),
	HF_ENUM(state, hf_case_state),
	HF_ENUM(reason, hf_case_reason),
	HF_FLAG(is_overdue),
	HF_FLAG(is_paused),
	HF_FLAG(is_priority),
	HF_U64(published_ms),
	HF_U64(delivered_ms),
	HF_U64(acknowledged_ms),
	HF_U64(clock_ms),
	HF_U64(due_ms),
	HF_U64(acted_ms),
	HF_U64(offline_ms),
	HF_U64(ordered_ms),
	HF_U64(closed_ms),
	HF_U64(changed_ms),
	HF_U32(events, UINT32_MAX),
	HF_U32(refused, UINT32_MAX),
	HF_U32(renotified, UINT32_MAX),
	HF_U32(reappeared, UINT32_MAX),
	HF_U32(locators, UINT32_MAX),
	HF_U32(hashes, UINT32_MAX),
	HF_TEXTS(sites, 1, HF_DOMAIN_MAX_BYTES, 16),
	HF_TEXT(continues, 0, 32),
	HF_TEXTS(continued_by, 1, 32, 16),
	HF_TEXT(reference, 0, HF_LABEL_MAX_BYTES),
	HF_TEXTS(names, 1, HF_ITEM_NAME_MAX_BYTES, HF_CASE_NAMES_MAX),
	HF_U32(in_memory, UINT32_MAX))

HF_SHAPE(case_event_info, Hashfed__V1__CaseEventInfo,
	 hashfed__v1__case_event_info, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(entry, entry_ref, 0),
	HF_TEXT(author, 0, HF_DOMAIN_MAX_BYTES),
	HF_ONE(event, case_event, 1),
	HF_FLAG(is_applied),
	HF_TEXT(refused, 0, 64),
	HF_FLAG(is_in_memory))

HF_SHAPE(send_notice_request, Hashfed__V1__SendNoticeRequest,
	 hashfed__v1__send_notice_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(request_id, HF_EVENT_ID_BYTES, HF_EVENT_ID_BYTES),
	HF_ONE(notice, notice, 1),
	HF_ENUM(kind, hf_case_event_kind),
	HF_TEXT(case_id, 0, 32),
	HF_ENUM(hold, hf_case_state))

HF_SHAPE(send_notice_response, Hashfed__V1__SendNoticeResponse,
	 hashfed__v1__send_notice_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(summary, case_summary, 0),
	HF_BYTES(mail, 0, HF_MAIL_MAX_BYTES))

HF_SHAPE(report_found_request, Hashfed__V1__ReportFoundRequest,
	 hashfed__v1__report_found_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(batch, wire_match_request, 1))

HF_SHAPE(found_case, Hashfed__V1__FoundCase,
	 hashfed__v1__found_case, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U32(item, UINT32_MAX),
	HF_ENUM(how, hf_found_how),
	HF_TEXT(case_id, 1, 32))

HF_SHAPE(report_found_response, Hashfed__V1__ReportFoundResponse,
	 hashfed__v1__report_found_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(found, found_case, HF_FOUND_ITEMS_MAX))

HF_SHAPE(update_case_request, Hashfed__V1__UpdateCaseRequest,
	 hashfed__v1__update_case_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(case_id, 1, 32),
	HF_BYTES(request_id, HF_EVENT_ID_BYTES, HF_EVENT_ID_BYTES),
	HF_ONE(event, case_event, 0),
	HF_TEXT(to, 0, HF_DOMAIN_MAX_BYTES),
	HF_FLAG(is_release))

HF_SHAPE(update_case_response, Hashfed__V1__UpdateCaseResponse,
	 hashfed__v1__update_case_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(summary, case_summary, 0),
	HF_BYTES(mail, 0, HF_MAIL_MAX_BYTES))

HF_SHAPE(get_case_request, Hashfed__V1__GetCaseRequest,
	 hashfed__v1__get_case_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(case_id, 1, 32))

HF_SHAPE(get_case_response, Hashfed__V1__GetCaseResponse,
	 hashfed__v1__get_case_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(summary, case_summary, 0),
	HF_MANY(events, case_event_info, HF_CASE_EVENTS_MAX))

HF_SHAPE(list_cases_request, Hashfed__V1__ListCasesRequest,
	 hashfed__v1__list_cases_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES),
	HF_ENUMS(states, hf_case_state, 32),
	HF_FLAG(only_overdue),
	HF_FLAG(only_open),
	HF_TEXT(provider, 0, HF_DOMAIN_MAX_BYTES),
	HF_ONE(hash, hash, 0),
	HF_U64(from_ms),
	HF_U64(to_ms))

HF_SHAPE(list_cases_response, Hashfed__V1__ListCasesResponse,
	 hashfed__v1__list_cases_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(cases, case_summary, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(watch_cases_request, Hashfed__V1__WatchCasesRequest,
	 hashfed__v1__watch_cases_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(position, 0, 64),
	HF_FLAG(only_new))

HF_SHAPE(watch_cases_response, Hashfed__V1__WatchCasesResponse,
	 hashfed__v1__watch_cases_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(position, 0, 64),
	HF_ONE(summary, case_summary, 0),
	HF_TEXT(clock, 0, 32),
	HF_FLAG(is_mark),
	HF_FLAG(is_new))

HF_SHAPE(get_bundle_request, Hashfed__V1__GetBundleRequest,
	 hashfed__v1__get_bundle_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(case_id, 1, 32))

HF_SHAPE(get_bundle_response, Hashfed__V1__GetBundleResponse,
	 hashfed__v1__get_bundle_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(bundle, 1, HF_MESSAGE_MAX_BYTES))

HF_SHAPE(bundle_entry, Hashfed__V1__BundleEntry,
	 hashfed__v1__bundle_entry, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U32(log, UINT32_MAX),
	HF_U64(index),
	HF_BYTES(header, HF_HEADER_BYTES, HF_HEADER_BYTES),
	HF_BYTES(opening, HF_OPENING_BYTES, HF_OPENING_BYTES),
	HF_BYTES(payload, 1, HF_PAYLOAD_MAX_BYTES),
	HF_PIECES(proof, HF_HASH_BYTES, HF_PROOF_MAX_HASHES),
	HF_BYTES(text, 0, HF_CASE_TEXT_MAX_BYTES),
	HF_PIECES(signature, HF_SIGNATURE_BYTES, 1),
	HF_PIECES(ephemeral, HF_PUBLIC_KEY_BYTES, 1))

HF_SHAPE(bundle_log, Hashfed__V1__BundleLog,
	 hashfed__v1__bundle_log, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_BYTES(agreement, 1, HF_AGREEMENT_MAX_BYTES),
	HF_BYTES(note, 1, HF_NOTE_MAX_BYTES))

HF_SHAPE(bundle, Hashfed__V1__Bundle,
	 hashfed__v1__bundle, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U32(version, UINT32_MAX),
	HF_ONE(opening, entry_ref, 1),
	HF_BYTESES(manifests, 1, HF_INVITE_MAX_BYTES, 16),
	HF_MANY(logs, bundle_log, 16),
	HF_MANY(entries, bundle_entry, HF_CASE_EVENTS_MAX),
	HF_U64(made_ms),
	HF_BYTES(made_by, HF_HASH_BYTES, HF_HASH_BYTES))

HF_SHAPE(attest_role_request, Hashfed__V1__AttestRoleRequest,
	 hashfed__v1__attest_role_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(claim, attestation, 1),
	HF_FLAG(is_end))

HF_SHAPE(attest_role_response, Hashfed__V1__AttestRoleResponse,
	 hashfed__v1__attest_role_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index))

HF_SHAPE(list_roles_request, Hashfed__V1__ListRolesRequest,
	 hashfed__v1__list_roles_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(role_info, Hashfed__V1__RoleInfo,
	 hashfed__v1__role_info, HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(attester, 0, HF_DOMAIN_MAX_BYTES),
	HF_ONE(claim, attestation, 1),
	HF_FLAG(counts),
	HF_TEXT(why_not, 0, HF_SENTENCE_MAX_BYTES))

HF_SHAPE(list_roles_response, Hashfed__V1__ListRolesResponse,
	 hashfed__v1__list_roles_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(roles, role_info, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))
/* clang-format on */
