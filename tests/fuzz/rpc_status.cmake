hf_fuzz(rpc_status USES base rpc)
