#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "sign.h"

#include "agent_wire.h"
#include "signer_serve.h"

#define CLIENTS_MAX 16
#define SOCKET_MODE 0660

/* Poll slots: signals, the listener, then clients. */
enum { AT_SIGNALS, AT_LISTENER, AT_CLIENTS, AT_END = AT_CLIENTS + CLIENTS_MAX };

struct loop {
	struct hf_signer *signer;    /* borrowed */
	struct pollfd polls[AT_END]; /* fd -1: free */
	bool ends_with_client;       /* one inherited client, no listener */
	bool is_stopping;
	struct hf_buf reply; /* owned */
	struct hf_why said;  /* the last refusal, said once */
	uint8_t request[HF_AGENT_MESSAGE_MAX_BYTES];
};

static void drop(struct loop *loop, struct pollfd *client)
{
	close(client->fd);
	client->fd = -1;
	if (loop->ends_with_client)
		loop->is_stopping = true;
}

static void remark(struct loop *loop, const struct hf_signer_remark *remark)
{
	if (remark->also.text[0] != '\0')
		hf_log(HF_LOG_WARNING, "signer", "signed", "but=\"%s\"",
		       remark->also.text);
	if (remark->err == HF_OK) {
		loop->said.text[0] = '\0';
		return;
	}
	if (strcmp(loop->said.text, remark->why.text) == 0)
		return;
	loop->said = remark->why;
	hf_log(HF_LOG_WARNING, "signer", "refused", "error=%s why=\"%s\"",
	       hf_err_name(remark->err), remark->why.text);
}

/* One message of a client.  A client that cannot take its answer at once has
 * asked without reading: it is dropped, nobody waits for it. */
static void serve_client(struct loop *loop, struct pollfd *client)
{
	struct hf_signer_remark said;
	struct hf_span reply;
	ssize_t got = recv(client->fd, loop->request, sizeof(loop->request),
			   MSG_DONTWAIT | MSG_TRUNC);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || (size_t)got > sizeof(loop->request)) {
		drop(loop, client);
		return;
	}
	hf_signer_answer(loop->signer, hf_span(loop->request, (size_t)got),
			 hf_clock_wall_ms(), &loop->reply, &said);
	remark(loop, &said);
	reply = hf_buf_span(&loop->reply);
	if (reply.len_bytes == 0 ||
	    send(client->fd, reply.at, reply.len_bytes,
		 MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)reply.len_bytes)
		drop(loop, client);
	/* Texts are in both, and in a record that was read its seed. */
	hf_wipe(loop->request, (size_t)got);
	hf_wipe(loop->reply.at, loop->reply.len_bytes);
}

static void set_buffers(int fd)
{
	/* For the longest agreement; where the system gives less, sending that
	 * one fails and says so. */
	const int bytes = (int)HF_AGENT_MESSAGE_MAX_BYTES * 2;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void accept_client(struct loop *loop)
{
	int fd = accept4(loop->polls[AT_LISTENER].fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = AT_CLIENTS; i < AT_END; i++) {
		if (loop->polls[i].fd < 0) {
			set_buffers(fd);
			loop->polls[i].fd = fd;
			return;
		}
	}
	close(fd);
}

static enum hf_err turn(struct loop *loop, struct hf_why *why)
{
	if (poll(loop->polls, AT_END, hf_notify_watchdog_ms()) < 0) {
		if (errno == EINTR)
			return HF_OK;
		return hf_why_errno(why, "signer: poll");
	}
	hf_notify("WATCHDOG=1");
	for (int i = AT_CLIENTS; i < AT_END; i++) {
		if (loop->polls[i].fd >= 0 && loop->polls[i].revents != 0)
			serve_client(loop, &loop->polls[i]);
	}
	if (loop->polls[AT_LISTENER].revents != 0)
		accept_client(loop);
	if (loop->polls[AT_SIGNALS].revents != 0)
		loop->is_stopping = true;
	return HF_OK;
}

static enum hf_err run(struct loop *loop, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return hf_why_errno(why, "signer: block signals");
	loop->polls[AT_SIGNALS].fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (loop->polls[AT_SIGNALS].fd < 0)
		return hf_why_errno(why, "signer: signalfd");
	hf_buf_init(&loop->reply, HF_AGENT_MESSAGE_MAX_BYTES);
	/* At once: a buffer that grows leaves what was in it behind. */
	if (hf_buf_grow(&loop->reply, HF_AGENT_MESSAGE_MAX_BYTES) == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	hf_notify("READY=1");
	while (err == HF_OK && !loop->is_stopping)
		err = turn(loop, why);
	hf_notify("STOPPING=1");
	hf_buf_release(&loop->reply);
	for (int i = 0; i < AT_END; i++) {
		if (loop->polls[i].fd >= 0)
			close(loop->polls[i].fd);
	}
	return err;
}

static void loop_init(struct loop *loop, struct hf_signer *signer)
{
	loop->signer = signer;
	loop->ends_with_client = false;
	loop->is_stopping = false;
	loop->said.text[0] = '\0';
	for (int i = 0; i < AT_END; i++)
		loop->polls[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
}

static enum hf_err address_of(const char *path, struct sockaddr_un *out_address,
			      struct hf_why *why)
{
	*out_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out_address->sun_path))
		return hf_why(why, HF_E_LIMIT,
			      "signer: the path of a socket has at most %zu "
			      "characters: '%s'",
			      sizeof(out_address->sun_path) - 1, path);
	strcpy(out_address->sun_path, path);
	return HF_OK;
}

/* NOTFOUND when there is nothing, HF_OK when there is a socket that nobody
 * answers at. */
static enum hf_err check_stale(const struct sockaddr_un *address,
			       struct hf_why *why)
{
	struct stat st;
	enum hf_err err = HF_OK;
	int fd;

	if (lstat(address->sun_path, &st) != 0)
		return hf_why_errno(why, "signer: look at '%s'",
				    address->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return hf_why(why, HF_E_EXISTS,
			      "signer: '%s' is there and is no socket",
			      address->sun_path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return hf_why_errno(why, "signer: socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) ==
	    0)
		err = hf_why(why, HF_E_EXISTS,
			     "signer: another one answers at '%s'",
			     address->sun_path);
	else if (errno != ECONNREFUSED)
		err = hf_why_errno(why, "signer: try '%s'", address->sun_path);
	close(fd);
	return err;
}

enum hf_err hf_signer_check_path(const char *path, struct hf_why *why)
{
	struct sockaddr_un address;
	enum hf_err err = address_of(path, &address, why);

	if (err == HF_OK)
		err = check_stale(&address, why);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err listen_at(const char *path, int *out_fd, struct hf_why *why)
{
	struct sockaddr_un address;
	enum hf_err err = address_of(path, &address, why);
	mode_t before;
	int rc, fd;

	if (err != HF_OK)
		return err;
	/* Replace what a signer left that is gone; never one that answers. */
	err = check_stale(&address, why);
	if (err == HF_OK && unlink(path) != 0)
		err = hf_why_errno(why, "signer: remove '%s'", path);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return hf_why_errno(why, "signer: socket");
	/* Never open to others, not even between bind and chmod. */
	before = umask(0777 & ~SOCKET_MODE);
	rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (rc != 0 || listen(fd, CLIENTS_MAX) != 0) {
		err = hf_why_errno(why, "signer: listen at '%s'", path);
		close(fd);
		return err;
	}
	*out_fd = fd;
	return HF_OK;
}

/* Static because of the request's buffer; there is one loop a process. */
static struct loop only;

enum hf_err hf_signer_serve_path(struct hf_signer *signer, const char *path,
				 struct hf_why *why)
{
	enum hf_err err;

	loop_init(&only, signer);
	err = listen_at(path, &only.polls[AT_LISTENER].fd, why);
	if (err != HF_OK)
		return err;
	hf_log(HF_LOG_INFO, "signer", "listening", "path=%s domain=%s", path,
	       hf_signer_domain(signer));
	err = run(&only, why);
	unlink(path);
	return err;
}

enum hf_err hf_signer_serve_fd(struct hf_signer *signer, int fd,
			       struct hf_why *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return hf_why(why, HF_E_ARGUMENT,
			      "signer: descriptor %d is no socket", fd);
	loop_init(&only, signer);
	only.ends_with_client = true;
	only.polls[AT_CLIENTS].fd = fd;
	set_buffers(fd);
	hf_log(HF_LOG_INFO, "signer", "serving", "domain=%s",
	       hf_signer_domain(signer));
	return run(&only, why);
}
