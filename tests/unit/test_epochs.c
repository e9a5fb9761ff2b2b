/*
 * The next epoch of a set of ours: what is carried over, where an entry is
 * found, and what is closed.
 */
#include "epochs_world.h"

#include "arena.h"
#include "epoch_carry.h"

/* --- carrying over ---------------------------------------------------------
 */

static struct hf_carry carry_of(struct world *world, uint32_t from, uint32_t to,
				uint64_t size)
{
	return (struct hf_carry){ .node = &world->node,
				  .from_origin = OURS,
				  .from = from,
				  .to = to,
				  .size = size };
}

struct origin_of {
	uint64_t index;
	enum hf_class content_class;
};

/* Of each entry of a set, the entry that it goes on from. */
static size_t carried(struct world *world, uint32_t set,
		      struct origin_of *out_from, size_t most)
{
	struct hf_ledger_info info = info_of(world, set);
	struct hf_ledger_view *view;
	struct hf_arena arena;
	struct hf_why why = { "" };

	assert_true(info.size <= most);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	assert_ok(hf_ledger_view_begin(world->rig.ledger, &view, &why), &why);
	for (uint64_t i = 0; i < info.size; i++) {
		struct hf_ledger_entry entry;
		struct hf_item item;

		assert_ok(hf_ledger_entry(view, set, i, &entry, &why), &why);
		assert_ok(hf_item_parse(entry.payload, &arena, &item, &why),
			  &why);
		assert_non_null(item.predecessor);
		assert_string_equal(item.predecessor->origin, OURS);
		assert_int_equal(item.reinstates_plus_one, 0);
		assert_int_equal(item.hashes_count, 1);
		assert_int_equal(item.hashes[0].digest.at[0],
				 item.predecessor->index);
		out_from[i].index = item.predecessor->index;
		out_from[i].content_class = item.content_class;
	}
	hf_ledger_view_end(view);
	hf_arena_release(&arena);
	return info.size;
}

static void what_lives_and_counts_is_carried_over_once(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 6), second;
	struct hf_ledger_receipt receipt, again;
	struct hf_why why = { "" };
	struct hf_carry carry;
	struct origin_of from[8];

	amend(world, first, 4, HF_CLASS_NCII);
	say(world, first, HF_OP_RETRACT, 1);
	say(world, first, HF_OP_RETRACT, 2);
	say(world, first, HF_OP_ERASE, 2);
	/* Void from here: an item, what took one back, what amended one. */
	add(world, first, 20, NULL, 0);
	say(world, first, HF_OP_RETRACT, 3);
	amend(world, first, 5, HF_CLASS_NCII);
	second = created(world, SECOND);
	carry = carry_of(world, first, second, 10);
	assert_ok(hf_carry_piece(&carry, 0, &receipt, &why), &why);
	assert_int_equal(receipt.count, 4);
	assert_ok(hf_carry_piece(&carry, 0, &again, &why), &why);
	assert_int_equal(again.first, receipt.first);
	assert_int_equal(again.count, 4);
	/* Whatever became of what it was made from. */
	carry.size = 13;
	say(world, first, HF_OP_RETRACT, 0);
	assert_ok(hf_carry_piece(&carry, 0, &again, &why), &why);
	assert_int_equal(again.count, 4);
	assert_int_equal(carried(world, second, from, 8), 4);
	assert_int_equal(from[0].index, 0);
	assert_int_equal(from[1].index, 3);
	assert_int_equal(from[2].index, 4);
	assert_int_equal(from[2].content_class, HF_CLASS_NCII);
	assert_int_equal(from[3].index, 5);
	assert_int_equal(from[3].content_class, HF_CLASS_CSAM);
}

static void
an_erased_item_that_was_not_taken_back_is_not_carried_over(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 2), second;
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };
	struct hf_carry carry;
	struct origin_of from[2];

	say(world, first, HF_OP_ERASE, 0);
	second = created(world, SECOND);
	carry = carry_of(world, first, second, 3);
	assert_ok(hf_carry_piece(&carry, 0, &receipt, &why), &why);
	assert_int_equal(carried(world, second, from, 2), 1);
	assert_int_equal(from[0].index, 1);
}

static void what_came_back_from_peers_is_not_carried_over_again(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 4), second, set = first;
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };
	struct hf_carry carry;
	struct origin_of from[8];
	uint64_t entry = 1;

	/* Two items that no batch of ours has, as after a restore. */
	second = created(world, SECOND);
	add(world, second, 0, OURS, 0);
	add(world, second, 1, OURS, 1);
	carry = carry_of(world, first, second, 4);
	assert_ok(hf_carry_piece(&carry, 0, &receipt, &why), &why);
	assert_int_equal(receipt.count, 2);
	assert_int_equal(carried(world, second, from, 8), 4);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(from[i].index, i);
	goes_on(world, SECOND, OURS, 4, any_root, 1, 0);
	assert_ok(hf_carry_entry(&world->node, &set, &entry, &why), &why);
	assert_int_equal(set, second);
	assert_int_equal(entry, 1);
}

static void what_is_complete_is_carried_over_by_nobody(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 4), second;
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };
	struct hf_carry carry;

	second = created(world, SECOND);
	carry = carry_of(world, first, second, 4);
	carry.is_complete = true;
	assert_ok(hf_carry_piece(&carry, 0, &receipt, &why), &why);
	assert_int_equal(receipt.count, 0);
	assert_int_equal(info_of(world, second).size, 0);
}

static void an_entry_is_found_in_the_latest_epoch(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 3), second, third, set = first;
	uint8_t root[HF_HASH_BYTES];
	struct hf_why why = { "" };
	uint64_t entry = 1;

	say(world, first, HF_OP_RETRACT, 0);
	root_at(world, first, 4, root);
	goes_on(world, SECOND, OURS, 4, root, 1, 0);
	second = created(world, SECOND);
	/* It is carried over at once, with its piece. */
	assert_ok(hf_carry_entry(&world->node, &set, &entry, &why), &why);
	assert_int_equal(set, second);
	assert_int_equal(entry, 0);
	assert_int_equal(info_of(world, second).size, 2);
	/* What was taken back is nowhere. */
	set = first;
	entry = 0;
	assert_int_equal(hf_carry_entry(&world->node, &set, &entry, &why),
			 HF_E_NOTFOUND);
	/* And once more: only the first two entries count. */
	root_at(world, second, 1, root);
	goes_on(world, THIRD, SECOND, 1, root, 1, 0);
	third = created(world, THIRD);
	set = first;
	entry = 1;
	assert_ok(hf_carry_entry(&world->node, &set, &entry, &why), &why);
	assert_int_equal(set, third);
	assert_int_equal(entry, 0);
	set = first;
	entry = 2;
	assert_int_equal(hf_carry_entry(&world->node, &set, &entry, &why),
			 HF_E_NOTFOUND);
	/* One of the latest is where it is. */
	set = third;
	entry = 0;
	assert_ok(hf_carry_entry(&world->node, &set, &entry, &why), &why);
	assert_int_equal(set, third);
}

/* --- closing ---------------------------------------------------------------
 */

static bool is_frozen_after_a_start(struct world *world, uint32_t set,
				    const char *reason)
{
	struct hf_epochs *epochs;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_freeze(world->rig.ledger, set, reason, &why), &why);
	assert_ok(hf_epochs_new(&world->node, &epochs, &why), &why);
	hf_epochs_free(epochs);
	return info_of(world, set).is_frozen;
}

/* Its matches would be for review. */
static bool is_fed_as_frozen(struct world *world, uint32_t set)
{
	struct hf_feed_set is;
	struct hf_why why = { "" };

	hf_feed_stop(world->node.feed);
	world->node.feed = NULL;
	assert_ok(hf_feed_start(&world->node, &world->node.feed, &why), &why);
	assert_int_equal(
		hf_feed_wait_caught_up(world->node.feed, patience_ms()), HF_OK);
	assert_int_equal(hf_feed_get(world->node.feed, set, &is), HF_OK);
	return is.is_frozen;
}

static void one_closed_for_an_epoch_that_never_was_is_open_again(void **state)
{
	struct world *world = *state;
	uint32_t first = first_epoch(world, 1);
	struct hf_ledger_info info;
	uint8_t root[HF_HASH_BYTES];

	/* A crash came between. */
	assert_false(
		is_frozen_after_a_start(world, first, "it goes on in " SECOND));
	/* For another reason it stays. */
	assert_true(is_frozen_after_a_start(world, first, "two trees"));
	info = info_of(world, first);
	assert_false(hf_epoch_is_closed(&info));
	assert_true(is_fed_as_frozen(world, first));
	root_at(world, first, 1, root);
	goes_on(world, SECOND, OURS, 1, root, 1, 0);
	assert_true(
		is_frozen_after_a_start(world, first, "it goes on in " SECOND));
	info = info_of(world, first);
	assert_true(hf_epoch_is_closed(&info));
	/* Closed like that, nothing is wrong with what it has. */
	assert_false(is_fed_as_frozen(world, first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_lives_and_counts_is_carried_over_once),
		WORLD_TEST(
			an_erased_item_that_was_not_taken_back_is_not_carried_over),
		WORLD_TEST(what_came_back_from_peers_is_not_carried_over_again),
		WORLD_TEST(what_is_complete_is_carried_over_by_nobody),
		WORLD_TEST(an_entry_is_found_in_the_latest_epoch),
		WORLD_TEST(
			one_closed_for_an_epoch_that_never_was_is_open_again),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
