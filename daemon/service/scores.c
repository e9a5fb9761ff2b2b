#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "rpc.h"

#include "scores.h"

/* As long as a link waits, and forgets: see daemon/peer. */
#define WAIT_MIN_MS ((uint64_t)1000)
#define WAIT_MAX_MS ((uint64_t)300000)
#define FORGET_MS   ((uint64_t)600000)

struct score {
	struct score *next;
	uint8_t id[HF_HASH_BYTES];
	uint64_t bad_us; /* when last, monotonic */
	uint64_t wait_ms;
	struct hf_why said;
};

/* Only enrolled peers call, so the list is short. */
struct hf_scores {
	pthread_mutex_t lock;
	struct score *first; /* owned */
};

enum hf_err hf_scores_new(struct hf_scores **out_scores, struct hf_why *why)
{
	struct hf_scores *scores = calloc(1, sizeof(*scores));

	if (scores == NULL)
		return hf_why(why, HF_E_NOMEM, "scores: no memory");
	pthread_mutex_init(&scores->lock, NULL);
	*out_scores = scores;
	return HF_OK;
}

void hf_scores_free(struct hf_scores *scores)
{
	if (scores == NULL)
		return;
	while (scores->first != NULL) {
		struct score *next = scores->first->next;

		free(scores->first);
		scores->first = next;
	}
	pthread_mutex_destroy(&scores->lock);
	free(scores);
}

static struct score *find(const struct hf_scores *scores, const uint8_t *id)
{
	struct score *score = scores->first;

	while (score != NULL && memcmp(score->id, id, HF_HASH_BYTES) != 0)
		score = score->next;
	return score;
}

enum hf_err hf_scores_check(struct hf_scores *scores,
			    const struct hf_rpc_identity *caller,
			    struct hf_why *why)
{
	uint64_t now_us = hf_clock_mono_us();
	const struct score *score;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&scores->lock);
	score = find(scores, caller->organisation_id);
	if (score != NULL && now_us - score->bad_us < score->wait_ms * 1000)
		err = hf_why(why, HF_E_QUOTA,
			     "what came last was false; wait %llu ms",
			     (unsigned long long)score->wait_ms);
	pthread_mutex_unlock(&scores->lock);
	return err;
}

static struct score *add(struct hf_scores *scores, const uint8_t *id)
{
	struct score *score = calloc(1, sizeof(*score));

	if (score == NULL)
		return NULL;
	memcpy(score->id, id, HF_HASH_BYTES);
	score->next = scores->first;
	scores->first = score;
	return score;
}

void hf_scores_bad(struct hf_scores *scores,
		   const struct hf_rpc_identity *caller, enum hf_err err,
		   const struct hf_why *why)
{
	uint64_t now_us = hf_clock_mono_us();
	bool is_new = true;
	struct score *score;

	pthread_mutex_lock(&scores->lock);
	score = find(scores, caller->organisation_id);
	if (score == NULL)
		score = add(scores, caller->organisation_id);
	if (score != NULL) {
		bool is_old = now_us - score->bad_us > FORGET_MS * 1000;

		is_new = is_old || strcmp(score->said.text, why->text) != 0;
		score->wait_ms = is_old || score->wait_ms == 0 ? WAIT_MIN_MS
				 : score->wait_ms * 2 < WAIT_MAX_MS
					 ? score->wait_ms * 2
					 : WAIT_MAX_MS;
		score->bad_us = now_us;
		score->said = *why;
	}
	pthread_mutex_unlock(&scores->lock);
	if (is_new) {
		char quoted[256];

		hf_log(HF_LOG_WARNING, "gossip", "refused",
		       "peer=%s err=%s why=\"%s\"", caller->name,
		       hf_err_name(err),
		       hf_log_quote(why->text, quoted, sizeof(quoted)));
	}
}
