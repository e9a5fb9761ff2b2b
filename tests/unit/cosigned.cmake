hf_unit(cosigned THREADS USES base sign tlog codec rpc cert ring agent match sys
	conf store ledger peer service)
# A signer made up.
target_link_options(test_cosigned PRIVATE
	LINKER:--wrap=hf_agent_last,--wrap=hf_agent_cosign
	LINKER:--wrap=hf_agent_status,--wrap=hf_cosign_done)
