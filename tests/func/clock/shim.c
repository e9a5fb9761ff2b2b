/*
 * shim.c -- let hashfedd and hashfed-signer have the wrong time.
 *
 * Preloaded into the daemon, which passes it on to the signer it starts.  What
 * the program itself asks of the wall clock is moved by the milliseconds in the
 * file that HASHFED_CLOCK_FILE names, which a test maps and may change while
 * the daemon runs.  What libraries ask is left alone: they wait by that clock,
 * and time does not pass faster because it was set.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static _Atomic int64_t *ahead_ms;
static uintptr_t program_from, program_end;

/* The first object is the program. */
static int take_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
			continue;
		program_from = info->dlpi_addr + part->p_vaddr;
		program_end = program_from + part->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("HASHFED_CLOCK_FILE");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd >= 0 ? mmap(NULL, sizeof(*ahead_ms), PROT_READ,
				  MAP_SHARED, fd, 0)
			   : MAP_FAILED;

	if (fd >= 0)
		close(fd);
	dl_iterate_phdr(take_program, NULL);
	if (at != MAP_FAILED)
		ahead_ms = at;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	int64_t ms;
	int rc;

	if (real_clock_gettime == NULL)
		*(void **)&real_clock_gettime =
			dlsym(RTLD_NEXT, "clock_gettime");
	rc = real_clock_gettime(id, now);
	if (rc != 0 || id != CLOCK_REALTIME || ahead_ms == NULL ||
	    caller < program_from || caller >= program_end)
		return rc;
	ms = (int64_t)now->tv_sec * 1000 + now->tv_nsec / 1000000 +
	     atomic_load(ahead_ms);
	now->tv_sec = ms / 1000;
	now->tv_nsec = ms % 1000 * 1000000;
	return 0;
}
