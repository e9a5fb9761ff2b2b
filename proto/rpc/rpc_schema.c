#include "rpc_schema.h"

/* rpc_schema.S */
extern const uint8_t hf_rpc_schema_at[];
extern const uint8_t hf_rpc_schema_end[];

struct hf_span hf_rpc_schema(void)
{
	return hf_span(hf_rpc_schema_at,
		       (size_t)(hf_rpc_schema_end - hf_rpc_schema_at));
}
