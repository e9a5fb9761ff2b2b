#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "thread.h"

#include "errand.h"

struct hf_errands {
	const char *name;
	pthread_t threads[HF_ERRAND_THREADS_MAX];
	size_t threads_count;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t news;
	struct hf_errand *first;
	struct hf_errand **last;
	bool must_stop;
};

static struct hf_errand *take(struct hf_errands *errands)
{
	struct hf_errand *errand;

	pthread_mutex_lock(&errands->lock);
	while (errands->first == NULL && !errands->must_stop)
		pthread_cond_wait(&errands->news, &errands->lock);
	errand = errands->first;
	if (errand != NULL) {
		errands->first = errand->next;
		if (errands->first == NULL)
			errands->last = &errands->first;
	}
	pthread_mutex_unlock(&errands->lock);
	return errand;
}

static void *run(void *arg)
{
	struct hf_errands *errands = arg;
	struct hf_errand *errand;

	hf_thread_name(errands->name);
	while ((errand = take(errands)) != NULL)
		errand->run(errand);
	return NULL;
}

enum hf_err hf_errands_start(const char *name, size_t threads,
			     struct hf_errands **out_errands,
			     struct hf_why *why)
{
	struct hf_errands *errands = calloc(1, sizeof(*errands));

	if (errands == NULL)
		return hf_why(why, HF_E_NOMEM, "errands: no memory");
	errands->name = name;
	errands->last = &errands->first;
	pthread_mutex_init(&errands->lock, NULL);
	pthread_cond_init(&errands->news, NULL);
	while (errands->threads_count < threads) {
		errno = pthread_create(
			&errands->threads[errands->threads_count], NULL, run,
			errands);
		if (errno != 0) {
			enum hf_err err =
				hf_why_errno(why, "errands: start a thread");

			hf_errands_stop(errands);
			return err;
		}
		errands->threads_count++;
	}
	*out_errands = errands;
	return HF_OK;
}

void hf_errands_stop(struct hf_errands *errands)
{
	if (errands == NULL)
		return;
	pthread_mutex_lock(&errands->lock);
	errands->must_stop = true;
	pthread_cond_broadcast(&errands->news);
	pthread_mutex_unlock(&errands->lock);
	for (size_t i = 0; i < errands->threads_count; i++)
		pthread_join(errands->threads[i], NULL);
	pthread_cond_destroy(&errands->news);
	pthread_mutex_destroy(&errands->lock);
	free(errands);
}

void hf_errand_post(struct hf_errands *errands, struct hf_errand *errand)
{
	errand->next = NULL;
	pthread_mutex_lock(&errands->lock);
	*errands->last = errand;
	errands->last = &errand->next;
	pthread_cond_signal(&errands->news);
	pthread_mutex_unlock(&errands->lock);
}
