#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "media_limit.h"

#include "digest.h"
#include "helper.h"
#include "media.h"

#define READ_BYTES        ((size_t)256 * 1024)
#define WINDOW_PER_THREAD 8

enum state { IS_FREE, IS_WAITING, IS_RUNNING, IS_DONE };

struct slot {
	enum state state; /* under the lock */
	char *path;       /* owned */
	struct hf_media_result result;
};

/* Numbers of slots, first in first out; never more than there are slots. */
struct ring {
	size_t *at; /* owned */
	size_t first;
	size_t count;
};

struct worker {
	struct hf_media *media; /* borrowed */
	pthread_t thread;
	struct hf_helper helper; /* of this thread */
	struct hf_helper video;  /* likewise */
	struct hf_answer answer; /* the last of either */
	uint8_t *buffer;         /* owned */
};

struct hf_media {
	struct hf_media_options options;
	char helper[PATH_MAX];
	char video_helper[PATH_MAX + 16]; /* "" where there is none */
	struct worker *workers;           /* owned */
	unsigned started_count;
	atomic_bool is_cancelled;

	/* Guards all below, and the state of each slot. */
	pthread_mutex_t lock;
	pthread_cond_t has_work;
	pthread_cond_t has_result;
	bool is_stopping;
	int wake_fd;        /* borrowed; -1: nobody waits so */
	struct slot *slots; /* owned */
	struct ring unused;
	struct ring waiting;
	struct ring results; /* ordered: as added; else: as done */
};

static void ring_put(struct ring *ring, size_t size, size_t slot)
{
	ring->at[(ring->first + ring->count++) % size] = slot;
}

static size_t ring_take(struct ring *ring, size_t size)
{
	size_t slot = ring->at[ring->first];

	ring->first = (ring->first + 1) % size;
	ring->count--;
	return slot;
}

/* Open path for reading if it is a regular file.  A fifo must not hold us up
 * and a device must not notice us, so what it is comes first; what was opened
 * is looked at again, for names move. */
static enum hf_err open_regular(const char *path, int *out_fd,
				struct stat *out_is, struct hf_why *why)
{
	int fd;

	if (stat(path, out_is) != 0)
		return hf_why_errno(why, "open");
	if (!S_ISREG(out_is->st_mode))
		return hf_why(why, HF_E_ARGUMENT,
			      S_ISDIR(out_is->st_mode) ? "is a directory"
						       : "not a regular file");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return hf_why_errno(why, "open");
	if (fstat(fd, out_is) != 0 || !S_ISREG(out_is->st_mode)) {
		close(fd);
		return hf_why(why, HF_E_ARGUMENT, "not a regular file");
	}
	*out_fd = fd;
	return HF_OK;
}

/* Still the file that it was? */
static enum hf_err check_unchanged(int fd, const struct stat *before,
				   uint64_t read_bytes, struct hf_why *why)
{
	struct stat now;

	if (fstat(fd, &now) != 0)
		return hf_why_errno(why, "look again");
	if (now.st_nlink == 0 && before->st_nlink != 0)
		return hf_why(why, HF_E_NOTFOUND, "removed while it was read");
	if (now.st_size != before->st_size ||
	    now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec ||
	    read_bytes != (uint64_t)before->st_size)
		return hf_why(why, HF_E_CONFLICT, "changed while it was read");
	return HF_OK;
}

static bool ask_helper(struct hf_helper *helper, const char *path, int fd,
		       struct hf_media_result *result)
{
	enum hf_err err = HF_OK;

	if (helper->pid == 0)
		err = hf_helper_start(helper, path, &result->why);
	if (err == HF_OK)
		err = hf_helper_ask(helper, result->kind, fd,
				    result->size_bytes, &result->why);
	result->pdq_err = err;
	return err == HF_OK;
}

static bool begin_video(struct worker *worker, int fd,
			struct hf_media_result *result)
{
	if (worker->media->options.is_exact_only ||
	    worker->media->video_helper[0] == '\0') {
		result->pdq_err =
			hf_why(&result->why, HF_E_UNSUPPORTED,
			       worker->media->options.is_exact_only
				       ? "videos are not decoded in this run"
				       : "hashfed-video is not installed");
		return false;
	}
	return ask_helper(&worker->video, worker->media->video_helper, fd,
			  result);
}

/* Ask the thread's helper about an image, starting one where none runs.  True
 * when an answer is to be waited for. */
static bool begin_image(struct worker *worker, int fd,
			struct hf_media_result *result)
{
	if (hf_media_kind_is_video(result->kind))
		return begin_video(worker, fd, result);
	if (!hf_media_kind_has_pdq(result->kind)) {
		result->pdq_err =
			hf_why(&result->why, HF_E_UNSUPPORTED,
			       "not an image of a kind that is decoded");
		return false;
	}
	if (worker->media->options.is_exact_only) {
		result->pdq_err = hf_why(&result->why, HF_E_UNSUPPORTED,
					 "images are not decoded in this run");
		return false;
	}
	return ask_helper(&worker->helper, worker->media->helper, fd, result);
}

/* A list without any frame is none: all of it was black, or too short. */
static void take_frames(const struct hf_answer *answer,
			struct hf_media_result *result)
{
	size_t len_bytes = answer->frames_count * (size_t)HF_PDQ_BYTES;
	uint8_t *frames = NULL;

	result->pdq_err = hf_why(&result->why, HF_E_UNSUPPORTED,
				 "a video: it has no PDQ hash of its own");
	if (len_bytes > 0)
		frames = malloc(len_bytes);
	if (frames == NULL) {
		if (len_bytes > 0)
			result->pdq_err = hf_why(&result->why, HF_E_NOMEM,
						 "media: no memory");
		return;
	}
	memcpy(frames, answer->frames, len_bytes);
	result->frames = frames;
	result->frames_count = answer->frames_count;
}

static void end_image(struct worker *worker, struct hf_media_result *result)
{
	struct hf_media *media = worker->media;
	struct hf_answer *answer = &worker->answer;
	bool is_video = hf_media_kind_is_video(result->kind);
	enum hf_err err;

	err = hf_helper_answer(is_video ? &worker->video : &worker->helper,
			       is_video ? media->options.video_max_ms
					: media->options.image_max_ms,
			       &media->is_cancelled, answer, &result->why);
	if (err == HF_OK && answer->err != HF_E_OK)
		err = hf_why(&result->why, (enum hf_err)answer->err, "%s",
			     answer->why);
	result->pdq_err = err;
	if (err != HF_OK)
		return;
	result->width = answer->width;
	result->height = answer->height;
	if (is_video) {
		take_frames(answer, result);
		return;
	}
	memcpy(result->pdq, answer->pdq, sizeof(result->pdq));
	result->quality = answer->quality;
}

/* One pass over the file for the digests, while the helper decodes it. */
static enum hf_err hash_open_file(struct worker *worker, int fd,
				  const struct stat *is,
				  struct hf_media_result *result,
				  struct hf_why *why)
{
	struct hf_digest digest;
	bool is_asked = false;
	uint64_t read_bytes = 0;
	enum hf_err err = HF_OK;

	result->size_bytes = (uint64_t)is->st_size;
	hf_digest_init(&digest);
	for (;;) {
		ssize_t got = read(fd, worker->buffer, READ_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = hf_why_errno(why, "read");
		else if (atomic_load(&worker->media->is_cancelled))
			err = hf_why(why, HF_E_CANCELLED, "cancelled");
		if (err != HF_OK)
			break;
		/* An empty file, too, is of some kind. */
		if (read_bytes == 0) {
			result->kind = hf_media_kind(
				hf_span(worker->buffer, (size_t)got));
			is_asked = begin_image(worker, fd, result);
		}
		if (got == 0)
			break;
		hf_digest_update(&digest, worker->buffer, (size_t)got);
		read_bytes += (uint64_t)got;
	}
	hf_digest_final(&digest, result);
	if (is_asked)
		end_image(worker, result);
	if (err == HF_OK)
		err = check_unchanged(fd, is, read_bytes, why);
	return err;
}

static void hash(struct worker *worker, struct slot *slot)
{
	struct hf_media_result *result = &slot->result;
	struct hf_why why = { "" };
	struct stat is;
	int fd = -1;

	if (atomic_load(&worker->media->is_cancelled)) {
		result->err = hf_why(&why, HF_E_CANCELLED, "cancelled");
	} else {
		result->err = open_regular(slot->path, &fd, &is, &why);
		if (result->err == HF_OK)
			result->err =
				hash_open_file(worker, fd, &is, result, &why);
	}
	if (fd >= 0)
		close(fd);
	if (result->err != HF_OK) {
		result->why = why;
		result->pdq_err = result->err;
	}
}

/* With the lock held.  An eventfd that is full has woken everybody. */
static void wake(const struct hf_media *media)
{
	static const uint64_t one = 1;

	if (media->wake_fd >= 0 && write(media->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct hf_media *media = worker->media;
	size_t size = media->options.window_count;

	pthread_mutex_lock(&media->lock);
	for (;;) {
		size_t number;

		while (media->waiting.count == 0 && !media->is_stopping)
			pthread_cond_wait(&media->has_work, &media->lock);
		if (media->is_stopping)
			break;
		number = ring_take(&media->waiting, size);
		media->slots[number].state = IS_RUNNING;
		pthread_mutex_unlock(&media->lock);
		hash(worker, &media->slots[number]);
		pthread_mutex_lock(&media->lock);
		media->slots[number].state = IS_DONE;
		if (media->options.is_unordered)
			ring_put(&media->results, size, number);
		pthread_cond_signal(&media->has_result);
		wake(media);
	}
	pthread_mutex_unlock(&media->lock);
	hf_helper_stop(&worker->helper);
	hf_helper_stop(&worker->video);
	return NULL;
}

static enum hf_err fill_in(struct hf_media_options *options, char *helper,
			   size_t size_bytes, struct hf_why *why)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (options->threads_count == 0)
		options->threads_count = cores > 0 ? (unsigned)cores : 1;
	if (options->threads_count > HF_MEDIA_THREADS_MAX)
		options->threads_count = HF_MEDIA_THREADS_MAX;
	if (options->window_count == 0)
		options->window_count =
			(size_t)options->threads_count * WINDOW_PER_THREAD;
	if (options->image_max_ms == 0)
		options->image_max_ms = HF_MEDIA_IMAGE_MAX_MS;
	if (options->video_max_ms == 0)
		options->video_max_ms = HF_MEDIA_VIDEO_MAX_MS;
	if (options->helper != NULL)
		return hf_file_join(helper, size_bytes, NULL, options->helper,
				    why);
	return hf_helper_find(helper, size_bytes, why);
}

static enum hf_err make_room(struct hf_media *media, struct hf_why *why)
{
	size_t window = media->options.window_count;
	unsigned threads = media->options.threads_count;

	media->slots = calloc(window, sizeof(*media->slots));
	media->unused.at = calloc(window, sizeof(size_t));
	media->waiting.at = calloc(window, sizeof(size_t));
	media->results.at = calloc(window, sizeof(size_t));
	media->workers = calloc(threads, sizeof(*media->workers));
	if (media->slots == NULL || media->unused.at == NULL ||
	    media->waiting.at == NULL || media->results.at == NULL ||
	    media->workers == NULL)
		return hf_why(why, HF_E_NOMEM, "media: no memory");
	for (size_t i = 0; i < window; i++)
		ring_put(&media->unused, window, i);
	for (unsigned i = 0; i < threads; i++) {
		media->workers[i].media = media;
		media->workers[i].buffer = malloc(READ_BYTES);
		if (media->workers[i].buffer == NULL)
			return hf_why(why, HF_E_NOMEM, "media: no memory");
	}
	return HF_OK;
}

/* Signals stay with the program's own threads. */
static enum hf_err start_threads(struct hf_media *media, struct hf_why *why)
{
	sigset_t all, before;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; rc == 0 && i < media->options.threads_count; i++) {
		rc = pthread_create(&media->workers[i].thread, NULL, work,
				    &media->workers[i]);
		if (rc == 0)
			media->started_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		errno = rc;
		return hf_why_errno(why, "media: start a thread");
	}
	return HF_OK;
}

bool hf_media_has_video(const struct hf_media *media)
{
	return media->video_helper[0] != '\0';
}

/* Beside the other helper, where it was built and is installed. */
static void find_video(struct hf_media *media)
{
	const char *slash = strrchr(media->helper, '/');
	int dir_bytes = slash != NULL ? (int)(slash + 1 - media->helper) : 0;

	snprintf(media->video_helper, sizeof(media->video_helper),
		 "%.*shashfed-video", dir_bytes, media->helper);
	if (access(media->video_helper, X_OK) != 0)
		media->video_helper[0] = '\0';
}

enum hf_err hf_media_open(const struct hf_media_options *options,
			  struct hf_media **out_media, struct hf_why *why)
{
	struct hf_media *media = calloc(1, sizeof(*media));
	enum hf_err err;

	if (media == NULL)
		return hf_why(why, HF_E_NOMEM, "media: no memory");
	pthread_mutex_init(&media->lock, NULL);
	pthread_cond_init(&media->has_work, NULL);
	pthread_cond_init(&media->has_result, NULL);
	media->options = *options;
	media->wake_fd = -1;
	err = fill_in(&media->options, media->helper, sizeof(media->helper),
		      why);
	if (err == HF_OK)
		find_video(media);
	if (err == HF_OK)
		err = make_room(media, why);
	/* One now, so that what is wrong with it is said before any file is
	 * read; the others when their threads meet an image. */
	if (err == HF_OK)
		err = hf_helper_start(&media->workers[0].helper, media->helper,
				      why);
	if (err == HF_OK)
		err = start_threads(media, why);
	if (err != HF_OK) {
		hf_media_close(media);
		return err;
	}
	*out_media = media;
	return HF_OK;
}

enum hf_err hf_media_result_copy(const struct hf_media_result *result,
				 struct hf_media_result *out_copy,
				 struct hf_why *why)
{
	size_t len_bytes = result->frames_count * HF_PDQ_BYTES;
	uint8_t *frames = NULL;

	if (len_bytes > 0) {
		frames = malloc(len_bytes);
		if (frames == NULL)
			return hf_why(why, HF_E_NOMEM, "media: no memory");
		memcpy(frames, result->frames, len_bytes);
	}
	*out_copy = *result;
	out_copy->frames = frames;
	return HF_OK;
}

void hf_media_result_release(struct hf_media_result *copy)
{
	free((void *)copy->frames);
	copy->frames = NULL;
	copy->frames_count = 0;
}

/* Take the next result that may be delivered, waiting for it if asked to;
 * NULL when there is none. */
static struct slot *take_result(struct hf_media *media, bool may_wait)
{
	struct ring *results = &media->results;
	struct slot *slot = NULL;
	size_t size = media->options.window_count;

	pthread_mutex_lock(&media->lock);
	while (media->unused.count < size) {
		if (results->count > 0) {
			slot = &media->slots[results->at[results->first]];
			if (slot->state == IS_DONE) {
				ring_take(results, size);
				break;
			}
			slot = NULL;
		}
		if (!may_wait)
			break;
		pthread_cond_wait(&media->has_result, &media->lock);
	}
	pthread_mutex_unlock(&media->lock);
	return slot;
}

static void give_back(struct hf_media *media, struct slot *slot)
{
	free(slot->path);
	slot->path = NULL;
	hf_media_result_release(&slot->result);
	pthread_mutex_lock(&media->lock);
	slot->state = IS_FREE;
	ring_put(&media->unused, media->options.window_count,
		 (size_t)(slot - media->slots));
	pthread_mutex_unlock(&media->lock);
}

/* Hand one result to the caller.  False when there was none. */
static bool deliver(struct hf_media *media, bool may_wait)
{
	struct slot *slot = take_result(media, may_wait);

	if (slot == NULL)
		return false;
	if (media->options.on_result != NULL)
		media->options.on_result(media->options.arg, &slot->result);
	give_back(media, slot);
	return true;
}

static size_t under_way(struct hf_media *media)
{
	size_t count;

	pthread_mutex_lock(&media->lock);
	count = media->options.window_count - media->unused.count;
	pthread_mutex_unlock(&media->lock);
	return count;
}

enum hf_err hf_media_add(struct hf_media *media, const char *path, void *tag,
			 struct hf_why *why)
{
	size_t size = media->options.window_count;
	struct slot *slot;
	size_t number;
	char *copy = strdup(path);

	if (copy == NULL)
		return hf_why(why, HF_E_NOMEM, "media: no memory");
	while (deliver(media, under_way(media) == size))
		;
	pthread_mutex_lock(&media->lock);
	number = ring_take(&media->unused, size);
	slot = &media->slots[number];
	slot->state = IS_WAITING;
	slot->path = copy;
	memset(&slot->result, 0, sizeof(slot->result));
	slot->result.path = copy;
	slot->result.tag = tag;
	ring_put(&media->waiting, size, number);
	if (!media->options.is_unordered)
		ring_put(&media->results, size, number);
	pthread_cond_signal(&media->has_work);
	pthread_mutex_unlock(&media->lock);
	return HF_OK;
}

void hf_media_wake(struct hf_media *media, int eventfd)
{
	pthread_mutex_lock(&media->lock);
	media->wake_fd = eventfd;
	wake(media);
	pthread_mutex_unlock(&media->lock);
}

size_t hf_media_poll(struct hf_media *media)
{
	while (deliver(media, false))
		;
	return under_way(media);
}

void hf_media_finish(struct hf_media *media)
{
	while (deliver(media, true))
		;
	atomic_store(&media->is_cancelled, false);
}

void hf_media_cancel(struct hf_media *media)
{
	atomic_store(&media->is_cancelled, true);
}

enum hf_err hf_media_hash_file(struct hf_media *media, const char *path,
			       struct hf_media_result *out_result,
			       struct hf_why *why)
{
	struct slot *slot;
	enum hf_err err;

	hf_media_finish(media);
	err = hf_media_add(media, path, NULL, why);
	if (err != HF_OK)
		return err;
	slot = take_result(media, true);
	*out_result = slot->result;
	out_result->path = path;
	out_result->frames = NULL;
	out_result->frames_count = 0;
	give_back(media, slot);
	if (out_result->err != HF_OK)
		return hf_why(why, out_result->err, "%s: %s", path,
			      out_result->why.text);
	return HF_OK;
}

void hf_media_close(struct hf_media *media)
{
	if (media == NULL)
		return;
	hf_media_cancel(media);
	pthread_mutex_lock(&media->lock);
	media->is_stopping = true;
	pthread_cond_broadcast(&media->has_work);
	pthread_mutex_unlock(&media->lock);
	for (unsigned i = 0; i < media->started_count; i++)
		pthread_join(media->workers[i].thread, NULL);
	for (unsigned i = 0;
	     media->workers != NULL && i < media->options.threads_count; i++) {
		hf_helper_stop(&media->workers[i].helper);
		hf_helper_stop(&media->workers[i].video);
		free(media->workers[i].buffer);
	}
	for (size_t i = 0;
	     media->slots != NULL && i < media->options.window_count; i++) {
		free(media->slots[i].path);
		hf_media_result_release(&media->slots[i].result);
	}
	free(media->workers);
	free(media->slots);
	free(media->unused.at);
	free(media->waiting.at);
	free(media->results.at);
	pthread_cond_destroy(&media->has_result);
	pthread_cond_destroy(&media->has_work);
	pthread_mutex_destroy(&media->lock);
	free(media);
}
