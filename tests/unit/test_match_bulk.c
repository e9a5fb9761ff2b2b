/*
 * Batches so large that they are put in bulk, against the same model as all
 * others: what is in them is found, alone and among what came before, between
 * and behind them one by one, and from another process.
 */
#include "match_model.h"

#include <sys/wait.h>

#include "bytes.h"

/* The rows of the model from first on, as often as it takes to be a bulk. */
static void add_in_bulk(struct hf_index *index, size_t first)
{
	size_t rows_count = model.rows_count - first;
	size_t count = (HF_INDEX_BULK_MIN / rows_count + 1) * rows_count;
	struct hf_index_hash *hashes = test_calloc(count, sizeof(*hashes));
	struct hf_why why = { "" };

	for (size_t i = 0; i < count; i++) {
		const struct row *row = &model.rows[first + i % rows_count];

		hashes[i] = (struct hf_index_hash){
			.set = row->set,
			.entry = row->entry,
			.algorithm = row->algorithm,
			.content_class = row->class,
			.quality = row->quality,
			.digest = row->digest,
		};
	}
	assert_ok(hf_index_add(index, hashes, count, &why), &why);
	test_free(hashes);
}

static void sync_index(struct hf_index *index)
{
	struct hf_why why = { "" };

	assert_ok(hf_index_sync(index, &why), &why);
}

static void a_bulk_is_found_once_it_is_sealed(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < 2000; i++)
		model_add(1 + i % 3, i);
	add_in_bulk(place->index, 0);
	sync_index(place->index);
	check_some(place->index, 500, "sealed");
	reopen_index(place);
	check_some(place->index, 500, "reopened");
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_some(place->index, 500, "compacted");
}

/* Nobody asks for it to be sealed. */
static void a_bulk_becomes_visible_by_itself(void **state)
{
	struct place *place = *state;
	struct hf_index_stats stats = { 0 };
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < 500; i++)
		model_add(1, i);
	add_in_bulk(place->index, 0);
	hf_index_stats(place->index, &stats);
	assert_true(stats.mutable_count + stats.segments_count > 0);
	do {
		const struct row *row = &model.rows[7];
		struct hf_index_query query = { row->algorithm, row->digest };
		struct hf_index_view *view = NULL;

		got.count = 0;
		assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
		assert_ok(hf_index_lookup_exact(view, &query, 1, &sink, &why),
			  &why);
		hf_index_view_end(view);
	} while (got.count == 0);
	check_some(place->index, 500, "visible");
}

/* Of what is said twice of an entry the later word holds, whichever way each
 * came in, and removals and drops hold in both. */
static void bulks_and_single_hashes_keep_their_order(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (unsigned round = 0; round < 6; round++) {
		size_t first = model.rows_count;

		for (uint64_t i = 0; i < 200; i++)
			model_add(round, i);
		for (size_t i = first; i < model.rows_count; i++)
			index_add(place->index, &model.rows[i]);
		for (size_t i = first; i < model.rows_count; i++)
			model.rows[i].class = HF_CLASS_OTHER;
		add_in_bulk(place->index, first);
		for (size_t i = first; i < model.rows_count; i += 3) {
			model.rows[i].class = HF_CLASS_NCII;
			index_add(place->index, &model.rows[i]);
		}
		for (size_t i = first; i < model.rows_count; i += 7) {
			assert_ok(hf_index_remove(place->index,
						  model.rows[i].set,
						  model.rows[i].entry, &why),
				  &why);
			model.rows[i].is_gone = true;
		}
		if (round == 3) {
			assert_ok(hf_index_drop_set(place->index, 2, &why),
				  &why);
			for (size_t i = 0; i < model.rows_count; i++)
				model.rows[i].is_gone |= model.rows[i].set == 2;
		}
		/* Until they are one segment, any of the words may be told. */
		assert_ok(hf_index_compact(place->index, &why), &why);
		check_some(place->index, 200, "between");
	}
	reopen_index(place);
	check_some(place->index, 300, "reopened");
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_some(place->index, 300, "compacted");
}

/* A position never runs ahead of what is in the files. */
static void a_bulk_counts_once_it_is_sealed(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };
	int status;
	pid_t child;

	model.rows_count = 0;
	for (uint64_t i = 0; i < 500; i++)
		model_add(1, i);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (hf_index_open(place->dir, &place->index, NULL) != HF_OK)
			_exit(1);
		add_in_bulk(place->index, 0);
		if (hf_index_advance(place->index, 1, 500, NULL) != HF_OK)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg("the child failed");
	open_index(place);
	if (hf_index_position(place->index, 1) == 500) {
		check_some(place->index, 300, "sealed before the end");
		return;
	}
	assert_int_equal(hf_index_position(place->index, 1), 0);
	add_in_bulk(place->index, 0);
	assert_ok(hf_index_advance(place->index, 1, 500, &why), &why);
	reopen_index(place);
	assert_int_equal(hf_index_position(place->index, 1), 500);
	check_some(place->index, 300, "fed again");
}

/*
 * Crowds of equal and of nearly equal hashes: sorted and merged in time
 * that grows like their number, or this test would not end.
 */
static void crowds_are_sealed_and_merged(void **state)
{
	enum { COUNT = 150000 };
	struct place *place = *state;
	struct hf_index_hash *hashes = test_calloc(COUNT, sizeof(*hashes));
	uint8_t *digests = test_calloc(COUNT, 32);
	struct hf_index_view *view = NULL;
	struct hf_index_stats stats;
	struct hf_why why = { "" };

	open_index(place);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT; i++) {
			uint8_t *digest = digests + 32 * i;

			/* All zero; or alike in all bands but two. */
			memset(digest, 0, 32);
			if (i % 2 == 0)
				hf_be32_put(digest + 12,
					    (uint32_t)(round * COUNT + i));
			hashes[i] = (struct hf_index_hash){
				.set = 1,
				.entry = round * COUNT + i,
				.algorithm = HF_ALGORITHM_PDQ,
				.content_class = HF_CLASS_CSAM,
				.quality = 90,
				.digest = digest,
			};
		}
		assert_ok(hf_index_add(place->index, hashes, COUNT, &why),
			  &why);
		sync_index(place->index);
	}
	assert_ok(hf_index_compact(place->index, &why), &why);
	hf_index_stats(place->index, &stats);
	assert_int_equal(stats.segments_count, 1);
	assert_int_equal(stats.hashes_count[HF_ALGORITHM_PDQ], 3 * COUNT);
	got.count = 0;
	got.more = 0;
	assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
	assert_ok(hf_index_lookup_near(view, digests + 32, 1, 31, &sink, &why),
		  &why);
	hf_index_view_end(view);
	assert_int_equal(got.count, HF_INDEX_HITS_MAX);
	assert_int_equal(got.more, 1);
	test_free(hashes);
	test_free(digests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(a_bulk_is_found_once_it_is_sealed),
		PLACED(a_bulk_becomes_visible_by_itself),
		PLACED(bulks_and_single_hashes_keep_their_order),
		PLACED(a_bulk_counts_once_it_is_sealed),
		PLACED(crowds_are_sealed_and_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
