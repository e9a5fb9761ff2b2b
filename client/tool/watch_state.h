/*
 * watch_state.h -- how far a watcher came, and what it still has to give to
 * its hook, in a file that survives a crash at any moment.
 *
 * A change of a case is in the file before the hook is started with it, with
 * how often that was done; it leaves the file once the hook took it.  Of one
 * case there is the change that is given and at most one that waits: a newer
 * one takes the place of one that waits.
 *
 * Units    counts of runs.
 * Owns     init/release: the cases and their texts.
 * Threads  one.
 * Errors   NOTFOUND when there is no file; MALFORMED when it is no state;
 *          NOMEM; those of writing a file.
 * Source   hashfed(1), watch.
 */
#ifndef HF_WATCH_STATE_H
#define HF_WATCH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec_takedown.h"
#include "err.h"
#include "span.h"

#define HF_WATCH_POSITION_MAX 64
#define HF_WATCH_CASES_MAX    1000 /* beyond it nothing more is taken */

/* Why a hook is called: name, word. */
/* clang-format off */
#define HF_WATCH_WHY_TABLE(X)                                                 \
	X(NEW,     "new")                                                     \
	X(CHANGED, "changed")                                                 \
	X(WARNING, "warning")                                                 \
	X(OVERDUE, "overdue")
/* clang-format on */

enum hf_watch_why {
#define HF_WATCH_WHY_ENUM(name, word) HF_WATCH_##name,
	HF_WATCH_WHY_TABLE(HF_WATCH_WHY_ENUM)
#undef HF_WATCH_WHY_ENUM
};

const char *hf_watch_why_word(enum hf_watch_why reason);

/* Why this answer is given. */
enum hf_watch_why
hf_watch_why_of(const struct hf_watch_cases_response *response);

struct hf_watch_change {
	enum hf_watch_why reason;
	uint64_t begun; /* runs of the hook that were begun with it */
	uint8_t *text;  /* owned: a WatchCasesResponse as on the wire */
	size_t text_len_bytes;
};

struct hf_watch_case {
	char case_id[33];
	struct hf_watch_change now;
	struct hf_watch_change next; /* text NULL: none */
	/* Not in the file. */
	pid_t pid;  /* of the run; 0: none */
	int end_fd; /* with a run: at its end once all that it started ended */
	bool has_failed;
	unsigned failures;
	uint64_t not_before_us; /* monotonic */
};

struct hf_watch_state {
	uint8_t position[HF_WATCH_POSITION_MAX];
	size_t position_len_bytes;    /* 0: none yet */
	struct hf_watch_case **cases; /* owned, in the order they came */
	size_t count;
	bool is_dirty; /* not what is in the file */
};

void hf_watch_state_init(struct hf_watch_state *state);
void hf_watch_state_release(struct hf_watch_state *state);

/* Into a state that was just initialised. */
HF_MUST enum hf_err hf_watch_state_load(struct hf_watch_state *state,
					const char *path, struct hf_why *why);

HF_MUST enum hf_err hf_watch_state_save(struct hf_watch_state *state,
					const char *path, struct hf_why *why);

/* An answer of the daemon: a change, or with is_mark a position alone. */
HF_MUST enum hf_err
hf_watch_state_take(struct hf_watch_state *state,
		    const struct hf_watch_cases_response *response,
		    struct hf_why *why);

/* The hook took it: on to what waits, or the case leaves. */
void hf_watch_state_done(struct hf_watch_state *state,
			 struct hf_watch_case *is);

/* It did not: what waits takes its place, or it is to be given again. */
void hf_watch_state_failed(struct hf_watch_state *state,
			   struct hf_watch_case *is);

#endif /* HF_WATCH_STATE_H */
