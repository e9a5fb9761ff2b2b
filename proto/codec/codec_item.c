#include <string.h>

#include "hashfed/v1/payload.pb-c.h"

#include "text.h"
#include "codec_item.h"
#include "codec_shape.h"

/* clang-format off */
HF_SHAPE(hash, Hashfed__V1__Hash, hashfed__v1__hash,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_ENUM(algorithm, hf_algorithm),
	HF_BYTES(digest, 1, HF_VPDQ_MAX_FRAMES * HF_PDQ_BYTES),
	HF_U32(quality_plus_one, UINT32_MAX))

HF_SHAPE(label, Hashfed__V1__Label, hashfed__v1__label,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_TEXT(scheme, 1, HF_LABEL_MAX_BYTES),
	HF_TEXT(value, 1, HF_LABEL_MAX_BYTES))

HF_SHAPE(entry_ref, Hashfed__V1__EntryRef, hashfed__v1__entry_ref,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_set),
	HF_U64(index),
	HF_PIECES(leaf_hash, HF_HASH_BYTES, 1))

HF_SHAPE(item, Hashfed__V1__Item, hashfed__v1__item,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_MANY(hashes, hash, HF_ITEM_MAX_HASHES),
	HF_MANY(labels, label, HF_ITEM_MAX_LABELS),
	HF_ENUM(content_class, hf_class),
	HF_ENUMS(flags, hf_item_flag, HF_ITEM_MAX_FLAGS),
	HF_ENUM(media_kind, hf_item_kind),
	HF_U32(assessors, UINT32_MAX),
	HF_U64(assessed_at_ms),
	HF_WORD(jurisdiction, hf_grammar_country_or_none),
	HF_TEXT(legal_basis, 0, HF_LABEL_MAX_BYTES),
	HF_TEXT(series, 0, HF_LABEL_MAX_BYTES),
	HF_MANY(derived_from, entry_ref, HF_ITEM_MAX_REFS),
	HF_FLAG(own_assessment),
	HF_U64(reinstates_plus_one),
	HF_ONE(predecessor, entry_ref, 0),
	HF_U64(expires_at_ms))

HF_SHAPE(retraction, Hashfed__V1__Retraction, hashfed__v1__retraction,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES))
/* clang-format on */

/* The ops of proto/SPEC.md section 3 that carry an item. */
#define OP_ADD   1
#define OP_AMEND 2

static enum hf_err check_hash(const struct hf_hash *hash, struct hf_why *why)
{
	const char *word = hf_algorithm_word(hash->algorithm);
	uint32_t quality = hash->quality_plus_one;

	if (!hf_algorithm_takes(hash->algorithm, hash->digest.len_bytes))
		return hf_why(why, HF_E_ARGUMENT,
			      "%zu bytes are no digest of algorithm %u (%s)",
			      hash->digest.len_bytes, (unsigned)hash->algorithm,
			      word);
	if (quality > 0 && hash->algorithm != HF_ALGORITHM_PDQ)
		return hf_why(why, HF_E_ARGUMENT, "%s has no quality", word);
	if (quality > HF_QUALITY_MAX + 1)
		return hf_why(why, HF_E_LIMIT, "quality %u, must be at most %d",
			      quality - 1, HF_QUALITY_MAX);
	return HF_OK;
}

static bool is_same_hash(const struct hf_hash *a, const struct hf_hash *b)
{
	return a->algorithm == b->algorithm &&
	       hf_span_equal(a->digest, b->digest);
}

/* At most 64: comparing all pairs is cheaper than sorting. */
static enum hf_err check_hashes(const struct hf_item *item, struct hf_why *why)
{
	for (size_t i = 0; i < item->hashes_count; i++) {
		enum hf_err err = check_hash(&item->hashes[i], why);

		if (err != HF_OK) {
			hf_why_prefix(why, "hashes[%zu]: ", i);
			return err;
		}
		for (size_t j = 0; j < i; j++) {
			if (is_same_hash(&item->hashes[i], &item->hashes[j]))
				return hf_why(why, HF_E_ARGUMENT,
					      "hashes[%zu]: the same as "
					      "hashes[%zu]",
					      i, j);
		}
	}
	return HF_OK;
}

static enum hf_err check_flags(const struct hf_item *item, struct hf_why *why)
{
	unsigned seen = 0;

	for (size_t i = 0; i < item->flags_count; i++) {
		unsigned flag = item->flags[i];

		if (flag == 0 || flag > HF_ITEM_FLAG_PREVENTIVE)
			return hf_why(why, HF_E_ARGUMENT,
				      "flags[%zu]: %u is none of %s", i, flag,
				      hf_item_flag_words());
		if ((seen & 1u << flag) != 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "flags[%zu]: %s is there twice", i,
				      hf_item_flag_word(flag));
		seen |= 1u << flag;
	}
	return HF_OK;
}

static enum hf_err check_refs(const struct hf_item *item, struct hf_why *why)
{
	for (size_t i = 0; i < item->derived_from_count; i++) {
		if (!hf_text_is_origin(
			    hf_span_of(item->derived_from[i].origin)))
			return hf_why(why, HF_E_ARGUMENT,
				      "derived_from[%zu]: not a whole origin",
				      i);
	}
	if (item->predecessor != NULL &&
	    !hf_text_is_origin(hf_span_of(item->predecessor->origin)))
		return hf_why(why, HF_E_ARGUMENT,
			      "predecessor: not a whole origin");
	return HF_OK;
}

static enum hf_err check_words(const struct hf_item *item, struct hf_why *why)
{
	unsigned class = item->content_class, kind = item->media_kind;

	if (class == 0)
		return hf_why(why, HF_E_ARGUMENT, "content_class: missing");
	if (class >= HF_CLASS_COUNT)
		return hf_why(why, HF_E_ARGUMENT,
			      "content_class: %u is no known class", class);
	if (kind > HF_ITEM_KIND_OTHER)
		return hf_why(why, HF_E_ARGUMENT,
			      "media_kind: %u is none of %s", kind,
			      hf_item_kind_words());
	return HF_OK;
}

/* What the rows of the shape do not say. */
static enum hf_err check_sense(const struct hf_item *item, unsigned op,
			       struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (op != OP_ADD && op != OP_AMEND)
		err = hf_why(why, HF_E_ARGUMENT, "op %u carries no item", op);
	else if (op == OP_ADD && item->hashes_count == 0)
		err = hf_why(why, HF_E_ARGUMENT, "hashes: none");
	else if (op == OP_AMEND && item->hashes_count > 0)
		err = hf_why(why, HF_E_ARGUMENT,
			     "hashes: an AMEND changes all but the hashes");
	if (err == HF_OK)
		err = check_hashes(item, why);
	if (err == HF_OK)
		err = check_words(item, why);
	if (err == HF_OK)
		err = check_flags(item, why);
	if (err == HF_OK)
		err = check_refs(item, why);
	if (err != HF_OK)
		hf_why_prefix(why, "item: ");
	return err;
}

enum hf_err hf_item_check(const struct hf_item *item, unsigned op,
			  struct hf_why *why)
{
	enum hf_err err = hf_shape_check(hf_item_shape(), item, why);

	if (err != HF_OK) {
		hf_why_prefix(why, "item: ");
		return err;
	}
	return check_sense(item, op, why);
}

enum hf_err hf_item_parse_for(struct hf_span wire, unsigned op,
			      struct hf_arena *arena, struct hf_item *out,
			      struct hf_why *why)
{
	enum hf_err err = hf_item_parse(wire, arena, out, why);

	return err == HF_OK ? check_sense(out, op, why) : err;
}

enum hf_class hf_class_known(enum hf_class class)
{
	unsigned number = class;

	return number > 0 && number < HF_CLASS_COUNT ? class : HF_CLASS_OTHER;
}

enum hf_class hf_item_class(const struct hf_item *item)
{
	return hf_class_known(item->content_class);
}

bool hf_item_has_flag(const struct hf_item *item, enum hf_item_flag flag)
{
	for (size_t i = 0; i < item->flags_count; i++) {
		if (item->flags[i] == flag)
			return true;
	}
	return false;
}
