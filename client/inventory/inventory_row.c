#include <string.h>

#include "bytes.h"

#include "inventory_row.h"

#define ALIKE       103 /* added to a quality */
#define FILMED      206 /* instead of one; one is added for ALIKE */
#define UNSEEN      208 /* likewise: HF_ROW_NO_VIDEO */
#define NOTED       255
#define STAMP_BYTES 4

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

/* A path of the same shape was put or taken: its digits are where the old ones
 * were, so that what was leaned on still holds. */
static void lean_on(struct hf_row_lean *lean, size_t front, size_t digits)
{
	lean->was_odd =
		front < lean->front && lean->digits > 0 && !lean->was_odd;
	if (lean->was_odd)
		return;
	lean->front = (uint16_t)front;
	lean->digits = (uint16_t)digits;
}

static void lean_on_none(struct hf_row_lean *lean, size_t path_bytes)
{
	lean->front = (uint16_t)path_bytes;
	lean->digits = 0;
	lean->was_odd = false;
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

/* Of as many characters of path from at on as have digits, two a byte. */
static void put_digits(struct hf_buf *buf, const char *at, size_t digits)
{
	uint8_t byte = 0;

	for (size_t done = 0; done < digits; at++) {
		int digit = digit_of(*at);

		if (digit < 0)
			continue;
		byte = (uint8_t)(byte << 4 | digit);
		if (++done % 2 == 0)
			hf_buf_put_u8(buf, byte);
	}
	if (digits % 2 != 0)
		hf_buf_put_u8(buf, (uint8_t)(byte << 4));
}

/* Has path, which is as long, other characters than before only where that has
 * the next digits, and digits there too? */
static bool has_shape(const char *before, const char *path, size_t digits)
{
	for (; *path != '\0'; before++, path++) {
		if (digits > 0 && digit_of(*before) >= 0) {
			digits--;
			if (digit_of(*path) < 0)
				return false;
		} else if (*before != *path) {
			return false;
		}
	}
	return true;
}

/* How a path differs from the one before it. */
struct difference {
	size_t front, end; /* shared */
	size_t digits;     /* up to the last that is not shared */
	bool has_shape;
	bool is_alike;
};

static struct difference difference_of(const struct hf_row_lean *lean,
				       const char *path)
{
	size_t before_bytes = strlen(lean->path), path_bytes = strlen(path);
	struct difference is = { .front = 0 };

	while (is.front < before_bytes &&
	       lean->path[is.front] == path[is.front])
		is.front++;
	while (is.end < before_bytes - is.front &&
	       is.end < path_bytes - is.front &&
	       lean->path[before_bytes - 1 - is.end] ==
		       path[path_bytes - 1 - is.end])
		is.end++;
	if (before_bytes != path_bytes)
		return is;
	for (size_t i = is.front; i < path_bytes - is.end; i++)
		is.digits += digit_of(lean->path[i]) >= 0;
	is.has_shape =
		has_shape(lean->path + is.front, path + is.front, is.digits);
	/* Where it takes no more bytes, its own shape is better for those
	 * that follow. */
	is.is_alike = lean->front <= is.front &&
		      (lean->digits + 1u) / 2 < 2 + (is.digits + 1) / 2 &&
		      has_shape(lean->path + lean->front, path + lean->front,
				lean->digits);
	return is;
}

static void put_path(struct hf_buf *buf, struct hf_row_lean *lean,
		     const char *path, const struct difference *is)
{
	size_t path_bytes = strlen(path);

	if (is->is_alike) {
		put_digits(buf, path + lean->front, lean->digits);
		lean->was_odd = false;
	} else if (is->has_shape) {
		put_varint(buf, is->front);
		put_varint(buf, is->digits << 1);
		put_digits(buf, path + is->front, is->digits);
		lean_on(lean, is->front, is->digits);
	} else {
		size_t middle = path_bytes - is->front - is->end;

		put_varint(buf, is->front);
		put_varint(buf, is->end << 1 | 1);
		put_varint(buf, middle);
		hf_buf_put(buf, hf_span(path + is->front, middle));
		lean_on_none(lean, path_bytes);
	}
	memcpy(lean->path, path, path_bytes + 1);
}

static uint8_t kind_of(const struct hf_row *row, bool is_alike)
{
	if (row->frames_count > 0)
		return (uint8_t)(FILMED + is_alike);
	if (row->quality == HF_ROW_NO_VIDEO)
		return (uint8_t)(UNSEEN + is_alike);
	return (uint8_t)(row->quality + (is_alike ? ALIKE : 0));
}

void hf_row_put(struct hf_buf *buf, struct hf_row_lean *lean,
		const struct hf_row *row)
{
	struct difference is = difference_of(lean, row->path);
	uint8_t stamp[STAMP_BYTES];

	if (row->note != HF_ROW_PLAIN) {
		hf_buf_put_u8(buf, NOTED);
		hf_buf_put_u8(buf, row->note);
	}
	hf_buf_put_u8(buf, kind_of(row, is.is_alike));
	put_path(buf, lean, row->path, &is);
	if (row->note == HF_ROW_GONE)
		return;
	hf_be32_put(stamp, row->stamp);
	hf_buf_put(buf, hf_span(stamp, sizeof(stamp)));
	hf_buf_put(buf, hf_span(row->digests, hf_row_has_pdq(row)
						      ? HF_ROW_ALL_BYTES
						      : HF_ROW_EXACT_BYTES));
	if (row->frames_count == 0)
		return;
	put_varint(buf, row->frames_count);
	hf_buf_put(buf, hf_span(row->frames,
				(size_t)row->frames_count * HF_PDQ_BYTES));
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

/* So many hex digits from front on are others. */
static void take_digits(struct cursor *cursor, char *path, size_t digits)
{
	const uint8_t *packed = take(cursor, digits / 2 + digits % 2);
	size_t done = 0;

	for (; packed != NULL && done < digits && *path != '\0'; path++) {
		if (digit_of(*path) < 0)
			continue;
		*path = "0123456789abcdef"[packed[done / 2] >>
						   (done % 2 == 0 ? 4 : 0) &
					   15];
		done++;
	}
	cursor->is_bad |= done < digits;
}

static void take_bytes(struct cursor *cursor, struct hf_row_lean *lean,
		       uint64_t front, uint64_t end)
{
	size_t before_bytes = strlen(lean->path);
	uint64_t middle = take_varint(cursor);
	const uint8_t *at;

	if (cursor->is_bad || end > before_bytes - front ||
	    middle >= HF_ROW_PATH_SIZE - front - end) {
		cursor->is_bad = true;
		return;
	}
	memmove(lean->path + front + middle, lean->path + before_bytes - end,
		end + 1);
	at = take(cursor, middle);
	if (at != NULL && memchr(at, 0, middle) == NULL)
		memcpy(lean->path + front, at, middle);
	else
		cursor->is_bad = true;
	lean_on_none(lean, front + middle + end);
}

static void take_path(struct cursor *cursor, struct hf_row_lean *lean)
{
	uint64_t front = take_varint(cursor), what = take_varint(cursor);

	if (cursor->is_bad || front > strlen(lean->path) ||
	    what >> 1 >= HF_ROW_PATH_SIZE) {
		cursor->is_bad = true;
	} else if ((what & 1) != 0) {
		take_bytes(cursor, lean, front, what >> 1);
	} else {
		take_digits(cursor, lean->path + front, what >> 1);
		lean_on(lean, front, what >> 1);
	}
}

static void take_rest(struct cursor *cursor, struct hf_row *row)
{
	const uint8_t *stamp = take(cursor, STAMP_BYTES);

	if (stamp != NULL)
		row->stamp = hf_be32(stamp);
	row->digests = take(cursor, hf_row_has_pdq(row) ? HF_ROW_ALL_BYTES
							: HF_ROW_EXACT_BYTES);
}

static void take_frames(struct cursor *cursor, struct hf_row *row)
{
	uint64_t count = take_varint(cursor);

	if (count == 0 || count > HF_VPDQ_MAX_FRAMES)
		cursor->is_bad = true;
	else
		row->frames = take(cursor, (size_t)count * HF_PDQ_BYTES);
	row->frames_count = (uint16_t)count;
}

enum hf_err hf_row_take(struct hf_span *rest, struct hf_row_lean *lean,
			struct hf_row *out_row, struct hf_why *why)
{
	struct cursor cursor = { .at = rest->at,
				 .end = rest->at + rest->len_bytes };
	struct hf_row row = { .path = lean->path };
	uint8_t quality = take_byte(&cursor);
	bool is_alike, is_filmed = false;

	if (quality == NOTED) {
		row.note = take_byte(&cursor);
		cursor.is_bad |= row.note == HF_ROW_PLAIN;
		quality = take_byte(&cursor);
	}
	if (quality >= FILMED && quality <= UNSEEN + 1) {
		is_filmed = quality < UNSEEN;
		is_alike = (quality - FILMED) % 2 != 0;
		row.quality = is_filmed ? HF_ROW_NO_PDQ : HF_ROW_NO_VIDEO;
		cursor.is_bad |= is_filmed && row.note == HF_ROW_GONE;
	} else {
		is_alike = quality >= ALIKE;
		row.quality = (uint8_t)(quality - (is_alike ? ALIKE : 0));
		cursor.is_bad |= row.quality > HF_ROW_NOT_TRIED;
	}
	if (is_alike) {
		take_digits(&cursor, lean->path + lean->front, lean->digits);
		lean->was_odd = false;
	} else {
		take_path(&cursor, lean);
	}
	if (row.note != HF_ROW_GONE)
		take_rest(&cursor, &row);
	if (is_filmed)
		take_frames(&cursor, &row);
	if (cursor.is_bad)
		return hf_why(why, HF_E_CORRUPT,
			      "inventory: a row that is none");
	*rest = hf_span(cursor.at, (size_t)(cursor.end - cursor.at));
	*out_row = row;
	return HF_OK;
}
