hf_unit(ledger_foreign THREADS USES base sign tlog store ledger)
