#include <stdio.h>
#include <string.h>

#include "text.h"

#include "report_day.h"

#define YEAR_FIRST 1970
#define YEAR_LAST  9999

struct date {
	unsigned year, month, day; /* month and day from 1 */
};

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30,
					 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from the first day of 1970 to the first day of a year. */
static uint64_t year_days(unsigned year)
{
	uint64_t before = year - 1;

	return 365 * (uint64_t)(year - YEAR_FIRST) + (before / 4 - 492) -
	       (before / 100 - 19) + (before / 400 - 4);
}

static uint64_t ms_of(struct date date)
{
	uint64_t days = year_days(date.year) + date.day - 1;

	for (unsigned month = 1; month < date.month; month++)
		days += month_days(date.year, month);
	return days * HF_DAY_MS;
}

static struct date date_of(uint64_t ms)
{
	uint64_t days = ms / HF_DAY_MS;
	struct date date = { YEAR_FIRST, 1, 1 };

	if (days >= year_days(YEAR_LAST + 1))
		days = year_days(YEAR_LAST + 1) - 1;
	/* A year is at least 365 days: start near and walk. */
	date.year += (unsigned)(days / 366);
	while (days >= year_days(date.year + 1))
		date.year++;
	days -= year_days(date.year);
	while (days >= month_days(date.year, date.month))
		days -= month_days(date.year, date.month++);
	date.day += (unsigned)days;
	return date;
}

static bool digits(const char *text, size_t count, unsigned *out_value)
{
	unsigned value = 0;

	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = 10 * value + (unsigned)(text[i] - '0');
	}
	*out_value = value;
	return true;
}

bool hf_day_of(unsigned year, unsigned month, unsigned day, uint64_t *out_ms)
{
	if (year < YEAR_FIRST || year > YEAR_LAST || month < 1 || month > 12 ||
	    day < 1 || day > month_days(year, month))
		return false;
	*out_ms = ms_of((struct date){ year, month, day });
	return true;
}

enum hf_err hf_day_parse(const char *text, uint64_t *out_ms, struct hf_why *why)
{
	struct date date;

	if (strlen(text) != HF_DAY_TEXT_SIZE - 1 || text[4] != '-' ||
	    text[7] != '-' || !digits(text, 4, &date.year) ||
	    !digits(text + 5, 2, &date.month) ||
	    !digits(text + 8, 2, &date.day) ||
	    !hf_day_of(date.year, date.month, date.day, out_ms))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.40s' is no day: write it as 2026-01-31, from "
			      "%d on",
			      text, YEAR_FIRST);
	return HF_OK;
}

void hf_day_text(uint64_t ms, char out_text[static HF_DAY_TEXT_SIZE])
{
	struct date date = date_of(ms);

	snprintf(out_text, HF_DAY_TEXT_SIZE, "%04u-%02u-%02u",
		 date.year % 10000, date.month % 100, date.day % 100);
}

void hf_month_text(uint64_t ms, char out_text[static HF_MONTH_TEXT_SIZE])
{
	struct date date = date_of(ms);

	snprintf(out_text, HF_MONTH_TEXT_SIZE, "%04u-%02u", date.year % 10000,
		 date.month % 100);
}

uint64_t hf_month_begin(uint64_t ms)
{
	struct date date = date_of(ms);

	date.day = 1;
	return ms_of(date);
}

uint64_t hf_month_next(uint64_t ms)
{
	struct date date = date_of(ms);

	date.day = 1;
	if (date.month == 12) {
		date.month = 1;
		date.year++;
	} else {
		date.month++;
	}
	return ms_of(date);
}

uint64_t hf_year_begin(uint64_t ms)
{
	struct date date = { date_of(ms).year, 1, 1 };

	return ms_of(date);
}
