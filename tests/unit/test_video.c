/*
 * Videos in the match index, against every list compared with every frame.
 */
#include "video_lists.h"

static struct hf_index_video_hit wants[LISTS_MAX];
static size_t wants_count;

/* As distance_of(), in words: there are very many to compare. */
static unsigned distance_between(const uint8_t *a, const uint8_t *b)
{
	unsigned distance = 0;

	for (int i = 0; i < FRAME; i += 8) {
		uint64_t x, y;

		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		distance += (unsigned)__builtin_popcountll(x ^ y);
	}
	return distance;
}

static size_t near_in(const uint8_t *frame, const uint8_t *frames, size_t count,
		      unsigned distance)
{
	for (size_t i = 0; i < count; i++) {
		if (distance_between(frame, frames + i * FRAME) <= distance)
			return 1;
	}
	return 0;
}

/* The definition: share of the distinct frames on each side that have one
 * within the distance on the other. */
static void work_out(const struct hf_index_video *video)
{
	uint8_t *asked = test_malloc(video->frames_count * FRAME);
	size_t n = hf_index_frames_distinct(video->frames, video->frames_count,
					    asked);

	wants_count = 0;
	for (size_t l = 0; l < lists_count; l++) {
		const struct list *list = &lists[l];
		struct hf_index_video_hit shared = {
			.set = list->set,
			.entry = list->entry,
			.list = list->number,
			.content_class = list->class,
			.is_demoted = list->is_demoted,
			.looked_up_frames = (uint16_t)n,
			.listed_frames = (uint16_t)list->distinct,
		};

		if (list->is_gone)
			continue;
		for (size_t i = 0; i < list->distinct; i++)
			shared.listed_matched +=
				(uint16_t)near_in(list->distincts + i * FRAME,
						  asked, n, video->distance);
		if (shared.listed_matched == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			shared.looked_up_matched += (uint16_t)near_in(
				asked + i * FRAME, list->distincts,
				list->distinct, video->distance);
		/* With numbers that need no rounding. */
		if (100 * shared.looked_up_matched >=
			    video->looked_up_min * n &&
		    100u * shared.listed_matched >=
			    video->listed_min * shared.listed_frames)
			wants[wants_count++] = shared;
	}
	test_free(asked);
}

static void compare_with_wants(const char *what)
{
	qsort(wants, wants_count, sizeof(wants[0]), compare_hits);
	if (hits_count != wants_count)
		fail_msg("%s: %zu lists, not %zu", what, hits_count,
			 wants_count);
	for (size_t i = 0; i < hits_count; i++) {
		const struct hf_index_video_hit *g = &hits[i], *w = &wants[i];

		if (compare_hits(g, w) != 0 ||
		    g->looked_up_frames != w->looked_up_frames ||
		    g->looked_up_matched != w->looked_up_matched ||
		    g->listed_frames != w->listed_frames ||
		    g->listed_matched != w->listed_matched ||
		    g->content_class != w->content_class ||
		    g->is_demoted != w->is_demoted)
			fail_msg("%s: %u/%lu list %u has %u of %u and %u of "
				 "%u, not %u of %u and %u of %u",
				 what, g->set, (unsigned long)g->entry, g->list,
				 g->looked_up_matched, g->looked_up_frames,
				 g->listed_matched, g->listed_frames,
				 w->looked_up_matched, w->looked_up_frames,
				 w->listed_matched, w->listed_frames);
	}
}

static void check_video(struct hf_index *index,
			const struct hf_index_video *video, const char *what)
{
	look_up(index, video);
	work_out(video);
	compare_with_wants(what);
	assert_int_equal(mores, 0);
}

/* Some frames of some lists, a little altered, and some of nobody. */
static struct hf_index_video make_query(size_t most, uint8_t *frames)
{
	static const uint8_t distances[] = { 0, 15, 31, 31, 31, 47, 60 };
	static const uint8_t percents[] = { 0, 0, 1, 33, 50, 80, 100 };
	const struct list *first = &lists[random64() % lists_count];
	struct hf_index_video video = {
		.frames = frames,
		.frames_count = 1 + random64() % most,
		.distance = distances[random64() % ROWS(distances)],
		.looked_up_min = percents[random64() % ROWS(percents)],
		.listed_min = percents[random64() % ROWS(percents)],
	};

	for (size_t i = 0; i < video.frames_count; i++) {
		const struct list *list =
			random64() % 4 > 0 ? first
					   : &lists[random64() % lists_count];

		memcpy(frames + i * FRAME,
		       list->frames + random64() % list->frames_count * FRAME,
		       FRAME);
		if (random64() % 8 == 0)
			random_bytes(frames + i * FRAME, FRAME);
		else
			flip(frames + i * FRAME, (unsigned)(random64() % 36));
	}
	return video;
}

static void check_queries(struct hf_index *index, size_t queries, size_t most,
			  const char *what)
{
	uint8_t *frames = test_malloc(most * FRAME);

	for (size_t i = 0; i < queries; i++) {
		struct hf_index_video video = make_query(most, frames);

		check_video(index, &video, what);
	}
	test_free(frames);
}

/* A list with frames of its own, repeated ones, and others' a little altered;
 * now and then of an entry that has one already. */
static struct list *make_list(size_t most)
{
	const struct list *last =
		lists_count > 0 ? &lists[lists_count - 1] : NULL;
	bool is_another = last != NULL && random64() % 4 == 0;
	struct list *list = begin_list(
		is_another ? last->set : 1 + (uint32_t)(random64() % 3),
		is_another ? last->entry : lists_count,
		is_another ? (uint8_t)(last->number + 1) : 0,
		1 + random64() % most);

	for (size_t i = 0; i < list->frames_count; i++) {
		const struct list *from = &lists[random64() % lists_count];

		if (random64() % 3 > 0)
			continue;
		memcpy(list->frames + i * FRAME,
		       from->frames + random64() % from->frames_count * FRAME,
		       FRAME);
		if (random64() % 2 == 0)
			flip(list->frames + i * FRAME,
			     (unsigned)(random64() % 20));
	}
	return list;
}

static void lists_are_found_at_once_and_after_sealing(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	for (unsigned i = 0; i < less(200); i++) {
		add_list(place->index, make_list(24));
		check_queries(place->index, 2, 30, "mutable");
	}
	assert_ok(hf_index_sync(place->index, &why), &why);
	check_queries(place->index, less(400), 30, "sealed");
	for (unsigned i = 0; i < less(50); i++)
		add_list(place->index, make_list(24));
	check_queries(place->index, less(400), 30, "some sealed");
	reopen_index(place);
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_queries(place->index, less(400), 30, "compacted");
}

static void what_was_removed_demoted_or_dropped_shows(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	for (unsigned i = 0; i < 150; i++)
		add_list(place->index, make_list(16));
	assert_ok(hf_index_sync(place->index, &why), &why);
	for (size_t l = 0; l < lists_count; l++) {
		struct list *list = &lists[l];

		list->is_gone = list->entry % 5 == 0;
		list->is_demoted = list->entry % 3 == 0;
		if (list->is_gone)
			assert_ok(hf_index_remove(place->index, list->set,
						  list->entry, &why),
				  &why);
		if (list->is_demoted)
			assert_ok(hf_index_demote(place->index, list->set,
						  list->entry, true, &why),
				  &why);
		if (list->entry % 7 != 0)
			continue;
		list->class = HF_CLASS_OTHER;
		assert_ok(hf_index_amend(place->index, list->set, list->entry,
					 HF_CLASS_OTHER, &why),
			  &why);
	}
	check_queries(place->index, 300, 20, "marked");
	/* Fed again, as after a crash. */
	for (size_t l = 0; l < lists_count; l++)
		add_list(place->index, &lists[l]);
	check_queries(place->index, 300, 20, "fed again");
	assert_ok(hf_index_drop_set(place->index, 2, &why), &why);
	for (size_t l = 0; l < lists_count; l++)
		lists[l].is_gone |= lists[l].set == 2;
	check_queries(place->index, 300, 20, "dropped");
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_queries(place->index, 300, 20, "compacted");
}

/* More frames than are compared one by one: the bands find them, in this
 * process and in one that maps the files. */
static void bands_find_what_comparing_finds(void **state)
{
	struct place *place = *state;
	struct hf_index *other = NULL;
	struct hf_index_stats stats;
	struct hf_why why = { "" };

	open_index(place);
	while (pool_used < (size_t)2 * 40000 * FRAME)
		add_list(place->index, make_list(300));
	assert_ok(hf_index_compact(place->index, &why), &why);
	hf_index_stats(place->index, &stats);
	assert_true(stats.hashes_count[HF_ALGORITHM_VPDQ] > 32768);
	assert_int_equal(stats.segments_count, 1);
	check_queries(place->index, less(48), 60, "bands");
	assert_ok(hf_index_open_readonly(place->dir, &other, &why), &why);
	check_queries(other, less(48), 60, "bands, mapped");
	hf_index_close(other);
}

static void distance_31_counts_and_32_does_not(void **state)
{
	struct place *place = *state;
	struct hf_index_video video = { .frames_count = 1, .distance = 31 };
	uint8_t frame[FRAME];
	struct list *list;

	open_index(place);
	list = begin_list(1, 1, 0, 1);
	add_list(place->index, list);
	for (unsigned bits = 31; bits <= 32; bits++) {
		memcpy(frame, list->frames, FRAME);
		for (unsigned b = 0; b < bits; b++)
			frame[b] ^= 1;
		video.frames = frame;
		check_video(place->index, &video, "edge");
		assert_int_equal(hits_count, bits == 31);
	}
}

/* Nine of ten frames of the video are in the list, and these are one of three
 * of the list's: each percentage says what its name says. */
static void the_two_percentages_are_not_swapped(void **state)
{
	struct hf_index_video video = { .frames_count = 10,
					.distance = 31,
					.looked_up_min = 90,
					.listed_min = 30 };
	struct place *place = *state;
	uint8_t frames[10 * FRAME];
	struct list *list;

	open_index(place);
	list = begin_list(1, 1, 0, 30);
	add_list(place->index, list);
	memcpy(frames, list->frames, 9 * FRAME);
	random_bytes(frames + 9 * FRAME, FRAME);
	video.frames = frames;
	check_video(place->index, &video, "asymmetric");
	assert_int_equal(hits_count, 1);
	assert_int_equal(hf_index_percent(hits[0].looked_up_matched,
					  hits[0].looked_up_frames),
			 90);
	assert_int_equal(
		hf_index_percent(hits[0].listed_matched, hits[0].listed_frames),
		30);
	video.looked_up_min = 30;
	video.listed_min = 90;
	check_video(place->index, &video, "the other way round");
	assert_int_equal(hits_count, 0);
}

static void check_sharing(struct hf_index *index)
{
	struct hf_why why = { "" };
	size_t right;

	for (int round = 0; round < 2; round++) {
		for (size_t l = 0; l < SHARING; l += SHARING / 5) {
			struct hf_index_video video = {
				.frames = lists[l].frames,
				.frames_count = OWN + 1,
				.distance = 31,
				.looked_up_min = 80,
				.listed_min = 0,
			};

			/* Most of it: exactly what comparing finds. */
			check_video(index, &video, "most of it");
			assert_int_equal(hits_count, 1);
			video.looked_up_min = 20;
			video.listed_min = 21;
			/* A fifth, and two of the list's: only the right one
			 * is sure.  As there are more lists with the shared
			 * frame than are counted, one is told as unsure. */
			look_up(index, &video);
			assert_int_equal(hits_count, 2);
			right = hits[0].is_unsure ? 1 : 0;
			assert_false(hits[right].is_unsure);
			assert_true(hits[1 - right].is_unsure);
			assert_int_equal(mores, 1);
			assert_int_equal(hits[right].entry, l);
			assert_int_equal(hits[right].looked_up_matched,
					 OWN + 1);
			assert_int_equal(hits[right].listed_matched, OWN + 1);
			/* A fifth of it is in every list: there are more than
			 * are told, this says so, and the right one is told. */
			video.listed_min = 0;
			look_up(index, &video);
			assert_int_equal(mores, 1);
			assert_int_equal(hits_count, HF_INDEX_HITS_MAX);
			assert_true(hits[0].entry == l ||
				    bsearch(
					    &(struct hf_index_video_hit){
						    .set = 1, .entry = l },
					    hits, hits_count, sizeof(hits[0]),
					    compare_hits) != NULL);
		}
		assert_ok(hf_index_compact(index, &why), &why);
	}
}

static void one_frame_in_every_list_hides_nothing(void **state)
{
	struct place *place = *state;

	open_index(place);
	share_a_frame(place->index, 0);
	check_sharing(place->index);
}

/* A little different in each, so that none is anybody else's and all are near
 * all. */
static void a_crowd_of_near_frames_hides_nothing(void **state)
{
	struct place *place = *state;

	open_index(place);
	share_a_frame(place->index, 12);
	check_sharing(place->index);
}

/* The query's share of pairs is full with one crowd; the second search must
 * find the frame of the crowd that the right list has. */
static void a_crowded_frame_still_counts(void **state)
{
	enum { LONG = 1000 };
	struct place *place = *state;
	struct hf_index_video video = { .frames_count = LONG,
					.distance = 31,
					.looked_up_min = 100 };
	struct hf_why why = { "" };
	uint8_t *black;
	struct list *list;

	open_index(place);
	list = begin_list(2, 7, 0, LONG);
	black = list->frames;
	for (uint64_t i = 0; i < 3000; i++) {
		struct list *noise = begin_list(1, i, 0, 1);

		memcpy(noise->frames, black, FRAME);
		flip(noise->frames, 12);
		add_list(place->index, noise);
	}
	add_list(place->index, list);
	video.frames = list->frames;
	for (int round = 0; round < 2; round++) {
		check_video(place->index, &video, "all of it");
		assert_int_equal(hits_count, 1);
		assert_ok(hf_index_compact(place->index, &why), &why);
	}
}

static void what_makes_no_sense_is_refused(void **state)
{
	static uint8_t frames[(HF_VPDQ_MAX_FRAMES + 1) * FRAME];
	struct hf_index_video right = { .frames = frames,
					.frames_count = HF_VPDQ_MAX_FRAMES,
					.distance = HF_PDQ_DISTANCE_MAX,
					.looked_up_min = 100,
					.listed_min = 100 };
	struct hf_index_video wrong[5];
	struct place *place = *state;
	struct hf_index_hash hash = { 1, 1,    HF_ALGORITHM_VPDQ, 1, 0, frames,
				      0, false };
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };

	open_index(place);
	assert_int_equal(hf_index_add(place->index, &hash, 1, &why),
			 HF_E_ARGUMENT);
	hash.frames_count = HF_VPDQ_MAX_FRAMES + 1;
	assert_int_equal(hf_index_add(place->index, &hash, 1, &why),
			 HF_E_ARGUMENT);
	hash.algorithm = HF_ALGORITHM_PDQ;
	hash.frames_count = 1;
	assert_int_equal(hf_index_add(place->index, &hash, 1, &why),
			 HF_E_ARGUMENT);
	for (size_t i = 0; i < ROWS(wrong); i++)
		wrong[i] = right;
	wrong[0].frames_count = 0;
	wrong[1].frames_count++;
	wrong[2].distance++;
	wrong[3].looked_up_min++;
	wrong[4].listed_min++;
	assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
	assert_ok(hf_index_lookup_video(view, &right, &videos, &why), &why);
	for (size_t i = 0; i < ROWS(wrong); i++)
		assert_int_equal(
			hf_index_lookup_video(view, &wrong[i], &videos, &why),
			HF_E_ARGUMENT);
	hf_index_view_end(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTED(lists_are_found_at_once_and_after_sealing),
		LISTED(what_was_removed_demoted_or_dropped_shows),
		LISTED(bands_find_what_comparing_finds),
		LISTED(distance_31_counts_and_32_does_not),
		LISTED(the_two_percentages_are_not_swapped),
		LISTED(one_frame_in_every_list_hides_nothing),
		LISTED(a_crowd_of_near_frames_hides_nothing),
		LISTED(a_crowded_frame_still_counts),
		LISTED(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
