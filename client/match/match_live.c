#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

#include "match_live.h"
#include "match_map.h"

#define MAGIC      "HFLIVE01"
#define FILE_BYTES 4096

/* A machine that was started again was away for longer; clocks that are set
 * right move less, or there is a writer that says so. */
#define BOOT_TOLERANCE_MS 10000

/* Instead of when the machine was started: what is named is on the disk. */
#define KEPT UINT64_MAX

/* Words, so that each is read and written whole. */
struct file {
	struct hf_match_map_header header;
	uint64_t boot_ms;    /* when the machine was started */
	uint64_t alive_ms;   /* all of these atomic */
	uint64_t generation; /* odd: what follows is being changed */
	uint64_t instance;
	uint64_t table;
	uint64_t sets;
	uint64_t segments_count;
	uint64_t memories_count;
	uint64_t segments[HF_MATCH_SEGMENTS_MAX];
	uint64_t memories[HF_MATCH_LIVE_MEMORIES_MAX];
};

_Static_assert(sizeof(struct file) <= FILE_BYTES, "the file has no room");

struct hf_match_live {
	struct hf_match_map map;
	struct file *file; /* in map */
	uint64_t instance; /* the writer's own */
	int fd;
	struct hf_match_live *before; /* owned */
};

/* Whoever gets a word of a later state also gets the odd generation, or one
 * after it, when it looks again: it was put before, and is got after. */
static uint64_t get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* When this machine was started, by its clock of now. */
static uint64_t boot_ms(void)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return hf_clock_wall_ms() - (uint64_t)up.tv_sec * 1000 -
	       (uint64_t)up.tv_nsec / 1000000;
}

static enum hf_err live_new(int fd, struct hf_match_live **out_live,
			    struct hf_why *why)
{
	struct hf_match_live *live = calloc(1, sizeof(*live));

	if (live == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	live->fd = fd;
	*out_live = live;
	return HF_OK;
}

void hf_match_live_close(struct hf_match_live *live)
{
	while (live != NULL) {
		struct hf_match_live *before = live->before;

		hf_match_map_release(&live->map);
		close(live->fd);
		free(live);
		live = before;
	}
}

void hf_match_live_follow(struct hf_match_live *fresh,
			  struct hf_match_live *live)
{
	fresh->before = live;
}

static enum hf_err lock(int fd, const char *path, struct hf_why *why)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &whole) != 0)
		return hf_why_errno(why, "lock '%s'", path);
	return HF_OK;
}

/* The file of the last writer where it can be used: its readers look there.
 * Another one takes its place where not. */
static enum hf_err open_or_make(const char *path, int *out_fd,
				struct hf_match_map *out_map,
				struct hf_why *why)
{
	enum hf_err err = HF_E_NOTFOUND;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		err = hf_match_map_fd(fd, true, MAGIC, FILE_BYTES, path,
				      out_map, NULL);
	if (err != HF_OK) {
		if (fd >= 0)
			close(fd);
		unlink(path);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (fd < 0)
			return hf_why_errno(why, "create '%s'", path);
		err = hf_match_map_fill(fd, MAGIC, FILE_BYTES, path, out_map,
					why);
	}
	if (err == HF_OK) {
		err = lock(fd, path, why);
		if (err != HF_OK)
			hf_match_map_release(out_map);
	}
	if (err != HF_OK)
		close(fd);
	else
		*out_fd = fd;
	return err;
}

/* On the disk as well, before anything of it is removed or changed. */
static enum hf_err not_kept(struct hf_match_live *live, const char *path,
			    struct hf_why *why)
{
	if (get(&live->file->boot_ms) != KEPT)
		return HF_OK;
	put(&live->file->boot_ms, boot_ms());
	return msync(live->map.at, live->map.len_bytes, MS_SYNC) == 0
		       ? HF_OK
		       : hf_why_errno(why, "sync '%s'", path);
}

enum hf_err hf_match_live_create(const char *dir,
				 struct hf_match_live **out_live,
				 struct hf_why *why)
{
	struct hf_match_live *live;
	struct hf_match_map map;
	char path[4096];
	uint64_t now = hf_clock_wall_ms() * 1000;
	enum hf_err err;
	int fd = -1;

	err = hf_file_join(path, sizeof(path), dir, "live", why);
	if (err == HF_OK)
		err = open_or_make(path, &fd, &map, why);
	if (err != HF_OK)
		return err;
	err = live_new(fd, &live, why);
	if (err != HF_OK) {
		hf_match_map_release(&map);
		close(fd);
		return err;
	}
	live->map = map;
	live->file = (struct file *)map.at;
	err = not_kept(live, path, why);
	if (err != HF_OK) {
		hf_match_live_close(live);
		return err;
	}
	live->instance = get(&live->file->instance) + 1;
	if (live->instance < now)
		live->instance = now;
	/* What it says is over: names may come to mean other files. */
	if (get(&live->file->generation) != 0)
		put(&live->file->generation, get(&live->file->generation) | 1);
	*out_live = live;
	return HF_OK;
}

enum hf_err hf_match_live_open(const char *dir, struct hf_match_live **out_live,
			       struct hf_why *why)
{
	struct hf_match_live *live;
	char path[4096];
	uint64_t booted_ms;
	enum hf_err err;
	int fd;

	err = hf_file_join(path, sizeof(path), dir, "live", why);
	if (err != HF_OK)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	err = live_new(fd, &live, why);
	if (err != HF_OK) {
		close(fd);
		return err;
	}
	err = hf_match_map_fd(fd, false, MAGIC, FILE_BYTES, path, &live->map,
			      why);
	if (err != HF_OK)
		goto out_close;
	live->file = (struct file *)live->map.at;
	booted_ms = get(&live->file->boot_ms);
	if (booted_ms != KEPT && !hf_match_live_has_writer(live) &&
	    (booted_ms + BOOT_TOLERANCE_MS < boot_ms() ||
	     booted_ms > boot_ms() + BOOT_TOLERANCE_MS)) {
		err = hf_why(why, HF_E_UNAVAILABLE,
			     "'%s' was last written before this machine was "
			     "started; start hashfedd",
			     dir);
		goto out_close;
	}
	*out_live = live;
	return HF_OK;

out_close:
	hf_match_live_close(live);
	return err;
}

void hf_match_live_write(struct hf_match_live *live,
			 const struct hf_match_live_state *state)
{
	struct file *file = live->file;
	/* A writer that died halfway left it odd. */
	uint64_t generation = (get(&file->generation) + 1) | 1;

	put(&file->generation, generation);
	put(&file->instance, live->instance);
	put(&file->table, state->table);
	put(&file->sets, state->sets);
	put(&file->segments_count, state->segments_count);
	put(&file->memories_count, state->memories_count);
	for (size_t i = 0; i < state->segments_count; i++)
		put(&file->segments[i], state->segments[i]);
	for (size_t i = 0; i < state->memories_count; i++)
		put(&file->memories[i], state->memories[i]);
	hf_match_live_beat(live);
	put(&file->generation, generation + 1);
}

void hf_match_live_beat(struct hf_match_live *live)
{
	put(&live->file->boot_ms, boot_ms());
	put(&live->file->alive_ms, hf_clock_wall_ms());
}

void hf_match_live_keep(struct hf_match_live *live)
{
	uint64_t booted_ms = get(&live->file->boot_ms);

	/* What it says is there before it is said that it counts. */
	if (msync(live->map.at, live->map.len_bytes, MS_SYNC) != 0)
		return;
	put(&live->file->boot_ms, KEPT);
	if (msync(live->map.at, live->map.len_bytes, MS_SYNC) != 0)
		put(&live->file->boot_ms, booted_ms);
}

uint64_t hf_match_live_generation(const struct hf_match_live *live)
{
	return get(&live->file->generation);
}

bool hf_match_live_read(const struct hf_match_live *live,
			struct hf_match_live_state *out_state,
			uint64_t *out_generation)
{
	const struct file *file = live->file;
	uint64_t generation = hf_match_live_generation(live);
	uint64_t segments = get(&file->segments_count);
	uint64_t memories = get(&file->memories_count);

	/* 0: never written. */
	if (generation == 0 || generation % 2 != 0 ||
	    segments > HF_MATCH_SEGMENTS_MAX ||
	    memories > HF_MATCH_LIVE_MEMORIES_MAX)
		return false;
	out_state->instance = get(&file->instance);
	out_state->table = get(&file->table);
	out_state->sets = get(&file->sets);
	out_state->segments_count = (size_t)segments;
	out_state->memories_count = (size_t)memories;
	for (size_t i = 0; i < segments; i++)
		out_state->segments[i] = get(&file->segments[i]);
	for (size_t i = 0; i < memories; i++)
		out_state->memories[i] = get(&file->memories[i]);
	*out_generation = generation;
	return get(&file->generation) == generation;
}

uint64_t hf_match_live_alive_ms(const struct hf_match_live *live)
{
	return get(&live->file->alive_ms);
}

bool hf_match_live_has_writer(const struct hf_match_live *live)
{
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(live->fd, F_OFD_GETLK, &whole) == 0 &&
	       whole.l_type != F_UNLCK;
}

bool hf_match_live_is_there(const struct hf_match_live *live)
{
	struct stat about;

	return fstat(live->fd, &about) == 0 && about.st_nlink > 0;
}
