hf_bench(wire USES base sign codec rpc client)
