/*
 * codec_shape.h -- what a message looks like, as rows: how codec_*.c say which
 * field of our struct is which field of protobuf-c's, and what it may hold.
 *
 * Inside the codec only (and its test, which makes up messages from the rows).
 *
 * Units    bytes; counts of elements.
 * Owns     nothing: shapes are constants.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1; protobuf-c 1.4 (protobuf-c.h).
 */
#ifndef HF_CODEC_SHAPE_H
#define HF_CODEC_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "span.h"

struct ProtobufCMessageDescriptor;
struct hf_shape;

enum hf_field_kind {
	HF_FIELD_BOOL,
	HF_FIELD_ENUM,
	HF_FIELD_I32,
	HF_FIELD_U32,
	HF_FIELD_U64,
	HF_FIELD_TEXT,
	HF_FIELD_BYTES,
	HF_FIELD_MESSAGE,
};

/* What a text must be, beyond clean: a test and the words for it. */
struct hf_grammar {
	bool (*is_right)(struct hf_span text);
	const char *words; /* "a domain name" */
	bool may_be_empty;
};

struct hf_field {
	const char *name;
	enum hf_field_kind kind;
	bool is_list;
	unsigned case_number; /* of a member of a oneof; else 0 */
	size_t at, made_at;   /* in our struct, in protobuf-c's */
	/* Of a list its counts, of a member of a oneof the cases. */
	size_t count_at, made_count_at;
	/* Texts and bytes: the length, of each where there are many; a
	 * message: least 1 when it must be there; numbers: the value. */
	uint64_t least, most;
	size_t unit; /* bytes come in pieces of this, or 0 */
	size_t count_most;
	const struct hf_grammar *grammar;
	const struct hf_shape *(*shape)(void);
};

struct hf_shape {
	const char *name;
	size_t size_bytes; /* of our struct */
	size_t wire_most_bytes;
	const struct hf_field *fields; /* in the order of their numbers */
	size_t fields_count;
	const struct ProtobufCMessageDescriptor *made;
	/* What no single row can say; after the rows were checked. */
	enum hf_err (*check)(const void *ours, struct hf_why *why);
};

/* clang-format off */

/*
 * Rows.  They stand inside HF_SHAPE(), where `ours` and `made` are the two
 * structs.  A field of another type in either does not compile, because then
 * the _Generic has no branch for it; what the compiler cannot see (types of
 * enumerations and messages, a field left out) hf_shape_is_whole() does.
 */
#define HF_OURS(f, type) (offsetof(ours, f) * _Generic(((ours *)0)->f, type: 1))
#define HF_MADE(f, type) (offsetof(made, f) * _Generic(((made *)0)->f, type: 1))
#define HF_BOTH(f, kind_, type, made_type)                                    \
	.name = #f, .kind = HF_FIELD_##kind_, .at = HF_OURS(f, type),         \
	.made_at = HF_MADE(f, made_type)
#define HF_LIST(f, count_)                                                    \
	.is_list = true, .count_most = (count_),                              \
	.count_at = HF_OURS(f##_count, size_t),                               \
	.made_count_at = HF_MADE(n_##f, size_t)
#define HF_CASE(oneof, case_)                                                 \
	.case_number = (case_), .count_at = offsetof(ours, oneof),            \
	.made_count_at = offsetof(made, oneof##_case)

/* One value.  Numbers go from 0 to most. */
#define HF_FLAG(f)        { HF_BOTH(f, BOOL, bool, protobuf_c_boolean) }
#define HF_ENUM(f, type)                                                      \
	{ .name = #f, .kind = HF_FIELD_ENUM, .at = HF_OURS(f, enum type),     \
	  .made_at = offsetof(made, f) }
#define HF_I32(f, most_)                                                      \
	{ HF_BOTH(f, I32, int32_t, int32_t), .most = (most_) }
#define HF_U32(f, most_)                                                      \
	{ HF_BOTH(f, U32, uint32_t, uint32_t), .most = (most_) }
#define HF_U64(f)                                                             \
	{ HF_BOTH(f, U64, uint64_t, uint64_t), .most = UINT64_MAX }
#define HF_TEXT(f, least_, most_)                                             \
	{ HF_BOTH(f, TEXT, const char *, char *),                             \
	  .least = (least_), .most = (most_) }
#define HF_WORD(f, grammar_)                                                  \
	{ HF_BOTH(f, TEXT, const char *, char *),                             \
	  .most = HF_MESSAGE_MAX_BYTES, .grammar = &(grammar_) }
#define HF_BYTES(f, least_, most_)                                            \
	{ HF_BOTH(f, BYTES, struct hf_span, ProtobufCBinaryData),             \
	  .least = (least_), .most = (most_) }
#define HF_PIECES(f, unit_, most_)                                            \
	{ HF_BOTH(f, BYTES, struct hf_span, ProtobufCBinaryData),             \
	  .unit = (unit_), .most = (uint64_t)(unit_) * (most_) }
#define HF_ONE(f, sub, least_)                                                \
	{ .name = #f, .kind = HF_FIELD_MESSAGE, .least = (least_),            \
	  .at = HF_OURS(f, const struct hf_##sub *),                          \
	  .made_at = offsetof(made, f), .shape = hf_##sub##_shape }

/* Members of a oneof. */
#define HF_CASE_U64(oneof, case_, f)                                          \
	{ HF_BOTH(f, U64, uint64_t, uint64_t), .most = UINT64_MAX,            \
	  HF_CASE(oneof, case_) }
#define HF_CASE_BYTES(oneof, case_, f, least_, most_)                         \
	{ HF_BOTH(f, BYTES, struct hf_span, ProtobufCBinaryData),             \
	  .least = (least_), .most = (most_), HF_CASE(oneof, case_) }
#define HF_CASE_ONE(oneof, case_, f, sub)                                     \
	{ .name = #f, .kind = HF_FIELD_MESSAGE, .least = 1,                   \
	  .at = HF_OURS(f, const struct hf_##sub *),                          \
	  .made_at = offsetof(made, f), .shape = hf_##sub##_shape,            \
	  HF_CASE(oneof, case_) }

/* Lists, of at most count_ elements. */
#define HF_ENUMS(f, type, count_)                                             \
	{ .name = #f, .kind = HF_FIELD_ENUM,                                  \
	  .at = HF_OURS(f, const enum type *),                                \
	  .made_at = offsetof(made, f), HF_LIST(f, count_) }
#define HF_U32S(f, most_, count_)                                             \
	{ HF_BOTH(f, U32, const uint32_t *, uint32_t *),                      \
	  .most = (most_), HF_LIST(f, count_) }
#define HF_U64S(f, count_)                                                    \
	{ HF_BOTH(f, U64, const uint64_t *, uint64_t *),                      \
	  .most = UINT64_MAX, HF_LIST(f, count_) }
#define HF_TEXTS(f, least_, most_, count_)                                    \
	{ HF_BOTH(f, TEXT, const char *const *, char **),                     \
	  .least = (least_), .most = (most_), HF_LIST(f, count_) }
#define HF_WORDS(f, grammar_, count_)                                         \
	{ HF_BOTH(f, TEXT, const char *const *, char **),                     \
	  .most = HF_MESSAGE_MAX_BYTES, .grammar = &(grammar_),               \
	  HF_LIST(f, count_) }
#define HF_BYTESES(f, least_, most_, count_)                                  \
	{ HF_BOTH(f, BYTES, const struct hf_span *, ProtobufCBinaryData *),   \
	  .least = (least_), .most = (most_), HF_LIST(f, count_) }
#define HF_MANY(f, sub, count_)                                               \
	{ .name = #f, .kind = HF_FIELD_MESSAGE,                               \
	  .at = HF_OURS(f, const struct hf_##sub *),                          \
	  .made_at = offsetof(made, f), .shape = hf_##sub##_shape,            \
	  HF_LIST(f, count_) }

/* Define message `name`: its shape, hf_<name>_parse() and _encode().  Made is
 * protobuf-c's type, made_ its prefix; check_ a function or NULL; the rest
 * are rows. */
#define HF_SHAPE(name_, Made, made_, most_, check_, ...)                      \
	const struct hf_shape *hf_##name_##_shape(void)                       \
	{                                                                     \
		typedef struct hf_##name_ ours;                               \
		typedef Made made;                                            \
		static const struct hf_field fields[] = { __VA_ARGS__ };      \
		static const struct hf_shape shape = {                        \
			.name = #name_,                                       \
			.size_bytes = sizeof(ours),                           \
			.wire_most_bytes = (most_),                           \
			.fields = fields,                                     \
			.fields_count = sizeof(fields) / sizeof(fields[0]),   \
			.made = &made_##__descriptor,                         \
			.check = (check_),                                    \
		};                                                            \
		return &shape;                                                \
	}                                                                     \
	enum hf_err hf_##name_##_parse(struct hf_span wire,                   \
				       struct hf_arena *arena,                \
				       struct hf_##name_ *out,                \
				       struct hf_why *why)                    \
	{                                                                     \
		return hf_shape_parse(hf_##name_##_shape(), wire, arena, out, \
				      why);                                   \
	}                                                                     \
	enum hf_err hf_##name_##_encode(const struct hf_##name_ *in,          \
					struct hf_buf *buf)                   \
	{                                                                     \
		return hf_shape_encode(hf_##name_##_shape(), in, buf);        \
	}

/* Every message that has a struct. */
#define HF_SHAPES(X)                                                          \
	X(hash) X(label) X(entry_ref) X(item) X(retraction)                   \
	X(document_signature) X(signed_document) X(manifest) X(predecessor)   \
	X(set_key)                                                            \
	X(agreement)                                                          \
	X(invite)                                                             \
	X(manifest_mark) X(hello_request) X(hello_response)                   \
	X(get_manifest_request) X(get_manifest_response)                      \
	X(get_checkpoint_request) X(get_checkpoint_response)                  \
	X(set_mark) X(tail_request) X(tail_response)                          \
	X(get_chunks_request) X(get_chunks_response)                          \
	X(get_proof_request) X(get_proof_response)                            \
	X(applied_receipt) X(gossip_request) X(gossip_response)                                  \
	X(offer_request) X(offer_response)                                    \
	X(append_request) X(appended_range) X(append_response)                \
	X(retract_request) X(retract_response)                                \
	X(amend_request) X(amend_response)                                    \
	X(digest_batch) X(wire_match_request) X(wire_match_hit)               \
	X(wire_match_response) X(wire_match_stream_request)                   \
	X(wire_match_stream_response) X(set_position)                         \
	X(get_news_request) X(get_news_response)                              \
	X(wire_migration)                                                     \
	X(get_status_response) X(list_sets_request) X(wire_set_info)          \
	X(list_sets_response) X(open_set_request) X(open_set_response)        \
	X(next_epoch_request) X(next_epoch_response)                          \
	X(share_set_request) X(share_set_response) X(follow_set_request)      \
	X(get_note_request) X(get_note_response)                              \
	X(prove_entry_request) X(prove_entry_response)                        \
	X(list_peers_request) X(wire_peer_info) X(list_peers_response)        \
	X(add_peer_request) X(add_peer_response) X(remove_peer_request)       \
	X(get_invite_response) X(verify_set_request) X(verify_set_response)   \
	X(get_evidence_request) X(get_evidence_response)                      \
	X(thaw_set_request) X(list_receipts_request) X(member_receipt)        \
	X(list_receipts_response)                                             \
	X(size_info) X(get_sizes_response)                                    \
	X(store_fault) X(set_check) X(verify_store_response)                  \
	X(make_backup_request) X(make_backup_response)                        \
	X(audit_fact) X(audit_record) X(list_audit_request) X(audit_entry)    \
	X(list_audit_response) X(get_affected_request) X(given_verdict)       \
	X(get_affected_response)                                              \
	X(locator) X(contact) X(order) X(notice) X(case_receipt)             \
	X(delivery) X(log_mark) X(quoted_event) X(case_event)                \
	X(receive_key) X(attestation) X(case_summary) X(case_event_info)     \
	X(send_notice_request) X(send_notice_response)                       \
	X(report_found_request) X(found_case) X(report_found_response)       \
	X(update_case_request) X(update_case_response)                       \
	X(get_case_request) X(get_case_response) X(list_cases_request)       \
	X(list_cases_response) X(watch_cases_request)                        \
	X(watch_cases_response) X(get_bundle_request)                        \
	X(get_bundle_response) X(bundle_entry) X(bundle_log) X(bundle)       \
	X(attest_role_request) X(attest_role_response)                       \
	X(list_roles_request) X(role_info) X(list_roles_response)            \
	X(opinion) X(opine_request) X(opine_response) X(explain_request)      \
	X(stated_opinion) X(explained_entry) X(explain_response)              \
	X(release_request) X(release_response)                                \
	X(listing) X(propose_request) X(propose_response)                     \
	X(list_proposals_request) X(proposal) X(list_proposals_response)

#define HF_SHAPE_DECLARE(name) const struct hf_shape *hf_##name##_shape(void);
HF_SHAPES(HF_SHAPE_DECLARE)
#undef HF_SHAPE_DECLARE
/* clang-format on */

extern const struct hf_grammar hf_grammar_domain;
extern const struct hf_grammar hf_grammar_origin;
extern const struct hf_grammar hf_grammar_origin_or_none;
extern const struct hf_grammar hf_grammar_set;
extern const struct hf_grammar hf_grammar_set_name_or_none;
extern const struct hf_grammar hf_grammar_country;
extern const struct hf_grammar hf_grammar_country_or_none;
extern const struct hf_grammar hf_grammar_endpoint;
extern const struct hf_grammar hf_grammar_endpoint_or_none;

/* What hf_<name>_parse() and hf_<name>_encode() do. */
HF_MUST enum hf_err hf_shape_parse(const struct hf_shape *shape,
				   struct hf_span wire, struct hf_arena *arena,
				   void *out, struct hf_why *why);
HF_MUST enum hf_err hf_shape_encode(const struct hf_shape *shape,
				    const void *in, struct hf_buf *buf);

/* Is this one of our structs as its rows say? */
HF_MUST enum hf_err hf_shape_check(const struct hf_shape *shape,
				   const void *ours, struct hf_why *why);

/* The size of one value of the field in our structs. */
size_t hf_field_size(const struct hf_field *field);

/* True when the rows and what protoc-c made of the .proto agree: every field
 * there, in order, of its type, at its place. */
bool hf_shape_is_whole(const struct hf_shape *shape, struct hf_why *why);

#endif /* HF_CODEC_SHAPE_H */
