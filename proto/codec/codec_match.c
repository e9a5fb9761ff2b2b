#include "hashfed/v1/match.pb-c.h"

#include "codec_match.h"
#include "codec_shape.h"

size_t hf_digest_batch_count(const struct hf_digest_batch *batch)
{
	size_t one = hf_algorithm_bytes(batch->algorithm);

	if (batch->algorithm == HF_ALGORITHM_VPDQ)
		return batch->frames_count;
	return one > 0 ? batch->digests.len_bytes / one : 0;
}

struct hf_span hf_digest_batch_next(const struct hf_digest_batch *batch,
				    size_t number, size_t *at_bytes)
{
	size_t len_bytes = batch->algorithm == HF_ALGORITHM_VPDQ
				   ? batch->frames[number] * HF_PDQ_BYTES
				   : hf_algorithm_bytes(batch->algorithm);
	struct hf_span digest =
		hf_span(batch->digests.at + *at_bytes, len_bytes);

	*at_bytes += len_bytes;
	return digest;
}

bool hf_wire_match_hit_is_stronger(const struct hf_wire_match_hit *a,
				   const struct hf_wire_match_hit *b)
{
	if (a->verdict != b->verdict)
		return a->verdict > b->verdict;
	if (a->distance != b->distance)
		return a->distance < b->distance;
	if (hf_algorithm_is_near(a->algorithm) !=
	    hf_algorithm_is_near(b->algorithm))
		return !hf_algorithm_is_near(a->algorithm);
	return a->digest.len_bytes > b->digest.len_bytes;
}

static enum hf_err check_videos(const struct hf_digest_batch *batch,
				struct hf_why *why)
{
	size_t sum = 0;

	for (size_t i = 0; i < batch->frames_count; i++)
		sum += batch->frames[i];
	if (batch->digests.len_bytes != sum * HF_PDQ_BYTES)
		return hf_why(why, HF_E_ARGUMENT,
			      "digests: %zu bytes, must be %zu, %d for each "
			      "frame",
			      batch->digests.len_bytes, sum * HF_PDQ_BYTES,
			      HF_PDQ_BYTES);
	if (batch->qualities.len_bytes != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "qualities: frames of videos have none here");
	for (size_t i = 0; i < batch->frames_count; i++) {
		if (batch->frames[i] == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "frames[%zu]: a video without any", i);
	}
	return HF_OK;
}

static enum hf_err check_fixed(const struct hf_digest_batch *batch,
			       struct hf_why *why)
{
	size_t one = hf_algorithm_bytes(batch->algorithm);

	if (one == 0)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "algorithm: %u (%s) is none to look up by",
			      (unsigned)batch->algorithm,
			      hf_algorithm_word(batch->algorithm));
	if (batch->frames_count > 0)
		return hf_why(why, HF_E_ARGUMENT, "frames: %s has none",
			      hf_algorithm_word(batch->algorithm));
	if (batch->digests.len_bytes % one != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "digests: %zu bytes, must be a multiple of %zu",
			      batch->digests.len_bytes, one);
	return HF_OK;
}

static enum hf_err check_batch(const void *ours, struct hf_why *why)
{
	const struct hf_digest_batch *batch = ours;
	size_t count = hf_digest_batch_count(batch);
	enum hf_err err;

	if (batch->algorithm == 0)
		return hf_why(why, HF_E_ARGUMENT, "algorithm: missing");
	err = batch->algorithm == HF_ALGORITHM_VPDQ ? check_videos(batch, why)
						    : check_fixed(batch, why);
	if (err != HF_OK)
		return err;
	if (batch->qualities.len_bytes != 0 &&
	    batch->qualities.len_bytes != count)
		return hf_why(why, HF_E_ARGUMENT,
			      "qualities: %zu of them for %zu digests",
			      batch->qualities.len_bytes, count);
	for (size_t i = 0; i < batch->qualities.len_bytes; i++) {
		if (batch->qualities.at[i] > HF_QUALITY_MAX)
			return hf_why(why, HF_E_LIMIT,
				      "qualities[%zu]: %u, must be at most %d",
				      i, batch->qualities.at[i],
				      HF_QUALITY_MAX);
	}
	if (batch->items_count != 0 && batch->items_count != count)
		return hf_why(why, HF_E_ARGUMENT,
			      "items: %zu of them for %zu digests",
			      batch->items_count, count);
	return HF_OK;
}

static enum hf_err check_total(const void *ours, struct hf_why *why)
{
	const struct hf_wire_match_request *request = ours;
	size_t total = 0;

	for (size_t i = 0; i < request->batches_count; i++)
		total += request->batches[i].algorithm == HF_ALGORITHM_VPDQ
				 ? request->batches[i].digests.len_bytes /
					   HF_PDQ_BYTES
				 : hf_digest_batch_count(&request->batches[i]);
	if (total > HF_MATCH_BATCH_MAX)
		return hf_why(why, HF_E_LIMIT, "%zu digests in all, at most %d",
			      total, HF_MATCH_BATCH_MAX);
	return HF_OK;
}

/* clang-format off */
HF_SHAPE(digest_batch, Hashfed__V1__DigestBatch, hashfed__v1__digest_batch,
	 HF_MESSAGE_MAX_BYTES, check_batch,
	HF_ENUM(algorithm, hf_algorithm),
	HF_BYTES(digests, 0, HF_MATCH_BATCH_MAX * HF_DIGEST_MAX_BYTES),
	HF_BYTES(qualities, 0, HF_MATCH_BATCH_MAX),
	HF_U32S(items, HF_MATCH_BATCH_MAX - 1, HF_MATCH_BATCH_MAX),
	HF_U32S(frames, HF_VPDQ_MAX_FRAMES, HF_MATCH_BATCH_MAX))

HF_SHAPE(wire_match_request, Hashfed__V1__MatchRequest,
	 hashfed__v1__match_request, HF_MESSAGE_MAX_BYTES, check_total,
	HF_MANY(batches, digest_batch, HF_MATCH_BATCHES_MAX),
	HF_TEXTS(names, 0, HF_ITEM_NAME_MAX_BYTES, HF_MATCH_BATCH_MAX),
	HF_FLAG(is_question), HF_FLAG(forgets_names))

HF_SHAPE(wire_match_hit, Hashfed__V1__MatchHit, hashfed__v1__match_hit,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_U32(item, UINT32_MAX),
	HF_ENUM(algorithm, hf_algorithm),
	HF_U32(distance, UINT32_MAX),
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index),
	HF_ENUM(verdict, hf_verdict),
	HF_TEXT(rule, 0, HF_SENTENCE_MAX_BYTES),
	HF_ENUM(content_class, hf_class),
	HF_MANY(labels, label, HF_ITEM_MAX_LABELS),
	HF_ENUM(freshness, hf_freshness),
	HF_BYTES(digest, 0, HF_DIGEST_MAX_BYTES),
	HF_U32(looked_up_percent, 100),
	HF_U32(listed_percent, 100))

HF_SHAPE(wire_match_response, Hashfed__V1__MatchResponse,
	 hashfed__v1__match_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(hits, wire_match_hit, HF_MATCH_HITS_MAX),
	HF_FLAG(more),
	HF_U32(items, UINT32_MAX),
	HF_FLAG(is_migrating))

HF_SHAPE(wire_match_stream_request, Hashfed__V1__MatchStreamRequest,
	 hashfed__v1__match_stream_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(batch, wire_match_request, 1))

HF_SHAPE(wire_match_stream_response, Hashfed__V1__MatchStreamResponse,
	 hashfed__v1__match_stream_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(batch, wire_match_response, 1))

HF_SHAPE(set_position, Hashfed__V1__SetPosition, hashfed__v1__set_position,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(position))

HF_SHAPE(get_news_request, Hashfed__V1__GetNewsRequest,
	 hashfed__v1__get_news_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(since, set_position, HF_TAIL_SETS_MAX),
	HF_U64(entries_most),
	HF_U64(frames_most))

HF_SHAPE(get_news_response, Hashfed__V1__GetNewsResponse,
	 hashfed__v1__get_news_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(until, set_position, HF_TAIL_SETS_MAX),
	HF_U64(entries),
	HF_FLAG(is_cut),
	HF_U32(near_plus_one, 8 * HF_PDQ_BYTES + 1),
	HF_U64(policy),
	HF_PIECES(exact, HF_NEWS_EXACT_BYTES,
		  HF_MESSAGE_MAX_BYTES / HF_NEWS_EXACT_BYTES),
	HF_PIECES(near, HF_NEWS_NEAR_BYTES,
		  HF_MESSAGE_MAX_BYTES / HF_NEWS_NEAR_BYTES),
	HF_U32(frame_near_plus_one, 8 * HF_PDQ_BYTES + 1),
	HF_U32(looked_up_percent_least, 100),
	HF_PIECES(frames, HF_NEWS_NEAR_BYTES,
		  HF_MESSAGE_MAX_BYTES / HF_NEWS_NEAR_BYTES),
	HF_FLAG(are_frames_cut))
/* clang-format on */
