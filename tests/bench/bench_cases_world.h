/*
 * bench_cases_world.h -- a hotline's node as far as its cases need one, and
 * what happens in as many cases as one likes.
 *
 * The node has a real ring, ledger and directory (with claims, because every
 * fold and every row of a list asks who is what), but no signer and no thread:
 * events go into the views as the intake would put them, without the envelopes
 * that they came in.
 */
#ifndef HF_BENCH_CASES_WORLD_H
#define HF_BENCH_CASES_WORLD_H

#include <inttypes.h>
#include <stdlib.h>

#include "bytes.h"
#include "cert.h"
#include "clock.h"
#include "codec_case.h"
#include "conf.h"
#include "ringdir.h"
#include "roles.h"
#include "sha256.h"

#include "cases_in.h"

#include "../unit/ledger_rig.h"
#include "../unit/organisations.h"

#define OURS      "hotline.example/cases/1"
#define DIRECTORY "hotline.example/directory/1"
#define STEPS     5
#define PROVIDERS 200
#define CLAIMS    200
#define MINUTE_MS ((uint64_t)60000)
#define YEAR_MS   (365 * DAY_MS)

static struct hf_why why;

static inline void must(enum hf_err err, const char *what)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_cases: %s: %s: %s\n", what, hf_err_name(err),
		why.text);
	exit(1);
}

static inline double seconds_since(uint64_t begun_us)
{
	return (double)(hf_clock_mono_us() - begun_us) / 1e6;
}

struct world {
	struct rig rig;
	struct made_up hotline, provider;
	struct hf_ring_holder *ring;
	struct hf_roles *roles;
	struct hf_conf conf; /* the defaults of every regime */
	struct hf_cases cases;
	char ring_dir[96];
	char views_dir[96];
	uint64_t now_ms;
	uint64_t count; /* of cases */
};

/*
 * What happens: case i was opened in the course of a year, by us, with one of
 * PROVIDERS.
 */

struct story {
	enum hf_case_event_kind kinds[STEPS];
	uint32_t after_min[STEPS]; /* since the one before */
	bool is_ours[STEPS];
};

#define KIND(name) HF_CASE_EVENT_##name

/* Six in ten go well, and the others badly in four ways. */
static const struct story stories[] = {
	{ { KIND(NOTICE), KIND(RECEIPT), KIND(REVIEW), KIND(REMOVED),
	    KIND(OFFLINE) },
	  { 0, 1, 90, 300, 600 },
	  { true, false, false, false, true } },
	/* Nobody answers: overdue. */
	{ { KIND(NOTICE), KIND(RECEIPT), KIND(RENOTIFY), KIND(RENOTIFY),
	    KIND(RENOTIFY) },
	  { 0, 1, 1500, 1440, 1440 },
	  { true, false, true, true, true } },
	{ { KIND(NOTICE), KIND(RECEIPT), KIND(REJECTED), KIND(CONTEST),
	    KIND(REMOVED) },
	  { 0, 2, 700, 900, 2000 },
	  { true, false, false, true, false } },
	/* Waits for us. */
	{ { KIND(NOTICE), KIND(RECEIPT), KIND(NEEDS_INFO), KIND(INFO),
	    KIND(NEEDS_INFO) },
	  { 0, 1, 60, 60, 60 },
	  { true, false, false, true, false } },
	{ { KIND(NOTICE), KIND(RECEIPT), KIND(REMOVED), KIND(OFFLINE),
	    KIND(REAPPEARED) },
	  { 0, 1, 200, 100, 30000 },
	  { true, false, false, true, true } },
};

static inline const struct story *story_of(uint64_t i)
{
	static const uint8_t of_ten[] = { 0, 0, 1, 0, 2, 0, 3, 0, 4, 0 };

	return &stories[of_ten[i % 10]];
}

/* 32 bytes that are this event's or this case's alone. */
static inline void name_of(uint64_t i, unsigned step, uint8_t out[static 32])
{
	uint8_t seed[9];

	hf_be64_put(seed, i);
	seed[8] = (uint8_t)step;
	hf_sha256(seed, sizeof(seed), out);
}

static inline void provider_name(uint64_t i, char out[static 32])
{
	snprintf(out, 32, "host-%03u.example",
		 (unsigned)(i * 2654435761u % PROVIDERS));
}

static inline void case_key(uint64_t i, uint8_t *out_key)
{
	hf_case_key(hf_span_of(OURS), i, out_key);
}

static inline uint64_t event_ms(const struct world *world, uint64_t i,
				unsigned step)
{
	const struct story *story = story_of(i);
	uint64_t ms = NOW_MS - YEAR_MS + YEAR_MS * i / world->count;

	for (unsigned s = 1; s <= step; s++)
		ms += story->after_min[s] * MINUTE_MS;
	return ms;
}

/* The notice of case i: two places at one site, two hashes. */
struct opening {
	char provider[32], urls[2][80];
	struct hf_locator locators[2];
	uint8_t digests[2][32];
	struct hf_hash hashes[2];
	struct hf_notice notice;
};

static inline void opening_make(const struct world *world, uint64_t i,
				struct opening *out)
{
	provider_name(i, out->provider);
	for (unsigned n = 0; n < 2; n++) {
		name_of(i, 100 + n, out->digests[n]);
		snprintf(out->urls[n], sizeof(out->urls[n]),
			 "https://images.site-%u.example/album/%" PRIu64 "/%u",
			 (unsigned)(i % 5000), i, n);
		out->locators[n] = (struct hf_locator){ .url = out->urls[n] };
		out->hashes[n] = (struct hf_hash){
			.algorithm = HF_ALGORITHM_SHA256,
			.digest = hf_span(out->digests[n], 32),
		};
	}
	out->notice = (struct hf_notice){
		.provider = out->provider,
		.provider_id = hf_span(world->provider.id, HF_HASH_BYTES),
		.regime = HF_REGIME_NTD,
		.content_class = HF_CLASS_NCII,
		.hashes = out->hashes,
		.hashes_count = 2,
		.locators = out->locators,
		.locators_count = 2,
		.reference = "2026-000001",
		.deadline_ms = DAY_MS,
	};
}

/* As case_open.c keeps it. */
static inline struct hf_span describe(const struct world *world, uint64_t i,
				      struct hf_arena *arena)
{
	uint8_t leaf[HF_HASH_BYTES] = { 1 };
	const struct hf_entry_ref where = { .origin = OURS,
					    .index = i,
					    .leaf_hash = hf_span(leaf, 32) };
	struct hf_case_summary fixed;
	struct opening opening;
	struct hf_span out;
	struct hf_buf wire;

	opening_make(world, i, &opening);
	must(hf_cases_describe(&opening.notice, "hotline.example", arena,
			       &fixed, &why),
	     "describe");
	fixed.opening = &where;
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	must(hf_case_summary_encode(&fixed, &wire), "encode");
	out = hf_arena_copy(arena, hf_buf_span(&wire));
	hf_buf_release(&wire);
	return out;
}

/* Event number step of case i, as it would come out of the ledger. */
static inline void event_make(const struct world *world, uint64_t i,
			      unsigned step, struct hf_arena *arena,
			      struct hf_case_event_row *out)
{
	const struct story *story = story_of(i);
	const uint8_t *author =
		story->is_ours[step] ? world->hotline.id : world->provider.id;
	const uint8_t *reader =
		story->is_ours[step] ? world->provider.id : world->hotline.id;
	uint8_t name[32];
	uint8_t(*after)[HF_EVENT_ID_BYTES] = NULL;

	memset(out, 0, sizeof(*out));
	name_of(i, step, name);
	memcpy(out->fact.event_id, name, HF_EVENT_ID_BYTES);
	memcpy(out->fact.text_hash, name, HF_HASH_BYTES);
	memcpy(out->fact.author, author, HF_HASH_BYTES);
	memcpy(out->recipient, reader, HF_HASH_BYTES);
	out->fact.kind = story->kinds[step];
	out->fact.reason = story->kinds[step] == KIND(REJECTED)
				   ? HF_CASE_REASON_NOT_ILLEGAL
				   : 0;
	out->fact.at_ms = event_ms(world, i, step);
	out->fact.covers_opening = step > 0;
	out->set = story->is_ours[step] ? 1 : 2;
	out->index = i * STEPS + step;
	if (step == 0) {
		out->fact.regime = HF_REGIME_NTD;
		out->fact.deadline_ms = DAY_MS;
		memcpy(out->provider, world->provider.id, HF_HASH_BYTES);
		out->opening = describe(world, i, arena);
		return;
	}
	after = hf_arena_calloc(arena, 1, sizeof(*after));
	must(after != NULL ? HF_OK : HF_E_NOMEM, "memory");
	name_of(i, step - 1, name);
	memcpy(after[0], name, HF_EVENT_ID_BYTES);
	out->fact.after = (const uint8_t(*)[HF_EVENT_ID_BYTES])after;
	out->fact.after_count = 1;
}

/*
 * The node.
 */

static inline uint64_t world_now_ms(void *arg)
{
	return ((const struct world *)arg)->now_ms;
}

/* Ring: ourselves, one enrolled provider, our directory. */
static inline void ring_make(struct world *world)
{
	const struct hf_cert_dates dates = { NOW_MS - DAY_MS,
					     NOW_MS + 3650 * DAY_MS };
	const struct hf_ring_peer_options options = { .now_ms = NOW_MS };
	struct hf_agreement agreement = { .origin = DIRECTORY, .version = 1 };
	char issuer_pem[HF_CERT_SIZE], print[HF_FINGERPRINT_SIZE];
	char name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_secret *issuer = secret_of(99);
	struct hf_buf bytes;

	must(made_up_new(&world->hotline, "hotline.example", 10, 1, 1, &why),
	     "keys");
	must(made_up_new(&world->provider, "host-000.example", 30, 1, 1, &why),
	     "keys");
	must(hf_cert_issuer_new(issuer, hf_span_of("hotline.example"), dates,
				issuer_pem, &why),
	     "certificate");
	must(hf_ring_create(world->ring_dir,
			    hf_buf_span(&world->hotline.document),
			    hf_span_of(issuer_pem), &why),
	     "ring");
	hf_secret_free(issuer);
	hf_buf_init(&bytes, HF_INVITE_MAX_BYTES);
	must(hf_trust_invite_make(hf_buf_span(&world->provider.document), NULL,
				  0, &bytes, &why),
	     "invite");
	must(hf_ring_invite_fingerprint(world->ring_dir, hf_buf_span(&bytes),
					print, name, &why),
	     "fingerprint");
	must(hf_ring_save_peer(world->ring_dir, hf_buf_span(&bytes),
			       hf_span_of(print), &options, &why),
	     "enrol");
	hf_buf_reset(&bytes);
	agreement.organisation_id = hf_span(world->hotline.id, 32);
	agreement.log_key = public_span(world->hotline.log);
	agreement.cosigner_key = public_span(world->hotline.cosigner);
	agreement.cosigner_name = "hotline.example/cosigner";
	agreement.relay = HF_RELAY_NONE;
	agreement.purpose = "";
	agreement.issued_ms = NOW_MS - DAY_MS;
	agreement.expires_ms = NOW_MS + 50 * DAY_MS;
	agreement.kind = HF_SET_KIND_DIRECTORY;
	must(hf_trust_agreement_make(&agreement, world->hotline.agreement,
				     &bytes, &why),
	     "agreement");
	must(hf_ring_save_agreement(world->ring_dir, hf_buf_span(&bytes), &why),
	     "agreement");
	hf_buf_release(&bytes);
	must(hf_ring_holder_new(world->ring_dir, &world->ring, &why), "ring");
}

/* Claims about others, and that we are a trusted flagger. */
static inline void directory_make(struct world *world)
{
	uint32_t set;

	must(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN,
			      hf_span_of(DIRECTORY), &set, &why),
	     "directory");
	for (unsigned n = 0; n < CLAIMS; n++) {
		uint8_t id[32];
		struct hf_attestation claim = {
			.organisation_id = hf_span(id, 32),
			.name = n == 0 ? "hotline.example" : "some.example",
			.role = n == 0 ? HF_ROLE_TRUSTED_FLAGGER
				       : HF_ROLE_PROVIDER,
			.from_ms = NOW_MS - 2 * YEAR_MS,
		};
		struct hf_ledger_draft draft = { .op = HF_OP_STATUS,
						 .time_ms = NOW_MS,
						 .target = HF_LEDGER_SELF };
		struct hf_buf wire;

		name_of(n, 50, id);
		if (n == 0)
			memcpy(id, world->hotline.id, sizeof(id));
		hf_buf_init(&wire, HF_PAYLOAD_MAX_BYTES);
		must(hf_attestation_encode(&claim, &wire), "claim");
		draft.payload = hf_buf_span(&wire);
		must(rig_append_one(&world->rig, set, draft, NULL, &why),
		     "claim");
		hf_buf_release(&wire);
	}
	must(hf_roles_new(world->rig.ledger, world->ring, NULL, 0,
			  &world->roles, &why),
	     "roles");
}

static inline void world_open(struct world *world, const char *dir,
			      uint64_t count)
{
	must(rig_make(&world->rig, dir, 1), "make a directory");
	snprintf(world->ring_dir, sizeof(world->ring_dir), "%.80s/ring",
		 world->rig.home);
	snprintf(world->views_dir, sizeof(world->views_dir), "%.80s/views",
		 world->rig.home);
	world->count = count;
	world->now_ms = NOW_MS;
	must(rig_reopen(&world->rig, &why), "ledger");
	ring_make(world);
	directory_make(world);
	world->cases.options = (struct hf_cases_options){
		.ledger = world->rig.ledger,
		.ring = world->ring,
		.roles = world->roles,
		.conf = &world->conf,
		.now_ms = world_now_ms,
		.arg = world,
	};
	world->cases.next_due_ms = UINT64_MAX;
	pthread_mutex_init(&world->cases.lock.gate, NULL);
	pthread_cond_init(&world->cases.lock.next, NULL);
	pthread_mutex_init(&world->cases.news_lock, NULL);
	hf_cases_lock(&world->cases);
	must(hf_case_store_open(world->views_dir, 0, &world->cases.views, &why),
	     "views");
}

static inline void world_close(struct world *world)
{
	hf_store_close(world->cases.views);
	hf_roles_free(world->roles);
	hf_ring_holder_free(world->ring);
	made_up_free(&world->hotline);
	made_up_free(&world->provider);
	rig_release(&world->rig);
}

#endif /* HF_BENCH_CASES_WORLD_H */
