/*
 * roles_world.h -- the hotline's node as far as roles need one: its ring, a
 * ledger with its own directory and that of a partner, and claims to put in.
 */
#ifndef HF_TEST_ROLES_WORLD_H
#define HF_TEST_ROLES_WORLD_H

#include "clock.h"
#include "codec_case.h"
#include "conf.h"
#include "ledger_rig.h"
#include "ring_fixture.h"

#include "roles.h"

#define OURS   "hotline.example/directory/1"
#define THEIRS "partner.example/directory/1"

struct world {
	struct rig rig;
	struct hf_ring_holder *ring;
	struct hf_roles *roles;
	struct hf_conf_attester rows[2];
	size_t rows_count;
	uint32_t ours, theirs;
};

static inline int up(void **state)
{
	struct world *world = test_calloc(1, sizeof(*world));

	*state = world;
	rig_init(&world->rig, 1);
	return fresh(state);
}

static inline int down(void **state)
{
	struct world *world = *state;

	hf_roles_free(world->roles);
	hf_ring_holder_free(world->ring);
	rig_release(&world->rig);
	test_free(world);
	return cleared(state);
}

static inline void agree_until(const struct made_up *publisher,
			       const char *origin, uint64_t version,
			       enum hf_set_kind kind, uint64_t expires_ms)
{
	struct hf_span members[] = { hf_span(hotline.id, 32) };
	char cosigner[64];
	struct hf_agreement agreement = {
		.origin = origin,
		.version = version,
		.organisation_id = hf_span(publisher->id, 32),
		.log_key = public_span(publisher->log),
		.cosigner_key = public_span(publisher->cosigner),
		.cosigner_name = cosigner,
		.audience = members,
		.audience_count = publisher == &hotline ? 0 : 1,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = expires_ms - 100 * DAY_MS,
		.expires_ms = expires_ms,
		.kind = kind,
	};
	struct hf_why why = { "" };
	struct hf_buf document;

	snprintf(cosigner, sizeof(cosigner), "%s/cosigner",
		 publisher->manifest.name);
	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	assert_ok(hf_trust_agreement_make(&agreement, publisher->agreement,
					  &document, &why),
		  &why);
	assert_ok(hf_ring_save_agreement(dir, hf_buf_span(&document), &why),
		  &why);
	hf_buf_release(&document);
}

static inline void agree(const struct made_up *publisher, const char *origin)
{
	agree_until(publisher, origin, 1, HF_SET_KIND_DIRECTORY,
		    NOW_MS + 50 * DAY_MS);
}

/* The set as a ledger of ours has it: whose it is is the ring's to say. */
static inline uint32_t set_of(struct world *world, const char *origin)
{
	struct hf_why why = { "" };
	uint32_t set = 0;

	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN,
				   hf_span_of(origin), &set, &why),
		  &why);
	return set;
}

/* Our own directory, and the partner's, which we follow. */
static inline void open_world(struct world *world)
{
	struct hf_why why = { "" };

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(enrol(&provider, &why), &why);
	agree(&hotline, OURS);
	agree(&partner, THEIRS);
	assert_ok(hf_ring_follow(dir, BYTES(THEIRS), &why), &why);
	assert_ok(rig_reopen(&world->rig, &why), &why);
	world->ours = set_of(world, OURS);
	world->theirs = set_of(world, THEIRS);
}

static inline void start_roles(struct world *world)
{
	struct hf_why why = { "" };

	assert_ok(world->ring == NULL
			  ? hf_ring_holder_new(dir, &world->ring, &why)
			  : hf_ring_holder_reload(world->ring, &why),
		  &why);
	hf_roles_free(world->roles);
	world->roles = NULL;
	assert_ok(hf_roles_new(world->rig.ledger, world->ring, world->rows,
			       world->rows_count, &world->roles, &why),
		  &why);
}

static inline void may_attest(struct world *world, const char *by,
			      unsigned roles)
{
	struct hf_conf_attester *row = &world->rows[world->rows_count++];

	strcpy(row->by, by);
	row->roles = (uint16_t)roles;
}

/* Append an entry to a directory; returns its index. */
static inline uint64_t put(struct world *world, uint32_t set,
			   struct hf_ledger_draft draft)
{
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	assert_ok(rig_append_one(&world->rig, set, draft, &receipt, &why),
		  &why);
	if (world->roles != NULL)
		assert_int_equal(hf_roles_wait(world->roles, set, receipt.size,
					       patience_ms()),
				 HF_OK);
	return receipt.first;
}

static inline uint64_t put_claim(struct world *world, uint32_t set,
				 const struct hf_attestation *claim)
{
	struct hf_ledger_draft draft = { .op = HF_OP_STATUS,
					 .time_ms = NOW_MS,
					 .target = HF_LEDGER_SELF };
	struct hf_buf payload;
	uint64_t index;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_attestation_encode(claim, &payload), HF_OK);
	draft.payload = hf_buf_span(&payload);
	index = put(world, set, draft);
	hf_buf_release(&payload);
	return index;
}

static inline struct hf_attestation claim_of(const struct made_up *whom,
					     enum hf_role role,
					     uint64_t from_ms,
					     uint64_t until_ms)
{
	return (struct hf_attestation){
		.organisation_id = hf_span(whom->id, 32),
		.name = whom->manifest.name,
		.role = role,
		.from_ms = from_ms,
		.until_ms = until_ms,
	};
}

static inline uint64_t say(struct world *world, uint32_t set,
			   const struct made_up *whom, enum hf_role role,
			   uint64_t from_ms, uint64_t until_ms)
{
	struct hf_attestation claim = claim_of(whom, role, from_ms, until_ms);

	return put_claim(world, set, &claim);
}

static inline uint64_t say_authority(struct world *world, uint32_t set,
				     const struct made_up *whom,
				     enum hf_power power,
				     const char *jurisdiction, uint64_t from_ms,
				     uint64_t until_ms)
{
	struct hf_attestation claim =
		claim_of(whom, HF_ROLE_AUTHORITY, from_ms, until_ms);

	claim.powers = &power;
	claim.powers_count = 1;
	claim.jurisdiction = jurisdiction;
	return put_claim(world, set, &claim);
}

static inline bool is_flagger(struct world *world, const struct made_up *whom,
			      uint64_t at_ms)
{
	return hf_roles_has(world->roles, whom->id, HF_ROLE_TRUSTED_FLAGGER,
			    at_ms);
}

#define FLAGGER   HF_ROLE_TRUSTED_FLAGGER
#define BIT(name) (1u << (name))

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif /* HF_TEST_ROLES_WORLD_H */
