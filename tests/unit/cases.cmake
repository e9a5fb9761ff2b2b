set(cases_uses base sign tlog codec case cert vault notice ring agent sys match
	conf store ledger takedown)
hf_unit(cases THREADS USES ${cases_uses})
