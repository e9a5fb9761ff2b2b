/*
 * wires FILE: the cables of a federation on one machine.
 *
 * FILE is an array of struct row, which the caller made and maps too: what
 * comes to a row's port goes on to where it leads, and is counted.  A row can
 * be held, so that nothing passes and nobody is told (packets are lost), or
 * cut, so that both ends see their connection end.  Says "ready" when it
 * listens, looks at the rows' modes when a byte comes on stdin and answers
 * with one, and ends with stdin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)64 * 1024)
#define EVENTS_MAX   256

enum mode { OPEN, HELD, CUT };

/* As wires.py packs it. */
struct row {
	uint16_t port;
	uint16_t to_port;
	uint16_t mode;        /* wanted, by the caller */
	uint16_t mode_now;    /* since look() */
	uint64_t bytes;       /* both ways */
	uint64_t connections; /* since the beginning */
};

/* One end of a connection; without `other`, a row's listener. */
struct side {
	struct side *next, *prev; /* of its row */
	struct side *other;
	struct row *row;
	int fd;
	bool is_gone;
	size_t sent_bytes; /* of what is in the buffer */
	size_t held_bytes; /* in the buffer, for the other side */
	char buffer[];
};

struct wires {
	struct row *rows;
	struct side **listeners; /* of each row, and the head of its list */
	size_t count;
	int epoll;
	struct side *gone; /* freed when no event can name them */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(struct wires *wires, struct side *side, uint32_t events,
		  int how)
{
	struct epoll_event event = { .events = events, .data.ptr = side };

	if (epoll_ctl(wires->epoll, how, side->fd, &event) != 0)
		die("epoll_ctl");
}

/* A side is read when its buffer is empty, and written when the other's is
 * not. */
static void watch_pair(struct wires *wires, struct side *side)
{
	for (int i = 0; i < 2; i++) {
		uint32_t events = side->held_bytes == 0 ? EPOLLIN : 0;

		if (side->other->held_bytes > 0)
			events |= EPOLLOUT;
		/* An empty set still tells of a reset. */
		watch(wires, side, side->row->mode_now == HELD ? 0 : events,
		      EPOLL_CTL_MOD);
		side = side->other;
	}
}

static struct side *side_new(struct wires *wires, struct row *row, int fd,
			     size_t buffer_bytes)
{
	struct side *side = calloc(1, sizeof(*side) + buffer_bytes);
	struct side *first = wires->listeners[row - wires->rows];

	if (side == NULL)
		die("calloc");
	side->row = row;
	side->fd = fd;
	if (first != NULL) {
		side->next = first->next;
		side->prev = first;
		if (side->next != NULL)
			side->next->prev = side;
		first->next = side;
	}
	return side;
}

static void side_end(struct wires *wires, struct side *side)
{
	close(side->fd);
	side->is_gone = true;
	side->prev->next = side->next;
	if (side->next != NULL)
		side->next->prev = side->prev;
	side->next = wires->gone;
	wires->gone = side;
}

static void end_pair(struct wires *wires, struct side *side)
{
	side_end(wires, side->other);
	side_end(wires, side);
}

static struct sockaddr_in address(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* On a machine's own addresses connect() is over at once. */
static int dial(uint16_t port)
{
	const struct sockaddr_in to = address(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void make_ready(int fd)
{
	const int one = 1;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		die("fcntl");
}

static void join(struct wires *wires, struct side *listener)
{
	struct row *row = listener->row;
	int one = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC), two;
	struct side *sides[2];

	if (one < 0)
		return;
	two = row->mode_now == CUT ? -1 : dial(row->to_port);
	if (two < 0) {
		close(one);
		return;
	}
	make_ready(one);
	make_ready(two);
	sides[0] = side_new(wires, row, one, BUFFER_BYTES);
	sides[1] = side_new(wires, row, two, BUFFER_BYTES);
	for (int i = 0; i < 2; i++) {
		sides[i]->other = sides[1 - i];
		watch(wires, sides[i], EPOLLIN, EPOLL_CTL_ADD);
	}
	row->connections++;
}

/* Give what is in the buffer to the other side.  False: it went. */
static bool pass_on(struct side *side)
{
	while (side->held_bytes > 0) {
		ssize_t sent =
			send(side->other->fd, side->buffer + side->sent_bytes,
			     side->held_bytes, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		side->row->bytes += (uint64_t)sent;
		side->sent_bytes += (size_t)sent;
		side->held_bytes -= (size_t)sent;
	}
	return true;
}

static bool take(struct side *side)
{
	ssize_t got = recv(side->fd, side->buffer, BUFFER_BYTES, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	side->sent_bytes = 0;
	side->held_bytes = (size_t)got;
	return got > 0 && pass_on(side);
}

static void on_event(struct wires *wires, struct side *side, uint32_t events)
{
	bool is_well = true;

	if (side->is_gone)
		return;
	if (side->other == NULL) {
		join(wires, side);
		return;
	}
	/* A held one learns of nothing: it ends when it is open again. */
	if (side->row->mode_now == HELD) {
		if (epoll_ctl(wires->epoll, EPOLL_CTL_DEL, side->fd, NULL) != 0)
			die("epoll_ctl");
		return;
	}
	if (events & EPOLLOUT)
		is_well = pass_on(side->other);
	if (is_well && (events & ~(uint32_t)EPOLLOUT) && side->held_bytes == 0)
		is_well = take(side);
	if (is_well)
		watch_pair(wires, side);
	else
		end_pair(wires, side);
}

static void add(struct wires *wires, struct side *side)
{
	struct epoll_event event = { .data.ptr = side };

	if (epoll_ctl(wires->epoll, EPOLL_CTL_ADD, side->fd, &event) != 0 &&
	    errno != EEXIST)
		die("epoll_ctl");
}

/* The caller changed modes. */
static void look(struct wires *wires)
{
	for (size_t i = 0; i < wires->count; i++) {
		struct side *listener = wires->listeners[i];
		enum mode mode = (enum mode)listener->row->mode;

		listener->row->mode_now = (uint16_t)mode;
		watch(wires, listener, mode == HELD ? 0 : EPOLLIN,
		      EPOLL_CTL_MOD);
		while (mode == CUT && listener->next != NULL)
			end_pair(wires, listener->next);
		for (struct side *side = listener->next; side != NULL;
		     side = side->next) {
			add(wires, side);
			add(wires, side->other);
			watch_pair(wires, side);
		}
	}
}

static void listen_all(struct wires *wires)
{
	for (size_t i = 0; i < wires->count; i++) {
		struct row *row = &wires->rows[i];
		const struct sockaddr_in at = address(row->port);
		const int one = 1;
		int fd = socket(AF_INET,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
			       sizeof(one)) != 0 ||
		    bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
		    listen(fd, 64) != 0)
			die("listen");
		wires->listeners[i] = side_new(wires, row, fd, 0);
		watch(wires, wires->listeners[i], EPOLLIN, EPOLL_CTL_ADD);
	}
}

static void open_file(struct wires *wires, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat) != 0)
		die(path);
	wires->count = (size_t)stat.st_size / sizeof(struct row);
	wires->rows = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	wires->listeners = calloc(wires->count, sizeof(struct side *));
	if (wires->rows == MAP_FAILED || wires->listeners == NULL)
		die(path);
	close(fd);
}

static void run(struct wires *wires)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event commands = { .events = EPOLLIN };
	char byte;

	if (epoll_ctl(wires->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands) !=
	    0)
		die("stdin");
	for (;;) {
		int count = epoll_wait(wires->epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr != NULL) {
				on_event(wires, events[i].data.ptr,
					 events[i].events);
				continue;
			}
			if (read(STDIN_FILENO, &byte, 1) != 1)
				return;
			look(wires);
			if (write(STDOUT_FILENO, &byte, 1) != 1)
				return;
		}
		while (wires->gone != NULL) {
			struct side *next = wires->gone->next;

			free(wires->gone);
			wires->gone = next;
		}
	}
}

int main(int argc, char **argv)
{
	struct wires wires = { .epoll = epoll_create1(EPOLL_CLOEXEC) };

	if (argc != 2 || wires.epoll < 0) {
		fprintf(stderr, "usage: wires FILE\n");
		return 2;
	}
	open_file(&wires, argv[1]);
	listen_all(&wires);
	if (write(STDOUT_FILENO, "r", 1) != 1)
		return 1;
	run(&wires);
	return 0;
}
