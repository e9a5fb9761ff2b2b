/*
 * rpc_wire.h -- protobuf's bytes, field by field, for the few tiny messages
 * that belong to gRPC itself: status details, health, reflection, descriptors.
 *
 * Units    bytes.
 * Owns     nothing: fields point into what is read.
 * Threads  any; no state.
 * Errors   a reader that met something malformed says no more fields, and
 *          is_bad; groups (wire types 3 and 4) are malformed.
 * Source   protobuf.dev/programming-guides/encoding.
 */
#ifndef HF_RPC_WIRE_H
#define HF_RPC_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "span.h"

struct hf_rpc_wire {
	const uint8_t *at;
	const uint8_t *end;
	bool is_bad;
};

struct hf_rpc_field {
	uint32_t number;
	bool is_bytes;        /* else a number */
	uint64_t value;       /* of a number */
	struct hf_span bytes; /* of bytes; never a NULL pointer */
};

static inline struct hf_rpc_wire hf_rpc_wire(struct hf_span bytes)
{
	const uint8_t *at = bytes.at != NULL ? bytes.at : (const uint8_t *)"";

	return (struct hf_rpc_wire){ at, at + bytes.len_bytes, false };
}

/* The next field; false at the end, or when what follows is malformed. */
bool hf_rpc_wire_next(struct hf_rpc_wire *wire, struct hf_rpc_field *out_field);

/* Is it the bytes field of that number? */
static inline bool hf_rpc_field_is(const struct hf_rpc_field *field,
				   uint32_t number)
{
	return field->is_bytes && field->number == number;
}

void hf_rpc_wire_put_number(struct hf_buf *buf, uint32_t number,
			    uint64_t value);
void hf_rpc_wire_put_bytes(struct hf_buf *buf, uint32_t number,
			   struct hf_span bytes);
/* A message that was built on the side; its failure becomes buf's. */
void hf_rpc_wire_put_buf(struct hf_buf *buf, uint32_t number,
			 const struct hf_buf *inner);
void hf_rpc_wire_put_text(struct hf_buf *buf, uint32_t number,
			  const char *text);

#endif /* HF_RPC_WIRE_H */
