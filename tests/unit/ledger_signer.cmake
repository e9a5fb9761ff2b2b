hf_unit(ledger_signer USES base sign tlog store ledger)
