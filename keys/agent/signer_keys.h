/*
 * signer_keys.h -- a key of the signer: out of its directory, or a credential.
 *
 * Units    none.
 * Owns     hf_signer_load_key() gives the caller a key: hf_key_free().
 * Threads  one.
 * Errors   those of vault.h.
 * Source   keys/agent/DESIGN.md, section 5; systemd.exec(5), LoadCredential=.
 */
#ifndef HF_SIGNER_KEYS_H
#define HF_SIGNER_KEYS_H

#include "err.h"
#include "keyfile.h"
#include "signer.h"

/* "log.key" and so on; "log-next.key" with the suffix "-next".  A unit may pass
 * some keys as credentials and keep the others in the directory. */
HF_MUST enum hf_err hf_signer_load_key(const struct hf_signer_options *options,
				       enum hf_key_role role,
				       const char *suffix,
				       struct hf_key **out_key,
				       struct hf_why *why);

#endif /* HF_SIGNER_KEYS_H */
