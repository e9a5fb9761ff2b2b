#include <stdlib.h>

#include "match_marks.h"

/* In a slot's bits: it is taken.  Published last. */
#define TAKEN 0x80000000u

/* Half full at most, so that a probe ends soon. */
#define SLOTS_MIN 64

enum hf_err hf_match_marks_new(size_t count, struct hf_match_marks **out_marks,
			       struct hf_why *why)
{
	size_t slots_count = SLOTS_MIN;
	struct hf_match_marks *marks;

	if (count > UINT32_MAX / 4)
		return hf_why(why, HF_E_LIMIT, "index: %zu marks", count);
	while (slots_count < 2 * count)
		slots_count *= 2;
	marks = calloc(1,
		       sizeof(*marks) + slots_count * sizeof(marks->slots[0]));
	if (marks == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory for marks");
	marks->references = 1;
	marks->slots_count = (uint32_t)slots_count;
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
	if (marks != NULL &&
	    __atomic_fetch_sub(&marks->references, 1, __ATOMIC_ACQ_REL) == 1)
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

	for (;; at = (at + 1) & (marks->slots_count - 1)) {
		const struct hf_match_mark *slot = &marks->slots[at];
		uint32_t bits = __atomic_load_n(&slot->bits, __ATOMIC_ACQUIRE);

		if (bits == 0)
			return 0;
		if (slot->entry == entry && slot->set == set)
			return bits & HF_MATCH_MARK_BITS;
	}
}

bool hf_match_marks_has_room(const struct hf_match_marks *marks)
{
	return marks->used_count < marks->slots_count / 2;
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

enum hf_err hf_match_marks_copy(const struct hf_match_marks *marks, size_t more,
				uint64_t but_set,
				struct hf_match_marks **out_marks,
				struct hf_why *why)
{
	struct hf_match_marks *copy;
	enum hf_err err =
		hf_match_marks_new(marks->used_count + more, &copy, why);

	if (err != HF_OK)
		return err;
	for (uint32_t i = 0; i < marks->slots_count; i++) {
		const struct hf_match_mark *slot = &marks->slots[i];

		if ((slot->bits & HF_MATCH_MARK_BITS) != 0 &&
		    slot->set != but_set)
			hf_match_marks_set(copy, slot->set, slot->entry,
					   slot->bits);
	}
	*out_marks = copy;
	return HF_OK;
}
