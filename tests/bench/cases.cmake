hf_bench(cases USES base sign tlog codec cert ring sys case match conf store
	ledger takedown report)
