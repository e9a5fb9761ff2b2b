#include "retro_shelf.h"

/*
 * What is to be gone.
 */

static struct hf_retro_gone *gone_of(const struct hf_span *digests,
				     size_t count)
{
	struct hf_retro_gone *gone = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_retro_gone_new(&gone, &why), &why);
	for (size_t i = 0; i < count; i++)
		assert_ok(hf_retro_gone_add(gone, digests[i], &why), &why);
	hf_retro_gone_seal(gone);
	return gone;
}

static void what_is_to_be_gone_is_known_by_all_its_bytes(void **state)
{
	static uint8_t digests[3000][HF_PDQ_BYTES];
	struct hf_retro_gone *gone;
	struct hf_why why = { "" };

	assert_ok(hf_retro_gone_new(&gone, &why), &why);
	hf_retro_gone_seal(gone);
	assert_false(hf_retro_gone_has(gone, hf_span(digests[0], 32)));
	for (size_t i = 0; i < ROWS(digests); i++) {
		fill(digests[i], HF_PDQ_BYTES);
		/* Of MD5 only the first sixteen. */
		assert_ok(hf_retro_gone_add(
				  gone,
				  hf_span(digests[i], i % 3 == 0 ? 16 : 32),
				  &why),
			  &why);
	}
	assert_ok(hf_retro_gone_add(gone, BYTES("too short"), &why), &why);
	hf_retro_gone_seal(gone);
	assert_int_equal(hf_retro_gone_count(gone), ROWS(digests));
	for (size_t i = 0; i < ROWS(digests); i++) {
		bool is_short = i % 3 == 0;

		assert_true(hf_retro_gone_has(
			gone, hf_span(digests[i], is_short ? 16 : 32)));
		assert_false(hf_retro_gone_has(
			gone, hf_span(digests[i], is_short ? 32 : 16)));
		digests[i][31] ^= 1;
		assert_false(hf_retro_gone_has(gone, hf_span(digests[i], 32)));
	}
	assert_false(hf_retro_gone_has(gone, BYTES("too short")));
	hf_retro_gone_free(gone);
	hf_retro_gone_free(NULL);
}

static void an_item_keeps_what_is_not_to_be_gone(void **state)
{
	static const uint8_t md5[16] = { 1 }, sha256[32] = { 2 },
			     pdq[32] = { 3 },
			     frames[3 * 32] = { [0] = 4, [32] = 3, [64] = 5 };
	const struct hf_retro_item item = {
		.digests = { { HF_ALGORITHM_MD5, HF_QUALITY_NONE, md5, 16 },
			     { HF_ALGORITHM_SHA256, HF_QUALITY_NONE, sha256,
			       32 },
			     { HF_ALGORITHM_PDQ, 77, pdq, 32 },
			     { HF_ALGORITHM_VPDQ, HF_QUALITY_NONE, frames,
			       sizeof(frames) } },
		.count = 4,
		.name = BYTES("upload"),
	};
	const struct hf_span all[] = { hf_span(md5, 16), hf_span(sha256, 32),
				       hf_span(pdq, 32), hf_span(frames, 32),
				       hf_span(frames + 64, 32) };
	const struct {
		const char *name;
		struct hf_span digests[5];
		size_t count;
		enum hf_retro_left left;
		size_t digests_left;
		size_t frames_left;
	} rows[] = {
		/* clang-format off */
		{ "nothing",           { { 0 } }, 0, HF_RETRO_ALL_LEFT, 4, 3 },
		{ "the frames' list",  { hf_span(frames, 96) }, 1,
					HF_RETRO_ALL_LEFT, 4, 3 },
		{ "half a SHA-256",    { hf_span(sha256, 16) }, 1,
					HF_RETRO_ALL_LEFT, 4, 3 },
		{ "the MD5",           { all[0] }, 1, HF_RETRO_SOME_LEFT, 3, 3 },
		{ "PDQ and frame",     { all[2] }, 1, HF_RETRO_SOME_LEFT, 3, 2 },
		{ "all but one frame", { all[0], all[1], all[2], all[4] }, 4,
					HF_RETRO_SOME_LEFT, 1, 1 },
		{ "everything",        { all[0], all[1], all[2], all[3], all[4] },
					5, HF_RETRO_NONE_LEFT, 0, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_retro_gone *gone =
			gone_of(rows[i].digests, rows[i].count);
		struct hf_retro_item back = { .count = 0 };
		size_t frames_left = 0;
		struct hf_buf buf;
		struct hf_span rest;

		hf_buf_init(&buf, 4096);
		assert_int_equal(hf_retro_item_put_without(&buf, &item, gone),
				 rows[i].left);
		rest = hf_buf_span(&buf);
		if (rows[i].left != HF_RETRO_NONE_LEFT) {
			if (hf_retro_item_take(&rest, &back, NULL) != HF_OK ||
			    !hf_span_is(back.name, "upload"))
				fail_msg("%s", rows[i].name);
			frames_left = back.digests[back.count - 1].len_bytes /
				      HF_PDQ_BYTES;
		}
		if (rest.len_bytes != 0 || back.count != rows[i].digests_left ||
		    frames_left != rows[i].frames_left)
			fail_msg("%s", rows[i].name);
		for (size_t j = 0; j < back.count; j++)
			assert_int_equal(back.digests[j].quality,
					 back.digests[j].algorithm ==
							 HF_ALGORITHM_PDQ
						 ? 77
						 : HF_QUALITY_NONE);
		hf_buf_release(&buf);
		hf_retro_gone_free(gone);
	}
}

/*
 * The store.
 */

/* 32 bytes that nobody else would write, of a number. */
static const char *digest_of(unsigned number)
{
	static char text[40];

	snprintf(text, sizeof(text), "digest-of-nobody-else-%010u", number);
	return text;
}

/* Items of two such digests each: this number's, and this and a million's. */
static void keep_pairs(struct shelf *shelf, unsigned first, unsigned count)
{
	struct hf_why why = { "" };
	char digests[2][40], name[16];
	struct hf_buf buf;

	hf_buf_init(&buf, (size_t)8 << 20);
	for (unsigned i = first; i < first + count; i++) {
		struct hf_retro_item item = { .count = 2 };

		strcpy(digests[0], digest_of(i));
		strcpy(digests[1], digest_of(i + 1000000));
		for (size_t j = 0; j < 2; j++)
			item.digests[j] = (struct hf_retro_digest){
				HF_ALGORITHM_SHA256, HF_QUALITY_NONE,
				(const uint8_t *)digests[j], 32
			};
		snprintf(name, sizeof(name), "%u", i);
		item.name = hf_span_of(name);
		hf_retro_item_put(&buf, &item);
	}
	assert_ok(hf_retro_store_put(shelf->store, hf_buf_span(&buf), NOW_MS,
				     &why),
		  &why);
	hf_buf_release(&buf);
}

/* From a number on, every other one. */
static struct hf_retro_gone *gone_from(unsigned first, unsigned count)
{
	struct hf_retro_gone *gone = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_retro_gone_new(&gone, &why), &why);
	for (unsigned i = 0; i < count; i++)
		assert_ok(hf_retro_gone_add(
				  gone, hf_span(digest_of(first + 2 * i), 32),
				  &why),
			  &why);
	hf_retro_gone_seal(gone);
	return gone;
}

static uint64_t strip(struct shelf *shelf, unsigned first, unsigned count)
{
	struct hf_retro_gone *gone = gone_from(first, count);
	struct hf_why why = { "" };
	uint64_t items;

	assert_ok(hf_retro_store_strip(shelf->store, gone, NULL, &items, &why),
		  &why);
	hf_retro_gone_free(gone);
	return items;
}

static bool is_in_file(struct shelf *shelf, unsigned number)
{
	const char *text = digest_of(number);

	return replace_in_file(shelf, text, text) > 0;
}

static void what_is_forgotten_is_in_no_file_and_the_rest_stays(void **state)
{
	struct shelf *shelf = *state;
	struct hf_retro_stats before, stats;
	struct hf_why why = { "" };
	unsigned first;

	/* Several steps of frames. */
	shelf->limits.items_most = 1000000;
	reopen(shelf);
	keep_pairs(shelf, 0, 30000);
	keep_pairs(shelf, 30000, 1);
	hf_retro_store_stats(shelf->store, &before);
	assert_int_equal(before.items, 30001);
	assert_true(is_in_file(shelf, 20000) && is_in_file(shelf, 30000));

	assert_int_equal(strip(shelf, 1, 7), 7);
	assert_int_equal(strip(shelf, 20000, 2000), 2000);
	/* One that goes altogether, and with it its frame. */
	assert_int_equal(strip(shelf, 30000, 1), 1);
	assert_int_equal(strip(shelf, 1030000, 1), 1);
	assert_int_equal(strip(shelf, 30000, 1), 0);
	hf_retro_store_stats(shelf->store, &stats);
	assert_int_equal(stats.items, 30000);
	assert_int_equal(stats.damaged, 0);
	assert_true(stats.bytes < before.bytes - 2000 * 32);
	assert_int_equal(stock(shelf, &first), 30000);
	assert_int_equal(first, 0);
	assert_true(is_in_file(shelf, 30000));

	assert_ok(hf_retro_store_compact(shelf->store, NULL, &why), &why);
	/* Each looks through the whole file: some of both kinds. */
	for (unsigned i = 20000; i < 24000; i += 37)
		assert_int_equal(is_in_file(shelf, i), i % 2);
	assert_false(is_in_file(shelf, 30000) || is_in_file(shelf, 1030000));
	assert_true(is_in_file(shelf, 1020000));
	reopen(shelf);
	before = stats;
	hf_retro_store_stats(shelf->store, &stats);
	assert_int_equal(stats.items, before.items);
	assert_int_equal(stats.bytes, before.bytes);
	assert_int_equal(stock(shelf, &first), 30000);
	keep(shelf, 30000, 1, 8, NOW_MS);
	assert_int_equal(stock(shelf, &first), 30001);
}

static void forgetting_can_be_stopped_and_begun_again(void **state)
{
	struct shelf *shelf = *state;
	struct hf_retro_gone *gone = gone_from(0, 10);
	atomic_bool is_over = true;
	struct hf_why why = { "" };
	uint64_t items = 77;

	reopen(shelf);
	keep_pairs(shelf, 0, 10);
	assert_int_equal(hf_retro_store_strip(shelf->store, gone, &is_over,
					      &items, &why),
			 HF_E_CANCELLED);
	assert_int_equal(items, 77);
	assert_int_equal(hf_retro_store_compact(shelf->store, &is_over, &why),
			 HF_E_CANCELLED);
	is_over = false;
	assert_ok(hf_retro_store_strip(shelf->store, gone, &is_over, &items,
				       &why),
		  &why);
	assert_int_equal(items, 5);
	hf_retro_gone_free(gone);
}

static void what_nobody_can_read_is_forgotten_as_well(void **state)
{
	struct shelf *shelf = *state;
	struct hf_retro_stats stats;
	struct hf_why why = { "" };
	unsigned first;

	reopen(shelf);
	for (unsigned i = 0; i < 3; i++)
		keep(shelf, 77770 + i, 1, 8, NOW_MS);
	hf_retro_store_close(shelf->store);
	shelf->store = NULL;
	assert_true(replace_in_file(shelf, "00077770", "00077779") > 0);
	reopen(shelf);
	assert_int_equal(strip(shelf, 0, 1), 0);
	hf_retro_store_stats(shelf->store, &stats);
	assert_int_equal(stats.damaged, 1);
	assert_int_equal(stats.items, 2);
	assert_ok(hf_retro_store_compact(shelf->store, NULL, &why), &why);
	assert_int_equal(replace_in_file(shelf, "00077779", "00077779"), 0);
	reopen(shelf);
	assert_int_equal(stock(shelf, &first), 2);
	assert_int_equal(first, 77771);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_to_be_gone_is_known_by_all_its_bytes),
		cmocka_unit_test(an_item_keeps_what_is_not_to_be_gone),
		RETRO_TEST(what_is_forgotten_is_in_no_file_and_the_rest_stays),
		RETRO_TEST(forgetting_can_be_stopped_and_begun_again),
		RETRO_TEST(what_nobody_can_read_is_forgotten_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
