/*
 * What agreements and entries say of epochs: which comes before which, when the
 * later one is given, and what a root that is not ours means.
 */
#include "epochs_world.h"

#include "feed_epoch.h"
#include "leaf.h"

static struct hf_feed_epoch stands(struct world *world, uint32_t set)
{
	struct hf_ledger_info info = info_of(world, set);
	struct hf_ring *ring = hf_ring_holder_get(world->node.ring);
	struct hf_ledger_view *view;
	struct hf_feed_epoch epoch;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(world->rig.ledger, &view, &why), &why);
	hf_feed_epoch(&world->node, ring, view, &info, &epoch);
	hf_ledger_view_end(view);
	hf_ring_release(ring);
	return epoch;
}

static void one_alone_goes_on_from_nothing(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 2);
	struct hf_feed_epoch epoch = stands(world, first);

	assert_int_equal(epoch.earlier, 0);
	assert_int_equal(epoch.later, 0);
	assert_true(epoch.void_from == UINT64_MAX);
	assert_true(epoch.is_given);
	assert_false(epoch.is_contradicted);
}

static void
what_goes_on_from_an_epoch_that_is_not_here_has_none_before(void **state)
{
	struct world *world = *state;
	struct hf_feed_epoch epoch;
	uint32_t third;

	first_epoch(world, 2);
	goes_on(world, THIRD, SECOND, 9, any_root, 1, 0);
	third = created(world, THIRD);
	epoch = stands(world, third);
	assert_int_equal(epoch.earlier, 0);
	/* It is not given before its publisher says that it is whole. */
	assert_false(epoch.is_given);
	add(world, third, 1, NULL, 0);
	assert_int_equal(
		hf_feed_wait(world->node.feed, third, 1, patience_ms()), HF_OK);
	assert_false(stands(world, third).is_given);
	goes_on(world, THIRD, SECOND, 9, any_root, 2, 2);
	assert_true(stands(world, third).is_given);
}

/* The index has nothing of it, and so does not say how far it is here. */
static void
one_of_cases_is_given_when_all_that_is_said_of_it_is_here(void **state)
{
	struct world *world = *state;
	uint32_t second;

	first_epoch(world, 2);
	goes_on_kind(world, SECOND, OURS, 2, any_root, 1, 4, HF_SET_KIND_CASES);
	second = created(world, SECOND);
	for (uint8_t i = 0; i < 3; i++) {
		assert_false(stands(world, second).is_given);
		add(world, second, i, NULL, 0);
	}
	assert_true(stands(world, second).is_given);
}

static void a_size_that_is_not_held_contradicts_nothing(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 3);
	struct hf_feed_epoch epoch;

	goes_on(world, SECOND, OURS, 1000, any_root, 1, 0);
	created(world, SECOND);
	epoch = stands(world, first);
	assert_false(epoch.is_contradicted);
	assert_true(epoch.void_from == 1000);
}

static void a_root_that_is_not_ours_contradicts_us(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 3), second;
	uint8_t root[HF_HASH_BYTES];
	struct hf_feed_epoch epoch;

	root_at(world, first, 2, root);
	goes_on(world, SECOND, OURS, 2, root, 1, 0);
	second = created(world, SECOND);
	epoch = stands(world, first);
	assert_false(epoch.is_contradicted);
	assert_true(epoch.void_from == 2);
	assert_int_equal(epoch.later, second);
	assert_int_equal(stands(world, second).earlier, first);
	/* The root of all three is not that of two. */
	root_at(world, first, 3, root);
	goes_on(world, THIRD, OURS, 2, root, 1, 0);
	created(world, THIRD);
	assert_true(stands(world, first).is_contradicted);
}

static void of_two_that_go_on_from_one_the_latest_counts(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 3), second, third;
	struct hf_feed_epoch epoch;
	uint8_t root[HF_HASH_BYTES];

	root_at(world, first, 3, root);
	goes_on(world, SECOND, OURS, 3, root, 1, 0);
	second = created(world, SECOND);
	root_at(world, first, 1, root);
	goes_on(world, THIRD, OURS, 1, root, 1, 0);
	third = created(world, THIRD);
	epoch = stands(world, first);
	assert_int_equal(epoch.later, third);
	assert_true(epoch.void_from == 1);
	/* All of the one that was left out is void, and nobody waits for it. */
	epoch = stands(world, second);
	assert_int_equal(epoch.later, third);
	assert_true(epoch.void_from == 0);
	assert_false(epoch.is_contradicted);
	epoch = stands(world, third);
	assert_int_equal(epoch.earlier, first);
	assert_int_equal(epoch.later, 0);
}

static void it_is_given_once_all_that_counts_is_in_the_index(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 2), second;
	uint8_t root[HF_HASH_BYTES];

	root_at(world, first, 2, root);
	goes_on(world, SECOND, OURS, 2, root, 1, 0);
	second = created(world, SECOND);
	add(world, second, 0, OURS, 0);
	assert_int_equal(
		hf_feed_wait(world->node.feed, second, 1, patience_ms()),
		HF_OK);
	assert_false(stands(world, second).is_given);
	goes_on(world, SECOND, OURS, 2, root, 2, 3);
	/* One of two. */
	assert_false(stands(world, second).is_given);
	/* Both are signed, and the index has not taken the second. */
	hf_feed_stop(world->node.feed);
	world->node.feed = NULL;
	add(world, second, 1, OURS, 1);
	assert_false(stands(world, second).is_given);
	assert_int_equal(hf_index_advance(world->node.index, second, 2, NULL),
			 HF_OK);
	assert_true(stands(world, second).is_given);
}

static bool before(struct world *world, uint32_t set, uint64_t entry,
		   uint32_t earlier, uint64_t *out_entry)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	bool is;

	assert_ok(hf_ledger_view_begin(world->rig.ledger, &view, &why), &why);
	is = hf_feed_epoch_before(view, set, entry, earlier, out_entry);
	hf_ledger_view_end(view);
	return is;
}

static void only_an_item_of_the_epoch_before_is_one_of_it(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 2), second;
	uint64_t plain, ours, another, self, at = 77;

	goes_on(world, SECOND, OURS, 2, any_root, 1, 0);
	second = created(world, SECOND);
	plain = add(world, second, 0, NULL, 0);
	ours = add(world, second, 1, OURS, 1);
	another = add(world, second, 2, OTHER, 1);
	self = add(world, second, 3, SECOND, 0);
	say(world, second, HF_OP_RETRACT, plain);
	assert_false(before(world, second, plain, first, &at));
	assert_false(before(world, second, another, first, &at));
	assert_false(before(world, second, self, first, &at));
	/* A RETRACT is no item; and what is not there is none. */
	assert_false(before(world, second, self + 1, first, &at));
	assert_false(before(world, second, UINT64_MAX - 1, first, &at));
	assert_false(before(world, second, ours, 0, &at));
	assert_int_equal(at, 77);
	assert_true(before(world, second, ours, first, &at));
	assert_int_equal(at, 1);
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	struct hf_index_hit *wanted = arg;

	wanted->is_demoted |= hit->set == wanted->set;
}

/* By is_demoted of a row of its own: whether the index has it for the set. */
static bool finds(struct world *world, uint32_t set, uint8_t n)
{
	const uint8_t digest[32] = { n, 7 };
	const struct hf_index_query query = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digest = digest,
	};
	struct hf_index_hit wanted = { .set = set };
	const struct hf_index_sink sink = { on_hit, NULL, &wanted };
	struct hf_index_view *view;
	struct hf_why why = { "" };

	assert_ok(hf_index_view_begin(world->node.index, &view, &why), &why);
	assert_ok(hf_index_lookup_exact(view, &query, 1, &sink, &why), &why);
	hf_index_view_end(view);
	return wanted.is_demoted;
}

/* Whatever it names there: what it says cannot stop the feed, nor take out
 * what it does not name. */
static void
taking_back_what_goes_on_from_no_entry_takes_out_no_other(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 3), second;
	uint64_t far, same;

	goes_on(world, SECOND, OURS, 3, any_root, 1, 0);
	second = created(world, SECOND);
	far = add(world, second, 5, OURS, INT64_MAX);
	same = add(world, second, 1, OURS, 1);
	say(world, second, HF_OP_RETRACT, far);
	say(world, second, HF_OP_RETRACT, same);
	assert_int_equal(
		hf_feed_wait(world->node.feed, second, 4, patience_ms()),
		HF_OK);
	assert_true(finds(world, first, 0));
	assert_false(finds(world, first, 1));
	assert_true(finds(world, first, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(one_alone_goes_on_from_nothing),
		WORLD_TEST(
			what_goes_on_from_an_epoch_that_is_not_here_has_none_before),
		WORLD_TEST(
			one_of_cases_is_given_when_all_that_is_said_of_it_is_here),
		WORLD_TEST(a_size_that_is_not_held_contradicts_nothing),
		WORLD_TEST(a_root_that_is_not_ours_contradicts_us),
		WORLD_TEST(of_two_that_go_on_from_one_the_latest_counts),
		WORLD_TEST(it_is_given_once_all_that_counts_is_in_the_index),
		WORLD_TEST(only_an_item_of_the_epoch_before_is_one_of_it),
		WORLD_TEST(
			taking_back_what_goes_on_from_no_entry_takes_out_no_other),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
