#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "codec_document.h"

#include "agent.h"
#include "agent_ask.h"
#include "agent_wire.h"

/* Longer than any disk should take to sync one page. */
#define ANSWER_MAX_MS 15000

/* Where a spawned signer finds its end of the socket pair. */
#define CHILD_FD 3

struct hf_agent {
	pthread_mutex_t lock; /* guards all below */
	int fd;               /* -1: not connected */
	char *path;           /* owned; NULL: spawned */
	char *program;        /* owned; NULL: not spawned */
	char *home;           /* owned; may be NULL */
	bool awaits_report;   /* the spawned one is to */
	pid_t child;          /* 0: none */
	struct hf_buf request;
	struct hf_buf reply;
};

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "signer: no memory");
}

static enum hf_err agent_new(struct hf_agent **out_agent, struct hf_why *why)
{
	struct hf_agent *agent = calloc(1, sizeof(*agent));

	if (agent == NULL)
		return no_memory(why);
	pthread_mutex_init(&agent->lock, NULL);
	agent->fd = -1;
	hf_buf_init(&agent->request, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_buf_init(&agent->reply, HF_AGENT_MESSAGE_MAX_BYTES);
	/* At once: a buffer that grows leaves what was in it behind. */
	if (hf_buf_grow(&agent->request, HF_AGENT_MESSAGE_MAX_BYTES) == NULL ||
	    hf_buf_grow(&agent->reply, HF_AGENT_MESSAGE_MAX_BYTES) == NULL) {
		hf_buf_release(&agent->request);
		hf_buf_release(&agent->reply);
		pthread_mutex_destroy(&agent->lock);
		free(agent);
		return no_memory(why);
	}
	hf_buf_reset(&agent->request);
	hf_buf_reset(&agent->reply);
	*out_agent = agent;
	return HF_OK;
}

static void disconnect(struct hf_agent *agent)
{
	if (agent->fd >= 0)
		close(agent->fd);
	agent->fd = -1;
	if (agent->child == 0)
		return;
	/* It ends when its socket does; one that hangs must not keep the
	 * record from the next. */
	kill(agent->child, SIGTERM);
	for (;;) {
		if (waitpid(agent->child, NULL, 0) >= 0 || errno != EINTR)
			break;
	}
	agent->child = 0;
}

void hf_agent_close(struct hf_agent *agent)
{
	if (agent == NULL)
		return;
	disconnect(agent);
	hf_buf_release(&agent->request);
	hf_buf_release(&agent->reply);
	pthread_mutex_destroy(&agent->lock);
	free(agent->path);
	free(agent->program);
	free(agent->home);
	free(agent);
}

static void set_buffers(int fd)
{
	const int bytes = (int)HF_AGENT_MESSAGE_MAX_BYTES * 2;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static enum hf_err connect_path(struct hf_agent *agent, struct hf_why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return hf_why_errno(why, "signer: socket");
	strcpy(address.sun_path, agent->path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
	    0) {
		(void)hf_why_errno(why, "signer: connect to '%s'", agent->path);
		close(fd);
		return HF_E_UNAVAILABLE;
	}
	set_buffers(fd);
	agent->fd = fd;
	return HF_OK;
}

/* posix_spawn() and not fork(): the child runs nothing of ours before exec,
 * so this is safe for a replacement too, when threads exist. */
static int spawn_child(struct hf_agent *agent, int child_end)
{
	char fd_text[12];
	char *argv[7] = { agent->program, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc, at = 1;

	if (agent->home != NULL) {
		argv[at++] = (char *)"--home";
		argv[at++] = agent->home;
	}
	if (agent->awaits_report)
		argv[at++] = (char *)"--await-report";
	snprintf(fd_text, sizeof(fd_text), "%d", CHILD_FD);
	argv[at++] = (char *)"--fd";
	argv[at++] = fd_text;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		goto out_actions;
	sigemptyset(&none);
	sigfillset(&all);
	/* A group of its own: ctrl-C is for the daemon, which still needs it
	 * to stop in order. */
	if ((rc = posix_spawnattr_setflags(
		     &attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				    POSIX_SPAWN_SETPGROUP)) != 0 ||
	    (rc = posix_spawnattr_setsigmask(&attr, &none)) != 0 ||
	    (rc = posix_spawnattr_setsigdefault(&attr, &all)) != 0 ||
	    (rc = posix_spawn_file_actions_adddup2(&actions, child_end,
						   CHILD_FD)) != 0 ||
	    (rc = posix_spawn_file_actions_addclosefrom_np(&actions,
							   CHILD_FD + 1)) != 0)
		goto out_attr;
	rc = posix_spawnp(&agent->child, agent->program, &actions, &attr, argv,
			  environ);

out_attr:
	posix_spawnattr_destroy(&attr);
out_actions:
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static enum hf_err spawn(struct hf_agent *agent, struct hf_why *why)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return hf_why_errno(why, "signer: socket pair");
	rc = spawn_child(agent, ends[1]);
	close(ends[1]);
	if (rc != 0) {
		agent->child = 0;
		close(ends[0]);
		return hf_why(why, HF_E_UNAVAILABLE, "signer: start '%s': %s",
			      agent->program, strerror(rc));
	}
	set_buffers(ends[0]);
	agent->fd = ends[0];
	return HF_OK;
}

enum hf_err hf_agent_open(const char *path, struct hf_agent **out_agent,
			  struct hf_why *why)
{
	struct sockaddr_un address;
	struct hf_agent *agent;
	enum hf_err err;

	if (strlen(path) >= sizeof(address.sun_path))
		return hf_why(why, HF_E_LIMIT,
			      "signer: the path of a socket has at most %zu "
			      "characters: '%s'",
			      sizeof(address.sun_path) - 1, path);
	err = agent_new(&agent, why);
	if (err != HF_OK)
		return err;
	agent->path = strdup(path);
	if (agent->path == NULL) {
		hf_agent_close(agent);
		return no_memory(why);
	}
	*out_agent = agent;
	return HF_OK;
}

enum hf_err hf_agent_spawn(const char *program, const char *home,
			   bool awaits_report, struct hf_agent **out_agent,
			   struct hf_why *why)
{
	struct hf_agent_status status;
	struct hf_agent *agent;
	enum hf_err err = agent_new(&agent, why);

	if (err != HF_OK)
		return err;
	agent->awaits_report = awaits_report;
	agent->program = strdup(program);
	agent->home = home != NULL ? strdup(home) : NULL;
	if (agent->program == NULL || (home != NULL && agent->home == NULL))
		err = no_memory(why);
	/* It says itself what is wrong, on our stderr. */
	if (err == HF_OK)
		err = hf_agent_status(agent, &status, why);
	if (err != HF_OK) {
		hf_agent_close(agent);
		return err;
	}
	*out_agent = agent;
	return HF_OK;
}

/* One message there, one back.  UNAVAILABLE with *out_is_gone when the other
 * end is: then nothing was answered and asking another signer is safe. */
static enum hf_err exchange(struct hf_agent *agent, bool *out_is_gone,
			    struct hf_why *why)
{
	struct hf_span request = hf_buf_span(&agent->request);
	struct pollfd wait = { .fd = agent->fd, .events = POLLIN };
	uint64_t end_us = hf_clock_mono_us() + ANSWER_MAX_MS * 1000ULL;
	uint8_t *at;
	ssize_t got;
	int rc;

	*out_is_gone = true;
	if (send(agent->fd, request.at, request.len_bytes, MSG_NOSIGNAL) < 0) {
		if (errno == EMSGSIZE) {
			*out_is_gone = false;
			return hf_why(why, HF_E_LIMIT,
				      "signer: the request is too large for "
				      "this system's sockets");
		}
		return hf_why(why, HF_E_UNAVAILABLE, "signer: is gone");
	}
	do {
		uint64_t now_us = hf_clock_mono_us();

		rc = poll(&wait, 1,
			  now_us < end_us ? (int)((end_us - now_us) / 1000)
					  : 0);
	} while (rc < 0 && errno == EINTR);
	if (rc <= 0) {
		*out_is_gone = false;
		return hf_why(why, HF_E_UNAVAILABLE,
			      "signer: no answer within %d s",
			      ANSWER_MAX_MS / 1000);
	}
	hf_buf_reset(&agent->reply);
	at = hf_buf_grow(&agent->reply, HF_AGENT_MESSAGE_MAX_BYTES);
	if (at == NULL) {
		*out_is_gone = false;
		return no_memory(why);
	}
	got = recv(agent->fd, at, HF_AGENT_MESSAGE_MAX_BYTES, MSG_TRUNC);
	if (got <= 0)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "signer: ended before it answered");
	*out_is_gone = false;
	if ((size_t)got > HF_AGENT_MESSAGE_MAX_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "signer: an answer that is too large");
	agent->reply.len_bytes = (size_t)got;
	return HF_OK;
}

/* The lock is held.  A signer that was restarted shows only when it is spoken
 * to, so ask a second time then; every request may be asked twice. */
static enum hf_err ask(struct hf_agent *agent, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (int tries = 0; tries < 2; tries++) {
		bool was_connected = agent->fd >= 0, is_gone;

		if (!was_connected)
			err = agent->path != NULL ? connect_path(agent, why)
						  : spawn(agent, why);
		if (err != HF_OK)
			return err;
		err = exchange(agent, &is_gone, why);
		if (err == HF_OK || err == HF_E_LIMIT)
			return err;
		/* A late answer must not be taken for the next one. */
		disconnect(agent);
		if (!was_connected || !is_gone)
			return err;
		err = HF_OK;
	}
	return err;
}

enum hf_err hf_agent_ask(struct hf_agent *agent,
			 const struct hf_agent_request *request,
			 struct hf_span *out_body, struct hf_why *why)
{
	struct hf_agent_reply reply;
	enum hf_err err;

	pthread_mutex_lock(&agent->lock);
	hf_buf_reset(&agent->request);
	hf_agent_request_encode(request, &agent->request);
	err = hf_buf_failed(&agent->request);
	if (err != HF_OK)
		return hf_why(why, err, "signer: request: %s",
			      hf_err_words(err));
	err = ask(agent, why);
	if (err == HF_OK)
		err = hf_agent_reply_parse(hf_buf_span(&agent->reply), &reply,
					   why);
	if (err != HF_OK)
		return err;
	if (reply.err != HF_OK)
		return hf_why(why, reply.err, "%.*s", HF_SPAN_ARGS(reply.body));
	*out_body = reply.body;
	return HF_OK;
}

void hf_agent_unlock_wiped(struct hf_agent *agent)
{
	hf_wipe(agent->request.at, agent->request.len_bytes);
	hf_wipe(agent->reply.at, agent->reply.len_bytes);
	hf_agent_unlock(agent);
}

void hf_agent_unlock(struct hf_agent *agent)
{
	pthread_mutex_unlock(&agent->lock);
}

enum hf_err hf_agent_status(struct hf_agent *agent,
			    struct hf_agent_status *out_status,
			    struct hf_why *why)
{
	const struct hf_agent_request request = { .verb = HF_AGENT_STATUS };
	struct hf_span body;
	enum hf_err err = hf_agent_ask(agent, &request, &body, why);

	if (err == HF_OK)
		err = hf_agent_status_parse(body, out_status, why);
	hf_agent_unlock(agent);
	return err;
}

enum hf_err hf_agent_last(struct hf_agent *agent, struct hf_span origin,
			  uint64_t *out_size, struct hf_tree_hash *out_root,
			  struct hf_why *why)
{
	const struct hf_agent_request request = { .verb = HF_AGENT_LAST,
						  .origin = origin };
	struct hf_span body;
	enum hf_err err = hf_agent_ask(agent, &request, &body, why);

	if (err == HF_OK)
		err = hf_agent_last_parse(body, out_size, out_root, why);
	hf_agent_unlock(agent);
	return err;
}

enum hf_err hf_agent_ask_bytes(struct hf_agent *agent,
			       const struct hf_agent_request *request,
			       struct hf_buf *out, struct hf_why *why)
{
	struct hf_span body = { NULL, 0 };
	enum hf_err err = hf_agent_ask(agent, request, &body, why);

	if (err == HF_OK && out != NULL) {
		hf_buf_put(out, body);
		err = hf_buf_failed(out);
		if (err != HF_OK)
			(void)hf_why(why, err, "signer: answer: %s",
				     hf_err_words(err));
	}
	hf_agent_unlock(agent);
	return err;
}

enum hf_err hf_agent_checkpoint(struct hf_agent *agent,
				const struct hf_agent_checkpoint *request,
				struct hf_buf *note, struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_CHECKPOINT,
					      .checkpoint = *request };

	return hf_agent_ask_bytes(agent, &ask, note, why);
}

enum hf_err hf_agent_checkpoints(struct hf_agent *agent,
				 const struct hf_agent_checkpoint *requests,
				 size_t count, struct hf_buf *notes,
				 struct hf_why *why)
{
	struct hf_agent_request ask = { .verb = HF_AGENT_CHECKPOINTS,
					.checkpoints_count = count };
	struct hf_span body, answers[HF_AGENT_CHECKPOINTS_MAX];
	enum hf_err err;

	if (count == 0 || count > HF_AGENT_CHECKPOINTS_MAX)
		return hf_why(why, HF_E_LIMIT, "signer: %zu sets at once",
			      count);
	memcpy(ask.checkpoints, requests, count * sizeof(*requests));
	err = hf_agent_ask(agent, &ask, &body, why);
	if (err == HF_OK)
		err = hf_agent_bytes_parse(body, answers, count, why);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		hf_buf_put(&notes[i], answers[i]);
		err = hf_buf_failed(&notes[i]);
	}
	hf_agent_unlock(agent);
	return err;
}

enum hf_err hf_agent_cosign(struct hf_agent *agent,
			    const struct hf_agent_checkpoint *request,
			    struct hf_buf *line, struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_COSIGN,
					      .checkpoint = *request };

	return hf_agent_ask_bytes(agent, &ask, line, why);
}

enum hf_err hf_agent_report(struct hf_agent *agent, struct hf_span note,
			    struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_REPORT,
					      .note = note };

	return hf_agent_ask_bytes(agent, &ask, NULL, why);
}

enum hf_err hf_agent_vouch(struct hf_agent *agent, struct hf_span origin,
			   bool is_by_peer, struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_VOUCH,
					      .origin = origin,
					      .is_by_peer = is_by_peer };

	return hf_agent_ask_bytes(agent, &ask, NULL, why);
}

/* Ids one behind the other; sticks in the buf. */
static void put_ids(struct hf_buf *buf, const struct hf_span *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ids[i].len_bytes != HF_HASH_BYTES)
			buf->failed = HF_E_ARGUMENT;
		hf_buf_put(buf, ids[i]);
	}
}

static void put_predecessor(const struct hf_predecessor *predecessor,
			    struct hf_agent_wish *wish)
{
	if (predecessor == NULL)
		return;
	wish->predecessor = hf_span_of(predecessor->origin);
	wish->predecessor_size = predecessor->size;
	memcpy(wish->predecessor_root, predecessor->root.at, HF_HASH_BYTES);
	wish->carried_plus_one = predecessor->carried_plus_one;
}

static void put_key(struct hf_agent_wish *wish, struct hf_span bytes,
		    const struct hf_set_key *about, bool is_cosigner)
{
	struct hf_agent_set_key *key = &wish->keys[wish->keys_count];

	if (bytes.len_bytes != HF_PUBLIC_KEY_BYTES ||
	    wish->keys_count == HF_AGENT_HELD_MAX)
		return;
	*key = (struct hf_agent_set_key){ .is_cosigner = is_cosigner };
	memcpy(key->key.bytes, bytes.at, HF_PUBLIC_KEY_BYTES);
	if (about != NULL) {
		key->first_size = about->first_size;
		key->is_void = about->is_void;
		key->last_size = about->last_size;
	}
	wish->keys_count++;
}

/* What is said of each, before the two in force: the first one counts. */
static void put_keys(const struct hf_agreement *agreement,
		     struct hf_agent_wish *wish)
{
	for (size_t i = 0; i < agreement->keys_count; i++)
		put_key(wish, agreement->keys[i].key, &agreement->keys[i],
			agreement->keys[i].is_cosigner);
	put_key(wish, agreement->log_key, NULL, false);
	put_key(wish, agreement->cosigner_key, NULL, true);
}

enum hf_err hf_agent_agreement(struct hf_agent *agent,
			       const struct hf_agreement *agreement,
			       struct hf_buf *document, struct hf_why *why)
{
	struct hf_agent_request ask = { .verb = HF_AGENT_AGREEMENT };
	struct hf_agent_wish *wish = &ask.wish;
	size_t audience = agreement->audience_count * HF_HASH_BYTES;
	size_t relays = agreement->relays_count * HF_HASH_BYTES;
	size_t witnesses = agreement->witnesses_count * HF_HASH_BYTES;
	struct hf_buf lists;
	enum hf_err err;

	if (agreement->organisation_id.len_bytes != HF_HASH_BYTES)
		return hf_why(why, HF_E_ARGUMENT,
			      "signer: an organisation id has %d bytes",
			      HF_HASH_BYTES);
	hf_buf_init(&lists, HF_AGENT_MESSAGE_MAX_BYTES);
	put_ids(&lists, agreement->audience, agreement->audience_count);
	put_ids(&lists, agreement->relays, agreement->relays_count);
	put_ids(&lists, agreement->witnesses, agreement->witnesses_count);
	for (size_t i = 0; i < agreement->classes_count; i++)
		hf_buf_put_u8(&lists, (uint8_t)agreement->classes[i]);
	err = hf_buf_failed(&lists);
	if (err != HF_OK) {
		err = hf_why(why, err, "signer: agreement: %s",
			     hf_err_words(err));
		goto out_release;
	}
	wish->origin = hf_span_of(agreement->origin);
	wish->version = agreement->version;
	wish->organisation_id = agreement->organisation_id;
	wish->expires_ms = agreement->expires_ms;
	wish->relay = (uint8_t)agreement->relay;
	wish->audience = hf_span(lists.at, audience);
	wish->relays = hf_span(lists.at + audience, relays);
	wish->witnesses = hf_span(lists.at + audience + relays, witnesses);
	wish->classes = hf_span(lists.at + audience + relays + witnesses,
				agreement->classes_count);
	wish->purpose = hf_span_of(agreement->purpose);
	wish->kind = (uint8_t)agreement->kind;
	put_keys(agreement, wish);
	put_predecessor(agreement->predecessor, wish);
	err = hf_agent_ask_bytes(agent, &ask, document, why);

out_release:
	hf_buf_release(&lists);
	return err;
}
