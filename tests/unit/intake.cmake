hf_unit(intake THREADS USES base sign tlog codec rpc cert ring sys store ledger peer)
