hf_unit(roles THREADS USES base sign tlog codec cert ring sys match conf store
	ledger takedown)
