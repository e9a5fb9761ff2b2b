#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "bytes.h"
#include "hpke.h"

#define OURS HF_SOURCE_DIR "/tests/vectors/hpke.json"
/* RFC 9180, appendix A.2.1, as JSON: beside the repository, not in it. */
#define RFC "/vectors/rfc9180_a2_1.json"

#define PLAIN_MAX 512

static int start(void **state)
{
	return hf_sign_start(NULL) == HF_OK ? 0 : -1;
}

static struct hf_span hex_of(const json_t *object, const char *name,
			     uint8_t *out, size_t size_bytes)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	assert_true(strlen(text) / 2 <= size_bytes);
	assert_int_equal(hf_hex_parse(hf_span_of(text), out, strlen(text) / 2),
			 HF_OK);
	return hf_span(out, strlen(text) / 2);
}

/* Seal gives exactly this, and open gives it back. */
static void check_case(const json_t *keys, const char *ephemeral,
		       const char *recipient, const char *receive,
		       const json_t *text, const char *plain,
		       const char *sealed)
{
	uint8_t seed[32], public[32], secret[32], want_enc[32], enc[32];
	uint8_t info_bytes[256], aad_bytes[256], plain_bytes[PLAIN_MAX];
	uint8_t want_bytes[PLAIN_MAX + 16], got[PLAIN_MAX + 16];
	uint8_t opened[PLAIN_MAX], derived[32];
	struct hf_span info, aad, what, want;
	struct hf_why why = { "" };

	assert_int_equal(hex_of(keys, ephemeral, seed, 32).len_bytes, 32);
	assert_int_equal(hex_of(keys, recipient, public, 32).len_bytes, 32);
	assert_int_equal(hex_of(keys, receive, secret, 32).len_bytes, 32);
	assert_int_equal(hex_of(keys, "enc", want_enc, 32).len_bytes, 32);
	info = hex_of(keys, "info", info_bytes, sizeof(info_bytes));
	aad = hex_of(text, "aad", aad_bytes, sizeof(aad_bytes));
	what = hex_of(text, plain, plain_bytes, sizeof(plain_bytes));
	want = hex_of(text, sealed, want_bytes, sizeof(want_bytes));

	hf_receive_public(secret, derived);
	assert_memory_equal(derived, public, 32);
	assert_ok(hf_hpke_seal(public, seed, info, aad, what, enc, got, &why),
		  &why);
	assert_memory_equal(enc, want_enc, 32);
	assert_int_equal(want.len_bytes, what.len_bytes + HF_HPKE_TAG_BYTES);
	assert_memory_equal(got, want.at, want.len_bytes);
	assert_ok(hf_hpke_open(secret, public, want_enc, info, aad, want,
			       opened, &why),
		  &why);
	if (what.len_bytes > 0)
		assert_memory_equal(opened, what.at, what.len_bytes);
}

static void the_rfcs_vector_seals_and_opens(void **state)
{
	const char *dir = getenv("HF_SHARED");
	json_t *file, *first;
	char path[512];

	snprintf(path, sizeof(path), "%s" RFC,
		 dir != NULL ? dir : HF_SOURCE_DIR "/../shared");
	if (access(path, R_OK) != 0) {
		print_message("skipped: no %s (HF_SHARED names its folder)\n",
			      path);
		return;
	}
	file = json_load_file(path, 0, NULL);
	assert_non_null(file);
	first = json_array_get(json_object_get(file, "encryptions"), 0);
	assert_string_equal(
		json_string_value(json_object_get(first, "sequence number")),
		"0");
	check_case(json_object_get(file, "setup"), "skEm", "pkRm", "skRm",
		   first, "pt", "ct");
	json_decref(file);
}

static void our_vectors_seal_and_open(void **state)
{
	json_t *file = json_load_file(OURS, 0, NULL), *row;
	json_t *rows = json_object_get(file, "cases");
	size_t i;

	assert_non_null(file);
	assert_true(json_array_size(rows) >= 5);
	json_array_foreach(rows, i, row)
	{
		check_case(row, "ephemeral_seed", "recipient_key",
			   "receive_seed", row, "plain", "sealed");
	}
	json_decref(file);
}

static void keys_of_small_order_are_refused(void **state)
{
	/* u = 0, 1, the two of order 8, p - 1, p, p + 1, and some with the
	 * bit that X25519 ignores. */
	static const char *const rows[] = {
		"00000000000000000000000000000000000000000000000000000000000000"
		"00",
		"01000000000000000000000000000000000000000000000000000000000000"
		"00",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b8"
		"00",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11"
		"57",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"7f",
		"00000000000000000000000000000000000000000000000000000000000000"
		"80",
		"01000000000000000000000000000000000000000000000000000000000000"
		"80",
	};
	const uint8_t seed[HF_SEED_BYTES] = { 7 };
	const struct hf_span none = { NULL, 0 };
	uint8_t key[32], enc[32], sealed[3 + 16], plain[3], good[32];
	struct hf_why why = { "" };

	hf_receive_public(seed, good);
	assert_int_equal(hf_hpke_key_check(good), HF_OK);
	assert_ok(hf_hpke_seal(good, seed, none, none, BYTES("abc"), enc,
			       sealed, &why),
		  &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(hf_hex_parse(hf_span_of(rows[i]), key, 32),
				 HF_OK);
		assert_int_equal(hf_hpke_key_check(key), HF_E_ARGUMENT);
		assert_int_equal(hf_hpke_seal(key, seed, none, none,
					      BYTES("abc"), enc, sealed, &why),
				 HF_E_ARGUMENT);
		assert_int_equal(hf_hpke_open(seed, good, key, none, none,
					      hf_span(sealed, sizeof(sealed)),
					      plain, &why),
				 HF_E_SIGNATURE);
	}
}

static void every_changed_bit_is_found(void **state)
{
	/* X25519 ignores the lowest three bits of a secret. */
	const uint8_t seed[HF_SEED_BYTES] = { 8 }, mine[HF_SEED_BYTES] = { 16 };
	const uint8_t other[HF_SEED_BYTES] = { 24 };
	const struct hf_span info = BYTES("info"), aad = BYTES("aad");
	uint8_t key[32], wrong[32], enc[32], sealed[5 + 16], plain[5];
	struct hf_span whole = hf_span(sealed, sizeof(sealed));
	struct hf_why why = { "" };

	hf_receive_public(mine, key);
	hf_receive_public(other, wrong);
	assert_ok(hf_hpke_seal(key, seed, info, aad, BYTES("hello"), enc,
			       sealed, &why),
		  &why);
	assert_ok(hf_hpke_open(mine, key, enc, info, aad, whole, plain, &why),
		  &why);
	assert_memory_equal(plain, "hello", 5);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(hf_hpke_open(mine, key, enc, info, aad, whole,
					      plain, NULL),
				 HF_E_SIGNATURE);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(enc); bit++) {
		enc[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(hf_hpke_open(mine, key, enc, info, aad, whole,
					      plain, NULL),
				 HF_E_SIGNATURE);
		enc[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(
		hf_hpke_open(other, wrong, enc, info, aad, whole, plain, NULL),
		HF_E_SIGNATURE);
	assert_int_equal(hf_hpke_open(mine, key, enc, BYTES("inf0"), aad, whole,
				      plain, NULL),
			 HF_E_SIGNATURE);
	assert_int_equal(hf_hpke_open(mine, key, enc, info, BYTES("aae"), whole,
				      plain, NULL),
			 HF_E_SIGNATURE);
	assert_int_equal(hf_hpke_open(mine, key, enc, info, aad,
				      hf_span(sealed, 15), plain, NULL),
			 HF_E_SIGNATURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_vector_seals_and_opens),
		cmocka_unit_test(our_vectors_seal_and_open),
		cmocka_unit_test(keys_of_small_order_are_refused),
		cmocka_unit_test(every_changed_bit_is_found),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
