hf_unit(ledger_foreign USES base sign tlog store ledger)
