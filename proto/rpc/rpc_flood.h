/*
 * rpc_flood.h -- connections that go on calling past what their caller may have
 * open: they are cut.
 *
 * gRPC holds a peer to its number of streams only once the peer has confirmed
 * that number.  One that never does opens and resets thousands a second, each
 * of which takes memory until it was refused (measured: 150 MB/s).  gRPC cannot
 * end one connection of a server, so its socket is shut down.
 *
 * Units    peer is what grpc_call_get_peer() says.
 * Owns     nothing.
 * Threads  the worker.
 * Errors   none: what is not found is gone already.
 * Source   daemon/DESIGN.md, Known weaknesses.
 */
#ifndef HF_RPC_FLOOD_H
#define HF_RPC_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Refused calls of one connection within this time before it is cut.  Our own
 * nodes confirm their number and have none. */
#define HF_RPC_FLOOD_REFUSED 256
#define HF_RPC_FLOOD_MS      10000

#define HF_RPC_FLOOD_ROWS 32

struct hf_rpc_flood_row {
	char peer[80]; /* "": free */
	unsigned refused;
	uint64_t since_us; /* monotonic */
};

struct hf_rpc_flood {
	struct hf_rpc_flood_row rows[HF_RPC_FLOOD_ROWS];
};

/* A call of this connection was refused.  True, once in its time: it is one too
 * many. */
bool hf_rpc_flood_count(struct hf_rpc_flood *flood, const char *peer,
			uint64_t now_us);

/* Shut down our sockets that are connected to this peer; how many. */
size_t hf_rpc_flood_cut(const char *peer);

#endif /* HF_RPC_FLOOD_H */
