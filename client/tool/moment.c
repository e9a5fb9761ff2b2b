#include <stdbool.h>
#include <string.h>

#include "report_day.h"
#include "text.h"

#include "case_value.h"
#include "moment.h"

#define MINUTE_MS     ((uint64_t)60 * 1000)
#define LENGTH_MOST_S ((uint64_t)366 * 24 * 3600)

struct parts {
	unsigned year, month, day, hour, minute, second, ms;
	int zone_minutes;
};

/* Exactly so many digits off the front. */
static bool take_digits(struct hf_span *rest, size_t count, unsigned *out)
{
	unsigned value = 0;

	if (rest->len_bytes < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		uint8_t at = rest->at[i];

		if (at < '0' || at > '9')
			return false;
		value = value * 10 + (unsigned)(at - '0');
	}
	*rest = hf_span(rest->at + count, rest->len_bytes - count);
	*out = value;
	return true;
}

static bool take_char(struct hf_span *rest, char c)
{
	if (rest->len_bytes == 0 || rest->at[0] != (uint8_t)c)
		return false;
	*rest = hf_span(rest->at + 1, rest->len_bytes - 1);
	return true;
}

/* Year first, or day first; what stands before the first dash tells. */
static bool take_date(struct hf_span *rest, struct parts *parts)
{
	bool is_day_first = rest->len_bytes > 2 && rest->at[2] == '-';

	if (is_day_first)
		return take_digits(rest, 2, &parts->day) &&
		       take_char(rest, '-') &&
		       take_digits(rest, 2, &parts->month) &&
		       take_char(rest, '-') &&
		       take_digits(rest, 4, &parts->year);
	return take_digits(rest, 4, &parts->year) && take_char(rest, '-') &&
	       take_digits(rest, 2, &parts->month) && take_char(rest, '-') &&
	       take_digits(rest, 2, &parts->day);
}

/* ".5", ".512", ".512000": what is below a millisecond does not count. */
static bool take_fraction(struct hf_span *rest, struct parts *parts)
{
	unsigned digit, worth = 100;

	if (!take_digits(rest, 1, &digit))
		return false;
	do {
		parts->ms += digit * worth;
		worth /= 10;
	} while (take_digits(rest, 1, &digit));
	return true;
}

static bool take_zone(struct hf_span *rest, struct parts *parts)
{
	unsigned hours, minutes = 0;
	bool is_behind;

	while (take_char(rest, ' '))
		;
	if (rest->len_bytes == 0 || take_char(rest, 'Z'))
		return true;
	if (rest->len_bytes == 3 && memcmp(rest->at, "UTC", 3) == 0) {
		*rest = hf_span(rest->at + 3, 0);
		return true;
	}
	is_behind = rest->at[0] == '-';
	if (!take_char(rest, is_behind ? '-' : '+') ||
	    !take_digits(rest, 2, &hours))
		return false;
	if (rest->len_bytes > 0) {
		(void)take_char(rest, ':');
		if (!take_digits(rest, 2, &minutes))
			return false;
	}
	if (hours > 14 || minutes > 59)
		return false;
	parts->zone_minutes = (int)(hours * 60 + minutes);
	if (is_behind)
		parts->zone_minutes = -parts->zone_minutes;
	return true;
}

static bool take_time(struct hf_span *rest, struct parts *parts)
{
	if (rest->len_bytes == 0)
		return true;
	if (!take_char(rest, 'T') && !take_char(rest, ' '))
		return false;
	if (!take_digits(rest, 2, &parts->hour) || !take_char(rest, ':') ||
	    !take_digits(rest, 2, &parts->minute))
		return false;
	if (take_char(rest, ':') &&
	    (!take_digits(rest, 2, &parts->second) ||
	     (take_char(rest, '.') && !take_fraction(rest, parts))))
		return false;
	return take_zone(rest, parts);
}

static bool is_time_of_day(const struct parts *parts)
{
	return parts->hour <= 23 && parts->minute <= 59 && parts->second <= 59;
}

enum hf_err hf_moment_parse(struct hf_span text, uint64_t *out_ms,
			    struct hf_why *why)
{
	struct parts parts = { 0 };
	struct hf_span rest = text;
	uint64_t day_ms;
	int64_t ms;

	if (!take_date(&rest, &parts) || !take_time(&rest, &parts) ||
	    rest.len_bytes > 0 || !is_time_of_day(&parts) ||
	    !hf_day_of(parts.year, parts.month, parts.day, &day_ms))
		return hf_why(why, HF_E_MALFORMED,
			      "'%.*s' is no time: give " HF_MOMENT_ACCEPTED,
			      HF_SPAN_ARGS(hf_case_shown(text)));
	ms = (int64_t)(day_ms +
		       ((uint64_t)parts.hour * 60 + parts.minute) * MINUTE_MS +
		       (uint64_t)parts.second * 1000 + parts.ms);
	ms -= parts.zone_minutes * (int64_t)MINUTE_MS;
	/* 0 is what is not known. */
	if (ms <= 0)
		return hf_why(why, HF_E_MALFORMED, "'%.*s' is before 1970",
			      HF_SPAN_ARGS(text));
	*out_ms = (uint64_t)ms;
	return HF_OK;
}

enum hf_err hf_moment_length_parse(struct hf_span text, uint64_t *out_ms,
				   struct hf_why *why)
{
	static const struct {
		const char *word;
		uint64_t seconds;
	} units[] = {
		{ "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }
	};
	size_t digits = 0;
	uint64_t count;

	while (digits < text.len_bytes && text.at[digits] >= '0' &&
	       text.at[digits] <= '9')
		digits++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct hf_span unit =
			hf_span(text.at + digits, text.len_bytes - digits);

		if (hf_span_is(unit, units[i].word) &&
		    hf_text_u64(hf_span(text.at, digits),
				LENGTH_MOST_S / units[i].seconds,
				&count) == HF_OK &&
		    count > 0) {
			*out_ms = count * units[i].seconds * 1000;
			return HF_OK;
		}
	}
	return hf_why(why, HF_E_MALFORMED,
		      "'%.*s' is no length of time: give a whole number with "
		      "s, min, h or d, at most a year: 12h",
		      HF_SPAN_ARGS(hf_case_shown(text)));
}
