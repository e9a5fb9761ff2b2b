#include <stdlib.h>
#include <string.h>

#include "text.h"

#include "match_judge.h"

/* Room for one more of rows in the arena, NULL when there is none. */
static void *grow(struct hf_judge *judge, void *rows, size_t count,
		  size_t *size, size_t row_bytes)
{
	size_t wanted = 2 * count + 64;
	void *grown;

	if (count < *size)
		return rows;
	grown = hf_arena_alloc(judge->arena, wanted * row_bytes);
	if (grown == NULL) {
		judge->failed = HF_E_LIMIT;
		return NULL;
	}
	if (count > 0)
		memcpy(grown, rows, count * row_bytes);
	*size = wanted;
	return grown;
}

/* What is known of a hit's set; NULL when it may not be matched on. */
static const struct hf_judge_set *set_of(struct hf_judge *judge, uint32_t set)
{
	struct hf_judge_set **sets, *is;

	for (size_t i = judge->sets_count; i-- > 0;) {
		if (judge->sets[i]->set == set)
			return judge->sets[i]->is_matchable ? judge->sets[i]
							    : NULL;
	}
	sets = grow(judge, judge->sets, judge->sets_count, &judge->sets_size,
		    sizeof(*sets));
	is = hf_arena_calloc(judge->arena, 1, sizeof(*is));
	if (sets == NULL || is == NULL) {
		judge->failed = HF_E_LIMIT;
		return NULL;
	}
	judge->sets = sets;
	/* What is not known is not matched on, and not asked for again. */
	if (!judge->know(judge->arg, set, is))
		is->is_matchable = false;
	is->set = set;
	is->freshness =
		hf_fresh_of(&judge->ages, is->checkpoint_ms, judge->now_ms);
	sets[judge->sets_count++] = is;
	return is->is_matchable ? is : NULL;
}

void hf_judge_hit(struct hf_judge *judge, uint32_t item, uint8_t quality,
		  const struct hf_index_hit *hit)
{
	const struct hf_judge_set *is = set_of(judge, hit->set);
	struct hf_policy_answer answer;
	struct hf_judge_found *found;
	struct hf_span digest;

	if (judge->failed != HF_OK || is == NULL || hit->is_expired)
		return;
	if (!hf_policy_verdict(
		    judge->policy,
		    &(struct hf_policy_match){
			    .origin = hf_span_of(is->origin),
			    .content_class = hit->content_class,
			    .algorithm = hit->algorithm,
			    .distance = hit->distance,
			    .looked_up_percent = hit->looked_up_percent,
			    .listed_percent = hit->listed_percent,
			    .query_quality = quality,
			    .entry_quality = hit->quality,
			    .freshness = is->freshness,
			    .is_provisional = is->is_provisional,
			    .is_frozen = is->is_frozen,
			    .is_demoted = hit->is_demoted,
			    .is_unsure = hit->is_unsure,
			    .is_held = is->held_from_plus_one != 0 &&
				       hit->entry + 1 >= is->held_from_plus_one,
			    .doubts = hit->doubts,
		    },
		    &answer))
		return;
	found = grow(judge, judge->found, judge->found_count,
		     &judge->found_size, sizeof(*found));
	if (found == NULL)
		return;
	judge->found = found;
	digest = hf_arena_copy(
		judge->arena,
		hf_span(hit->digest, hf_algorithm_bytes(hit->algorithm)));
	if (digest.at == NULL && hit->digest != NULL) {
		judge->failed = HF_E_LIMIT;
		return;
	}
	found += judge->found_count++;
	*found = (struct hf_judge_found){ item, *hit, answer, is };
	found->hit.digest = digest.at;
}

struct video {
	struct hf_judge *judge;
	uint32_t item;
	unsigned distance;
	bool has_more;
};

static void on_video(void *arg, const struct hf_index_video_hit *hit)
{
	struct video *video = arg;

	hf_judge_hit(
		video->judge, video->item, HF_QUALITY_NONE,
		&(struct hf_index_hit){
			.set = hit->set,
			.entry = hit->entry,
			.algorithm = HF_ALGORITHM_VPDQ,
			.content_class = hit->content_class,
			.quality = HF_QUALITY_NONE,
			.is_demoted = hit->is_demoted,
			.is_unsure = hit->is_unsure,
			.is_derived = hit->is_derived,
			.doubts = hit->doubts,
			.affirmed = hit->affirmed,
			.distance = (uint16_t)video->distance,
			.looked_up_percent = (uint8_t)hf_index_percent(
				hit->looked_up_matched, hit->looked_up_frames),
			.listed_percent = (uint8_t)hf_index_percent(
				hit->listed_matched, hit->listed_frames),
		});
}

static void on_more(void *arg)
{
	struct video *video = arg;

	video->has_more = true;
}

enum hf_err hf_judge_video(struct hf_judge *judge, struct hf_index_view *view,
			   uint32_t item, struct hf_span frames, bool *out_more,
			   struct hf_why *why)
{
	struct video video = { .judge = judge, .item = item };
	const struct hf_index_video_sink sink = { on_video, on_more, &video };
	enum hf_err err = HF_OK;

	for (unsigned d = 0; d <= HF_PDQ_DISTANCE_MAX && err == HF_OK; d++) {
		struct hf_index_video asked = {
			.frames = frames.at,
			.frames_count = frames.len_bytes / HF_PDQ_BYTES,
			.distance = d,
		};

		if (!hf_policy_video(judge->policy, d, &asked.looked_up_min,
				     &asked.listed_min))
			continue;
		video.distance = d;
		err = hf_index_lookup_video(view, &asked, &sink, why);
	}
	if (video.has_more)
		*out_more = true;
	return err;
}

/* By item, worst verdict first, then the nearest, of videos what has the most
 * in common, then by entry. */
static int compare(const void *a, const void *b)
{
	const struct hf_judge_found *x = a, *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	if (x->answer.verdict != y->answer.verdict)
		return x->answer.verdict > y->answer.verdict ? -1 : 1;
	if (x->hit.distance != y->hit.distance)
		return x->hit.distance < y->hit.distance ? -1 : 1;
	if (x->hit.looked_up_percent != y->hit.looked_up_percent)
		return x->hit.looked_up_percent > y->hit.looked_up_percent ? -1
									   : 1;
	if (x->hit.listed_percent != y->hit.listed_percent)
		return x->hit.listed_percent > y->hit.listed_percent ? -1 : 1;
	if (x->hit.set != y->hit.set)
		return x->hit.set < y->hit.set ? -1 : 1;
	if (x->hit.entry != y->hit.entry)
		return x->hit.entry < y->hit.entry ? -1 : 1;
	return (int)x->hit.algorithm - (int)y->hit.algorithm;
}

enum hf_err hf_judge_end(struct hf_judge *judge, struct hf_why *why)
{
	if (judge->failed != HF_OK)
		return hf_why(why, judge->failed, "too many hits at once");
	if (judge->found_count > 0)
		qsort(judge->found, judge->found_count, sizeof(*judge->found),
		      compare);
	return HF_OK;
}

/* A benign hit turns every block of its item into a review. */
static void demote_benign(struct hf_judge_found *found, size_t count)
{
	bool is_benign = false;

	for (size_t i = 0; i < count; i++)
		is_benign |= found[i].answer.is_benign;
	for (size_t i = 0; is_benign && i < count; i++) {
		if (found[i].answer.verdict != HF_VERDICT_BLOCK)
			continue;
		found[i].answer.verdict = HF_VERDICT_REVIEW;
		found[i].answer.because = HF_POLICY_BENIGN;
	}
}

/* Its publisher's own word, which nothing here speaks against: what was held,
 * disputed or taken back stands for nobody else's. */
static bool is_word(const struct hf_judge_found *found)
{
	return !found->hit.is_derived && !found->answer.is_doubted;
}

/* Is it the first of the item from its organisation that is its own word? */
static bool is_another(const struct hf_judge_found *found, size_t at)
{
	struct hf_span name =
		hf_text_origin_domain(hf_span_of(found[at].is->origin));

	if (!is_word(&found[at]))
		return false;
	for (size_t i = 0; i < at; i++) {
		struct hf_span other =
			hf_text_origin_domain(hf_span_of(found[i].is->origin));

		if (is_word(&found[i]) && hf_span_equal(name, other))
			return false;
	}
	return true;
}

/* Organisations that list the item independently, or list and affirm one of
 * its entries, whichever are more: never more than there are. */
static unsigned count_organisations(const struct hf_judge_found *found,
				    size_t count)
{
	unsigned listing = 0, affirming = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned of_entry =
			found[i].hit.affirmed + (is_word(&found[i]) ? 1u : 0u);

		listing += is_another(found, i);
		if (of_entry > affirming)
			affirming = of_entry;
	}
	return listing > affirming ? listing : affirming;
}

/* What too few say blocks nothing. */
static bool demote_few(struct hf_judge_found *found, size_t count)
{
	unsigned organisations = 0;
	bool has_demoted = false;

	for (size_t i = 0; i < count; i++) {
		struct hf_policy_answer *answer = &found[i].answer;

		if (answer->verdict != HF_VERDICT_BLOCK ||
		    answer->organisations_min < 2)
			continue;
		if (organisations == 0)
			organisations = count_organisations(found, count);
		if (organisations >= answer->organisations_min)
			continue;
		answer->verdict = HF_VERDICT_REVIEW;
		answer->because = HF_POLICY_FEW;
		has_demoted = true;
	}
	return has_demoted;
}

/* Another list of an entry whose better one stands before it, as far as an
 * answer goes. */
static bool is_repeated(const struct hf_judge_found *first, size_t count,
			const struct hf_judge_found *found)
{
	if (found->hit.algorithm != HF_ALGORITHM_VPDQ)
		return false;
	for (size_t i = 0; i < count && i < HF_MATCH_HITS_PER_ITEM; i++) {
		if (first[i].hit.algorithm == HF_ALGORITHM_VPDQ &&
		    first[i].hit.set == found->hit.set &&
		    first[i].hit.entry == found->hit.entry)
			return true;
	}
	return false;
}

size_t hf_judge_next(struct hf_judge *judge,
		     const struct hf_judge_found **out_found)
{
	size_t left = judge->found_count - judge->given_count;
	size_t count = 0, kept = 0;
	struct hf_judge_found *found;

	/* Of nothing at all there is no array either. */
	if (left == 0) {
		*out_found = NULL;
		return 0;
	}
	found = judge->found + judge->given_count;
	while (count < left && found[count].item == found[0].item)
		count++;
	judge->given_count += count;
	demote_benign(found, count);
	/* Not of all alike: the worst is to come first again. */
	if (demote_few(found, count))
		qsort(found, count, sizeof(*found), compare);
	for (size_t i = 0; i < count; i++) {
		if (!is_repeated(found, kept, &found[i]))
			found[kept++] = found[i];
	}
	*out_found = found;
	return kept;
}
