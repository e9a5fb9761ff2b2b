/*
 * Videos made, or listed, so that looking them up costs as much as it can.
 */
#include "video_lists.h"

/* Sixteen bits away on either side, never the same ones: none is near one of
 * the other side, and most have bands that are. */
static void flip_sixteen(uint8_t *frame, unsigned side)
{
	uint8_t flipped[FRAME] = { 0 };

	for (unsigned done = 0; done < 16;) {
		size_t at = random64() % FRAME;
		unsigned bit = 1u << (2 * (random64() % 4) + side);

		done += (flipped[at] & bit) == 0;
		flipped[at] |= (uint8_t)bit;
	}
	for (size_t i = 0; i < FRAME; i++)
		frame[i] ^= flipped[i];
}

enum { CROWD_LISTS = 36, CROWD_FRAMES = 1000 };

static void list_crowd(struct hf_index *index, const uint8_t *base)
{
	for (uint64_t i = 0; i < CROWD_LISTS; i++) {
		struct list *list = begin_list(1, i, 0, CROWD_FRAMES);

		for (size_t f = 0; f < CROWD_FRAMES; f++) {
			memcpy(list->frames + f * FRAME, base, FRAME);
			flip_sixteen(list->frames + f * FRAME, 0);
		}
		add_list(index, list);
	}
}

/* The longest video there is, a fifth of it made so that each frame would be
 * compared with all that are listed, most of them more than once: it gets its
 * share of time, what is rare is found, and what is not known is said to be
 * unsure. */
static void a_costly_video_is_cut_and_never_passed(void **state)
{
	static const struct {
		size_t others; /* the rest is of the crowd */
		bool is_listed;
		unsigned looked_up_min;
		bool is_unsure;
	} rows[] = {
		{ 1440, true, 80, false }, /* for sure */
		{ 1439, true, 80, true },  /* if the crowd were its */
		{ 1439, false, 20, true }, /* nothing was found out at all */
	};
	static uint8_t frames[HF_VPDQ_MAX_FRAMES * FRAME];
	struct hf_index_video video = { .frames = frames,
					.frames_count = HF_VPDQ_MAX_FRAMES,
					.distance = 31 };
	struct place *place = *state;
	struct hf_why why = { "" };
	struct hf_index_video_hit first;
	struct list *own;
	uint8_t base[FRAME];

	open_index(place);
	random_bytes(base, FRAME);
	list_crowd(place->index, base);
	own = begin_list(2, 7, 0, 1440);
	add_list(place->index, own);
	assert_ok(hf_index_compact(place->index, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t matched = rows[i].is_listed ? rows[i].others : 0;

		video.looked_up_min = rows[i].looked_up_min;
		for (size_t f = 0; f < HF_VPDQ_MAX_FRAMES; f++) {
			uint8_t *frame = frames + f * FRAME;

			if (f >= rows[i].others) {
				memcpy(frame, base, FRAME);
				flip_sixteen(frame, 1);
			} else if (rows[i].is_listed) {
				memcpy(frame, own->frames + f * FRAME, FRAME);
			} else {
				random_bytes(frame, FRAME);
			}
		}
		for (int again = 0; again < (i == 1 ? 2 : 1); again++) {
			look_up(place->index, &video);
			assert_int_equal(hits_count, 1);
			assert_int_equal(hits[0].is_unsure, rows[i].is_unsure);
			assert_int_equal(mores, rows[i].is_unsure);
			assert_int_equal(hits[0].looked_up_matched, matched);
			assert_int_equal(hits[0].set, matched > 0 ? 2 : 1);
			/* By counts, not by clocks. */
			if (again == 0)
				first = hits[0];
			assert_memory_equal(&first, &hits[0], sizeof(first));
		}
	}
	/* What acts on what it finds asks for no guesses. */
	video.is_complete = true;
	look_up(place->index, &video);
	assert_int_equal(hits_count, 0);
}

/* All frames of the query are near all of a crowd that is too large to be gone
 * through for each. */
static void a_video_of_crowded_frames_is_not_silent(void **state)
{
	enum { LONG = 400 };
	static uint8_t frames[LONG * FRAME];
	struct hf_index_video video = { .frames = frames,
					.frames_count = LONG,
					.distance = 31,
					.looked_up_min = 80 };
	struct place *place = *state;
	struct hf_why why = { "" };
	struct list *own;

	open_index(place);
	share_a_frame(place->index, 12);
	own = begin_list(2, 7, 0, LONG);
	for (size_t f = 0; f < LONG; f++) {
		memcpy(own->frames + f * FRAME, lists[0].frames, FRAME);
		flip(own->frames + f * FRAME, 2);
	}
	add_list(place->index, own);
	memcpy(frames, own->frames, sizeof(frames));
	for (int round = 0; round < 2; round++) {
		look_up(place->index, &video);
		assert_in_range(hits_count, 1, HF_INDEX_HITS_MAX);
		assert_int_equal(mores, 1);
		assert_ok(hf_index_compact(place->index, &why), &why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTED(a_costly_video_is_cut_and_never_passed),
		LISTED(a_video_of_crowded_frames_is_not_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
