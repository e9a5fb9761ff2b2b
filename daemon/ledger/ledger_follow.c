#include <stdlib.h>

#include "ledger_impl.h"

/* Wakes run with `following` held, one after another: so a follower that is
 * gone is never woken, and one that comes misses nothing. */
void hf_ledger_wake(struct hf_ledger *ledger, uint32_t set, uint64_t size)
{
	struct hf_ledger_follower *follower;

	pthread_mutex_lock(&ledger->following);
	for (follower = ledger->followers; follower != NULL;
	     follower = follower->next)
		if (follower->set == HF_LEDGER_ALL_SETS || follower->set == set)
			follower->wake(follower->arg, set, size);
	pthread_mutex_unlock(&ledger->following);
}

/* How far one set is, 0 for one that is not there. */
static uint64_t published(struct hf_ledger *ledger, uint32_t id)
{
	uint64_t size = 0;

	pthread_mutex_lock(&ledger->lock);
	if (id >= 1 && id <= ledger->sets_count)
		size = ledger->sets[id]->published;
	pthread_mutex_unlock(&ledger->lock);
	return size;
}

static uint32_t sets_count(struct hf_ledger *ledger)
{
	uint32_t count;

	pthread_mutex_lock(&ledger->lock);
	count = ledger->sets_count;
	pthread_mutex_unlock(&ledger->lock);
	return count;
}

enum hf_err
hf_ledger_follow(struct hf_ledger *ledger, uint32_t set, uint64_t from,
		 void (*wake)(void *arg, uint32_t set, uint64_t size),
		 void *arg, struct hf_ledger_follower **out_follower,
		 struct hf_why *why)
{
	struct hf_ledger_follower *follower;
	uint32_t first = set, last = set;

	if (set != HF_LEDGER_ALL_SETS && hf_ledger_set(ledger, set) == NULL)
		return hf_why(why, HF_E_NOTFOUND, "ledger: no set %u", set);
	follower = calloc(1, sizeof(*follower));
	if (follower == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*follower = (struct hf_ledger_follower){
		.ledger = ledger, .set = set, .wake = wake, .arg = arg
	};
	pthread_mutex_lock(&ledger->following);
	if (set == HF_LEDGER_ALL_SETS) {
		first = 1;
		last = sets_count(ledger);
	}
	for (uint32_t id = first; id <= last; id++) {
		uint64_t size = published(ledger, id);

		if (size > from)
			wake(arg, id, size);
	}
	follower->next = ledger->followers;
	ledger->followers = follower;
	*out_follower = follower;
	pthread_mutex_unlock(&ledger->following);
	return HF_OK;
}

void hf_ledger_unfollow(struct hf_ledger_follower *follower)
{
	struct hf_ledger_follower **at;
	struct hf_ledger *ledger;

	if (follower == NULL)
		return;
	ledger = follower->ledger;
	pthread_mutex_lock(&ledger->following);
	for (at = &ledger->followers; *at != follower; at = &(*at)->next)
		;
	*at = follower->next;
	pthread_mutex_unlock(&ledger->following);
	free(follower);
}
