hf_unit(ledger THREADS USES base sign tlog store ledger)
