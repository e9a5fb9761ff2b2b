hf_unit(rpc_status USES base rpc)
foreach(unit rpc rpc_server)
	hf_unit(${unit} THREADS USES base rpc HIDES Threads::Threads)
	hf_schema(test_${unit} rpc_test_schema
		ROOT   ${PROJECT_SOURCE_DIR}/tests/unit
		PROTOS ${PROJECT_SOURCE_DIR}/tests/unit/rpc_test.proto)
	# libgrpc is not built for ThreadSanitizer.  A run of these takes a
	# second, so torture takes fewer.
	set_tests_properties(unit/${unit} torture/${unit} PROPERTIES ENVIRONMENT
		"TSAN_OPTIONS=ignore_noninstrumented_modules=1;HF_TORTURE_MAX=80")
endforeach()
