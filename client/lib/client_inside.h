/*
 * client_inside.h -- a client's parts, inside this folder.
 *
 * Units    none.
 * Owns     see client.h.
 * Threads  what admit() writes is read by the client's thread once a call
 *          came back; a lock guards it.
 * Errors   see client.h.
 * Source   none.
 */
#ifndef HF_CLIENT_INSIDE_H
#define HF_CLIENT_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "cert.h"
#include "rpc_client.h"

#include "client.h"

#define HF_CLIENT_PLACE_SIZE 640

struct hf_client {
	struct hf_rpc_loop *loop;
	struct hf_rpc_channel *channel;
	char place[HF_CLIENT_PLACE_SIZE]; /* a path or "host:port" */
	bool is_remote;
	uint8_t pin[HF_CERT_PIN_BYTES];
	struct hf_buf cert;
	struct hf_buf key; /* wiped with the client */

	pthread_mutex_t lock; /* guards the rest */
	bool is_admitted;     /* a server with the right key was there */
	enum hf_err refused;  /* why the last one was not */
	struct hf_why refusal;
};

/* Make a sentence of what a call failed with that a person can act on. */
HF_MUST enum hf_err hf_client_worded(struct hf_client *client, enum hf_err err,
				     struct hf_why *why);

/* ---- where a daemon is (client_find.c) ---- */

/* The socket of the least duty that will do and lets us in. */
HF_MUST enum hf_err hf_client_find(const char *run_dir, unsigned duties,
				   char out_path[static HF_CLIENT_PLACE_SIZE],
				   struct hf_why *why);

#endif /* HF_CLIENT_INSIDE_H */
