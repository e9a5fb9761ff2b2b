#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "armour.h"
#include "cert.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define NOW_MS ((uint64_t)1800000000000)

static const struct hf_cert_dates dates = { NOW_MS - DAY_MS,
					    NOW_MS + 90 * DAY_MS };
static struct hf_secret *issuer;
static struct hf_secret *other;
static char issuer_pem[HF_CERT_SIZE];

static int start(void **state)
{
	const uint8_t seed[HF_SEED_BYTES] = { 7 };
	const uint8_t other_seed[HF_SEED_BYTES] = { 8 };
	const struct hf_cert_dates long_dates = { NOW_MS - DAY_MS,
						  NOW_MS + 3650 * DAY_MS };

	if (hf_sign_start(NULL) != HF_OK ||
	    hf_secret_from_seed(seed, &issuer, NULL) != HF_OK ||
	    hf_secret_from_seed(other_seed, &other, NULL) != HF_OK)
		return -1;
	return hf_cert_issuer_new(issuer, BYTES("hotline.example"), long_dates,
				  issuer_pem, NULL) == HF_OK
		       ? 0
		       : -1;
}

static int stop(void **state)
{
	hf_secret_free(issuer);
	hf_secret_free(other);
	return 0;
}

static struct hf_cert_client client(const char *name, unsigned duty)
{
	return (struct hf_cert_client){ hf_span_of(name), duty, dates };
}

static enum hf_err verify(const char *pem, uint64_t now_ms, struct hf_why *why)
{
	struct hf_cert_info info;

	return hf_cert_client_verify(hf_span_of(issuer_pem), hf_span_of(pem),
				     now_ms, &info, why);
}

static EVP_PKEY *private_key_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return key;
}

static X509 *cert_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return cert;
}

static void a_node_certificate_says_what_it_should(void **state)
{
	struct hf_cert_made made, again;
	struct hf_cert_info info, other_info;
	struct hf_why why = { "" };
	EVP_PKEY *key;
	X509 *cert;

	assert_ok(
		hf_cert_node_new(BYTES("hotline.example"), dates, &made, &why),
		&why);
	assert_ok(hf_cert_inspect(hf_span_of(made.cert_pem), &info, &why),
		  &why);
	assert_string_equal(info.name, "hotline.example");
	assert_string_equal(info.domain, "hotline.example");
	assert_int_equal(info.duty, 0);
	assert_false(info.is_issuer);
	assert_int_equal(info.serial_len_bytes, HF_CERT_SERIAL_BYTES);
	assert_true(info.not_before_ms == dates.not_before_ms);
	assert_true(info.not_after_ms == dates.not_after_ms);

	/* Another library's opinion: the key fits, the signature verifies. */
	cert = cert_of(made.cert_pem);
	key = private_key_of(made.key_pem);
	assert_int_equal(X509_check_private_key(cert, key), 1);
	assert_int_equal(X509_verify(cert, key), 1);
	assert_int_equal(X509_check_host(cert, "hotline.example", 0, 0, NULL),
			 1);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0),
			 1);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0),
			 1);
	assert_int_equal(X509_check_ca(cert), 0);
	X509_free(cert);
	EVP_PKEY_free(key);

	assert_ok(
		hf_cert_node_new(BYTES("hotline.example"), dates, &again, &why),
		&why);
	assert_ok(
		hf_cert_inspect(hf_span_of(again.cert_pem), &other_info, &why),
		&why);
	assert_memory_not_equal(info.pin, other_info.pin, sizeof(info.pin));
	assert_memory_not_equal(info.serial, other_info.serial, 16);
	hf_cert_made_wipe(&made);
	assert_int_equal(made.key_pem[0], 0);
}

static void the_longest_domain_fits(void **state)
{
	char domain[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_cert_made made;
	struct hf_cert_info info;
	struct hf_why why = { "" };

	for (size_t i = 0; i < HF_DOMAIN_MAX_BYTES; i++)
		domain[i] = i % 2 == 1 ? '.' : 'a';
	domain[HF_DOMAIN_MAX_BYTES] = '\0';
	assert_ok(hf_cert_node_new(hf_span_of(domain), dates, &made, &why),
		  &why);
	assert_ok(hf_cert_inspect(hf_span_of(made.cert_pem), &info, &why),
		  &why);
	assert_string_equal(info.domain, domain);
}

static void what_cannot_be_certified_is_refused(void **state)
{
	const struct hf_cert_dates backwards = { NOW_MS, NOW_MS };
	const struct hf_cert_dates endless = { NOW_MS, UINT64_MAX };
	const char *const long_name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				      "aaaaaaaaaaaaaaaaaaaaaaa"
				      "aa";
	const struct hf_cert_client rows[] = {
		client("", HF_DUTY_ANALYST),
		client(long_name, HF_DUTY_ANALYST),
		client("two\nlines", HF_DUTY_ANALYST),
		client("ann", 0),
		client("ann", HF_DUTY_PEER),
		client("ann", HF_DUTY_ANALYST | HF_DUTY_OPERATOR),
		{ BYTES("ann"), HF_DUTY_ANALYST, backwards },
		{ BYTES("ann"), HF_DUTY_ANALYST, endless },
	};
	const struct hf_cert_client fine = client("ann", HF_DUTY_ANALYST);
	struct hf_cert_made made;

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(hf_cert_client_new(issuer,
						    hf_span_of(issuer_pem),
						    &rows[i], &made, NULL),
				 HF_E_ARGUMENT);
	assert_int_equal(hf_cert_client_new(other, hf_span_of(issuer_pem),
					    &fine, &made, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_cert_node_new(BYTES("no,DNS:evil.example"), dates,
					  &made, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_cert_node_new(BYTES("hotline.example"), backwards,
					  &made, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_cert_issuer_new(issuer, BYTES("Hotline"), dates,
					    made.cert_pem, NULL),
			 HF_E_ARGUMENT);
}

static void a_client_of_every_duty_verifies(void **state)
{
	const unsigned duties[] = { HF_DUTY_ANALYST, HF_DUTY_SCANNER,
				    HF_DUTY_OPERATOR, HF_DUTY_READER };

	for (size_t i = 0; i < ROWS(duties); i++) {
		const struct hf_cert_client ann =
			client("Ann \xc3\x9f", duties[i]);
		struct hf_cert_made made;
		struct hf_cert_info info, read;
		struct hf_why why = { "" };

		assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem),
					     &ann, &made, &why),
			  &why);
		assert_ok(hf_cert_client_verify(hf_span_of(issuer_pem),
						hf_span_of(made.cert_pem),
						NOW_MS, &info, &why),
			  &why);
		assert_string_equal(info.name, "Ann \xc3\x9f");
		assert_int_equal(info.duty, duties[i]);
		assert_string_equal(info.domain, "");
		assert_ok(
			hf_cert_inspect(hf_span_of(made.cert_pem), &read, &why),
			&why);
		assert_memory_equal(&info, &read, sizeof(info));
	}
}

static void a_client_is_valid_between_its_dates_only(void **state)
{
	const struct hf_cert_client ann = client("ann", HF_DUTY_READER);
	struct hf_cert_made made;
	struct hf_why why = { "" };

	assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem), &ann,
				     &made, &why),
		  &why);
	assert_int_equal(verify(made.cert_pem, dates.not_before_ms - 1, NULL),
			 HF_E_EXPIRED);
	assert_int_equal(verify(made.cert_pem, dates.not_before_ms, NULL),
			 HF_OK);
	assert_int_equal(verify(made.cert_pem, dates.not_after_ms, NULL),
			 HF_OK);
	assert_int_equal(verify(made.cert_pem, dates.not_after_ms + 1, NULL),
			 HF_E_EXPIRED);
}

static void an_expired_issuer_vouches_for_nobody(void **state)
{
	struct hf_cert_client ann = client("ann", HF_DUTY_READER);
	struct hf_cert_made made;
	struct hf_cert_info info;
	struct hf_why why = { "" };

	ann.dates.not_after_ms = NOW_MS + 5000 * DAY_MS;
	assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem), &ann,
				     &made, &why),
		  &why);
	assert_int_equal(hf_cert_client_verify(hf_span_of(issuer_pem),
					       hf_span_of(made.cert_pem),
					       NOW_MS + 4000 * DAY_MS, &info,
					       &why),
			 HF_E_EXPIRED);
	assert_non_null(strstr(why.text, "issuing"));
}

static void a_renewed_certificate_keeps_key_name_and_duty(void **state)
{
	const struct hf_cert_client ann = client("ann", HF_DUTY_SCANNER);
	const struct hf_cert_dates next = { NOW_MS + 80 * DAY_MS,
					    NOW_MS + 170 * DAY_MS };
	char renewed[HF_CERT_SIZE], none[HF_CERT_SIZE];
	struct hf_cert_made made, node;
	struct hf_cert_info old_info, new_info;
	struct hf_why why = { "" };

	assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem), &ann,
				     &made, &why),
		  &why);
	assert_ok(hf_cert_client_renew(issuer, hf_span_of(issuer_pem),
				       hf_span_of(made.cert_pem), next, renewed,
				       &why),
		  &why);
	assert_ok(hf_cert_inspect(hf_span_of(made.cert_pem), &old_info, &why),
		  &why);
	assert_ok(hf_cert_client_verify(hf_span_of(issuer_pem),
					hf_span_of(renewed),
					NOW_MS + 100 * DAY_MS, &new_info, &why),
		  &why);
	assert_memory_equal(old_info.pin, new_info.pin, sizeof(old_info.pin));
	assert_memory_not_equal(old_info.serial, new_info.serial, 16);
	assert_string_equal(new_info.name, "ann");
	assert_int_equal(new_info.duty, HF_DUTY_SCANNER);

	/* Only what the issuer signed before, and never its own. */
	assert_ok(hf_cert_node_new(BYTES("evil.example"), dates, &node, &why),
		  &why);
	assert_int_equal(hf_cert_client_renew(issuer, hf_span_of(issuer_pem),
					      hf_span_of(node.cert_pem), next,
					      none, NULL),
			 HF_E_SIGNATURE);
	assert_int_equal(hf_cert_client_renew(issuer, hf_span_of(issuer_pem),
					      hf_span_of(issuer_pem), next,
					      none, NULL),
			 HF_E_DENIED);
}

/* A certificate that our own maker would never make. */
struct forged {
	const char *name;
	const char *constraints;
	const char *purposes;
	const char *names;
	int critical_extra; /* a critical extension nobody knows */
	int serial;
	enum { BY_ISSUER, BY_OTHER, BY_ITSELF, BY_A_CLIENT } signer;
	enum hf_err inspected;
	enum hf_err verified;
};

static EVP_PKEY *key_of(const struct hf_secret *secret)
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
					    hf_secret_seed(secret), 32);
}

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension;

	if (value == NULL)
		return;
	extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static void forge(const struct forged *row, char out_pem[HF_CERT_SIZE])
{
	struct hf_cert_client bob = client("bob", HF_DUTY_READER);
	EVP_PKEY *key = EVP_EC_gen("P-256"), *by = NULL;
	X509 *cert = X509_new(), *signer = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	struct hf_cert_made made;
	char *text;
	long len;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), row->serial);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
				   MBSTRING_UTF8, (const uint8_t *)"mallory",
				   -1, -1, 0);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW_MS / 1000 - 60);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW_MS / 1000 + 60);
	X509_set_pubkey(cert, key);
	extend(cert, NID_basic_constraints, row->constraints);
	extend(cert, NID_ext_key_usage, row->purposes);
	extend(cert, NID_subject_alt_name, row->names);
	if (row->critical_extra)
		extend(cert, NID_netscape_comment, "critical,hm");

	switch (row->signer) {
	case BY_ISSUER:
	case BY_OTHER:
		signer = cert_of(issuer_pem);
		by = key_of(row->signer == BY_ISSUER ? issuer : other);
		break;
	case BY_A_CLIENT:
		assert_int_equal(hf_cert_client_new(issuer,
						    hf_span_of(issuer_pem),
						    &bob, &made, NULL),
				 HF_OK);
		signer = cert_of(made.cert_pem);
		by = private_key_of(made.key_pem);
		break;
	case BY_ITSELF:
		break;
	}
	X509_set_issuer_name(cert,
			     X509_get_subject_name(signer ? signer : cert));
	assert_true(X509_sign(cert, by ? by : key,
			      by && EVP_PKEY_is_a(by, "ED25519")
				      ? NULL
				      : EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_true(len < HF_CERT_SIZE);
	memcpy(out_pem, text, (size_t)len);
	out_pem[len] = '\0';
	BIO_free(bio);
	X509_free(cert);
	X509_free(signer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(by);
}

#define DUTY "URI:hashfed:duty:"

static void forged_certificates_get_nowhere(void **state)
{
	const struct forged rows[] = {
		{ "a good one", "CA:FALSE", "clientAuth", DUTY "reader", 0, 9,
		  BY_ISSUER, HF_OK, HF_OK },
		{ "another's key", "CA:FALSE", "clientAuth", DUTY "reader", 0,
		  9, BY_OTHER, HF_OK, HF_E_SIGNATURE },
		{ "self-signed", "CA:FALSE", "clientAuth", DUTY "reader", 0, 9,
		  BY_ITSELF, HF_OK, HF_E_SIGNATURE },
		{ "minted by a client", "CA:FALSE", "clientAuth",
		  DUTY "operator", 0, 9, BY_A_CLIENT, HF_OK, HF_E_SIGNATURE },
		{ "an issuer", "critical,CA:TRUE", "clientAuth", DUTY "reader",
		  0, 9, BY_ISSUER, HF_OK, HF_E_DENIED },
		{ "no purpose", "CA:FALSE", NULL, DUTY "reader", 0, 9,
		  BY_ISSUER, HF_OK, HF_E_DENIED },
		{ "servers only", "CA:FALSE", "serverAuth", DUTY "reader", 0, 9,
		  BY_ISSUER, HF_OK, HF_E_DENIED },
		{ "no duty", "CA:FALSE", "clientAuth", NULL, 0, 9, BY_ISSUER,
		  HF_OK, HF_E_DENIED },
		{ "an unknown duty", "CA:FALSE", "clientAuth", DUTY "king", 0,
		  9, BY_ISSUER, HF_OK, HF_E_DENIED },
		{ "a peer's duty", "CA:FALSE", "clientAuth", DUTY "peer", 0, 9,
		  BY_ISSUER, HF_OK, HF_E_DENIED },
		{ "two duties", "CA:FALSE", "clientAuth",
		  DUTY "reader," DUTY "operator", 0, 9, BY_ISSUER, HF_OK,
		  HF_E_DENIED },
		{ "one duty twice", "CA:FALSE", "clientAuth",
		  DUTY "reader," DUTY "reader", 0, 9, BY_ISSUER, HF_OK,
		  HF_E_DENIED },
		{ "critical and unknown", "CA:FALSE", "clientAuth",
		  DUTY "reader", 1, 9, BY_ISSUER, HF_OK, HF_E_DENIED },
		{ "a negative serial", "CA:FALSE", "clientAuth", DUTY "reader",
		  0, -9, BY_ISSUER, HF_E_MALFORMED, HF_E_MALFORMED },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char pem[HF_CERT_SIZE];
		struct hf_cert_info info;
		enum hf_err err;

		forge(&rows[i], pem);
		err = hf_cert_inspect(hf_span_of(pem), &info, NULL);
		if (err != rows[i].inspected)
			fail_msg("%s: inspected: %s", rows[i].name,
				 hf_err_name(err));
		err = verify(pem, NOW_MS, NULL);
		if (err != rows[i].verified)
			fail_msg("%s: verified: %s", rows[i].name,
				 hf_err_name(err));
	}
}

static void an_issuer_must_be_one(void **state)
{
	const struct hf_cert_client ann = client("ann", HF_DUTY_READER);
	struct hf_cert_made made, node;
	struct hf_cert_info info;
	struct hf_why why = { "" };

	assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem), &ann,
				     &made, &why),
		  &why);
	assert_ok(
		hf_cert_node_new(BYTES("hotline.example"), dates, &node, &why),
		&why);
	assert_int_equal(hf_cert_client_verify(hf_span_of(node.cert_pem),
					       hf_span_of(node.cert_pem),
					       NOW_MS, &info, NULL),
			 HF_E_SIGNATURE);
	assert_int_equal(hf_cert_client_verify(hf_span_of(made.cert_pem),
					       hf_span_of(made.cert_pem),
					       NOW_MS, &info, NULL),
			 HF_E_SIGNATURE);
	assert_int_equal(verify(issuer_pem, NOW_MS, NULL), HF_E_DENIED);
}

static void what_is_not_one_certificate_is_refused(void **state)
{
	static char twice[2 * HF_CERT_SIZE], before[HF_CERT_SIZE + 8];
	static char key[HF_CERT_SIZE], huge[HF_CERT_PEM_MAX_BYTES + 2];
	struct hf_cert_info info;
	size_t len = strlen(issuer_pem);
	/* Pointers, because most of the texts are made below. */
	const struct {
		const char *pem;
		enum hf_err want;
	} rows[] = {
		{ "", HF_E_MALFORMED },
		{ "hello", HF_E_MALFORMED },
		{ "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		  HF_E_MALFORMED },
		{ "-----BEGIN CERTIFICATE-----\nMIIB\n"
		  "-----END CERTIFICATE-----\n",
		  HF_E_MALFORMED },
		{ twice, HF_E_MALFORMED },
		{ before, HF_E_MALFORMED },
		{ key, HF_E_MALFORMED },
		{ huge, HF_E_LIMIT },
	};
	struct hf_cert_made made;

	snprintf(twice, sizeof(twice), "%s%s", issuer_pem, issuer_pem);
	snprintf(before, sizeof(before), "hello\n%s", issuer_pem);
	assert_int_equal(
		hf_cert_node_new(BYTES("a.example"), dates, &made, NULL),
		HF_OK);
	snprintf(key, sizeof(key), "%s", made.key_pem);
	memset(huge, ' ', sizeof(huge) - 1);
	memcpy(huge, issuer_pem, len);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(
			hf_cert_inspect(hf_span_of(rows[i].pem), &info, NULL),
			rows[i].want);
	for (size_t cut = 0; cut + 1 < len; cut += 7)
		assert_int_equal(
			hf_cert_inspect(hf_span(issuer_pem, cut), &info, NULL),
			HF_E_MALFORMED);
}

static void changed_bytes_never_verify(void **state)
{
	const struct hf_cert_client ann = client("ann", HF_DUTY_READER);
	struct hf_cert_made made;
	struct hf_why why = { "" };
	uint8_t der[HF_CERT_SIZE];
	char pem[HF_CERT_SIZE];
	size_t len;

	assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem), &ann,
				     &made, &why),
		  &why);
	assert_ok(hf_armour_parse("CERTIFICATE", hf_span_of(made.cert_pem), der,
				  sizeof(der), &len, &why),
		  &why);
	for (size_t at = 0; at < len; at++) {
		der[at] ^= 1;
		hf_armour_encode("CERTIFICATE", hf_span(der, len), pem);
		assert_int_not_equal(verify(pem, NOW_MS, NULL), HF_OK);
		der[at] ^= 1;
	}
	/* And bytes behind it. */
	der[len] = 0;
	hf_armour_encode("CERTIFICATE", hf_span(der, len + 1), pem);
	assert_int_equal(verify(pem, NOW_MS, NULL), HF_E_MALFORMED);
}

static void a_key_fits_its_own_certificate_only(void **state)
{
	struct hf_cert_made one, stray;
	struct hf_why why = { "" };
	struct hf_span cert;

	assert_ok(hf_cert_node_new(BYTES("hotline.example"), dates, &one, &why),
		  &why);
	assert_ok(
		hf_cert_node_new(BYTES("hotline.example"), dates, &stray, &why),
		&why);
	cert = hf_span_of(one.cert_pem);
	assert_ok(hf_cert_check_key(cert, hf_span_of(one.key_pem), &why), &why);
	assert_int_equal(
		hf_cert_check_key(cert, hf_span_of(stray.key_pem), NULL),
		HF_E_ARGUMENT);
	assert_int_equal(hf_cert_check_key(cert, cert, NULL), HF_E_MALFORMED);
	assert_int_equal(hf_cert_check_key(cert, BYTES(""), NULL),
			 HF_E_MALFORMED);
	assert_int_equal(hf_cert_check_key(cert, BYTES("noise"), NULL),
			 HF_E_MALFORMED);
	hf_cert_made_wipe(&one);
	hf_cert_made_wipe(&stray);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_certificate_says_what_it_should),
		cmocka_unit_test(the_longest_domain_fits),
		cmocka_unit_test(what_cannot_be_certified_is_refused),
		cmocka_unit_test(a_client_of_every_duty_verifies),
		cmocka_unit_test(a_client_is_valid_between_its_dates_only),
		cmocka_unit_test(an_expired_issuer_vouches_for_nobody),
		cmocka_unit_test(a_renewed_certificate_keeps_key_name_and_duty),
		cmocka_unit_test(forged_certificates_get_nowhere),
		cmocka_unit_test(an_issuer_must_be_one),
		cmocka_unit_test(what_is_not_one_certificate_is_refused),
		cmocka_unit_test(changed_bytes_never_verify),
		cmocka_unit_test(a_key_fits_its_own_certificate_only),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
