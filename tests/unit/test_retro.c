#include "retro_shelf.h"

#include "match_sieve.h"

/*
 * Items.
 */

static void flip(uint8_t *digest, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		digest[i / 8] ^= (uint8_t)(1u << i % 8);
}

static void an_item_comes_back_as_it_was_put(void **state)
{
	static const uint8_t md5[16] = { 1 }, pdq[32] = { 2 },
			     photodna[144] = { 3 },
			     frames[1800 * HF_PDQ_BYTES] = { [57599] = 4 };
	const struct hf_retro_item item = {
		.digests = { { HF_ALGORITHM_MD5, HF_QUALITY_NONE, md5, 16 },
			     { HF_ALGORITHM_PDQ, 71, pdq, 32 },
			     { HF_ALGORITHM_PDQ, 0, pdq, 32 },
			     { HF_ALGORITHM_PHOTODNA, HF_QUALITY_NONE, photodna,
			       144 },
			     { HF_ALGORITHM_VPDQ, HF_QUALITY_NONE, frames,
			       sizeof(frames) } },
		.count = 5,
		.name = BYTES("/srv/\xc3\xa9t\xc3\xa9"),
	};
	struct hf_retro_item back;
	struct hf_why why = { "" };
	struct hf_span rest;
	struct hf_buf buf;

	hf_buf_init(&buf, 1 << 20);
	hf_retro_item_put(&buf, &item);
	hf_retro_item_put(&buf, &item);
	rest = hf_buf_span(&buf);
	for (int i = 0; i < 2; i++) {
		assert_ok(hf_retro_item_take(&rest, &back, &why), &why);
		assert_int_equal(back.count, 5);
		assert_int_equal(back.digests[1].quality, 71);
		assert_memory_equal(back.digests[3].at, photodna, 144);
		assert_int_equal(back.digests[4].len_bytes, sizeof(frames));
		assert_memory_equal(back.digests[4].at, frames, sizeof(frames));
		assert_true(hf_span_equal(back.name, item.name));
	}
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

static void bytes_that_are_no_item_are_refused(void **state)
{
	static const struct {
		const char *why;
		const char *bytes;
		size_t len_bytes;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "half a head", "\1\0", 2 },
		{ "no digest", "\0\0\1a", 4 },
		{ "more digests than an item has", "\101\0\0", 3 },
		{ "a longer name than there may be", "\1\1\1\1\377", 5 },
		{ "half a digest", "\1\0\0\1\377aaaaaaaaaaaaaaa", 20 },
		{ "no bytes of the digest", "\1\0\0\3\377", 5 },
		{ "half of a digest's head", "\1\0\0\3", 4 },
		{ "an algorithm that is not known", "\1\0\0\7\377aaaa", 9 },
		{ "a video without frames", "\1\0\0\6\377\0\0", 7 },
		{ "half a number of frames", "\1\0\0\6\377\0", 6 },
		{ "more frames than there are", "\1\0\0\6\377\0\1aaa", 10 },
		{ "a quality over 100", "\1\0\0\1\145aaaaaaaaaaaaaaaa", 21 },
		{ "half a name", "\1\0\3\1\377aaaaaaaaaaaaaaaann", 23 },
	};
	struct hf_retro_item item;
	struct hf_why why = { "" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		/* A copy of its own, so that a byte too far is seen. */
		uint8_t *copy = test_malloc(rows[i].len_bytes + 1);
		struct hf_span rest = hf_span(copy, rows[i].len_bytes);
		enum hf_err err;

		memcpy(copy, rows[i].bytes, rows[i].len_bytes);
		err = hf_retro_item_take(&rest, &item, &why);
		if (err != HF_E_CORRUPT || rest.at != copy)
			fail_msg("%s", rows[i].why);
		test_free(copy);
	}
}

/* Two items by SHA-256 and PDQ, numbers out of order, and one between that is
 * asked about by nothing. */
static void items_of_a_lookup_are_put_by_their_numbers(void **state)
{
	static const uint8_t digests[96] = { [0] = 30, [32] = 10, [64] = 31 };
	static const uint8_t qualities[3] = { 9, 50, 100 };
	static const uint32_t sha_items[2] = { 3, 1 };
	static const uint32_t pdq_items[3] = { 3, 1, 3 };
	static const char *const names[] = { "zero", "one", "two" };
	const struct hf_digest_batch batches[] = {
		{ .algorithm = HF_ALGORITHM_SHA256,
		  .digests = hf_span(digests, 64),
		  .items = sha_items,
		  .items_count = 2 },
		{ .algorithm = HF_ALGORITHM_PDQ,
		  .digests = hf_span(digests, 96),
		  .qualities = hf_span(qualities, 3),
		  .items = pdq_items,
		  .items_count = 3 },
	};
	const struct hf_wire_match_request request = {
		.batches = batches,
		.batches_count = 2,
		.names = names,
		.names_count = 3,
	};
	const bool left_out[] = { false, false, false, true };
	struct hf_retro_item item;
	struct hf_why why = { "" };
	struct hf_span rest;
	struct hf_buf buf;
	size_t count;

	hf_buf_init(&buf, 4096);
	assert_ok(hf_retro_items_put(&buf, &request, NULL, &count, &why), &why);
	assert_int_equal(count, 2);
	rest = hf_buf_span(&buf);
	assert_ok(hf_retro_item_take(&rest, &item, &why), &why);
	assert_int_equal(item.count, 2);
	assert_true(hf_span_is(item.name, "one"));
	assert_int_equal(item.digests[0].at[0], 10);
	assert_int_equal(item.digests[0].quality, HF_QUALITY_NONE);
	assert_int_equal(item.digests[1].quality, 50);
	assert_ok(hf_retro_item_take(&rest, &item, &why), &why);
	assert_int_equal(item.count, 3);
	assert_int_equal(item.name.len_bytes, 0);
	assert_int_equal(item.digests[2].at[0], 31);
	assert_int_equal(item.digests[2].quality, 100);
	assert_int_equal(rest.len_bytes, 0);

	hf_buf_reset(&buf);
	assert_ok(hf_retro_items_put(&buf, &request, left_out, &count, &why),
		  &why);
	assert_int_equal(count, 1);
	rest = hf_buf_span(&buf);
	assert_ok(hf_retro_item_take(&rest, &item, &why), &why);
	assert_true(hf_span_is(item.name, "one"));
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

/* Of two videos of an item that are too long together, one. */
static void of_long_videos_as_many_are_kept_as_fit(void **state)
{
	static uint8_t frames[2000 * HF_PDQ_BYTES];
	static const uint32_t lists[3] = { 1000, 900, 100 };
	static const uint32_t items[3] = { 0, 0, 0 };
	const struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_VPDQ,
		.digests = hf_span(frames, sizeof(frames)),
		.items = items,
		.items_count = 3,
		.frames = lists,
		.frames_count = 3,
	};
	const struct hf_wire_match_request request = { .batches = &batch,
						       .batches_count = 1 };
	struct hf_retro_item item;
	struct hf_why why = { "" };
	struct hf_span rest;
	struct hf_buf buf;
	size_t count;

	frames[1900 * HF_PDQ_BYTES] = 77;
	hf_buf_init(&buf, 1 << 20);
	assert_ok(hf_retro_items_put(&buf, &request, NULL, &count, &why), &why);
	rest = hf_buf_span(&buf);
	assert_ok(hf_retro_item_take(&rest, &item, &why), &why);
	assert_int_equal(item.count, 2);
	assert_int_equal(item.digests[0].len_bytes, 1000 * HF_PDQ_BYTES);
	assert_int_equal(item.digests[1].len_bytes, 100 * HF_PDQ_BYTES);
	assert_int_equal(item.digests[1].at[0], 77);
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

static void of_an_item_with_very_many_digests_the_first_are_kept(void **state)
{
	enum { MANY = HF_ITEM_MAX_HASHES + 5 };
	static uint8_t digests[MANY * 32];
	uint32_t items[MANY] = { 0 };
	const struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_PDQ,
		.digests = hf_span(digests, sizeof(digests)),
		.items = items,
		.items_count = MANY,
	};
	const struct hf_wire_match_request request = { .batches = &batch,
						       .batches_count = 1 };
	struct hf_retro_item item;
	struct hf_why why = { "" };
	struct hf_span rest;
	struct hf_buf buf;
	size_t count;

	hf_buf_init(&buf, 1 << 16);
	assert_ok(hf_retro_items_put(&buf, &request, NULL, &count, &why), &why);
	assert_int_equal(count, 1);
	rest = hf_buf_span(&buf);
	assert_ok(hf_retro_item_take(&rest, &item, &why), &why);
	assert_int_equal(item.count, HF_ITEM_MAX_HASHES);
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

/*
 * The filter.
 */

static bool passes(const struct hf_match_sieve *filter, unsigned algorithm,
		   const uint8_t *digest)
{
	const struct hf_retro_item item = {
		.digests = { { (uint8_t)algorithm, HF_QUALITY_NONE, digest,
			       algorithm == HF_ALGORITHM_VPDQ
				       ? HF_PDQ_BYTES
				       : hf_algorithm_bytes(algorithm) } },
		.count = 1,
	};

	return hf_retro_item_passes(&item, filter);
}

static void a_filter_passes_what_may_match_and_little_else(void **state)
{
	static const struct {
		int distance;
		unsigned flipped;
		bool passes;
	} rows[] = { { 31, 0, true }, { 31, 31, true }, { 31, 32, false },
		     { 8, 8, true },  { 8, 9, false },  { 0, 0, true },
		     { 0, 1, false }, { 64, 64, true }, { 64, 65, false },
		     { -1, 0, false } };
	struct hf_match_sieve *filter;
	struct hf_why why = { "" };
	uint8_t pdq[32], asked[32];

	for (size_t n = 0; n < 2 * ROWS(rows); n++) {
		size_t i = n / 2;
		unsigned algorithm =
			n % 2 == 0 ? HF_ALGORITHM_PDQ : HF_ALGORITHM_VPDQ;

		assert_ok(hf_match_sieve_new(n % 2 == 0 ? rows[i].distance : 3,
					     n % 2 == 1 ? rows[i].distance : 3,
					     &filter, &why),
			  &why);
		fill(pdq, 32);
		assert_ok(hf_match_sieve_add(filter, algorithm, pdq, &why),
			  &why);
		assert_int_equal(hf_match_sieve_count(filter),
				 rows[i].distance >= 0);
		memcpy(asked, pdq, 32);
		flip(asked, rows[i].flipped);
		assert_int_equal(passes(filter, algorithm, asked),
				 rows[i].passes);
		/* A frame is no picture. */
		assert_false(passes(
			filter,
			HF_ALGORITHM_PDQ + HF_ALGORITHM_VPDQ - algorithm, pdq));
		/* An exact one is no PDQ. */
		assert_false(passes(filter, HF_ALGORITHM_SHA256, pdq));
		hf_match_sieve_free(filter);
	}
}

static void a_filter_of_many_misses_none(void **state)
{
	enum { MANY = 3000 };
	static const struct {
		uint8_t algorithm;
		size_t len_bytes;
	} kinds[] = {
		{ HF_ALGORITHM_MD5, 16 },    { HF_ALGORITHM_SHA1, 20 },
		{ HF_ALGORITHM_SHA256, 32 }, { HF_ALGORITHM_PHOTODNA, 144 },
		{ HF_ALGORITHM_PDQ, 32 },    { HF_ALGORITHM_VPDQ, 32 }
	};
	static uint8_t digests[MANY][144];
	struct hf_match_sieve *filter;
	struct hf_why why = { "" };
	uint8_t other[144];
	size_t wrong = 0;

	assert_ok(hf_match_sieve_new(31, 31, &filter, &why), &why);
	for (size_t i = 0; i < MANY; i++) {
		/* One of zeros, and some that begin with them. */
		if (i > 0)
			fill(digests[i], 144);
		if (i % 100 == 0)
			memset(digests[i], 0, 7);
		assert_ok(hf_match_sieve_add(filter,
					     kinds[i % ROWS(kinds)].algorithm,
					     digests[i], &why),
			  &why);
	}
	assert_int_equal(hf_match_sieve_count(filter), MANY);
	for (size_t i = 0; i < MANY; i++) {
		uint8_t algorithm = kinds[i % ROWS(kinds)].algorithm;

		assert_true(passes(filter, algorithm, digests[i]));
		if (algorithm == HF_ALGORITHM_PDQ) {
			flip(digests[i], (unsigned)(random64() % 32));
			assert_true(passes(filter, algorithm, digests[i]));
		}
		fill(other, sizeof(other));
		wrong += passes(filter, algorithm, other);
	}
	assert_int_equal(wrong, 0);
	hf_match_sieve_free(filter);
}

/*
 * The store.
 */

static void what_is_kept_is_there_after_a_restart(void **state)
{
	struct shelf *shelf = *state;
	struct hf_retro_stats stats;
	unsigned first;

	reopen(shelf);
	assert_int_equal(stock(shelf, &first), 0);
	keep(shelf, 0, 900, 8, NOW_MS);
	keep(shelf, 900, 1, 8, NOW_MS + 1);
	reopen(shelf);
	assert_int_equal(stock(shelf, &first), 901);
	assert_int_equal(first, 0);
	hf_retro_store_stats(shelf->store, &stats);
	assert_int_equal(stats.items, 901);
	keep(shelf, 901, 9, 8, NOW_MS + 2);
	assert_int_equal(stock(shelf, &first), 910);
}

static void the_oldest_leave_when_there_are_too_many(void **state)
{
	struct shelf *shelf = *state;
	unsigned first = 0;
	long count;

	reopen(shelf);
	for (unsigned i = 0; i < 30; i++)
		keep(shelf, i * 100, 100, 8, NOW_MS + i);
	count = stock(shelf, &first);
	assert_int_equal(count, 1000);
	assert_int_equal(first, 2000);

	/* Long names count as what they are: 200 bytes an item. */
	for (unsigned i = 30; i < 60; i++)
		keep(shelf, i * 100, 100, HF_ITEM_NAME_MAX_BYTES, NOW_MS + i);
	count = stock(shelf, &first);
	assert_in_range(count, 500, 700);
	assert_int_equal(first + count, 6000);

	/* Fewer are wanted. */
	shelf->limits.items_most = 200;
	reopen(shelf);
	keep(shelf, 6000, 1, 8, NOW_MS + 60);
	assert_in_range(stock(shelf, &first), 1, 201);
}

static void what_is_old_leaves(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	unsigned first = 0;

	reopen(shelf);
	keep(shelf, 0, 10, 8, NOW_MS);
	keep(shelf, 10, 10, 8, NOW_MS + DAY_MS);
	assert_ok(hf_retro_store_expire(shelf->store, NOW_MS + 7 * DAY_MS - 1,
					&why),
		  &why);
	assert_int_equal(stock(shelf, &first), 20);
	assert_ok(
		hf_retro_store_expire(shelf->store, NOW_MS + 7 * DAY_MS, &why),
		&why);
	assert_int_equal(stock(shelf, &first), 10);
	assert_int_equal(first, 10);
	/* Of a clock that was far ahead. */
	assert_ok(
		hf_retro_store_expire(shelf->store, NOW_MS - 7 * DAY_MS, &why),
		&why);
	assert_int_equal(stock(shelf, &first), 0);
	assert_ok(hf_retro_store_expire(shelf->store, NOW_MS, &why), &why);
}

static void many_old_frames_leave_at_once(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	unsigned first = 0;

	reopen(shelf);
	for (unsigned i = 0; i < 600; i++)
		keep(shelf, i, 1, 8, NOW_MS + i);
	assert_int_equal(stock(shelf, &first), 600);
	assert_ok(hf_retro_store_expire(shelf->store, NOW_MS + 7 * DAY_MS + 590,
					&why),
		  &why);
	assert_int_equal(stock(shelf, &first), 9);
	assert_int_equal(first, 591);
}

static void a_set_is_checked_from_where_it_was(void **state)
{
	static const char *const origins[] = { "a.example/ncii/1",
					       "b.example/ncii/1" };
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	uint64_t position;

	reopen(shelf);
	assert_int_equal(hf_retro_store_position(shelf->store, origins[0],
						 &position, &why),
			 HF_E_NOTFOUND);
	assert_ok(hf_retro_store_move(
			  shelf->store,
			  (struct hf_retro_position[]){ { origins[0], 7 },
							{ origins[1], 9 } },
			  2, &why),
		  &why);
	reopen(shelf);
	assert_ok(hf_retro_store_position(shelf->store, origins[1], &position,
					  &why),
		  &why);
	assert_int_equal(position, 9);
}

static void a_damaged_frame_is_passed_over_and_counted(void **state)
{
	struct shelf *shelf = *state;
	struct hf_retro_stats stats;
	struct hf_why why = { "" };
	uint64_t number = 0;
	struct hf_buf buf;

	reopen(shelf);
	for (unsigned i = 0; i < 3; i++)
		keep(shelf, 77770 + i, 1, 8, NOW_MS);
	hf_retro_store_close(shelf->store);
	shelf->store = NULL;
	assert_true(replace_in_file(shelf, "00077771", "00077779") > 0);
	reopen(shelf);
	hf_retro_store_stats(shelf->store, &stats);
	hf_buf_init(&buf, (size_t)2 << 20);
	assert_ok(hf_retro_store_read(shelf->store, &number, stats.last, &buf,
				      &why),
		  &why);
	assert_int_equal(number, 3);
	assert_int_equal(buf.len_bytes, 2 * (3 + 2 + 32 + 8));
	hf_retro_store_stats(shelf->store, &stats);
	assert_int_equal(stats.damaged, 1);
	hf_buf_release(&buf);
}

static void a_file_that_is_not_ours_is_said_to_be(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	char path[128];
	FILE *file;

	reopen(shelf);
	keep(shelf, 0, 1, 8, NOW_MS);
	hf_retro_store_close(shelf->store);
	shelf->store = NULL;
	assert_true(replace_in_file(shelf, "hashfed-retro/1",
				    "hashfed-retro/9") > 0);
	assert_int_equal(open_shelf(shelf, &why), HF_E_UNSUPPORTED);
	snprintf(path, sizeof(path), "%s/data.mdb", shelf->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 20000; i++)
		fputs("no store", file);
	fclose(file);
	assert_int_equal(open_shelf(shelf, &why), HF_E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_item_comes_back_as_it_was_put),
		cmocka_unit_test(bytes_that_are_no_item_are_refused),
		cmocka_unit_test(items_of_a_lookup_are_put_by_their_numbers),
		cmocka_unit_test(
			of_an_item_with_very_many_digests_the_first_are_kept),
		cmocka_unit_test(of_long_videos_as_many_are_kept_as_fit),
		cmocka_unit_test(
			a_filter_passes_what_may_match_and_little_else),
		cmocka_unit_test(a_filter_of_many_misses_none),
		RETRO_TEST(what_is_kept_is_there_after_a_restart),
		RETRO_TEST(the_oldest_leave_when_there_are_too_many),
		RETRO_TEST(what_is_old_leaves),
		RETRO_TEST(many_old_frames_leave_at_once),
		RETRO_TEST(a_set_is_checked_from_where_it_was),
		RETRO_TEST(a_damaged_frame_is_passed_over_and_counted),
		RETRO_TEST(a_file_that_is_not_ours_is_said_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
