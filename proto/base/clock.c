#include <stdio.h>

#include "clock.h"

uint64_t hf_clock_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t hf_clock_mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct timespec hf_clock_moment(uint64_t mono_us)
{
	return (struct timespec){
		.tv_sec = (time_t)(mono_us / 1000000),
		.tv_nsec = (long)(mono_us % 1000000) * 1000,
	};
}

void hf_clock_cond_init(pthread_cond_t *out_cond)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(out_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void hf_clock_text(uint64_t wall_ms, char out_text[HF_CLOCK_TEXT_SIZE])
{
	/* Past the year 9999 the text would grow; nothing real is there. */
	time_t seconds =
		(time_t)(wall_ms / 1000 < 253402300799u ? wall_ms / 1000
							: 253402300799u);
	char date[20];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out_text, HF_CLOCK_TEXT_SIZE, "%s.%03uZ", date,
		 (unsigned)(wall_ms % 1000));
}
