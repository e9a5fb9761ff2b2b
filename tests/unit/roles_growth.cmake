hf_unit(roles_growth THREADS USES base sign tlog codec cert ring sys match conf store
	ledger takedown)
target_link_options(test_roles_growth PRIVATE LINKER:--wrap=hf_ring_holder_get)
