#include "rpc_wire.h"

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static bool varint(struct hf_rpc_wire *wire, uint64_t *out_value)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
		uint8_t byte = *wire->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out_value = value;
			return true;
		}
	}
	wire->is_bad = true;
	return false;
}

static bool take(struct hf_rpc_wire *wire, uint64_t len_bytes,
		 struct hf_span *out_bytes)
{
	if (len_bytes > (uint64_t)(wire->end - wire->at)) {
		wire->is_bad = true;
		return false;
	}
	*out_bytes = hf_span(wire->at, (size_t)len_bytes);
	wire->at += len_bytes;
	return true;
}

bool hf_rpc_wire_next(struct hf_rpc_wire *wire, struct hf_rpc_field *out_field)
{
	uint64_t key;
	uint64_t len_bytes;

	if (wire->is_bad || wire->at == wire->end || !varint(wire, &key))
		return false;
	*out_field = (struct hf_rpc_field){ .number = (uint32_t)(key >> 3),
					    .bytes = hf_span("", 0) };
	if (key >> 3 == 0 || key >> 3 > 0x1fffffff) {
		wire->is_bad = true;
		return false;
	}
	switch (key & 7) {
	case VARINT:
		return varint(wire, &out_field->value);
	case LENGTH:
		out_field->is_bytes = true;
		return varint(wire, &len_bytes) &&
		       take(wire, len_bytes, &out_field->bytes);
	case FIXED64:
		/* None of our messages has one: passed over as bytes of a
		 * field that nobody asks for. */
		return take(wire, 8, &out_field->bytes);
	case FIXED32:
		return take(wire, 4, &out_field->bytes);
	default:
		wire->is_bad = true;
		return false;
	}
}

static void put_varint(struct hf_buf *buf, uint64_t value)
{
	while (value >= 0x80) {
		hf_buf_put_u8(buf, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	hf_buf_put_u8(buf, (uint8_t)value);
}

void hf_rpc_wire_put_number(struct hf_buf *buf, uint32_t number, uint64_t value)
{
	put_varint(buf, (uint64_t)number << 3 | VARINT);
	put_varint(buf, value);
}

void hf_rpc_wire_put_bytes(struct hf_buf *buf, uint32_t number,
			   struct hf_span bytes)
{
	put_varint(buf, (uint64_t)number << 3 | LENGTH);
	put_varint(buf, bytes.len_bytes);
	hf_buf_put(buf, bytes);
}

void hf_rpc_wire_put_text(struct hf_buf *buf, uint32_t number, const char *text)
{
	hf_rpc_wire_put_bytes(buf, number, hf_span_of(text));
}

void hf_rpc_wire_put_buf(struct hf_buf *buf, uint32_t number,
			 const struct hf_buf *inner)
{
	if (inner->failed != HF_OK && buf->failed == HF_OK)
		buf->failed = inner->failed;
	else
		hf_rpc_wire_put_bytes(buf, number, hf_buf_span(inner));
}
