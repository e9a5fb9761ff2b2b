#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc_flood.h"

#define SECOND_US ((uint64_t)1000000)

static void a_connection_is_one_too_many_once_in_its_time(void **state)
{
	struct hf_rpc_flood flood = { 0 };
	uint64_t now_us = 50 * SECOND_US;
	unsigned told = 0, others = 0;
	char other[80];

	for (unsigned i = 0; i < 3 * HF_RPC_FLOOD_REFUSED; i++) {
		told += hf_rpc_flood_count(&flood, "ipv4:192.0.2.1:1", now_us);
		if (i == HF_RPC_FLOOD_REFUSED - 2)
			assert_int_equal(told, 0);
		/* One call each is nobody's flood. */
		snprintf(other, sizeof(other), "ipv4:192.0.2.2:%u", i);
		others += hf_rpc_flood_count(&flood, other, now_us + 1);
	}
	assert_int_equal(told, 1);
	assert_int_equal(others, 0);
	/* As many, and slowly. */
	for (unsigned i = 0; i < 3 * HF_RPC_FLOOD_REFUSED; i++) {
		now_us += SECOND_US;
		assert_false(
			hf_rpc_flood_count(&flood, "ipv4:192.0.2.1:1", now_us));
	}
}

/* One end of a connection over loopback is ours to lose, the other is told. */
static void cut_one(int family, const char *host, const char *prefix)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name;
	socklen_t len = sizeof(name);
	char peer[80], byte;
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

	memset(&name, 0, sizeof(name));
	name.any.sa_family = (sa_family_t)family;
	assert_int_equal(inet_pton(family, host,
				   family == AF_INET
					   ? (void *)&name.v4.sin_addr
					   : (void *)&name.v6.sin6_addr),
			 1);
	if (bind(listener, &name.any, len) != 0) {
		print_message("skipped: no %s here\n", host);
		goto out_close;
	}
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &name.any, &len), 0);
	assert_int_equal(connect(client, &name.any, len), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(getsockname(client, &name.any, &len), 0);
	snprintf(peer, sizeof(peer), "%s:%u", prefix,
		 ntohs(family == AF_INET ? name.v4.sin_port
					 : name.v6.sin6_port));
	assert_int_equal(hf_rpc_flood_cut("ipv4:192.0.2.1:1"), 0);
	assert_int_equal(hf_rpc_flood_cut(peer), 1);
	assert_int_equal(read(client, &byte, 1), 0);
	assert_int_equal(read(server, &byte, 1), 0);
	close(server);
out_close:
	close(client);
	close(listener);
}

static void the_socket_of_a_peer_is_found_and_shut_down(void **state)
{
	cut_one(AF_INET, "127.0.0.1", "ipv4:127.0.0.1");
	cut_one(AF_INET6, "::1", "ipv6:%5B::1%5D");
	cut_one(AF_INET6, "::1", "ipv6:[::1]");
}

static void what_is_no_address_cuts_nothing(void **state)
{
	static const char *const rows[] = {
		"",
		":",
		"unix:/run/hashfed.sock",
		"ipv4:",
		"ipv4:1",
		"ipv4:127.0.0.1",
		"ipv4:127.0.0.1:",
		"ipv4:127.0.0.1:65536",
		"ipv4:127.0.0.1:-1",
		"ipv4:localhost:80",
		"ipv6:%5B%5D:80",
		"ipv6:%5B:80",
		"ipv6:[:80",
		"ipv6:[]:80",
		"ipv6:::1:80",
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(hf_rpc_flood_cut(rows[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_one_too_many_once_in_its_time),
		cmocka_unit_test(the_socket_of_a_peer_is_found_and_shut_down),
		cmocka_unit_test(what_is_no_address_cuts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
