hf_unit(ledger USES base sign tlog store ledger)
