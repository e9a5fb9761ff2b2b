/*
 * ring_fixture.h -- a ring of the hotline's in a folder of its own, for each
 * test, and two organisations that it may enrol.
 */
#ifndef HF_TEST_RING_FIXTURE_H
#define HF_TEST_RING_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert.h"
#include "organisations.h"
#include "ring.h"
#include "ringdir.h"

/* Three organisations; the ring is the hotline's. */
static struct made_up hotline, partner, provider;
static struct hf_secret *issuer;
static char issuer_pem[HF_CERT_SIZE];
static char home[64], dir[96];

static const struct hf_cert_dates dates = { NOW_MS - DAY_MS,
					    NOW_MS + 90 * DAY_MS };

static inline int start(void **state)
{
	const struct hf_cert_dates long_dates = { NOW_MS - DAY_MS,
						  NOW_MS + 3650 * DAY_MS };

	if (hf_sign_start(NULL) != HF_OK)
		return -1;
	issuer = secret_of(99);
	if (issuer == NULL ||
	    hf_cert_issuer_new(issuer, BYTES("hotline.example"), long_dates,
			       issuer_pem, NULL) != HF_OK)
		return -1;
	if (made_up_new(&hotline, "hotline.example", 10, 1, 1, NULL) != HF_OK ||
	    made_up_new(&partner, "partner.example", 20, 1, 1, NULL) != HF_OK ||
	    made_up_new(&provider, "provider.example", 30, 1, 1, NULL) != HF_OK)
		return -1;
	return 0;
}

static inline int stop(void **state)
{
	made_up_free(&hotline);
	made_up_free(&partner);
	made_up_free(&provider);
	hf_secret_free(issuer);
	return 0;
}

static inline int remove_one(const char *path, const struct stat *found,
			     int kind, struct FTW *at)
{
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int fresh(void **state)
{
	strcpy(home, "/tmp/hashfed-ring-XXXXXX");
	if (mkdtemp(home) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s/ring", home);
	if (hf_ring_create(dir, hf_buf_span(&hotline.document),
			   hf_span_of(issuer_pem), NULL) != HF_OK) {
		remove_tree(home);
		return -1;
	}
	return 0;
}

static inline int cleared(void **state)
{
	remove_tree(home);
	return 0;
}

static inline struct hf_ring *loaded(void)
{
	struct hf_ring *ring = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_ring_load(dir, &ring, &why), &why);
	return ring;
}

static inline size_t warnings_of(const struct hf_ring *ring)
{
	const char *const *texts;

	return hf_ring_warnings(ring, &texts);
}

/* Enrol as a person would who compared the digits. */
static inline enum hf_err enrol_with(struct hf_span document,
				     const struct hf_ring_peer_options *options,
				     struct hf_why *why)
{
	char print[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_buf invite;
	enum hf_err err;

	hf_buf_init(&invite, HF_INVITE_MAX_BYTES);
	err = hf_trust_invite_make(document, NULL, 0, &invite, why);
	if (err == HF_OK)
		err = hf_ring_invite_fingerprint(dir, hf_buf_span(&invite),
						 print, name, why);
	if (err == HF_OK)
		err = hf_ring_save_peer(dir, hf_buf_span(&invite),
					hf_span_of(print), options, why);
	hf_buf_release(&invite);
	return err;
}

static inline enum hf_err enrol(const struct made_up *org, struct hf_why *why)
{
	const struct hf_ring_peer_options options = { .now_ms = NOW_MS };

	return enrol_with(hf_buf_span(&org->document), &options, why);
}

#define WITH_A_RING(test) cmocka_unit_test_setup_teardown(test, fresh, cleared)

#endif /* HF_TEST_RING_FIXTURE_H */
