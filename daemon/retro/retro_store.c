#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "retro_frame.h"
#include "retro_store_in.h"

/* Frames by number; origins. */
static const char *const tables[] = { "frames", "sets" };

/* Frames that one transaction lets go of. */
#define DROP_MOST 256

static uint64_t bytes_most(const struct hf_retro_store *store)
{
	return store->limits.items_most * HF_RETRO_ITEM_BYTES;
}

/* Count what is there. */
static enum hf_err take_stock(struct hf_retro_store *store, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_store_txn *view;
	struct hf_span key, value;
	struct hf_retro_frame frame;
	enum hf_err err = hf_store_view_begin(store->store, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_open(view, HF_RETRO_FRAMES, &cursor, why);
	if (err == HF_OK) {
		err = hf_store_cursor_seek(cursor, hf_span("", 0), &key, &value,
					   why);
		while (err == HF_OK) {
			if (key.len_bytes != HF_RETRO_KEY_BYTES ||
			    !hf_retro_frame_read(value, &frame)) {
				err = hf_why(why, HF_E_CORRUPT,
					     "retro: a frame that is none");
				break;
			}
			store->stats.items += frame.items_count;
			store->stats.bytes += value.len_bytes;
			store->stats.last = hf_be64(key.at);
			err = hf_store_cursor_next(cursor, &key, &value, why);
		}
		hf_store_cursor_close(cursor);
	}
	hf_store_view_end(view);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_retro_store_open(const char *dir,
				const struct hf_retro_limits *limits,
				struct hf_retro_store **out_store,
				struct hf_why *why)
{
	const struct hf_store_options options = {
		.dir = dir,
		.format = "hashfed-retro/1",
		.tables = tables,
		.tables_count = sizeof(tables) / sizeof(tables[0]),
		.map_bytes = (size_t)256 * 1024 * 1024,
	};
	struct hf_retro_store *store = calloc(1, sizeof(*store));
	enum hf_err err;

	if (store == NULL)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	store->limits = *limits;
	pthread_mutex_init(&store->lock, NULL);
	err = hf_store_open(&options, &store->store, why);
	if (err == HF_OK)
		err = take_stock(store, why);
	if (err != HF_OK) {
		hf_retro_store_close(store);
		return err;
	}
	*out_store = store;
	return HF_OK;
}

void hf_retro_store_close(struct hf_retro_store *store)
{
	if (store == NULL)
		return;
	hf_store_close(store->store);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

void hf_retro_store_stats(struct hf_retro_store *store,
			  struct hf_retro_stats *out_stats)
{
	pthread_mutex_lock(&store->lock);
	*out_stats = store->stats;
	pthread_mutex_unlock(&store->lock);
}

/*
 * In, and out again.
 */

static bool must_go(const struct hf_retro_store *store,
		    const struct hf_retro_stats *stats,
		    const struct hf_retro_frame *frame, uint64_t now_ms)
{
	/* A clock that was set back makes nothing younger than it can be. */
	return frame->made_ms + store->limits.keep_ms <= now_ms ||
	       frame->made_ms > now_ms + store->limits.keep_ms ||
	       stats->items > store->limits.items_most ||
	       stats->bytes > bytes_most(store);
}

/* Then it counts no more. */
static bool oldest_goes(const struct hf_retro_store *store,
			struct hf_span bytes, uint64_t now_ms,
			struct hf_retro_stats *stats)
{
	struct hf_retro_frame frame;

	if (!hf_retro_frame_read(bytes, &frame))
		return true;
	if (!must_go(store, stats, &frame, now_ms))
		return false;
	stats->items -= frame.items_count;
	stats->bytes -= bytes.len_bytes;
	return true;
}

/* The oldest first, until one may stay.  *out_more: look again. */
static enum hf_err drop_oldest(struct hf_retro_store *store,
			       struct hf_store_txn *txn, uint64_t now_ms,
			       struct hf_retro_stats *stats, bool *out_more,
			       struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err = HF_OK;

	*out_more = false;
	for (size_t i = 0; err == HF_OK; i++) {
		uint8_t copy[HF_RETRO_KEY_BYTES];
		bool goes;

		err = hf_store_cursor_open(txn, HF_RETRO_FRAMES, &cursor, why);
		if (err != HF_OK)
			return err;
		err = hf_store_cursor_seek(cursor, hf_span("", 0), &key, &value,
					   why);
		goes = err == HF_OK && oldest_goes(store, value, now_ms, stats);
		if (goes)
			memcpy(copy, key.at, sizeof(copy));
		hf_store_cursor_close(cursor);
		if (!goes)
			break;
		if (i == DROP_MOST) {
			*out_more = true;
			break;
		}
		err = hf_store_del(txn, HF_RETRO_FRAMES,
				   hf_span(copy, sizeof(copy)), why);
	}
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* One frame's worth of whole items off rest. */
static enum hf_err next_frame(struct hf_span *rest, struct hf_span *out_items,
			      uint32_t *out_count, struct hf_why *why)
{
	const uint8_t *begin = rest->at;
	struct hf_retro_item item;
	uint32_t count = 0;

	while (rest->len_bytes > 0) {
		struct hf_span behind = *rest;
		enum hf_err err = hf_retro_item_take(&behind, &item, why);

		if (err != HF_OK)
			return err;
		if ((size_t)(behind.at - begin) > HF_RETRO_FRAME_MAX_BYTES)
			break;
		*rest = behind;
		count++;
	}
	*out_items = hf_span(begin, (size_t)(rest->at - begin));
	*out_count = count;
	return HF_OK;
}

static enum hf_err put_frames(struct hf_store_txn *txn, struct hf_span items,
			      uint64_t now_ms, struct hf_retro_stats *stats,
			      struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && items.len_bytes > 0) {
		uint8_t key[HF_RETRO_KEY_BYTES], *value;
		struct hf_span frame;
		uint32_t count;

		err = next_frame(&items, &frame, &count, why);
		if (err != HF_OK)
			break;
		hf_be64_put(key, stats->last + 1);
		err = hf_store_append(
			txn, HF_RETRO_FRAMES, hf_span(key, sizeof(key)),
			HF_RETRO_FRAME_HEAD_BYTES + frame.len_bytes, &value,
			why);
		if (err != HF_OK)
			break;
		hf_retro_frame_head(value, now_ms, count, frame);
		memcpy(value + HF_RETRO_FRAME_HEAD_BYTES, frame.at,
		       frame.len_bytes);
		stats->last++;
		stats->items += count;
		stats->bytes += HF_RETRO_FRAME_HEAD_BYTES + frame.len_bytes;
	}
	return err;
}

struct putting {
	struct hf_retro_store *store;
	struct hf_span items;
	uint64_t now_ms;
	struct hf_retro_stats stats;
	bool has_more;
};

static enum hf_err put_once(void *arg, struct hf_store_txn *txn,
			    struct hf_why *why)
{
	struct putting *putting = arg;
	enum hf_err err;

	putting->stats = putting->store->stats;
	err = put_frames(txn, putting->items, putting->now_ms, &putting->stats,
			 why);
	return err == HF_OK
		       ? drop_oldest(putting->store, txn, putting->now_ms,
				     &putting->stats, &putting->has_more, why)
		       : err;
}

/* With the lock. */
static enum hf_err put_and_drop(struct hf_retro_store *store,
				struct hf_span items, uint64_t now_ms,
				struct hf_why *why)
{
	struct putting putting = {
		.store = store,
		.items = items,
		.now_ms = now_ms,
		.has_more = true,
	};
	enum hf_err err = HF_OK;

	while (putting.has_more && err == HF_OK) {
		err = hf_store_write(store->store, put_once, &putting, why);
		if (err == HF_OK)
			store->stats = putting.stats;
		putting.items = hf_span(NULL, 0);
	}
	return err;
}

enum hf_err hf_retro_store_put(struct hf_retro_store *store,
			       struct hf_span items, uint64_t now_ms,
			       struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&store->lock);
	err = put_and_drop(store, items, now_ms, why);
	pthread_mutex_unlock(&store->lock);
	return err;
}

static enum hf_err oldest(struct hf_retro_store *store,
			  struct hf_retro_frame *out, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_store_txn *view;
	struct hf_span key, value;
	enum hf_err err = hf_store_view_begin(store->store, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_open(view, HF_RETRO_FRAMES, &cursor, why);
	if (err == HF_OK) {
		err = hf_store_cursor_seek(cursor, hf_span("", 0), &key, &value,
					   why);
		if (err == HF_OK && !hf_retro_frame_read(value, out))
			err = hf_why(why, HF_E_CORRUPT,
				     "retro: a frame that is none");
		hf_store_cursor_close(cursor);
	}
	hf_store_view_end(view);
	return err;
}

enum hf_err hf_retro_store_expire(struct hf_retro_store *store, uint64_t now_ms,
				  struct hf_why *why)
{
	struct hf_retro_frame frame;
	enum hf_err err;

	pthread_mutex_lock(&store->lock);
	err = oldest(store, &frame, why);
	if (err == HF_E_NOTFOUND)
		err = HF_OK;
	else if (err == HF_OK && must_go(store, &store->stats, &frame, now_ms))
		err = put_and_drop(store, hf_span(NULL, 0), now_ms, why);
	pthread_mutex_unlock(&store->lock);
	return err;
}

/*
 * Reading.
 */

/* With the lock. */
static enum hf_err read_some(struct hf_retro_store *store, uint64_t *number,
			     uint64_t last, struct hf_buf *buf,
			     struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_store_txn *view;
	struct hf_span key, value;
	uint8_t from[HF_RETRO_KEY_BYTES];
	bool has_any = false;
	enum hf_err err = hf_store_view_begin(store->store, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_open(view, HF_RETRO_FRAMES, &cursor, why);
	if (err != HF_OK) {
		hf_store_view_end(view);
		return err;
	}
	hf_be64_put(from, *number + 1);
	err = hf_store_cursor_seek(cursor, hf_span(from, sizeof(from)), &key,
				   &value, why);
	while (err == HF_OK && hf_be64(key.at) <= last &&
	       buf->len_bytes < HF_RETRO_READ_BYTES) {
		struct hf_retro_frame frame;

		has_any = true;
		*number = hf_be64(key.at);
		if (hf_retro_frame_read(value, &frame) &&
		    hf_retro_frame_is_whole(value, &frame))
			hf_buf_put(buf, frame.items);
		else
			store->stats.damaged++;
		err = hf_store_cursor_next(cursor, &key, &value, why);
	}
	hf_store_cursor_close(cursor);
	hf_store_view_end(view);
	if (hf_buf_failed(buf) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	return has_any ? HF_OK : HF_E_NOTFOUND;
}

enum hf_err hf_retro_store_read(struct hf_retro_store *store, uint64_t *number,
				uint64_t last, struct hf_buf *buf,
				struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&store->lock);
	err = read_some(store, number, last, buf, why);
	pthread_mutex_unlock(&store->lock);
	return err;
}

/*
 * Positions.
 */

enum hf_err hf_retro_store_position(struct hf_retro_store *store,
				    const char *origin, uint64_t *out_position,
				    struct hf_why *why)
{
	struct hf_store_txn *view;
	struct hf_span value;
	enum hf_err err = hf_store_view_begin(store->store, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_store_get(view, HF_RETRO_SETS, hf_span_of(origin), &value,
			   why);
	if (err == HF_OK && value.len_bytes != 8)
		err = HF_E_NOTFOUND;
	if (err == HF_OK)
		*out_position = hf_be64(value.at);
	hf_store_view_end(view);
	return err;
}

struct moving {
	const struct hf_retro_position *positions;
	size_t count;
};

static enum hf_err move(void *arg, struct hf_store_txn *txn, struct hf_why *why)
{
	const struct moving *moving = arg;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < moving->count && err == HF_OK; i++) {
		const struct hf_retro_position *is = &moving->positions[i];
		uint8_t value[8];

		hf_be64_put(value, is->position);
		err = hf_store_put(txn, HF_RETRO_SETS, hf_span_of(is->origin),
				   hf_span(value, sizeof(value)), why);
	}
	return err;
}

enum hf_err hf_retro_store_move(struct hf_retro_store *store,
				const struct hf_retro_position *positions,
				size_t count, struct hf_why *why)
{
	struct moving moving = { positions, count };

	return hf_store_write(store->store, move, &moving, why);
}

enum hf_err hf_retro_store_sizes(const struct hf_retro_store *store,
				 hf_size_each *each, void *arg,
				 struct hf_why *why)
{
	return hf_store_sizes(store->store, each, arg, why);
}
