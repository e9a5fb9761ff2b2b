hf_bench(audit USES base sign tlog store ledger)
