/*
 * cases_rig.h -- a hotline, a provider and an authority in one process, each
 * with its own ring, ledger, signer and cases, and one clock that the test
 * sets.  Nothing goes from one to another but what cases_sync.h carries.
 *
 * The rig is the world: it may fail with HF_FAIL_ALLOC set, and then says so
 * through world_begin().
 */
#ifndef HF_CASES_RIG_H
#define HF_CASES_RIG_H

#include <stdatomic.h>
#include <string.h>

#include "cases.h"
#include "cases_signer.h"
#include "cert.h"
#include "codec_case.h"
#include "codec_document.h"
#include "conf.h"
#include "ledger_rig.h"
#include "log.h"
#include "organisations.h"
#include "ring.h"
#include "ringdir.h"
#include "roles.h"

#define MINUTE_MS ((uint64_t)60 * 1000)
#define HOUR_MS   (60 * MINUTE_MS)

enum party_name { HOTLINE, PROVIDER, AUTHORITY, PARTIES };

#define PARTY_SETS_MAX 8

struct world;

struct party {
	struct world *world;
	enum party_name name;
	struct made_up org;
	char ring_dir[128];
	char views_dir[128];
	char names_dir[128];
	struct rig rig;
	struct played_signer signer;
	struct hf_agent *agent;
	struct hf_ring_holder *ring;
	struct hf_roles *roles;
	struct hf_conf conf;
	struct hf_conf_regime regimes[4];
	struct hf_cases *cases;
	size_t views_map_bytes;   /* 0: the usual */
	_Atomic unsigned changes; /* that we were told of */
	_Atomic unsigned opened;  /* sets */
};

struct world {
	_Atomic uint64_t now_ms;
	/* A set that is opened is known to its reader at once; else not before
	 * world_introduce(). */
	bool holds_agreements;
	struct party parties[PARTIES];
	struct hf_why why;
};

static const char *const party_names[PARTIES] = { "hotline.example",
						  "provider.example",
						  "authority.example" };

static inline struct hf_span party_id(const struct party *party)
{
	return hf_span(party->org.id, HF_HASH_BYTES);
}

static inline struct party *party_by_id(struct world *world, struct hf_span id)
{
	for (size_t i = 0; i < PARTIES; i++) {
		if (hf_span_equal(party_id(&world->parties[i]), id))
			return &world->parties[i];
	}
	return NULL;
}

/*
 * What hf_cases asks for.
 */

static inline uint64_t party_now(void *arg)
{
	const struct party *party = arg;

	return atomic_load(&party->world->now_ms);
}

static inline void party_changed(void *arg)
{
	struct party *party = arg;

	atomic_fetch_add(&party->changes, 1);
}

static inline enum hf_err
sign_agreement(struct party *party, const char *origin, enum hf_set_kind kind,
	       const struct hf_span *members, size_t members_count,
	       struct hf_buf *document, struct hf_why *why)
{
	char cosigner[64];
	uint64_t now_ms = atomic_load(&party->world->now_ms);
	const struct hf_agreement agreement = {
		.origin = origin,
		.version = 1,
		.organisation_id = party_id(party),
		.log_key = public_span(party->rig.signer.log),
		.cosigner_key = public_span(party->rig.signer.cosigner),
		.cosigner_name = cosigner,
		.audience = members,
		.audience_count = members_count,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = now_ms,
		.expires_ms = now_ms + 395 * DAY_MS,
		.kind = kind,
	};

	snprintf(cosigner, sizeof(cosigner), "%s/cosigner",
		 party_names[party->name]);
	return hf_trust_agreement_make(&agreement, party->org.agreement,
				       document, why);
}

static inline enum hf_err make_set(struct party *party,
				   enum hf_ledger_kind kind, const char *origin,
				   struct hf_span document, struct hf_why *why)
{
	enum hf_err err;
	uint32_t set;

	err = hf_ring_save_agreement(party->ring_dir, document, why);
	if (err == HF_OK && kind == HF_LEDGER_FOREIGN)
		err = hf_ring_follow(party->ring_dir, hf_span_of(origin), why);
	if (err == HF_OK && party->ring != NULL)
		err = hf_ring_holder_reload(party->ring, why);
	if (err == HF_OK)
		err = hf_ledger_create(party->rig.ledger, kind,
				       hf_span_of(origin), &set, why);
	return err;
}

/* Sign the agreement, keep it, and give it to whom it names. */
static inline enum hf_err
party_open_set(void *arg, const struct hf_span *members, size_t members_count,
	       const struct hf_span *relays, size_t relays_count,
	       char *out_origin, struct hf_why *why)
{
	struct party *party = arg;
	struct party *reader = members_count == 0
				       ? NULL
				       : party_by_id(party->world, members[0]);
	unsigned number = atomic_fetch_add(&party->opened, 1);
	struct hf_buf document;
	enum hf_err err;

	snprintf(out_origin, HF_ORIGIN_MAX_BYTES + 1, "%s/cases-%u/1",
		 party_names[party->name], number);
	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	err = sign_agreement(party, out_origin, HF_SET_KIND_CASES, members,
			     members_count, &document, why);
	if (err == HF_OK)
		err = make_set(party, HF_LEDGER_OWN, out_origin,
			       hf_buf_span(&document), why);
	if (err == HF_OK && reader != NULL && !party->world->holds_agreements)
		err = make_set(reader, HF_LEDGER_FOREIGN, out_origin,
			       hf_buf_span(&document), why);
	hf_buf_release(&document);
	return err;
}

/* The reader of the party's sets gets the agreements that were held back. */
static inline enum hf_err introduce(struct party *party, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(party->ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		struct party *reader;

		if (!sets[i].is_own || sets[i].agreement->audience_count == 0)
			continue;
		reader = party_by_id(party->world,
				     sets[i].agreement->audience[0]);
		err = make_set(reader, HF_LEDGER_FOREIGN, sets[i].origin,
			       sets[i].document, why);
	}
	hf_ring_release(ring);
	return err;
}

/*
 * Making a party.
 */

/* The secrets that made_up_new() took: a key file has the same. */
static inline enum hf_err party_keys(struct party *party, struct hf_why *why)
{
	const uint8_t first = (uint8_t)(10 + 10 * party->name);
	const struct {
		enum hf_key_role role;
		uint8_t number;
	} rows[] = {
		{ HF_KEY_LOG, (uint8_t)(first + 4) },
		{ HF_KEY_COSIGNER, (uint8_t)(first + 5) },
		{ HF_KEY_AGREEMENT, (uint8_t)(first + 2) },
		{ HF_KEY_NOTICE, (uint8_t)(first + 3) },
		{ HF_KEY_RECEIVE, (uint8_t)(first + 6) },
		{ HF_KEY_STORAGE, (uint8_t)(first + 7) },
	};
	const char *domain = party_names[party->name];
	struct hf_key *receive;
	enum hf_err err;

	err = made_up_new(&party->org, domain, first, 1, 1, why);
	receive = played_key(domain, HF_KEY_RECEIVE, (uint8_t)(first + 6));
	if (err == HF_OK && receive == NULL)
		err = hf_why(why, HF_E_NOMEM, "no receive key");
	if (err == HF_OK) {
		memcpy(party->org.receive, receive->public_key.bytes,
		       HF_PUBLIC_KEY_BYTES);
		err = made_up_sign(&party->org, &party->org.document, why);
	}
	hf_key_free(receive);
	if (err == HF_OK)
		err = hf_file_mkdirs(party->signer.dir, 0700, why);
	for (size_t i = 0; i < ROWS(rows) && err == HF_OK; i++)
		err = played_put_key(&party->signer, domain, rows[i].role,
				     rows[i].number, why);
	return err;
}

static inline enum hf_err party_ring(struct party *party, struct hf_why *why)
{
	const struct hf_cert_dates dates = { NOW_MS - DAY_MS,
					     NOW_MS + 3650 * DAY_MS };
	struct hf_secret *issuer = secret_of((uint8_t)(90 + party->name));
	char pem[HF_CERT_SIZE];
	enum hf_err err;

	if (issuer == NULL)
		return hf_why(why, HF_E_NOMEM, "no issuer");
	err = hf_cert_issuer_new(issuer, hf_span_of(party_names[party->name]),
				 dates, pem, why);
	hf_secret_free(issuer);
	return err == HF_OK ? hf_ring_create(party->ring_dir,
					     hf_buf_span(&party->org.document),
					     hf_span_of(pem), why)
			    : err;
}

/* One enrols the other, as a person would who compared the digits. */
static inline enum hf_err
party_enrol(struct party *party, const struct party *other, struct hf_why *why)
{
	const struct hf_ring_peer_options options = { .now_ms = NOW_MS };
	char print[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_buf invite;
	enum hf_err err;

	hf_buf_init(&invite, HF_INVITE_MAX_BYTES);
	err = hf_trust_invite_make(hf_buf_span(&other->org.document), NULL, 0,
				   &invite, why);
	if (err == HF_OK)
		err = hf_ring_invite_fingerprint(party->ring_dir,
						 hf_buf_span(&invite), print,
						 name, why);
	if (err == HF_OK)
		err = hf_ring_save_peer(party->ring_dir, hf_buf_span(&invite),
					hf_span_of(print), &options, why);
	hf_buf_release(&invite);
	return err;
}

static inline enum hf_err party_make(struct party *party, struct hf_why *why)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	enum hf_err err =
		rig_make(&party->rig, base, (uint8_t)(101 + 2 * party->name));

	if (err != HF_OK)
		return hf_why(why, err, "a ledger's rig");
	snprintf(party->ring_dir, sizeof(party->ring_dir), "%s/ring",
		 party->rig.home);
	snprintf(party->views_dir, sizeof(party->views_dir), "%s/views",
		 party->rig.home);
	snprintf(party->names_dir, sizeof(party->names_dir), "%s/names",
		 party->rig.home);
	snprintf(party->signer.dir, sizeof(party->signer.dir), "%s/signer",
		 party->rig.home);
	snprintf(party->signer.path, sizeof(party->signer.path), "%s/sock",
		 party->rig.home);
	party->signer.now_ms = &party->world->now_ms;
	err = party_keys(party, why);
	if (err == HF_OK)
		err = party_ring(party, why);
	if (err == HF_OK)
		err = rig_reopen(&party->rig, why);
	if (err == HF_OK)
		err = played_start(&party->signer, why);
	if (err == HF_OK)
		err = hf_agent_open(party->signer.path, &party->agent, why);
	return err;
}

/*
 * Starting, stopping.
 */

/* What a process that ends loses. */
static inline void party_stop(struct party *party)
{
	hf_cases_halt(party->cases);
	hf_cases_free(party->cases);
	party->cases = NULL;
	hf_roles_free(party->roles);
	party->roles = NULL;
}

static inline enum hf_err party_start(struct party *party, struct hf_why *why)
{
	struct hf_cases_options options = {
		.ledger = party->rig.ledger,
		.agent = party->agent,
		.conf = &party->conf,
		.dir = party->views_dir,
		.names_dir = party->names_dir,
		.now_ms = party_now,
		.open_set = party_open_set,
		.changed = party_changed,
		.arg = party,
		.views_map_bytes = party->views_map_bytes,
	};
	enum hf_err err = HF_OK;

	if (party->ring == NULL)
		err = hf_ring_holder_new(party->ring_dir, &party->ring, why);
	if (err == HF_OK)
		err = hf_roles_new(party->rig.ledger, party->ring, NULL, 0,
				   &party->roles, why);
	options.ring = party->ring;
	options.roles = party->roles;
	return err == HF_OK ? hf_cases_start(&options, &party->cases, why)
			    : err;
}

/* As after a crash that took the views with it. */
static inline void party_forget_views(struct party *party)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf '%s'", party->views_dir);
	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", party->views_dir);
}

static inline enum hf_err world_make(struct world *world)
{
	struct hf_why *why = &world->why;
	enum hf_err err = HF_OK;

	atomic_store(&world->now_ms, NOW_MS);
	for (size_t i = 0; i < PARTIES; i++) {
		world->parties[i].world = world;
		world->parties[i].name = (enum party_name)i;
	}
	for (size_t i = 0; i < PARTIES && err == HF_OK; i++)
		err = party_make(&world->parties[i], why);
	for (size_t i = 0; i < PARTIES * PARTIES && err == HF_OK; i++) {
		if (i / PARTIES != i % PARTIES)
			err = party_enrol(&world->parties[i / PARTIES],
					  &world->parties[i % PARTIES], why);
	}
	for (size_t i = 0; i < PARTIES && err == HF_OK; i++)
		err = party_start(&world->parties[i], why);
	return err;
}

static inline int world_up(void **state)
{
	struct world *world = test_calloc(1, sizeof(*world));

	hf_log_set_level(HF_LOG_ERROR);
	*state = world;
	return hf_sign_start(NULL) == HF_OK ? 0 : -1;
}

static inline int world_down(void **state)
{
	struct world *world = *state;

	/* All of them first: one opens sets for another. */
	for (size_t i = 0; i < PARTIES; i++)
		hf_cases_halt(world->parties[i].cases);
	for (size_t i = 0; i < PARTIES; i++)
		party_stop(&world->parties[i]);
	for (size_t i = 0; i < PARTIES; i++) {
		struct party *party = &world->parties[i];

		hf_ring_holder_free(party->ring);
		hf_agent_close(party->agent);
		played_stop(&party->signer);
		made_up_free(&party->org);
		if (party->rig.home[0] != '\0')
			rig_release(&party->rig);
	}
	test_free(world);
	return 0;
}

#define CASES_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, world_up, world_down)

#endif /* HF_CASES_RIG_H */
