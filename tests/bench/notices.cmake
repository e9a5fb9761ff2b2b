hf_bench(notices USES base sign codec rpc client)
