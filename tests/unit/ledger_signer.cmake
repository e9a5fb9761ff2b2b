hf_unit(ledger_signer THREADS USES base sign tlog store ledger)
