#include "match_live.h"
#include "match_private.h"
#include "match_tell.h"

bool hf_match_private_is(struct hf_index *index)
{
	bool is_private =
		index->marks->map.is_private || index->active->map.is_private;

	pthread_mutex_lock(&index->sets_lock);
	is_private |= index->sets != NULL && index->sets->map.is_private;
	pthread_mutex_unlock(&index->sets_lock);
	return is_private;
}

/* Whether it hides anything from readers that another part of it is in memory
 * alone: not before there is a first one, and not beside others that are. */
static bool may_be_private(struct hf_index *index)
{
	return index->active == NULL || hf_match_private_is(index);
}

static enum hf_err make_table(struct hf_index *index, const char *dir,
			      const struct hf_match_table_change *change,
			      struct hf_match_marks **out_marks,
			      struct hf_why *why)
{
	const struct hf_match_marks_file file = {
		.dir = dir,
		.number = index->next_number,
		.drops = change->drops,
		.drops_count = change->drops_count,
	};
	enum hf_err err =
		hf_match_marks_create(&file, index->marks, change->more,
				      change->but_set, out_marks, why);

	if (err == HF_OK)
		index->next_number++;
	return err;
}

enum hf_err hf_match_private_table(struct hf_index *index,
				   const struct hf_match_table_change *change,
				   struct hf_match_marks **out_marks,
				   struct hf_why *why)
{
	enum hf_err err = make_table(index, index->dir, change, out_marks, why);

	if (err == HF_E_FULL && may_be_private(index))
		err = make_table(index, NULL, change, out_marks, why);
	return err;
}

enum hf_err hf_match_private_memory(struct hf_index *index, uint64_t sequence,
				    struct hf_match_memory **out_memory,
				    struct hf_why *why)
{
	enum hf_err err =
		hf_match_memory_create(index->dir, sequence, out_memory, why);

	if (err == HF_E_FULL && may_be_private(index))
		err = hf_match_memory_create(NULL, sequence, out_memory, why);
	return err;
}

static enum hf_err end_table(struct hf_index *index, struct hf_why *why)
{
	const struct hf_match_table_change change = {
		.more = HF_MATCH_MARKS_MORE,
		.but_set = HF_MATCH_MARKS_ALL,
		.drops = index->drops,
		.drops_count = index->drops_count,
	};
	struct hf_match_marks *table;
	enum hf_err err = make_table(index, index->dir, &change, &table, why);

	return err == HF_OK ? hf_match_state_replace_marks(index, table, why)
			    : err;
}

/* One with hashes in it is closed, and sealed in its time. */
static enum hf_err end_memory(struct hf_index *index, struct hf_why *why)
{
	struct hf_match_memory *old = index->active, *fresh;
	enum hf_err err;

	if (hf_match_state_is_filling(index))
		return index->frozen_count < HF_MATCH_FROZEN_MAX
			       ? hf_match_state_freeze(index, why)
			       : HF_OK;
	err = hf_match_memory_create(index->dir, old->sequence, &fresh, why);
	if (err != HF_OK)
		return err;
	index->active = fresh;
	err = hf_match_state_publish(index, why);
	if (err != HF_OK) {
		index->active = old;
		hf_match_memory_remove(index->dir, fresh->sequence);
		old = fresh;
	}
	hf_match_memory_unref(old);
	return err;
}

enum hf_err hf_match_private_end(struct hf_index *index, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (index->marks->map.is_private)
		err = end_table(index, why);
	if (err == HF_OK && index->active->map.is_private)
		err = end_memory(index, why);
	if (err == HF_OK)
		err = hf_match_tell_in_file(index, why);
	return err;
}
