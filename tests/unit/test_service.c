#include "unit.h"

#include <sched.h>

#include "clock.h"
#include "codec_item.h"
#include "ledger_rig.h"
#include "match_index.h"
#include "match_policy.h"
#include "ring_fixture.h"

#include "errand.h"
#include "feed.h"
#include "node.h"
#include "own_check.h"
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
static void agree_kind(const struct made_up *publisher, const char *origin,
		       const char *cosigner, uint64_t version,
		       const struct made_up *member, int64_t ends_in_ms,
		       enum hf_relay relay, enum hf_set_kind kind)
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

static void agree(const struct made_up *publisher, const char *origin,
		  const char *cosigner, uint64_t version,
		  const struct made_up *member, int64_t ends_in_ms,
		  enum hf_relay relay)
{
	agree_kind(publisher, origin, cosigner, version, member, ends_in_ms,
		   relay, 0);
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

/* An own set of some kind with one item and one status, and what the feed makes
 * of it. */
static struct hf_feed_set fed_set(struct world *world, const char *origin,
				  enum hf_set_kind kind)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	const struct hf_hash hash = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digest = hf_span(digest, sizeof(digest)),
	};
	const struct hf_item item = { .hashes = &hash,
				      .hashes_count = 1,
				      .content_class = HF_CLASS_CSAM };
	struct hf_ledger_draft draft = { .op = HF_OP_ADD,
					 .target = HF_LEDGER_SELF };
	struct hf_feed_set is = { 0 };
	struct hf_why why = { "" };
	struct hf_buf payload;
	uint32_t set;

	agree_kind(&hotline, origin, "hotline.example/cosigner", 1, &partner,
		   DAY_MS / 2, HF_RELAY_NONE, kind);
	load(world);
	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN,
				   hf_span_of(origin), &set, &why),
		  &why);
	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	assert_ok(hf_item_encode(&item, &payload), &why);
	draft.payload = hf_buf_span(&payload);
	assert_ok(rig_append_one(&world->rig, set, draft, NULL, &why), &why);
	draft.op = HF_OP_STATUS;
	assert_ok(rig_append_one(&world->rig, set, draft, NULL, &why), &why);
	hf_buf_release(&payload);
	assert_int_equal(hf_feed_wait(world->node.feed, set, 2, 10000), HF_OK);
	assert_int_equal(hf_feed_get(world->node.feed, set, &is), HF_OK);
	assert_int_equal(is.size, 2);
	assert_int_equal(is.fed, 2);
	assert_true(is.is_in_force);
	assert_int_equal(hf_index_position(world->node.index, set),
			 is.is_items ? 2 : 0);
	return is;
}

static void only_sets_of_items_are_matched(void **state)
{
	static const struct {
		const char *origin;
		unsigned kind;
		bool is_items;
	} rows[] = {
		{ "hotline.example/items/1", 0, true },
		{ "hotline.example/cases/1", HF_SET_KIND_CASES, false },
		{ "hotline.example/claims/1", HF_SET_KIND_DIRECTORY, false },
		/* Of a later version. */
		{ "hotline.example/later/1", 77, false },
	};
	struct world *world = *state;

	open_ledger(world);
	load(world);
	start_feed(world);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_feed_set is = fed_set(world, rows[i].origin,
						(enum hf_set_kind)rows[i].kind);

		assert_int_equal(is.is_items, rows[i].is_items);
		assert_int_equal(is.is_matchable, rows[i].is_items);
		assert_int_equal(is.live, rows[i].is_items ? 1 : 0);
	}
}

static void hashes_are_published_into_sets_of_items_only(void **state)
{
	struct world *world = *state;
	struct hf_own_check check;
	struct hf_why why = { "" };
	struct hf_ring *ring;

	open_ledger(world);
	agree_kind(&hotline, "hotline.example/cases/1",
		   "hotline.example/cosigner", 1, &partner, DAY_MS / 2,
		   HF_RELAY_NONE, HF_SET_KIND_CASES);
	load(world);
	start_feed(world);
	ring = hf_ring_holder_get(world->node.ring);
	assert_int_equal(
		hf_own_check_begin(
			&world->node, 9,
			hf_ring_set(ring, BYTES("hotline.example/cases/1")),
			&check, &why),
		HF_E_ARGUMENT);
	assert_non_null(strstr(why.text, "kind cases"));
	hf_ring_release(ring);
}

struct told {
	pthread_mutex_t lock;
	unsigned count;
};

static void count_told(void *arg)
{
	struct told *told = arg;

	pthread_mutex_lock(&told->lock);
	told->count++;
	pthread_mutex_unlock(&told->lock);
}

static unsigned told_count(struct told *told)
{
	unsigned count;

	pthread_mutex_lock(&told->lock);
	count = told->count;
	pthread_mutex_unlock(&told->lock);
	return count;
}

static void whoever_wants_is_told_of_news_until_he_does_not(void **state)
{
	struct world *world = *state;
	struct told told = { .lock = PTHREAD_MUTEX_INITIALIZER };
	unsigned before;

	open_ledger(world);
	load(world);
	start_feed(world);
	hf_feed_tell(world->node.feed, count_told, &told);
	(void)fed_set(world, "hotline.example/items/1", 0);
	assert_true(told_count(&told) > 0);
	hf_feed_tell(world->node.feed, NULL, NULL);
	before = told_count(&told);
	(void)fed_set(world, "hotline.example/items/2", 0);
	assert_int_equal(told_count(&told), before);
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

	assert_ok(hf_errands_start("errands", 1, &errands, &why), &why);
	for (int i = 0; i < (int)ROWS(rows); i++) {
		rows[i] = (struct counted){ .errand.run = count,
					    .order = &order,
					    .number = i };
		hf_errand_post(errands, &rows[i].errand);
	}
	hf_errands_stop(errands);
	assert_int_equal(order, ROWS(rows));
}

/* Errands that end only when all of them have begun. */
struct meeting {
	struct hf_errand errand; /* first */
	pthread_barrier_t *all;
};

static void meet(struct hf_errand *errand)
{
	struct meeting *meeting = (struct meeting *)(void *)errand;

	pthread_barrier_wait(meeting->all);
}

static void errands_of_several_threads_run_beside_each_other(void **state)
{
	struct meeting rows[HF_ERRAND_THREADS_MAX];
	struct hf_errands *errands = NULL;
	struct hf_why why = { "" };
	pthread_barrier_t all;

	assert_ok(hf_errands_start("many", ROWS(rows), &errands, &why), &why);
	pthread_barrier_init(&all, NULL, ROWS(rows));
	for (size_t i = 0; i < ROWS(rows); i++) {
		rows[i] = (struct meeting){ .errand.run = meet, .all = &all };
		hf_errand_post(errands, &rows[i].errand);
	}
	hf_errands_stop(errands);
	pthread_barrier_destroy(&all);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_agreement_that_ends_by_the_clock_ends_matching),
		WORLD_TEST(a_set_that_we_were_taken_out_of_is_not_matched),
		WORLD_TEST(only_sets_of_items_are_matched),
		WORLD_TEST(hashes_are_published_into_sets_of_items_only),
		WORLD_TEST(whoever_wants_is_told_of_news_until_he_does_not),
		WORLD_TEST(whoever_waits_for_a_feed_that_halts_is_let_go),
		WORLD_TEST(a_hidden_set_and_an_unknown_one_look_the_same),
		WORLD_TEST(an_agreement_that_is_over_hides_the_set),
		WORLD_TEST(a_peer_is_told_of_whom_it_shares_a_set_with),
		cmocka_unit_test(errands_run_in_order_and_all_before_the_stop),
		cmocka_unit_test(
			errands_of_several_threads_run_beside_each_other),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
