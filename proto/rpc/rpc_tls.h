/*
 * rpc_tls.h -- who may speak TLS with us: certificates go to a callback, and
 * its answer is kept for a minute.
 *
 * Strangers are refused inside the handshake, on both sides, so that they
 * never reach the HTTP/2 parser.  There are no roots, names or chains here:
 * the callback sees the other end's certificate and decides.  The layer holds
 * no opinion about keys and parses no certificate.
 *
 * Units    PEM text.
 * Owns     hf_rpc_trust_new() gives the caller a trust; free it after the
 *          servers that use it.
 * Threads  hf_rpc_trust_changed() from any thread.
 * Errors   NOMEM.
 * Source   proto/SPEC.md section 8; DESIGN.md says why this and not gRPC's
 *          plain SSL credentials.
 */
#ifndef HF_RPC_TLS_H
#define HF_RPC_TLS_H

#include "err.h"
#include "rpc.h"

/* Our own key and certificate, copied where they are used. */
struct hf_rpc_keypair {
	const char *key_pem;
	const char *cert_pem;
};

/* What servers ask about their callers: admit, with a cache by SHA-256 of the
 * certificate.  An answer older than HF_RPC_TRUST_KEEP_MS is asked again, so
 * that certificates expire while connections live. */
struct hf_rpc_trust;

#define HF_RPC_TRUST_KEEP_MS 60000

HF_MUST enum hf_err hf_rpc_trust_new(hf_rpc_admit *admit, void *arg,
				     struct hf_rpc_trust **out_trust,
				     struct hf_why *why);
void hf_rpc_trust_free(struct hf_rpc_trust *trust);

/* Enrolled, revoked, renewed: forget every answer and cut the open calls of
 * those who are no longer admitted (UNAUTHENTICATED) or lost the duty that
 * the method asks for (DENIED).  Connections stay, but every new call on them
 * is refused. */
void hf_rpc_trust_changed(struct hf_rpc_trust *trust);

#endif /* HF_RPC_TLS_H */
