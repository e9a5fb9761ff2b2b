/*
 * video_lists.h -- lists of frames as entries have them, in an index and in
 * memory beside it.
 *
 * Units, Owns, Threads, Errors  of one test program.
 * Source   none.
 */
#ifndef HF_VIDEO_LISTS_H
#define HF_VIDEO_LISTS_H

#include "match_model.h"

#define FRAME HF_PDQ_BYTES

struct list {
	uint32_t set;
	uint64_t entry;
	uint8_t number; /* in the entry */
	uint8_t class;
	bool is_gone, is_demoted;
	size_t frames_count; /* as said, repeated ones included */
	uint8_t *frames;     /* in the pool */
	size_t distinct;
	uint8_t *distincts; /* likewise */
};

#define LISTS_MAX 24000
#define POOL_MAX  ((size_t)96 * 1024 * 1024)

static struct list lists[LISTS_MAX];
static size_t lists_count;
static uint8_t *pool;
static size_t pool_used;

static struct hf_index_video_hit hits[2 * HF_INDEX_HITS_MAX];
static size_t hits_count, mores;

static inline void on_video(void *arg, const struct hf_index_video_hit *hit)
{
	assert_true(hits_count < ROWS(hits));
	hits[hits_count++] = *hit;
}

static inline void on_video_more(void *arg)
{
	mores++;
}

static const struct hf_index_video_sink videos = { on_video, on_video_more,
						   NULL };

static inline int begin_lists(void **state)
{
	lists_count = 0;
	pool_used = 0;
	if (pool == NULL)
		pool = malloc(POOL_MAX);
	return pool == NULL ? -1 : begin_place(state);
}

#define LISTED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, begin_lists, end_place)

static inline uint8_t *take(size_t frames)
{
	uint8_t *at = pool + pool_used;

	pool_used += frames * FRAME;
	assert_true(pool_used <= POOL_MAX);
	return at;
}

static inline struct list *begin_list(uint32_t set, uint64_t entry,
				      uint8_t number, size_t frames)
{
	struct list *list = &lists[lists_count++];

	assert_true(lists_count <= LISTS_MAX);
	*list = (struct list){
		.set = set,
		.entry = entry,
		.number = number,
		.class = HF_CLASS_CSAM,
		.frames_count = frames,
		.frames = take(frames),
		.distincts = take(frames),
	};
	random_bytes(list->frames, frames * FRAME);
	return list;
}

static inline void flip(uint8_t *frame, unsigned bits)
{
	for (; bits > 0; bits--)
		frame[random64() % FRAME] ^= (uint8_t)(1u << random64() % 8);
}

static inline void add_list(struct hf_index *index, struct list *list)
{
	static struct hf_index_hash hashes[HF_VPDQ_MAX_FRAMES];
	struct hf_why why = { "" };

	list->distinct = hf_index_frames_distinct(
		list->frames, list->frames_count, list->distincts);
	for (size_t i = 0; i < list->distinct; i++)
		hashes[i] = (struct hf_index_hash){
			.set = list->set,
			.entry = list->entry,
			.algorithm = HF_ALGORITHM_VPDQ,
			.content_class = list->class,
			.quality = list->number,
			.digest = list->distincts + i * FRAME,
			.frames_count = (uint16_t)list->distinct,
		};
	assert_ok(hf_index_add(index, hashes, list->distinct, &why), &why);
}

static inline int compare_hits(const void *one, const void *other)
{
	const struct hf_index_video_hit *a = one, *b = other;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	return (int)a->list - (int)b->list;
}

static inline void look_up(struct hf_index *index,
			   const struct hf_index_video *video)
{
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };

	hits_count = mores = 0;
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_video(view, video, &videos, &why), &why);
	hf_index_view_end(view);
	qsort(hits, hits_count, sizeof(hits[0]), compare_hits);
}

/* A screen of one colour at the beginning of every video there is. */
enum { SHARING = 20000, OWN = 4 };

static inline void share_a_frame(struct hf_index *index, unsigned altered)
{
	uint8_t black[FRAME];

	random_bytes(black, FRAME);
	for (uint64_t i = 0; i < SHARING; i++) {
		struct list *list = begin_list(1, i, 0, OWN + 1);

		memcpy(list->frames, black, FRAME);
		flip(list->frames, altered);
		add_list(index, list);
	}
}

#endif /* HF_VIDEO_LISTS_H */
