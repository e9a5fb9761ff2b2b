#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "kind.h"
#include "match_index.h"

#include "retro_item.h"

#define HEAD_BYTES 3

static void put_head(struct hf_buf *buf, size_t count, struct hf_span name)
{
	hf_buf_put_u8(buf, (uint8_t)count);
	hf_buf_put_u16(buf, (uint16_t)name.len_bytes);
}

/* What is in front of its bytes. */
static void put_digest_head(struct hf_buf *buf,
			    const struct hf_retro_digest *digest,
			    size_t len_bytes)
{
	hf_buf_put_u8(buf, digest->algorithm);
	hf_buf_put_u8(buf, digest->quality);
	if (digest->algorithm == HF_ALGORITHM_VPDQ)
		hf_buf_put_u16(buf, (uint16_t)(len_bytes / HF_PDQ_BYTES));
}

static void put_digest(struct hf_buf *buf, const struct hf_retro_digest *digest)
{
	put_digest_head(buf, digest, digest->len_bytes);
	hf_buf_put(buf, hf_span(digest->at, digest->len_bytes));
}

void hf_retro_item_put(struct hf_buf *buf, const struct hf_retro_item *item)
{
	put_head(buf, item->count, item->name);
	for (size_t i = 0; i < item->count; i++)
		put_digest(buf, &item->digests[i]);
	hf_buf_put(buf, item->name);
}

static enum hf_err corrupt(struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT, "retro: an item that is none");
}

/* The next digest at *at; false when it is none. */
static bool take_digest(const uint8_t **at, const uint8_t *end, size_t *frames,
			struct hf_retro_digest *out)
{
	if (end - *at < 2)
		return false;
	out->algorithm = (*at)[0];
	out->quality = (*at)[1];
	*at += 2;
	out->len_bytes = hf_algorithm_bytes(out->algorithm);
	if (out->algorithm == HF_ALGORITHM_VPDQ) {
		if (end - *at < 2)
			return false;
		out->len_bytes = hf_be16(*at) * (size_t)HF_PDQ_BYTES;
		*at += 2;
		*frames += out->len_bytes / HF_PDQ_BYTES;
	}
	if (out->len_bytes == 0 || *frames > HF_VPDQ_MAX_FRAMES ||
	    (size_t)(end - *at) < out->len_bytes ||
	    (out->quality > HF_QUALITY_MAX && out->quality != HF_QUALITY_NONE))
		return false;
	out->at = *at;
	*at += out->len_bytes;
	return true;
}

enum hf_err hf_retro_item_take(struct hf_span *rest, struct hf_retro_item *out,
			       struct hf_why *why)
{
	const uint8_t *at = rest->at, *end = rest->at + rest->len_bytes;
	size_t name_len_bytes, frames = 0;

	if (rest->len_bytes < HEAD_BYTES)
		return corrupt(why);
	out->count = at[0];
	name_len_bytes = hf_be16(at + 1);
	at += HEAD_BYTES;
	if (out->count == 0 || out->count > HF_ITEM_MAX_HASHES ||
	    name_len_bytes > HF_ITEM_NAME_MAX_BYTES)
		return corrupt(why);
	for (size_t i = 0; i < out->count; i++) {
		if (!take_digest(&at, end, &frames, &out->digests[i]))
			return corrupt(why);
	}
	if ((size_t)(end - at) < name_len_bytes)
		return corrupt(why);
	out->name = hf_span(at, name_len_bytes);
	at += name_len_bytes;
	*rest = hf_span(at, (size_t)(end - at));
	return HF_OK;
}

/* Bytes of what is compared: of a video, one frame. */
static size_t one_of(const struct hf_retro_digest *digest)
{
	return digest->algorithm == HF_ALGORITHM_VPDQ ? HF_PDQ_BYTES
						      : digest->len_bytes;
}

bool hf_retro_item_passes(const struct hf_retro_item *item,
			  const struct hf_match_sieve *sieve)
{
	for (size_t i = 0; i < item->count; i++) {
		const struct hf_retro_digest *digest = &item->digests[i];
		size_t one = one_of(digest);

		for (size_t at = 0; at < digest->len_bytes; at += one) {
			if (hf_match_sieve_has(sieve, digest->algorithm,
					       digest->at + at))
				return true;
		}
	}
	return false;
}

/* Bytes of it that stay. */
static size_t left_of(const struct hf_retro_digest *digest,
		      const struct hf_retro_gone *gone)
{
	size_t one = one_of(digest), left = 0;

	for (size_t at = 0; at < digest->len_bytes; at += one) {
		if (!hf_retro_gone_has(gone, hf_span(digest->at + at, one)))
			left += one;
	}
	return left;
}

static void put_left(struct hf_buf *buf, const struct hf_retro_digest *digest,
		     size_t left_bytes, const struct hf_retro_gone *gone)
{
	size_t one = one_of(digest);

	put_digest_head(buf, digest, left_bytes);
	for (size_t at = 0; at < digest->len_bytes; at += one) {
		struct hf_span bytes = hf_span(digest->at + at, one);

		if (!hf_retro_gone_has(gone, bytes))
			hf_buf_put(buf, bytes);
	}
}

enum hf_retro_left hf_retro_item_put_without(struct hf_buf *buf,
					     const struct hf_retro_item *item,
					     const struct hf_retro_gone *gone)
{
	size_t left_bytes[HF_ITEM_MAX_HASHES], count = 0;
	bool is_whole = true;

	for (size_t i = 0; i < item->count; i++) {
		left_bytes[i] = left_of(&item->digests[i], gone);
		is_whole &= left_bytes[i] == item->digests[i].len_bytes;
		count += left_bytes[i] > 0;
	}
	if (is_whole) {
		hf_retro_item_put(buf, item);
		return HF_RETRO_ALL_LEFT;
	}
	if (count == 0)
		return HF_RETRO_NONE_LEFT;
	put_head(buf, count, item->name);
	for (size_t i = 0; i < item->count; i++) {
		if (left_bytes[i] > 0)
			put_left(buf, &item->digests[i], left_bytes[i], gone);
	}
	hf_buf_put(buf, item->name);
	return HF_RETRO_SOME_LEFT;
}

/*
 * A request has its digests by algorithm: sorted by item here, by counting.
 */

struct sorting {
	const struct hf_wire_match_request *request;
	const bool *left_out;
	uint32_t *first; /* of each item in digests; one more at the end */
	uint32_t items;
	struct hf_retro_digest *digests;
};

static uint32_t item_of(const struct hf_digest_batch *batch, size_t i)
{
	return batch->items_count > 0 ? batch->items[i] : (uint32_t)i;
}

static void each_digest(const struct sorting *sorting,
			void (*visit)(const struct sorting *sorting,
				      uint32_t item,
				      const struct hf_retro_digest *digest))
{
	for (size_t i = 0; i < sorting->request->batches_count; i++) {
		const struct hf_digest_batch *batch =
			&sorting->request->batches[i];
		size_t at = 0;
		size_t count = hf_digest_batch_count(batch);

		for (size_t j = 0; j < count; j++) {
			struct hf_span bytes =
				hf_digest_batch_next(batch, j, &at);
			const struct hf_retro_digest digest = {
				.algorithm = (uint8_t)batch->algorithm,
				.quality = batch->qualities.len_bytes > 0
						   ? batch->qualities.at[j]
						   : HF_QUALITY_NONE,
				.at = bytes.at,
				.len_bytes = bytes.len_bytes,
			};

			visit(sorting, item_of(batch, j), &digest);
		}
	}
}

static void count_one(const struct sorting *sorting, uint32_t item,
		      const struct hf_retro_digest *digest)
{
	sorting->first[item + 1]++;
}

/* first[] moves along to where the next item begins. */
static void place_one(const struct sorting *sorting, uint32_t item,
		      const struct hf_retro_digest *digest)
{
	sorting->digests[sorting->first[item]++] = *digest;
}

static struct hf_span name_of(const struct hf_wire_match_request *request,
			      uint32_t item)
{
	if (request->forgets_names || item >= request->names_count)
		return hf_span(NULL, 0);
	return hf_span_of(request->names[item]);
}

/* As many of an item's digests as are kept. */
static void choose(const struct hf_retro_digest *digests, size_t count,
		   struct hf_retro_item *out)
{
	size_t frames = 0;

	out->count = 0;
	for (size_t i = 0; i < count && out->count < HF_ITEM_MAX_HASHES; i++) {
		size_t more = digests[i].algorithm == HF_ALGORITHM_VPDQ
				      ? digests[i].len_bytes / HF_PDQ_BYTES
				      : 0;

		if (frames + more > HF_VPDQ_MAX_FRAMES)
			continue;
		frames += more;
		out->digests[out->count++] = digests[i];
	}
}

static void put_sorted(struct hf_buf *buf, const struct sorting *sorting,
		       size_t *out_count)
{
	struct hf_retro_item item;
	uint32_t begin = 0;

	for (uint32_t i = 0; i < sorting->items; i++) {
		uint32_t end = sorting->first[i];

		choose(sorting->digests + begin, end - begin, &item);
		if (item.count > 0 &&
		    (sorting->left_out == NULL || !sorting->left_out[i])) {
			item.name = name_of(sorting->request, i);
			hf_retro_item_put(buf, &item);
			(*out_count)++;
		}
		begin = end;
	}
}

enum hf_err hf_retro_items_put(struct hf_buf *buf,
			       const struct hf_wire_match_request *request,
			       const bool *left_out, size_t *out_count,
			       struct hf_why *why)
{
	struct sorting sorting = { .request = request, .left_out = left_out };
	size_t digests = 0;

	*out_count = 0;
	for (size_t i = 0; i < request->batches_count; i++) {
		const struct hf_digest_batch *batch = &request->batches[i];
		size_t count = hf_digest_batch_count(batch);

		digests += count;
		for (size_t j = 0; j < count; j++) {
			if (item_of(batch, j) >= sorting.items)
				sorting.items = item_of(batch, j) + 1;
		}
	}
	sorting.first =
		calloc((size_t)sorting.items + 1, sizeof(*sorting.first));
	sorting.digests = calloc(digests + 1, sizeof(*sorting.digests));
	if (sorting.first != NULL && sorting.digests != NULL) {
		each_digest(&sorting, count_one);
		for (uint32_t i = 0; i < sorting.items; i++)
			sorting.first[i + 1] += sorting.first[i];
		each_digest(&sorting, place_one);
		put_sorted(buf, &sorting, out_count);
	}
	if (sorting.first == NULL || sorting.digests == NULL ||
	    hf_buf_failed(buf) != HF_OK) {
		free(sorting.first);
		free(sorting.digests);
		return hf_why(why, HF_E_NOMEM, "retro: no memory");
	}
	free(sorting.first);
	free(sorting.digests);
	return HF_OK;
}
