#include "bytes.h"

#include "retro_frame.h"
#include "retro_store_in.h"

/* One step, of about a megabyte of frames. */
struct stripping {
	struct hf_retro_store *store;
	const struct hf_retro_gone *gone;
	uint64_t from; /* behind this frame */
	uint64_t last;
	struct hf_buf frame; /* a copy of the one at hand */
	struct hf_buf left;  /* of it */
	/* What it did. */
	uint64_t number;
	uint64_t items;
	struct hf_retro_stats stats;
	bool is_done;
};

/* What is left of the frame's items; false when all of it. */
static bool strip_items(struct stripping *stripping,
			const struct hf_retro_frame *frame, uint32_t *out_count)
{
	struct hf_span rest = frame->items;
	struct hf_retro_item item;
	uint64_t before = stripping->items;
	uint32_t count = 0;

	hf_buf_reset(&stripping->left);
	while (rest.len_bytes > 0 &&
	       hf_retro_item_take(&rest, &item, NULL) == HF_OK) {
		enum hf_retro_left left = hf_retro_item_put_without(
			&stripping->left, &item, stripping->gone);

		stripping->items += left != HF_RETRO_ALL_LEFT;
		count += left != HF_RETRO_NONE_LEFT;
	}
	*out_count = count;
	return stripping->items > before || rest.len_bytes > 0;
}

static enum hf_err replace(struct stripping *stripping,
			   struct hf_store_txn *txn, struct hf_span key,
			   uint64_t made_ms, uint32_t count, struct hf_why *why)
{
	struct hf_span items = hf_buf_span(&stripping->left);
	struct hf_buf *value = &stripping->frame;
	uint8_t head[HF_RETRO_FRAME_HEAD_BYTES];

	if (count == 0)
		return hf_store_del(txn, HF_RETRO_FRAMES, key, why);
	hf_retro_frame_head(head, made_ms, count, items);
	hf_buf_reset(value);
	hf_buf_put(value, hf_span(head, sizeof(head)));
	hf_buf_put(value, items);
	if (hf_buf_failed(value) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	stripping->stats.items += count;
	stripping->stats.bytes += value->len_bytes;
	return hf_store_put(txn, HF_RETRO_FRAMES, key, hf_buf_span(value), why);
}

static enum hf_err strip_frame(struct stripping *stripping,
			       struct hf_store_txn *txn, struct hf_why *why)
{
	struct hf_span bytes = hf_buf_span(&stripping->frame);
	struct hf_retro_stats *stats = &stripping->stats;
	uint8_t key[HF_RETRO_KEY_BYTES];
	struct hf_retro_frame frame;
	uint32_t count = 0;

	hf_be64_put(key, stripping->number);
	/* It would not have been opened with one that is none at all. */
	if (!hf_retro_frame_read(bytes, &frame))
		return hf_store_del(txn, HF_RETRO_FRAMES,
				    hf_span(key, sizeof(key)), why);
	if (!hf_retro_frame_is_whole(bytes, &frame))
		stats->damaged++;
	else if (!strip_items(stripping, &frame, &count))
		return HF_OK;
	if (hf_buf_failed(&stripping->left) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	stats->items -= frame.items_count;
	stats->bytes -= bytes.len_bytes;
	return replace(stripping, txn, hf_span(key, sizeof(key)), frame.made_ms,
		       count, why);
}

/* The next frame, into memory of ours: it is written over. */
static enum hf_err next_copy(struct stripping *stripping,
			     struct hf_store_txn *txn, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	uint8_t from[HF_RETRO_KEY_BYTES];
	enum hf_err err =
		hf_store_cursor_open(txn, HF_RETRO_FRAMES, &cursor, why);

	if (err != HF_OK)
		return err;
	hf_be64_put(from, stripping->number + 1);
	err = hf_store_cursor_seek(cursor, hf_span(from, sizeof(from)), &key,
				   &value, why);
	if (err == HF_OK && hf_be64(key.at) > stripping->last)
		err = HF_E_NOTFOUND;
	if (err == HF_OK) {
		stripping->number = hf_be64(key.at);
		hf_buf_reset(&stripping->frame);
		hf_buf_put(&stripping->frame, value);
		if (hf_buf_failed(&stripping->frame) != HF_OK)
			err = hf_why(why, HF_E_NOMEM, "retro: no memory");
	}
	hf_store_cursor_close(cursor);
	return err;
}

/* May be called twice for one step. */
static enum hf_err strip_some(void *arg, struct hf_store_txn *txn,
			      struct hf_why *why)
{
	struct stripping *stripping = arg;
	size_t read = 0;
	enum hf_err err = HF_OK;

	stripping->number = stripping->from;
	stripping->items = 0;
	stripping->stats = stripping->store->stats;
	while (err == HF_OK && read < HF_RETRO_READ_BYTES) {
		err = next_copy(stripping, txn, why);
		if (err != HF_OK)
			break;
		read += stripping->frame.len_bytes;
		err = strip_frame(stripping, txn, why);
	}
	stripping->is_done = err == HF_E_NOTFOUND;
	return stripping->is_done ? HF_OK : err;
}

static enum hf_err strip_step(struct stripping *stripping, struct hf_why *why)
{
	struct hf_retro_store *store = stripping->store;
	enum hf_err err;

	pthread_mutex_lock(&store->lock);
	err = hf_store_write(store->store, strip_some, stripping, why);
	if (err == HF_OK)
		store->stats = stripping->stats;
	pthread_mutex_unlock(&store->lock);
	stripping->from = stripping->number;
	return err;
}

enum hf_err hf_retro_store_strip(struct hf_retro_store *store,
				 const struct hf_retro_gone *gone,
				 const atomic_bool *is_over,
				 uint64_t *out_items, struct hf_why *why)
{
	struct stripping stripping = { .store = store, .gone = gone };
	struct hf_retro_stats stats;
	uint64_t items = 0;
	enum hf_err err = HF_OK;

	hf_retro_store_stats(store, &stats);
	stripping.last = stats.last;
	hf_buf_init(&stripping.frame,
		    HF_RETRO_FRAME_HEAD_BYTES + HF_RETRO_FRAME_MAX_BYTES);
	hf_buf_init(&stripping.left, HF_RETRO_FRAME_MAX_BYTES);
	while (err == HF_OK && !stripping.is_done) {
		if (is_over != NULL && atomic_load(is_over))
			err = hf_why(why, HF_E_CANCELLED, "stopping");
		else
			err = strip_step(&stripping, why);
		if (err == HF_OK)
			items += stripping.items;
	}
	hf_buf_release(&stripping.frame);
	hf_buf_release(&stripping.left);
	if (err == HF_OK)
		*out_items = items;
	return err;
}

enum hf_err hf_retro_store_compact(struct hf_retro_store *store,
				   const atomic_bool *is_over,
				   struct hf_why *why)
{
	return hf_store_compact(store->store, is_over, why);
}
