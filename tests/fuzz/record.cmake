hf_fuzz(record USES base sign tlog store ledger)
