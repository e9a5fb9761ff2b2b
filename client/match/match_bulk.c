#include <stdlib.h>
#include <string.h>

#include "match_bulk.h"
#include "match_crew.h"

#define COLUMN_LEAST 1024

/* From so many rows on two threads sort. */
#define CREW_ROWS_MIN 65536

/* Rows by the upper bits of their order, in one pass that counts and one that
 * moves; the few that are left in a bucket are compared.  Digests that begin
 * alike end up in one bucket, and cost what qsort() does. */
#define BUCKET_BITS_MAX  16
#define BUCKET_ROWS_BITS 2 /* four rows to a bucket on the average */
#define INSERTION_MOST   24

/* Rows ahead of the one that is gathered. */
#define AHEAD_ROWS 16

void hf_match_bulk_release(struct hf_match_bulk *bulk)
{
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		free(bulk->columns[a].digests);
		free(bulk->columns[a].refs);
	}
	*bulk = (struct hf_match_bulk){ 0 };
}

static enum hf_err grow(struct hf_match_column *column, size_t digest_bytes,
			struct hf_why *why)
{
	uint32_t size = column->size > 0 ? 2 * column->size : COLUMN_LEAST;
	uint8_t *digests = realloc(column->digests, size * digest_bytes);
	struct hf_match_ref *refs;

	if (digests == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	column->digests = digests;
	refs = realloc(column->refs, size * sizeof(*refs));
	if (refs == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	column->refs = refs;
	column->size = size;
	return HF_OK;
}

enum hf_err hf_match_bulk_put(struct hf_match_bulk *bulk, unsigned algorithm,
			      const uint8_t *digest,
			      const struct hf_match_ref *ref,
			      struct hf_why *why)
{
	struct hf_match_column *column = &bulk->columns[algorithm];
	size_t bytes = hf_match_key_bytes(algorithm);

	if (column->count == column->size) {
		enum hf_err err = grow(column, bytes, why);

		if (err != HF_OK)
			return err;
	}
	memcpy(column->digests + column->count * bytes, digest, bytes);
	column->refs[column->count++] = *ref;
	bulk->used_bytes += bytes + sizeof(*ref);
	bulk->rows_count++;
	return HF_OK;
}

/*
 * Sorting one column.
 */
struct sortable {
	uint64_t order; /* the digest's */
	uint32_t row;
};

struct sorter {
	const struct hf_match_column *column;
	unsigned algorithm;
	size_t digest_bytes;
	struct sortable *rows; /* sorted, at last */
	uint32_t count;
};

static const uint8_t *digest_of(const struct sorter *sorter, uint32_t row)
{
	return sorter->column->digests + row * sorter->digest_bytes;
}

static int compare(const void *one, const void *other, void *arg)
{
	const struct sortable *a = one, *b = other;
	const struct sorter *sorter = arg;
	int order;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	order = memcmp(digest_of(sorter, a->row), digest_of(sorter, b->row),
		       sorter->digest_bytes);
	if (order == 0)
		order = hf_match_ref_compare(&sorter->column->refs[a->row],
					     &sorter->column->refs[b->row],
					     sorter->algorithm);
	if (order != 0)
		return order;
	/* The later row comes first and stays. */
	return a->row > b->row ? -1 : 1;
}

static void sort_bucket(struct sorter *sorter, struct sortable *rows,
			uint32_t count)
{
	if (count > INSERTION_MOST) {
		qsort_r(rows, count, sizeof(*rows), compare, sorter);
		return;
	}
	for (uint32_t i = 1; i < count; i++) {
		struct sortable row = rows[i];
		uint32_t at = i;

		for (; at > 0 && compare(&row, &rows[at - 1], sorter) < 0; at--)
			rows[at] = rows[at - 1];
		rows[at] = row;
	}
}

static void sort_rows(struct sorter *sorter, const struct sortable *rows,
		      uint32_t *ends, unsigned bits)
{
	uint32_t count = sorter->count, buckets = (uint32_t)1 << bits;
	unsigned shift = 64 - bits;

	memset(ends, 0, buckets * sizeof(*ends));
	for (uint32_t i = 0; i < count; i++)
		ends[rows[i].order >> shift]++;
	for (uint32_t b = 1; b < buckets; b++)
		ends[b] += ends[b - 1];
	/* From the last to the first, so that ends become begins. */
	for (uint32_t i = count; i-- > 0;)
		sorter->rows[--ends[rows[i].order >> shift]] = rows[i];
	for (uint32_t b = 0; b < buckets; b++) {
		uint32_t end = b + 1 < buckets ? ends[b + 1] : count;

		if (end - ends[b] > 1)
			sort_bucket(sorter, sorter->rows + ends[b],
				    end - ends[b]);
	}
}

/* Where the run of rows with one digest ends. */
static uint32_t end_of_digest(const struct sorter *sorter, uint32_t begin)
{
	const struct sortable *rows = sorter->rows;
	const uint8_t *digest = digest_of(sorter, rows[begin].row);
	uint32_t end = begin + 1;

	while (end < sorter->count && rows[end].order == rows[begin].order &&
	       memcmp(digest, digest_of(sorter, rows[end].row),
		      sorter->digest_bytes) == 0)
		end++;
	return end;
}

/* Gather sorted rows into memory that has room for all of them as distinct
 * digests. */
static void put_part(const struct sorter *sorter, uint8_t *memory,
		     struct hf_match_segment_part *out_part)
{
	size_t bytes = sorter->digest_bytes;
	struct hf_match_ref *refs = (struct hf_match_ref *)memory;
	struct hf_match_ref *beside = refs + sorter->count;
	uint8_t *keys = (uint8_t *)(beside + sorter->count);
	uint32_t keys_count = 0, refs_count = 0, next;

	for (uint32_t i = 0; i < sorter->count; i = next) {
		uint32_t row = sorter->rows[i].row, begin = refs_count;

		if (i + AHEAD_ROWS < sorter->count) {
			uint32_t ahead = sorter->rows[i + AHEAD_ROWS].row;

			__builtin_prefetch(digest_of(sorter, ahead));
			__builtin_prefetch(&sorter->column->refs[ahead]);
		}
		next = end_of_digest(sorter, i);
		memcpy(keys + keys_count * bytes, digest_of(sorter, row),
		       bytes);
		beside[keys_count] = sorter->column->refs[row];
		for (uint32_t j = i; next - i > 1 && j < next; j++) {
			const struct hf_match_ref *ref =
				&sorter->column->refs[sorter->rows[j].row];

			if (refs_count == begin ||
			    hf_match_ref_compare(&refs[refs_count - 1], ref,
						 sorter->algorithm) != 0)
				refs[refs_count++] = *ref;
		}
		if (refs_count - begin > 1)
			beside[keys_count] = (struct hf_match_ref){
				.entry = begin,
				.set = refs_count - begin,
				.is_several = 1,
			};
		else
			refs_count = begin;
		keys_count++;
	}
	*out_part = (struct hf_match_segment_part){
		.digest_bytes = bytes,
		.keys_count = keys_count,
		.refs_count = refs_count,
		.key_stride_bytes = bytes,
		.beside_stride_bytes = sizeof(*beside),
		.keys = keys,
		.beside = (const uint8_t *)beside,
		.refs = refs,
	};
}

static unsigned bucket_bits(uint32_t count)
{
	unsigned bits = 1;

	while (bits < BUCKET_BITS_MAX && count >> bits >> BUCKET_ROWS_BITS > 0)
		bits++;
	return bits;
}

static enum hf_err sort_column(const struct hf_match_column *column,
			       unsigned algorithm,
			       struct hf_match_segment_part *out_part,
			       void **out_owned, struct hf_why *why)
{
	struct sorter sorter = { .column = column,
				 .algorithm = algorithm,
				 .digest_bytes = hf_match_key_bytes(algorithm),
				 .count = column->count };
	unsigned bits = bucket_bits(column->count);
	/* Once unsorted, once sorted. */
	struct sortable *rows =
		malloc((2 * (size_t)column->count) * sizeof(*rows));
	uint32_t *ends = malloc(((size_t)1 << bits) * sizeof(*ends));
	uint8_t *owned =
		malloc(column->count *
		       (2 * sizeof(struct hf_match_ref) + sorter.digest_bytes));

	if (rows == NULL || ends == NULL || owned == NULL) {
		free(rows);
		free(ends);
		free(owned);
		return hf_why(why, HF_E_NOMEM, "index: no memory to seal");
	}
	for (uint32_t i = 0; i < column->count; i++) {
		const uint8_t *digest = digest_of(&sorter, i);

		rows[i].order = hf_match_digest_order(
			digest, sorter.digest_bytes,
			hf_match_digest_mix(digest, sorter.digest_bytes));
		rows[i].row = i;
	}
	sorter.rows = rows + column->count;
	sort_rows(&sorter, rows, ends, bits);
	put_part(&sorter, owned, out_part);
	*out_owned = owned;
	free(rows);
	free(ends);
	return HF_OK;
}

struct sorting {
	const struct hf_match_bulk *bulk;
	struct hf_match_sorted sorted;
};

static enum hf_err sort_one(void *arg, unsigned worker, size_t algorithm,
			    struct hf_why *why)
{
	struct sorting *sorting = arg;
	const struct hf_match_column *column =
		&sorting->bulk->columns[algorithm];

	return column->count == 0
		       ? HF_OK
		       : sort_column(column, (unsigned)algorithm,
				     &sorting->sorted.parts[algorithm],
				     &sorting->sorted.owned[algorithm], why);
}

enum hf_err hf_match_bulk_sort(const struct hf_match_bulk *bulk,
			       struct hf_match_sorted *out_sorted,
			       struct hf_why *why)
{
	struct sorting sorting = { .bulk = bulk };
	enum hf_err err = hf_match_crew_run(
		bulk->rows_count < CREW_ROWS_MIN ? 1 : HF_MATCH_CREW_MAX,
		HF_ALGORITHM_COUNT, sort_one, &sorting, why);

	if (err != HF_OK) {
		hf_match_sorted_release(&sorting.sorted);
		return err;
	}
	*out_sorted = sorting.sorted;
	return HF_OK;
}

void hf_match_sorted_release(struct hf_match_sorted *sorted)
{
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++)
		free(sorted->owned[a]);
	*sorted = (struct hf_match_sorted){ .owned = { NULL } };
}
