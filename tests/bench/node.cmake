hf_bench(node USES base sign codec rpc client)
