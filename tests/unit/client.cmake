hf_unit(client THREADS USES base codec rpc client HIDES Threads::Threads)
# libgrpc is not built for ThreadSanitizer.  A run takes a while, so torture
# takes fewer.
set_tests_properties(unit/client torture/client PROPERTIES ENVIRONMENT
	"TSAN_OPTIONS=ignore_noninstrumented_modules=1;HF_TORTURE_MAX=60")
