#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "file.h"
#include "limit.h"
#include "log.h"
#include "text.h"

#include "hold.h"

#define HOUR_MS ((uint64_t)3600 * 1000)

#define FILE_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct row {
	struct row *next;
	uint64_t base; /* its size when the window began */
	uint64_t base_ms;
	uint64_t size;
	uint64_t from_plus_one; /* 0: nothing is held */
	bool is_seen;           /* since the start */
	char origin[];
};

struct hf_hold {
	char *path; /* owned */
	pthread_mutex_t lock;
	struct row *rows; /* owned */
};

static struct row *find(const struct hf_hold *hold, const char *origin)
{
	struct row *row = hold->rows;

	while (row != NULL && strcmp(row->origin, origin) != 0)
		row = row->next;
	return row;
}

static struct row *row_of(struct hf_hold *hold, const char *origin)
{
	struct row *row = find(hold, origin);
	size_t size = strlen(origin) + 1;

	if (row != NULL)
		return row;
	row = calloc(1, sizeof(*row) + size);
	if (row == NULL)
		return NULL;
	memcpy(row->origin, origin, size);
	row->next = hold->rows;
	hold->rows = row;
	return row;
}

/* "hotline.example/ncii/1 12345": what is held, and from which entry on. */
static enum hf_err load_line(struct hf_hold *hold, struct hf_span line)
{
	const uint8_t *space = memchr(line.at, ' ', line.len_bytes);
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct row *row;
	uint64_t from;
	size_t len;

	if (space == NULL)
		return HF_E_CORRUPT;
	len = (size_t)(space - line.at);
	if (!hf_text_is_origin(hf_span(line.at, len)) ||
	    hf_text_u64(hf_span(space + 1, line.len_bytes - len - 1),
			HF_TREE_MAX_SIZE, &from) != HF_OK)
		return HF_E_CORRUPT;
	memcpy(origin, line.at, len);
	origin[len] = '\0';
	row = row_of(hold, origin);
	if (row == NULL)
		return HF_E_NOMEM;
	row->from_plus_one = from + 1;
	return HF_OK;
}

static enum hf_err load(struct hf_hold *hold, struct hf_why *why)
{
	struct hf_span left, line;
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	err = hf_file_read(hold->path, &buf, why);
	left = hf_buf_span(&buf);
	while (err == HF_OK && left.len_bytes > 0) {
		/* What has no end is no line either. */
		if (!hf_text_line_take(&left, &line))
			line = left;
		err = line.at == left.at ? HF_E_CORRUPT : load_line(hold, line);
		if (err != HF_OK)
			err = hf_why(why, err, "'%s': '%.*s' is no held set",
				     hold->path,
				     (int)(line.len_bytes < 80 ? line.len_bytes
							       : 80),
				     (const char *)line.at);
	}
	hf_buf_release(&buf);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_hold_open(const char *path, struct hf_hold **out_hold,
			 struct hf_why *why)
{
	struct hf_hold *hold = calloc(1, sizeof(*hold));
	enum hf_err err;

	if (hold == NULL)
		return hf_why(why, HF_E_NOMEM, "hold: no memory");
	pthread_mutex_init(&hold->lock, NULL);
	hold->path = strdup(path);
	err = hold->path != NULL ? load(hold, why)
				 : hf_why(why, HF_E_NOMEM, "hold: no memory");
	if (err != HF_OK) {
		hf_hold_close(hold);
		return err;
	}
	*out_hold = hold;
	return HF_OK;
}

void hf_hold_close(struct hf_hold *hold)
{
	if (hold == NULL)
		return;
	while (hold->rows != NULL) {
		struct row *row = hold->rows;

		hold->rows = row->next;
		free(row);
	}
	pthread_mutex_destroy(&hold->lock);
	free(hold->path);
	free(hold);
}

/* Under the lock. */
static enum hf_err save(struct hf_hold *hold, struct hf_why *why)
{
	char line[HF_ORIGIN_MAX_BYTES + 32];
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	for (const struct row *row = hold->rows; row != NULL; row = row->next) {
		if (row->from_plus_one == 0)
			continue;
		snprintf(line, sizeof(line), "%s %" PRIu64 "\n", row->origin,
			 row->from_plus_one - 1);
		hf_buf_put_text(&buf, line);
	}
	err = hf_buf_failed(&buf);
	if (err == HF_OK)
		err = hf_file_replace(hold->path, hf_buf_span(&buf), 0640, why);
	hf_buf_release(&buf);
	return err;
}

/* Under the lock.  Does it come with more than its share? */
static bool is_flood(struct row *row, uint64_t note_ms, uint64_t most)
{
	uint64_t passed_ms =
		note_ms > row->base_ms ? note_ms - row->base_ms : 0;
	uint64_t hours = 1 + passed_ms / HOUR_MS;

	return most > 0 && row->size > row->base &&
	       (row->size - row->base - 1) / hours >= most;
}

uint64_t hf_hold_look(struct hf_hold *hold, const char *origin, uint64_t size,
		      uint64_t note_ms, uint64_t most, bool *out_is_new)
{
	struct hf_why why = { "" };
	uint64_t from = 0, before;
	enum hf_err err = HF_OK;
	struct row *row;

	*out_is_new = false;
	pthread_mutex_lock(&hold->lock);
	row = row_of(hold, origin);
	if (row == NULL)
		goto out_unlock;
	before = row->is_seen ? row->size : size;
	row->size = size;
	if (row->is_seen && row->from_plus_one == 0 &&
	    is_flood(row, note_ms, most)) {
		row->from_plus_one = before + 1;
		*out_is_new = true;
	}
	if (!row->is_seen || note_ms >= row->base_ms + HOUR_MS) {
		row->is_seen = true;
		row->base = size;
		row->base_ms = note_ms;
	}
	if (*out_is_new)
		err = save(hold, &why);
	from = row->from_plus_one;
out_unlock:
	pthread_mutex_unlock(&hold->lock);
	if (err != HF_OK)
		hf_log(HF_LOG_ERROR, "hold", "not written", "why=\"%s\"",
		       why.text);
	return from;
}

uint64_t hf_hold_from(struct hf_hold *hold, const char *origin)
{
	const struct row *row;
	uint64_t from;

	pthread_mutex_lock(&hold->lock);
	row = find(hold, origin);
	from = row != NULL ? row->from_plus_one : 0;
	pthread_mutex_unlock(&hold->lock);
	return from;
}

enum hf_err hf_hold_release(struct hf_hold *hold, const char *origin,
			    uint64_t *out_count, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	struct row *row;

	pthread_mutex_lock(&hold->lock);
	row = find(hold, origin);
	if (row == NULL || row->from_plus_one == 0) {
		err = hf_why(why, HF_E_NOTFOUND, "nothing of %s is held",
			     origin);
	} else {
		uint64_t from_plus_one = row->from_plus_one;

		row->from_plus_one = 0;
		err = save(hold, why);
		if (err == HF_OK) {
			*out_count = row->size >= from_plus_one
					     ? row->size - from_plus_one + 1
					     : 0;
			row->base = row->size;
		} else {
			row->from_plus_one = from_plus_one;
		}
	}
	pthread_mutex_unlock(&hold->lock);
	return err;
}

void hf_hold_each(struct hf_hold *hold,
		  void (*each)(void *arg, const char *origin, uint64_t from,
			       uint64_t count),
		  void *arg)
{
	pthread_mutex_lock(&hold->lock);
	for (const struct row *row = hold->rows; row != NULL; row = row->next) {
		if (row->from_plus_one != 0)
			each(arg, row->origin, row->from_plus_one - 1,
			     row->size >= row->from_plus_one
				     ? row->size - row->from_plus_one + 1
				     : 0);
	}
	pthread_mutex_unlock(&hold->lock);
}
