hf_unit(roles_growth THREADS USES base sign tlog codec cert ring sys match conf store
	ledger takedown)
