#include <stdlib.h>

#include "match_join.h"
#include "match_lookup.h"
#include "match_state.h"

void hf_match_view_free(struct hf_index_view *view)
{
	if (view == NULL)
		return;
	hf_match_near_work_free(view->near);
	hf_match_exact_work_free(view->exact);
	hf_match_join_free(view->join);
	free(view->told);
	free(view);
}

static enum hf_err view_new(struct hf_index *index,
			    struct hf_index_view **out_view, struct hf_why *why)
{
	struct hf_index_view *view = calloc(1, sizeof(*view));
	enum hf_err err;

	if (view == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	view->index = index;
	err = hf_match_near_work_new(&view->near, why);
	if (err == HF_OK)
		err = hf_match_exact_work_new(&view->exact, why);
	if (err != HF_OK)
		goto out_free;
	view->told = calloc(HF_MATCH_TOLD_SLOTS, sizeof(*view->told));
	if (view->told == NULL) {
		err = hf_why(why, HF_E_NOMEM, "index: no memory to look up");
		goto out_free;
	}
	*out_view = view;
	return HF_OK;

out_free:
	hf_match_view_free(view);
	return err;
}

enum hf_err hf_index_view_begin(struct hf_index *index,
				struct hf_index_view **out_view,
				struct hf_why *why)
{
	struct hf_index_view *view;

	if (index->is_readonly)
		hf_match_follow(index);
	pthread_mutex_lock(&index->view_lock);
	view = index->idle;
	if (view != NULL) {
		index->idle = view->next;
		view->snapshot = hf_match_snapshot_ref(index->snapshot);
	}
	pthread_mutex_unlock(&index->view_lock);
	if (view == NULL) {
		enum hf_err err = view_new(index, &view, why);

		if (err != HF_OK)
			return err;
		pthread_mutex_lock(&index->view_lock);
		view->snapshot = hf_match_snapshot_ref(index->snapshot);
		pthread_mutex_unlock(&index->view_lock);
	}
	*out_view = view;
	return HF_OK;
}

void hf_index_view_end(struct hf_index_view *view)
{
	struct hf_index *index;

	if (view == NULL)
		return;
	index = view->index;
	hf_match_snapshot_unref(view->snapshot);
	view->snapshot = NULL;
	pthread_mutex_lock(&index->view_lock);
	view->next = index->idle;
	index->idle = view;
	pthread_mutex_unlock(&index->view_lock);
}
