hf_unit(receipts THREADS USES base sign tlog codec rpc cert ring notice agent
	match sys conf store ledger peer service)
