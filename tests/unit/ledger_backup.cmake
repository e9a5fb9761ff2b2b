hf_unit(ledger_backup THREADS USES base sign tlog store ledger)
