hf_unit(ledger_late THREADS USES base sign tlog store ledger)
