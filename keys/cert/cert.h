/*
 * cert.h -- certificates: the node's own, those of our people and programs,
 * and what somebody else's says.
 *
 * A node's certificate is self-signed; peers know it by the pin of its public
 * key.  People and programs of one's own organisation hold leaves signed by
 * the client-issuing key, with their duty in the certificate.  Certificates
 * that others send are only ever looked at here: no system CA store, no
 * revocation list (keys/ring keeps the serials that were revoked).
 *
 * Units    bytes; milliseconds since 1970 UTC, cut to whole seconds in a
 *          certificate.  PEM text ends in a newline and a zero byte.
 * Owns     nothing: the caller's buffers.  A struct hf_cert_made holds a
 *          private key: hf_cert_made_wipe() it.
 * Threads  any.
 * Errors   MALFORMED and LIMIT for what is not one certificate, SIGNATURE for
 *          a leaf that our key did not sign, EXPIRED outside its dates,
 *          DENIED for a certificate that is no client's, ARGUMENT for a bad
 *          name or dates, NOMEM, SYSTEM.
 * Source   RFC 5280; proto/SPEC.md section 11.3.  P-256 because Debian's gRPC
 * on OpenSSL 3 and every foreign client accept it.
 */
#ifndef HF_CERT_H
#define HF_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "duty.h"
#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"

#define HF_CERT_PEM_MAX_BYTES    ((size_t)16 * 1024) /* of anybody's */
#define HF_CERT_SIZE             4096 /* enough for one of ours */
#define HF_CERT_KEY_SIZE         512
#define HF_CERT_PIN_BYTES        32
#define HF_CERT_SERIAL_BYTES     16 /* of ours */
#define HF_CERT_SERIAL_MAX_BYTES 20 /* of anybody's, RFC 5280 4.1.2.2 */
#define HF_CERT_NAME_MAX_BYTES   64 /* of a client: RFC 5280 ub-common-name */

/* A fresh P-256 key and its certificate, as PEM text. */
struct hf_cert_made {
	char key_pem[HF_CERT_KEY_SIZE];
	char cert_pem[HF_CERT_SIZE];
};

struct hf_cert_dates {
	uint64_t not_before_ms;
	uint64_t not_after_ms;
};

/* Who a client certificate is for. */
struct hf_cert_client {
	struct hf_span name; /* borrowed; 1 to 64 bytes of clean UTF-8 */
	unsigned duty;       /* one of enum hf_duty, not PEER */
	struct hf_cert_dates dates;
};

/* What a certificate says.  It was only read, not verified. */
struct hf_cert_info {
	uint8_t pin[HF_CERT_PIN_BYTES];         /* SHA-256 of its SPKI */
	uint8_t fingerprint[HF_CERT_PIN_BYTES]; /* SHA-256 of its DER */
	uint8_t serial[HF_CERT_SERIAL_MAX_BYTES];
	size_t serial_len_bytes;
	/* The common name: clean UTF-8, empty when there is none. */
	char name[HF_CERT_NAME_MAX_BYTES + 1];
	/* The first DNS name, lower case, empty when there is none. */
	char domain[HF_DOMAIN_MAX_BYTES + 1];
	unsigned duty; /* one of enum hf_duty, 0 when it names none or two */
	uint64_t not_before_ms;
	uint64_t not_after_ms; /* the last moment */
	bool is_issuer;        /* says that it may sign others */
};

/* A node's self-signed certificate: DNS name is the organisation's domain, for
 * servers and clients, signs nothing else. */
HF_MUST enum hf_err hf_cert_node_new(struct hf_span domain,
				     struct hf_cert_dates dates,
				     struct hf_cert_made *out_made,
				     struct hf_why *why);

/* The certificate of a client-issuing key (the vault's clients.key). */
HF_MUST enum hf_err hf_cert_issuer_new(const struct hf_secret *issuer,
				       struct hf_span domain,
				       struct hf_cert_dates dates,
				       char out_pem[static HF_CERT_SIZE],
				       struct hf_why *why);

/* A client's fresh key and certificate, with a random serial.  ARGUMENT when
 * issuer_pem is not the certificate of the issuer key. */
HF_MUST enum hf_err hf_cert_client_new(const struct hf_secret *issuer,
				       struct hf_span issuer_pem,
				       const struct hf_cert_client *client,
				       struct hf_cert_made *out_made,
				       struct hf_why *why);

/* A new certificate, dates and serial for the name, duty and public key of
 * one that this issuer signed before; SIGNATURE or DENIED when it did not.
 * That old one may have expired: whether a renewal is due, and that it was
 * not revoked, is the caller's to know. */
HF_MUST enum hf_err
hf_cert_client_renew(const struct hf_secret *issuer, struct hf_span issuer_pem,
		     struct hf_span old_pem, struct hf_cert_dates dates,
		     char out_pem[static HF_CERT_SIZE], struct hf_why *why);

void hf_cert_made_wipe(struct hf_cert_made *made);

/* Read the one certificate that pem holds; white space around it is fine,
 * anything else is not.  Safe for strangers' bytes. */
HF_MUST enum hf_err hf_cert_inspect(struct hf_span pem,
				    struct hf_cert_info *out_info,
				    struct hf_why *why);

/* Does key_pem hold the private key of the certificate?  MALFORMED when it
 * holds no key, ARGUMENT when that of another one.  Neither is echoed. */
HF_MUST enum hf_err hf_cert_check_key(struct hf_span cert_pem,
				      struct hf_span key_pem,
				      struct hf_why *why);

/* Is this a client of ours now?  Signed by issuer_pem's key, both within
 * their dates, no CA, for clients, with exactly one duty.  Whether its serial
 * was revoked is the ring's to know. */
HF_MUST enum hf_err hf_cert_client_verify(struct hf_span issuer_pem,
					  struct hf_span pem, uint64_t now_ms,
					  struct hf_cert_info *out_info,
					  struct hf_why *why);

#endif /* HF_CERT_H */
