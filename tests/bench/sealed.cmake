hf_bench(sealed USES base sign codec notice vault agent)
add_dependencies(bench_sealed hashfed-signer)
