/*
 * bench_video DIRECTORY [LISTS [QUERIES]]: how fast videos are found among
 * listed ones by the frames that they share, beside comparing all frames with
 * all, which has to find the same.
 *
 * Lists have 20 to 100 frames, by a seed; one in ten begins with one of twenty
 * titles of five frames, which are never quite the same.  Half of the queries
 * are unknown videos, a tenth of them with such a title; the others are pieces
 * of listed ones with up to 31 bits of each frame changed, and up to a quarter
 * of other frames between.  Both share out 80 and 0 percent, the defaults.
 *
 * Lookups are timed in processor time of the one thread that does them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "match_index.h"
#include "match_kernel.h"
#include "random64.h"

#define FRAME        HF_PDQ_BYTES
#define DISTANCE     31
#define FRAMES_LEAST 20
#define FRAMES_MOST  100
#define TITLES       20
#define TITLE_FRAMES 5
#define LOOKED_UP    80
/* Those that compare everything with everything get few queries. */
#define BRUTE_QUERIES 200

struct video {
	uint8_t frames[FRAMES_MOST][FRAME];
	size_t count;
};

/* What both find of one query, in the order of entries. */
struct found {
	struct hf_index_video_hit hits[HF_INDEX_HITS_MAX];
	size_t count;
	bool has_more;
};

static struct video *lists;
static size_t lists_count;
static uint8_t titles[TITLES][TITLE_FRAMES][FRAME];

static void must(enum hf_err err, const struct hf_why *why)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_video: %s: %s\n", hf_err_name(err), why->text);
	exit(1);
}

static void *take(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);
	struct hf_why why = { "" };

	must(memory != NULL ? HF_OK : HF_E_NOMEM, &why);
	return memory;
}

static double cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- videos ---- */

static void fill(uint8_t *frame)
{
	for (size_t i = 0; i < FRAME; i += 8) {
		uint64_t word = random64();

		memcpy(frame + i, &word, 8);
	}
}

/* Up to so many bits. */
static void alter(uint8_t *frame, unsigned bits)
{
	for (; bits > 0; bits--)
		frame[random64() % FRAME] ^= (uint8_t)(1u << random64() % 8);
}

static void put_title(struct video *video)
{
	size_t title = random64() % TITLES;

	memcpy(video->frames, titles[title], sizeof(titles[title]));
	for (size_t i = 0; i < TITLE_FRAMES; i++)
		alter(video->frames[i], (unsigned)(random64() % 12));
}

static void make_unknown(struct video *video, bool has_title)
{
	video->count =
		FRAMES_LEAST + random64() % (FRAMES_MOST - FRAMES_LEAST + 1);
	for (size_t i = 0; i < video->count; i++)
		fill(video->frames[i]);
	if (has_title)
		put_title(video);
}

static void make_piece(struct video *video)
{
	const struct video *list = &lists[random64() % lists_count];
	size_t from = random64() % (list->count / 2);
	size_t others = random64() % (list->count / 4);

	video->count = list->count - from;
	for (size_t i = 0; i < video->count; i++) {
		if (random64() % video->count < others) {
			fill(video->frames[i]);
			continue;
		}
		memcpy(video->frames[i], list->frames[from + i], FRAME);
		alter(video->frames[i], (unsigned)(random64() % 32));
	}
}

static void make_lists(void)
{
	for (size_t t = 0; t < TITLES; t++) {
		for (size_t i = 0; i < TITLE_FRAMES; i++)
			fill(titles[t][i]);
	}
	for (size_t i = 0; i < lists_count; i++)
		make_unknown(&lists[i], i % 10 == 0);
}

static struct video *make_queries(size_t count)
{
	struct video *queries = take(count, sizeof(*queries));

	for (size_t i = 0; i < count; i++) {
		if (i % 2 == 0)
			make_unknown(&queries[i], i % 20 == 0);
		else
			make_piece(&queries[i]);
	}
	return queries;
}

/* ---- with the index ---- */

static void feed(struct hf_index *index)
{
	static struct hf_index_hash hashes[FRAMES_MOST];
	uint64_t begun_us = hf_clock_mono_us();
	struct hf_why why = { "" };
	size_t frames = 0;

	for (size_t i = 0; i < lists_count; i++) {
		for (size_t f = 0; f < lists[i].count; f++)
			hashes[f] = (struct hf_index_hash){
				.set = 1,
				.entry = i,
				.algorithm = HF_ALGORITHM_VPDQ,
				.content_class = HF_CLASS_NCII,
				.digest = lists[i].frames[f],
				.frames_count = (uint16_t)lists[i].count,
			};
		must(hf_index_add(index, hashes, lists[i].count, &why), &why);
		frames += lists[i].count;
	}
	must(hf_index_compact(index, &why), &why);
	printf("%zu lists, %zu frames, fed and merged in %.1f s\n", lists_count,
	       frames, (double)(hf_clock_mono_us() - begun_us) / 1e6);
}

static int by_entry(const void *one, const void *other)
{
	const struct hf_index_video_hit *a = one, *b = other;

	return (a->entry > b->entry) - (a->entry < b->entry);
}

static void on_hit(void *arg, const struct hf_index_video_hit *hit)
{
	struct found *found = arg;

	found->hits[found->count++] = *hit;
}

static void on_more(void *arg)
{
	((struct found *)arg)->has_more = true;
}

static void look_up(struct hf_index *index, const struct video *query,
		    struct found *out_found)
{
	const struct hf_index_video asked = {
		.frames = query->frames[0],
		.frames_count = query->count,
		.distance = DISTANCE,
		.looked_up_min = LOOKED_UP,
	};
	const struct hf_index_video_sink sink = { on_hit, on_more, out_found };
	struct hf_index_view *view;
	struct hf_why why = { "" };

	out_found->count = 0;
	out_found->has_more = false;
	must(hf_index_view_begin(index, &view, &why), &why);
	must(hf_index_lookup_video(view, &asked, &sink, &why), &why);
	hf_index_view_end(view);
	qsort(out_found->hits, out_found->count, sizeof(out_found->hits[0]),
	      by_entry);
}

/* ---- by comparing everything ---- */

/* All frames of all lists, as the fastest comparison that we have wants them.
 */
struct all {
	struct hf_match_heads *heads;
	uint8_t *digests;
	uint32_t *list_of;
	size_t count;
	uint32_t *looked_up, *listed; /* for each list */
	uint32_t *last_of_list;       /* query's frame that counted last, + 1 */
	bool *is_matched;             /* for each frame */
};

static void all_init(struct all *all)
{
	size_t most = lists_count * FRAMES_MOST;

	all->heads = take(most / HF_MATCH_HEADS + 1, sizeof(*all->heads));
	all->digests = take(most, FRAME);
	all->list_of = take(most, sizeof(*all->list_of));
	all->looked_up = take(lists_count, sizeof(*all->looked_up));
	all->listed = take(lists_count, sizeof(*all->listed));
	all->last_of_list = take(lists_count, sizeof(*all->last_of_list));
	all->is_matched = take(most, sizeof(*all->is_matched));
	for (size_t i = 0; i < lists_count; i++) {
		for (size_t f = 0; f < lists[i].count; f++) {
			const struct hf_match_pdq pdq =
				hf_match_pdq_load(lists[i].frames[f]);
			struct hf_match_heads *heads =
				&all->heads[all->count / HF_MATCH_HEADS];

			for (unsigned w = 0; w < 2; w++)
				heads->words[w][all->count % HF_MATCH_HEADS] =
					pdq.word[w];
			memcpy(all->digests + all->count * FRAME,
			       lists[i].frames[f], FRAME);
			all->list_of[all->count++] = (uint32_t)i;
		}
	}
}

static void all_release(struct all *all)
{
	free(all->heads);
	free(all->digests);
	free(all->list_of);
	free(all->looked_up);
	free(all->listed);
	free(all->last_of_list);
	free(all->is_matched);
}

static void count_frame(struct all *all, size_t place, uint32_t number)
{
	uint32_t list = all->list_of[place];

	if (all->last_of_list[list] != number + 1)
		all->looked_up[list]++;
	all->last_of_list[list] = number + 1;
	all->listed[list] += !all->is_matched[place];
	all->is_matched[place] = true;
}

static void compare_frame(struct all *all, const uint8_t *frame,
			  uint32_t number)
{
	const struct hf_match_kernel *kernel = hf_match_kernel();
	const struct hf_match_pdq want = hf_match_pdq_load(frame);
	uint32_t places[HF_MATCH_KERNEL_BLOCK];

	for (size_t at = 0; at < all->count; at += HF_MATCH_KERNEL_BLOCK) {
		size_t count = all->count - at < HF_MATCH_KERNEL_BLOCK
				       ? all->count - at
				       : HF_MATCH_KERNEL_BLOCK;
		size_t found =
			kernel->scan_heads(all->heads + at / HF_MATCH_HEADS,
					   count, &want, DISTANCE, places);

		for (size_t i = 0; i < found; i++) {
			const struct hf_match_pdq have = hf_match_pdq_load(
				all->digests + (at + places[i]) * FRAME);

			if (hf_match_pdq_distance(&have, &want) <= DISTANCE)
				count_frame(all, at + places[i], number);
		}
	}
}

static void compare_all(struct all *all, const struct video *query,
			struct found *out_found)
{
	memset(all->looked_up, 0, lists_count * sizeof(*all->looked_up));
	memset(all->listed, 0, lists_count * sizeof(*all->listed));
	memset(all->last_of_list, 0, lists_count * sizeof(*all->last_of_list));
	memset(all->is_matched, 0, all->count * sizeof(*all->is_matched));
	for (size_t i = 0; i < query->count; i++)
		compare_frame(all, query->frames[i], (uint32_t)i);
	out_found->count = 0;
	for (size_t i = 0; i < lists_count; i++) {
		if (all->looked_up[i] > 0 &&
		    hf_index_percent(all->looked_up[i],
				     (unsigned)query->count) >= LOOKED_UP)
			out_found->hits[out_found->count++] =
				(struct hf_index_video_hit){
					.entry = i,
					.looked_up_matched =
						(uint16_t)all->looked_up[i],
					.listed_matched =
						(uint16_t)all->listed[i],
				};
	}
}

static bool is_same(const struct found *one, const struct found *other)
{
	bool is = one->count == other->count && !one->has_more;

	for (size_t i = 0; i < one->count && is; i++)
		is = one->hits[i].entry == other->hits[i].entry &&
		     one->hits[i].looked_up_matched ==
			     other->hits[i].looked_up_matched &&
		     one->hits[i].listed_matched ==
			     other->hits[i].listed_matched &&
		     !one->hits[i].is_unsure;
	return is;
}

/* ---- the runs ---- */

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

static double run(struct hf_index *index, const struct video *queries,
		  size_t count, struct found *founds)
{
	double *took_us = take(count, sizeof(*took_us));
	double sum_us = 0;
	size_t frames = 0, hits = 0;

	for (size_t i = 0; i < count; i++) {
		double begun_us = cpu_us();

		look_up(index, &queries[i], &founds[i]);
		took_us[i] = cpu_us() - begun_us;
		sum_us += took_us[i];
		frames += queries[i].count;
		hits += founds[i].count;
	}
	qsort(took_us, count, sizeof(*took_us), by_size);
	printf("index: %.0f videos/s, %.0f frames/s; p50 %.0f us, p99 %.0f us, "
	       "most %.0f us; %zu matches of %zu videos\n",
	       (double)count * 1e6 / sum_us, (double)frames * 1e6 / sum_us,
	       took_us[count / 2], took_us[count * 99 / 100],
	       took_us[count - 1], hits, count);
	free(took_us);
	return sum_us / (double)count;
}

/* How often they differ. */
static size_t run_brute(const struct video *queries, size_t count,
			const struct found *founds, double *out_us)
{
	struct all all = { 0 };
	struct found found = { .count = 0 };
	double begun_us;
	size_t others = 0;

	all_init(&all);
	begun_us = cpu_us();
	for (size_t i = 0; i < count; i++) {
		compare_all(&all, &queries[i], &found);
		others += !is_same(&founds[i], &found);
	}
	*out_us = (cpu_us() - begun_us) / (double)count;
	printf("comparing with everything (%s): %.1f videos/s\n",
	       hf_match_kernel()->name, 1e6 / *out_us);
	all_release(&all);
	return others;
}

int main(int argc, char **argv)
{
	size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 5000;
	size_t brute_count = count < BRUTE_QUERIES ? count : BRUTE_QUERIES;
	double ours_us, theirs_us;
	struct hf_index *index;
	struct hf_why why = { "" };
	struct video *queries;
	struct found *founds;
	size_t others;

	lists_count = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
	if (argc < 2 || lists_count == 0 || count == 0) {
		fprintf(stderr,
			"usage: bench_video DIRECTORY [LISTS [QUERIES]]\n");
		return 2;
	}
	lists = take(lists_count, sizeof(*lists));
	founds = take(count, sizeof(*founds));
	make_lists();
	queries = make_queries(count);
	must(hf_index_open(argv[1], &index, &why), &why);
	feed(index);
	run(index, queries, count, founds);
	ours_us = run(index, queries, count, founds);
	others = run_brute(queries, brute_count, founds, &theirs_us);
	hf_index_close(index);
	if (others == 0)
		printf("%zu answers equal; the index is %.0f times as fast\n",
		       brute_count, theirs_us / ours_us);
	else
		printf("WRONG: %zu of %zu answers differ\n", others,
		       brute_count);
	free(lists);
	free(queries);
	free(founds);
	return others == 0 ? 0 : 1;
}
