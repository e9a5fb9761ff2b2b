hf_unit(desk_calls THREADS USES base sign tlog codec rpc cert ring agent match sys
	conf store ledger peer client service HIDES Threads::Threads)
# libgrpc is not built for ThreadSanitizer.  A run takes a while, so torture
# takes fewer.
set_tests_properties(unit/desk_calls torture/desk_calls PROPERTIES ENVIRONMENT
	"TSAN_OPTIONS=ignore_noninstrumented_modules=1;HF_TORTURE_MAX=60")
