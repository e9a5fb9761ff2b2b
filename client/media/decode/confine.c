#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "media_limit.h"

#include "confine.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_WHOLE false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
	__has_feature(memory_sanitizer)
#define IS_WHOLE false
#endif
#endif
#ifndef IS_WHOLE
#define IS_WHOLE true
#endif

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#else
#error "the filter of system calls does not know this machine"
#endif

bool hf_confine_is_whole(void)
{
	return IS_WHOLE;
}

static enum hf_err limit(int what, const char *name, size_t most,
			 struct hf_why *why)
{
	/* Time: a signal that says so comes a second before the one that
	 * kills. */
	struct rlimit value = { most, most + (what == RLIMIT_CPU) };

	if (setrlimit(what, &value) != 0)
		return hf_why_errno(why, "limit %s", name);
	return HF_OK;
}

enum hf_err hf_confine_limits(size_t memory_bytes, struct hf_why *why)
{
	enum hf_err err;

	err = limit(RLIMIT_CORE, "core files", 0, why);
	if (err == HF_OK)
		err = limit(RLIMIT_FSIZE, "file size", 0, why);
	/* Standard streams, the socket, the image, one to spare. */
	if (err == HF_OK && IS_WHOLE)
		err = limit(RLIMIT_NOFILE, "open files", 6, why);
	if (err == HF_OK && IS_WHOLE)
		err = limit(RLIMIT_AS, "memory", memory_bytes, why);
	if (err == HF_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err = hf_why_errno(why, "refuse new privileges");
	if (err == HF_OK && IS_WHOLE && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		err = hf_why_errno(why, "refuse to be traced");
	return err;
}

/* Steps of the filter.  JUMP's numbers count steps to skip when it is so and
 * when not. */
#define LOAD(field)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP_IF(test, value, yes, no)                                          \
	BPF_JUMP(BPF_JMP | BPF_##test | BPF_K, (value), (yes), (no))
#define END(action) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##action)

/* Go on with the next step unless it is this call; then it is allowed. */
#define ALLOW(call) JUMP_IF(JEQ, SYS_##call, 0, 1), END(ALLOW)

/* The lower half of an argument: flags fit into it on all our machines, which
 * are little-endian. */
#define ARGUMENT(n) LOAD(args[n])

enum hf_err hf_confine_calls(unsigned cpu_s, struct hf_why *why)
{
	static struct sock_filter steps[] = {
		LOAD(arch),
		JUMP_IF(JEQ, MACHINE, 1, 0),
		END(KILL_PROCESS),
		LOAD(nr),
		ALLOW(pread64),
		ALLOW(close),
		ALLOW(exit_group),
		ALLOW(exit),
		ALLOW(brk),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(madvise),
		ALLOW(futex),
		ALLOW(getrandom), /* malloc() at its first call */
		ALLOW(clock_gettime),
		ALLOW(restart_syscall),
		ALLOW(rt_sigreturn),
		/* Memory that is nobody's file and is not run. */
		JUMP_IF(JEQ, SYS_mprotect, 0, 3),
		ARGUMENT(2),
		JUMP_IF(JSET, PROT_EXEC, 6, 0),
		END(ALLOW),
		JUMP_IF(JEQ, SYS_mmap, 0, 4),
		ARGUMENT(2),
		JUMP_IF(JSET, PROT_EXEC, 2, 0),
		ARGUMENT(3),
		JUMP_IF(JSET, MAP_ANONYMOUS, 1, 0),
		END(KILL_PROCESS),
		END(ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(steps) / sizeof(steps[0]),
		.filter = steps,
	};
	enum hf_err err;

	err = limit(RLIMIT_CPU, "processor time", cpu_s, why);
	if (err != HF_OK || !IS_WHOLE)
		return err;
	err = limit(RLIMIT_NPROC, "processes", 0, why);
	if (err == HF_OK &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		err = hf_why_errno(why, "filter system calls");
	return err;
}
