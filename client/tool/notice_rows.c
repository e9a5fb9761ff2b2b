#include <stdlib.h>
#include <string.h>

#include "sha256.h"

#include "notice_rows.h"

#define ROWS_FIRST ((size_t)1024)

/* Around a place, a hash: tags, lengths, times. */
#define PLACE_MORE_BYTES 64
#define HASH_MORE_BYTES  32

void hf_notice_rows_init(struct hf_notice_rows *rows, struct hf_arena *arena,
			 const struct hf_notice *base)
{
	*rows = (struct hf_notice_rows){ .arena = arena, .base = base };
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* What the row leaves to the command line. */
static enum hf_err complete(const struct hf_notice *base,
			    struct hf_case_csv_row *row, struct hf_why *why)
{
	if (row->provider[0] == '\0')
		row->provider = or_empty(base->provider);
	if (row->content_class == 0)
		row->content_class = base->content_class;
	if (row->reference[0] == '\0')
		row->reference = or_empty(base->reference);
	if (row->explanation[0] == '\0')
		row->explanation = or_empty(base->explanation);
	if (row->provider[0] == '\0')
		return hf_why(why, HF_E_MALFORMED,
			      "provider: whom to tell? name it in a column, or "
			      "for all rows with --provider");
	if (row->content_class == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "class: what is it? say so in a column, or for "
			      "all rows with --class");
	return HF_OK;
}

static enum hf_err make_room(struct hf_notice_rows *rows, struct hf_why *why)
{
	size_t size = rows->size > 0 ? 2 * rows->size : ROWS_FIRST;
	struct hf_case_csv_row **more;

	more = hf_arena_calloc(rows->arena, size,
			       sizeof(struct hf_case_csv_row *));
	if (more == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for so many rows");
	if (rows->count > 0)
		memcpy(more, rows->rows, rows->count * sizeof(rows->rows[0]));
	rows->rows = more;
	rows->size = size;
	return HF_OK;
}

enum hf_err hf_notice_rows_add(struct hf_notice_rows *rows,
			       const struct hf_case_csv_row *row,
			       struct hf_why *why)
{
	struct hf_case_csv_row *kept =
		hf_arena_alloc(rows->arena, sizeof(*kept));
	enum hf_err err = HF_OK;

	if (kept == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for so many rows");
	*kept = *row;
	err = complete(rows->base, kept, why);
	if (err == HF_OK && rows->count == rows->size)
		err = make_room(rows, why);
	if (err != HF_OK)
		return err;
	rows->rows[rows->count++] = kept;
	rows->is_sorted = false;
	return HF_OK;
}

/* Rows of one notice compare as equal. */
static int compare_keys(const struct hf_case_csv_row *a,
			const struct hf_case_csv_row *b)
{
	const char *const pairs[][2] = {
		{ a->provider, b->provider },
		{ a->reference, b->reference },
		{ a->group, b->group },
		{ a->explanation, b->explanation },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int order = strcmp(pairs[i][0], pairs[i][1]);

		if (order != 0)
			return order;
	}
	return (int)a->content_class - (int)b->content_class;
}

static int compare(const void *left, const void *right)
{
	const struct hf_case_csv_row *a =
		*(const struct hf_case_csv_row *const *)left;
	const struct hf_case_csv_row *b =
		*(const struct hf_case_csv_row *const *)right;
	int order = compare_keys(a, b);

	if (order != 0)
		return order;
	return (a->line > b->line) - (a->line < b->line);
}

static void sort(struct hf_notice_rows *rows)
{
	if (!rows->is_sorted && rows->count > 1)
		qsort(rows->rows, rows->count, sizeof(rows->rows[0]), compare);
	rows->is_sorted = true;
}

/* ---- one notice ---- */

struct filling {
	struct hf_notice_part *part;
	struct hf_locator *locators;
	struct hf_hash *hashes;
	size_t used_bytes;
};

static size_t row_bytes(const struct hf_case_csv_row *row)
{
	size_t sum = 0;

	if (row->has_locator)
		sum += strlen(row->locator.url) + strlen(row->locator.ip) +
		       strlen(row->locator.note) + PLACE_MORE_BYTES;
	for (size_t i = 0; i < row->hashes_count; i++)
		sum += row->hashes[i].digest.len_bytes + HASH_MORE_BYTES;
	return sum;
}

static bool has_hash(const struct filling *filling, const struct hf_hash *hash)
{
	for (size_t i = 0; i < filling->part->notice.hashes_count; i++) {
		if (filling->hashes[i].algorithm == hash->algorithm &&
		    hf_span_equal(filling->hashes[i].digest, hash->digest))
			return true;
	}
	return false;
}

static bool has_place(const struct filling *filling,
		      const struct hf_locator *place)
{
	for (size_t i = 0; i < filling->part->notice.locators_count; i++) {
		if (strcmp(filling->locators[i].url, place->url) == 0)
			return true;
	}
	return false;
}

/* Does the row go in as well?  The first always does: no row is larger than
 * a notice. */
static bool fits(const struct filling *filling,
		 const struct hf_case_csv_row *row)
{
	const struct hf_notice *notice = &filling->part->notice;

	return filling->part->rows_count == 0 ||
	       (notice->locators_count + row->has_locator <=
			HF_CASE_LOCATORS_MAX &&
		notice->hashes_count + row->hashes_count <=
			HF_ITEM_MAX_HASHES &&
		filling->used_bytes + row_bytes(row) <= HF_NOTICE_MAX_BYTES);
}

static void put(struct filling *filling, const struct hf_case_csv_row *row)
{
	struct hf_notice *notice = &filling->part->notice;

	if (row->has_locator && !has_place(filling, &row->locator))
		filling->locators[notice->locators_count++] = row->locator;
	for (size_t i = 0; i < row->hashes_count; i++) {
		if (!has_hash(filling, &row->hashes[i]))
			filling->hashes[notice->hashes_count++] =
				row->hashes[i];
	}
	filling->used_bytes += row_bytes(row);
	filling->part->rows_count++;
}

static enum hf_err begin(const struct hf_notice_rows *rows,
			 const struct hf_case_csv_row *first,
			 struct hf_arena *arena, struct filling *filling,
			 struct hf_why *why)
{
	struct hf_notice *notice = &filling->part->notice;
	struct hf_buf buf;
	enum hf_err err;

	*filling->part = (struct hf_notice_part){ .notice = *rows->base,
						  .line = first->line };
	notice->provider = first->provider;
	notice->content_class = first->content_class;
	notice->reference = first->reference;
	notice->explanation = first->explanation;
	if (notice->regime == 0 && notice->order != NULL)
		notice->regime = hf_order_regime(notice->content_class);
	filling->locators = hf_arena_calloc(arena, HF_CASE_LOCATORS_MAX,
					    sizeof(*filling->locators));
	filling->hashes = hf_arena_calloc(arena, HF_ITEM_MAX_HASHES,
					  sizeof(*filling->hashes));
	if (filling->locators == NULL || filling->hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a notice");
	notice->locators = filling->locators;
	notice->locators_count = 0;
	notice->hashes = filling->hashes;
	notice->hashes_count = 0;
	hf_buf_init(&buf, HF_CASE_TEXT_MAX_BYTES);
	err = hf_notice_encode(notice, &buf);
	filling->used_bytes = buf.len_bytes;
	hf_buf_release(&buf);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "a notice that cannot be");
}

enum hf_err hf_notice_rows_next(struct hf_notice_rows *rows, size_t *at,
				struct hf_arena *arena,
				struct hf_notice_part *out_part,
				struct hf_why *why)
{
	struct filling filling = { .part = out_part };
	enum hf_err err;
	size_t next = *at;

	sort(rows);
	if (next >= rows->count)
		return HF_E_NOTFOUND;
	err = begin(rows, rows->rows[next], arena, &filling, why);
	if (err != HF_OK)
		return err;
	do {
		put(&filling, rows->rows[next++]);
	} while (next < rows->count &&
		 compare_keys(rows->rows[*at], rows->rows[next]) == 0 &&
		 fits(&filling, rows->rows[next]));
	*at = next;
	return HF_OK;
}

enum hf_err hf_notice_rows_count(struct hf_notice_rows *rows, size_t *out_count,
				 struct hf_why *why)
{
	struct hf_notice_part part;
	struct hf_arena arena;
	size_t at = 0, count = 0;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	for (;;) {
		hf_arena_reset(&arena);
		err = hf_notice_rows_next(rows, &at, &arena, &part, why);
		if (err != HF_OK)
			break;
		count++;
	}
	hf_arena_release(&arena);
	*out_count = count;
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_notice_rows_id(const uint8_t file_hash[static HF_HASH_BYTES],
			      const struct hf_notice *notice,
			      enum hf_case_state hold,
			      uint8_t out_id[static HF_EVENT_ID_BYTES],
			      struct hf_why *why)
{
	static const char tag[] = "hashfed/notify-import/v1";
	uint8_t digest[HF_SHA256_BYTES], held = (uint8_t)hold;
	struct hf_sha256 hash;
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, HF_CASE_TEXT_MAX_BYTES);
	err = hf_notice_encode(notice, &buf);
	if (err == HF_OK) {
		hf_sha256_init(&hash);
		hf_sha256_update(&hash, tag, sizeof(tag));
		hf_sha256_update(&hash, file_hash, HF_HASH_BYTES);
		hf_sha256_update(&hash, &held, 1);
		hf_sha256_update(&hash, buf.at, buf.len_bytes);
		hf_sha256_final(&hash, digest);
		memcpy(out_id, digest, HF_EVENT_ID_BYTES);
	} else {
		err = hf_why(why, err, "a notice that cannot be");
	}
	hf_buf_release(&buf);
	return err;
}
