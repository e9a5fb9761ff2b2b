hf_unit(rpc_flood USES base rpc)
