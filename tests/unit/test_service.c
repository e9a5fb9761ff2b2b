#include "unit.h"

#include <sched.h>

#include "clock.h"
#include "ledger_rig.h"
#include "match_index.h"
#include "match_policy.h"
#include "ring_fixture.h"

#include "errand.h"
#include "feed.h"
#include "node.h"
#include "visible.h"

#define OURS    "hotline.example/ncii/1"
#define THEIRS  "partner.example/csam/1"
#define WAIT_US ((uint64_t)10 * 1000 * 1000)

/* The hotline's node, as far as these tests need one. */
struct world {
	struct rig rig;
	struct hf_conf conf;
	struct hf_node node;
	uint32_t theirs;
};

static int up(void **state)
{
	struct world *world = test_calloc(1, sizeof(*world));

	*state = world;
	rig_init(&world->rig, 1);
	world->conf.stale_after_ms = DAY_MS;
	world->conf.expired_after_ms = 7 * DAY_MS;
	world->node.conf = &world->conf;
	return fresh(state);
}

static int down(void **state)
{
	struct world *world = *state;

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
static void agree(const struct made_up *publisher, const char *origin,
		  const char *cosigner, uint64_t version,
		  const struct made_up *member, int64_t ends_in_ms,
		  enum hf_relay relay)
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

static void agree_theirs(uint64_t version, int64_t ends_in_ms)
{
	agree(&partner, THEIRS, "partner.example/cosigner", version, &hotline,
	      ends_in_ms, HF_RELAY_NONE);
}

/* The ring, and a ledger with the set of the partner's that we follow. */
static void open_ledger(struct world *world)
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

static void load(struct world *world)
{
	struct hf_why why = { "" };

	assert_ok(world->node.ring == NULL
			  ? hf_ring_holder_new(dir, &world->node.ring, &why)
			  : hf_ring_holder_reload(world->node.ring, &why),
		  &why);
}

static void start_feed(struct world *world)
{
	char path[128];
	struct hf_why why = { "" };

	assert_ok(hf_policy_new(NULL, 0, &world->node.policy, &why), &why);
	snprintf(path, sizeof(path), "%s/index", home);
	assert_ok(hf_index_open(path, &world->node.index, &why), &why);
	snprintf(path, sizeof(path), "%s/retracted", home);
	assert_ok(hf_index_open(path, &world->node.retracted, &why), &why);
	assert_ok(hf_feed_start(&world->node, &world->node.feed, &why), &why);
	assert_int_equal(hf_feed_wait_caught_up(world->node.feed, 10000),
			 HF_OK);
}

static bool is_matchable(struct world *world)
{
	struct hf_feed_set is;

	return hf_feed_get(world->node.feed, world->theirs, &is) == HF_OK &&
	       is.is_matchable;
}

/* As the tick does, until it has the effect. */
static void tick_until(struct world *world, bool wanted)
{
	uint64_t until_us = hf_clock_mono_us() + WAIT_US;

	while (is_matchable(world) != wanted) {
		assert_true(hf_clock_mono_us() < until_us);
		hf_feed_changed(world->node.feed);
		sched_yield();
	}
}

static void an_agreement_that_ends_by_the_clock_ends_matching(void **state)
{
	struct world *world = *state;

	open_ledger(world);
	agree_theirs(1, DAY_MS / 2);
	load(world);
	start_feed(world);
	tick_until(world, true);
	agree_theirs(2, 300);
	load(world);
	tick_until(world, false);
	agree_theirs(3, DAY_MS / 2);
	load(world);
	tick_until(world, true);
}

static void a_set_that_we_were_taken_out_of_is_not_matched(void **state)
{
	struct world *world = *state;
	struct hf_feed_set is;

	open_ledger(world);
	agree_theirs(1, DAY_MS / 2);
	load(world);
	start_feed(world);
	tick_until(world, true);
	hf_feed_end(world->node.feed, world->theirs, true);
	assert_false(is_matchable(world));
	assert_int_equal(hf_feed_get(world->node.feed, world->theirs, &is),
			 HF_OK);
	assert_true(is.has_ended);
	hf_feed_end(world->node.feed, world->theirs, false);
	tick_until(world, true);
}

static void whoever_waits_for_a_feed_that_halts_is_let_go(void **state)
{
	struct world *world = *state;

	open_ledger(world);
	load(world);
	start_feed(world);
	hf_feed_halt(world->node.feed);
	assert_int_equal(
		hf_feed_wait(world->node.feed, world->theirs, 5, 60000),
		HF_E_DEADLINE);
}

/* What the caller is told of a set, and in which words. */
static enum hf_err look(struct world *world, const struct made_up *caller,
			const char *origin, struct hf_why *why)
{
	struct hf_rpc_identity identity = { .kind = HF_RPC_PEER };
	struct hf_ring *ring = hf_ring_holder_get(world->node.ring);
	struct hf_ledger_view *view;
	struct hf_visible visible;
	enum hf_err err;

	memcpy(identity.organisation_id, caller->id, HF_HASH_BYTES);
	why->text[0] = '\0';
	err = hf_ledger_view_begin(world->rig.ledger, &view, why);
	if (err == HF_OK) {
		err = hf_visible(ring, view, &identity, origin,
				 HF_RIGHT_WITNESS, &visible, why);
		hf_ledger_view_end(view);
	}
	hf_ring_release(ring);
	return err;
}

static void a_hidden_set_and_an_unknown_one_look_the_same(void **state)
{
	struct world *world = *state;
	struct hf_why unknown, hidden;

	open_ledger(world);
	agree(&hotline, OURS, "hotline.example/cosigner", 1, &partner,
	      DAY_MS / 2, HF_RELAY_NONE);
	/* Of this one we are a member that may not relay, and hold nothing. */
	agree_theirs(1, DAY_MS / 2);
	load(world);
	assert_int_equal(look(world, &partner, OURS, &hidden), HF_OK);
	assert_int_equal(
		look(world, &provider, "hotline.example/none/1", &unknown),
		HF_E_NOTFOUND);
	assert_int_equal(look(world, &provider, OURS, &hidden), HF_E_NOTFOUND);
	assert_string_equal(hidden.text, unknown.text);
	assert_int_equal(look(world, &provider, THEIRS, &hidden),
			 HF_E_NOTFOUND);
	assert_string_equal(hidden.text, unknown.text);
	assert_int_equal(look(world, &partner, THEIRS, &hidden), HF_E_NOTFOUND);
	assert_string_equal(hidden.text, unknown.text);
}

static void an_agreement_that_is_over_hides_the_set(void **state)
{
	struct world *world = *state;
	uint64_t until_us = hf_clock_mono_us() + WAIT_US;
	struct hf_why why;

	open_ledger(world);
	agree(&hotline, OURS, "hotline.example/cosigner", 1, &partner, 300,
	      HF_RELAY_NONE);
	load(world);
	while (look(world, &partner, OURS, &why) == HF_OK)
		assert_true(hf_clock_mono_us() < until_us);
	assert_int_equal(look(world, &partner, OURS, &why), HF_E_NOTFOUND);
}

static bool is_told(struct world *world, const struct made_up *caller,
		    const struct made_up *of)
{
	struct hf_rpc_identity identity = { .kind = HF_RPC_PEER };
	struct hf_ring *ring = hf_ring_holder_get(world->node.ring);
	bool is;

	memcpy(identity.organisation_id, caller->id, HF_HASH_BYTES);
	is = hf_visible_organisation(ring, &identity, of->id);
	hf_ring_release(ring);
	return is;
}

static void a_peer_is_told_of_whom_it_shares_a_set_with(void **state)
{
	struct world *world = *state;

	open_ledger(world);
	agree(&hotline, OURS, "hotline.example/cosigner", 1, &partner,
	      DAY_MS / 2, HF_RELAY_NONE);
	load(world);
	assert_true(is_told(world, &partner, &hotline));
	assert_true(is_told(world, &partner, &partner));
	assert_false(is_told(world, &partner, &provider));
	assert_false(is_told(world, &provider, &partner));
}

/* Errands that count themselves. */
struct counted {
	struct hf_errand errand; /* first */
	int *order;
	int number;
};

static void count(struct hf_errand *errand)
{
	struct counted *counted = (struct counted *)(void *)errand;

	if (*counted->order == counted->number)
		(*counted->order)++;
}

static void errands_run_in_order_and_all_before_the_stop(void **state)
{
	struct counted rows[50];
	struct hf_errands *errands = NULL;
	struct hf_why why = { "" };
	int order = 0;

	assert_ok(hf_errands_start(&errands, &why), &why);
	for (int i = 0; i < (int)ROWS(rows); i++) {
		rows[i] = (struct counted){ .errand.run = count,
					    .order = &order,
					    .number = i };
		hf_errand_post(errands, &rows[i].errand);
	}
	hf_errands_stop(errands);
	assert_int_equal(order, ROWS(rows));
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_agreement_that_ends_by_the_clock_ends_matching),
		WORLD_TEST(a_set_that_we_were_taken_out_of_is_not_matched),
		WORLD_TEST(whoever_waits_for_a_feed_that_halts_is_let_go),
		WORLD_TEST(a_hidden_set_and_an_unknown_one_look_the_same),
		WORLD_TEST(an_agreement_that_is_over_hides_the_set),
		WORLD_TEST(a_peer_is_told_of_whom_it_shares_a_set_with),
		cmocka_unit_test(errands_run_in_order_and_all_before_the_stop),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
