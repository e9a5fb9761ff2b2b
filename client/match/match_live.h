/*
 * match_live.h -- the one small file that says what the index is made of now,
 * and that whoever writes it is alive.
 *
 * The writer changes it through a map, under a generation that is odd while
 * it does; a reader that finds the generation it knows has nothing to do.
 * Nothing in it is trusted: it names files, and those are checked.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_match_live_close() takes back what create and open gave.
 * Threads  written by one at a time, read by any.
 * Errors   FULL, SYSTEM; for readers NOTFOUND, CORRUPT, UNSUPPORTED as in
 *          match_map.h, and UNAVAILABLE when the machine was started since
 *          and no writer was, unless the last one ended in order: what was
 *          mapped before a power failure need not have reached the disk.
 * Source   client/match/FORMAT.md.  The writer's lock is one of an open file
 *          description (fcntl(2), F_OFD_SETLK): it ends with the process,
 *          however that ends, and can be asked for without being taken.
 */
#ifndef HF_MATCH_LIVE_H
#define HF_MATCH_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "match_manifest.h"

/* The memory in use and HF_MATCH_FROZEN_MAX more. */
#define HF_MATCH_LIVE_MEMORIES_MAX 9

struct hf_match_live;

struct hf_match_live_state {
	uint64_t instance; /* of the writer: numbers mean another's files */
	uint64_t table;    /* the marks as they are */
	uint64_t sets;     /* 0: not told yet */
	size_t segments_count;
	uint64_t segments[HF_MATCH_SEGMENTS_MAX];
	size_t memories_count;
	uint64_t memories[HF_MATCH_LIVE_MEMORIES_MAX];
};

/* dir/live, for the one writer.  Readers go on with what they have until the
 * first write, and find nothing meanwhile. */
HF_MUST enum hf_err hf_match_live_create(const char *dir,
					 struct hf_match_live **out_live,
					 struct hf_why *why);

/* For a reader. */
HF_MUST enum hf_err hf_match_live_open(const char *dir,
				       struct hf_match_live **out_live,
				       struct hf_why *why);

/* fresh takes the place of live, which others may still look into: it is
 * closed with fresh. */
void hf_match_live_follow(struct hf_match_live *fresh,
			  struct hf_match_live *live);

/* NULL is fine. */
void hf_match_live_close(struct hf_match_live *live);

/* Readers see the state from now on.  Its instance is filled in here. */
void hf_match_live_write(struct hf_match_live *live,
			 const struct hf_match_live_state *state);

/* The last word of a writer: everything that the state names is on the disk,
 * so that it can be used after the machine was started anew, too.  Where that
 * cannot be said it is not. */
void hf_match_live_keep(struct hf_match_live *live);

/* Say that the writer is alive. */
void hf_match_live_beat(struct hf_match_live *live);

/* Even when there is a whole state; another one for each. */
uint64_t hf_match_live_generation(const struct hf_match_live *live);

/* False while it is being written, and when it makes no sense. */
bool hf_match_live_read(const struct hf_match_live *live,
			struct hf_match_live_state *out_state,
			uint64_t *out_generation);

/* When the writer last said that it is alive. */
uint64_t hf_match_live_alive_ms(const struct hf_match_live *live);

/* Is there a writer now? */
bool hf_match_live_has_writer(const struct hf_match_live *live);

/* False when dir has another such file by now, or none. */
bool hf_match_live_is_there(const struct hf_match_live *live);

#endif /* HF_MATCH_LIVE_H */
