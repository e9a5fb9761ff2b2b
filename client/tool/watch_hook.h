/*
 * watch_hook.h -- the hook of a watcher: one run of it, and the locks that
 * keep two watchers, and two runs for one case, apart.
 *
 * A hook is a command for /bin/sh -c.  It gets a text on its standard input,
 * HASHFED_CASE and HASHFED_WHY in its environment, and a process group of its
 * own.  It inherits a descriptor that holds a lock, so that a new watcher can
 * wait for the runs of one that was killed.
 *
 * Units    none.
 * Owns     open/close: descriptors.  The caller waits for the process.
 * Threads  one.
 * Errors   BUSY when another watcher has the state; those of the system.
 * Source   hashfed(1), watch; flock(2), posix_spawn(3).
 */
#ifndef HF_WATCH_HOOK_H
#define HF_WATCH_HOOK_H

#include <sys/types.h>

#include "err.h"
#include "span.h"

struct hf_watch_hook {
	const char *command; /* borrowed */
	const char *home;    /* borrowed: HASHFED_HOME of a run, or NULL */
	int watcher_fd;      /* the lock of a watcher */
	int runs_fd;         /* the lock that runs inherit */
};

/* Takes both locks of a state file: STATE.lock at once or not at all, and
 * STATE.runs when the last run of an earlier watcher has ended. */
HF_MUST enum hf_err hf_watch_hook_open(struct hf_watch_hook *hook,
				       const char *command, const char *home,
				       const char *state_path,
				       struct hf_why *why);

/* Start one run, the leader of a group.  The caller closes out_end_fd, which is
 * at its end once the run and all that it started have ended. */
HF_MUST enum hf_err hf_watch_hook_start(const struct hf_watch_hook *hook,
					const char *case_id, const char *reason,
					struct hf_span text, pid_t *out_pid,
					int *out_end_fd, struct hf_why *why);

/* Runs that go on keep their lock. */
void hf_watch_hook_close(struct hf_watch_hook *hook);

#endif /* HF_WATCH_HOOK_H */
