hf_unit(ledger_leaving THREADS USES base sign tlog store ledger)
