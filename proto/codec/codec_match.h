/*
 * codec_match.h -- the messages of those who look hashes up.
 *
 * Their structs are called wire_: the names hf_match_… are those of the
 * module that does the matching.
 *
 * Units    distances are bits; indexes count entries.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/match.proto.
 */
#ifndef HF_CODEC_MATCH_H
#define HF_CODEC_MATCH_H

#include "codec.h"
#include "codec_item.h"

/* Whole digests of a known algorithm, as many qualities as digests or none,
 * each at most 100, as many item numbers as digests or none: checked.  Of VPDQ
 * a digest is a video's frames: 1 to HF_VPDQ_MAX_FRAMES of them. */
struct hf_digest_batch {
	enum hf_algorithm algorithm;
	struct hf_span digests;
	struct hf_span qualities;
	const uint32_t *items; /* below HF_MATCH_BATCH_MAX */
	size_t items_count;
	const uint32_t *frames; /* VPDQ: of each digest */
	size_t frames_count;
};

/* At most HF_MATCH_BATCH_MAX digests in all, frames counted each. */
struct hf_wire_match_request {
	const struct hf_digest_batch *batches; /* HF_MATCH_BATCHES_MAX */
	size_t batches_count;
	/* By item; at most HF_ITEM_NAME_MAX_BYTES each, "" for none. */
	const char *const *names;
	size_t names_count; /* at most HF_MATCH_BATCH_MAX */
	bool is_question;
	bool forgets_names;
};

struct hf_wire_match_hit {
	uint32_t item;
	enum hf_algorithm algorithm;
	uint32_t distance;
	const char *origin;
	uint64_t index;
	enum hf_verdict verdict;
	const char *rule;
	enum hf_class content_class;
	const struct hf_label *labels;
	size_t labels_count;
	enum hf_freshness freshness;
	struct hf_span digest; /* none of VPDQ */
	uint32_t looked_up_percent;
	uint32_t listed_percent;
};

/* Of two hits of one entry, whether a is the better reason: the more severe,
 * the closer, one file twice before two alike, the longer digest. */
bool hf_wire_match_hit_is_stronger(const struct hf_wire_match_hit *a,
				   const struct hf_wire_match_hit *b);

struct hf_wire_match_response {
	const struct hf_wire_match_hit *hits; /* HF_MATCH_HITS_MAX */
	size_t hits_count;
	bool more;
	uint32_t items;
	bool is_migrating;
};

struct hf_wire_match_stream_request {
	const struct hf_wire_match_request *batch; /* required */
};

struct hf_wire_match_stream_response {
	const struct hf_wire_match_response *batch; /* required */
};

struct hf_set_position {
	const char *origin;
	uint64_t position;
};

struct hf_get_news_request {
	const struct hf_set_position *since; /* HF_TAIL_SETS_MAX */
	size_t since_count;
	uint64_t entries_most;
	uint64_t frames_most;
};

/* Of digests the first so many bytes. */
#define HF_NEWS_EXACT_BYTES 8
#define HF_NEWS_NEAR_BYTES  16

struct hf_get_news_response {
	const struct hf_set_position *until; /* HF_TAIL_SETS_MAX */
	size_t until_count;
	uint64_t entries;
	bool is_cut;
	uint32_t near_plus_one; /* at most 257 */
	uint64_t policy;
	struct hf_span exact, near, frames; /* whole ones */
	uint32_t frame_near_plus_one;       /* at most 257 */
	uint32_t looked_up_percent_least;   /* at most 100 */
	bool are_frames_cut;
};

HF_CODEC_MESSAGE(set_position);
HF_CODEC_MESSAGE(get_news_request);
HF_CODEC_MESSAGE(get_news_response);
HF_CODEC_MESSAGE(digest_batch);
HF_CODEC_MESSAGE(wire_match_request);
HF_CODEC_MESSAGE(wire_match_hit);
HF_CODEC_MESSAGE(wire_match_response);
HF_CODEC_MESSAGE(wire_match_stream_request);
HF_CODEC_MESSAGE(wire_match_stream_response);

/* Digests in a batch; 0 for an unknown algorithm. */
size_t hf_digest_batch_count(const struct hf_digest_batch *batch);

/* The digest at *at_bytes, number of which is number; *at_bytes moves on. */
struct hf_span hf_digest_batch_next(const struct hf_digest_batch *batch,
				    size_t number, size_t *at_bytes);

#endif /* HF_CODEC_MATCH_H */
