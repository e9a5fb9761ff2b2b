hf_bench(ledger USES base sign tlog store ledger)
