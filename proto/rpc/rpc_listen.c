#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <grpc/grpc_security.h>

#include "clock.h"
#include "rpc_server_core.h"

/* ---- addresses ---- */

/* "host:port", "[v6]:port", "*:port" as getaddrinfo() wants it. */
static enum hf_err resolve(const char *address, bool is_passive,
			   struct addrinfo **out_found, struct hf_why *why)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICSERV | (is_passive ? AI_PASSIVE : 0),
		.ai_socktype = SOCK_STREAM
	};
	const char *colon = strrchr(address, ':');
	char host[256];
	size_t len_bytes;
	int rc;

	if (colon == NULL || colon == address || colon[1] == '\0')
		return hf_why(why, HF_E_ARGUMENT,
			      "'%s' is not an address and a port", address);
	len_bytes = (size_t)(colon - address);
	if (address[0] == '[' && colon[-1] == ']') {
		address++;
		len_bytes -= 2;
	}
	if (len_bytes >= sizeof(host))
		return hf_why(why, HF_E_LIMIT, "the address is too long");
	memcpy(host, address, len_bytes);
	host[len_bytes] = '\0';
	rc = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, colon + 1,
			 &hints, out_found);
	if (rc != 0)
		return hf_why(why, HF_E_ARGUMENT, "'%s': %s", address,
			      gai_strerror(rc));
	return HF_OK;
}

/* 0 when it can be bound, else errno. */
static int try_bind(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = 1;
	int rc = 0;

	if (fd < 0)
		return errno;
	/* As gRPC does: connections that linger are no reason to refuse. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, at->ai_addr, at->ai_addrlen) != 0)
		rc = errno;
	close(fd);
	return rc;
}

/*
 * gRPC says only that it failed, and not even that when one of a name's
 * addresses could be had: try to bind ourselves first, because the operating
 * system has the reason.  A host without IPv6 cannot have all of localhost's
 * addresses, so one is enough, but none may be taken.
 */
static enum hf_err may_bind(const char *address, struct hf_why *why)
{
	struct addrinfo *found;
	enum hf_err err = resolve(address, true, &found, why);
	bool is_free = false;
	int failed = 0;

	if (err != HF_OK) {
		hf_why_prefix(why, "listen: ");
		return err;
	}
	for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
		int rc = try_bind(at);

		is_free = is_free || rc == 0;
		if (rc != 0 && failed != EADDRINUSE)
			failed = rc;
	}
	freeaddrinfo(found);
	if (is_free && failed != EADDRINUSE)
		return HF_OK;
	errno = failed;
	err = hf_why_errno(why, "listen on %s", address);
	return failed == EADDRINUSE ? HF_E_EXISTS : err;
}

static struct hf_rpc_listener *listener_new(struct hf_rpc_server *server,
					    const char *address,
					    struct hf_why *why)
{
	struct hf_rpc_listener *listener;

	if (server->listeners_count == HF_RPC_LISTENERS_MAX ||
	    strlen(address) >= sizeof(listener->address)) {
		(void)hf_why(why, HF_E_LIMIT,
			     "listen on %.64s: too many addresses, or too long",
			     address);
		return NULL;
	}
	listener = &server->listeners[server->listeners_count];
	snprintf(listener->address, sizeof(listener->address), "%s", address);
	listener->is_unix = false;
	listener->lock_fd = -1;
	return listener;
}

enum hf_err hf_rpc_server_listen(struct hf_rpc_server *server,
				 const char *address, int *out_port,
				 struct hf_why *why)
{
	struct hf_rpc_listener *listener;
	const char *colon = strrchr(address, ':');
	char core_address[160];
	enum hf_err err;
	int port;

	if (server->credentials == NULL)
		return hf_why(why, HF_E_ARGUMENT, "listen on %s: only with TLS",
			      address);
	listener = listener_new(server, address, why);
	if (listener == NULL)
		return HF_E_LIMIT;
	err = may_bind(address, why);
	if (err != HF_OK)
		return err;
	snprintf(core_address, sizeof(core_address), "%s%s",
		 address[0] == '*' ? "[::]" : "",
		 address[0] == '*' ? colon : address);
	port = grpc_server_add_http2_port(server->core, core_address,
					  server->credentials);
	if (port == 0)
		return hf_why(why, HF_E_SYSTEM, "listen on %s: refused",
			      address);
	/* Port 0 became a real one: the probe needs it. */
	colon = strrchr(core_address, ':');
	snprintf(listener->address, sizeof(listener->address), "%.*s:%d",
		 (int)(colon - core_address), core_address, port);
	server->listeners_count++;
	if (out_port != NULL)
		*out_port = port;
	return HF_OK;
}

/* ---- unix sockets ---- */

static enum hf_err unix_address(const char *path, struct sockaddr_un *out,
				struct hf_why *why)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(out->sun_path))
		return hf_why(why, HF_E_LIMIT,
			      "listen on '%s': a socket's path has at most "
			      "%zu bytes",
			      path, sizeof(out->sun_path) - 1);
	memcpy(out->sun_path, path, strlen(path));
	return HF_OK;
}

/* Hold "<path>.lock" so that two daemons that start at once don't both find
 * the socket stale. */
static enum hf_err lock(const char *path, int *out_fd, struct hf_why *why)
{
	char lock_path[160];
	enum hf_err err;
	int fd;

	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return hf_why_errno(why, "listen on '%s': lock file", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		err = errno == EWOULDBLOCK
			      ? hf_why(why, HF_E_EXISTS,
				       "listen on '%s': another process does",
				       path)
			      : hf_why_errno(why, "listen on '%s': lock file",
					     path);
		close(fd);
		return err;
	}
	*out_fd = fd;
	return HF_OK;
}

/* Nobody answers there any more, and what is there is a socket. */
static enum hf_err make_room(const char *path, const struct sockaddr_un *at,
			     struct hf_why *why)
{
	struct stat info;
	int fd;
	int rc;

	if (lstat(path, &info) != 0)
		return errno == ENOENT
			       ? HF_OK
			       : hf_why_errno(why, "listen on '%s'", path);
	if (!S_ISSOCK(info.st_mode))
		return hf_why(why, HF_E_EXISTS,
			      "listen on '%s': something else is there", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return hf_why_errno(why, "listen on '%s'", path);
	rc = connect(fd, (const struct sockaddr *)at, sizeof(*at));
	if (rc != 0 && errno == ECONNREFUSED) {
		close(fd);
		if (unlink(path) != 0 && errno != ENOENT)
			return hf_why_errno(why, "listen on '%s': stale socket",
					    path);
		return HF_OK;
	}
	close(fd);
	return hf_why(why, HF_E_EXISTS, "listen on '%s': another process does",
		      path);
}

enum hf_err hf_rpc_server_listen_unix(struct hf_rpc_server *server,
				      const char *path, struct hf_why *why)
{
	grpc_server_credentials *plain;
	struct hf_rpc_listener *listener;
	struct sockaddr_un at;
	char core_address[160];
	enum hf_err err;
	mode_t before;
	int port;

	/* In the clear: never where callers are told apart by certificate. */
	if (server->credentials != NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "listen on '%s': not with TLS", path);
	err = unix_address(path, &at, why);
	if (err != HF_OK)
		return err;
	listener = listener_new(server, path, why);
	if (listener == NULL)
		return HF_E_LIMIT;
	listener->is_unix = true;
	err = lock(path, &listener->lock_fd, why);
	if (err != HF_OK)
		return err;
	err = make_room(path, &at, why);
	if (err != HF_OK)
		goto out_unlock;
	snprintf(core_address, sizeof(core_address), "unix:%s", path);
	plain = grpc_insecure_server_credentials_create();
	before = umask(0117); /* 0777 & ~0117 = 0660 */
	port = grpc_server_add_http2_port(server->core, core_address, plain);
	(void)umask(before);
	grpc_server_credentials_release(plain);
	if (port == 0) {
		err = hf_why(why, HF_E_SYSTEM,
			     "listen on '%s': refused; is its directory there "
			     "and ours?",
			     path);
		goto out_unlock;
	}
	server->listeners_count++;
	return HF_OK;

out_unlock:
	close(listener->lock_fd);
	listener->lock_fd = -1;
	return err;
}

void hf_rpc_listeners_close(struct hf_rpc_server *server)
{
	/* gRPC has removed the socket; the lock file stays, because removing
	 * one that another process just opened would let two hold it. */
	for (size_t i = 0; i < server->listeners_count; i++) {
		if (server->listeners[i].lock_fd >= 0)
			close(server->listeners[i].lock_fd);
	}
}

/* ---- is anybody accepting ---- */

static int connect_to(const struct hf_rpc_listener *listener,
		      struct hf_why *why)
{
	struct addrinfo *found;
	struct sockaddr_un at;
	int fd;

	if (listener->is_unix) {
		if (unix_address(listener->address, &at, why) != HF_OK)
			return -1;
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
		if (fd >= 0)
			(void)connect(fd, (const struct sockaddr *)&at,
				      sizeof(at));
		else
			(void)hf_why_errno(why, "probe %s", listener->address);
		return fd;
	}
	if (resolve(listener->address, false, &found, why) != HF_OK)
		return -1;
	fd = socket(found->ai_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		(void)connect(fd, found->ai_addr, found->ai_addrlen);
	else
		(void)hf_why_errno(why, "probe %s", listener->address);
	freeaddrinfo(found);
	return fd;
}

/*
 * The kernel completes connections by itself, so that a connection proves
 * nothing.  Over a unix socket an HTTP/2 server speaks first; over TLS it
 * hangs up, or sends an alert, on what is no handshake.
 */
static enum hf_err probe(const struct hf_rpc_listener *listener, int timeout_ms,
			 struct hf_why *why)
{
	uint64_t until_us = hf_clock_mono_us() + (uint64_t)timeout_ms * 1000;
	struct pollfd wait = { .fd = connect_to(listener, why),
			       .events = POLLOUT };
	bool has_sent = listener->is_unix;
	enum hf_err err = HF_E_UNAVAILABLE;

	if (wait.fd < 0)
		return HF_E_SYSTEM;
	if (has_sent)
		wait.events = POLLIN;
	for (;;) {
		uint64_t now_us = hf_clock_mono_us();
		int rc = now_us < until_us
				 ? poll(&wait, 1,
					(int)((until_us - now_us) / 1000) + 1)
				 : 0;

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			break;
		if (has_sent) {
			char byte;

			/* A byte or a hang-up after we spoke: somebody is
			 * there.  Refused: nobody is. */
			if (recv(wait.fd, &byte, 1, 0) >= 0 ||
			    errno == ECONNRESET)
				err = HF_OK;
			break;
		}
		if (send(wait.fd, "probe\r\n", 7, MSG_NOSIGNAL) != 7)
			break;
		has_sent = true;
		wait.events = POLLIN;
	}
	close(wait.fd);
	if (err != HF_OK)
		(void)hf_why(why, err, "nobody accepts connections on %s",
			     listener->address);
	return err;
}

enum hf_err hf_rpc_server_probe(const struct hf_rpc_server *server,
				int timeout_ms, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < server->listeners_count && err == HF_OK; i++)
		err = probe(&server->listeners[i], timeout_ms, why);
	return err;
}
