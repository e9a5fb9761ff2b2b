/*
 * Rows of stored files as bytes: they come back as they were put, take little
 * room, and bytes that are none are refused.
 */
#include "inventory_rig.h"

#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "kind.h"
#include "random64.h"

static void rows_come_back_as_they_were_put(void **state)
{
	static char longest[HF_ROW_PATH_SIZE], digits[HF_ROW_PATH_SIZE],
		others[HF_ROW_PATH_SIZE];
	const struct {
		const char *path;
		uint8_t note, quality;
		uint32_t stamp;
	} rows[] = {
		{ "/a/b/0001.jpg", 0, 77, 0 },
		{ "/a/b/0002.jpg", 0, 100, 1 },
		{ "/a/b/0002.jpg", HF_VERDICT_BLOCK, 0, 127 },
		{ "/a/b/0102.jpg", 0, 3, 127 },
		{ "/a/b/0a02.jpg", HF_ROW_GONE, 3, 127 },
		{ "/a/b/0A02.jpg", 0, 3, 127 },
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad015.jpg", 0, HF_ROW_NO_PDQ,
		  128 },
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad0150.jpg", 0,
		  HF_ROW_NOT_TRIED, UINT32_MAX },
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad0151.jpg", HF_ROW_GONE, 0,
		  0 },
		/* As long, with a digit less. */
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad01-1.jpg", 0, 1, 1 },
		{ "/a/b/123e4567-e89b-12d3-a456-426614174000", 0, 1, 1 },
		{ "/a/b/123e4567-e89c-02d3-b456-f26614174001", 0, 102, 1 },
		{ "/a/b/123e4568-abcd-efd3-b456-f26614174001", 1, 102, 1 },
		{ "/a/c/123e4568-abcd-efd3-b456-f26614174001", 2, 101, 1 },
		{ "/a", 0, 1, 1u << 31 },
		{ longest, 0, 1, 1 },
		{ digits, 0, 1, 1 },
		{ others, 0, 1, 1 },
		{ "/", 0, 1, 1 },
		{ "/\xff\xfe\x01 with bytes", 0, 1, 1 },
		{ "/\xff\xfe\x01 with bytes and more than fifteen", 0, 1, 1 },
	};
	static struct hf_row_lean lean;
	struct hf_buf buf;
	struct hf_span rest;

	memset(longest, 'x', sizeof(longest) - 1);
	memset(digits, '7', sizeof(digits) - 1);
	memset(others, 'f', sizeof(others) - 1);
	longest[0] = digits[0] = others[0] = '/';
	hf_buf_init(&buf, 64 * 1024);
	hf_row_lean_reset(&lean);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = a_row(rows[i].path);

		row.note = rows[i].note;
		row.quality = rows[i].quality;
		row.stamp = rows[i].stamp;
		hf_row_put(&buf, &lean, &row);
	}
	rest = hf_buf_span(&buf);
	hf_row_lean_reset(&lean);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = a_row(rows[i].path), back;
		struct hf_why why = { "" };

		row.note = rows[i].note;
		row.quality = rows[i].quality;
		row.stamp = rows[i].stamp;
		assert_ok(hf_row_take(&rest, &lean, &back, &why), &why);
		same_row(&row, &back);
	}
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

/* Instead of a number of frames: nobody could decode it. */
#define UNSEEN 9999

static struct hf_row film_of(const char *path, size_t frames_count)
{
	struct hf_row row =
		a_film(path, frames_count != UNSEEN ? frames_count : 0);

	if (frames_count == UNSEEN)
		row.quality = HF_ROW_NO_VIDEO;
	return row;
}

static void videos_come_back_with_their_frames(void **state)
{
	const struct {
		const char *path;
		size_t frames_count;
		uint8_t note;
	} rows[] = {
		{ "/a/01.mp4", 1, 0 },
		{ "/a/02.mp4", HF_VPDQ_MAX_FRAMES, 0 }, /* alike */
		{ "/a/03.mp4", 0, HF_ROW_GONE },
		{ "/a/04.mp4", 127, HF_VERDICT_REVIEW },
		{ "/a/05.mp4", 0, 0 },
		{ "/a/x", 128, 0 },
		{ "/a/y", UNSEEN, 0 },
		{ "/a/07.mp4", UNSEEN, HF_VERDICT_BLOCK },
		{ "/a/08.mp4", UNSEEN, HF_ROW_GONE },
	};
	static struct hf_row_lean lean;
	struct hf_buf buf;
	struct hf_span rest;
	size_t before_bytes = 0;

	hf_buf_init(&buf, 128 * 1024);
	hf_row_lean_reset(&lean);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = film_of(rows[i].path, rows[i].frames_count);

		row.note = rows[i].note;
		before_bytes = buf.len_bytes;
		hf_row_put(&buf, &lean, &row);
		/* What 120 bytes are promised of, and 32 a frame. */
		assert_true(buf.len_bytes - before_bytes <=
			    120 + row.frames_count * (size_t)HF_PDQ_BYTES);
	}
	rest = hf_buf_span(&buf);
	hf_row_lean_reset(&lean);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = film_of(rows[i].path, rows[i].frames_count);
		struct hf_row back;
		struct hf_why why = { "" };

		row.note = rows[i].note;
		assert_ok(hf_row_take(&rest, &lean, &back, &why), &why);
		same_row(&row, &back);
	}
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

static int by_row(const void *one, const void *other)
{
	return hf_row_compare(one, other);
}

/* What files are called where there are many of them: by number, by 64 or 128
 * bits in hex, by UUID; in the numbers that there are of them. */
static void a_row_beside_others_takes_little(void **state)
{
	enum { ROWS_MANY = 4000, NAME = 80 };
	static char names[ROWS_MANY][NAME];
	static struct hf_row_lean lean;
	static const char *const kinds[] = { "number", "64 bits", "128 bits",
					     "UUID" };

	for (int kind = 0; kind < (int)ROWS(kinds); kind++) {
		struct hf_buf buf;
		size_t bytes = 0;

		for (unsigned i = 0; i < ROWS_MANY; i++) {
			unsigned long one = random64(), other = random64();
			/* Some sixteen in a directory. */
			unsigned a = i / 16 & 255, b = 3;

			if (kind == 0)
				snprintf(names[i], NAME,
					 "/srv/2026/01/%02u/IMG_%08u.jpg",
					 i / 3000 + 1, 123450000 + i);
			else if (kind == 1)
				snprintf(names[i], NAME,
					 "/srv/%02x/%02x/%016lx.jpg", a, b,
					 one);
			else if (kind == 2)
				snprintf(names[i], NAME,
					 "/srv/%02x/%02x/%02x%02x%012lx%016lx",
					 a, b, a, b, one >> 16, other);
			else
				snprintf(names[i], NAME,
					 "/srv/%02x/%02x/%02x%02x%04lx-%04lx-"
					 "4%03lx-%04lx-%012lx.jpg",
					 a, b, a, b, one & 0xffff,
					 one >> 16 & 0xffff, one >> 32 & 0xfff,
					 one >> 48, other >> 16);
		}
		qsort(names, ROWS_MANY, NAME, by_row);
		hf_buf_init(&buf, 4096);
		hf_row_lean_reset(&lean);
		for (unsigned i = 0; i < ROWS_MANY; i++) {
			struct hf_row row = a_row(names[i]);

			hf_buf_reset(&buf);
			hf_row_put(&buf, &lean, &row);
			bytes += buf.len_bytes;
		}
		if (bytes > (size_t)ROWS_MANY * 120)
			fail_msg("%s: %zu bytes for %d rows", kinds[kind],
				 bytes, ROWS_MANY);
		hf_buf_release(&buf);
	}
}

static void rows_are_in_the_order_of_a_walk(void **state)
{
	const char *const paths[] = {
		"/a",     "/a/b", "/a/b/c", "/a/b\x01",
		"/a/b.c", "/a!",  "/b",     "/b\xff",
	};

	for (size_t i = 0; i < ROWS(paths); i++) {
		for (size_t j = 0; j < ROWS(paths); j++) {
			int order = hf_row_compare(paths[i], paths[j]);

			assert_int_equal(order < 0, i < j);
			assert_int_equal(order == 0, i == j);
		}
	}
	assert_true(hf_row_is_under("/a/b", "/a/b"));
	assert_true(hf_row_is_under("/a/b/c", "/a/b"));
	assert_false(hf_row_is_under("/a/bc", "/a/b"));
	assert_true(hf_row_is_under("/a", "/"));
}

static void bytes_that_are_no_row_are_refused(void **state)
{
	struct hf_row row = a_row("/a/b/some-name.jpg"), back;
	static struct hf_row_lean lean;
	struct hf_buf buf;
	size_t taken = 0;

	hf_buf_init(&buf, 4096);
	hf_row_lean_reset(&lean);
	hf_row_put(&buf, &lean, &row);
	assert_int_equal(hf_buf_failed(&buf), HF_OK);
	for (size_t len_bytes = 0; len_bytes < buf.len_bytes; len_bytes++) {
		struct hf_span rest = hf_span(buf.at, len_bytes);

		hf_row_lean_reset(&lean);
		assert_int_equal(hf_row_take(&rest, &lean, &back, NULL),
				 HF_E_CORRUPT);
	}
	/* Any one byte changed: another row, or none; never past the end. */
	for (size_t i = 0; i < 30; i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			struct hf_span rest = hf_buf_span(&buf);

			lean = (struct hf_row_lean){ .path = "/1f",
						     .front = 1,
						     .digits = 2 };
			buf.at[i] ^= (uint8_t)flip;
			taken +=
				hf_row_take(&rest, &lean, &back, NULL) == HF_OK;
			buf.at[i] ^= (uint8_t)flip;
		}
	}
	assert_true(taken > 0);
	hf_buf_release(&buf);
}

/* How many frames there are is what a hostile row would lie about. */
static void frames_that_are_not_there_are_refused(void **state)
{
	enum { FRAMES = 3 };
	struct hf_row row = a_film("/a", FRAMES), back;
	static struct hf_row_lean lean;
	const struct {
		const char *name;
		uint8_t count[2];
		enum hf_err want;
	} rows[] = {
		{ "as it is", { FRAMES, 0 }, HF_OK },
		{ "fewer", { FRAMES - 1, 0 }, HF_OK },
		{ "none", { 0, 0 }, HF_E_CORRUPT },
		{ "more", { FRAMES + 1, 0 }, HF_E_CORRUPT },
		{ "as many as there may be", { 0x88, 0x0e }, HF_E_CORRUPT },
		{ "one more than there may be", { 0x89, 0x0e }, HF_E_CORRUPT },
		{ "65,536 and three", { 0x83, 0x80 }, HF_E_CORRUPT },
	};
	struct hf_buf buf;
	uint8_t *count_at;
	size_t taken_bytes;

	hf_buf_init(&buf, 4096);
	hf_row_lean_reset(&lean);
	hf_row_put(&buf, &lean, &row);
	assert_int_equal(hf_buf_failed(&buf), HF_OK);
	taken_bytes = buf.len_bytes;
	for (size_t len_bytes = 0; len_bytes < taken_bytes; len_bytes++) {
		struct hf_span rest = hf_span(buf.at, len_bytes);

		hf_row_lean_reset(&lean);
		assert_int_equal(hf_row_take(&rest, &lean, &back, NULL),
				 HF_E_CORRUPT);
	}
	count_at = buf.at + taken_bytes - FRAMES * HF_PDQ_BYTES - 1;
	assert_int_equal(*count_at, FRAMES);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_span rest = hf_buf_span(&buf);

		memcpy(count_at, rows[i].count, rows[i].count[1] != 0 ? 2 : 1);
		hf_row_lean_reset(&lean);
		if (hf_row_take(&rest, &lean, &back, NULL) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
	/* Nothing is kept of one that is gone: what had a place for a note of
	 * that says so whatever follows. */
	*count_at = FRAMES;
	hf_buf_reset(&buf);
	hf_row_lean_reset(&lean);
	row.note = HF_VERDICT_BLOCK;
	hf_row_put(&buf, &lean, &row);
	buf.at[1] = HF_ROW_GONE;
	hf_row_lean_reset(&lean);
	assert_int_equal(hf_row_take(&(struct hf_span){ buf.at, buf.len_bytes },
				     &lean, &back, NULL),
			 HF_E_CORRUPT);
	hf_buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back_as_they_were_put),
		cmocka_unit_test(videos_come_back_with_their_frames),
		cmocka_unit_test(a_row_beside_others_takes_little),
		cmocka_unit_test(rows_are_in_the_order_of_a_walk),
		cmocka_unit_test(bytes_that_are_no_row_are_refused),
		cmocka_unit_test(frames_that_are_not_there_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
