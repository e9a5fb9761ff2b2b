#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "match_marks.h"

#define KIND  "table"
#define MAGIC "HFTABLE1"

/* In a slot's bits: it is taken.  Published last. */
#define TAKEN 0x80000000u

/* Half full at most, so that a probe ends soon. */
#define SLOTS_MIN 64

/* Slots follow this, and drops follow them. */
struct file {
	struct hf_match_map_header header;
	uint32_t slots_count;
	uint32_t drops_count;
	uint64_t zero[4];
};

static enum hf_err count_slots(size_t count, uint32_t *out_slots_count,
			       struct hf_why *why)
{
	uint32_t slots_count = SLOTS_MIN;

	if (count > UINT32_MAX / 4)
		return hf_why(why, HF_E_LIMIT, "index: %zu marks", count);
	while (slots_count < 2 * count)
		slots_count *= 2;
	*out_slots_count = slots_count;
	return HF_OK;
}

enum hf_err hf_match_marks_new(size_t count, struct hf_match_marks **out_marks,
			       struct hf_why *why)
{
	struct hf_match_marks *marks;
	uint32_t slots_count = 0;
	enum hf_err err = count_slots(count, &slots_count, why);

	if (err != HF_OK)
		return err;
	marks = calloc(1,
		       sizeof(*marks) + slots_count * sizeof(marks->slots[0]));
	if (marks == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory for marks");
	marks->references = 1;
	marks->slots_count = slots_count;
	marks->slots = (struct hf_match_mark *)(marks + 1);
	*out_marks = marks;
	return HF_OK;
}

struct hf_match_marks *hf_match_marks_ref(struct hf_match_marks *marks)
{
	__atomic_fetch_add(&marks->references, 1, __ATOMIC_RELAXED);
	return marks;
}

void hf_match_marks_unref(struct hf_match_marks *marks)
{
	if (marks == NULL ||
	    __atomic_fetch_sub(&marks->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	hf_match_map_release(&marks->map);
	free(marks);
}

static uint32_t slot_of(const struct hf_match_marks *marks, uint32_t set,
			uint64_t entry)
{
	uint64_t mixed = (entry ^ (uint64_t)set << 40) * 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 32) * 0xff51afd7ed558ccdu;
	return (uint32_t)(mixed >> 32) & (marks->slots_count - 1);
}

uint32_t hf_match_marks_get(const struct hf_match_marks *marks, uint32_t set,
			    uint64_t entry)
{
	uint32_t at = slot_of(marks, set, entry);

	/* A damaged file may have no slot free. */
	for (uint32_t i = 0; i < marks->slots_count; i++) {
		const struct hf_match_mark *slot = &marks->slots[at];
		uint32_t bits = __atomic_load_n(&slot->bits, __ATOMIC_ACQUIRE);

		if (bits == 0)
			return 0;
		if (slot->entry == entry && slot->set == set)
			return bits & HF_MATCH_MARK_BITS;
		at = (at + 1) & (marks->slots_count - 1);
	}
	return 0;
}

bool hf_match_marks_has_room(const struct hf_match_marks *marks)
{
	return marks->used_count < marks->slots_count / 2;
}

bool hf_match_marks_has_reserve(const struct hf_match_marks *marks)
{
	return marks->used_count < marks->slots_count / 8 * 7;
}

void hf_match_marks_set(struct hf_match_marks *marks, uint32_t set,
			uint64_t entry, uint32_t bits)
{
	uint32_t at = slot_of(marks, set, entry);
	struct hf_match_mark *slot = &marks->slots[at];

	while (slot->bits != 0 && (slot->entry != entry || slot->set != set)) {
		at = (at + 1) & (marks->slots_count - 1);
		slot = &marks->slots[at];
	}
	if (slot->bits == 0) {
		slot->entry = entry;
		slot->set = set;
		marks->used_count++;
	}
	__atomic_store_n(&slot->bits, (bits & HF_MATCH_MARK_BITS) | TAKEN,
			 __ATOMIC_RELEASE);
}

static void copy_slots(const struct hf_match_marks *from, uint64_t but_set,
		       struct hf_match_marks *to)
{
	for (uint32_t i = 0; i < from->slots_count; i++) {
		const struct hf_match_mark *slot = &from->slots[i];

		if ((slot->bits & HF_MATCH_MARK_BITS) != 0 &&
		    slot->set != but_set)
			hf_match_marks_set(to, slot->set, slot->entry,
					   slot->bits);
	}
}

enum hf_err hf_match_marks_copy(const struct hf_match_marks *marks, size_t more,
				uint64_t but_set,
				struct hf_match_marks **out_marks,
				struct hf_why *why)
{
	enum hf_err err =
		hf_match_marks_new(marks->used_count + more, out_marks, why);

	if (err == HF_OK)
		copy_slots(marks, but_set, *out_marks);
	return err;
}

/*
 * Tables in files.
 */
static uint64_t file_bytes(uint64_t slots_count, uint64_t drops_count)
{
	return sizeof(struct file) +
	       slots_count * sizeof(struct hf_match_mark) +
	       drops_count * sizeof(struct hf_match_drop);
}

static void point(struct hf_match_marks *marks)
{
	uint8_t *slots = marks->map.at + sizeof(struct file);

	marks->slots = (struct hf_match_mark *)slots;
	marks->drops =
		(const struct hf_match_drop *)(slots +
					       (size_t)marks->slots_count *
						       sizeof(*marks->slots));
}

enum hf_err hf_match_marks_create(const struct hf_match_marks_file *file,
				  const struct hf_match_marks *marks,
				  size_t more, uint64_t but_set,
				  struct hf_match_marks **out_marks,
				  struct hf_why *why)
{
	struct hf_match_marks *table;
	struct file *head;
	uint32_t slots_count = 0;
	enum hf_err err =
		count_slots(marks->used_count + more, &slots_count, why);

	if (err != HF_OK)
		return err;
	table = calloc(1, sizeof(*table));
	if (table == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory for marks");
	table->references = 1;
	table->number = file->number;
	table->slots_count = slots_count;
	table->drops_count = (uint32_t)file->drops_count;
	err = hf_match_map_create(file->dir, KIND, file->number, MAGIC,
				  file_bytes(slots_count, file->drops_count),
				  &table->map, why);
	if (err != HF_OK) {
		hf_match_marks_unref(table);
		return err;
	}
	point(table);
	head = (struct file *)table->map.at;
	head->slots_count = table->slots_count;
	head->drops_count = table->drops_count;
	if (file->drops_count > 0)
		memcpy((void *)table->drops, file->drops,
		       file->drops_count * sizeof(file->drops[0]));
	copy_slots(marks, but_set, table);
	*out_marks = table;
	return HF_OK;
}

enum hf_err hf_match_marks_open(const char *dir, uint64_t number,
				struct hf_match_marks **out_marks,
				struct hf_why *why)
{
	struct hf_match_marks *table = calloc(1, sizeof(*table));
	const struct file *head;
	enum hf_err err;

	if (table == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory for marks");
	table->references = 1;
	table->number = number;
	err = hf_match_map_open(dir, KIND, number, MAGIC, sizeof(*head),
				&table->map, why);
	if (err != HF_OK)
		goto out_unref;
	head = (const struct file *)table->map.at;
	table->slots_count = head->slots_count;
	table->drops_count = head->drops_count;
	if (table->slots_count == 0 ||
	    (table->slots_count & (table->slots_count - 1)) != 0 ||
	    file_bytes(table->slots_count, table->drops_count) !=
		    table->map.len_bytes) {
		err = hf_why(why, HF_E_CORRUPT,
			     "index file '%s/" KIND "-%08" PRIx64
			     "' is damaged: it has another size",
			     dir, number);
		goto out_unref;
	}
	point(table);
	*out_marks = table;
	return HF_OK;

out_unref:
	hf_match_marks_unref(table);
	return err;
}

void hf_match_marks_remove(const char *dir, const struct hf_match_marks *marks)
{
	if (marks != NULL && marks->map.at != NULL)
		hf_match_map_remove(dir, KIND, marks->number);
}
