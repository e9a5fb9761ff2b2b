#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"
#include "text.h"

#include "keyfile.h"

#define LABEL   "HASHFED KEY"
#define NO_LOCK "hashfed/key-file/no-passphrase/v1"

/* Where the header's fields begin, SPEC 11.1. */
enum {
	AT_MAGIC = 0,
	AT_ROLE = 8,
	AT_KDF = 9,
	AT_ZERO = 10,
	AT_OPS = 12,
	AT_MEM = 16,
	AT_SALT = 20,
	AT_NONCE = AT_SALT + HF_SEAL_SALT_BYTES,
	AT_ID = AT_NONCE + HF_SEAL_NONCE_BYTES,
	AT_PUBLIC = AT_ID + HF_KEY_ID_BYTES,
	AT_BODY = AT_PUBLIC + HF_PUBLIC_KEY_BYTES,
};
_Static_assert(AT_BODY == HF_KEY_HEADER_BYTES, "SPEC 11.1");

/* Seed, two times, two empty texts. */
#define BODY_MIN_BYTES (HF_SEED_BYTES + 8 + 8 + 1 + 1)

static const uint8_t magic[8] = { 'H', 'F', 'K', 'E', 'Y', 0, 0, 1 };

/* The file before its armour, and the body in clear: both hold a secret. */
struct scratch {
	uint8_t file[HF_KEYFILE_MAX_BYTES];
	uint8_t body[HF_KEY_BODY_MAX_BYTES];
	uint8_t key[HF_SEAL_KEY_BYTES];
};

const char *hf_key_role_name(enum hf_key_role role)
{
	switch (role) {
#define ROLE_CASE(name, number, word)                                          \
	case HF_KEY_##name:                                                    \
		return word;
		HF_KEY_ROLE_TABLE(ROLE_CASE)
#undef ROLE_CASE
	}
	return "unknown";
}

enum hf_key_role hf_key_role_parse(struct hf_span word)
{
#define ROLE_IS(name, number, text)                                            \
	if (hf_span_is(word, text))                                            \
		return HF_KEY_##name;
	HF_KEY_ROLE_TABLE(ROLE_IS)
#undef ROLE_IS
	return (enum hf_key_role)0;
}

static bool role_is_known(uint8_t number)
{
	switch (number) {
#define ROLE_NUMBER(name, value, word) case value:
		HF_KEY_ROLE_TABLE(ROLE_NUMBER)
#undef ROLE_NUMBER
		return true;
	default:
		return false;
	}
}

static enum hf_err check_facts(const struct hf_key_facts *facts,
			       struct hf_why *why)
{
	if (!role_is_known((uint8_t)facts->role))
		return hf_why(why, HF_E_ARGUMENT, "key: unknown role %d",
			      (int)facts->role);
	if (!hf_text_is_domain(facts->domain))
		return hf_why(why, HF_E_ARGUMENT,
			      "key: the organisation's domain must be a "
			      "lower-case domain name");
	if (facts->label.len_bytes > HF_KEY_LABEL_MAX_BYTES ||
	    !hf_text_is_clean(facts->label))
		return hf_why(why, HF_E_ARGUMENT,
			      "key: a label is at most %d bytes of text",
			      HF_KEY_LABEL_MAX_BYTES);
	if (facts->expires_ms != 0 && facts->expires_ms <= facts->created_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "key: would expire before it is made");
	return HF_OK;
}

enum hf_err hf_key_from_seed(const struct hf_key_facts *facts,
			     const uint8_t seed[static HF_SEED_BYTES],
			     struct hf_key **out_key, struct hf_why *why)
{
	enum hf_err err = check_facts(facts, why);
	struct hf_key *key;

	if (err != HF_OK)
		return err;
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return hf_why(why, HF_E_NOMEM, "key: no memory");
	err = hf_secret_from_seed(seed, &key->secret, why);
	if (err != HF_OK) {
		free(key);
		return err;
	}
	key->role = facts->role;
	if (key->role == HF_KEY_RECEIVE)
		hf_receive_public(seed, key->public_key.bytes);
	else
		key->public_key = *hf_secret_public(key->secret);
	hf_key_id(&key->public_key, key->id);
	key->created_ms = facts->created_ms;
	key->expires_ms = facts->expires_ms;
	memcpy(key->domain, facts->domain.at, facts->domain.len_bytes);
	if (facts->label.len_bytes > 0)
		memcpy(key->label, facts->label.at, facts->label.len_bytes);
	*out_key = key;
	return HF_OK;
}

enum hf_err hf_key_new(const struct hf_key_facts *facts,
		       struct hf_key **out_key, struct hf_why *why)
{
	uint8_t *seed = hf_secret_bytes_new(HF_SEED_BYTES);
	enum hf_err err;

	if (seed == NULL)
		return hf_why(why, HF_E_NOMEM, "key: no locked memory");
	hf_random(seed, HF_SEED_BYTES);
	err = hf_key_from_seed(facts, seed, out_key, why);
	hf_secret_bytes_free(seed);
	return err;
}

void hf_key_free(struct hf_key *key)
{
	if (key == NULL)
		return;
	hf_secret_free(key->secret);
	free(key);
}

/* Everybody can compute this one: it only finds damage. */
static void no_lock_key(const uint8_t header[static HF_KEY_HEADER_BYTES],
			uint8_t out_key[static HF_SEAL_KEY_BYTES])
{
	struct hf_hmac hmac;

	hf_hmac_init(&hmac, hf_span_of(NO_LOCK));
	hf_hmac_update(&hmac, header, HF_KEY_HEADER_BYTES);
	hf_hmac_final(&hmac, out_key);
}

static enum hf_err write_header(const struct hf_key *key,
				const struct hf_key_lock *lock,
				uint8_t header[static HF_KEY_HEADER_BYTES],
				struct hf_why *why)
{
	bool is_locked = lock->passphrase.len_bytes > 0;

	if (key->role == HF_KEY_ROOT && !is_locked)
		return hf_why(why, HF_E_ARGUMENT,
			      "key: a root key needs a passphrase");
	memset(header, 0, HF_KEY_HEADER_BYTES);
	memcpy(header + AT_MAGIC, magic, sizeof(magic));
	header[AT_ROLE] = (uint8_t)key->role;
	if (is_locked) {
		header[AT_KDF] = HF_KEY_KDF_ARGON2ID;
		hf_be32_put(header + AT_OPS, lock->cost.ops);
		hf_be32_put(header + AT_MEM, lock->cost.mem_kib);
		hf_random(header + AT_SALT, HF_SEAL_SALT_BYTES);
	}
	hf_random(header + AT_NONCE, HF_SEAL_NONCE_BYTES);
	memcpy(header + AT_ID, key->id, HF_KEY_ID_BYTES);
	memcpy(header + AT_PUBLIC, key->public_key.bytes, HF_PUBLIC_KEY_BYTES);
	return HF_OK;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
	size_t len = strlen(text);

	*at++ = (uint8_t)len;
	memcpy(at, text, len);
	return at + len;
}

/* The body in clear; returns its length. */
static size_t write_body(const struct hf_key *key, uint8_t *body)
{
	uint8_t *at = body;

	memcpy(at, hf_secret_seed(key->secret), HF_SEED_BYTES);
	at += HF_SEED_BYTES;
	hf_be64_put(at, key->created_ms);
	hf_be64_put(at + 8, key->expires_ms);
	at = put_text(at + 16, key->domain);
	at = put_text(at, key->label);
	return (size_t)(at - body);
}

/* The key that seals the body. */
static enum hf_err body_key(const uint8_t header[static HF_KEY_HEADER_BYTES],
			    struct hf_span passphrase,
			    uint8_t out_key[static HF_SEAL_KEY_BYTES],
			    struct hf_why *why)
{
	if (header[AT_KDF] == HF_KEY_KDF_NONE) {
		no_lock_key(header, out_key);
		return HF_OK;
	}
	return hf_seal_derive(passphrase, header + AT_SALT,
			      (struct hf_seal_cost){ hf_be32(header + AT_OPS),
						     hf_be32(header + AT_MEM) },
			      out_key, why);
}

static struct scratch *scratch_new(struct hf_why *why)
{
	struct scratch *scratch = hf_secret_bytes_new(sizeof(*scratch));

	if (scratch == NULL)
		(void)hf_why(why, HF_E_NOMEM, "key: no locked memory");
	return scratch;
}

enum hf_err hf_keyfile_encode(const struct hf_key *key,
			      const struct hf_key_lock *lock, char *out_text,
			      size_t *out_len_bytes, struct hf_why *why)
{
	struct scratch *scratch = scratch_new(why);
	size_t body_len_bytes;
	enum hf_err err;

	if (scratch == NULL)
		return HF_E_NOMEM;
	err = write_header(key, lock, scratch->file, why);
	if (err == HF_OK)
		err = body_key(scratch->file, lock->passphrase, scratch->key,
			       why);
	if (err != HF_OK)
		goto out_free;

	body_len_bytes = write_body(key, scratch->body);
	hf_seal_close(scratch->key, scratch->file + AT_NONCE,
		      hf_span(scratch->file, HF_KEY_HEADER_BYTES),
		      hf_span(scratch->body, body_len_bytes),
		      scratch->file + AT_BODY);
	*out_len_bytes = hf_armour_encode(
		LABEL,
		hf_span(scratch->file,
			AT_BODY + body_len_bytes + HF_SEAL_TAG_BYTES),
		out_text);

out_free:
	hf_secret_bytes_free(scratch);
	return err;
}

/* The header's numbers, before anything is spent on them. */
static enum hf_err check_header(const uint8_t *file, size_t len_bytes,
				struct hf_why *why)
{
	static const uint8_t zero[HF_SEAL_SALT_BYTES];
	uint32_t ops, mem_kib;

	if (len_bytes < AT_BODY + BODY_MIN_BYTES + HF_SEAL_TAG_BYTES)
		return hf_why(why, HF_E_MALFORMED, "truncated key file");
	if (memcmp(file + AT_MAGIC, magic, sizeof(magic)) != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "not a key file of a version known here");
	if (!role_is_known(file[AT_ROLE]) || file[AT_ZERO] != 0 ||
	    file[AT_ZERO + 1] != 0)
		return hf_why(why, HF_E_MALFORMED, "damaged key file header");
	ops = hf_be32(file + AT_OPS);
	mem_kib = hf_be32(file + AT_MEM);
	if (file[AT_KDF] == HF_KEY_KDF_NONE) {
		if (file[AT_ROLE] == HF_KEY_ROOT)
			return hf_why(why, HF_E_MALFORMED,
				      "a root key without passphrase");
		if (ops != 0 || mem_kib != 0 ||
		    memcmp(file + AT_SALT, zero, sizeof(zero)) != 0)
			return hf_why(why, HF_E_MALFORMED,
				      "damaged key file header");
		return HF_OK;
	}
	if (file[AT_KDF] != HF_KEY_KDF_ARGON2ID)
		return hf_why(why, HF_E_MALFORMED, "damaged key file header");
	if (ops < HF_SEAL_OPS_MIN || ops > HF_SEAL_OPS_MAX ||
	    mem_kib < HF_SEAL_MEM_MIN_KIB || mem_kib > HF_SEAL_MEM_MAX_KIB)
		return hf_why(why, HF_E_LIMIT,
			      "asks for %u passes over %u KiB of memory, "
			      "which is outside what is accepted",
			      ops, mem_kib);
	return HF_OK;
}

static enum hf_err unarmour(struct hf_span text, uint8_t *file,
			    size_t *out_len_bytes, struct hf_why *why)
{
	enum hf_err err = hf_armour_parse(
		LABEL, text, file, HF_KEYFILE_MAX_BYTES, out_len_bytes, why);

	if (err != HF_OK) {
		hf_why_prefix(why, "not a whole key file: ");
		return err;
	}
	return check_header(file, *out_len_bytes, why);
}

enum hf_err hf_keyfile_inspect(struct hf_span text,
			       struct hf_keyfile_info *out_info,
			       struct hf_why *why)
{
	struct scratch *scratch = scratch_new(why);
	size_t len_bytes = 0;
	enum hf_err err;

	if (scratch == NULL)
		return HF_E_NOMEM;
	err = unarmour(text, scratch->file, &len_bytes, why);
	if (err == HF_OK) {
		const uint8_t *header = scratch->file;

		out_info->role = (enum hf_key_role)header[AT_ROLE];
		out_info->kdf = (enum hf_key_kdf)header[AT_KDF];
		out_info->cost.ops = hf_be32(header + AT_OPS);
		out_info->cost.mem_kib = hf_be32(header + AT_MEM);
		memcpy(out_info->id, header + AT_ID, HF_KEY_ID_BYTES);
		memcpy(out_info->public_key.bytes, header + AT_PUBLIC,
		       HF_PUBLIC_KEY_BYTES);
	}
	hf_secret_bytes_free(scratch);
	return err;
}

/* One byte of length and that many of text, inside [*at, end). */
static bool take_text(const uint8_t **at, const uint8_t *end,
		      struct hf_span *out_text)
{
	size_t len_bytes;

	if (*at == end)
		return false;
	len_bytes = *(*at)++;
	if (len_bytes > (size_t)(end - *at))
		return false;
	*out_text = hf_span(*at, len_bytes);
	*at += len_bytes;
	return true;
}

/* The key out of an authentic file.  What does not hold here was written by
 * somebody who knew the passphrase, and wrong. */
static enum hf_err read_body(const uint8_t *header, struct hf_span body,
			     struct hf_key **out_key, struct hf_why *why)
{
	const uint8_t *at = body.at + HF_SEED_BYTES;
	const uint8_t *end = body.at + body.len_bytes;
	struct hf_key_facts facts = {
		.role = (enum hf_key_role)header[AT_ROLE],
		.created_ms = hf_be64(at),
		.expires_ms = hf_be64(at + 8),
	};
	struct hf_key *key = NULL;
	enum hf_err err;

	at += 16;
	if (!take_text(&at, end, &facts.domain) ||
	    !take_text(&at, end, &facts.label) || at != end)
		return hf_why(why, HF_E_MALFORMED, "damaged key file body");
	err = hf_key_from_seed(&facts, body.at, &key, why);
	if (err == HF_E_ARGUMENT)
		return hf_why(why, HF_E_MALFORMED, "damaged key file body");
	if (err != HF_OK)
		return err;
	if (memcmp(key->id, header + AT_ID, HF_KEY_ID_BYTES) != 0 ||
	    memcmp(key->public_key.bytes, header + AT_PUBLIC,
		   HF_PUBLIC_KEY_BYTES) != 0) {
		hf_key_free(key);
		return hf_why(why, HF_E_MALFORMED,
			      "its public key belongs to another secret key");
	}
	*out_key = key;
	return HF_OK;
}

static enum hf_err open_body(struct scratch *scratch, size_t len_bytes,
			     struct hf_span passphrase, struct hf_why *why)
{
	const uint8_t *header = scratch->file;
	bool is_locked = header[AT_KDF] != HF_KEY_KDF_NONE;
	enum hf_err err;

	if (is_locked && passphrase.len_bytes == 0)
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "the key needs its passphrase");
	err = body_key(header, passphrase, scratch->key, why);
	if (err != HF_OK)
		return err;
	err = hf_seal_open(scratch->key, header + AT_NONCE,
			   hf_span(header, HF_KEY_HEADER_BYTES),
			   hf_span(header + AT_BODY, len_bytes - AT_BODY),
			   scratch->body);
	if (err == HF_OK)
		return HF_OK;
	return is_locked ? hf_why(why, HF_E_SIGNATURE,
				  "wrong passphrase, or the file was altered")
			 : hf_why(why, HF_E_CORRUPT,
				  "the file was altered or truncated");
}

enum hf_err hf_keyfile_parse(struct hf_span text, enum hf_key_role role,
			     struct hf_span passphrase, struct hf_key **out_key,
			     struct hf_why *why)
{
	struct scratch *scratch = scratch_new(why);
	size_t len_bytes = 0;
	enum hf_err err;

	if (scratch == NULL)
		return HF_E_NOMEM;
	err = unarmour(text, scratch->file, &len_bytes, why);
	if (err != HF_OK)
		goto out_free;
	if (scratch->file[AT_ROLE] != (uint8_t)role) {
		err = hf_why(why, HF_E_CONFLICT, "is a %s key, not a %s key",
			     hf_key_role_name(
				     (enum hf_key_role)scratch->file[AT_ROLE]),
			     hf_key_role_name(role));
		goto out_free;
	}
	err = open_body(scratch, len_bytes, passphrase, why);
	if (err == HF_OK)
		err = read_body(
			scratch->file,
			hf_span(scratch->body,
				len_bytes - AT_BODY - HF_SEAL_TAG_BYTES),
			out_key, why);

out_free:
	hf_secret_bytes_free(scratch);
	return err;
}
