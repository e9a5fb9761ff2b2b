#include "match_index.h"

/* Queries that are made at a time: a multiple of what is looked up together. */
#define BLOCK 256

/* Where the block of a hit begins. */
struct shift {
	const struct hf_index_sink *sink;
	size_t begin;
};

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	const struct shift *shift = arg;
	struct hf_index_hit shifted = *hit;

	shifted.query += shift->begin;
	shift->sink->hit(shift->sink->arg, &shifted);
}

static void on_more(void *arg, size_t query)
{
	const struct shift *shift = arg;

	if (shift->sink->more != NULL)
		shift->sink->more(shift->sink->arg, shift->begin + query);
}

enum hf_err hf_index_lookup_digests(struct hf_index_view *view,
				    uint8_t algorithm, const uint8_t *digests,
				    size_t digests_count,
				    const struct hf_index_sink *sink,
				    struct hf_why *why)
{
	size_t bytes = hf_algorithm_bytes(algorithm);
	struct hf_index_query queries[BLOCK];
	enum hf_err err = HF_OK;

	for (size_t done = 0; done < digests_count && err == HF_OK;
	     done += BLOCK) {
		struct shift shift = { sink, done };
		const struct hf_index_sink shifted = { on_hit, on_more,
						       &shift };
		size_t left = digests_count - done;
		size_t count = left < BLOCK ? left : BLOCK;

		for (size_t i = 0; i < count; i++)
			queries[i] = (struct hf_index_query){
				.algorithm = algorithm,
				.digest = digests + (done + i) * bytes,
			};
		err = hf_index_lookup_exact(view, queries, count, &shifted,
					    why);
	}
	return err;
}
