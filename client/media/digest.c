/* Deprecated in OpenSSL 3 in favour of EVP, and kept on purpose: digest.h. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "digest.h"

_Static_assert(sizeof(MD5_CTX) <= sizeof(((struct hf_digest *)0)->md5) &&
		       sizeof(SHA_CTX) <=
			       sizeof(((struct hf_digest *)0)->sha1) &&
		       sizeof(SHA256_CTX) <=
			       sizeof(((struct hf_digest *)0)->sha256),
	       "struct hf_digest holds OpenSSL's contexts");

/* Each digest goes over a piece while it is in the first-level cache. */
#define PIECE_BYTES ((size_t)16 * 1024)

void hf_digest_init(struct hf_digest *digest)
{
	MD5_Init((void *)digest->md5);
	SHA1_Init((void *)digest->sha1);
	SHA256_Init((void *)digest->sha256);
}

void hf_digest_update(struct hf_digest *digest, const void *bytes,
		      size_t len_bytes)
{
	const uint8_t *at = bytes;

	while (len_bytes > 0) {
		size_t piece =
			len_bytes < PIECE_BYTES ? len_bytes : PIECE_BYTES;

		MD5_Update((void *)digest->md5, at, piece);
		SHA1_Update((void *)digest->sha1, at, piece);
		SHA256_Update((void *)digest->sha256, at, piece);
		at += piece;
		len_bytes -= piece;
	}
}

void hf_digest_final(struct hf_digest *digest,
		     struct hf_media_result *out_result)
{
	MD5_Final(out_result->md5, (void *)digest->md5);
	SHA1_Final(out_result->sha1, (void *)digest->sha1);
	SHA256_Final(out_result->sha256, (void *)digest->sha256);
}
