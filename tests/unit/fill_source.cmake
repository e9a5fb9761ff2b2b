hf_unit(fill_source USES base sign tlog codec rpc cert ring sys store ledger peer)
