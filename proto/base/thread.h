/*
 * thread.h -- how the system sees the calling thread.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  each call is about the thread that makes it.
 * Errors   none: where the system refuses, the thread runs on as it was.
 * Source   pthread_setname_np(3), sched_setattr(2).
 */
#ifndef HF_THREAD_H
#define HF_THREAD_H

/* What `ps -L` and debuggers call it; cut after 15 characters. */
void hf_thread_name(const char *name);

/* Work that may take its time: whoever is waited for goes first.  It still
 * gets a quarter of a core that somebody else wants for himself. */
void hf_thread_background(void);

#endif /* HF_THREAD_H */
