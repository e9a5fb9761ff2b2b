#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

#include "rpc_flood.h"

static bool is_of(const struct hf_rpc_flood_row *row, const char *peer)
{
	return strncmp(row->peer, peer, sizeof(row->peer) - 1) == 0;
}

bool hf_rpc_flood_count(struct hf_rpc_flood *flood, const char *peer,
			uint64_t now_us)
{
	struct hf_rpc_flood_row *found = NULL, *least = &flood->rows[0];

	for (size_t i = 0; i < HF_RPC_FLOOD_ROWS; i++) {
		struct hf_rpc_flood_row *row = &flood->rows[i];

		if (now_us - row->since_us > HF_RPC_FLOOD_MS * 1000)
			*row = (struct hf_rpc_flood_row){ .since_us = now_us };
		if (is_of(row, peer))
			found = row;
		if (row->refused < least->refused)
			least = row;
	}
	/* Many of a few calls each do not hide one of many. */
	if (found == NULL) {
		found = least;
		*found = (struct hf_rpc_flood_row){ .since_us = now_us };
		snprintf(found->peer, sizeof(found->peer), "%s", peer);
	}
	/* Once: what it sent before is still coming in. */
	return ++found->refused == HF_RPC_FLOOD_REFUSED;
}

/* ---- sockets ---- */

/* IPv4 as IPv6 writes it. */
static void map_v4(const struct in_addr *v4, struct in6_addr *out)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(out->s6_addr, prefix, sizeof(prefix));
	memcpy(out->s6_addr + sizeof(prefix), v4, sizeof(*v4));
}

/* "ipv4:192.0.2.1:443" or "ipv6:%5B2001:db8::1%5D:443". */
static bool parse(const char *peer, struct in6_addr *out_address,
		  uint16_t *out_port)
{
	const char *colon = strrchr(peer, ':');
	char host[80];
	struct in_addr v4;
	uint64_t port;
	size_t skip = 5, end = 0;

	if (colon == NULL ||
	    hf_text_u64(hf_span_of(colon + 1), UINT16_MAX, &port) != HF_OK)
		return false;
	if (strncmp(peer, "ipv6:%5B", 8) == 0)
		skip = 8, end = 3;
	else if (strncmp(peer, "ipv6:[", 6) == 0)
		skip = 6, end = 1;
	else if (strncmp(peer, "ipv4:", 5) != 0)
		return false;
	if ((size_t)(colon - peer) < skip + end ||
	    (size_t)(colon - peer) - skip - end >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - peer - skip - end),
		 peer + skip);
	*out_port = (uint16_t)port;
	if (end > 0)
		return inet_pton(AF_INET6, host, out_address) == 1;
	if (inet_pton(AF_INET, host, &v4) != 1)
		return false;
	map_v4(&v4, out_address);
	return true;
}

static bool is_connected_to(int fd, const struct in6_addr *address,
			    uint16_t port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage room;
	} name;
	socklen_t len = sizeof(name);
	struct in6_addr its;

	if (getpeername(fd, &name.any, &len) != 0)
		return false;
	if (name.any.sa_family == AF_INET6)
		return ntohs(name.v6.sin6_port) == port &&
		       memcmp(&name.v6.sin6_addr, address, sizeof(its)) == 0;
	if (name.any.sa_family != AF_INET)
		return false;
	map_v4(&name.v4.sin_addr, &its);
	return ntohs(name.v4.sin_port) == port &&
	       memcmp(&its, address, sizeof(its)) == 0;
}

size_t hf_rpc_flood_cut(const char *peer)
{
	struct in6_addr address;
	struct dirent *file;
	uint16_t port;
	size_t count = 0;
	DIR *dir;

	if (!parse(peer, &address, &port))
		return 0;
	dir = opendir("/proc/self/fd");
	while (dir != NULL && (file = readdir(dir)) != NULL) {
		int fd = atoi(file->d_name);

		/* Only ends it: its owner reads that, and closes it. */
		if (fd > 2 && is_connected_to(fd, &address, port) &&
		    shutdown(fd, SHUT_RDWR) == 0)
			count++;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}
