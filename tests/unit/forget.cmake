hf_unit(forget THREADS USES base sign tlog codec rpc cert ring agent match sys
	conf store ledger peer retro service
	HIDES ${CMAKE_DL_LIBS})
