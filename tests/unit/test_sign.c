#include "unit.h"

#include <string.h>

#include "bytes.h"
#include "seal.h"
#include "sha256.h"
#include "sign.h"

static int start(void **state)
{
	return hf_sign_start(NULL) == HF_OK ? 0 : -1;
}

static void sha256_and_hmac_give_the_published_digests(void **state)
{
	uint8_t digest[32], key[131], want[32];
	struct hf_hmac hmac;

	hf_sha256("abc", 3, digest);
	assert_int_equal(
		hf_hex_parse(
			hf_span_of("ba7816bf8f01cfea414140de5dae2223b00361a396"
				   "177a9cb410ff61f20015ad"),
			want, 32),
		HF_OK);
	assert_memory_equal(digest, want, 32);

	/* RFC 4231, test cases 2 and 6 (a key longer than a block). */
	hf_hmac_init(&hmac, BYTES("Jefe"));
	hf_hmac_update(&hmac, "what do ya want for nothing?", 28);
	hf_hmac_final(&hmac, digest);
	assert_int_equal(
		hf_hex_parse(
			hf_span_of("5bdcc146bf60754e6a042426089575c75a003f089d"
				   "2739839dec58b964ec3843"),
			want, 32),
		HF_OK);
	assert_memory_equal(digest, want, 32);
	memset(key, 0xaa, sizeof(key));
	hf_hmac_init(&hmac, hf_span(key, sizeof(key)));
	hf_hmac_update(&hmac,
		       "Test Using Larger Than Block-Size Key - Hash Key First",
		       54);
	hf_hmac_final(&hmac, digest);
	assert_int_equal(
		hf_hex_parse(
			hf_span_of("60e431591ee0b67f0d8a26aacbf5b77f8e0bc62137"
				   "28c5140546040f0ee37f54"),
			want, 32),
		HF_OK);
	assert_memory_equal(digest, want, 32);
}

static void a_pair_hashes_as_its_65_bytes(void **state)
{
	uint8_t bytes[65], want[32], got[32];

	for (size_t round = 0; round < 100; round++) {
		hf_random(bytes, sizeof(bytes));
		hf_sha256(bytes, sizeof(bytes), want);
		hf_sha256_pair(bytes[0], bytes + 1, bytes + 33, got);
		assert_memory_equal(got, want, 32);
	}
	/* The digest may go where an input was. */
	hf_sha256_pair(bytes[0], bytes + 1, bytes + 33, bytes + 1);
	assert_memory_equal(bytes + 1, want, 32);
}

static void ed25519_gives_the_signature_of_rfc_8032(void **state)
{
	uint8_t seed[32], want[64], got[64];
	struct hf_secret *secret;
	struct hf_why why = { "" };

	/* RFC 8032 section 7.1, test 2. */
	assert_int_equal(
		hf_hex_parse(
			hf_span_of("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35"
				   "aba624da8cf6ed4fb8a6fb"),
			seed, 32),
		HF_OK);
	assert_int_equal(
		hf_hex_parse(
			hf_span_of("92a009a9f0d4cab8720e820b5f642540a2b27b5416"
				   "503f8fb3762223ebdb69da085ac1e43e15996e458f"
				   "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c"
				   "00"),
			want, 64),
		HF_OK);
	assert_ok(hf_secret_from_seed(seed, &secret, &why), &why);
	hf_sign(secret, BYTES("\x72"), got);
	assert_memory_equal(got, want, 64);
	assert_int_equal(
		hf_sign_verify(hf_secret_public(secret), BYTES("\x72"), got),
		HF_OK);
	for (size_t i = 0; i < 64; i++) {
		got[i] ^= 1;
		assert_int_equal(hf_sign_verify(hf_secret_public(secret),
						BYTES("\x72"), got),
				 HF_E_SIGNATURE);
		got[i] ^= 1;
	}
	hf_secret_free(secret);
}

static void keys_that_verify_anything_are_refused(void **state)
{
	struct hf_public_key identity = { { 1 } }, zero = { { 0 } }, high;
	uint8_t signature[64] = { 1 };

	memset(&high, 0xff, sizeof(high));
	assert_int_equal(hf_public_key_check(&identity), HF_E_ARGUMENT);
	assert_int_equal(hf_public_key_check(&zero), HF_E_ARGUMENT);
	assert_int_equal(hf_public_key_check(&high), HF_E_ARGUMENT);
	assert_int_equal(hf_sign_verify(&identity, BYTES("any"), signature),
			 HF_E_SIGNATURE);
}

static void a_changed_header_or_byte_does_not_open(void **state)
{
	uint8_t key[32] = { 7 }, nonce[24] = { 9 }, sealed[5 + 16], plain[5];

	hf_seal_close(key, nonce, BYTES("header"), BYTES("plain"), sealed);
	assert_int_equal(hf_seal_open(key, nonce, BYTES("header"),
				      hf_span(sealed, sizeof(sealed)), plain),
			 HF_OK);
	assert_memory_equal(plain, "plain", 5);
	assert_int_equal(hf_seal_open(key, nonce, BYTES("headeR"),
				      hf_span(sealed, sizeof(sealed)), plain),
			 HF_E_SIGNATURE);
	sealed[3] ^= 1;
	assert_int_equal(hf_seal_open(key, nonce, BYTES("header"),
				      hf_span(sealed, sizeof(sealed)), plain),
			 HF_E_SIGNATURE);
	assert_int_equal(hf_seal_open(key, nonce, BYTES("header"),
				      hf_span(sealed, 3), plain),
			 HF_E_SIGNATURE);
}

static void a_key_file_cannot_ask_for_endless_work(void **state)
{
	const struct hf_seal_cost rows[] = {
		{ 0, HF_SEAL_MEM_MIN_KIB },
		{ 17, HF_SEAL_MEM_MIN_KIB },
		{ 1, HF_SEAL_MEM_MIN_KIB - 1 },
		{ 1, HF_SEAL_MEM_MAX_KIB + 1 },
	};
	uint8_t salt[16] = { 0 }, key[32];

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(
			hf_seal_derive(BYTES("x"), salt, rows[i], key, NULL),
			HF_E_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_and_hmac_give_the_published_digests),
		cmocka_unit_test(a_pair_hashes_as_its_65_bytes),
		cmocka_unit_test(ed25519_gives_the_signature_of_rfc_8032),
		cmocka_unit_test(keys_that_verify_anything_are_refused),
		cmocka_unit_test(a_changed_header_or_byte_does_not_open),
		cmocka_unit_test(a_key_file_cannot_ask_for_endless_work),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
