#include <stdlib.h>
#include <string.h>

#include "match_band.h"
#include "match_state.h"

/* Candidates that wait to be compared. */
#define CANDIDATES 8192

/* Of a search: every mask of every band. */
#define BUCKETS_MAX (HF_MATCH_PDQ_BANDS * HF_MATCH_MASKS_MAX)

/* Places of a large bucket that are looked at before it is. */
#define SAMPLES 16

#define SEEN 1024

/* Lines of a bucket that are fetched ahead, at most: of longer ones the
 * processor finds the rest itself, and sooner. */
#define LINES_MIN  2
#define LINES_MAX  8
#define LINE_BYTES 64

/*
 * A search waits for memory in three places: the buckets, the numbers of the
 * keys that passed, the keys.  So three searches run abreast: while one scans
 * its buckets, the keys' numbers of the one before and the keys of the one
 * before that are on their way.
 */
#define STAGES 3

struct slot {
	struct hf_match_near_job job;
	struct hf_match_wanted wanted;
	bool is_used;
	bool is_fetched;
	bool is_over; /* nothing more is to be scanned or told */
	uint32_t round;
	size_t compared;
	uint64_t sketches; /* of buckets listed, where the job is bounded */
	size_t count;
	/* Tags are the orders of buckets. */
	struct hf_match_candidate candidates[CANDIDATES];
	uint32_t keys[CANDIDATES];
};

struct hf_match_near_work {
	uint16_t masks[HF_MATCH_MASKS_MAX];
	struct hf_match_bucket buckets[BUCKETS_MAX];
	const struct hf_match_kernel *kernel; /* of the latest push */
	uint64_t seen[SEEN]; /* round and key: compared in that search */
	uint32_t round;      /* of the latest search, from 1 on */
	uint32_t positions[CANDIDATES];
	unsigned next; /* slot */
	struct slot slots[STAGES];
};

enum hf_err hf_match_near_work_new(struct hf_match_near_work **out_work,
				   struct hf_why *why)
{
	struct hf_match_near_work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	hf_match_masks_fill(work->masks);
	*out_work = work;
	return HF_OK;
}

void hf_match_near_work_free(struct hf_match_near_work *work)
{
	free(work);
}

/* False for a key that this search compared already: of near-duplicates it
 * finds the same through a dozen bands.  May forget. */
static bool is_new(struct hf_match_near_work *work, const struct slot *slot,
		   uint32_t key)
{
	uint64_t mark = (uint64_t)slot->round << 32 | key;
	bool is_seen = work->seen[key % SEEN] == mark;

	work->seen[key % SEEN] = mark;
	return !is_seen;
}

/* The second stage: which keys the candidates are. */
static void fetch_keys(struct hf_match_near_work *work, struct slot *slot)
{
	const struct hf_match_segment_part *part = slot->job.part;
	size_t count = 0;

	slot->is_fetched = true;
	slot->compared += slot->count;
	for (size_t i = 0; i < slot->count; i++) {
		const struct hf_match_candidate found = slot->candidates[i];
		unsigned band = found.tag / HF_MATCH_MASKS_MAX;
		uint32_t key = part->bands[band].keys[found.place];

		/* Only a damaged file has others. */
		if (key >= part->keys_count || !is_new(work, slot, key))
			continue;
		__builtin_prefetch(part->keys + (size_t)32 * key);
		slot->keys[count] = key;
		slot->candidates[count++] = found;
	}
	slot->count = count;
}

/* The third: compare them. */
static void compare_keys(struct hf_match_near_work *work, struct slot *slot,
			 const struct hf_match_near_sink *sink)
{
	const struct hf_match_near_job *job = &slot->job;
	struct hf_match_comparison comparison = {
		.digests = job->part->keys,
		.keys = slot->keys,
		.candidates = slot->candidates,
		.wants = &slot->wanted.pdq,
		.distance = job->distance,
	};
	size_t found;

	if (!slot->is_fetched)
		fetch_keys(work, slot);
	comparison.count = slot->count;
	found = slot->is_over
			? 0
			: work->kernel->compare(&comparison, work->positions);
	for (size_t i = 0; i < found && !slot->is_over; i++) {
		uint32_t at = work->positions[i], key = slot->keys[at];
		const uint8_t *digest = job->part->keys + (size_t)32 * key;
		struct hf_match_pdq have = hf_match_pdq_load(digest);

		slot->is_over =
			hf_match_wanted_order(&slot->wanted, job->part->bands,
					      digest) ==
				slot->candidates[at].tag &&
			!sink->key(sink->arg, job, key,
				   hf_match_pdq_distance(&have,
							 &slot->wanted.pdq));
	}
	slot->count = 0;
	slot->is_fetched = false;
}

/* A search's answers are complete. */
static void end_slot(struct hf_match_near_work *work, struct slot *slot,
		     const struct hf_match_near_sink *sink)
{
	if (!slot->is_used)
		return;
	compare_keys(work, slot, sink);
	sink->done(sink->arg, &slot->job);
	slot->is_used = false;
}

/* The slot that was pushed so many before the newest. */
static struct slot *slot_before(struct hf_match_near_work *work,
				unsigned before)
{
	return &work->slots[(work->next + STAGES - 1 - before) % STAGES];
}

/* Without waiting for the stages: older searches are told first. */
static void compare_now(struct hf_match_near_work *work, struct slot *slot,
			const struct hf_match_near_sink *sink)
{
	end_slot(work, slot_before(work, 2), sink);
	end_slot(work, slot_before(work, 1), sink);
	compare_keys(work, slot, sink);
}

/* The job has had its share: this bucket, or the rest of it, is passed over. */
static void cut(struct slot *slot, const struct hf_match_bucket *bucket)
{
	uint32_t key = bucket->keys[0];

	slot->job.is_cut = true;
	/* Only a damaged file has others. */
	slot->job.passed_over = key < slot->job.part->keys_count ? key : 0;
}

/* Sketches that are scanned in the time of a comparison. */
#define SKETCHES 32

/* Of a bounded job's buckets from begin to end, those that are not too large
 * for it.  Returns the new end. */
static size_t keep_within(struct hf_match_near_work *work, struct slot *slot,
			  size_t begin, size_t end)
{
	size_t kept = begin;

	for (size_t i = begin; i < end; i++) {
		const struct hf_match_bucket bucket = work->buckets[i];

		if ((slot->sketches + bucket.count) / SKETCHES >
		    slot->job.most) {
			cut(slot, &bucket);
			continue;
		}
		slot->sketches += bucket.count;
		work->buckets[kept++] = bucket;
	}
	return kept;
}

/* Lines of a bucket that are fetched before it is scanned: so many that of a
 * usual one none is missing, wherever it begins. */
static unsigned lines_of(const struct hf_match_segment_part *part)
{
	size_t usual_bytes =
		part->keys_count / HF_MATCH_PDQ_BAND_VALUES * sizeof(uint16_t);
	size_t lines = LINES_MIN + usual_bytes * 5 / 4 / LINE_BYTES;

	return (unsigned)(lines < LINES_MAX ? lines : LINES_MAX);
}

/* Always the same number, the last line again where a bucket is shorter: what
 * differs from one to the next is guessed wrongly half of the time.  When there
 * are few they go into the first cache, which has room for them.  Inlined
 * always: a function that only prefetches has no effect in the eyes of gcc 12,
 * which drops calls of it. */
static inline __attribute__((always_inline)) void
prefetch_bucket(const struct hf_match_bucket *bucket, unsigned lines)
{
	const char *at = (const char *)bucket->sketches;
	const char *last = (const char *)(bucket->sketches + bucket->count) - 1;

	if (lines == LINES_MIN) {
		__builtin_prefetch(at);
		__builtin_prefetch(last);
		return;
	}
	for (unsigned i = 0; i < lines; i++, at += LINE_BYTES)
		__builtin_prefetch(at < last ? at : last, 0, 2);
}

/* The buckets of a band that are not empty, behind count others.  What the
 * next stage reads of them is on its way then. */
static size_t list_band(struct hf_match_near_work *work, struct slot *slot,
			unsigned b, size_t count)
{
	const struct hf_match_wanted *wanted = &slot->wanted;
	const struct hf_match_segment_part *part = slot->job.part;
	unsigned masks_count = hf_match_masks_count[wanted->radius];
	unsigned lines = lines_of(part);
	const size_t before = count;

	for (unsigned m = 0; m < masks_count; m++) {
		struct hf_match_bucket *bucket = &work->buckets[count];

		hf_match_wanted_bucket(wanted, &part->bands[b],
				       wanted->bands[b] ^ work->masks[m],
				       (m > 0) + (m > 16), bucket);
		bucket->tag = b * HF_MATCH_MASKS_MAX + m;
		prefetch_bucket(bucket, lines);
		count += bucket->count > 0;
	}
	return slot->job.most == 0 ? count
				   : keep_within(work, slot, before, count);
}

/* Compare with every digest, one behind the other, but for those that a
 * bucket of a lower order than from gives away. */
static void scan_all(const struct hf_match_kernel *kernel,
		     const struct hf_match_near_job *job,
		     const struct hf_match_wanted *wanted, uint32_t from,
		     const struct hf_match_near_sink *sink)
{
	const struct hf_match_segment_part *part = job->part;
	uint32_t positions[HF_MATCH_KERNEL_BLOCK];

	for (uint32_t done = 0; done < part->keys_count;
	     done += HF_MATCH_KERNEL_BLOCK) {
		uint32_t left = part->keys_count - done;
		size_t found = kernel->scan_digests(
			part->keys + (size_t)32 * done,
			left < HF_MATCH_KERNEL_BLOCK ? left
						     : HF_MATCH_KERNEL_BLOCK,
			&wanted->pdq, job->distance, positions);

		for (size_t i = 0; i < found; i++) {
			uint32_t key = done + positions[i];
			const uint8_t *digest = part->keys + (size_t)32 * key;
			struct hf_match_pdq have = hf_match_pdq_load(digest);

			if (from > 0 &&
			    hf_match_wanted_order(wanted, part->bands, digest) <
				    from)
				continue;
			if (!sink->key(
				    sink->arg, job, key,
				    hf_match_pdq_distance(&have, &wanted->pdq)))
				return;
		}
	}
}

/*
 * Where bands have few values, most of what they give passes and is fetched
 * at random.  Sixteen digests in a row are compared in the time of one such,
 * so with more than that many the rest is better searched in a row.  What is
 * to come is guessed from what came: passed of scanned sketches, of so many.
 */
static bool is_crowded(const struct slot *slot, double passed, double scanned,
		       double sketches)
{
	return passed * sketches / (scanned + 1) >
	       slot->job.part->keys_count / 16.0 + CANDIDATES;
}

static bool may_scan_all(const struct slot *slot)
{
	return slot->job.most == 0 ||
	       slot->compared + slot->job.part->keys_count <= slot->job.most;
}

/* Compare the candidates there are, and go on with this bucket if the job may.
 */
static void compare_or_cut(struct hf_match_near_work *work, struct slot *slot,
			   const struct hf_match_bucket *bucket,
			   const struct hf_match_near_sink *sink)
{
	compare_now(work, slot, sink);
	if (slot->job.most == 0 || slot->compared <= slot->job.most ||
	    slot->is_over)
		return;
	cut(slot, bucket);
	slot->is_over = true;
}

/* A bucket with more sketches than there can be candidates.  Samples from all
 * over it tell whether it is crowded; nothing of it is told then.  False when
 * it is. */
static bool scan_large(const struct hf_match_kernel *kernel,
		       struct hf_match_near_work *work, struct slot *slot,
		       const struct hf_match_bucket *bucket,
		       const struct hf_match_near_sink *sink)
{
	uint32_t stride = bucket->count / SAMPLES;
	struct hf_match_bucket piece = *bucket;
	size_t passed = 0;

	piece.count = CANDIDATES / SAMPLES;
	for (uint32_t i = 0; i < SAMPLES; i++) {
		size_t found;

		piece.sketches = bucket->sketches + i * stride;
		piece.keys = bucket->keys + i * stride;
		(void)kernel->scan_buckets(&piece, 1, CANDIDATES,
					   slot->candidates, &found);
		passed += found;
	}
	if (is_crowded(slot, (double)passed, CANDIDATES, bucket->count))
		return false;
	for (uint32_t done = 0; done < bucket->count && !slot->is_over;
	     done += piece.count) {
		uint32_t left = bucket->count - done;

		piece.sketches = bucket->sketches + done;
		piece.keys = bucket->keys + done;
		piece.begin = bucket->begin + done;
		piece.count = left < CANDIDATES ? left : CANDIDATES;
		(void)kernel->scan_buckets(&piece, 1, CANDIDATES,
					   slot->candidates, &slot->count);
		compare_or_cut(work, slot, &piece, sink);
	}
	return true;
}

/* In all the buckets of a search. */
static double count_sketches(const struct hf_match_near_work *work,
			     const struct slot *slot)
{
	const struct hf_match_wanted *wanted = &slot->wanted;
	double sketches = 0;

	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		const uint32_t *offsets = slot->job.part->bands[b].offsets;

		for (unsigned m = 0; m < hf_match_masks_count[wanted->radius];
		     m++) {
			unsigned value = wanted->bands[b] ^ work->masks[m];

			sketches += offsets[value + 1] - offsets[value];
		}
	}
	return sketches;
}

/* There is no room for what may pass in the bucket at done.  What has passed
 * is compared; the bucket, or all that is left, is searched here when it would
 * never fit, or not pay.  Returns the bucket to go on with. */
static size_t make_room(const struct hf_match_kernel *kernel,
			struct hf_match_near_work *work, struct slot *slot,
			size_t done, const struct hf_match_near_sink *sink)
{
	const struct hf_match_bucket *bucket = &work->buckets[done];
	double scanned = 0;
	bool is_hopeless;

	compare_or_cut(work, slot, bucket, sink);
	if (slot->is_over)
		return done;
	for (size_t i = 0; i < done; i++)
		scanned += work->buckets[i].count;
	is_hopeless = may_scan_all(slot) &&
		      is_crowded(slot, (double)slot->compared, scanned,
				 count_sketches(work, slot));
	if (!is_hopeless && bucket->count > CANDIDATES) {
		is_hopeless = !scan_large(kernel, work, slot, bucket, sink);
		if (is_hopeless && !may_scan_all(slot)) {
			cut(slot, bucket);
			is_hopeless = false;
		}
		done += !is_hopeless;
	}
	if (is_hopeless) {
		scan_all(kernel, &slot->job, &slot->wanted, bucket->tag, sink);
		slot->is_over = true;
	}
	return done;
}

/* The first stage: one band, while the lines of the next are on their way. */
static void scan_buckets(const struct hf_match_kernel *kernel,
			 struct hf_match_near_work *work, struct slot *slot,
			 const struct hf_match_near_sink *sink)
{
	size_t listed = list_band(work, slot, 0, 0), done = 0;

	for (unsigned b = 1; b <= HF_MATCH_PDQ_BANDS; b++) {
		size_t end = listed;

		if (b < HF_MATCH_PDQ_BANDS)
			listed = list_band(work, slot, b, end);
		while (done < end && !slot->is_over) {
			size_t found;

			done += kernel->scan_buckets(
				work->buckets + done, end - done,
				CANDIDATES - slot->count,
				slot->candidates + slot->count, &found);
			slot->count += found;
			if (done < end)
				done = make_room(kernel, work, slot, done,
						 sink);
		}
	}
}

/* When they come round, everything is forgotten. */
static uint32_t next_round(struct hf_match_near_work *work)
{
	if (++work->round == 0) {
		memset(work->seen, 0, sizeof(work->seen));
		work->round = 1;
	}
	return work->round;
}

void hf_match_near_push(const struct hf_match_kernel *kernel,
			struct hf_match_near_work *work,
			const struct hf_match_near_job *job,
			const struct hf_match_near_sink *sink)
{
	struct slot *slot = &work->slots[work->next];

	if (!hf_match_bands_serve(job->part, job->distance)) {
		struct hf_match_wanted wanted;

		/* Few hashes, or a distance that bands do not serve. */
		hf_match_near_drain(work, sink);
		hf_match_wanted_init(&wanted, job->digest, job->distance);
		scan_all(kernel, job, &wanted, 0, sink);
		sink->done(sink->arg, job);
		return;
	}
	work->kernel = kernel;
	work->next = (work->next + 1) % STAGES;
	slot->job = *job;
	hf_match_wanted_init(&slot->wanted, job->digest, job->distance);
	slot->count = 0;
	slot->is_used = true;
	slot->is_fetched = false;
	slot->is_over = false;
	slot->compared = 0;
	slot->sketches = 0;
	slot->round = next_round(work);
	scan_buckets(kernel, work, slot, sink);
	if (slot_before(work, 1)->is_used)
		fetch_keys(work, slot_before(work, 1));
	end_slot(work, slot_before(work, 2), sink);
}

void hf_match_near_drain(struct hf_match_near_work *work,
			 const struct hf_match_near_sink *sink)
{
	for (unsigned before = STAGES; before > 0; before--)
		end_slot(work, slot_before(work, before - 1), sink);
}

void hf_match_near_prefetch(const struct hf_match_segment_part *part,
			    const uint8_t *digest, unsigned distance)
{
	if (!hf_match_bands_serve(part, distance))
		return;
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		const uint32_t *offsets = part->bands[b].offsets;
		unsigned value = hf_match_pdq_band(digest, b);

		__builtin_prefetch(&offsets[value]);
		/* Sixteen offsets to a line: flips of the lower bits stay. */
		for (unsigned i = 4; distance >= HF_MATCH_PDQ_BANDS && i < 16;
		     i++)
			__builtin_prefetch(&offsets[value ^ 1u << i]);
	}
}
