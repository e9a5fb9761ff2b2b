#include "service_world.h"

#include <sched.h>

#include "errand.h"
#include "mailbox.h"
#include "own_check.h"
#include "retract_targets.h"
#include "serve.h"
#include "visible.h"

static uint64_t patience_until_us(void)
{
	return hf_clock_mono_us() + (uint64_t)patience_ms() * 1000;
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
	uint64_t until_us = patience_until_us();

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

/* What a request to retract item n means. */
static enum hf_err gathered(struct world *world, uint8_t n,
			    struct hf_retract_targets *out_targets)
{
	const struct hf_hash hash = hash_of(n);
	const struct hf_retract_request request = { .what = HF_RETRACT_HASH,
						    .hash = &hash };
	struct hf_why why = { "" };
	enum hf_err err;

	*out_targets = (struct hf_retract_targets){ .node = &world->node };
	err = hf_retract_targets_gather(out_targets, &request, &why);
	free(out_targets->rows);
	assert_true(err == HF_OK || why.text[0] != '\0');
	return err;
}

static void
what_is_acknowledged_can_be_retracted_by_its_hash_at_once(void **state)
{
	struct world *world = *state;
	struct hf_retract_targets targets;
	uint32_t set;

	open_ledger(world);
	load(world);
	start_feed(world);
	set = own_set(world, OURS, 0);
	for (uint8_t n = 0; n < 50; n++) {
		publish(world, set, hash_of(n));
		assert_int_equal(gathered(world, n, &targets), HF_OK);
		assert_int_equal(targets.count, 1);
		assert_false(targets.is_behind);
	}
	assert_int_equal(gathered(world, 50, &targets), HF_E_NOTFOUND);

	/* An index that does not come further: what is not found may be there,
	 * and of what is found there may be more. */
	hf_feed_halt(world->node.feed);
	publish(world, set, hash_of(50));
	assert_int_equal(gathered(world, 50, &targets), HF_E_UNAVAILABLE);
	assert_int_equal(gathered(world, 49, &targets), HF_OK);
	assert_int_equal(targets.count, 1);
	assert_true(targets.is_behind);
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
		hf_feed_wait(world->node.feed, world->theirs, 5, patience_ms()),
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
	uint64_t until_us = patience_until_us();
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

/* Its publisher's agreement about an epoch that goes on from the first. */
static bool takes_epoch(struct world *world, unsigned epoch,
			enum hf_set_kind kind)
{
	static const uint8_t root[HF_HASH_BYTES] = { 1 };
	const struct hf_predecessor from = {
		.origin = THEIRS,
		.root = hf_span(root, sizeof(root)),
	};
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_span members[] = { hf_span(hotline.id, 32) };
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	const struct hf_agreement agreement = {
		.origin = origin,
		.version = 1,
		.organisation_id = hf_span(partner.id, 32),
		.log_key = public_span(partner.log),
		.cosigner_key = public_span(partner.cosigner),
		.cosigner_name = "partner.example/cosigner",
		.audience = members,
		.audience_count = 1,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = now_ms,
		.expires_ms = now_ms + DAY_MS,
		.kind = kind,
		.predecessor = &from,
	};
	struct hf_why why = { "" };
	struct hf_buf document;
	bool takes;

	snprintf(origin, sizeof(origin), "partner.example/csam/%u", epoch);
	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	assert_ok(hf_trust_agreement_make(&agreement, partner.agreement,
					  &document, &why),
		  &why);
	takes = hf_mailbox_take(&world->node, origin, hf_buf_span(&document));
	hf_buf_release(&document);
	load(world);
	return takes;
}

/* Each takes one of the sets that there is room for: whoever is followed could
 * leave none for others. */
static void epochs_are_taken_so_far_and_of_one_kind(void **state)
{
	struct world *world = *state;

	open_ledger(world);
	agree_theirs(1, DAY_MS / 2);
	snprintf(world->node.ring_dir, sizeof(world->node.ring_dir), "%s", dir);
	load(world);
	assert_false(takes_epoch(world, 2, HF_SET_KIND_DIRECTORY));
	for (unsigned i = 2; i <= HF_MAILBOX_EPOCHS_MAX; i++)
		assert_true(takes_epoch(world, 10 * i, 0));
	assert_false(takes_epoch(world, 1000, 0));
	/* A person makes room, or follows it. */
	assert_int_equal(
		hf_ring_unfollow(dir, BYTES("partner.example/csam/20"), NULL),
		HF_OK);
	load(world);
	assert_true(takes_epoch(world, 1000, 0));
}

/* The verbs of those that only tell. */
static bool is_question(const char *name)
{
	static const char *const verbs[] = { "Get",    "List",  "Watch",
					     "Match",  "Prove", "VerifySet",
					     "Explain" };

	for (size_t i = 0; i < ROWS(verbs); i++) {
		if (strncmp(name, verbs[i], strlen(verbs[i])) == 0)
			return true;
	}
	return false;
}

/* What a person or program of ours calls is audited, or a question. */
static void every_method_that_writes_says_so(void **state)
{
	for (size_t i = 0; i < hf_methods_count; i++) {
		const struct hf_rpc_method *method = &hf_methods[i];
		const char *name = strrchr(method->path, '/') + 1;
		bool should =
			method->duties != HF_DUTY_PEER && !is_question(name);

		if (hf_method_writes(method->path) != should)
			fail_msg("%s", method->path);
		assert_true(method->effect == HF_RPC_READS ||
			    method->effect == HF_RPC_WRITES);
	}
	assert_false(hf_method_writes("/hashfed.v1.Publish/Nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_agreement_that_ends_by_the_clock_ends_matching),
		WORLD_TEST(a_set_that_we_were_taken_out_of_is_not_matched),
		WORLD_TEST(only_sets_of_items_are_matched),
		WORLD_TEST(
			what_is_acknowledged_can_be_retracted_by_its_hash_at_once),
		WORLD_TEST(hashes_are_published_into_sets_of_items_only),
		WORLD_TEST(whoever_wants_is_told_of_news_until_he_does_not),
		WORLD_TEST(whoever_waits_for_a_feed_that_halts_is_let_go),
		WORLD_TEST(a_hidden_set_and_an_unknown_one_look_the_same),
		WORLD_TEST(an_agreement_that_is_over_hides_the_set),
		WORLD_TEST(a_peer_is_told_of_whom_it_shares_a_set_with),
		WORLD_TEST(epochs_are_taken_so_far_and_of_one_kind),
		cmocka_unit_test(every_method_that_writes_says_so),
		cmocka_unit_test(errands_run_in_order_and_all_before_the_stop),
		cmocka_unit_test(
			errands_of_several_threads_run_beside_each_other),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
