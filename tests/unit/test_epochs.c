/*
 * Epochs of a set, as agreements and entries say where they go on from: what of
 * that is believed, what is carried over, and when the later one is given.
 */
#include "service_world.h"

#include "arena.h"
#include "bytes.h"
#include "epoch.h"
#include "epoch_carry.h"
#include "feed_epoch.h"
#include "leaf.h"

#define SECOND "hotline.example/ncii/2"
#define THIRD  "hotline.example/ncii/3"
#define OTHER  "hotline.example/other/1"

/* --- what is told of epochs ------------------------------------------------
 */

/* Our agreement about an epoch; size counts of the one before it. */
static void goes_on(struct world *world, const char *origin, const char *from,
		    uint64_t size, const uint8_t root[static HF_HASH_BYTES],
		    uint64_t version, uint64_t carried_plus_one)
{
	const struct hf_predecessor predecessor = {
		.origin = from,
		.size = size,
		.root = hf_span(root, HF_HASH_BYTES),
		.carried_plus_one = carried_plus_one,
	};
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_span members[] = { hf_span(partner.id, 32) };
	const struct hf_agreement agreement = {
		.origin = origin,
		.version = version,
		.organisation_id = hf_span(hotline.id, 32),
		.log_key = public_span(hotline.log),
		.cosigner_key = public_span(hotline.cosigner),
		.cosigner_name = "hotline.example/cosigner",
		.audience = members,
		.audience_count = 1,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = now_ms,
		.expires_ms = now_ms + DAY_MS,
		.predecessor = from != NULL ? &predecessor : NULL,
	};
	struct hf_why why = { "" };
	struct hf_buf document;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	assert_ok(hf_trust_agreement_make(&agreement, hotline.agreement,
					  &document, &why),
		  &why);
	assert_ok(hf_ring_save_agreement(dir, hf_buf_span(&document), &why),
		  &why);
	hf_buf_release(&document);
	load(world);
}

static const uint8_t any_root[HF_HASH_BYTES] = { 1 };

static uint32_t created(struct world *world, const char *origin)
{
	struct hf_why why = { "" };
	uint32_t set;

	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN,
				   hf_span_of(origin), &set, &why),
		  &why);
	return set;
}

/* The item with hash number n, which goes on from an entry where one is
 * named. */
static uint64_t add(struct world *world, uint32_t set, uint8_t n,
		    const char *from, uint64_t index)
{
	const uint8_t digest[32] = { n, 7 };
	const struct hf_hash hash = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digest = hf_span(digest, sizeof(digest)),
	};
	const struct hf_entry_ref ref = {
		.origin = from,
		.index = index,
		.leaf_hash = hf_span(any_root, sizeof(any_root)),
	};
	const struct hf_item item = {
		.hashes = &hash,
		.hashes_count = 1,
		.content_class = HF_CLASS_CSAM,
		.predecessor = from != NULL ? &ref : NULL,
	};
	struct hf_ledger_draft draft = { .op = HF_OP_ADD,
					 .target = HF_LEDGER_SELF };
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };
	struct hf_buf payload;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	assert_ok(hf_item_encode(&item, &payload), &why);
	draft.payload = hf_buf_span(&payload);
	assert_ok(rig_append_one(&world->rig, set, draft, &receipt, &why),
		  &why);
	hf_buf_release(&payload);
	return receipt.first;
}

/* Another class for an item. */
static void amend(struct world *world, uint32_t set, uint64_t target,
		  enum hf_class content_class)
{
	const struct hf_item item = { .content_class = content_class };
	struct hf_ledger_draft draft = { .op = HF_OP_AMEND, .target = target };
	struct hf_why why = { "" };
	struct hf_buf payload;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	assert_ok(hf_item_encode(&item, &payload), &why);
	draft.payload = hf_buf_span(&payload);
	assert_ok(rig_append_one(&world->rig, set, draft, NULL, &why), &why);
	hf_buf_release(&payload);
}

static void say(struct world *world, uint32_t set, enum hf_op op,
		uint64_t target)
{
	struct hf_ledger_draft draft = { .op = (uint8_t)op,
					 .code = 1,
					 .target = target };
	struct hf_why why = { "" };

	assert_ok(rig_append_one(&world->rig, set, draft, NULL, &why), &why);
}

static struct hf_ledger_info info_of(struct world *world, uint32_t set)
{
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	assert_ok(rig_info(&world->rig, set, &info, &why), &why);
	return info;
}

/* The first epoch with so many items, all fed. */
static uint32_t first_epoch(struct world *world, uint8_t items)
{
	struct hf_why why = { "" };
	uint32_t set;

	open_ledger(world);
	goes_on(world, OURS, NULL, 0, any_root, 1, 0);
	start_feed(world);
	assert_ok(hf_epochs_new(&world->node, &world->node.epochs, &why), &why);
	set = created(world, OURS);
	for (uint8_t i = 0; i < items; i++)
		add(world, set, i, NULL, 0);
	assert_int_equal(hf_feed_wait(world->node.feed, set, items, 10000),
			 HF_OK);
	return set;
}

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

static void root_at(struct world *world, uint32_t set, uint64_t size,
		    uint8_t out_root[static HF_HASH_BYTES])
{
	struct hf_ledger_view *view;
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(world->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_root(view, set, size, &root, &why), &why);
	hf_ledger_view_end(view);
	memcpy(out_root, root.bytes, sizeof(root.bytes));
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
	assert_int_equal(hf_feed_wait(world->node.feed, third, 1, 10000),
			 HF_OK);
	assert_false(stands(world, third).is_given);
	goes_on(world, THIRD, SECOND, 9, any_root, 2, 2);
	assert_true(stands(world, third).is_given);
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
	assert_int_equal(hf_feed_wait(world->node.feed, second, 1, 10000),
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
	assert_int_equal(hf_feed_wait(world->node.feed, second, 4, 10000),
			 HF_OK);
	assert_true(finds(world, first, 0));
	assert_false(finds(world, first, 1));
	assert_true(finds(world, first, 2));
}

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
	assert_int_equal(hf_feed_wait_caught_up(world->node.feed, 10000),
			 HF_OK);
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
		WORLD_TEST(one_alone_goes_on_from_nothing),
		WORLD_TEST(
			what_goes_on_from_an_epoch_that_is_not_here_has_none_before),
		WORLD_TEST(a_size_that_is_not_held_contradicts_nothing),
		WORLD_TEST(a_root_that_is_not_ours_contradicts_us),
		WORLD_TEST(of_two_that_go_on_from_one_the_latest_counts),
		WORLD_TEST(it_is_given_once_all_that_counts_is_in_the_index),
		WORLD_TEST(only_an_item_of_the_epoch_before_is_one_of_it),
		WORLD_TEST(
			taking_back_what_goes_on_from_no_entry_takes_out_no_other),
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
