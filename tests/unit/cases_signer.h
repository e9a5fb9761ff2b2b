/*
 * cases_signer.h -- the real signer behind its socket, in a thread of the test
 * and with the test's clock: an agent cannot tell it from the program.
 */
#ifndef HF_CASES_SIGNER_H
#define HF_CASES_SIGNER_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_wire.h"
#include "file.h"
#include "signer.h"
#include "vault.h"

#define SIGNER_CLIENTS 4

struct played_signer {
	char dir[160];
	char path[108];           /* as in struct sockaddr_un */
	_Atomic uint64_t *now_ms; /* borrowed */
	uint64_t latest_ms;       /* it never goes back */
	struct hf_signer *signer;
	pthread_t thread;
	bool is_running;
	int listener;
	int stop[2];
	uint8_t request[HF_AGENT_MESSAGE_MAX_BYTES];
};

/* The key that a role has here, out of one small number. */
static inline struct hf_key *played_key(const char *domain,
					enum hf_key_role role, uint8_t number)
{
	const struct hf_key_facts facts = {
		.role = role,
		.domain = hf_span_of(domain),
		.created_ms = 1,
	};
	const uint8_t seed[HF_SEED_BYTES] = { number };
	struct hf_key *key = NULL;

	return hf_key_from_seed(&facts, seed, &key, NULL) == HF_OK ? key : NULL;
}

static inline enum hf_err played_put_key(struct played_signer *played,
					 const char *domain,
					 enum hf_key_role role, uint8_t number,
					 struct hf_why *why)
{
	const struct hf_key_lock no_lock = { { NULL, 0 }, { 0, 0 } };
	struct hf_key *key = played_key(domain, role, number);
	char path[256];
	enum hf_err err;

	snprintf(path, sizeof(path), "%s/%s.key", played->dir,
		 hf_key_role_name(role));
	err = key == NULL ? hf_why(why, HF_E_NOMEM, "no key")
			  : hf_vault_create(path, key, &no_lock, why);
	hf_key_free(key);
	return err;
}

static inline bool played_answer(struct played_signer *played, int client,
				 struct hf_buf *reply)
{
	struct hf_signer_remark said;
	uint64_t now_ms = atomic_load(played->now_ms);
	struct hf_span answer;
	ssize_t got = recv(client, played->request, sizeof(played->request),
			   MSG_DONTWAIT);

	if (got <= 0)
		return false;
	if (now_ms > played->latest_ms)
		played->latest_ms = now_ms;
	hf_signer_answer(played->signer, hf_span(played->request, (size_t)got),
			 played->latest_ms, reply, &said);
	answer = hf_buf_span(reply);
	return answer.len_bytes > 0 &&
	       send(client, answer.at, answer.len_bytes, MSG_NOSIGNAL) ==
		       (ssize_t)answer.len_bytes;
}

static inline void *played_run(void *arg)
{
	struct played_signer *played = arg;
	struct pollfd polls[2 + SIGNER_CLIENTS];
	struct hf_buf reply;

	polls[0] = (struct pollfd){ .fd = played->stop[0], .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = played->listener, .events = POLLIN };
	for (int i = 2; i < 2 + SIGNER_CLIENTS; i++)
		polls[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	hf_buf_init(&reply, HF_AGENT_MESSAGE_MAX_BYTES);
	while (poll(polls, 2 + SIGNER_CLIENTS, -1) >= 0 &&
	       polls[0].revents == 0) {
		for (int i = 2; i < 2 + SIGNER_CLIENTS; i++) {
			if (polls[i].fd < 0 || polls[i].revents == 0 ||
			    played_answer(played, polls[i].fd, &reply))
				continue;
			close(polls[i].fd);
			polls[i].fd = -1;
		}
		for (int i = 2; polls[1].revents != 0 && i < 2 + SIGNER_CLIENTS;
		     i++) {
			if (polls[i].fd >= 0)
				continue;
			polls[i].fd = accept4(played->listener, NULL, NULL,
					      SOCK_CLOEXEC);
			break;
		}
	}
	hf_buf_release(&reply);
	for (int i = 2; i < 2 + SIGNER_CLIENTS; i++) {
		if (polls[i].fd >= 0)
			close(polls[i].fd);
	}
	return NULL;
}

/* Open the keys again, and listen. */
static inline enum hf_err played_start(struct played_signer *played,
				       struct hf_why *why)
{
	const struct hf_signer_options options = { .dir = played->dir };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	enum hf_err err = hf_signer_open(&options, &played->signer, why);

	if (err != HF_OK)
		return err;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 played->path);
	played->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (played->listener < 0 || pipe2(played->stop, O_CLOEXEC) != 0 ||
	    bind(played->listener, (struct sockaddr *)&address,
		 sizeof(address)) != 0 ||
	    listen(played->listener, SIGNER_CLIENTS) != 0 ||
	    pthread_create(&played->thread, NULL, played_run, played) != 0)
		return hf_why(why, HF_E_SYSTEM, "the played signer");
	played->is_running = true;
	return HF_OK;
}

/* From now on nobody answers there. */
static inline void played_stop(struct played_signer *played)
{
	if (played->is_running) {
		close(played->stop[1]);
		pthread_join(played->thread, NULL);
		close(played->stop[0]);
		close(played->listener);
		unlink(played->path);
	}
	played->is_running = false;
	hf_signer_close(played->signer);
	played->signer = NULL;
}

#endif /* HF_CASES_SIGNER_H */
