/*
 * rpc_trust.h -- asking about a certificate, inside this folder.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  any.
 * Errors   what admit said.
 * Source   none.
 */
#ifndef HF_RPC_TRUST_H
#define HF_RPC_TRUST_H

#include <grpc/grpc_security.h>

#include "rpc_tls.h"

/* A server that wants to hear of changes: its task is posted. */
struct hf_rpc_trust_user {
	struct hf_rpc_loop *loop;
	struct hf_rpc_task *task;
	struct hf_rpc_trust_user *next;
};

void hf_rpc_trust_join(struct hf_rpc_trust *trust,
		       struct hf_rpc_trust_user *user);
void hf_rpc_trust_part(struct hf_rpc_trust *trust,
		       struct hf_rpc_trust_user *user);

/* Who is it, out of the cache or from admit. */
HF_MUST enum hf_err hf_rpc_trust_check(struct hf_rpc_trust *trust,
				       struct hf_span pem,
				       struct hf_rpc_identity *out_identity);

/* Credentials whose handshakes ask; NULL without memory. */
grpc_server_credentials *
hf_rpc_tls_server(struct hf_rpc_trust *trust,
		  const struct hf_rpc_keypair *keypair);
grpc_channel_credentials *
hf_rpc_tls_client(hf_rpc_admit *admit, void *arg,
		  const struct hf_rpc_keypair *keypair);

#endif /* HF_RPC_TRUST_H */
