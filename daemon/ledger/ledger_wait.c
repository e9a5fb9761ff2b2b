#include <pthread.h>
#include <stdlib.h>

#include "ledger.h"

struct hf_ledger_wait {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_done;
	enum hf_err err;
	struct hf_ledger_receipt receipt;
	struct hf_why why;
};

enum hf_err hf_ledger_wait_new(struct hf_ledger_wait **out_wait,
			       struct hf_why *why)
{
	struct hf_ledger_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	pthread_mutex_init(&wait->lock, NULL);
	pthread_cond_init(&wait->changed, NULL);
	*out_wait = wait;
	return HF_OK;
}

void hf_ledger_wait_free(struct hf_ledger_wait *wait)
{
	if (wait == NULL)
		return;
	pthread_mutex_destroy(&wait->lock);
	pthread_cond_destroy(&wait->changed);
	free(wait);
}

static void on_done(void *arg, enum hf_err err,
		    const struct hf_ledger_receipt *receipt,
		    const struct hf_why *why)
{
	struct hf_ledger_wait *wait = arg;

	pthread_mutex_lock(&wait->lock);
	wait->is_done = true;
	wait->err = err;
	wait->receipt = *receipt;
	wait->why = *why;
	/* Under the lock: the waiter may free it as soon as it has it. */
	pthread_cond_signal(&wait->changed);
	pthread_mutex_unlock(&wait->lock);
}

struct hf_ledger_done hf_ledger_wait_done(struct hf_ledger_wait *wait)
{
	return (struct hf_ledger_done){ .call = on_done, .arg = wait };
}

enum hf_err hf_ledger_wait_for(struct hf_ledger_wait *wait,
			       struct hf_ledger_receipt *out_receipt,
			       struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&wait->lock);
	while (!wait->is_done)
		pthread_cond_wait(&wait->changed, &wait->lock);
	wait->is_done = false;
	err = wait->err;
	if (err == HF_OK && out_receipt != NULL)
		*out_receipt = wait->receipt;
	if (err != HF_OK && why != NULL)
		*why = wait->why;
	pthread_mutex_unlock(&wait->lock);
	return err;
}
