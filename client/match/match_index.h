/*
 * match_index.h -- which entries have this hash, or one near it.
 *
 * A log-structured index in one directory: a mutable part that new hashes
 * enter at once, and sealed segment files; any number of processes map both
 * read-only and see what the writer's own lookups see.  It knows sets by
 * number, entries by index, and nothing of ledgers, origins or verdicts
 * (match_policy.h).  The ledger is its log: the mutable part is begun anew by
 * the next writer, and the caller feeds again from hf_index_position().
 *
 * Answers are complete: a near lookup finds exactly what comparing with every
 * hash would find, and a video is told every list that shares enough frames.
 * Distances to 47 are served by the multi-index (16 bands of 16 bits), larger
 * ones by comparing with everything.
 *
 * Units    distances in differing bits; positions count entries; a quality is
 *          0 to 100, or HF_QUALITY_NONE.
 * Owns     hf_index_open() gives the caller an index, hf_index_close() takes
 *          it back.  A view is borrowed from the index until
 *          hf_index_view_end(); a hit and its digest are borrowed until the
 *          callback that got them returns.
 * Threads  one index serves many threads.  Whoever adds, removes or advances
 *          waits for others who do; lookups wait for none of them.  Sealing
 *          and merging run on a thread of the index.  A view is used by one
 *          thread at a time; take one for each request and let it go.
 * Errors   CORRUPT names the file that is damaged: the caller removes the
 *          directory's files and feeds again from 0.  CONFLICT when another
 *          process has the index open for writing; UNSUPPORTED for files of
 *          another version.
 * Source   Pigeonhole and ring check: Norouzi, Punjani, Fleet, "Fast Exact
 *          Search in Hamming Space with Multi-Index Hashing"; Qin, Xiao,
 *          "Pigeonring", VLDB 2018.  File format: client/match/FORMAT.md.
 */
#ifndef HF_MATCH_INDEX_H
#define HF_MATCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "kind.h"
#include "limit.h"
#include "size.h"

struct hf_index;
struct hf_index_view;

/* A hash without a quality.  Policy treats it as good enough. */
#define HF_QUALITY_NONE 255

/* The default distance of a near match, the largest that the multi-index
 * serves, and the largest there is. */
#define HF_PDQ_DISTANCE         31
#define HF_PDQ_DISTANCE_INDEXED 47
#define HF_PDQ_DISTANCE_MAX     64

/* Hashes of one call from which on they are put in bulk: a set that is being
 * caught up with. */
#define HF_INDEX_BULK_MIN 16384

/* Hits that one query can have; whoever has more is told so. */
#define HF_INDEX_HITS_MAX 4096

/* One hash of one entry. */
struct hf_index_hash {
	uint32_t set;          /* the ledger's number of the set */
	uint64_t entry;        /* index of the ADD in it */
	uint8_t algorithm;     /* enum hf_algorithm */
	uint8_t content_class; /* enum hf_class */
	/* Or HF_QUALITY_NONE.  Of VPDQ, which of the entry's lists this frame
	 * is of. */
	uint8_t quality;
	const uint8_t *digest; /* borrowed; hf_algorithm_bytes() of them */
	/* Of VPDQ, whose lists are added frame by frame, each distinct one
	 * once: how many this one's list has.  Else 0. */
	uint16_t frames_count;
	bool is_derived; /* taken from elsewhere: its set says nothing new */
};

/* Open for writing, alone; dir is made when it is missing.  Every segment is
 * read and its checksum verified.  Where the disk has no room for what other
 * processes read, that is in memory alone until there is some: stats say that
 * it is failing, and readers that they do not see it. */
HF_MUST enum hf_err hf_index_open(const char *dir, struct hf_index **out_index,
				  struct hf_why *why);

/* Open what another process writes, or wrote.  NOTFOUND before there is one,
 * UNAVAILABLE while it is begun.  A view sees everything that the writer's
 * calls had returned from when it was taken; the writer waits for no reader.
 * When the writer ends, views go on with what there was, and those of the
 * next writer with what that has.  Headers and directories of segments are
 * verified, the rest is the writer's business, who did. */
HF_MUST enum hf_err hf_index_open_readonly(const char *dir,
					   struct hf_index **out_index,
					   struct hf_why *why);

/* Of an index opened so: is there a writer now, and when did one last say
 * that it is alive?  It says so twice a minute. */
bool hf_index_has_writer(const struct hf_index *index);
uint64_t hf_index_alive_ms(const struct hf_index *index);

/* Seal what is mutable, when it can be, and let go.  End every view first.
 * NULL is fine. */
void hf_index_close(struct hf_index *index);

/*
 * Writing.  DENIED for an index that was opened read-only.
 */

/* Visible to the next view when this returns; HF_INDEX_BULK_MIN or more in one
 * call are four times as fast, and visible within a second.  Waits when sealing
 * falls behind, so that memory stays bounded; fails with the error of the
 * sealing (FULL, SYSTEM) when that cannot go on.  After a failure some may be
 * in: adding them again is harmless, always. */
HF_MUST enum hf_err hf_index_add(struct hf_index *index,
				 const struct hf_index_hash *hashes,
				 size_t hashes_count, struct hf_why *why);

/* The same for a part of many more, however few it has: they are visible
 * within a second. */
HF_MUST enum hf_err hf_index_add_bulk(struct hf_index *index,
				      const struct hf_index_hash *hashes,
				      size_t hashes_count, struct hf_why *why);

/* The entry matches no more, whatever is or was or will be added for it. */
HF_MUST enum hf_err hf_index_remove(struct hf_index *index, uint32_t set,
				    uint64_t entry, struct hf_why *why);

/* The entry's hits carry is_demoted, or no longer do. */
HF_MUST enum hf_err hf_index_demote(struct hf_index *index, uint32_t set,
				    uint64_t entry, bool is_demoted,
				    struct hf_why *why);

/* What was said here and by others of entries, for verdicts: bits of a hit's
 * doubts.  These are told anew after each open. */
#define HF_INDEX_DISPUTED 8u
#define HF_INDEX_HOT      16u /* hits far too often */
#define HF_INDEX_IGNORED  32u /* an operator said so */
#define HF_INDEX_DOUBTS   (HF_INDEX_DISPUTED | HF_INDEX_HOT | HF_INDEX_IGNORED)

/* Organisations that affirm it, beside its publisher; more count as so many. */
#define HF_INDEX_AFFIRMED_MAX 15

/* Change of an entry's doubts those in mask. */
HF_MUST enum hf_err hf_index_doubt(struct hf_index *index, uint32_t set,
				   uint64_t entry, uint32_t mask,
				   uint32_t doubts, struct hf_why *why);

/* So many organisations affirm the entry. */
HF_MUST enum hf_err hf_index_affirm(struct hf_index *index, uint32_t set,
				    uint64_t entry, unsigned count,
				    struct hf_why *why);

/* The entry matches no more until the index is closed, or it does again: of
 * what is to be taken back and cannot be written yet.  No file keeps it. */
HF_MUST enum hf_err hf_index_withhold(struct hf_index *index, uint32_t set,
				      uint64_t entry, bool is_withheld,
				      struct hf_why *why);

/* The entry's hits carry is_expired, or no longer do; as a video it has none
 * meanwhile. */
HF_MUST enum hf_err hf_index_expire(struct hf_index *index, uint32_t set,
				    uint64_t entry, bool is_expired,
				    struct hf_why *why);

/* The entry's hits have another class from now on. */
HF_MUST enum hf_err hf_index_amend(struct hf_index *index, uint32_t set,
				   uint64_t entry, uint8_t content_class,
				   struct hf_why *why);

/* Forget the set: hashes, removals, position.  It may be fed again from 0. */
HF_MUST enum hf_err hf_index_drop_set(struct hf_index *index, uint32_t set,
				      struct hf_why *why);

/* Everything of the set below position was given to the calls above.  Stored
 * with the segments that hold it. */
HF_MUST enum hf_err hf_index_advance(struct hf_index *index, uint32_t set,
				     uint64_t position, struct hf_why *why);

/* Nothing more is on its way: what was added in bulk is sealed and merged now,
 * without waiting whether more comes.  Does not wait for that. */
void hf_index_settle(struct hf_index *index);

/* Where to go on feeding the set: after an open, what the segments hold. */
uint64_t hf_index_position(struct hf_index *index, uint32_t set);

/* Do lookups find everything that was added?  What came in bulk they do not
 * before it is sealed. */
bool hf_index_finds_all(struct hf_index *index);

/* Seal the mutable part now; on disk when this returns. */
HF_MUST enum hf_err hf_index_sync(struct hf_index *index, struct hf_why *why);

/* The same, and rewrite everything into one segment without what was removed
 * or dropped: afterwards no file has those bytes (ERASE). */
HF_MUST enum hf_err hf_index_compact(struct hf_index *index,
				     struct hf_why *why);

/*
 * Looking up.
 */

struct hf_index_query {
	uint8_t algorithm;
	const uint8_t *digest; /* borrowed; hf_algorithm_bytes() of them */
};

struct hf_index_hit {
	size_t query; /* which of the queries */
	uint32_t set;
	uint64_t entry;
	uint8_t algorithm;
	uint8_t content_class; /* as amended */
	uint8_t quality;       /* the entry's */
	bool is_demoted;
	bool is_expired; /* its time is over: no match */
	bool is_unsure;  /* VPDQ: see struct hf_index_video_hit */
	bool is_derived;
	uint8_t doubts;   /* bits HF_INDEX_DISPUTED and so on */
	uint8_t affirmed; /* by so many organisations */
	/* 0: the same bytes.  Of VPDQ: within which frames were the same. */
	uint16_t distance;
	uint8_t looked_up_percent; /* VPDQ: see struct hf_index_video_hit */
	uint8_t listed_percent;    /* likewise */
	const uint8_t *digest;     /* the entry's; borrowed; none of VPDQ */
};

/* Where the answers go.  Hits of one query come in no order, each (entry,
 * digest) once, but before those of the next query. */
struct hf_index_sink {
	void (*hit)(void *arg, const struct hf_index_hit *hit);
	/* The query has more than HF_INDEX_HITS_MAX; may be NULL. */
	void (*more)(void *arg, size_t query);
	void *arg;
};

/* A frozen set of segments, and the mutable part as it grows.  Cheap: no
 * memory is allocated once as many views as are used at a time exist. */
HF_MUST enum hf_err hf_index_view_begin(struct hf_index *index,
					struct hf_index_view **out_view,
					struct hf_why *why);

/* NULL is fine. */
void hf_index_view_end(struct hf_index_view *view);

/* Entries with exactly these digests, of any algorithm, PDQ included.  Many
 * at a time are much faster than one at a time.  ARGUMENT for an algorithm
 * that is not indexed. */
HF_MUST enum hf_err hf_index_lookup_exact(struct hf_index_view *view,
					  const struct hf_index_query *queries,
					  size_t queries_count,
					  const struct hf_index_sink *sink,
					  struct hf_why *why);

/* The same for digests of one algorithm, one behind the other, as messages
 * have them: no memory is needed for their number. */
HF_MUST enum hf_err
hf_index_lookup_digests(struct hf_index_view *view, uint8_t algorithm,
			const uint8_t *digests, size_t digests_count,
			const struct hf_index_sink *sink, struct hf_why *why);

/* One video, and how much of it is wanted back. */
struct hf_index_video {
	const uint8_t *frames; /* borrowed; 32 bytes each */
	size_t frames_count;   /* at most HF_VPDQ_MAX_FRAMES */
	/* Frames that differ in so many bits or fewer are the same. */
	unsigned distance;
	/* Lists with less in common are not told; in percent. */
	unsigned looked_up_min;
	unsigned listed_min;
	/* However long it takes, and nothing is told that is unsure: for what
	 * is asked of our own entries, not for strangers' videos. */
	bool is_complete;
};

/* A list of frames that has some in common with the video.  Equal frames
 * count once, on both sides. */
struct hf_index_video_hit {
	uint32_t set;
	uint64_t entry;
	uint8_t list;          /* which of the entry's */
	uint8_t content_class; /* as amended */
	bool is_demoted;
	bool is_derived;
	uint8_t doubts;            /* as of struct hf_index_hit */
	uint8_t affirmed;          /* likewise */
	uint16_t looked_up_frames; /* of the video */
	uint16_t looked_up_matched;
	uint16_t listed_frames; /* of the list */
	uint16_t listed_matched;
	/* So much is sure, and maybe too little: what was asked for may be
	 * there, but so many frames are like its own that not all could be
	 * compared.  Told of the one list that has the most in common. */
	bool is_unsure;
};

struct hf_index_video_sink {
	void (*hit)(void *arg, const struct hf_index_video_hit *hit);
	/* There are or may be more than were told: over HF_INDEX_HITS_MAX, or
	 * so many share these frames that not all were looked at (a HF_VIDEO_
	 * limit); then one of them is told as unsure, unless that many are
	 * told for sure.  May be NULL. */
	void (*more)(void *arg);
	void *arg;
};

/* Whole percent, rounded down: enough for "at least so much". */
static inline unsigned hf_index_percent(unsigned matched, unsigned of)
{
	return of > 0 ? 100 * matched / of : 0;
}

/* The distinct ones of frames in order, into room for as many. */
size_t hf_index_frames_distinct(const uint8_t *frames, size_t frames_count,
				uint8_t *out_frames);

/* Lists of VPDQ that share frames with a video.  ARGUMENT for no frames, too
 * many, or a distance over HF_PDQ_DISTANCE_MAX. */
HF_MUST enum hf_err hf_index_lookup_video(
	struct hf_index_view *view, const struct hf_index_video *video,
	const struct hf_index_video_sink *sink, struct hf_why *why);

/* Lists of the same frames, in whatever order. */
static inline HF_MUST enum hf_err hf_index_lookup_same_video(
	struct hf_index_view *view, const uint8_t *frames, size_t frames_count,
	const struct hf_index_video_sink *sink, struct hf_why *why)
{
	return hf_index_lookup_video(
		view,
		&(struct hf_index_video){ .frames = frames,
					  .frames_count = frames_count,
					  .is_complete = true,
					  .looked_up_min = 100,
					  .listed_min = 100 },
		sink, why);
}

/* Entries whose PDQ hash differs in at most distance bits from each of
 * digests_count digests of 32 bytes, one behind the other.  ARGUMENT over
 * HF_PDQ_DISTANCE_MAX. */
HF_MUST enum hf_err
hf_index_lookup_near(struct hf_index_view *view, const uint8_t *digests,
		     size_t digests_count, unsigned distance,
		     const struct hf_index_sink *sink, struct hf_why *why);

/*
 * What it holds.
 */

struct hf_index_stats {
	uint64_t segments_count;
	uint64_t segments_bytes; /* of files, mapped */
	uint64_t memory_bytes;   /* of the mutable part and the marks, mapped */
	uint64_t marks_bytes;    /* of the marks alone */
	uint64_t hashes_count[HF_ALGORITHM_COUNT]; /* removed ones included */
	uint64_t mutable_count;                    /* hashes not yet sealed */
	uint64_t marks_count; /* entries removed, demoted, amended */
	uint64_t seals_count; /* since it was opened */
	uint64_t merges_count;
	bool is_failing; /* the last file could not be written */
	struct hf_why failed_why;
};

void hf_index_stats(struct hf_index *index, struct hf_index_stats *out_stats);

/* What its files hold: the mutable part, the marks as they are now, and
 * segments by algorithm and section ("pdq keys"), with the hashes as count.
 * Headers and slack are in none. */
void hf_index_sizes(struct hf_index *index, hf_size_each *each, void *arg);

#endif /* HF_MATCH_INDEX_H */
