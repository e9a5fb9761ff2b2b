/*
 * watch_run.h -- a watcher at work: takes changes from the daemon, gives them
 * to the hook or prints them, comes back when the daemon does.
 *
 * Units    none.
 * Owns     nothing: options are borrowed while it runs.
 * Threads  one; it blocks SIGTERM, SIGINT and SIGCHLD and waits for them.
 * Errors   those that no waiting mends.  A daemon that is away is waited for,
 *          except with is_once.
 * Source   hashfed(1), watch.
 */
#ifndef HF_WATCH_RUN_H
#define HF_WATCH_RUN_H

#include "cmd.h"
#include "watch_hook.h"
#include "watch_state.h"

struct hf_watch_options {
	struct hf_cmd *cmd;
	const struct hf_watch_hook *hook; /* NULL: print */
	struct hf_watch_state *state;
	const char *state_path;
	unsigned jobs; /* runs of the hook at a time */
	bool is_once;  /* end when all that was there is done */
	bool from_now; /* without a position, only what comes */
};

/* HF_OK when it was asked to end, or was done. */
HF_MUST enum hf_err hf_watch_run(const struct hf_watch_options *options,
				 struct hf_why *why);

#endif /* HF_WATCH_RUN_H */
