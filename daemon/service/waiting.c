#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "waiting.h"

struct hf_waiting {
	pthread_mutex_t lock;
	struct hf_waiting_row *first; /* owned */
	struct hf_waiting_row **tail;
	size_t count;
};

enum hf_err hf_waiting_new(struct hf_waiting **out_waiting, struct hf_why *why)
{
	struct hf_waiting *waiting = calloc(1, sizeof(*waiting));

	if (waiting == NULL)
		return hf_why(why, HF_E_NOMEM, "retract: no memory");
	waiting->tail = &waiting->first;
	pthread_mutex_init(&waiting->lock, NULL);
	*out_waiting = waiting;
	return HF_OK;
}

void hf_waiting_free(struct hf_waiting *waiting)
{
	struct hf_waiting_row *row;

	if (waiting == NULL)
		return;
	while ((row = waiting->first) != NULL) {
		waiting->first = row->next;
		hf_waiting_row_free(row);
	}
	pthread_mutex_destroy(&waiting->lock);
	free(waiting);
}

enum hf_err hf_waiting_row_new(struct hf_span wire,
			       const struct hf_waiting_target *targets,
			       size_t count, const char *intent,
			       struct hf_waiting_row **out_row,
			       struct hf_why *why)
{
	struct hf_waiting_row *row = calloc(1, sizeof(*row) + wire.len_bytes);

	if (row != NULL) {
		row->targets = calloc(count, sizeof(*targets));
		row->intent = strdup(intent);
	}
	if (row == NULL || row->targets == NULL || row->intent == NULL) {
		hf_waiting_row_free(row);
		return hf_why(why, HF_E_NOMEM, "retract: no memory");
	}
	memcpy(row->targets, targets, count * sizeof(*targets));
	row->count = count;
	row->wire_len_bytes = wire.len_bytes;
	if (wire.len_bytes > 0)
		memcpy(row->wire, wire.at, wire.len_bytes);
	*out_row = row;
	return HF_OK;
}

void hf_waiting_row_free(struct hf_waiting_row *row)
{
	if (row == NULL)
		return;
	free(row->targets);
	free(row->intent);
	free(row);
}

enum hf_err hf_waiting_keep(struct hf_waiting *waiting,
			    struct hf_waiting_row *row, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&waiting->lock);
	if (waiting->count == HF_WAITING_MAX) {
		err = hf_why(why, HF_E_LIMIT,
			     "%d retractions wait to be written already",
			     HF_WAITING_MAX);
	} else {
		row->next = NULL;
		*waiting->tail = row;
		waiting->tail = &row->next;
		waiting->count++;
	}
	pthread_mutex_unlock(&waiting->lock);
	return err;
}

const struct hf_waiting_row *hf_waiting_next(struct hf_waiting *waiting,
					     const struct hf_waiting_row *row)
{
	pthread_mutex_lock(&waiting->lock);
	row = row == NULL ? waiting->first : row->next;
	pthread_mutex_unlock(&waiting->lock);
	return row;
}

static struct hf_waiting_row **find(struct hf_waiting *waiting,
				    const struct hf_waiting_row *row)
{
	struct hf_waiting_row **at = &waiting->first;

	while (*at != row)
		at = &(*at)->next;
	return at;
}

void hf_waiting_tried(struct hf_waiting *waiting,
		      const struct hf_waiting_row *row, enum hf_err err,
		      const struct hf_why *why)
{
	struct hf_waiting_row *is;

	pthread_mutex_lock(&waiting->lock);
	is = *find(waiting, row);
	is->err = err;
	is->why = *why;
	pthread_mutex_unlock(&waiting->lock);
}

void hf_waiting_drop(struct hf_waiting *waiting,
		     const struct hf_waiting_row *row)
{
	struct hf_waiting_row **at, *is;

	pthread_mutex_lock(&waiting->lock);
	at = find(waiting, row);
	is = *at;
	*at = is->next;
	if (*at == NULL)
		waiting->tail = at;
	waiting->count--;
	pthread_mutex_unlock(&waiting->lock);
	hf_waiting_row_free(is);
}

enum hf_err hf_waiting_find(struct hf_waiting *waiting, struct hf_span wire,
			    struct hf_why *out_why)
{
	const struct hf_waiting_row *row;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&waiting->lock);
	for (row = waiting->first; row != NULL; row = row->next) {
		if (hf_span_equal(hf_span(row->wire, row->wire_len_bytes),
				  wire))
			break;
	}
	if (row != NULL) {
		err = row->err;
		*out_why = row->why;
		hf_why_prefix(out_why, row->intent[0] != '\0'
					       ? HF_WAITING_KEPT
					       : HF_WAITING_IN_MEMORY);
	}
	pthread_mutex_unlock(&waiting->lock);
	return err;
}

bool hf_waiting_has_intent(struct hf_waiting *waiting, const char *path)
{
	const struct hf_waiting_row *row;

	pthread_mutex_lock(&waiting->lock);
	for (row = waiting->first; row != NULL; row = row->next) {
		if (strcmp(row->intent, path) == 0)
			break;
	}
	pthread_mutex_unlock(&waiting->lock);
	return row != NULL;
}

void hf_waiting_count(struct hf_waiting *waiting,
		      struct hf_waiting_count *out_count)
{
	struct hf_waiting_count count = { .entries = 0 };

	pthread_mutex_lock(&waiting->lock);
	if (waiting->first != NULL)
		count.why = waiting->first->why;
	for (const struct hf_waiting_row *row = waiting->first; row != NULL;
	     row = row->next) {
		count.entries += row->count;
		count.in_memory += row->intent[0] == '\0' ? row->count : 0;
	}
	pthread_mutex_unlock(&waiting->lock);
	*out_count = count;
}
