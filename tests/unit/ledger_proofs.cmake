hf_unit(ledger_proofs USES base sign tlog store ledger)
