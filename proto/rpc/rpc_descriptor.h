/*
 * rpc_descriptor.h -- looking things up in a FileDescriptorSet: which methods
 * stream, which file says what a name means.
 *
 * Units    bytes.
 * Owns     hf_rpc_descriptor_new() gives the caller a descriptor, which
 *          borrows the set's bytes.
 * Threads  any; immutable.
 * Errors   MALFORMED, NOMEM.
 * Source   google/protobuf/descriptor.proto; field numbers in the .c.
 */
#ifndef HF_RPC_DESCRIPTOR_H
#define HF_RPC_DESCRIPTOR_H

#include "err.h"
#include "span.h"

struct hf_rpc_descriptor;

HF_MUST enum hf_err
hf_rpc_descriptor_new(struct hf_span set,
		      struct hf_rpc_descriptor **out_descriptor,
		      struct hf_why *why);
void hf_rpc_descriptor_free(struct hf_rpc_descriptor *descriptor);

/* How "/package.Service/Method" streams; false when there is no such method. */
bool hf_rpc_descriptor_method(const struct hf_rpc_descriptor *descriptor,
			      struct hf_span path, bool *out_client_streams,
			      bool *out_server_streams);

/* The FileDescriptorProto of a file name, or of the file that has a symbol
 * (package.Message, .Enum, .Service, .Service.Method, .Message.field).  An
 * empty span when there is none. */
struct hf_span
hf_rpc_descriptor_file(const struct hf_rpc_descriptor *descriptor,
		       struct hf_span name);
struct hf_span
hf_rpc_descriptor_symbol(const struct hf_rpc_descriptor *descriptor,
			 struct hf_span symbol);

#endif /* HF_RPC_DESCRIPTOR_H */
