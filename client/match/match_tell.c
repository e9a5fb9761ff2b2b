#include "match_private.h"
#include "match_state.h"
#include "match_tell.h"

/* A table of sets begins with this room. */
#define ROOM_MIN ((uint32_t)64)

static enum hf_err make_sets_in(struct hf_index *index, const char *dir,
				uint32_t rows_count, struct hf_why *why)
{
	struct hf_match_sets *fresh, *old;
	enum hf_err err;

	/* Nobody puts while it is copied. */
	pthread_mutex_lock(&index->sets_lock);
	old = index->sets;
	err = hf_match_sets_create(dir, index->next_number, &index->rules,
				   rows_count, old, &fresh, why);
	if (err == HF_OK)
		index->sets = fresh;
	pthread_mutex_unlock(&index->sets_lock);
	if (err != HF_OK)
		return err;
	index->next_number++;
	hf_match_state_tell(index);
	hf_match_sets_remove(index->dir, old);
	hf_match_sets_unref(old);
	return HF_OK;
}

static enum hf_err make_sets(struct hf_index *index, uint32_t rows_count,
			     struct hf_why *why)
{
	enum hf_err err = make_sets_in(index, index->dir, rows_count, why);

	/* Readers that judge see nothing before the first one. */
	if (err == HF_E_FULL &&
	    (index->sets == NULL || hf_match_private_is(index)))
		err = make_sets_in(index, NULL, rows_count, why);
	return err;
}

enum hf_err hf_match_tell_in_file(struct hf_index *index, struct hf_why *why)
{
	if (index->sets == NULL || !index->sets->map.is_private)
		return HF_OK;
	return make_sets_in(index, index->dir, index->sets->rows_count, why);
}

enum hf_err hf_index_tell_rules(struct hf_index *index,
				const struct hf_match_sets_rules *rules,
				struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&index->lock);
	index->rules = *rules;
	err = make_sets(index, ROOM_MIN, why);
	pthread_mutex_unlock(&index->lock);
	return err;
}

static bool has_room(struct hf_index *index, uint32_t set)
{
	bool has;

	pthread_mutex_lock(&index->sets_lock);
	has = index->sets == NULL || set < index->sets->rows_count;
	pthread_mutex_unlock(&index->sets_lock);
	return has;
}

enum hf_err hf_index_tell_room(struct hf_index *index, uint32_t set,
			       struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (has_room(index, set))
		return HF_OK;
	if (set >= HF_MATCH_SETS_MAX)
		return hf_why(why, HF_E_LIMIT, "index: set %u", set);
	pthread_mutex_lock(&index->lock);
	if (!has_room(index, set))
		err = make_sets(index, 2 * set, why);
	pthread_mutex_unlock(&index->lock);
	return err;
}

void hf_index_tell_set(struct hf_index *index, const struct hf_judge_set *set)
{
	pthread_mutex_lock(&index->sets_lock);
	if (index->sets != NULL && set->set < index->sets->rows_count)
		hf_match_sets_put(index->sets, set);
	pthread_mutex_unlock(&index->sets_lock);
}

void hf_index_tell_turn(struct hf_index *index)
{
	pthread_mutex_lock(&index->sets_lock);
	if (index->sets != NULL)
		hf_match_sets_turn(index->sets);
	pthread_mutex_unlock(&index->sets_lock);
}

void hf_index_tell_ready(struct hf_index *index)
{
	pthread_mutex_lock(&index->lock);
	index->is_ready = true;
	hf_match_state_tell(index);
	pthread_mutex_unlock(&index->lock);
}

void hf_index_stay(struct hf_index *index)
{
	index->stays = true;
}

const struct hf_match_sets *hf_index_view_sets(const struct hf_index_view *view)
{
	return view->snapshot->sets;
}
