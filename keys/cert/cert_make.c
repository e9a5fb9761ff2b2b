#include <stdio.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "text.h"

#include "cert_x509.h"

/* The last second that a certificate can name, 9999-12-31T23:59:59Z. */
#define LAST_MS ((uint64_t)253402300799 * 1000)

#define ISSUER_NAME "Hashfed clients"
#define NODE_NAME   "Hashfed node" /* where the domain is too long for one */

/* The fields of a certificate to be made. */
struct plan {
	struct hf_span name;
	char other_names[sizeof("DNS:") + HF_DOMAIN_MAX_BYTES];
	const char *constraints;
	const char *key_usage;
	const char *purposes; /* NULL: none stated */
	struct hf_cert_dates dates;
	EVP_PKEY *subject_key; /* borrowed */
	EVP_PKEY *issuer_key;  /* borrowed */
	X509 *issuer;          /* borrowed; NULL: signs itself */
};

void hf_cert_made_wipe(struct hf_cert_made *made)
{
	hf_wipe(made, sizeof(*made));
}

static enum hf_err check_dates(struct hf_cert_dates dates, struct hf_why *why)
{
	if (dates.not_before_ms / 1000 >= dates.not_after_ms / 1000 ||
	    dates.not_after_ms > LAST_MS)
		return hf_why(why, HF_E_ARGUMENT,
			      "certificate: would end before it begins, or "
			      "after the year 9999");
	return HF_OK;
}

static enum hf_err check_domain(struct hf_span domain, struct hf_why *why)
{
	if (!hf_text_is_domain(domain))
		return hf_why(why, HF_E_ARGUMENT,
			      "certificate: the organisation's domain must be "
			      "a lower-case domain name");
	return HF_OK;
}

static bool set_serial(X509 *cert)
{
	uint8_t serial[HF_CERT_SERIAL_BYTES];
	BIGNUM *number;
	bool is_set;

	hf_random(serial, sizeof(serial));
	/* Positive, and always of full length. */
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	is_set =
		number != NULL &&
		BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return is_set;
}

static bool set_names(X509 *cert, const struct plan *plan)
{
	X509_NAME *subject = X509_get_subject_name(cert);

	if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				       plan->name.at, (int)plan->name.len_bytes,
				       -1, 0) != 1)
		return false;
	return X509_set_issuer_name(
		       cert, plan->issuer != NULL
				     ? X509_get_subject_name(plan->issuer)
				     : subject) == 1;
}

static bool set_dates(X509 *cert, struct hf_cert_dates dates)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert),
			     (time_t)(dates.not_before_ms / 1000)) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert),
			     (time_t)(dates.not_after_ms / 1000)) != NULL;
}

static bool add_extension(X509 *cert, X509V3_CTX *context, int nid,
			  const char *value)
{
	X509_EXTENSION *extension;
	bool is_added;

	if (value == NULL)
		return true;
	extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
	is_added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return is_added;
}

static bool add_extensions(X509 *cert, const struct plan *plan)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, plan->issuer != NULL ? plan->issuer : cert,
		       cert, NULL, NULL, 0);
	return add_extension(cert, &context, NID_basic_constraints,
			     plan->constraints) &&
	       add_extension(cert, &context, NID_key_usage, plan->key_usage) &&
	       add_extension(cert, &context, NID_ext_key_usage,
			     plan->purposes) &&
	       add_extension(cert, &context, NID_subject_key_identifier,
			     "hash") &&
	       add_extension(cert, &context, NID_authority_key_identifier,
			     plan->issuer != NULL ? "keyid" : NULL) &&
	       add_extension(cert, &context, NID_subject_alt_name,
			     plan->other_names);
}

/* Ed25519 has its own hash inside. */
static const EVP_MD *digest_of(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

static enum hf_err make(const struct plan *plan, char *out_pem,
			struct hf_why *why)
{
	enum hf_err err = check_dates(plan->dates, why);
	BIO *bio = NULL;
	X509 *cert;
	char *text;
	long len_bytes;

	if (err != HF_OK)
		return err;
	cert = X509_new();
	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    !set_serial(cert) || !set_names(cert, plan) ||
	    !set_dates(cert, plan->dates) ||
	    X509_set_pubkey(cert, plan->subject_key) != 1 ||
	    !add_extensions(cert, plan) ||
	    X509_sign(cert, plan->issuer_key, digest_of(plan->issuer_key)) ==
		    0) {
		err = hf_cert_failed(why, "make");
		goto out_free;
	}
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1) {
		err = hf_cert_failed(why, "write");
		goto out_free;
	}
	len_bytes = BIO_get_mem_data(bio, &text);
	if (len_bytes >= HF_CERT_SIZE) {
		err = hf_why(why, HF_E_LIMIT, "certificate: too large");
		goto out_free;
	}
	memcpy(out_pem, text, (size_t)len_bytes);
	out_pem[len_bytes] = '\0';

out_free:
	BIO_free(bio);
	X509_free(cert);
	return err;
}

/* A key as PKCS #8 text.  BIO's memory is wiped by OpenSSL when freed. */
static enum hf_err write_key(EVP_PKEY *key, char out_pem[HF_CERT_KEY_SIZE],
			     struct hf_why *why)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum hf_err err = HF_OK;
	long len_bytes;
	char *text;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL,
							 0, NULL, NULL) != 1) {
		err = hf_cert_failed(why, "write key");
		goto out_free;
	}
	len_bytes = BIO_get_mem_data(bio, &text);
	if (len_bytes >= HF_CERT_KEY_SIZE) {
		err = hf_why(why, HF_E_LIMIT, "certificate: key too large");
		goto out_free;
	}
	memcpy(out_pem, text, (size_t)len_bytes);
	out_pem[len_bytes] = '\0';

out_free:
	BIO_free(bio);
	return err;
}

/* A fresh key, its text, and the certificate that plan describes for it. */
static enum hf_err make_pair(struct plan *plan, struct hf_cert_made *out_made,
			     struct hf_why *why)
{
	struct hf_cert_made made = { { 0 }, { 0 } };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	enum hf_err err;

	if (key == NULL)
		return hf_cert_failed(why, "make key");
	plan->subject_key = key;
	if (plan->issuer_key == NULL)
		plan->issuer_key = key;
	err = make(plan, made.cert_pem, why);
	if (err == HF_OK)
		err = write_key(key, made.key_pem, why);
	if (err == HF_OK)
		*out_made = made;
	hf_cert_made_wipe(&made);
	EVP_PKEY_free(key);
	return err;
}

static void set_domain(struct plan *plan, struct hf_span domain)
{
	snprintf(plan->other_names, sizeof(plan->other_names), "DNS:%.*s",
		 HF_SPAN_ARGS(domain));
}

enum hf_err hf_cert_node_new(struct hf_span domain, struct hf_cert_dates dates,
			     struct hf_cert_made *out_made, struct hf_why *why)
{
	struct plan plan = {
		.name = domain.len_bytes <= HF_CERT_NAME_MAX_BYTES
				? domain
				: hf_span_of(NODE_NAME),
		.constraints = "critical,CA:FALSE",
		.key_usage = "critical,digitalSignature",
		.purposes = "serverAuth,clientAuth",
		.dates = dates,
	};
	enum hf_err err = check_domain(domain, why);

	if (err != HF_OK)
		return err;
	set_domain(&plan, domain);
	return make_pair(&plan, out_made, why);
}

static enum hf_err issuer_key_of(const struct hf_secret *issuer,
				 EVP_PKEY **out_key, struct hf_why *why)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(
		EVP_PKEY_ED25519, NULL, hf_secret_seed(issuer), HF_SEED_BYTES);

	if (key == NULL)
		return hf_cert_failed(why, "load key");
	*out_key = key;
	return HF_OK;
}

enum hf_err hf_cert_issuer_new(const struct hf_secret *issuer,
			       struct hf_span domain,
			       struct hf_cert_dates dates,
			       char out_pem[static HF_CERT_SIZE],
			       struct hf_why *why)
{
	struct plan plan = {
		.name = hf_span_of(ISSUER_NAME),
		.constraints = "critical,CA:TRUE,pathlen:0",
		.key_usage = "critical,keyCertSign",
		.dates = dates,
	};
	enum hf_err err = check_domain(domain, why);

	if (err == HF_OK)
		err = issuer_key_of(issuer, &plan.issuer_key, why);
	if (err != HF_OK)
		return err;
	plan.subject_key = plan.issuer_key;
	set_domain(&plan, domain);
	err = make(&plan, out_pem, why);
	EVP_PKEY_free(plan.issuer_key);
	return err;
}

/* The issuer's key and certificate into plan; the caller frees both. */
static enum hf_err load_issuer(const struct hf_secret *issuer,
			       struct hf_span issuer_pem, struct plan *plan,
			       struct hf_why *why)
{
	struct hf_cert_info info;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum hf_err err = hf_cert_load(issuer_pem, &cert, &info, why);

	if (err == HF_OK)
		err = issuer_key_of(issuer, &key, why);
	if (err == HF_OK && (X509_check_ca(cert) != 1 ||
			     EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)) {
		ERR_clear_error();
		err = hf_why(why, HF_E_ARGUMENT,
			     "certificate: the client-issuing certificate and "
			     "key do not belong together");
	}
	if (err != HF_OK) {
		EVP_PKEY_free(key);
		X509_free(cert);
		return err;
	}
	plan->issuer_key = key;
	plan->issuer = cert;
	return HF_OK;
}

static enum hf_err plan_client(const struct hf_cert_client *client,
			       struct plan *plan, struct hf_why *why)
{
	const char *duty = hf_duty_name(client->duty);

	if (client->name.len_bytes == 0 ||
	    client->name.len_bytes > HF_CERT_NAME_MAX_BYTES ||
	    !hf_text_is_clean(client->name))
		return hf_why(why, HF_E_ARGUMENT,
			      "certificate: a client's name is 1 to %d bytes "
			      "of text",
			      HF_CERT_NAME_MAX_BYTES);
	if (client->duty == HF_DUTY_PEER ||
	    hf_duty_parse(hf_span_of(duty)) == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "certificate: a client is an analyst, scanner, "
			      "operator or reader");
	plan->name = client->name;
	plan->dates = client->dates;
	plan->constraints = "critical,CA:FALSE";
	plan->key_usage = "critical,digitalSignature";
	plan->purposes = "clientAuth";
	snprintf(plan->other_names, sizeof(plan->other_names),
		 "URI:" HF_CERT_DUTY_URI "%s", duty);
	return HF_OK;
}

enum hf_err hf_cert_client_new(const struct hf_secret *issuer,
			       struct hf_span issuer_pem,
			       const struct hf_cert_client *client,
			       struct hf_cert_made *out_made,
			       struct hf_why *why)
{
	struct plan plan = { .issuer = NULL };
	enum hf_err err = plan_client(client, &plan, why);

	if (err == HF_OK)
		err = load_issuer(issuer, issuer_pem, &plan, why);
	if (err != HF_OK)
		return err;
	err = make_pair(&plan, out_made, why);
	EVP_PKEY_free(plan.issuer_key);
	X509_free(plan.issuer);
	return err;
}

enum hf_err
hf_cert_client_renew(const struct hf_secret *issuer, struct hf_span issuer_pem,
		     struct hf_span old_pem, struct hf_cert_dates dates,
		     char out_pem[static HF_CERT_SIZE], struct hf_why *why)
{
	struct plan plan = { .issuer = NULL };
	struct hf_cert_client client = { .dates = dates };
	struct hf_cert_info info = { .duty = 0 };
	X509 *old = NULL;
	enum hf_err err = load_issuer(issuer, issuer_pem, &plan, why);

	if (err != HF_OK)
		return err;
	err = hf_cert_load(old_pem, &old, &info, why);
	if (err == HF_OK)
		err = hf_cert_check_client(plan.issuer, old, &info, why);
	if (err == HF_OK) {
		client.name = hf_span_of(info.name);
		client.duty = info.duty;
		err = plan_client(&client, &plan, why);
	}
	if (err == HF_OK) {
		plan.subject_key = X509_get0_pubkey(old);
		err = make(&plan, out_pem, why);
	}
	X509_free(old);
	EVP_PKEY_free(plan.issuer_key);
	X509_free(plan.issuer);
	return err;
}
