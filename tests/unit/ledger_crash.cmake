hf_unit(ledger_crash THREADS USES base sign tlog store ledger)
