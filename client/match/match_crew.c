#include <pthread.h>
#include <stdbool.h>

#include "match_crew.h"

struct crew {
	size_t count;
	enum hf_err (*work)(void *arg, unsigned worker, size_t number,
			    struct hf_why *why);
	void *arg;
	size_t next;  /* atomic */
	bool is_over; /* atomic: something failed */
};

struct worker {
	struct crew *crew;
	unsigned number;
	enum hf_err err;
	struct hf_why why;
};

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct crew *crew = worker->crew;

	while (worker->err == HF_OK &&
	       !__atomic_load_n(&crew->is_over, __ATOMIC_RELAXED)) {
		size_t number =
			__atomic_fetch_add(&crew->next, 1, __ATOMIC_RELAXED);

		if (number >= crew->count)
			break;
		worker->err = crew->work(crew->arg, worker->number, number,
					 &worker->why);
	}
	if (worker->err != HF_OK)
		__atomic_store_n(&crew->is_over, true, __ATOMIC_RELAXED);
	return NULL;
}

enum hf_err hf_match_crew_run(unsigned threads, size_t count,
			      enum hf_err (*work)(void *arg, unsigned worker,
						  size_t number,
						  struct hf_why *why),
			      void *arg, struct hf_why *why)
{
	struct crew crew = { .count = count, .work = work, .arg = arg };
	struct worker workers[HF_MATCH_CREW_MAX];
	pthread_t ids[HF_MATCH_CREW_MAX];
	unsigned begun = 1;
	enum hf_err err = HF_OK;

	for (unsigned w = 0; w < HF_MATCH_CREW_MAX; w++)
		workers[w] = (struct worker){ .crew = &crew, .number = w };
	while (begun < threads && begun < HF_MATCH_CREW_MAX && begun < count &&
	       pthread_create(&ids[begun], NULL, run, &workers[begun]) == 0)
		begun++;
	run(&workers[0]);
	for (unsigned w = 1; w < begun; w++)
		pthread_join(ids[w], NULL);
	for (unsigned w = 0; err == HF_OK && w < begun; w++) {
		err = workers[w].err;
		if (err != HF_OK && why != NULL)
			*why = workers[w].why;
	}
	return err;
}
