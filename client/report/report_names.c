#include <stdlib.h>
#include <string.h>

#include "report_names.h"

#define SLOTS_FIRST    ((size_t)64)
#define ROWS_FIRST     ((size_t)32)
#define ARENA_MAX      ((size_t)256 * 1024 * 1024)
#define GOLDEN         0x9e3779b97f4a7c15u
#define OTHERS_SHALLOW 1 /* room for HF_REPORT_OTHERS itself */

void hf_report_names_init(struct hf_report_names *names, uint64_t seed)
{
	*names = (struct hf_report_names){ .seed = seed };
	hf_arena_init(&names->arena, ARENA_MAX);
}

static void release_times(struct hf_report_names *names)
{
	for (size_t i = 0; i < names->rows_count; i++)
		hf_report_times_release(&names->rows[i]->times);
}

void hf_report_names_release(struct hf_report_names *names)
{
	release_times(names);
	free(names->rows);
	free(names->slots);
	hf_arena_release(&names->arena);
	names->rows = NULL;
	names->slots = NULL;
	names->rows_count = names->rows_size = names->slots_count = 0;
}

/* Mixed after every byte: the low bits alone say nothing about the place. */
static uint64_t hash_of(uint64_t seed, const char *name)
{
	uint64_t hash = seed;

	for (; *name != '\0'; name++) {
		hash = (hash ^ (uint8_t)*name) * GOLDEN;
		hash ^= hash >> 29;
	}
	return hash ^ hash >> 32;
}

/* The slot that has the name, or the free one where it belongs. */
static struct hf_report_row **slot_of(const struct hf_report_names *names,
				      const char *name)
{
	size_t mask = names->slots_count - 1;
	size_t at = (size_t)hash_of(names->seed, name) & mask;

	while (names->slots[at] != NULL &&
	       strcmp(names->slots[at]->name, name) != 0)
		at = (at + 1) & mask;
	return &names->slots[at];
}

/* Keep at least half of the slots free. */
static enum hf_err grow_slots(struct hf_report_names *names)
{
	struct hf_report_row **before = names->slots;
	size_t count =
		names->slots_count > 0 ? 2 * names->slots_count : SLOTS_FIRST;
	struct hf_report_row **slots =
		calloc(count, sizeof(struct hf_report_row *));

	if (slots == NULL)
		return HF_E_NOMEM;
	names->slots = slots;
	names->slots_count = count;
	for (size_t i = 0; i < names->rows_count; i++)
		*slot_of(names, names->rows[i]->name) = names->rows[i];
	free(before);
	return HF_OK;
}

static enum hf_err grow_rows(struct hf_report_names *names)
{
	size_t size = names->rows_size > 0 ? 2 * names->rows_size : ROWS_FIRST;
	struct hf_report_row **rows =
		realloc(names->rows, size * sizeof(struct hf_report_row *));

	if (rows == NULL)
		return HF_E_NOMEM;
	names->rows = rows;
	names->rows_size = size;
	return HF_OK;
}

static enum hf_err add(struct hf_report_names *names, const char *name,
		       struct hf_report_row **out_row)
{
	struct hf_report_row *row;

	if (2 * (names->rows_count + 1) > names->slots_count &&
	    grow_slots(names) != HF_OK)
		return HF_E_NOMEM;
	if (names->rows_count == names->rows_size && grow_rows(names) != HF_OK)
		return HF_E_NOMEM;
	row = hf_arena_calloc(&names->arena, 1, sizeof(*row));
	if (row == NULL)
		return HF_E_NOMEM;
	row->name = hf_arena_text(&names->arena, hf_span_of(name));
	if (row->name == NULL)
		return HF_E_NOMEM;
	*slot_of(names, name) = row;
	names->rows[names->rows_count++] = row;
	*out_row = row;
	return HF_OK;
}

enum hf_err hf_report_names_get(struct hf_report_names *names, const char *name,
				struct hf_report_row **out_row,
				struct hf_why *why)
{
	for (int i = 0; i < 2; i++) {
		struct hf_report_row *row =
			names->slots_count > 0 ? *slot_of(names, name) : NULL;

		if (row != NULL) {
			*out_row = row;
			return HF_OK;
		}
		if (names->rows_count <
		    HF_REPORT_NAMES_MAX + (size_t)(i * OTHERS_SHALLOW))
			break;
		name = HF_REPORT_OTHERS;
	}
	if (add(names, name, out_row) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "report: no memory for rows");
	return HF_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct hf_report_row *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

int hf_report_row_order(const struct hf_report_row *left,
			const struct hf_report_row *right)
{
	if (left->weight != right->weight)
		return left->weight < right->weight ? 1 : -1;
	if (left->cases != right->cases)
		return left->cases < right->cases ? 1 : -1;
	return strcmp(left->name, right->name);
}

static int by_weight(const void *a, const void *b)
{
	const struct hf_report_row *const *left = a, *const *right = b;

	return hf_report_row_order(*left, *right);
}

void hf_report_names_sort(struct hf_report_names *names, bool is_by_name)
{
	if (names->rows_count > 0)
		qsort(names->rows, names->rows_count,
		      sizeof(struct hf_report_row *),
		      is_by_name ? by_name : by_weight);
}
