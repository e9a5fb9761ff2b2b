#include <string.h>

#include "cases.h"

#include "found.h"
#include "lookup.h"
#include "node.h"

/* What one case is made with, apart from what is answered. */
/* A case says by which hashes, and has no room for hours of frames: those of
 * one video's beginning. */
#define CASE_FRAMES 256

#define SCRATCH_BYTES ((size_t)8 * 1024 * 1024)

struct report {
	struct hf_node *node;
	const struct hf_wire_match_request *request;
	const struct hf_found_options *options;
	struct hf_arena *arena;
	struct hf_arena scratch; /* of one item */
};

/* Its digests in all batches, worth keeping or not: at most as many as a
 * notice has. */
static struct hf_hash *hashes_of(struct report *report, uint32_t item,
				 size_t *out_count)
{
	struct hf_hash *hashes = hf_arena_calloc(
		&report->scratch, HF_ITEM_MAX_HASHES, sizeof(*hashes));
	size_t count = 0;
	bool has_video = false;

	for (size_t i = 0; hashes != NULL && i < report->request->batches_count;
	     i++) {
		const struct hf_digest_batch *batch =
			&report->request->batches[i];
		size_t at = 0;

		for (size_t j = 0; j < hf_digest_batch_count(batch); j++) {
			uint32_t of = batch->items_count > 0 ? batch->items[j]
							     : (uint32_t)j;
			struct hf_span digest =
				hf_digest_batch_next(batch, j, &at);

			if (of != item || count == HF_ITEM_MAX_HASHES)
				continue;
			if (batch->algorithm == HF_ALGORITHM_VPDQ) {
				if (has_video)
					continue;
				has_video = true;
				if (digest.len_bytes >
				    CASE_FRAMES * HF_PDQ_BYTES)
					digest.len_bytes =
						CASE_FRAMES * HF_PDQ_BYTES;
			}
			hashes[count++] = (struct hf_hash){
				.algorithm = batch->algorithm,
				.digest = digest,
				.quality_plus_one =
					batch->qualities.len_bytes > 0
						? batch->qualities.at[j] + 1u
						: 0,
			};
		}
	}
	*out_count = count;
	return hashes;
}

static bool is_wanted(const struct report *report,
		      const struct hf_wire_match_hit *hit)
{
	const struct hf_found_options *options = report->options;

	return hit->verdict >= HF_VERDICT_REVIEW &&
	       (options->is_wanted == NULL ||
		options->is_wanted(options->arg, hit));
}

/* Those of an item that matter, from `at` on; *out_end is behind its last. */
static struct hf_wire_match_hit *
hits_of(struct report *report, const struct hf_wire_match_response *answer,
	size_t at, size_t *out_count, size_t *out_end)
{
	struct hf_wire_match_hit *hits;
	size_t end = at, count = 0;

	while (end < answer->hits_count &&
	       answer->hits[end].item == answer->hits[at].item)
		end++;
	hits = hf_arena_calloc(&report->scratch, end - at, sizeof(*hits));
	for (size_t i = at; hits != NULL && i < end; i++) {
		if (is_wanted(report, &answer->hits[i]))
			hits[count++] = answer->hits[i];
	}
	*out_count = count;
	*out_end = end;
	return hits;
}

static enum hf_err make_case(struct report *report, uint32_t item,
			     const struct hf_wire_match_hit *hits, size_t count,
			     struct hf_found_case *out, struct hf_why *why)
{
	const struct hf_wire_match_request *request = report->request;
	struct hf_finding finding = {
		.hits = hits,
		.hits_count = count,
		.name = item < request->names_count ? request->names[item] : "",
		.text = report->options->text,
	};
	const char *case_id;
	enum hf_err err;

	finding.hashes = hashes_of(report, item, &finding.hashes_count);
	if (finding.hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_cases_found(report->node->cases, &finding, &report->scratch,
			     &out->how, &case_id, why);
	if (err != HF_OK)
		return err;
	out->item = item;
	out->case_id = hf_arena_text(report->arena, hf_span_of(case_id));
	return out->case_id != NULL ? HF_OK
				    : hf_why(why, HF_E_NOMEM, "no memory");
}

static enum hf_err each_item(struct report *report,
			     const struct hf_wire_match_response *answer,
			     struct hf_found_case *out_found, size_t *out_count,
			     struct hf_why *why)
{
	const struct hf_found_options *options = report->options;
	size_t at = 0;
	enum hf_err err = HF_OK;

	while (at < answer->hits_count && err == HF_OK) {
		const struct hf_wire_match_hit *hits;
		uint32_t item = answer->hits[at].item;
		size_t count;

		if (options->goes_on != NULL && !options->goes_on(options->arg))
			break;
		hf_arena_reset(&report->scratch);
		hits = hits_of(report, answer, at, &count, &at);
		if (hits == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		if (count == 0)
			continue;
		err = make_case(report, item, hits, count,
				&out_found[*out_count], why);
		if (err == HF_OK) {
			if (options->made != NULL)
				options->made(options->arg,
					      &out_found[*out_count]);
			(*out_count)++;
		} else if (options->failed != NULL &&
			   options->failed(options->arg, err, why)) {
			err = HF_OK;
		}
	}
	return err;
}

enum hf_err hf_found_report(struct hf_node *node,
			    const struct hf_wire_match_request *request,
			    const struct hf_found_options *options,
			    struct hf_arena *arena,
			    struct hf_found_case *out_found, size_t *out_count,
			    struct hf_why *why)
{
	struct report report = { .node = node,
				 .request = request,
				 .options = options,
				 .arena = arena };
	struct hf_wire_match_response answer;
	enum hf_err err;

	*out_count = 0;
	err = hf_lookup(node, &(struct hf_lookup_ask){ .request = request },
			arena, &answer, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&report.scratch, SCRATCH_BYTES);
	err = each_item(&report, &answer, out_found, out_count, why);
	hf_arena_release(&report.scratch);
	return err;
}
