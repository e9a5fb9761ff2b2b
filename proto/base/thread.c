#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thread.h"

/* The kernel's limit, with the zero byte. */
#define NAME_SIZE 16

/* A weight of 335 against the 1,024 of everybody else (sched(7)). */
#define BACKGROUND_NICE 5

/* Linux 6.12 and later: who asks for a longer turn is interrupted by those who
 * wake up with a shorter one (3 ms).  Earlier ones take no notice. */
#define BACKGROUND_TURN_NS (20 * 1000000)

void hf_thread_name(const char *name)
{
	char cut[NAME_SIZE];

	snprintf(cut, sizeof(cut), "%s", name);
	(void)pthread_setname_np(pthread_self(), cut);
}

/* As in sched_setattr(2), for which glibc has neither a function nor, in
 * Debian 12, a header that can stand beside its own <sched.h>. */
struct attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns;
	uint64_t deadline_ns;
	uint64_t period_ns;
};

void hf_thread_background(void)
{
	struct attributes attr = {
		.size = sizeof(attr),
		.policy = SCHED_BATCH,
		.nice = BACKGROUND_NICE,
		.runtime_ns = BACKGROUND_TURN_NS,
	};

	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
}
