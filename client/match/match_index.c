#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

#include "match_index.h"
#include "match_private.h"
#include "match_state.h"
#include "match_tell.h"

static enum hf_err index_new(const char *dir, struct hf_index **out_index,
			     struct hf_why *why)
{
	struct hf_index *index = calloc(1, sizeof(*index));

	if (index == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	index->dir = strdup(dir);
	if (index->dir == NULL) {
		free(index);
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	}
	index->lock_fd = -1;
	index->kernel = hf_match_kernel();
	pthread_mutex_init(&index->commit_lock, NULL);
	pthread_mutex_init(&index->lock, NULL);
	pthread_mutex_init(&index->view_lock, NULL);
	pthread_mutex_init(&index->sets_lock, NULL);
	pthread_mutex_init(&index->refresh_lock, NULL);
	hf_clock_cond_init(&index->work);
	hf_clock_cond_init(&index->done);
	*out_index = index;
	return HF_OK;
}

static void index_free(struct hf_index *index)
{
	while (index->idle != NULL) {
		struct hf_index_view *view = index->idle;

		index->idle = view->next;
		hf_match_view_free(view);
	}
	hf_match_snapshot_unref(index->snapshot);
	hf_match_state_release(index);
	hf_match_live_close(index->live);
	if (index->lock_fd >= 0)
		close(index->lock_fd);
	pthread_cond_destroy(&index->work);
	pthread_cond_destroy(&index->done);
	pthread_mutex_destroy(&index->commit_lock);
	pthread_mutex_destroy(&index->lock);
	pthread_mutex_destroy(&index->view_lock);
	pthread_mutex_destroy(&index->sets_lock);
	pthread_mutex_destroy(&index->refresh_lock);
	free(index->dir);
	free(index);
}

static enum hf_err lock_dir(struct hf_index *index, struct hf_why *why)
{
	char path[4096];
	enum hf_err err;

	err = hf_file_join(path, sizeof(path), index->dir, "lock", why);
	if (err != HF_OK)
		return err;
	index->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (index->lock_fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	if (flock(index->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return hf_why(why, HF_E_CONFLICT,
				      "another process has the match index "
				      "'%s' open for writing",
				      index->dir);
		return hf_why_errno(why, "lock '%s'", path);
	}
	return HF_OK;
}

static enum hf_err load_or_begin(struct hf_index *index, struct hf_why *why)
{
	enum hf_err err = hf_match_state_load(index, why);

	if (err == HF_E_NOTFOUND && index->next_number == 0) {
		struct hf_match_manifest manifest = { .next_number = 1,
						      .next_sequence = 1 };

		err = hf_match_manifest_write(index->dir, &manifest, why);
		if (err == HF_OK)
			err = hf_match_state_load(index, why);
	}
	if (err == HF_E_NOTFOUND)
		err = hf_why(why, HF_E_CORRUPT,
			     "match index '%s': a file that the manifest names "
			     "is missing",
			     index->dir);
	return err;
}

/* Files of our own for what readers look into, told to them, in the place of
 * those that others left: no more of the disk than before. */
static enum hf_err begin_live(struct hf_index *index, struct hf_why *why)
{
	const struct hf_match_table_change change = {
		.more = HF_MATCH_MARKS_MORE,
		.but_set = HF_MATCH_MARKS_ALL,
		.drops = index->drops,
		.drops_count = index->drops_count,
	};
	struct hf_match_marks *table;
	enum hf_err err = hf_match_live_create(index->dir, &index->live, why);

	if (err != HF_OK)
		return err;
	hf_match_state_sweep(index);
	err = hf_match_private_table(index, &change, &table, why);
	if (err != HF_OK)
		return err;
	hf_match_marks_unref(index->marks);
	index->marks = table;
	err = hf_match_private_memory(index, index->next_sequence,
				      &index->active, why);
	if (err != HF_OK)
		return err;
	index->next_sequence++;
	return hf_match_state_publish(index, why);
}

enum hf_err hf_index_open(const char *dir, struct hf_index **out_index,
			  struct hf_why *why)
{
	struct hf_index *index;
	enum hf_err err;

	err = hf_file_mkdirs(dir, 0750, why);
	if (err == HF_OK)
		err = index_new(dir, &index, why);
	if (err != HF_OK)
		return err;
	err = lock_dir(index, why);
	if (err == HF_OK)
		err = load_or_begin(index, why);
	if (err != HF_OK)
		goto out_free;
	err = begin_live(index, why);
	if (err == HF_OK)
		err = hf_match_work_start(index, why);
	if (err != HF_OK)
		goto out_free;
	*out_index = index;
	return HF_OK;

out_free:
	index_free(index);
	return err;
}

static enum hf_err open_reader(const char *dir, bool wants_sets,
			       struct hf_index **out_index, struct hf_why *why)
{
	struct hf_index *index;
	enum hf_err err = index_new(dir, &index, why);

	if (err != HF_OK)
		return err;
	index->is_readonly = true;
	index->wants_sets = wants_sets;
	err = hf_match_follow_open(index, why);
	if (err != HF_OK) {
		index_free(index);
		return err;
	}
	*out_index = index;
	return HF_OK;
}

enum hf_err hf_index_open_readonly(const char *dir, struct hf_index **out_index,
				   struct hf_why *why)
{
	return open_reader(dir, false, out_index, why);
}

enum hf_err hf_index_open_judged(const char *dir, struct hf_index **out_index,
				 struct hf_why *why)
{
	return open_reader(dir, true, out_index, why);
}

void hf_index_close(struct hf_index *index)
{
	if (index == NULL)
		return;
	if (!index->is_readonly) {
		/* What cannot be sealed now is fed again after the next
		 * open: nothing is lost with it. */
		enum hf_err err = hf_index_sync(index, NULL);

		(void)err;
		hf_match_work_stop(index);
		hf_match_state_keep(index);
	}
	index_free(index);
}

static enum hf_err writer_lock(struct hf_index *index, struct hf_why *why)
{
	if (index->is_readonly)
		return hf_why(why, HF_E_DENIED,
			      "match index '%s' is open for reading only",
			      index->dir);
	pthread_mutex_lock(&index->lock);
	return HF_OK;
}

static enum hf_err check_hash(const struct hf_index_hash *hash,
			      struct hf_why *why)
{
	if (hf_match_key_bytes(hash->algorithm) == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "algorithm %u is not one the index holds",
			      hash->algorithm);
	if ((hash->algorithm == HF_ALGORITHM_VPDQ) !=
		    (hash->frames_count > 0) ||
	    hash->frames_count > HF_VPDQ_MAX_FRAMES)
		return hf_why(why, HF_E_ARGUMENT,
			      "a frame of one of %u, must be of 1 to %d",
			      hash->frames_count, HF_VPDQ_MAX_FRAMES);
	if (hash->content_class == 0 || hash->content_class >= HF_CLASS_COUNT)
		return hf_why(why, HF_E_ARGUMENT, "class %u is not known",
			      hash->content_class);
	return HF_OK;
}

/* Let sealer and merger work, with the lock held. */
static void wait_for_threads(struct hf_index *index)
{
	pthread_cond_broadcast(&index->work);
	hf_match_work_wait(index, &index->done, HF_MATCH_WAIT_MS * 1000);
}

/* So that memory stays bounded. */
static bool is_behind(const struct hf_index *index)
{
	return index->frozen_count == HF_MATCH_FROZEN_MAX ||
	       hf_match_state_bulks(index) == HF_MATCH_BULKS_WAIT_MAX;
}

/* What is filled now is full: another, as soon as there may be one. */
static enum hf_err make_room(struct hf_index *index, struct hf_why *why)
{
	uint64_t failures = index->failures;

	while (is_behind(index)) {
		if (index->failed != HF_OK && index->failures != failures) {
			if (why != NULL)
				*why = index->failed_why;
			return index->failed;
		}
		wait_for_threads(index);
	}
	return hf_match_state_freeze(index, why);
}

/* Something was put: the sealer is to know since when. */
static void note_filling(struct hf_index *index)
{
	if (index->active_since_us != 0 || !hf_match_state_is_filling(index))
		return;
	index->active_since_us = hf_clock_mono_us();
	pthread_cond_broadcast(&index->work);
}

static enum hf_err add_each(struct hf_index *index,
			    const struct hf_index_hash *hashes,
			    size_t hashes_count, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	/* Its hashes are older. */
	if (index->bulk != NULL)
		err = make_room(index, why);
	for (size_t i = 0; err == HF_OK && i < hashes_count; i++) {
		while (err == HF_OK &&
		       !hf_match_memory_put(index->active, &hashes[i])) {
			err = make_room(index, why);
			pthread_cond_broadcast(&index->work);
		}
		note_filling(index);
	}
	return err;
}

static enum hf_err add_bulk(struct hf_index *index,
			    const struct hf_index_hash *hashes,
			    size_t hashes_count, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (hf_match_memory_rows(index->active) > 0)
		err = make_room(index, why);
	for (size_t i = 0; err == HF_OK && i < hashes_count; i++) {
		struct hf_match_ref ref = hf_match_memory_ref_of(&hashes[i]);

		if (index->bulk != NULL &&
		    hf_match_bulk_is_full(index->bulk->bulk)) {
			err = make_room(index, why);
			pthread_cond_broadcast(&index->work);
		}
		if (err == HF_OK && index->bulk == NULL)
			err = hf_match_memory_new_bulk(index->active->sequence,
						       &index->bulk, why);
		if (err == HF_OK)
			err = hf_match_bulk_put(index->bulk->bulk,
						hashes[i].algorithm,
						hashes[i].digest, &ref, why);
		index->is_burst = true;
		note_filling(index);
	}
	return err;
}

static enum hf_err add(struct hf_index *index,
		       const struct hf_index_hash *hashes, size_t hashes_count,
		       bool is_bulk, struct hf_why *why)
{
	enum hf_err err;

	for (size_t i = 0; i < hashes_count; i++) {
		err = check_hash(&hashes[i], why);
		if (err != HF_OK)
			return err;
	}
	err = writer_lock(index, why);
	if (err != HF_OK)
		return err;
	index->is_settled = false;
	/* What cannot be sealed is found only in a part that is looked into. */
	err = is_bulk && !hf_match_private_is(index)
		      ? add_bulk(index, hashes, hashes_count, why)
		      : add_each(index, hashes, hashes_count, why);
	pthread_mutex_unlock(&index->lock);
	return err;
}

enum hf_err hf_index_add(struct hf_index *index,
			 const struct hf_index_hash *hashes,
			 size_t hashes_count, struct hf_why *why)
{
	return add(index, hashes, hashes_count,
		   hashes_count >= HF_INDEX_BULK_MIN, why);
}

enum hf_err hf_index_add_bulk(struct hf_index *index,
			      const struct hf_index_hash *hashes,
			      size_t hashes_count, struct hf_why *why)
{
	return add(index, hashes, hashes_count, true, why);
}

static enum hf_err grow_marks(struct hf_index *index, struct hf_why *why)
{
	const struct hf_match_table_change change = {
		.more = index->marks->used_count + HF_MATCH_MARKS_MORE,
		.but_set = HF_MATCH_MARKS_ALL,
		.drops = index->drops,
		.drops_count = index->drops_count,
	};
	struct hf_match_marks *larger;
	enum hf_err err = hf_match_private_table(index, &change, &larger, why);

	return err == HF_OK ? hf_match_state_replace_marks(index, larger, why)
			    : err;
}

/* Change the bits of an entry's mark.  The table is replaced when full. */
static enum hf_err mark(struct hf_index *index, uint32_t set, uint64_t entry,
			uint32_t clear, uint32_t put, struct hf_why *why)
{
	uint32_t bits;
	enum hf_err err = writer_lock(index, why);

	if (err != HF_OK)
		return err;
	bits = hf_match_marks_get(index->marks, set, entry);
	if (bits == ((bits & ~clear) | put))
		goto out_unlock;
	if (!hf_match_marks_has_room(index->marks)) {
		err = grow_marks(index, why);
		/* A full disk must not keep anything from being removed. */
		if (err != HF_OK && !hf_match_marks_has_reserve(index->marks))
			goto out_unlock;
		err = HF_OK;
	}
	hf_match_marks_set(index->marks, set, entry, (bits & ~clear) | put);
	index->is_marks_dirty = true;

out_unlock:
	pthread_mutex_unlock(&index->lock);
	return err;
}

enum hf_err hf_index_remove(struct hf_index *index, uint32_t set,
			    uint64_t entry, struct hf_why *why)
{
	return mark(index, set, entry, 0, HF_MATCH_MARK_REMOVED, why);
}

enum hf_err hf_index_demote(struct hf_index *index, uint32_t set,
			    uint64_t entry, bool is_demoted, struct hf_why *why)
{
	return mark(index, set, entry, HF_MATCH_MARK_DEMOTED,
		    is_demoted ? HF_MATCH_MARK_DEMOTED : 0, why);
}

enum hf_err hf_index_doubt(struct hf_index *index, uint32_t set, uint64_t entry,
			   uint32_t mask, uint32_t doubts, struct hf_why *why)
{
	mask &= HF_INDEX_DOUBTS;
	return mark(index, set, entry, mask, doubts & mask, why);
}

enum hf_err hf_index_affirm(struct hf_index *index, uint32_t set,
			    uint64_t entry, unsigned count, struct hf_why *why)
{
	if (count > HF_INDEX_AFFIRMED_MAX)
		count = HF_INDEX_AFFIRMED_MAX;
	return mark(index, set, entry, HF_MATCH_MARK_AFFIRM_MASK,
		    (uint32_t)count << HF_MATCH_MARK_AFFIRM_SHIFT, why);
}

enum hf_err hf_index_withhold(struct hf_index *index, uint32_t set,
			      uint64_t entry, bool is_withheld,
			      struct hf_why *why)
{
	return mark(index, set, entry, HF_MATCH_MARK_WITHHELD,
		    is_withheld ? HF_MATCH_MARK_WITHHELD : 0, why);
}

enum hf_err hf_index_expire(struct hf_index *index, uint32_t set,
			    uint64_t entry, bool is_expired, struct hf_why *why)
{
	return mark(index, set, entry, HF_MATCH_MARK_EXPIRED,
		    is_expired ? HF_MATCH_MARK_EXPIRED : 0, why);
}

enum hf_err hf_index_amend(struct hf_index *index, uint32_t set, uint64_t entry,
			   uint8_t content_class, struct hf_why *why)
{
	if (content_class == 0 || content_class >= HF_CLASS_COUNT)
		return hf_why(why, HF_E_ARGUMENT, "class %u is not known",
			      content_class);
	return mark(index, set, entry, HF_MATCH_MARK_CLASS_MASK,
		    (uint32_t)content_class << HF_MATCH_MARK_CLASS_SHIFT, why);
}

/* The first fed whose set is not smaller. */
static size_t find_fed(const struct hf_index *index, uint32_t set)
{
	size_t low = 0, high = index->feds_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->feds[middle].set < set)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_fed(const struct hf_index *index, size_t at, uint32_t set)
{
	return at < index->feds_count && index->feds[at].set == set;
}

enum hf_err hf_index_advance(struct hf_index *index, uint32_t set,
			     uint64_t position, struct hf_why *why)
{
	enum hf_err err = writer_lock(index, why);
	size_t at;

	if (err != HF_OK)
		return err;
	at = find_fed(index, set);
	if (!is_fed(index, at, set)) {
		if (index->feds_count == index->feds_size) {
			size_t size = 2 * index->feds_size;
			struct hf_match_fed *feds = realloc(
				index->feds, size * sizeof(index->feds[0]));

			if (feds == NULL) {
				err = hf_why(why, HF_E_NOMEM,
					     "index: no memory");
				goto out_unlock;
			}
			index->feds = feds;
			index->feds_size = size;
		}
		memmove(&index->feds[at + 1], &index->feds[at],
			(index->feds_count - at) * sizeof(index->feds[0]));
		index->feds[at] = (struct hf_match_fed){ .set = set };
		index->feds_count++;
	}
	index->feds[at].position = position;
	index->is_dirty = true;

out_unlock:
	pthread_mutex_unlock(&index->lock);
	return err;
}

void hf_index_settle(struct hf_index *index)
{
	pthread_mutex_lock(&index->lock);
	index->is_settled |= index->is_burst;
	index->is_burst = false;
	pthread_cond_broadcast(&index->work);
	pthread_mutex_unlock(&index->lock);
}

uint64_t hf_index_position(struct hf_index *index, uint32_t set)
{
	uint64_t position;
	size_t at;

	pthread_mutex_lock(&index->lock);
	at = find_fed(index, set);
	position = is_fed(index, at, set) ? index->feds[at].position : 0;
	pthread_mutex_unlock(&index->lock);
	return position;
}

static void forget_positions(struct hf_index *index, uint32_t set)
{
	size_t at = find_fed(index, set);

	if (is_fed(index, at, set)) {
		index->feds_count--;
		memmove(&index->feds[at], &index->feds[at + 1],
			(index->feds_count - at) * sizeof(index->feds[0]));
	}
	for (size_t i = 0; i < index->frozen_count; i++) {
		struct hf_match_frozen *frozen = &index->frozen[i];

		for (size_t j = 0; j < frozen->positions_count; j++) {
			if (frozen->positions[j].set == set)
				frozen->positions[j].position = 0;
		}
	}
}

/* The index's drops, and everything older than the active memory of this set;
 * the caller frees them. */
static struct hf_match_drop *with_drop(const struct hf_index *index,
				       uint32_t set, size_t *out_count)
{
	const struct hf_match_drop drop = { set, index->active->sequence - 1 };
	struct hf_match_drop *drops =
		calloc(index->drops_count + 1, sizeof(drops[0]));
	size_t count = 0, at = 0;

	if (drops == NULL)
		return NULL;
	while (at < index->drops_count && index->drops[at].set < set)
		drops[count++] = index->drops[at++];
	drops[count++] = drop;
	if (at < index->drops_count && index->drops[at].set == set)
		at++;
	while (at < index->drops_count)
		drops[count++] = index->drops[at++];
	*out_count = count;
	return drops;
}

/* With the lock held, and an active memory that has nothing of the set. */
static enum hf_err drop_set(struct hf_index *index, uint32_t set,
			    struct hf_why *why)
{
	struct hf_match_table_change change = {
		.more = HF_MATCH_MARKS_MORE,
		.but_set = set,
	};
	struct hf_match_marks *marks;
	struct hf_match_drop *drops =
		with_drop(index, set, &change.drops_count);
	enum hf_err err;

	if (drops == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	change.drops = drops;
	err = hf_match_private_table(index, &change, &marks, why);
	if (err == HF_OK)
		err = hf_match_state_replace_marks(index, marks, why);
	if (err != HF_OK) {
		free(drops);
		return err;
	}
	free(index->drops);
	index->drops = drops;
	index->drops_count = change.drops_count;
	index->is_marks_dirty = true;
	index->is_dirty = true;
	forget_positions(index, set);
	return HF_OK;
}

enum hf_err hf_index_drop_set(struct hf_index *index, uint32_t set,
			      struct hf_why *why)
{
	enum hf_err err = writer_lock(index, why);

	if (err != HF_OK)
		return err;
	/* Waits without the lock, so it comes first. */
	if (hf_match_state_is_filling(index))
		err = make_room(index, why);
	if (err == HF_OK)
		err = drop_set(index, set, why);
	pthread_cond_broadcast(&index->work);
	pthread_mutex_unlock(&index->lock);
	/* On disk at once: a set that was left must not come back with a
	 * restart. */
	return err == HF_OK ? hf_match_work_commit(index, why) : err;
}

/* Until done reaches the ticket, or something fails. */
static enum hf_err await(struct hf_index *index, const uint64_t *done,
			 uint64_t ticket, struct hf_why *why)
{
	uint64_t failures = index->failures;

	while (*done < ticket) {
		if (index->failures != failures) {
			if (why != NULL)
				*why = index->failed_why;
			return index->failed != HF_OK ? index->failed
						      : HF_E_UNAVAILABLE;
		}
		wait_for_threads(index);
	}
	return HF_OK;
}

enum hf_err hf_index_sync(struct hf_index *index, struct hf_why *why)
{
	enum hf_err err = writer_lock(index, why);

	if (err != HF_OK)
		return err;
	err = await(index, &index->sync_done, ++index->sync_wanted, why);
	pthread_mutex_unlock(&index->lock);
	return err;
}

enum hf_err hf_index_compact(struct hf_index *index, struct hf_why *why)
{
	enum hf_err err = hf_index_sync(index, why);

	if (err != HF_OK)
		return err;
	pthread_mutex_lock(&index->lock);
	err = await(index, &index->compact_done, ++index->compact_wanted, why);
	pthread_mutex_unlock(&index->lock);
	return err;
}
