#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "armour.h"
#include "sha256.h"
#include "text.h"

#include "cert_x509.h"

/* What the armour of HF_CERT_PEM_MAX_BYTES can hold, and a little. */
#define DER_MAX_BYTES (HF_CERT_PEM_MAX_BYTES / 4 * 3)

enum hf_err hf_cert_failed(struct hf_why *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	enum hf_err err = hf_why(why, HF_E_SYSTEM, "certificate: %s: %s", what,
				 reason != NULL ? reason : "OpenSSL refused");

	ERR_clear_error();
	return err;
}

static enum hf_err malformed(struct hf_why *why, const char *what)
{
	ERR_clear_error();
	return hf_why(why, HF_E_MALFORMED, "certificate: %s", what);
}

static enum hf_err parse(struct hf_span pem, X509 **out_cert,
			 uint8_t *out_fingerprint, struct hf_why *why)
{
	uint8_t der[DER_MAX_BYTES];
	const uint8_t *at = der;
	size_t len_bytes = 0;
	enum hf_err err;
	X509 *cert;

	if (pem.len_bytes > HF_CERT_PEM_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "certificate: larger than %zu bytes",
			      HF_CERT_PEM_MAX_BYTES);
	err = hf_armour_parse("CERTIFICATE", pem, der, sizeof(der), &len_bytes,
			      why);
	if (err != HF_OK) {
		hf_why_prefix(why, "certificate: ");
		return err;
	}
	cert = d2i_X509(NULL, &at, (long)len_bytes);
	if (cert == NULL)
		return malformed(why, "does not decode");
	if (at != der + len_bytes) {
		X509_free(cert);
		return malformed(why, "has bytes behind it");
	}
	hf_sha256(der, len_bytes, out_fingerprint);
	*out_cert = cert;
	return HF_OK;
}

static enum hf_err read_pin(X509 *cert, uint8_t *out_pin, struct hf_why *why)
{
	unsigned char *der = NULL;
	int len_bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	if (len_bytes <= 0)
		return malformed(why, "its public key does not encode");
	hf_sha256(der, (size_t)len_bytes, out_pin);
	OPENSSL_free(der);
	return HF_OK;
}

static enum hf_err read_serial(X509 *cert, struct hf_cert_info *info,
			       struct hf_why *why)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	int len_bytes = ASN1_STRING_length(serial);

	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len_bytes < 0 ||
	    len_bytes > HF_CERT_SERIAL_MAX_BYTES)
		return malformed(why, "its serial number is negative or "
				      "longer than 20 bytes");
	if (len_bytes > 0)
		memcpy(info->serial, ASN1_STRING_get0_data(serial),
		       (size_t)len_bytes);
	info->serial_len_bytes = (size_t)len_bytes;
	return HF_OK;
}

static enum hf_err read_name(X509 *cert, struct hf_cert_info *info,
			     struct hf_why *why)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int len_bytes;
	bool is_fine;

	if (index < 0)
		return HF_OK;
	len_bytes = ASN1_STRING_to_UTF8(
		&utf8,
		X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
	if (len_bytes < 0)
		return malformed(why, "its name does not decode");
	is_fine = len_bytes <= HF_CERT_NAME_MAX_BYTES &&
		  hf_text_is_clean(hf_span(utf8, (size_t)len_bytes));
	if (is_fine)
		memcpy(info->name, utf8, (size_t)len_bytes);
	OPENSSL_free(utf8);
	return is_fine ? HF_OK
		       : malformed(why, "its name is longer than 64 bytes or "
					"has control characters");
}

static void read_dns(const GENERAL_NAME *name, struct hf_cert_info *info)
{
	const ASN1_STRING *text = name->d.dNSName;
	char domain[HF_DOMAIN_MAX_BYTES];
	size_t len_bytes = (size_t)ASN1_STRING_length(text);

	if (info->domain[0] != '\0' || len_bytes > sizeof(domain))
		return;
	for (size_t i = 0; i < len_bytes; i++) {
		char c = (char)ASN1_STRING_get0_data(text)[i];

		domain[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (hf_text_is_domain(hf_span(domain, len_bytes)))
		memcpy(info->domain, domain, len_bytes);
}

/* Count the duties that it names, and keep the first. */
static void read_duty(const GENERAL_NAME *name, unsigned *count,
		      struct hf_cert_info *info)
{
	const ASN1_STRING *text = name->d.uniformResourceIdentifier;
	size_t prefix_len_bytes = strlen(HF_CERT_DUTY_URI);
	struct hf_span uri = hf_span(ASN1_STRING_get0_data(text),
				     (size_t)ASN1_STRING_length(text));

	if (uri.len_bytes < prefix_len_bytes ||
	    memcmp(uri.at, HF_CERT_DUTY_URI, prefix_len_bytes) != 0)
		return;
	if ((*count)++ == 0)
		info->duty = hf_duty_parse(
			hf_span(uri.at + prefix_len_bytes,
				uri.len_bytes - prefix_len_bytes));
}

static enum hf_err read_names(X509 *cert, struct hf_cert_info *info,
			      struct hf_why *why)
{
	unsigned duties_count = 0;
	int critical = 0;
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);

	if (names == NULL)
		return critical == -1
			       ? HF_OK
			       : malformed(why,
					   "its other names do not decode");
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			read_dns(name, info);
		else if (name->type == GEN_URI)
			read_duty(name, &duties_count, info);
	}
	GENERAL_NAMES_free(names);
	/* Two duties are none: nobody issues that, and guessing is worse. */
	if (duties_count != 1)
		info->duty = 0;
	return HF_OK;
}

static enum hf_err read_time(const ASN1_TIME *time, uint64_t *out_ms,
			     struct hf_why *why)
{
	struct tm tm;
	time_t seconds;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return malformed(why, "its dates do not decode");
	seconds = timegm(&tm);
	/* Before 1970 is as long ago as we can say. */
	*out_ms = seconds > 0 ? (uint64_t)seconds * 1000 : 0;
	return HF_OK;
}

static enum hf_err read_all(X509 *cert, struct hf_cert_info *info,
			    struct hf_why *why)
{
	enum hf_err err;

	/* The first question about extensions decodes all of them. */
	info->is_issuer = X509_check_ca(cert) != 0;
	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return malformed(why, "its extensions do not decode");
	err = read_pin(cert, info->pin, why);
	if (err == HF_OK)
		err = read_serial(cert, info, why);
	if (err == HF_OK)
		err = read_name(cert, info, why);
	if (err == HF_OK)
		err = read_names(cert, info, why);
	if (err == HF_OK)
		err = read_time(X509_get0_notBefore(cert), &info->not_before_ms,
				why);
	if (err == HF_OK)
		err = read_time(X509_get0_notAfter(cert), &info->not_after_ms,
				why);
	ERR_clear_error();
	return err;
}

enum hf_err hf_cert_load(struct hf_span pem, X509 **out_cert,
			 struct hf_cert_info *out_info, struct hf_why *why)
{
	struct hf_cert_info info = { .duty = 0 };
	X509 *cert = NULL;
	enum hf_err err = parse(pem, &cert, info.fingerprint, why);

	if (err == HF_OK)
		err = read_all(cert, &info, why);
	if (err != HF_OK) {
		X509_free(cert);
		return err;
	}
	*out_cert = cert;
	*out_info = info;
	return HF_OK;
}

enum hf_err hf_cert_inspect(struct hf_span pem, struct hf_cert_info *out_info,
			    struct hf_why *why)
{
	X509 *cert = NULL;
	enum hf_err err = hf_cert_load(pem, &cert, out_info, why);

	X509_free(cert);
	return err;
}

enum hf_err hf_cert_check_client(X509 *issuer, X509 *leaf,
				 const struct hf_cert_info *info,
				 struct hf_why *why)
{
	bool is_signed = X509_check_ca(issuer) == 1 &&
			 X509_check_issued(issuer, leaf) == X509_V_OK &&
			 X509_verify(leaf, X509_get0_pubkey(issuer)) == 1;
	uint32_t purposes = X509_get_extended_key_usage(leaf);

	ERR_clear_error();
	if (!is_signed)
		return hf_why(why, HF_E_SIGNATURE,
			      "certificate: not signed by our client-issuing "
			      "key");
	if (info->is_issuer)
		return hf_why(why, HF_E_DENIED,
			      "certificate: is an issuer's, not a client's");
	if (purposes == UINT32_MAX || (purposes & XKU_SSL_CLIENT) == 0)
		return hf_why(why, HF_E_DENIED,
			      "certificate: not for TLS clients");
	if ((X509_get_extension_flags(leaf) & EXFLAG_CRITICAL) != 0)
		return hf_why(why, HF_E_DENIED,
			      "certificate: has a critical extension that is "
			      "not understood");
	if (info->duty == 0 || info->duty == HF_DUTY_PEER)
		return hf_why(why, HF_E_DENIED,
			      "certificate: does not name one duty");
	return HF_OK;
}

static enum hf_err check_dates(const struct hf_cert_info *info, uint64_t now_ms,
			       const char *whose, struct hf_why *why)
{
	if (now_ms < info->not_before_ms)
		return hf_why(why, HF_E_EXPIRED,
			      "certificate: %s is not valid yet", whose);
	if (now_ms > info->not_after_ms)
		return hf_why(why, HF_E_EXPIRED, "certificate: %s has expired",
			      whose);
	return HF_OK;
}

enum hf_err hf_cert_client_verify(struct hf_span issuer_pem, struct hf_span pem,
				  uint64_t now_ms,
				  struct hf_cert_info *out_info,
				  struct hf_why *why)
{
	struct hf_cert_info info, issuer_info;
	X509 *issuer = NULL, *leaf = NULL;
	enum hf_err err;

	err = hf_cert_load(issuer_pem, &issuer, &issuer_info, why);
	if (err != HF_OK)
		hf_why_prefix(why, "client-issuing ");
	else
		err = hf_cert_load(pem, &leaf, &info, why);
	if (err == HF_OK)
		err = hf_cert_check_client(issuer, leaf, &info, why);
	if (err == HF_OK)
		err = check_dates(&issuer_info, now_ms,
				  "the client-issuing certificate", why);
	if (err == HF_OK)
		err = check_dates(&info, now_ms, "the client's", why);
	if (err == HF_OK)
		*out_info = info;
	X509_free(leaf);
	X509_free(issuer);
	return err;
}

/* A locked key must not make OpenSSL ask the terminal. */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
	return -1;
}

static EVP_PKEY *read_key(struct hf_span pem)
{
	EVP_PKEY *key;
	BIO *bio;

	if (pem.len_bytes == 0 || pem.len_bytes > HF_CERT_PEM_MAX_BYTES)
		return NULL;
	bio = BIO_new_mem_buf(pem.at, (int)pem.len_bytes);
	if (bio == NULL)
		return NULL;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return key;
}

enum hf_err hf_cert_check_key(struct hf_span cert_pem, struct hf_span key_pem,
			      struct hf_why *why)
{
	struct hf_cert_info info;
	EVP_PKEY *key;
	X509 *cert;
	enum hf_err err = hf_cert_load(cert_pem, &cert, &info, why);

	if (err != HF_OK)
		return err;
	key = read_key(key_pem);
	if (key == NULL)
		err = hf_why(why, HF_E_MALFORMED, "not a private key");
	else if (X509_check_private_key(cert, key) != 1)
		err = hf_why(why, HF_E_ARGUMENT,
			     "not the key of the certificate beside it");
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(cert);
	return err;
}
