hf_unit(rpc_status USES base rpc)
foreach(unit rpc rpc_server)
	hf_unit(${unit} USES base rpc HIDES Threads::Threads)
	hf_schema(test_${unit} rpc_test_schema
		ROOT   ${PROJECT_SOURCE_DIR}/tests/unit
		PROTOS ${PROJECT_SOURCE_DIR}/tests/unit/rpc_test.proto)
endforeach()
