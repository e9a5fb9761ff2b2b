/*
 * rpc_schema.h -- the .proto files of the project as bytes, made at build
 * time by protoc and linked in.
 *
 * Units    bytes.
 * Owns     the program's read-only data.
 * Threads  any.
 * Errors   none.
 * Source   proto/hashfed/v1, grpc/health/v1, grpc/reflection/v1 and v1alpha,
 *          with all that they import.
 */
#ifndef HF_RPC_SCHEMA_H
#define HF_RPC_SCHEMA_H

#include "span.h"

/* A google.protobuf.FileDescriptorSet. */
struct hf_span hf_rpc_schema(void);

#endif /* HF_RPC_SCHEMA_H */
