#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match_commit.h"

static bool is_removed(const struct hf_match_change *change,
		       const struct hf_match_segment *segment)
{
	for (size_t i = 0; i < change->removed_count; i++) {
		if (change->removed[i] == segment)
			return true;
	}
	return false;
}

/* A drop matters while something that old is there. */
static bool is_drop_needed(const struct hf_index *index,
			   const struct hf_match_change *change,
			   const struct hf_match_drop *drop)
{
	for (size_t i = 0; i < index->segments_count; i++) {
		if (index->segments[i]->sequence <= drop->sequence &&
		    !is_removed(change, index->segments[i]))
			return true;
	}
	if (change->added != NULL && change->added->sequence <= drop->sequence)
		return true;
	for (size_t i = change->sealed_count; i < index->frozen_count; i++) {
		if (index->frozen[i].memory->sequence <= drop->sequence)
			return true;
	}
	return false;
}

/* The durable position of a set once the change is made. */
static uint64_t durable_after(const struct hf_index *index,
			      const struct hf_match_change *change,
			      const struct hf_match_fed *fed)
{
	bool is_all_sealed = change->sealed_count == index->frozen_count &&
			     !hf_match_state_is_filling(index);
	const struct hf_match_frozen *last;

	if (is_all_sealed)
		return fed->position;
	if (change->sealed_count == 0)
		return fed->durable;
	last = &index->frozen[change->sealed_count - 1];
	for (size_t i = 0; i < last->positions_count; i++) {
		/* A set that was dropped since begins again. */
		if (last->positions[i].set == fed->set)
			return last->positions[i].position < fed->position
				       ? last->positions[i].position
				       : fed->position;
	}
	return fed->durable;
}

/* With the lock held.  The caller releases the manifest. */
static enum hf_err draft(const struct hf_index *index,
			 const struct hf_match_change *change,
			 struct hf_match_manifest *out_manifest,
			 struct hf_why *why)
{
	struct hf_match_manifest manifest = {
		.next_number = index->next_number,
		.next_sequence = index->next_sequence,
		.marks_number = index->marks_number,
	};

	manifest.positions =
		malloc((index->feds_count + 1) * sizeof(manifest.positions[0]));
	manifest.drops =
		malloc((index->drops_count + 1) * sizeof(manifest.drops[0]));
	if (manifest.positions == NULL || manifest.drops == NULL) {
		hf_match_manifest_release(&manifest);
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	}
	for (size_t i = 0; i < index->segments_count; i++) {
		if (!is_removed(change, index->segments[i]))
			manifest.segments[manifest.segments_count++] =
				index->segments[i]->number;
	}
	if (change->added != NULL)
		manifest.segments[manifest.segments_count++] =
			change->added->number;
	for (size_t i = 0; i < index->feds_count; i++)
		manifest.positions[manifest.positions_count++] =
			(struct hf_match_position){
				index->feds[i].set,
				durable_after(index, change, &index->feds[i])
			};
	for (size_t i = 0; i < index->drops_count; i++) {
		if (is_drop_needed(index, change, &index->drops[i]))
			manifest.drops[manifest.drops_count++] =
				index->drops[i];
	}
	*out_manifest = manifest;
	return HF_OK;
}

/* With the lock held, the manifest written. */
static void apply(struct hf_index *index, struct hf_match_change *change,
		  const struct hf_match_manifest *manifest)
{
	size_t kept = 0;

	for (size_t i = 0; i < index->segments_count; i++) {
		if (!is_removed(change, index->segments[i]))
			index->segments[kept++] = index->segments[i];
	}
	if (change->added != NULL)
		index->segments[kept++] = change->added;
	index->segments_count = kept;
	for (size_t i = 0; i < change->sealed_count; i++) {
		change->sealed[i] = index->frozen[i].memory->sequence;
		hf_match_memory_unref(index->frozen[i].memory);
		free(index->frozen[i].positions);
	}
	index->frozen_count -= change->sealed_count;
	memmove(&index->frozen[0], &index->frozen[change->sealed_count],
		index->frozen_count * sizeof(index->frozen[0]));
	/* Both are in order; a set may have come or gone meanwhile. */
	for (size_t i = 0, j = 0; i < index->feds_count; i++) {
		while (j < manifest->positions_count &&
		       manifest->positions[j].set < index->feds[i].set)
			j++;
		if (j < manifest->positions_count &&
		    manifest->positions[j].set == index->feds[i].set)
			index->feds[i].durable =
				manifest->positions[j].position;
	}
	kept = 0;
	for (size_t i = 0; i < index->drops_count; i++) {
		if (is_drop_needed(index, &(struct hf_match_change){ 0 },
				   &index->drops[i]))
			index->drops[kept++] = index->drops[i];
	}
	index->drops_count = kept;
}

static void remove_file(const struct hf_index *index, bool is_marks,
			uint64_t number)
{
	char path[4096];
	enum hf_err err =
		is_marks ? hf_match_marks_file_path(path, sizeof(path),
						    index->dir, number, NULL)
			 : hf_match_segment_path(path, sizeof(path), index->dir,
						 number, NULL);

	if (err == HF_OK)
		unlink(path);
}

/* The marks of now, in a file of their own when they changed. */
static enum hf_err commit_marks(struct hf_index *index, uint64_t *out_old,
				struct hf_why *why)
{
	struct hf_match_marks *marks = NULL;
	uint64_t number = 0;
	enum hf_err err = HF_OK;

	*out_old = 0;
	pthread_mutex_lock(&index->lock);
	if (index->is_marks_dirty) {
		err = hf_match_marks_copy(index->marks, 0, HF_MATCH_MARKS_ALL,
					  &marks, why);
		number = index->next_number;
		if (err == HF_OK) {
			index->next_number++;
			index->is_marks_dirty = false;
		}
	}
	pthread_mutex_unlock(&index->lock);
	if (err != HF_OK || marks == NULL)
		return err;
	err = hf_match_marks_file_write(index->dir, number, marks, why);
	hf_match_marks_unref(marks);
	pthread_mutex_lock(&index->lock);
	if (err == HF_OK) {
		*out_old = index->marks_number;
		index->marks_number = number;
	} else {
		index->is_marks_dirty = true;
	}
	pthread_mutex_unlock(&index->lock);
	return err;
}

/* Make the change, durably.  After a failure everything is as before, and a
 * file that was added is gone unless the disk may say otherwise. */
static enum hf_err commit(struct hf_index *index,
			  struct hf_match_change *change, struct hf_why *why)
{
	struct hf_match_manifest manifest = { 0 };
	uint64_t old_marks;
	enum hf_err err;

	pthread_mutex_lock(&index->commit_lock);
	err = commit_marks(index, &old_marks, why);
	if (err != HF_OK)
		goto out_unlock;
	pthread_mutex_lock(&index->lock);
	err = draft(index, change, &manifest, why);
	index->is_dirty = false;
	pthread_mutex_unlock(&index->lock);
	if (err == HF_OK)
		err = hf_match_manifest_write(index->dir, &manifest, why);
	pthread_mutex_lock(&index->lock);
	if (err == HF_OK) {
		apply(index, change, &manifest);
		/* Views go on with the snapshot of before, which answers the
		 * same, until there is memory for another. */
		if (hf_match_state_publish(index, why) != HF_OK) {
			index->is_dirty = true;
			hf_match_state_tell(index);
		}
	} else {
		index->is_dirty = true;
	}
	pthread_mutex_unlock(&index->lock);
	hf_match_manifest_release(&manifest);
	if (err == HF_OK && old_marks != 0)
		remove_file(index, true, old_marks);
	for (size_t i = 0; err == HF_OK && i < change->sealed_count; i++)
		hf_match_memory_remove(index->dir, change->sealed[i]);
	for (size_t i = 0; err == HF_OK && i < change->removed_count; i++) {
		remove_file(index, false, change->removed[i]->number);
		hf_match_segment_unref(change->removed[i]);
	}

out_unlock:
	pthread_mutex_unlock(&index->commit_lock);
	return err;
}

enum hf_err hf_match_work_commit(struct hf_index *index, struct hf_why *why)
{
	return commit(index, &(struct hf_match_change){ 0 }, why);
}

/* Give up a segment that did not come to be.  Its file stays when the
 * manifest on disk, half replaced, might name it; the next open sweeps. */
static void discard(struct hf_index *index, struct hf_match_segment *segment)
{
	struct hf_match_manifest manifest;
	bool is_named = false;

	if (hf_match_manifest_read(index->dir, &manifest, NULL) == HF_OK) {
		for (size_t i = 0; i < manifest.segments_count; i++)
			is_named = is_named ||
				   manifest.segments[i] == segment->number;
		hf_match_manifest_release(&manifest);
		if (!is_named)
			remove_file(index, false, segment->number);
	}
	hf_match_segment_unref(segment);
}

enum hf_err hf_match_commit_build(struct hf_index *index,
				  struct hf_match_build *build,
				  struct hf_match_change *change,
				  struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&index->lock);
	build->dir = index->dir;
	build->number = index->next_number++;
	pthread_mutex_unlock(&index->lock);
	err = hf_match_build_segment(build, why);
	if (err != HF_OK)
		return err;
	err = hf_match_segment_open(index->dir, build->number, false,
				    &change->added, why);
	if (err != HF_OK) {
		remove_file(index, false, build->number);
		return err;
	}
	hf_match_segment_warm(change->added);
	err = commit(index, change, why);
	if (err != HF_OK)
		discard(index, change->added);
	return err;
}
