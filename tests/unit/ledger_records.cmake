hf_unit(ledger_records THREADS USES base sign tlog store ledger)
