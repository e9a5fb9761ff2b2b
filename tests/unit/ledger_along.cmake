hf_unit(ledger_along USES base sign tlog store ledger)
