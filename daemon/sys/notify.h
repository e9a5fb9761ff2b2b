/*
 * notify.h -- tell the supervisor how we are, and the limits we run under.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  main only.
 * Errors   SYSTEM where the operating system refuses.
 * Source   sd_notify(3): a datagram to NOTIFY_SOCKET, four lines of code, so
 *          libsystemd is not linked into a program that holds keys.
 */
#ifndef HF_NOTIFY_H
#define HF_NOTIFY_H

#include "err.h"

/* "READY=1", "STOPPING=1", "WATCHDOG=1".  Nothing happens without a
 * supervisor. */
void hf_notify(const char *state);

/* Half of WATCHDOG_USEC in milliseconds, or -1 when no watchdog waits. */
int hf_notify_watchdog_ms(void);

/* No core files, no ptrace by the same user, all the file descriptors that
 * the hard limit gives: gRPC's listener dies for good when they run out. */
HF_MUST enum hf_err hf_process_harden(struct hf_why *why);

#endif /* HF_NOTIFY_H */
