hf_unit(ledger_notes USES base sign tlog store ledger)
