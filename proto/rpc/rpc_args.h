/*
 * rpc_args.h -- gRPC channel arguments, one line each.
 *
 * Units    as each argument says.
 * Owns     an args owns its quota until hf_rpc_args_release(); the keys are
 *          gRPC's constants.
 * Threads  one thread at a time.
 * Errors   none.
 * Source   grpc/impl/codegen/grpc_types.h.
 */
#ifndef HF_RPC_ARGS_H
#define HF_RPC_ARGS_H

#include <assert.h>
#include <stddef.h>

#include <grpc/grpc.h>

/* Memory for what is being received, over all connections of one server or
 * channel: the one thing that stops a message which is never completed. */
#define HF_RPC_QUOTA_BYTES ((size_t)64 * 1024 * 1024)

#define HF_RPC_ARGS_MAX 24

struct hf_rpc_args {
	grpc_arg rows[HF_RPC_ARGS_MAX];
	grpc_channel_args list;
	grpc_resource_quota *quota; /* owned */
};

static inline void hf_rpc_args_init(struct hf_rpc_args *args)
{
	args->list = (grpc_channel_args){ 0, args->rows };
	args->quota = NULL;
}

static inline void hf_rpc_args_int(struct hf_rpc_args *args, const char *key,
				   int value)
{
	assert(args->list.num_args < HF_RPC_ARGS_MAX);
	args->rows[args->list.num_args++] =
		(grpc_arg){ .type = GRPC_ARG_INTEGER,
			    .key = (char *)key,
			    .value.integer = value };
}

/* On this machine's own sockets: a message of some entries in one read, not
 * in pieces of 8 KiB, for a buffer of this size a connection. */
#define HF_RPC_LOCAL_READ_BYTES 65536

static inline void hf_rpc_args_local(struct hf_rpc_args *args)
{
	hf_rpc_args_int(args, GRPC_ARG_TCP_READ_CHUNK_SIZE,
			HF_RPC_LOCAL_READ_BYTES);
}

static inline void hf_rpc_args_quota(struct hf_rpc_args *args, const char *name,
				     size_t size_bytes)
{
	assert(args->list.num_args < HF_RPC_ARGS_MAX);
	args->quota = grpc_resource_quota_create(name);
	grpc_resource_quota_resize(args->quota, size_bytes);
	args->rows[args->list.num_args++] = (grpc_arg){
		.type = GRPC_ARG_POINTER,
		.key = (char *)GRPC_ARG_RESOURCE_QUOTA,
		.value.pointer = { args->quota,
				   grpc_resource_quota_arg_vtable() }
	};
}

static inline void hf_rpc_args_release(struct hf_rpc_args *args)
{
	if (args->quota != NULL)
		grpc_resource_quota_unref(args->quota);
}

#endif /* HF_RPC_ARGS_H */
