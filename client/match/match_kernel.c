#include "match_kernel_all.h"

const struct hf_match_kernel *hf_match_kernel_at(size_t number)
{
	const struct hf_match_kernel *all[3] = { &hf_match_kernel_portable };
	size_t count = 1;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("popcnt")) {
		all[count++] = &hf_match_kernel_avx2;
		if (__builtin_cpu_supports("avx512f") &&
		    __builtin_cpu_supports("avx512bw") &&
		    __builtin_cpu_supports("avx512vpopcntdq") &&
		    __builtin_cpu_supports("avx512bitalg"))
			all[count++] = &hf_match_kernel_avx512;
	}
#endif
	return number < count ? all[number] : NULL;
}

const struct hf_match_kernel *hf_match_kernel(void)
{
	const struct hf_match_kernel *best = &hf_match_kernel_portable;

	for (size_t i = 1; hf_match_kernel_at(i) != NULL; i++)
		best = hf_match_kernel_at(i);
	return best;
}
