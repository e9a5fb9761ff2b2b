hf_unit(rpc USES base rpc HIDES Threads::Threads)
hf_schema(test_rpc rpc_test_schema
	ROOT   ${PROJECT_SOURCE_DIR}/tests/unit
	PROTOS ${PROJECT_SOURCE_DIR}/tests/unit/rpc_test.proto)
