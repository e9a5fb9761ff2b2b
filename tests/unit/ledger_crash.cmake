hf_unit(ledger_crash USES base sign tlog store ledger)
