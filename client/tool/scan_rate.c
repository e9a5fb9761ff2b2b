#include "text.h"

#include "scan_rate.h"

#define SECOND_US 1e6
#define RATE_MOST ((uint64_t)1 << 50)

static const struct {
	const char *word;
	uint64_t times;
} units[] = {
	{ "kib", (uint64_t)1 << 10 },
	{ "mib", (uint64_t)1 << 20 },
	{ "gib", (uint64_t)1 << 30 },
};

enum hf_err hf_scan_rate_parse(struct hf_span text, uint64_t now_us,
			       struct hf_scan_rate *out_rate,
			       struct hf_why *why)
{
	struct hf_scan_rate rate = { .filled_us = now_us };
	uint64_t number, times = 1;
	size_t digits = 0;
	struct hf_span unit;

	while (digits < text.len_bytes && text.at[digits] >= '0' &&
	       text.at[digits] <= '9')
		digits++;
	unit = hf_span(text.at + digits, text.len_bytes - digits);
	if (unit.len_bytes >= 2 && unit.at[unit.len_bytes - 2] == '/' &&
	    unit.at[unit.len_bytes - 1] == 's')
		unit.len_bytes -= 2;
	else
		digits = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (hf_text_is_word(unit, units[i].word))
			times = units[i].times;
	}
	rate.is_bytes = times > 1;
	if (digits == 0 || (unit.len_bytes > 0 && times == 1) ||
	    hf_text_u64(hf_span(text.at, digits), RATE_MOST / times, &number) !=
		    HF_OK ||
	    number == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "--rate '%.*s': give files or bytes a second, as "
			      "200/s or 20MiB/s",
			      (int)(text.len_bytes < 40 ? text.len_bytes : 40),
			      (const char *)text.at);
	rate.per_second = number * times;
	rate.tokens = (double)rate.per_second;
	*out_rate = rate;
	return HF_OK;
}

uint64_t hf_scan_rate_wait_us(struct hf_scan_rate *rate, uint64_t now_us)
{
	double per_second = (double)rate->per_second;

	if (rate->per_second == 0)
		return 0;
	rate->tokens +=
		per_second * (double)(now_us - rate->filled_us) / SECOND_US;
	rate->filled_us = now_us;
	if (rate->tokens > per_second)
		rate->tokens = per_second;
	if (rate->tokens > 0)
		return 0;
	return (uint64_t)(-rate->tokens / per_second * SECOND_US) + 1;
}

void hf_scan_rate_take(struct hf_scan_rate *rate, uint64_t size_bytes)
{
	rate->tokens -= rate->is_bytes ? (double)size_bytes : 1;
}
