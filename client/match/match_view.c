#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "file.h"

#include "match_lookup.h"
#include "match_state.h"

/* The writer removes what its new manifest no longer names: whoever read the
 * old one meanwhile reads again. */
#define LOAD_TRIES 16

void hf_match_view_free(struct hf_index_view *view)
{
	if (view == NULL)
		return;
	hf_match_near_work_free(view->near);
	hf_match_exact_work_free(view->exact);
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

/* Let a freshly loaded state take the place of the index's own. */
static void take_state(struct hf_index *index, struct hf_index *fresh)
{
	struct hf_index old;

	pthread_mutex_lock(&index->lock);
	old = (struct hf_index){ .marks = index->marks,
				 .drops = index->drops,
				 .feds = index->feds,
				 .segments_count = index->segments_count };
	memcpy(old.segments, index->segments, sizeof(old.segments));
	memcpy(index->segments, fresh->segments, sizeof(index->segments));
	index->segments_count = fresh->segments_count;
	index->marks = fresh->marks;
	index->drops = fresh->drops;
	index->drops_count = fresh->drops_count;
	index->feds = fresh->feds;
	index->feds_count = fresh->feds_count;
	pthread_mutex_unlock(&index->lock);
	hf_match_state_release(&old);
}

/* True when the manifest is not the one that was loaded last. */
static bool look_at_manifest(const struct hf_index *index, struct stat *out)
{
	char path[4096];

	if (hf_file_join(path, sizeof(path), index->dir, "manifest", NULL) !=
		    HF_OK ||
	    stat(path, out) != 0)
		return false;
	return out->st_ino != index->manifest_inode ||
	       out->st_mtim.tv_sec != index->manifest_time.tv_sec ||
	       out->st_mtim.tv_nsec != index->manifest_time.tv_nsec;
}

enum hf_err hf_match_view_load(struct hf_index *index, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (int try = 0; try < LOAD_TRIES; try++) {
		struct hf_index fresh = { .dir = index->dir };
		struct stat about = { 0 };

		pthread_mutex_init(&fresh.view_lock, NULL);
		look_at_manifest(index, &about);
		err = hf_match_state_load(&fresh, false, index, why);
		if (err == HF_OK) {
			err = hf_match_state_publish(&fresh, why);
			if (err != HF_OK)
				hf_match_state_release(&fresh);
		}
		pthread_mutex_destroy(&fresh.view_lock);
		if (err == HF_OK) {
			struct hf_match_snapshot *old;

			index->manifest_inode = about.st_ino;
			index->manifest_time = about.st_mtim;
			take_state(index, &fresh);
			pthread_mutex_lock(&index->view_lock);
			old = index->snapshot;
			index->snapshot = fresh.snapshot;
			pthread_mutex_unlock(&index->view_lock);
			hf_match_snapshot_unref(old);
		}
		if (err != HF_E_NOTFOUND)
			break;
	}
	return err;
}

/* A read-only index follows its writer, looking now and then.  What cannot be
 * loaded (no memory, a damaged file) leaves what there is. */
static void refresh(struct hf_index *index)
{
	uint64_t now_us = hf_clock_mono_us();
	struct stat about;

	if (now_us - __atomic_load_n(&index->refreshed_us, __ATOMIC_RELAXED) <
		    HF_MATCH_REFRESH_MS * 1000 ||
	    pthread_mutex_trylock(&index->refresh_lock) != 0)
		return;
	__atomic_store_n(&index->refreshed_us, now_us, __ATOMIC_RELAXED);
	if (look_at_manifest(index, &about)) {
		enum hf_err err = hf_match_view_load(index, NULL);

		(void)err;
	}
	pthread_mutex_unlock(&index->refresh_lock);
}

enum hf_err hf_index_view_begin(struct hf_index *index,
				struct hf_index_view **out_view,
				struct hf_why *why)
{
	struct hf_index_view *view;

	if (index->is_readonly)
		refresh(index);
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
