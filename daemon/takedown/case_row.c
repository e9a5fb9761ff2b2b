#include <string.h>

#include "bytes.h"
#include "sha256.h"

#include "case_row.h"

void hf_case_event_name(const struct hf_case_fact *fact,
			uint8_t out_name[static HF_CASE_NAME_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, fact->author, HF_HASH_BYTES);
	hf_sha256_update(&hash, fact->event_id, HF_EVENT_ID_BYTES);
	hf_sha256_update(&hash, fact->text_hash, HF_HASH_BYTES);
	hf_sha256_final(&hash, digest);
	memcpy(out_name, digest, HF_CASE_NAME_BYTES);
}

bool hf_case_event_counts(const struct hf_case_event_row *row)
{
	return row->waits_count == 0 && !row->is_contradicted;
}

/*
 * Most words of a row are zero (an event is no order, a case has no authority),
 * so a struct is stored as its words that are not: first a bit for each word,
 * then those words.
 */

#define WORD_BYTES    8
#define ROW_WORDS_MAX 160

/* Number of words, and of bytes for their bits. */
#define WORDS(size) ((size) / WORD_BYTES)
#define BITS(size)  ((WORDS(size) + 7) / 8)

static void put_words(struct hf_buf *buf, const void *from, size_t size)
{
	uint8_t words[ROW_WORDS_MAX * WORD_BYTES],
		bits[ROW_WORDS_MAX / 8] = { 0 };
	const uint8_t *at = from;
	size_t len = 0;

	for (size_t i = 0; i < WORDS(size); i++, at += WORD_BYTES) {
		static const uint8_t zero[WORD_BYTES];

		if (memcmp(at, zero, WORD_BYTES) == 0)
			continue;
		bits[i / 8] |= (uint8_t)(1 << (i % 8));
		memcpy(words + len, at, WORD_BYTES);
		len += WORD_BYTES;
	}
	hf_buf_put(buf, hf_span(bits, BITS(size)));
	hf_buf_put(buf, hf_span(words, len));
}

/* Take them off the front; false when they are not all there. */
static bool take_words(struct hf_span *bytes, void *out, size_t size)
{
	const uint8_t *bits = bytes->at, *at, *end;
	uint8_t *to = out;

	if (bytes->len_bytes < BITS(size))
		return false;
	at = bits + BITS(size);
	end = bits + bytes->len_bytes;
	for (size_t i = 0; i < WORDS(size); i++, to += WORD_BYTES) {
		if ((bits[i / 8] & (1 << (i % 8))) == 0) {
			memset(to, 0, WORD_BYTES);
			continue;
		}
		if (end - at < WORD_BYTES)
			return false;
		memcpy(to, at, WORD_BYTES);
		at += WORD_BYTES;
	}
	*bytes = hf_span(at, (size_t)(end - at));
	return true;
}

_Static_assert(sizeof(struct hf_case_event_row) % WORD_BYTES == 0 &&
		       sizeof(struct hf_case_row) % WORD_BYTES == 0 &&
		       sizeof(struct hf_case_row) / WORD_BYTES <=
			       ROW_WORDS_MAX &&
		       sizeof(struct hf_case_event_row) / WORD_BYTES <=
			       ROW_WORDS_MAX,
	       "rows are whole words");

/* Pointers are stored as nothing; the lengths beside them tell what follows. */
enum hf_err hf_case_event_row_encode(const struct hf_case_event_row *row,
				     struct hf_buf *buf)
{
	struct hf_case_event_row stored;

	memset(&stored, 0, sizeof(stored));
	stored = *row;
	stored.fact.after = NULL;
	stored.waits = NULL;
	stored.opening.at = NULL;
	put_words(buf, &stored, sizeof(stored));
	hf_buf_put(buf, hf_span(row->fact.after,
				row->fact.after_count * HF_EVENT_ID_BYTES));
	hf_buf_put(buf,
		   hf_span(row->waits, row->waits_count * sizeof(*row->waits)));
	hf_buf_put(buf, row->opening);
	return hf_buf_failed(buf);
}

static enum hf_err damaged(struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT, "views: a row that nobody here wrote");
}

/* Take the next bytes, copied. */
static void *take(struct hf_span *bytes, size_t len_bytes,
		  struct hf_arena *arena)
{
	struct hf_span copy =
		hf_arena_copy(arena, hf_span(bytes->at, len_bytes));

	bytes->at += len_bytes;
	bytes->len_bytes -= len_bytes;
	return (void *)copy.at;
}

enum hf_err hf_case_event_row_parse(struct hf_span bytes,
				    struct hf_arena *arena,
				    struct hf_case_event_row *out,
				    struct hf_why *why)
{
	struct hf_case_event_row row;
	size_t ids_bytes, waits_bytes;

	if (!take_words(&bytes, &row, sizeof(row)) ||
	    row.fact.after_count > HF_CASE_AFTER_MAX ||
	    row.waits_count > HF_CASE_SAW_MAX)
		return damaged(why);
	ids_bytes = row.fact.after_count * HF_EVENT_ID_BYTES;
	waits_bytes = row.waits_count * sizeof(*row.waits);
	if (bytes.len_bytes < ids_bytes + waits_bytes ||
	    bytes.len_bytes - ids_bytes - waits_bytes != row.opening.len_bytes)
		return damaged(why);
	row.fact.after = take(&bytes, ids_bytes, arena);
	row.waits = take(&bytes, waits_bytes, arena);
	row.opening.at = take(&bytes, row.opening.len_bytes, arena);
	if (row.fact.after == NULL || row.waits == NULL ||
	    row.opening.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	*out = row;
	return HF_OK;
}

enum hf_err hf_case_row_encode(const struct hf_case_row *row,
			       struct hf_buf *buf)
{
	struct hf_case_row stored;

	memset(&stored, 0, sizeof(stored));
	stored = *row;
	stored.opening.at = NULL;
	put_words(buf, &stored, sizeof(stored));
	hf_buf_put(buf, row->opening);
	return hf_buf_failed(buf);
}

enum hf_err hf_case_row_parse(struct hf_span bytes, struct hf_arena *arena,
			      struct hf_case_row *out, struct hf_why *why)
{
	struct hf_case_row row;

	if (!take_words(&bytes, &row, sizeof(row)) ||
	    row.opening.len_bytes != bytes.len_bytes ||
	    row.others_count > HF_CASE_OTHERS_MAX)
		return damaged(why);
	row.opening = hf_arena_copy(arena, bytes);
	if (row.opening.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	*out = row;
	return HF_OK;
}

size_t hf_case_rows_size(void)
{
	return sizeof(struct hf_case_event_row) * 10000 +
	       sizeof(struct hf_case_row);
}
