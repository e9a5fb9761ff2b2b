/*
 * match_state.h -- what an open index is made of; for this folder alone.
 *
 * Three locks, taken in this order and never held across each other's waits:
 * commit_lock, by the thread that replaces the manifest; lock, for everything
 * marked "state", held for moments; view_lock, for the current snapshot and
 * the idle views, held for a few instructions, so that lookups wait for
 * nobody's disk.
 *
 * Units    as in match_index.h.
 * Owns     the index owns its segments, memories and marks by references; so
 *          does each snapshot.
 * Threads  sealer: memories into segments.  Merger: segments into fewer.
 * Errors   none of its own.
 * Source   none.
 */
#ifndef HF_MATCH_STATE_H
#define HF_MATCH_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "match_index.h"
#include "match_kernel.h"
#include "match_live.h"
#include "match_manifest.h"
#include "match_marks.h"
#include "match_memory.h"
#include "match_segment.h"
#include "match_sets.h"

/* Another mark table is made at this many marks more.  Where a full disk has
 * no room for one, there are three quarters as many in what is there. */
#define HF_MATCH_MARKS_MORE 4096

/* Full memories that wait to be sealed; whoever adds waits for the sealer
 * when there are more. */
#define HF_MATCH_FROZEN_MAX 8

/* So many are sealed together, into one segment.  A lookup compares them one
 * by one either way, and one by one they would be written, synced and merged
 * at once. */
#define HF_MATCH_FROZEN_ENOUGH 4

/* A mutable part with anything in it is sealed this long after the first
 * hash: what is sealed is not fed again after a restart. */
#define HF_MATCH_SEAL_AGE_MS 2000

/* A bulk is sealed this long after its first hash, full or not: nobody finds
 * what is in it before.  So many may be with the sealer while one is filled:
 * more would only wait longer. */
#define HF_MATCH_BULK_AGE_MS    300
#define HF_MATCH_BULKS_WAIT_MAX 1

/* Sealing waits for merging at this many segments, of at most
 * HF_MATCH_SEGMENTS_MAX; far more than are sealed during a merge. */
#define HF_MATCH_SEGMENTS_BUSY 60

/* Answers to a query that are told apart by comparing with each. */
#define HF_MATCH_TOLD_FIRST 8

/* Waits look again after this long, woken or not: glibc's condition variables
 * before 2.41 can lose a wake-up (its bug 25847), as they did here under a
 * load of 36.  Who waits for an answer also wakes the other side again. */
#define HF_MATCH_IDLE_MS ((uint64_t)30 * 1000)
#define HF_MATCH_WAIT_MS ((uint64_t)500)

/* How often a read-only index looks whether all files were replaced. */
#define HF_MATCH_REFRESH_MS 50

struct hf_match_near_work;
struct hf_match_exact_work;
struct hf_match_join;

struct hf_match_snapshot {
	uint32_t references; /* atomic */
	size_t segments_count;
	struct hf_match_segment
		*segments[HF_MATCH_SEGMENTS_MAX]; /* references */
	size_t memories_count;
	struct hf_match_memory
		*memories[HF_MATCH_FROZEN_MAX + 1]; /* references */
	struct hf_match_marks *marks;               /* reference */
	size_t drops_count;
	const struct hf_match_drop *drops; /* by set; of marks */
	struct hf_match_sets *sets; /* reference; a reader's, NULL: none */
};

_Static_assert(HF_MATCH_LIVE_MEMORIES_MAX == HF_MATCH_FROZEN_MAX + 1,
	       "a snapshot's memories do not fit the live file");

struct hf_match_fed {
	uint32_t set;
	uint64_t position; /* as told by hf_index_advance() */
	uint64_t durable;  /* as in the manifest */
};

struct hf_match_frozen {
	struct hf_match_memory *memory; /* reference */
	uint64_t since_us;              /* its first row */
	/* What its end stands for. */
	struct hf_match_position *positions; /* owned */
	size_t positions_count;
};

struct hf_index {
	char *dir; /* owned */
	bool is_readonly;
	int lock_fd;
	const struct hf_match_kernel *kernel;
	bool wants_sets;            /* a reader for verdicts */
	bool stays;                 /* a reader with what it has */
	struct hf_match_live *live; /* owned; atomic: readers replace it */

	pthread_mutex_t commit_lock;

	pthread_mutex_t lock; /* guards state, to the next blank line */
	pthread_cond_t work;  /* for sealer and merger */
	pthread_cond_t done;  /* for whoever waits for them */
	struct hf_match_memory *active; /* NULL when read-only */
	/* Large batches, while active has no rows; NULL: none. */
	struct hf_match_memory *bulk;
	uint64_t active_since_us; /* the first row of either; 0: none */
	struct hf_match_frozen frozen[HF_MATCH_FROZEN_MAX];
	size_t frozen_count;
	struct hf_match_segment *segments[HF_MATCH_SEGMENTS_MAX];
	size_t segments_count;
	struct hf_match_marks *marks;
	struct hf_match_drop *drops; /* owned; by set */
	size_t drops_count;
	struct hf_match_fed *feds; /* owned; by set */
	size_t feds_count;
	size_t feds_size;
	uint64_t next_number;
	uint64_t next_sequence;
	uint64_t marks_number; /* the file with the marks, 0: none */
	bool is_marks_dirty;   /* marks changed since that file */
	bool is_dirty;         /* positions or drops changed */
	uint64_t sync_wanted;  /* tickets of hf_index_sync() */
	uint64_t sync_done;
	uint64_t compact_wanted; /* tickets of hf_index_compact() */
	uint64_t compact_done;
	bool is_burst;   /* there were bulks since it was last settled */
	bool is_settled; /* nothing was added since nothing more was expected */
	bool is_stopping;
	bool is_merging;
	enum hf_err failed; /* of the last seal or merge */
	struct hf_why failed_why;
	uint64_t failures;
	uint64_t seals_count;
	uint64_t sealed_us; /* when that was last; 0: not yet */
	uint64_t merges_count;

	struct hf_match_sets_rules rules; /* told */
	bool is_ready;                    /* likewise */
	pthread_mutex_t sets_lock;        /* guards sets; taken last */
	struct hf_match_sets *sets;       /* the writer's; NULL: not told */

	pthread_t sealer;
	pthread_t merger;

	pthread_mutex_t view_lock; /* guards snapshot and idle */
	struct hf_match_snapshot *snapshot;
	struct hf_index_view *idle; /* owned: views nobody uses */

	/* Read-only: one refreshes, the others go on with what there is. */
	pthread_mutex_t refresh_lock;
	uint64_t refreshed_us; /* atomic */
	uint64_t generation;   /* atomic: what was tried last */
	uint64_t instance;     /* under refresh_lock: of snapshot's writer */
	bool is_behind;        /* atomic: and that failed */
};

struct hf_match_told {
	uint64_t what;
	uint64_t round;
};

/* One thread's hold on a snapshot, and room to work in. */
struct hf_index_view {
	struct hf_index *index;
	struct hf_match_snapshot *snapshot; /* reference */
	struct hf_index_view *next;         /* idle ones */
	struct hf_match_near_work *near;    /* owned */
	struct hf_match_exact_work *exact;  /* owned */
	struct hf_match_join *join; /* owned; NULL: no large batch yet */
	/* What the query at hand was answered already: the first few in a
	 * row, for most queries have no more; then all in the slots whose
	 * round is this one. */
	uint64_t told_first[HF_MATCH_TOLD_FIRST];
	struct hf_match_told *told; /* owned */
	uint64_t round;
	size_t told_count;
	bool has_more;
};

/* Put what state holds now before new views.  With the lock held. */
HF_MUST enum hf_err hf_match_state_publish(struct hf_index *index,
					   struct hf_why *why);

struct hf_match_snapshot *
hf_match_snapshot_ref(struct hf_match_snapshot *snapshot);
void hf_match_snapshot_unref(struct hf_match_snapshot *snapshot);

/* Whether a drop covers it. */
bool hf_match_drops_cover(const struct hf_match_drop *drops, size_t drops_count,
			  uint32_t set, uint64_t sequence);

/* Whether anything is in the memory that is filled now. */
static inline bool hf_match_state_is_filling(const struct hf_index *index)
{
	return index->bulk != NULL || hf_match_memory_rows(index->active) > 0;
}

/* Bulks that are full and wait to be sealed.  With the lock held. */
static inline size_t hf_match_state_bulks(const struct hf_index *index)
{
	size_t bulks = 0;

	for (size_t i = 0; i < index->frozen_count; i++)
		bulks += index->frozen[i].memory->bulk != NULL;
	return bulks;
}

/* Close the active memory, or the bulk, and begin another.  With the lock held;
 * needs room in frozen. */
HF_MUST enum hf_err hf_match_state_freeze(struct hf_index *index,
					  struct hf_why *why);

/* Tell readers what state holds now.  With the lock held. */
void hf_match_state_tell(struct hf_index *index);

/* Another table takes the place of the index's, and its file goes; or, after
 * a failure, the other one's.  With the lock held. */
HF_MUST enum hf_err hf_match_state_replace_marks(struct hf_index *index,
						 struct hf_match_marks *marks,
						 struct hf_why *why);

/* The segments and marks that dir's manifest names, into a fresh index. */
HF_MUST enum hf_err hf_match_state_load(struct hf_index *index,
					struct hf_why *why);

/* For a writer that ends, its threads ended: see that all that readers go on
 * with is on the disk, and say so. */
void hf_match_state_keep(struct hf_index *index);

/* Give segments, memories, marks, positions and drops back. */
void hf_match_state_release(struct hf_index *index);

/* Remove files in dir that the state does not name; before there is an active
 * memory, all of those that an earlier writer made for its readers. */
void hf_match_state_sweep(struct hf_index *index);

/* Start and stop sealer and merger. */
HF_MUST enum hf_err hf_match_work_start(struct hf_index *index,
					struct hf_why *why);
void hf_match_work_stop(struct hf_index *index);

/* Wait for a condition, with the lock held, and never for ever. */
void hf_match_work_wait(struct hf_index *index, pthread_cond_t *condition,
			uint64_t most_us);

/* Write the manifest of what state holds, without the lock. */
HF_MUST enum hf_err hf_match_work_commit(struct hf_index *index,
					 struct hf_why *why);

/* A read-only index sees what its writer says now. */
HF_MUST enum hf_err hf_match_follow_open(struct hf_index *index,
					 struct hf_why *why);

/* The same again, when there is news.  Cheap when there is none. */
void hf_match_follow(struct hf_index *index);

void hf_match_view_free(struct hf_index_view *view);

/* Near lookups in one part: match_near.c. */
HF_MUST enum hf_err hf_match_near_work_new(struct hf_match_near_work **out_work,
					   struct hf_why *why);
void hf_match_near_work_free(struct hf_match_near_work *work);

/* A search of one part for one query. */
struct hf_match_near_job {
	const struct hf_match_segment_part *part;
	const uint8_t *digest; /* borrowed until it is done */
	unsigned distance;
	size_t query;
	size_t segment;
	/* Of a part with bands: so many comparisons, or about as much work; 0
	 * for as many as it takes. */
	uint64_t most;
	/* When it is done: it was not enough, and the number of a key that was
	 * not compared. */
	bool is_cut;
	uint32_t passed_over;
};

/* What comes of jobs, in the order of their pushes: every key that is near,
 * once, and that there are no more. */
struct hf_match_near_sink {
	/* False: enough of this job. */
	bool (*key)(void *arg, const struct hf_match_near_job *job,
		    uint32_t key, unsigned distance);
	void (*done)(void *arg, const struct hf_match_near_job *job);
	void *arg;
};

/* Begin a job; those pushed earlier are done meanwhile. */
void hf_match_near_push(const struct hf_match_kernel *kernel,
			struct hf_match_near_work *work,
			const struct hf_match_near_job *job,
			const struct hf_match_near_sink *sink);

/* Finish every job that was begun. */
void hf_match_near_drain(struct hf_match_near_work *work,
			 const struct hf_match_near_sink *sink);

/* Bring what the search of digest reads first nearer. */
void hf_match_near_prefetch(const struct hf_match_segment_part *part,
			    const uint8_t *digest, unsigned distance);

#endif /* HF_MATCH_STATE_H */
