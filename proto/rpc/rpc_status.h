/*
 * rpc_status.h -- how an error crosses the wire: gRPC status, message, and a
 * google.rpc.Status in the trailer "grpc-status-details-bin".
 *
 * The details hold one google.rpc.ErrorInfo, whose reason is a name of err.h
 * and whose domain is "hashfed", and, where fields are wrong, one
 * google.rpc.BadRequest.  Details of other domains are passed over.
 *
 * Units    bytes; limits below.
 * Owns     nothing: values on the caller's side.
 * Threads  any; no state.
 * Errors   MALFORMED, LIMIT from parsing; NOMEM from encoding.
 * Source   proto/SPEC.md section 9; google/rpc/status.proto and
 *          error_details.proto (googleapis); field numbers in rpc_status.c.
 */
#ifndef HF_RPC_STATUS_H
#define HF_RPC_STATUS_H

#include "buf.h"
#include "err.h"
#include "span.h"

#define HF_RPC_VIOLATIONS_MAX    4
#define HF_RPC_DETAILS_MAX_BYTES ((size_t)4096)

struct hf_rpc_violation {
	char field[64];
	char text[128];
};

struct hf_rpc_status {
	enum hf_err err;
	struct hf_why why;
	struct hf_rpc_violation violations[HF_RPC_VIOLATIONS_MAX];
	size_t violations_count;
};

/* Append a google.rpc.Status. */
HF_MUST enum hf_err hf_rpc_status_encode(const struct hf_rpc_status *status,
					 struct hf_buf *buf);

/* What a server said: its status number, its message and, where there are
 * any, its details.  Text is cut to size and cleaned.  When the details do
 * not decode, *out_status holds what number and message say. */
enum hf_err hf_rpc_status_parse(int number, struct hf_span message,
				struct hf_span details,
				struct hf_rpc_status *out_status);

#endif /* HF_RPC_STATUS_H */
