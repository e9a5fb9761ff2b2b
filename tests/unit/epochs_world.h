/*
 * epochs_world.h -- epochs of a set of the hotline's, made up for tests.
 */
#ifndef HF_EPOCHS_WORLD_H
#define HF_EPOCHS_WORLD_H

#include "service_world.h"

#include "bytes.h"
#include "leaf.h"

#define SECOND "hotline.example/ncii/2"
#define THIRD  "hotline.example/ncii/3"
#define OTHER  "hotline.example/other/1"

/* Our agreement about an epoch; size counts of the one before it. */
static inline void goes_on_kind(struct world *world, const char *origin,
				const char *from, uint64_t size,
				const uint8_t root[static HF_HASH_BYTES],
				uint64_t version, uint64_t carried_plus_one,
				enum hf_set_kind kind)
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
		.kind = kind,
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

static inline void goes_on(struct world *world, const char *origin,
			   const char *from, uint64_t size,
			   const uint8_t root[static HF_HASH_BYTES],
			   uint64_t version, uint64_t carried_plus_one)
{
	goes_on_kind(world, origin, from, size, root, version, carried_plus_one,
		     0);
}

static const uint8_t any_root[HF_HASH_BYTES] = { 1 };

static inline uint32_t created(struct world *world, const char *origin)
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
static inline uint64_t add(struct world *world, uint32_t set, uint8_t n,
			   const char *from, uint64_t index)
{
	const uint8_t digest[32] = { n, 7 };
	const struct hf_hash hash = sha256_of(hf_span(digest, sizeof(digest)));
	const struct hf_entry_ref ref = {
		.origin = from,
		.index = index,
		.leaf_hash = hf_span(any_root, sizeof(any_root)),
	};
	struct hf_item item = item_of(&hash);

	item.predecessor = from != NULL ? &ref : NULL;
	return put_item(world, set, HF_OP_ADD, HF_LEDGER_SELF, &item);
}

/* Another class for an item. */
static inline void amend(struct world *world, uint32_t set, uint64_t target,
			 enum hf_class content_class)
{
	const struct hf_item item = { .content_class = content_class };

	put_item(world, set, HF_OP_AMEND, target, &item);
}

static inline void say(struct world *world, uint32_t set, enum hf_op op,
		       uint64_t target)
{
	struct hf_ledger_draft draft = { .op = (uint8_t)op,
					 .code = 1,
					 .target = target };
	struct hf_why why = { "" };

	assert_ok(rig_append_one(&world->rig, set, draft, NULL, &why), &why);
}

static inline struct hf_ledger_info info_of(struct world *world, uint32_t set)
{
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	assert_ok(rig_info(&world->rig, set, &info, &why), &why);
	return info;
}

/* The first epoch with so many items, all fed. */
static inline uint32_t first_epoch(struct world *world, uint8_t items)
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
	assert_int_equal(
		hf_feed_wait(world->node.feed, set, items, patience_ms()),
		HF_OK);
	return set;
}

static inline void root_at(struct world *world, uint32_t set, uint64_t size,
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

#endif /* HF_EPOCHS_WORLD_H */
