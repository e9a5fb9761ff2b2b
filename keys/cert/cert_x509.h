/*
 * cert_x509.h -- what the two files of this folder share: certificates as
 * OpenSSL's objects.  Nobody else includes it.
 *
 * Units    as cert.h.
 * Owns     a loaded X509 is the caller's: X509_free().
 * Threads  any.
 * Errors   as cert.h.  OpenSSL's own error queue is left empty.
 * Source   openssl(3).
 */
#ifndef HF_CERT_X509_H
#define HF_CERT_X509_H

#include <openssl/x509.h>

#include "cert.h"

/* In front of the duty in a certificate's URI name. */
#define HF_CERT_DUTY_URI "hashfed:duty:"

/* hf_why() with OpenSSL's reason behind the sentence. */
enum hf_err hf_cert_failed(struct hf_why *why, const char *what);

/* The one certificate in pem and what it says. */
HF_MUST enum hf_err hf_cert_load(struct hf_span pem, X509 **out_cert,
				 struct hf_cert_info *out_info,
				 struct hf_why *why);

/* Is leaf a client's certificate that issuer signed, dates aside? */
HF_MUST enum hf_err hf_cert_check_client(X509 *issuer, X509 *leaf,
					 const struct hf_cert_info *info,
					 struct hf_why *why);

#endif /* HF_CERT_X509_H */
