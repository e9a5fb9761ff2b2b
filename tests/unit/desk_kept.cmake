hf_unit(desk_kept THREADS UNTORTURED USES base sign tlog codec rpc cert ring agent
	match sys conf store ledger peer retro service)
# Entries come while it is looked up.
target_link_options(test_desk_kept PRIVATE
	LINKER:--wrap=hf_lookup,--wrap=hf_retro_hold)
