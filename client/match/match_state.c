#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

#include "match_private.h"
#include "match_state.h"

struct hf_match_snapshot *
hf_match_snapshot_ref(struct hf_match_snapshot *snapshot)
{
	__atomic_fetch_add(&snapshot->references, 1, __ATOMIC_RELAXED);
	return snapshot;
}

void hf_match_snapshot_unref(struct hf_match_snapshot *snapshot)
{
	if (snapshot == NULL ||
	    __atomic_fetch_sub(&snapshot->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	for (size_t i = 0; i < snapshot->segments_count; i++)
		hf_match_segment_unref(snapshot->segments[i]);
	for (size_t i = 0; i < snapshot->memories_count; i++)
		hf_match_memory_unref(snapshot->memories[i]);
	hf_match_marks_unref(snapshot->marks);
	hf_match_sets_unref(snapshot->sets);
	free(snapshot);
}

bool hf_match_drops_cover(const struct hf_match_drop *drops, size_t drops_count,
			  uint32_t set, uint64_t sequence)
{
	size_t low = 0, high = drops_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (drops[middle].set < set)
			low = middle + 1;
		else
			high = middle;
	}
	return low < drops_count && drops[low].set == set &&
	       sequence <= drops[low].sequence;
}

void hf_match_state_tell(struct hf_index *index)
{
	struct hf_match_live_state state = {
		.table = index->marks->number,
		.sets = index->is_ready && index->sets != NULL
				? index->sets->number
				: 0,
	};

	for (size_t i = 0; i < index->segments_count; i++)
		state.segments[state.segments_count++] =
			index->segments[i]->number;
	state.memories[state.memories_count++] = index->active->sequence;
	for (size_t i = 0; i < index->frozen_count; i++) {
		if (index->frozen[i].memory->bulk == NULL)
			state.memories[state.memories_count++] =
				index->frozen[i].memory->sequence;
	}
	hf_match_live_write(index->live, &state);
}

enum hf_err hf_match_state_publish(struct hf_index *index, struct hf_why *why)
{
	struct hf_match_snapshot *snapshot, *old;

	snapshot = calloc(1, sizeof(*snapshot));
	if (snapshot == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	snapshot->references = 1;
	for (size_t i = 0; i < index->segments_count; i++)
		snapshot->segments[i] =
			hf_match_segment_ref(index->segments[i]);
	snapshot->segments_count = index->segments_count;
	snapshot->memories[snapshot->memories_count++] =
		hf_match_memory_ref(index->active);
	for (size_t i = 0; i < index->frozen_count; i++) {
		if (index->frozen[i].memory->bulk == NULL)
			snapshot->memories[snapshot->memories_count++] =
				hf_match_memory_ref(index->frozen[i].memory);
	}
	snapshot->marks = hf_match_marks_ref(index->marks);
	snapshot->drops_count = index->marks->drops_count;
	snapshot->drops = index->marks->drops;

	hf_match_state_tell(index);
	pthread_mutex_lock(&index->view_lock);
	old = index->snapshot;
	index->snapshot = snapshot;
	pthread_mutex_unlock(&index->view_lock);
	hf_match_snapshot_unref(old);
	return HF_OK;
}

enum hf_err hf_match_state_replace_marks(struct hf_index *index,
					 struct hf_match_marks *marks,
					 struct hf_why *why)
{
	struct hf_match_marks *old = index->marks;
	enum hf_err err;

	index->marks = marks;
	err = hf_match_state_publish(index, why);
	if (err != HF_OK) {
		index->marks = old;
		old = marks;
	}
	hf_match_marks_remove(index->dir, old);
	hf_match_marks_unref(old);
	return err;
}

static enum hf_err copy_positions(const struct hf_index *index,
				  struct hf_match_frozen *frozen,
				  struct hf_why *why)
{
	frozen->positions_count = index->feds_count;
	frozen->positions =
		malloc((index->feds_count + 1) * sizeof(frozen->positions[0]));
	if (frozen->positions == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	for (size_t i = 0; i < index->feds_count; i++)
		frozen->positions[i] =
			(struct hf_match_position){ index->feds[i].set,
						    index->feds[i].position };
	return HF_OK;
}

enum hf_err hf_match_state_freeze(struct hf_index *index, struct hf_why *why)
{
	struct hf_match_frozen *frozen = &index->frozen[index->frozen_count];
	struct hf_match_memory *old = index->active, *fresh;
	enum hf_err err;

	err = copy_positions(index, frozen, why);
	if (err != HF_OK)
		return err;
	err = hf_match_private_memory(index, index->next_sequence, &fresh, why);
	if (err != HF_OK)
		goto out_free;
	frozen->memory = index->bulk != NULL ? index->bulk : old;
	frozen->since_us = index->active_since_us;
	index->active = fresh;
	index->frozen_count++;
	err = hf_match_state_publish(index, why);
	if (err != HF_OK)
		goto out_undo;
	/* The active one, empty beside a bulk, is of the same sequence. */
	if (index->bulk != NULL) {
		hf_match_memory_remove(index->dir, old->sequence);
		hf_match_memory_unref(old);
		index->bulk = NULL;
	}
	index->next_sequence++;
	index->active_since_us = 0;
	return HF_OK;

out_undo:
	index->frozen_count--;
	index->active = old;
	hf_match_memory_remove(index->dir, fresh->sequence);
	hf_match_memory_unref(fresh);
out_free:
	free(frozen->positions);
	*frozen = (struct hf_match_frozen){ 0 };
	return err;
}

static enum hf_err load_feds(struct hf_index *index,
			     const struct hf_match_manifest *manifest,
			     struct hf_why *why)
{
	size_t count = manifest->positions_count;

	index->feds = malloc((count + 16) * sizeof(index->feds[0]));
	if (index->feds == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	index->feds_size = count + 16;
	index->feds_count = count;
	for (size_t i = 0; i < count; i++)
		index->feds[i] = (struct hf_match_fed){
			manifest->positions[i].set,
			manifest->positions[i].position,
			manifest->positions[i].position,
		};
	return HF_OK;
}

enum hf_err hf_match_state_load(struct hf_index *index, struct hf_why *why)
{
	struct hf_match_manifest manifest = { 0 };
	enum hf_err err = hf_match_manifest_read(index->dir, &manifest, why);

	if (err != HF_OK)
		return err;
	index->next_number = manifest.next_number;
	index->next_sequence = manifest.next_sequence;
	index->marks_number = manifest.marks_number;
	err = load_feds(index, &manifest, why);
	if (err == HF_OK)
		err = hf_match_marks_file_read(
			index->dir, manifest.marks_number, &index->marks, why);
	for (size_t i = 0; err == HF_OK && i < manifest.segments_count; i++) {
		err = hf_match_segment_open(index->dir, manifest.segments[i],
					    true, &index->segments[i], why);
		index->segments_count += err == HF_OK;
	}
	if (err == HF_OK) {
		index->drops = manifest.drops;
		index->drops_count = manifest.drops_count;
		manifest.drops = NULL;
	}
	hf_match_manifest_release(&manifest);
	if (err != HF_OK)
		hf_match_state_release(index);
	return err;
}

void hf_match_state_release(struct hf_index *index)
{
	hf_match_memory_unref(index->active);
	index->active = NULL;
	hf_match_memory_unref(index->bulk);
	index->bulk = NULL;
	for (size_t i = 0; i < index->frozen_count; i++) {
		hf_match_memory_unref(index->frozen[i].memory);
		free(index->frozen[i].positions);
	}
	index->frozen_count = 0;
	for (size_t i = 0; i < index->segments_count; i++)
		hf_match_segment_unref(index->segments[i]);
	index->segments_count = 0;
	hf_match_marks_unref(index->marks);
	index->marks = NULL;
	hf_match_sets_unref(index->sets);
	index->sets = NULL;
	free(index->drops);
	index->drops = NULL;
	index->drops_count = 0;
	free(index->feds);
	index->feds = NULL;
	index->feds_count = 0;
}

static bool is_named(const struct hf_index *index, const char *name)
{
	char have[32];

	if (index->active != NULL) {
		snprintf(have, sizeof(have), "memory-%08" PRIx64,
			 index->active->sequence);
		if (strcmp(name, have) == 0)
			return true;
		snprintf(have, sizeof(have), "table-%08" PRIx64,
			 index->marks->number);
		if (strcmp(name, have) == 0)
			return true;
	}
	snprintf(have, sizeof(have), "marks-%08" PRIx64, index->marks_number);
	if (index->marks_number != 0 && strcmp(name, have) == 0)
		return true;
	for (size_t i = 0; i < index->segments_count; i++) {
		snprintf(have, sizeof(have), "segment-%08" PRIx64,
			 index->segments[i]->number);
		if (strcmp(name, have) == 0)
			return true;
	}
	return false;
}

void hf_match_state_sweep(struct hf_index *index)
{
	static const char *const kinds[] = { "segment-", "marks-", "memory-",
					     "table-", "sets-" };
	DIR *dir = opendir(index->dir);
	struct dirent *found;

	/* What stays behind costs room, nothing else. */
	while (dir != NULL && (found = readdir(dir)) != NULL) {
		const char *name = found->d_name;
		bool is_ours = false;

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			is_ours |=
				strncmp(name, kinds[i], strlen(kinds[i])) == 0;
		if (is_ours && !is_named(index, name))
			unlinkat(dirfd(dir), name, 0);
	}
	if (dir != NULL)
		closedir(dir);
}

static bool is_synced(const struct hf_match_map *map)
{
	return msync(map->at, map->len_bytes, MS_SYNC) == 0;
}

void hf_match_state_keep(struct hf_index *index)
{
	/* What could not be sealed, or is in no file, does not outlive us. */
	if (index->frozen_count == 0 && !hf_match_private_is(index) &&
	    is_synced(&index->active->map) && is_synced(&index->marks->map) &&
	    (index->sets == NULL || is_synced(&index->sets->map)) &&
	    hf_file_sync_dir(index->dir, NULL) == HF_OK)
		hf_match_live_keep(index->live);
}
