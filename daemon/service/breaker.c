#include <pthread.h>
#include <stdlib.h>

#include "breaker.h"

#define HOUR_US ((uint64_t)3600 * 1000 * 1000)

/* Entries counted at a time, and places where one may stand. */
#define ROWS   16384
#define PLACES 8

struct row {
	uint64_t entry;
	uint64_t since_us; /* of the hour that is counted; 0: no row */
	uint64_t count;
	uint32_t set;
	bool is_hot;
};

struct hf_breaker {
	uint64_t most;
	void (*trip)(void *arg, uint32_t set, uint64_t entry);
	void *arg;
	pthread_mutex_t lock; /* guards rows */
	struct row rows[ROWS];
};

enum hf_err
hf_breaker_new(uint64_t most,
	       void (*trip)(void *arg, uint32_t set, uint64_t entry), void *arg,
	       struct hf_breaker **out_breaker, struct hf_why *why)
{
	struct hf_breaker *breaker = calloc(1, sizeof(*breaker));

	if (breaker == NULL)
		return hf_why(why, HF_E_NOMEM, "breaker: no memory");
	breaker->most = most;
	breaker->trip = trip;
	breaker->arg = arg;
	pthread_mutex_init(&breaker->lock, NULL);
	*out_breaker = breaker;
	return HF_OK;
}

void hf_breaker_free(struct hf_breaker *breaker)
{
	if (breaker == NULL)
		return;
	pthread_mutex_destroy(&breaker->lock);
	free(breaker);
}

static struct row *place_of(struct hf_breaker *breaker, uint32_t set,
			    uint64_t entry, size_t i)
{
	uint64_t mixed = (entry ^ (uint64_t)set << 40) * 0x9e3779b97f4a7c15u;

	return &breaker->rows[((mixed >> 32) + i) % ROWS];
}

/* Under the lock. */
static struct row *find(struct hf_breaker *breaker, uint32_t set,
			uint64_t entry)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct row *row = place_of(breaker, set, entry, i);

		if (row->since_us != 0 && row->set == set &&
		    row->entry == entry)
			return row;
	}
	return NULL;
}

/* Under the lock: the place that is missed least, or NULL where all are hot. */
static struct row *make_room(struct hf_breaker *breaker, uint32_t set,
			     uint64_t entry, uint64_t now_us)
{
	struct row *least = NULL;

	for (size_t i = 0; i < PLACES; i++) {
		struct row *row = place_of(breaker, set, entry, i);

		if (row->is_hot)
			continue;
		if (row->since_us == 0 || now_us - row->since_us >= HOUR_US)
			return row;
		if (least == NULL || row->count < least->count)
			least = row;
	}
	return least;
}

void hf_breaker_count(struct hf_breaker *breaker, uint32_t set, uint64_t entry,
		      uint64_t now_us)
{
	bool has_tripped = false;
	struct row *row;

	if (breaker == NULL || breaker->most == 0)
		return;
	now_us += now_us == 0;
	pthread_mutex_lock(&breaker->lock);
	row = find(breaker, set, entry);
	if (row == NULL) {
		row = make_room(breaker, set, entry, now_us);
		if (row != NULL)
			*row = (struct row){ .entry = entry,
					     .since_us = now_us,
					     .set = set };
	} else if (!row->is_hot && now_us - row->since_us >= HOUR_US) {
		row->since_us = now_us;
		row->count = 0;
	}
	if (row != NULL) {
		row->count++;
		has_tripped = !row->is_hot && row->count > breaker->most;
		row->is_hot |= has_tripped;
	}
	pthread_mutex_unlock(&breaker->lock);
	if (has_tripped)
		breaker->trip(breaker->arg, set, entry);
}

bool hf_breaker_is_hot(struct hf_breaker *breaker, uint32_t set, uint64_t entry,
		       uint64_t *out_count)
{
	const struct row *row;
	bool is_hot;

	pthread_mutex_lock(&breaker->lock);
	row = find(breaker, set, entry);
	is_hot = row != NULL && row->is_hot;
	if (is_hot)
		*out_count = row->count;
	pthread_mutex_unlock(&breaker->lock);
	return is_hot;
}

bool hf_breaker_reset(struct hf_breaker *breaker, uint32_t set, uint64_t entry,
		      uint64_t *out_count)
{
	struct row *row;
	bool was_hot;

	pthread_mutex_lock(&breaker->lock);
	row = find(breaker, set, entry);
	was_hot = row != NULL && row->is_hot;
	if (was_hot) {
		*out_count = row->count;
		*row = (struct row){ .since_us = 0 };
	}
	pthread_mutex_unlock(&breaker->lock);
	return was_hot;
}

void hf_breaker_each(struct hf_breaker *breaker,
		     void (*each)(void *arg, uint32_t set, uint64_t entry,
				  uint64_t count),
		     void *arg)
{
	pthread_mutex_lock(&breaker->lock);
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &breaker->rows[i];

		if (row->is_hot)
			each(arg, row->set, row->entry, row->count);
	}
	pthread_mutex_unlock(&breaker->lock);
}
