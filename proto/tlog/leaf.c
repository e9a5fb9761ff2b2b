#include <string.h>

#include "bytes.h"

#include "leaf.h"

/* Where the fields of a header are, SPEC section 3.1. */
enum {
	AT_MAGIC = 0,
	AT_OP = 4,
	AT_COMMIT_KIND = 5,
	AT_FLAGS = 6,
	AT_TIME = 8,
	AT_TARGET = 16,
	AT_PAYLOAD_LEN = 24,
	AT_CODE = 28,
	AT_COMMITMENT = 32,
};

_Static_assert(AT_COMMITMENT + HF_HASH_BYTES == HF_HEADER_BYTES,
	       "the fields fill the header");

_Static_assert(HF_HEADER_BYTES == 2 * HF_SHA256_BYTES,
	       "a header is hashed as a pair");

/* RFC 6962 section 2.1. */
#define LEAF_PREFIX 0x00

static const uint8_t magic[4] = { 'h', 'f', 'e', '1' };

enum target_rule {
	TARGET_OWN,
	TARGET_EARLIER,
	TARGET_OWN_OR_EARLIER,
};

static const struct op {
	uint8_t number;
	const char *name;
	enum target_rule target;
	bool needs_payload;
} ops[] = {
#define OP_ROW(number, name, target, needs_payload)                            \
	{ number, #name, TARGET_##target, needs_payload },
	HF_OP_TABLE(OP_ROW)
#undef OP_ROW
};

static const struct op *op_find(uint8_t number)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (ops[i].number == number)
			return &ops[i];
	}
	return NULL;
}

const char *hf_op_name(uint8_t op)
{
	const struct op *found = op_find(op);

	return found != NULL ? found->name : NULL;
}

void hf_header_encode(const struct hf_header *header,
		      uint8_t out_bytes[static HF_HEADER_BYTES])
{
	memcpy(out_bytes + AT_MAGIC, magic, sizeof(magic));
	out_bytes[AT_OP] = header->op;
	out_bytes[AT_COMMIT_KIND] = header->commit_kind;
	hf_be16_put(out_bytes + AT_FLAGS, header->flags);
	hf_be64_put(out_bytes + AT_TIME, header->time_ms);
	hf_be64_put(out_bytes + AT_TARGET, header->target);
	hf_be32_put(out_bytes + AT_PAYLOAD_LEN, header->payload_len_bytes);
	hf_be32_put(out_bytes + AT_CODE, header->code);
	memcpy(out_bytes + AT_COMMITMENT, header->commitment, HF_HASH_BYTES);
}

static bool is_zero(const uint8_t *bytes, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

enum hf_err hf_header_parse(const uint8_t bytes[static HF_HEADER_BYTES],
			    struct hf_header *out_header, struct hf_why *why)
{
	struct hf_header header;

	if (memcmp(bytes + AT_MAGIC, magic, sizeof(magic)) != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "header: does not begin with 'hfe1'");
	header.op = bytes[AT_OP];
	header.commit_kind = bytes[AT_COMMIT_KIND];
	header.flags = hf_be16(bytes + AT_FLAGS);
	header.time_ms = hf_be64(bytes + AT_TIME);
	header.target = hf_be64(bytes + AT_TARGET);
	header.payload_len_bytes = hf_be32(bytes + AT_PAYLOAD_LEN);
	header.code = hf_be32(bytes + AT_CODE);
	memcpy(header.commitment, bytes + AT_COMMITMENT, HF_HASH_BYTES);

	if (header.payload_len_bytes > HF_PAYLOAD_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "header: a payload of %u bytes, at most %zu",
			      (unsigned)header.payload_len_bytes,
			      HF_PAYLOAD_MAX_BYTES);
	if (header.commit_kind == HF_COMMIT_NONE &&
	    (header.payload_len_bytes != 0 ||
	     !is_zero(header.commitment, HF_HASH_BYTES)))
		return hf_why(why, HF_E_MALFORMED,
			      "header: no commitment, yet its length or its "
			      "bytes are not zero");
	*out_header = header;
	return HF_OK;
}

enum hf_header_use hf_header_use(const struct hf_header *header)
{
	if (header->op >= HF_OP_IGNORABLE)
		return HF_HEADER_IGNORE;
	if (op_find(header->op) == NULL || header->flags != 0 ||
	    header->commit_kind > HF_COMMIT_HMAC_SHA256)
		return HF_HEADER_UNSUPPORTED;
	return HF_HEADER_APPLY;
}

enum hf_err hf_header_check(const struct hf_header *header, uint64_t index,
			    struct hf_why *why)
{
	const struct op *op = op_find(header->op);
	bool is_own = header->target == index;
	bool is_earlier = header->target < index;

	if (hf_header_use(header) != HF_HEADER_APPLY)
		return HF_OK;
	if ((op->target == TARGET_OWN && !is_own) ||
	    (op->target == TARGET_EARLIER && !is_earlier) ||
	    (op->target == TARGET_OWN_OR_EARLIER && !is_own && !is_earlier))
		return hf_why(why, HF_E_MALFORMED,
			      "entry %llu: %s cannot have target %llu",
			      (unsigned long long)index, op->name,
			      (unsigned long long)header->target);
	if (op->needs_payload && header->commit_kind == HF_COMMIT_NONE)
		return hf_why(why, HF_E_MALFORMED,
			      "entry %llu: %s without a payload",
			      (unsigned long long)index, op->name);
	return HF_OK;
}

void hf_leaf_hash(const uint8_t header[static HF_HEADER_BYTES],
		  struct hf_tree_hash *out_hash)
{
	hf_leaf_hashes(header, 1, out_hash);
}

void hf_leaf_hashes(const uint8_t *headers, size_t count,
		    struct hf_tree_hash *out_hashes)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *header = headers + i * HF_HEADER_BYTES;

		hf_sha256_pair(LEAF_PREFIX, header, header + HF_SHA256_BYTES,
			       out_hashes[i].bytes);
	}
}

void hf_commit_init(struct hf_commit *commit)
{
	hf_hmac_init(&commit->ready, hf_span_of("hashfed/entry-commit/v1"));
}

void hf_commit_make(const struct hf_commit *commit,
		    const uint8_t opening[static HF_OPENING_BYTES],
		    struct hf_span payload,
		    uint8_t out_commitment[static HF_HASH_BYTES])
{
	struct hf_hmac message = commit->ready;

	hf_hmac_update(&message, opening, HF_OPENING_BYTES);
	hf_hmac_update(&message, payload.at, payload.len_bytes);
	hf_hmac_final(&message, out_commitment);
}

void hf_commit_payload(const struct hf_commit *commit,
		       const uint8_t opening[static HF_OPENING_BYTES],
		       struct hf_span payload, struct hf_header *header)
{
	header->commit_kind = HF_COMMIT_HMAC_SHA256;
	header->payload_len_bytes = (uint32_t)payload.len_bytes;
	hf_commit_make(commit, opening, payload, header->commitment);
}

enum hf_err hf_commit_verify(const struct hf_commit *commit,
			     const struct hf_header *header,
			     struct hf_span opening, struct hf_span payload,
			     struct hf_why *why)
{
	uint8_t commitment[HF_HASH_BYTES];

	if (header->commit_kind > HF_COMMIT_HMAC_SHA256)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "payload: commitment of kind %u is not known",
			      header->commit_kind);
	if (payload.len_bytes != header->payload_len_bytes)
		return hf_why(why, HF_E_PROOF,
			      "payload: %zu bytes, the header says %u",
			      payload.len_bytes,
			      (unsigned)header->payload_len_bytes);
	if (header->commit_kind == HF_COMMIT_NONE) {
		if (opening.len_bytes != 0)
			return hf_why(why, HF_E_PROOF,
				      "payload: an opening where the header "
				      "has no commitment");
		return HF_OK;
	}
	if (opening.len_bytes != HF_OPENING_BYTES)
		return hf_why(why, HF_E_PROOF,
			      "payload: an opening of %zu bytes, not %d",
			      opening.len_bytes, HF_OPENING_BYTES);
	hf_commit_make(commit, opening.at, payload, commitment);
	if (memcmp(commitment, header->commitment, HF_HASH_BYTES) != 0)
		return hf_why(why, HF_E_PROOF,
			      "payload: is not the one committed to");
	return HF_OK;
}
