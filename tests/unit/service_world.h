/*
 * service_world.h -- what tests of daemon/service stand on: the hotline's node,
 * as far as they need one, with a ledger, a ring, indexes and a feed.
 */
#ifndef HF_SERVICE_WORLD_H
#define HF_SERVICE_WORLD_H

#include "unit.h"

#include "clock.h"
#include "codec_item.h"
#include "ledger_rig.h"
#include "match_index.h"
#include "match_policy.h"
#include "ring_fixture.h"

#include "desk.h"
#include "epoch.h"
#include "feed.h"
#include "node.h"

#define OURS   "hotline.example/ncii/1"
#define THEIRS "partner.example/csam/1"

/* The hotline's node, as far as these tests need one. */
struct world {
	struct rig rig;
	struct hf_conf conf;
	struct hf_node node;
	uint32_t theirs;
};

static inline int up(void **state)
{
	struct world *world = test_calloc(1, sizeof(*world));

	*state = world;
	rig_init(&world->rig, 1);
	world->conf.sign_again_after_ms = 600000;
	world->conf.stale_after_ms = DAY_MS;
	world->conf.expired_after_ms = 7 * DAY_MS;
	world->node.conf = &world->conf;
	return fresh(state);
}

static inline int down(void **state)
{
	struct world *world = *state;

	hf_desk_free(world->node.desk);
	hf_epochs_free(world->node.epochs);
	hf_feed_stop(world->node.feed);
	hf_index_close(world->node.retracted);
	hf_index_close(world->node.index);
	hf_policy_free(world->node.policy);
	hf_ring_holder_free(world->node.ring);
	rig_release(&world->rig);
	test_free(world);
	return cleared(state);
}

/* An agreement that ends so many ms from now by the real clock. */
static inline void agree_kind(const struct made_up *publisher,
			      const char *origin, const char *cosigner,
			      uint64_t version, const struct made_up *member,
			      int64_t ends_in_ms, enum hf_relay relay,
			      enum hf_set_kind kind)
{
	uint64_t expires_ms = hf_clock_wall_ms() + (uint64_t)ends_in_ms;
	struct hf_span members[] = { hf_span(member->id, 32) };
	const struct hf_agreement agreement = {
		.origin = origin,
		.version = version,
		.organisation_id = hf_span(publisher->id, 32),
		.log_key = public_span(publisher->log),
		.cosigner_key = public_span(publisher->cosigner),
		.cosigner_name = cosigner,
		.audience = members,
		.audience_count = 1,
		.relay = relay,
		.purpose = "",
		.issued_ms = expires_ms - DAY_MS,
		.expires_ms = expires_ms,
		.kind = kind,
	};
	struct hf_why why = { "" };
	struct hf_buf document;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	assert_ok(hf_trust_agreement_make(&agreement, publisher->agreement,
					  &document, &why),
		  &why);
	assert_ok(hf_ring_save_agreement(dir, hf_buf_span(&document), &why),
		  &why);
	hf_buf_release(&document);
}

static inline void agree(const struct made_up *publisher, const char *origin,
			 const char *cosigner, uint64_t version,
			 const struct made_up *member, int64_t ends_in_ms,
			 enum hf_relay relay)
{
	agree_kind(publisher, origin, cosigner, version, member, ends_in_ms,
		   relay, 0);
}

static inline void agree_theirs(uint64_t version, int64_t ends_in_ms)
{
	agree(&partner, THEIRS, "partner.example/cosigner", version, &hotline,
	      ends_in_ms, HF_RELAY_NONE);
}

/* The ring, and a ledger with the set of the partner's that we follow. */
static inline void open_ledger(struct world *world)
{
	struct hf_why why = { "" };

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(enrol(&provider, &why), &why);
	assert_ok(hf_ring_follow(dir, BYTES(THEIRS), &why), &why);
	assert_ok(rig_reopen(&world->rig, &why), &why);
	world->node.ledger = world->rig.ledger;
	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_FOREIGN,
				   BYTES(THEIRS), &world->theirs, &why),
		  &why);
}

static inline void load(struct world *world)
{
	struct hf_why why = { "" };

	assert_ok(world->node.ring == NULL
			  ? hf_ring_holder_new(dir, &world->node.ring, &why)
			  : hf_ring_holder_reload(world->node.ring, &why),
		  &why);
}

static inline void start_feed(struct world *world)
{
	char path[128];
	struct hf_why why = { "" };

	assert_ok(hf_policy_new(NULL, 0, &world->node.policy, &why), &why);
	snprintf(path, sizeof(path), "%s/index", home);
	assert_ok(hf_index_open(path, &world->node.index, &why), &why);
	snprintf(path, sizeof(path), "%s/retracted", home);
	assert_ok(hf_index_open(path, &world->node.retracted, &why), &why);
	assert_ok(hf_feed_start(&world->node, &world->node.feed, &why), &why);
	assert_int_equal(
		hf_feed_wait_caught_up(world->node.feed, patience_ms()), HF_OK);
}

/* An own set of some kind, shared with the partner. */
static inline uint32_t own_set(struct world *world, const char *origin,
			       enum hf_set_kind kind)
{
	struct hf_why why = { "" };
	uint32_t set;

	agree_kind(&hotline, origin, "hotline.example/cosigner", 1, &partner,
		   DAY_MS / 2, HF_RELAY_NONE, kind);
	load(world);
	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN,
				   hf_span_of(origin), &set, &why),
		  &why);
	return set;
}

static inline struct hf_hash sha256_of(struct hf_span digest)
{
	return (struct hf_hash){ .algorithm = HF_ALGORITHM_SHA256,
				 .digest = digest };
}

/* The SHA-256 hash of item n, made up. */
static inline struct hf_hash hash_of(uint8_t n)
{
	static uint8_t digests[256][32];

	digests[n][0] = n;
	return sha256_of(hf_span(digests[n], 32));
}

/* An item with this hash. */
static inline struct hf_item item_of(const struct hf_hash *hash)
{
	return (struct hf_item){ .hashes = hash,
				 .hashes_count = 1,
				 .content_class = HF_CLASS_CSAM };
}

/* An entry of the set about itself (HF_LEDGER_SELF) or another, with an item;
 * its index. */
static inline uint64_t put_item(struct world *world, uint32_t set,
				enum hf_op op, uint64_t target,
				const struct hf_item *item)
{
	struct hf_ledger_draft draft = { .op = op, .target = target };
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };
	struct hf_buf payload;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	assert_ok(hf_item_encode(item, &payload), &why);
	draft.payload = hf_buf_span(&payload);
	assert_ok(rig_append_one(&world->rig, set, draft, &receipt, &why),
		  &why);
	hf_buf_release(&payload);
	return receipt.first;
}

/* Publish the item with this hash. */
static inline uint64_t publish(struct world *world, uint32_t set,
			       struct hf_hash hash)
{
	const struct hf_item item = item_of(&hash);

	return put_item(world, set, HF_OP_ADD, HF_LEDGER_SELF, &item);
}

/* An own set of some kind with one item and one status, and what the feed makes
 * of it. */
static inline struct hf_feed_set
fed_set(struct world *world, const char *origin, enum hf_set_kind kind)
{
	const struct hf_hash hash = hash_of(1);
	const struct hf_item item = item_of(&hash);
	uint32_t set = own_set(world, origin, kind);
	struct hf_feed_set is = { 0 };

	publish(world, set, hash);
	put_item(world, set, HF_OP_STATUS, HF_LEDGER_SELF, &item);
	assert_int_equal(hf_feed_wait(world->node.feed, set, 2, patience_ms()),
			 HF_OK);
	assert_int_equal(hf_feed_get(world->node.feed, set, &is), HF_OK);
	assert_int_equal(is.size, 2);
	assert_int_equal(is.fed, 2);
	assert_true(is.is_in_force);
	assert_int_equal(hf_index_position(world->node.index, set),
			 is.is_items ? 2 : 0);
	return is;
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif /* HF_SERVICE_WORLD_H */
