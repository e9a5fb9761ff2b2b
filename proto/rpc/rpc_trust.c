#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "rpc_trust.h"
#include "sha256.h"

/* 64 sets of 4: a few hundred certificates, and two that share a set do not
 * drive each other out.  A miss costs some 100 microseconds of parsing. */
#define SETS 64
#define WAYS 4

struct answer {
	uint8_t digest[HF_SHA256_BYTES]; /* of the PEM text */
	uint64_t asked_us;               /* 0: empty */
	uint64_t used;
	struct hf_rpc_identity identity;
};

struct hf_rpc_trust {
	hf_rpc_admit *admit;
	void *arg;
	pthread_mutex_t lock; /* guards answers, uses, generation */
	struct answer answers[SETS][WAYS];
	uint64_t uses;
	uint64_t generation;
	pthread_mutex_t users_lock; /* guards users; never with lock */
	struct hf_rpc_trust_user *users;
};

enum hf_err hf_rpc_trust_new(hf_rpc_admit *admit, void *arg,
			     struct hf_rpc_trust **out_trust,
			     struct hf_why *why)
{
	struct hf_rpc_trust *trust = calloc(1, sizeof(*trust));

	if (trust == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: trust: out of memory");
	trust->admit = admit;
	trust->arg = arg;
	pthread_mutex_init(&trust->lock, NULL);
	pthread_mutex_init(&trust->users_lock, NULL);
	*out_trust = trust;
	return HF_OK;
}

void hf_rpc_trust_free(struct hf_rpc_trust *trust)
{
	if (trust == NULL)
		return;
	pthread_mutex_destroy(&trust->users_lock);
	pthread_mutex_destroy(&trust->lock);
	free(trust);
}

void hf_rpc_trust_join(struct hf_rpc_trust *trust,
		       struct hf_rpc_trust_user *user)
{
	pthread_mutex_lock(&trust->users_lock);
	user->next = trust->users;
	trust->users = user;
	pthread_mutex_unlock(&trust->users_lock);
}

void hf_rpc_trust_part(struct hf_rpc_trust *trust,
		       struct hf_rpc_trust_user *user)
{
	struct hf_rpc_trust_user **at;

	pthread_mutex_lock(&trust->users_lock);
	for (at = &trust->users; *at != NULL; at = &(*at)->next) {
		if (*at == user) {
			*at = user->next;
			break;
		}
	}
	pthread_mutex_unlock(&trust->users_lock);
}

void hf_rpc_trust_changed(struct hf_rpc_trust *trust)
{
	pthread_mutex_lock(&trust->lock);
	trust->generation++;
	memset(trust->answers, 0, sizeof(trust->answers));
	pthread_mutex_unlock(&trust->lock);

	pthread_mutex_lock(&trust->users_lock);
	for (struct hf_rpc_trust_user *user = trust->users; user != NULL;
	     user = user->next)
		hf_rpc_loop_post(user->loop, user->task);
	pthread_mutex_unlock(&trust->users_lock);
}

/* Under the lock. */
static bool recall(struct hf_rpc_trust *trust, const uint8_t *digest,
		   uint64_t now_us, struct hf_rpc_identity *out_identity)
{
	struct answer *set = trust->answers[digest[0] % SETS];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].asked_us == 0 ||
		    memcmp(set[i].digest, digest, HF_SHA256_BYTES) != 0)
			continue;
		if (now_us - set[i].asked_us >
		    (uint64_t)HF_RPC_TRUST_KEEP_MS * 1000)
			return false;
		set[i].used = ++trust->uses;
		*out_identity = set[i].identity;
		return true;
	}
	return false;
}

/* Under the lock. */
static void remember(struct hf_rpc_trust *trust, const uint8_t *digest,
		     uint64_t now_us, const struct hf_rpc_identity *identity)
{
	struct answer *set = trust->answers[digest[0] % SETS];
	struct answer *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(set[i].digest, digest, HF_SHA256_BYTES) == 0) {
			oldest = &set[i];
			break;
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	memcpy(oldest->digest, digest, HF_SHA256_BYTES);
	oldest->asked_us = now_us;
	oldest->used = ++trust->uses;
	oldest->identity = *identity;
}

enum hf_err hf_rpc_trust_check(struct hf_rpc_trust *trust, struct hf_span pem,
			       struct hf_rpc_identity *out_identity)
{
	struct hf_rpc_identity identity;
	uint8_t digest[HF_SHA256_BYTES];
	uint64_t generation;
	enum hf_err err;
	bool is_known;
	bool is_current;

	hf_sha256(pem.at, pem.len_bytes, digest);
	do {
		uint64_t now_us = hf_clock_mono_us();

		pthread_mutex_lock(&trust->lock);
		is_known = recall(trust, digest, now_us, out_identity);
		generation = trust->generation;
		pthread_mutex_unlock(&trust->lock);
		if (is_known)
			return HF_OK;
		/* Without the lock: this parses a certificate.  Strangers are
		 * not remembered, or they could fill the cache. */
		memset(&identity, 0, sizeof(identity));
		err = trust->admit(trust->arg, pem, &identity);
		pthread_mutex_lock(&trust->lock);
		is_current = generation == trust->generation;
		if (is_current && err == HF_OK)
			remember(trust, digest, now_us, &identity);
		pthread_mutex_unlock(&trust->lock);
	} while (!is_current); /* Changed meanwhile: the answer may be old. */
	if (err == HF_OK)
		*out_identity = identity;
	return err;
}
