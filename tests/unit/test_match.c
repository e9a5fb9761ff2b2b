/*
 * The index as a whole against a model that is a plain array.
 */
#include "match_model.h"

static void a_new_hash_is_found_at_once_and_after_sealing(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < 300; i++) {
		index_add(place->index, model_add(1 + i % 3, i));
		check_some(place->index, 1, "mutable");
	}
	assert_ok(hf_index_sync(place->index, &why), &why);
	check_some(place->index, 300, "sealed");
	reopen_index(place);
	check_some(place->index, 300, "reopened");
}

static void a_removed_entry_is_gone_at_once_and_for_ever(void **state)
{
	struct place *place = *state;
	struct hf_index_stats stats;
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < 200; i++)
		index_add(place->index, model_add(7, i));
	assert_ok(hf_index_sync(place->index, &why), &why);
	for (size_t i = 0; i < 200; i += 2) {
		struct row *row = &model.rows[i];

		assert_ok(hf_index_remove(place->index, 7, row->entry, &why),
			  &why);
		row->is_gone = true;
		check_exact(place->index, row->algorithm, row->digest,
			    "removed");
	}
	/* Fed again, as after a crash: it stays gone. */
	for (size_t i = 0; i < 200; i++)
		index_add(place->index, &model.rows[i]);
	check_some(place->index, 200, "fed again");
	reopen_index(place);
	check_some(place->index, 200, "reopened");
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_some(place->index, 200, "compacted");
	hf_index_stats(place->index, &stats);
	assert_int_equal(stats.segments_count, 1);
	stats.hashes_count[0] = 0;
	for (unsigned a = 1; a < HF_ALGORITHM_COUNT; a++)
		stats.hashes_count[0] += stats.hashes_count[a];
	assert_int_equal(stats.hashes_count[0], 100);
}

static void what_is_withheld_is_gone_until_it_is_let_go_or_the_end(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < 200; i++)
		index_add(place->index, model_add(7, i));
	for (size_t i = 0; i < 100; i++) {
		assert_ok(hf_index_withhold(place->index, 7,
					    model.rows[i].entry, true, &why),
			  &why);
		model.rows[i].is_gone = true;
	}
	check_some(place->index, 200, "withheld");
	for (size_t i = 0; i < 50; i++) {
		assert_ok(hf_index_withhold(place->index, 7,
					    model.rows[i].entry, false, &why),
			  &why);
		model.rows[i].is_gone = false;
	}
	check_some(place->index, 200, "half of it let go");
	/* Segments are made without it; those that go on have it. */
	assert_ok(hf_index_sync(place->index, &why), &why);
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_some(place->index, 200, "compacted");
	for (size_t i = 50; i < 100; i++)
		model.rows[i].is_gone = i < 60;
	for (size_t i = 50; i < 60; i++)
		assert_ok(hf_index_remove(place->index, 7, model.rows[i].entry,
					  &why),
			  &why);
	reopen_index(place);
	check_some(place->index, 200, "only what was removed stays away");
}

static void demoting_and_amending_show_in_the_next_hit(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };
	struct row *row;

	open_index(place);
	model.rows_count = 0;
	row = model_add(3, 5);
	index_add(place->index, row);
	assert_ok(hf_index_demote(place->index, 3, 5, true, &why), &why);
	row->is_demoted = true;
	check_some(place->index, 1, "demoted");
	row->class = HF_CLASS_OTHER;
	assert_ok(hf_index_amend(place->index, 3, 5, HF_CLASS_OTHER, &why),
		  &why);
	check_some(place->index, 1, "amended");
	reopen_index(place);
	check_some(place->index, 1, "reopened");
	assert_ok(hf_index_demote(place->index, 3, 5, false, &why), &why);
	row->is_demoted = false;
	check_some(place->index, 1, "no longer demoted");
	assert_int_equal(hf_index_amend(place->index, 3, 5, 9, &why),
			 HF_E_ARGUMENT);
}

static void a_dropped_set_is_gone_and_can_be_fed_again(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < 400; i++)
		index_add(place->index, model_add(1 + i % 2, i));
	assert_ok(hf_index_advance(place->index, 1, 400, &why), &why);
	assert_ok(hf_index_advance(place->index, 2, 401, &why), &why);
	assert_ok(hf_index_sync(place->index, &why), &why);
	assert_ok(hf_index_remove(place->index, 1, 0, &why), &why);
	assert_ok(hf_index_drop_set(place->index, 1, &why), &why);
	for (size_t i = 0; i < model.rows_count; i++)
		model.rows[i].is_gone = model.rows[i].set == 1;
	check_some(place->index, 200, "dropped");
	assert_int_equal(hf_index_position(place->index, 1), 0);
	assert_int_equal(hf_index_position(place->index, 2), 401);
	reopen_index(place);
	check_some(place->index, 200, "reopened");
	for (size_t i = 0; i < 50; i++) {
		model.rows[2 * i].is_gone = false;
		index_add(place->index, &model.rows[2 * i]);
	}
	check_some(place->index, 200, "fed again");
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_some(place->index, 200, "compacted");
	reopen_index(place);
	check_some(place->index, 200, "reopened again");
}

static void random_operations_agree_with_the_model(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };
	uint64_t next[5] = { 0 };

	open_index(place);
	model.rows_count = 0;
	for (unsigned step = 0; step < less(4000); step++) {
		unsigned what = (unsigned)(random64() % 100);
		uint32_t set = (uint32_t)(random64() % 5);

		if (what < 88 || model.rows_count == 0) {
			index_add(place->index, model_add(set, next[set]++));
			assert_ok(hf_index_advance(place->index, set, next[set],
						   &why),
				  &why);
		} else if (what < 94) {
			const struct row *row =
				&model.rows[random64() % model.rows_count];

			assert_ok(hf_index_remove(place->index, row->set,
						  row->entry, &why),
				  &why);
			for (size_t i = 0; i < model.rows_count; i++)
				model.rows[i].is_gone |=
					model.rows[i].set == row->set &&
					model.rows[i].entry == row->entry;
		} else if (what < 98) {
			check_some(place->index, 3, "random");
		} else if (step % 7 == 0) {
			reopen_index(place);
			assert_int_equal(hf_index_position(place->index, set),
					 next[set]);
		} else if (step % 5 == 0) {
			assert_ok(hf_index_compact(place->index, &why), &why);
		} else if (step % 3 == 0) {
			assert_ok(hf_index_sync(place->index, &why), &why);
		}
	}
	check_some(place->index, 500, "in the end");
}

static void many_at_once_are_answered_in_order(void **state)
{
	enum { QUERIES = 500 };
	struct place *place = *state;
	struct hf_index_query queries[QUERIES];
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };
	size_t at = 0;

	open_index(place);
	model.rows_count = 0;
	for (uint64_t i = 0; i < QUERIES; i++) {
		index_add(place->index, model_add(1, i));
		if (i % 100 == 0)
			assert_ok(hf_index_sync(place->index, &why), &why);
	}
	for (size_t i = 0; i < QUERIES; i++)
		queries[i] = (struct hf_index_query){ model.rows[i].algorithm,
						      model.rows[i].digest };
	assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
	got.count = 0;
	assert_ok(hf_index_lookup_exact(view, queries, QUERIES, &sink, &why),
		  &why);
	for (size_t i = 0; i < QUERIES; i++) {
		model_answer(queries[i].algorithm, queries[i].digest, -1);
		assert_true(at + want.count <= got.count);
		for (size_t j = 0; j < want.count; j++)
			assert_int_equal(got.rows[at + j].first,
					 want.rows[j].first);
		at += want.count;
	}
	assert_int_equal(at, got.count);
	hf_index_view_end(view);
}

static void one_hash_in_very_many_entries_is_bounded(void **state)
{
	enum { COPIES = HF_INDEX_HITS_MAX + 1 };
	static struct hf_index_hash hashes[COPIES];
	struct place *place = *state;
	struct hf_index_view *view = NULL;
	struct hf_index_query query;
	uint8_t digest[32];
	struct hf_why why = { "" };

	open_index(place);
	random_bytes(digest, sizeof(digest));
	query = (struct hf_index_query){ HF_ALGORITHM_PDQ, digest };
	for (size_t i = 0; i < COPIES; i++)
		hashes[i] =
			(struct hf_index_hash){ .set = 1,
						.entry = i,
						.algorithm = HF_ALGORITHM_PDQ,
						.content_class = HF_CLASS_NCII,
						.digest = digest };
	for (size_t count = COPIES - 1; count <= COPIES; count++) {
		assert_ok(hf_index_add(place->index, hashes, count, &why),
			  &why);
		for (int sealed = 0; sealed < 2; sealed++) {
			assert_ok(
				hf_index_view_begin(place->index, &view, &why),
				&why);
			got.count = got.more = 0;
			assert_ok(hf_index_lookup_exact(view, &query, 1, &sink,
							&why),
				  &why);
			assert_int_equal(got.count, HF_INDEX_HITS_MAX);
			assert_int_equal(got.more, count == COPIES);
			got.count = got.more = 0;
			assert_ok(hf_index_lookup_near(view, digest, 1, 31,
						       &sink, &why),
				  &why);
			assert_int_equal(got.count, HF_INDEX_HITS_MAX);
			assert_int_equal(got.more, count == COPIES);
			hf_index_view_end(view);
			assert_ok(hf_index_sync(place->index, &why), &why);
		}
	}
}

static void more_than_one_memory_full_is_all_there(void **state)
{
	enum { COUNT = 150000, BATCH = 1000 };
	static uint8_t digests[BATCH][32];
	struct hf_index_hash hashes[BATCH];
	struct hf_index_view *view = NULL;
	struct place *place = *state;
	struct hf_why why = { "" };

	open_index(place);
	for (uint64_t i = 0; i < COUNT; i += BATCH) {
		for (uint64_t j = 0; j < BATCH; j++) {
			uint64_t number = (i + j) * 0x9e3779b97f4a7c15u;

			memcpy(digests[j], &number, 8);
			hashes[j] = (struct hf_index_hash){
				.set = 1,
				.entry = i + j,
				.algorithm = (i + j) % 8 == 0
						     ? HF_ALGORITHM_PDQ
						     : HF_ALGORITHM_SHA256,
				.content_class = HF_CLASS_CSAM,
				.digest = digests[j],
			};
		}
		assert_ok(hf_index_add(place->index, hashes, BATCH, &why),
			  &why);
	}
	for (int round = 0; round < 2; round++) {
		assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
		for (uint64_t i = 0; i < COUNT; i += 7) {
			uint64_t number = i * 0x9e3779b97f4a7c15u;
			uint8_t digest[32] = { 0 };
			struct hf_index_query query = {
				i % 8 == 0 ? HF_ALGORITHM_PDQ
					   : HF_ALGORITHM_SHA256,
				digest
			};

			memcpy(digest, &number, 8);
			got.count = 0;
			assert_ok(hf_index_lookup_exact(view, &query, 1, &sink,
							&why),
				  &why);
			assert_int_equal(got.count, 1);
			assert_int_equal(got.rows[0].entry, i);
		}
		hf_index_view_end(view);
		assert_ok(hf_index_compact(place->index, &why), &why);
	}
}

static void what_the_index_cannot_hold_is_refused(void **state)
{
	struct place *place = *state;
	uint8_t digest[32] = { 0 };
	struct hf_index_hash hash = { 1, 1,      77, HF_CLASS_CSAM,
				      0, digest, 0,  false };
	struct hf_index_query query = { 77, digest };
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };

	open_index(place);
	assert_int_equal(hf_index_add(place->index, &hash, 1, &why),
			 HF_E_ARGUMENT);
	hash.algorithm = HF_ALGORITHM_MD5;
	hash.content_class = 0;
	assert_int_equal(hf_index_add(place->index, &hash, 1, &why),
			 HF_E_ARGUMENT);
	assert_ok(hf_index_view_begin(place->index, &view, &why), &why);
	assert_int_equal(hf_index_lookup_exact(view, &query, 1, &sink, &why),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_index_lookup_near(view, digest, 1, 65, &sink, &why),
			 HF_E_ARGUMENT);
	hf_index_view_end(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(a_new_hash_is_found_at_once_and_after_sealing),
		PLACED(a_removed_entry_is_gone_at_once_and_for_ever),
		PLACED(what_is_withheld_is_gone_until_it_is_let_go_or_the_end),
		PLACED(demoting_and_amending_show_in_the_next_hit),
		PLACED(a_dropped_set_is_gone_and_can_be_fed_again),
		PLACED(random_operations_agree_with_the_model),
		PLACED(many_at_once_are_answered_in_order),
		PLACED(one_hash_in_very_many_entries_is_bounded),
		PLACED(more_than_one_memory_full_is_all_there),
		PLACED(what_the_index_cannot_hold_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
