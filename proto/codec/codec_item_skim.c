#include "codec_item.h"

/*
 * Most items are plain: fields that are known, each at most once, in bounds,
 * and texts of ASCII.  Of those the few fields that an index wants are read
 * right out of the wire bytes, and the rest is checked as hf_item_parse()
 * checks it.  Whatever is not plain is left to hf_item_parse() itself, so
 * that there is one answer to what an item is; tests/fuzz/fuzz_codec_item.c
 * holds the two together.
 */

/* What protobuf writes before a field: its number and how it is written. */
#define VARINT(number) ((number) << 3)
#define BYTES(number)  ((number) << 3 | 2)

struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* Up to nine bytes: more is not plain. */
static bool read_u64(struct reader *reader, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 63 && reader->at < reader->end;
	     shift += 7) {
		uint8_t byte = *reader->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool read_u32(struct reader *reader, uint32_t *out)
{
	uint64_t value;

	if (!read_u64(reader, &value) || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* A length takes at most three bytes: a payload has no two million. */
static bool read_bytes(struct reader *reader, struct hf_span *out)
{
	const uint8_t *from = reader->at;
	uint64_t len;

	if (!read_u64(reader, &len) || reader->at - from > 3 ||
	    len > (uint64_t)(reader->end - reader->at))
		return false;
	*out = hf_span(reader->at, (size_t)len);
	reader->at += len;
	return true;
}

static bool read_text(struct reader *reader, size_t least)
{
	struct hf_span text;

	if (!read_bytes(reader, &text) || text.len_bytes < least ||
	    text.len_bytes > HF_LABEL_MAX_BYTES)
		return false;
	for (size_t i = 0; i < text.len_bytes; i++) {
		if (text.at[i] < 0x20 || text.at[i] > 0x7e)
			return false;
	}
	return true;
}

/* The field's bit in seen, which it must not have yet. */
static bool is_first(unsigned *seen, unsigned tag)
{
	unsigned bit = 1u << (tag >> 3);
	bool is = (*seen & bit) == 0;

	*seen |= bit;
	return is;
}

static bool read_hash(struct reader *outer, struct hf_hash *out)
{
	struct hf_hash hash = { 0 };
	struct reader reader;
	struct hf_span bytes;
	uint32_t algorithm = 0;
	unsigned seen = 0;
	bool is_read = true;

	if (!read_bytes(outer, &bytes))
		return false;
	reader = (struct reader){ bytes.at, bytes.at + bytes.len_bytes };
	while (is_read && reader.at < reader.end) {
		unsigned tag = *reader.at++;

		if (tag == VARINT(1))
			is_read = read_u32(&reader, &algorithm);
		else if (tag == BYTES(2))
			is_read = read_bytes(&reader, &hash.digest);
		else if (tag == VARINT(3))
			is_read = read_u32(&reader, &hash.quality_plus_one);
		else
			return false;
		is_read &= is_first(&seen, tag);
	}
	hash.algorithm = (enum hf_algorithm)algorithm;
	*out = hash;
	return is_read && hash.digest.len_bytes > 0 &&
	       hash.digest.len_bytes <= HF_VPDQ_MAX_FRAMES * HF_PDQ_BYTES;
}

/* Two texts, neither empty. */
static bool pass_label(struct reader *outer)
{
	struct reader reader;
	struct hf_span bytes;
	unsigned seen = 0;

	if (!read_bytes(outer, &bytes))
		return false;
	reader = (struct reader){ bytes.at, bytes.at + bytes.len_bytes };
	while (reader.at < reader.end) {
		unsigned tag = *reader.at++;

		if ((tag != BYTES(1) && tag != BYTES(2)) ||
		    !is_first(&seen, tag) || !read_text(&reader, 1))
			return false;
	}
	return seen == (1u << 1 | 1u << 2);
}

/* Packed, a byte each. */
static bool pass_flags(struct reader *reader)
{
	struct hf_span flags;

	if (!read_bytes(reader, &flags) || flags.len_bytes == 0 ||
	    flags.len_bytes > HF_ITEM_MAX_FLAGS)
		return false;
	for (size_t i = 0; i < flags.len_bytes; i++) {
		if (flags.at[i] >= 0x80)
			return false;
	}
	return true;
}

static bool pass_country(struct reader *reader)
{
	struct hf_span text;

	return read_bytes(reader, &text) && text.len_bytes == 2 &&
	       text.at[0] >= 'A' && text.at[0] <= 'Z' && text.at[1] >= 'A' &&
	       text.at[1] <= 'Z';
}

/* One field of an item, whose tag was read. */
static bool read_field(struct reader *reader, unsigned tag,
		       struct hf_item_gist *gist, uint32_t *class)
{
	uint64_t number;

	switch (tag) {
	case VARINT(3):
		return read_u32(reader, class);
	case BYTES(4):
		return pass_flags(reader);
	case VARINT(5): /* media kind */
	case VARINT(6): /* assessors */
		return read_u32(reader, &(uint32_t){ 0 });
	case VARINT(7):  /* assessed at */
	case VARINT(12): /* own assessment */
	case VARINT(13): /* reinstates */
		return read_u64(reader, &number);
	case BYTES(8):
		return pass_country(reader);
	case BYTES(9):  /* legal basis */
	case BYTES(10): /* series */
		return read_text(reader, 0);
	case VARINT(15):
		return read_u64(reader, &gist->expires_at_ms);
	default:
		return false;
	}
}

static bool is_plain(struct hf_span wire, struct hf_item_gist *gist)
{
	struct reader reader = { wire.at, wire.at + wire.len_bytes };
	uint32_t class = 0;
	size_t labels = 0;
	unsigned seen = 0;

	gist->hashes_count = 0;
	gist->expires_at_ms = 0;
	gist->is_derived = false;
	gist->has_predecessor = false;
	while (reader.at < reader.end) {
		unsigned tag = *reader.at++;

		if (tag == BYTES(1)) {
			if (gist->hashes_count == HF_ITEM_MAX_HASHES ||
			    !read_hash(&reader,
				       &gist->hashes[gist->hashes_count++]))
				return false;
		} else if (tag == BYTES(2)) {
			if (++labels > HF_ITEM_MAX_LABELS ||
			    !pass_label(&reader))
				return false;
		} else if (tag >= 0x80 || !is_first(&seen, tag) ||
			   !read_field(&reader, tag, gist, &class)) {
			return false;
		}
	}
	gist->content_class = (enum hf_class) class;
	return true;
}

enum hf_err hf_item_skim(struct hf_span wire, struct hf_arena *arena,
			 struct hf_item_gist *out, struct hf_why *why)
{
	struct hf_item item;
	enum hf_err err;

	if (wire.len_bytes <= HF_PAYLOAD_MAX_BYTES && is_plain(wire, out))
		return HF_OK;
	err = hf_item_parse(wire, arena, &item, why);
	if (err != HF_OK)
		return err;
	out->hashes_count = item.hashes_count;
	for (size_t i = 0; i < item.hashes_count; i++)
		out->hashes[i] = item.hashes[i];
	out->content_class = item.content_class;
	out->expires_at_ms = item.expires_at_ms;
	out->is_derived = item.derived_from_count > 0;
	out->has_predecessor = item.predecessor != NULL;
	return HF_OK;
}
