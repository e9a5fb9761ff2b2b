/*
 * organisations.h -- organisations made up for tests: keys out of small
 * numbers, manifests and agreements that a test then spoils.
 */
#ifndef HF_TEST_ORGANISATIONS_H
#define HF_TEST_ORGANISATIONS_H

#include <string.h>

#include "codec_document.h"
#include "sign.h"
#include "trust.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define NOW_MS ((uint64_t)1800000000000)

/* The Ed25519 key of a small number. */
static inline struct hf_secret *secret_of(uint8_t number)
{
	const uint8_t seed[HF_SEED_BYTES] = { number };
	struct hf_secret *secret = NULL;

	if (hf_secret_from_seed(seed, &secret, NULL) != HF_OK)
		return NULL;
	return secret;
}

/* Everything an organisation has, with the memory its manifest points to. */
struct made_up {
	struct hf_secret *roots[2], *agreement, *notice, *log, *cosigner;
	uint8_t id[32], pin[32], receive[32];
	struct hf_span root_spans[2], pin_span;
	const char *endpoint;
	struct hf_manifest manifest;
	struct hf_buf document; /* version 1, signed */
};

static inline struct hf_span public_span(const struct hf_secret *secret)
{
	return hf_span(hf_secret_public(secret)->bytes, HF_PUBLIC_KEY_BYTES);
}

static inline enum hf_err
made_up_sign(struct made_up *org, struct hf_buf *document, struct hf_why *why)
{
	hf_buf_reset(document);
	return hf_trust_manifest_make(
		&org->manifest, (const struct hf_secret *const *)org->roots,
		org->manifest.root_keys_count, document, why);
}

/* first: 10, 20, 30 ...; the keys are the numbers that follow. */
static inline enum hf_err made_up_new(struct made_up *org, const char *name,
				      uint8_t first, size_t roots,
				      uint32_t threshold, struct hf_why *why)
{
	struct hf_public_key keys[2];

	memset(org, 0, sizeof(*org));
	hf_buf_init(&org->document, HF_MANIFEST_MAX_BYTES);
	for (size_t i = 0; i < 2; i++)
		org->roots[i] = secret_of((uint8_t)(first + i));
	org->agreement = secret_of((uint8_t)(first + 2));
	org->notice = secret_of((uint8_t)(first + 3));
	org->log = secret_of((uint8_t)(first + 4));
	org->cosigner = secret_of((uint8_t)(first + 5));
	if (org->roots[0] == NULL || org->roots[1] == NULL ||
	    org->agreement == NULL || org->notice == NULL || org->log == NULL ||
	    org->cosigner == NULL)
		return hf_why(why, HF_E_NOMEM, "no keys");
	for (size_t i = 0; i < roots; i++) {
		org->root_spans[i] = public_span(org->roots[i]);
		keys[i] = *hf_secret_public(org->roots[i]);
	}
	hf_trust_organisation_id(threshold, keys, roots, org->id);
	memset(org->pin, first, sizeof(org->pin));
	memset(org->receive, first + 1, sizeof(org->receive));
	org->pin_span = hf_span(org->pin, sizeof(org->pin));
	org->endpoint = "127.0.0.1:7443";
	org->manifest = (struct hf_manifest){
		.organisation_id = hf_span(org->id, sizeof(org->id)),
		.version = 1,
		.name = name,
		.country = "NL",
		.root_keys = org->root_spans,
		.root_keys_count = roots,
		.threshold = threshold,
		.agreement_key = public_span(org->agreement),
		.notice_key = public_span(org->notice),
		.receive_key = hf_span(org->receive, sizeof(org->receive)),
		.tls_pins = &org->pin_span,
		.tls_pins_count = 1,
		.endpoints = &org->endpoint,
		.endpoints_count = 1,
		.issued_ms = NOW_MS - DAY_MS,
		.expires_ms = NOW_MS + 300 * DAY_MS,
	};
	return made_up_sign(org, &org->document, why);
}

static inline void made_up_free(struct made_up *org)
{
	for (size_t i = 0; i < 2; i++)
		hf_secret_free(org->roots[i]);
	hf_secret_free(org->agreement);
	hf_secret_free(org->notice);
	hf_secret_free(org->log);
	hf_secret_free(org->cosigner);
	hf_buf_release(&org->document);
}

#endif /* HF_TEST_ORGANISATIONS_H */
