/*
 * retro_store.h -- items that were looked up lately, on disk: as many as are
 * wanted, for as long as is wanted, the oldest leave first.
 *
 * Items are kept in frames, as they came, and read from the first to the last:
 * there is no index.  How far each set was checked is kept beside them.  It
 * holds hashes of our own items; those of an entry that was erased are taken
 * out of it all the same.
 *
 * Units    _ms since 1970 UTC; a frame's number counts from 1; 200 bytes an
 *          item at most, on the average.
 * Owns     hf_retro_store_open() gives the caller a store,
 *          hf_retro_store_close() takes it back.
 * Threads  any; calls wait for each other, but for sizes and
 *          hf_retro_store_compact().
 * Errors   CORRUPT and UNSUPPORTED from open: make it again.  A frame that is
 *          damaged is passed over and counted.
 * Source   daemon/DESIGN.md, "Found later".
 */
#ifndef HF_RETRO_STORE_H
#define HF_RETRO_STORE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "retro_gone.h"
#include "retro_item.h"
#include "size.h"
#include "span.h"

struct hf_retro_store;

#define HF_RETRO_ITEM_BYTES 200

struct hf_retro_limits {
	uint64_t keep_ms;
	uint64_t items_most; /* and HF_RETRO_ITEM_BYTES for each */
};

HF_MUST enum hf_err hf_retro_store_open(const char *dir,
					const struct hf_retro_limits *limits,
					struct hf_retro_store **out_store,
					struct hf_why *why);

/* NULL is fine. */
void hf_retro_store_close(struct hf_retro_store *store);

/* Keep items (hf_retro_item_put(), one behind the other) as of now, and let go
 * of what is too old or too much.  They are on disk when it returns. */
HF_MUST enum hf_err hf_retro_store_put(struct hf_retro_store *store,
				       struct hf_span items, uint64_t now_ms,
				       struct hf_why *why);

/* Let go of what is too old. */
HF_MUST enum hf_err hf_retro_store_expire(struct hf_retro_store *store,
					  uint64_t now_ms, struct hf_why *why);

struct hf_retro_stats {
	uint64_t items;
	uint64_t bytes;   /* of frames */
	uint64_t damaged; /* frames that were passed over, since open */
	uint64_t last;    /* number of the newest frame; 0: none */
};

void hf_retro_store_stats(struct hf_retro_store *store,
			  struct hf_retro_stats *out_stats);

/* What lies in it; beside the thread that uses it. */
HF_MUST enum hf_err hf_retro_store_sizes(const struct hf_retro_store *store,
					 hf_size_each *each, void *arg,
					 struct hf_why *why);

/* The items of frames behind *number and up to last, about a megabyte of
 * them, appended to buf; *number is the last frame's then.  NOTFOUND when there
 * are no more. */
HF_MUST enum hf_err hf_retro_store_read(struct hf_retro_store *store,
					uint64_t *number, uint64_t last,
					struct hf_buf *buf, struct hf_why *why);

/* Take digests out of what is kept, and items that have no others.  What cannot
 * be read goes as well: nobody knows what is in it.  *out_items is how many
 * items had one.  Other calls go on between its steps; where is_over (may be
 * NULL) becomes true it ends early, CANCELLED. */
HF_MUST enum hf_err hf_retro_store_strip(struct hf_retro_store *store,
					 const struct hf_retro_gone *gone,
					 const atomic_bool *is_over,
					 uint64_t *out_items,
					 struct hf_why *why);

/* What was taken out, or left by itself, is in the file no more when this
 * returns.  As hf_store_compact(). */
HF_MUST enum hf_err hf_retro_store_compact(struct hf_retro_store *store,
					   const atomic_bool *is_over,
					   struct hf_why *why);

/* How far a set was checked; NOTFOUND for one that was never. */
HF_MUST enum hf_err hf_retro_store_position(struct hf_retro_store *store,
					    const char *origin,
					    uint64_t *out_position,
					    struct hf_why *why);

struct hf_retro_position {
	const char *origin;
	uint64_t position;
};

/* All of them or none; on disk when it returns. */
HF_MUST enum hf_err
hf_retro_store_move(struct hf_retro_store *store,
		    const struct hf_retro_position *positions, size_t count,
		    struct hf_why *why);

#endif /* HF_RETRO_STORE_H */
