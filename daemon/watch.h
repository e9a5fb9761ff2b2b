/*
 * watch.h -- what the main thread waits for while the daemon runs: signals,
 * changes of the ring directory, the watchdog's beat.
 *
 * Units    none.
 * Owns     hf_watch_open() fills in the struct, hf_watch_close() lets go.
 * Threads  main only.
 * Errors   SYSTEM.
 * Source   signalfd(2), inotify(7), sd_watchdog_enabled(3).
 */
#ifndef HF_WATCH_H
#define HF_WATCH_H

#include <stdbool.h>

#include "err.h"

struct hf_start;

struct hf_watch {
	int signals;
	int ring;
	bool has_ended; /* a signal said so before there was anything to end */
};

/* Block the signals for every thread that comes after, before there is one. */
HF_MUST enum hf_err hf_watch_open(struct hf_watch *watch, struct hf_why *why);

/* Notice changes of the ring from here, and read it once: what changed since
 * it was read first is not missed. */
HF_MUST enum hf_err hf_watch_ring(struct hf_watch *watch,
				  struct hf_start *start, struct hf_why *why);

/* While a start takes long: take a change of the ring as far as it says who may
 * call.  False when a signal says to end; has_ended then. */
bool hf_watch_look(struct hf_watch *watch, struct hf_start *start);

/* Act on what happens until a signal says to end.  Any other return than
 * HF_OK means that the daemon cannot go on. */
HF_MUST enum hf_err hf_watch_run(struct hf_watch *watch, struct hf_start *start,
				 struct hf_why *why);

void hf_watch_close(struct hf_watch *watch);

#endif /* HF_WATCH_H */
