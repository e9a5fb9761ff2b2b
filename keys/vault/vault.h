/*
 * vault.h -- key files on disk: who may read them, and never a half one.
 *
 * Units    bytes; paths.
 * Owns     hf_vault_load() gives the caller a key: hf_key_free().
 * Threads  any.
 * Errors   those of keyfile.h, with the path before them; DENIED for a file
 *          that is a link, not a regular file, somebody else's, or open to
 *          others; EXISTS, NOTFOUND, FULL, SYSTEM.
 * Source   proto/SPEC.md section 11.1.  A credential that systemd passes may
 *          belong to root and carry an access list, which shows as the
 *          group's read bit: systemd.exec(5), LoadCredential=.
 */
#ifndef HF_VAULT_H
#define HF_VAULT_H

#include <stdbool.h>

#include "err.h"
#include "keyfile.h"
#include "span.h"

/* How careful a load is about the file. */
enum hf_vault_trust {
	/* Ours (the effective user's; root may load anybody's), a regular
	 * file, no bits for group and others. */
	HF_VAULT_OWN,
	/* Out of $CREDENTIALS_DIRECTORY: root's is fine too, and the group
	 * may read.  Only for a path that systemd named. */
	HF_VAULT_CREDENTIAL,
};

/* Make a key file that must not exist yet: 0600, on disk with its name when
 * this returns. */
HF_MUST enum hf_err hf_vault_create(const char *path, const struct hf_key *key,
				    const struct hf_key_lock *lock,
				    struct hf_why *why);

/* Load a key of this role.  passphrase may be empty. */
HF_MUST enum hf_err hf_vault_load(const char *path, enum hf_vault_trust trust,
				  enum hf_key_role role,
				  struct hf_span passphrase,
				  struct hf_key **out_key, struct hf_why *why);

/* What the file says without its passphrase, with the same checks of the
 * file itself. */
HF_MUST enum hf_err hf_vault_inspect(const char *path,
				     enum hf_vault_trust trust,
				     struct hf_keyfile_info *out_info,
				     struct hf_why *why);

/* Lock the same key another way: the file is replaced as a whole, a crash
 * leaves the old one or the new one. */
HF_MUST enum hf_err hf_vault_relock(const char *path, enum hf_key_role role,
				    struct hf_span passphrase,
				    const struct hf_key_lock *lock,
				    struct hf_why *why);

#endif /* HF_VAULT_H */
