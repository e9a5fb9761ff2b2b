#include "duty.h"

const char *hf_duty_name(unsigned duty)
{
	switch (duty) {
#define HF_DUTY_CASE(name, bit, word)                                          \
	case HF_DUTY_##name:                                                   \
		return word;
		HF_DUTY_TABLE(HF_DUTY_CASE)
#undef HF_DUTY_CASE
	default:
		return "none";
	}
}

unsigned hf_duty_parse(struct hf_span word)
{
#define HF_DUTY_IS(name, bit, text)                                            \
	if (hf_span_is(word, text))                                            \
		return HF_DUTY_##name;
	HF_DUTY_TABLE(HF_DUTY_IS)
#undef HF_DUTY_IS
	return 0;
}
