#include <string.h>

#include "bytes.h"

#include "inventory_row.h"

#define FEW      15 /* a varint follows */
#define DIGITS   14 /* of the middle: hex digits */
#define NOTED    0x80
#define FIXED    7 /* second and stamp */
#define PACK_MIN 5 /* digits below do not gain */

int hf_row_compare(const char *one, const char *other)
{
	size_t i = 0;

	while (one[i] == other[i] && one[i] != '\0')
		i++;
	if (one[i] == other[i])
		return 0;
	/* The end comes before a slash, and that before everything. */
	if (one[i] == '\0' || other[i] == '\0')
		return one[i] == '\0' ? -1 : 1;
	if (one[i] == '/' || other[i] == '/')
		return one[i] == '/' ? -1 : 1;
	return (uint8_t)one[i] < (uint8_t)other[i] ? -1 : 1;
}

bool hf_row_is_under(const char *path, const char *directory)
{
	size_t len_bytes = strlen(directory);

	if (strncmp(path, directory, len_bytes) != 0)
		return false;
	return path[len_bytes] == '\0' || path[len_bytes] == '/' ||
	       (len_bytes > 0 && directory[len_bytes - 1] == '/');
}

/* ---- out ---- */

static void put_varint(struct hf_buf *buf, uint64_t value)
{
	while (value >= 0x80) {
		hf_buf_put_u8(buf, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	hf_buf_put_u8(buf, (uint8_t)value);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_digits(const char *at, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (digit_of(at[i]) < 0)
			return false;
	}
	return count >= PACK_MIN;
}

static void put_digits(struct hf_buf *buf, const char *at, size_t count)
{
	put_varint(buf, count);
	for (size_t i = 0; i < count; i += 2)
		hf_buf_put_u8(
			buf,
			(uint8_t)(digit_of(at[i]) << 4 |
				  (i + 1 < count ? digit_of(at[i + 1]) : 0)));
}

static void put_path(struct hf_buf *buf, const char *before, const char *path)
{
	size_t before_bytes = strlen(before), path_bytes = strlen(path);
	size_t front = 0, end = 0, middle;
	bool is_packed;

	while (front < before_bytes && before[front] == path[front])
		front++;
	while (end < before_bytes - front && end < path_bytes - front &&
	       before[before_bytes - 1 - end] == path[path_bytes - 1 - end])
		end++;
	middle = path_bytes - front - end;
	is_packed = is_digits(path + front, middle);
	put_varint(buf, front);
	hf_buf_put_u8(
		buf, (uint8_t)((end < FEW ? end : FEW) << 4 |
			       (is_packed ? DIGITS
					  : (middle < DIGITS ? middle : FEW))));
	if (end >= FEW)
		put_varint(buf, end);
	if (is_packed) {
		put_digits(buf, path + front, middle);
		return;
	}
	if (middle >= DIGITS)
		put_varint(buf, middle);
	hf_buf_put(buf, hf_span(path + front, middle));
}

void hf_row_put(struct hf_buf *buf, const char *before,
		const struct hf_row *row)
{
	uint8_t fixed[FIXED];

	put_path(buf, before, row->path);
	hf_buf_put_u8(buf, row->note == HF_ROW_PLAIN
				   ? row->quality
				   : (uint8_t)(row->quality | NOTED));
	if (row->note != HF_ROW_PLAIN)
		hf_buf_put_u8(buf, row->note);
	if (row->note == HF_ROW_GONE)
		return;
	put_varint(buf, row->size_bytes);
	hf_be32_put(fixed, row->changed_s);
	for (int i = 0; i < 3; i++)
		fixed[4 + i] = (uint8_t)(row->stamp >> (16 - 8 * i));
	hf_buf_put(buf, hf_span(fixed, sizeof(fixed)));
	hf_buf_put(buf, hf_span(row->digests, hf_row_has_pdq(row)
						      ? HF_ROW_ALL_BYTES
						      : HF_ROW_EXACT_BYTES));
}

/* ---- in ---- */

/* A cursor that stays bad once it is. */
struct cursor {
	const uint8_t *at, *end;
	bool is_bad;
};

static const uint8_t *take(struct cursor *cursor, size_t len_bytes)
{
	const uint8_t *at = cursor->at;

	if (cursor->is_bad || (size_t)(cursor->end - at) < len_bytes) {
		cursor->is_bad = true;
		return NULL;
	}
	cursor->at += len_bytes;
	return at;
}

static uint8_t take_byte(struct cursor *cursor)
{
	const uint8_t *at = take(cursor, 1);

	return at != NULL ? *at : 0;
}

static uint64_t take_varint(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		uint8_t byte = take_byte(cursor);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return value;
	}
	cursor->is_bad = true;
	return 0;
}

static void take_digits(struct cursor *cursor, size_t count, char *out)
{
	const uint8_t *packed = take(cursor, (count + 1) / 2);

	for (size_t i = 0; packed != NULL && i < count; i++)
		out[i] = "0123456789abcdef"[packed[i / 2] >>
						    (i % 2 == 0 ? 4 : 0) &
					    15];
}

static void take_path(struct cursor *cursor, char *path)
{
	size_t before_bytes = strlen(path);
	uint64_t front = take_varint(cursor), end, middle;
	uint8_t both = take_byte(cursor);
	bool is_packed = (both & 15) == DIGITS;
	const uint8_t *at;

	end = both >> 4 < FEW ? both >> 4 : take_varint(cursor);
	middle = (both & 15) < DIGITS ? both & 15 : take_varint(cursor);
	if (cursor->is_bad || front > before_bytes ||
	    end > before_bytes - front ||
	    middle >= HF_ROW_PATH_SIZE - front - end) {
		cursor->is_bad = true;
		return;
	}
	memmove(path + front + middle, path + before_bytes - end, end + 1);
	if (is_packed) {
		take_digits(cursor, middle, path + front);
	} else {
		at = take(cursor, middle);
		if (at != NULL && memchr(at, 0, middle) == NULL)
			memcpy(path + front, at, middle);
		else
			cursor->is_bad = true;
	}
}

static void take_rest(struct cursor *cursor, struct hf_row *row)
{
	const uint8_t *fixed;

	row->size_bytes = take_varint(cursor);
	fixed = take(cursor, FIXED);
	if (fixed == NULL)
		return;
	row->changed_s = hf_be32(fixed);
	row->stamp =
		(uint32_t)fixed[4] << 16 | (uint32_t)fixed[5] << 8 | fixed[6];
	row->digests = take(cursor, hf_row_has_pdq(row) ? HF_ROW_ALL_BYTES
							: HF_ROW_EXACT_BYTES);
}

enum hf_err hf_row_take(struct hf_span *rest,
			char path[static HF_ROW_PATH_SIZE],
			struct hf_row *out_row, struct hf_why *why)
{
	struct cursor cursor = { .at = rest->at,
				 .end = rest->at + rest->len_bytes };
	struct hf_row row = { .path = path };
	uint8_t quality;

	take_path(&cursor, path);
	quality = take_byte(&cursor);
	row.quality = quality & (uint8_t)~NOTED;
	if ((quality & NOTED) != 0) {
		row.note = take_byte(&cursor);
		cursor.is_bad |= row.note == HF_ROW_PLAIN;
	}
	cursor.is_bad |= row.quality > HF_ROW_NOT_TRIED;
	if (row.note != HF_ROW_GONE)
		take_rest(&cursor, &row);
	if (cursor.is_bad)
		return hf_why(why, HF_E_CORRUPT,
			      "inventory: a row that is none");
	*rest = hf_span(cursor.at, (size_t)(cursor.end - cursor.at));
	*out_row = row;
	return HF_OK;
}
