/*
 * keyfile.h -- one secret key as text: what is in it, and the bytes.
 *
 * Pure: no files, no terminals (vault.h has those).  The header is in clear
 * and authenticated, the body sealed with a key from the passphrase.  A file
 * without passphrase is sealed with a key that anybody can compute from the
 * header: that keeps nothing secret, it only finds damage.
 *
 * Units    bytes; milliseconds since 1970 UTC, expires_ms 0 is never; KiB of
 *          memory for Argon2id.
 * Owns     hf_key_new(), hf_key_from_seed() and hf_keyfile_parse() give the
 *          caller a key; hf_key_free() wipes and takes it back.
 * Threads  any; a key does not change once made.
 * Errors   MALFORMED for what is no key file; LIMIT and ARGUMENT for Argon2
 *          costs nobody should pay; SIGNATURE for a wrong passphrase or an
 *          altered file (with a passphrase nothing can tell these apart,
 *          without one it is CORRUPT); CONFLICT for another role than asked
 *          for; UNAUTHENTICATED when a passphrase is needed and none given.
 * Source   proto/SPEC.md section 11.1.  Costs: measured, seal.h.
 */
#ifndef HF_KEYFILE_H
#define HF_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "armour.h"
#include "err.h"
#include "limit.h"
#include "seal.h"
#include "sign.h"
#include "span.h"

/* Name, number in the file, word.  Append only. */
/* clang-format off */
#define HF_KEY_ROLE_TABLE(X)          \
	X(ROOT,      1, "root")       \
	X(LOG,       2, "log")        \
	X(COSIGNER,  3, "cosigner")   \
	X(AGREEMENT, 4, "agreement")  \
	X(NOTICE,    5, "notice")     \
	X(RECEIVE,   6, "receive")    \
	X(CLIENTS,   7, "clients")    \
	X(STORAGE,   8, "storage")
/* clang-format on */

enum hf_key_role {
#define HF_KEY_ROLE_ENUM(name, number, word) HF_KEY_##name = (number),
	HF_KEY_ROLE_TABLE(HF_KEY_ROLE_ENUM)
#undef HF_KEY_ROLE_ENUM
};

enum hf_key_kdf {
	HF_KEY_KDF_NONE = 0,
	HF_KEY_KDF_ARGON2ID = 1,
};

#define HF_KEY_LABEL_MAX_BYTES 64
#define HF_KEY_HEADER_BYTES    108
#define HF_KEY_BODY_MAX_BYTES                                                  \
	(HF_SEED_BYTES + 8 + 8 + 1 + HF_DOMAIN_MAX_BYTES + 1 +                 \
	 HF_KEY_LABEL_MAX_BYTES)
#define HF_KEYFILE_MAX_BYTES                                                   \
	(HF_KEY_HEADER_BYTES + HF_KEY_BODY_MAX_BYTES + HF_SEAL_TAG_BYTES)
#define HF_KEYFILE_TEXT_SIZE HF_ARMOUR_SIZE(HF_KEYFILE_MAX_BYTES)

/* A secret key with what belongs to it. */
struct hf_key {
	enum hf_key_role role;
	/* Owned.  RECEIVE: X25519, STORAGE: 32 random bytes; use the seed. */
	struct hf_secret *secret;
	struct hf_public_key public_key; /* X25519's for RECEIVE */
	uint8_t id[HF_KEY_ID_BYTES];     /* of public_key */
	uint64_t created_ms;
	uint64_t expires_ms;
	char domain[HF_DOMAIN_MAX_BYTES + 1]; /* of the organisation */
	char label[HF_KEY_LABEL_MAX_BYTES + 1];
};

/* What hf_key_new() needs to be told. */
struct hf_key_facts {
	enum hf_key_role role;
	struct hf_span domain; /* borrowed */
	struct hf_span label;  /* borrowed; clean UTF-8, may be empty */
	uint64_t created_ms;
	uint64_t expires_ms;
};

/* How a key file is locked.  An empty passphrase is kdf none; a root key is
 * never written without one. */
struct hf_key_lock {
	struct hf_span passphrase; /* borrowed */
	struct hf_seal_cost cost;
};

/* 2.9 s and 0.5 s a guess, measured. */
#define HF_KEY_COST_ROOT   ((struct hf_seal_cost){ 4, 1024 * 1024 })
#define HF_KEY_COST_SERVER ((struct hf_seal_cost){ 3, 256 * 1024 })

/* What a key file says without its passphrase.  Not authenticated. */
struct hf_keyfile_info {
	enum hf_key_role role;
	enum hf_key_kdf kdf;
	struct hf_seal_cost cost;
	uint8_t id[HF_KEY_ID_BYTES];
	struct hf_public_key public_key;
};

/* "root"; "unknown". */
const char *hf_key_role_name(enum hf_key_role role);

/* 0 when the word names none. */
enum hf_key_role hf_key_role_parse(struct hf_span word);

/* A fresh key. */
HF_MUST enum hf_err hf_key_new(const struct hf_key_facts *facts,
			       struct hf_key **out_key, struct hf_why *why);

/* The key of a seed, which the caller wipes: out of a recovery copy. */
HF_MUST enum hf_err hf_key_from_seed(const struct hf_key_facts *facts,
				     const uint8_t seed[static HF_SEED_BYTES],
				     struct hf_key **out_key,
				     struct hf_why *why);

/* NULL is fine. */
void hf_key_free(struct hf_key *key);

/* Text with a zero byte behind it.  The buffer has HF_KEYFILE_TEXT_SIZE
 * characters; the caller wipes it when there is no passphrase. */
HF_MUST enum hf_err hf_keyfile_encode(const struct hf_key *key,
				      const struct hf_key_lock *lock,
				      char *out_text, size_t *out_len_bytes,
				      struct hf_why *why);

/* The header only. */
HF_MUST enum hf_err hf_keyfile_inspect(struct hf_span text,
				       struct hf_keyfile_info *out_info,
				       struct hf_why *why);

/* The whole key.  A passphrase that the file does not need is ignored. */
HF_MUST enum hf_err hf_keyfile_parse(struct hf_span text, enum hf_key_role role,
				     struct hf_span passphrase,
				     struct hf_key **out_key,
				     struct hf_why *why);

#endif /* HF_KEYFILE_H */
