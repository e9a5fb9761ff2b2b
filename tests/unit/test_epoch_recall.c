/*
 * What an item goes on from is read where no batch says it.
 */
#include "unit.h"

#include <string.h>

#include "codec_item.h"
#include "epoch_recall.h"

#include "ledger_steps.h"

#define EARLIER "hotline.example/before/1"

static const struct hf_recall_ask ours = { .origin = EARLIER,
					   .batch = { 7, 7, 7 } };

/* An item that goes on from an entry; the draft borrows from the buf. */
static struct hf_ledger_draft draft_of(const char *origin, uint64_t index,
				       struct hf_buf *buf)
{
	static const uint8_t bytes[HF_HASH_BYTES] = { 1 };
	const struct hf_hash hash = { .algorithm = HF_ALGORITHM_SHA256,
				      .digest = { bytes, sizeof(bytes) } };
	const struct hf_entry_ref from = { .origin = origin,
					   .index = index,
					   .leaf_hash = { bytes,
							  sizeof(bytes) } };
	const struct hf_item item = { .media_kind = HF_ITEM_KIND_IMAGE,
				      .content_class = HF_CLASS_NCII,
				      .hashes = &hash,
				      .hashes_count = 1,
				      .jurisdiction = "",
				      .legal_basis = "",
				      .series = "",
				      .predecessor = &from };
	struct hf_ledger_draft draft = rig_add("");

	hf_buf_init(buf, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_item_encode(&item, buf), HF_OK);
	draft.payload = hf_buf_span(buf);
	return draft;
}

/* Entries from..from + count - 1 carried over, as a part of a batch. */
static void carry(struct rig *rig, uint32_t set, const uint8_t id,
		  uint64_t sequence, uint64_t from, size_t count)
{
	struct hf_ledger_draft drafts[16];
	struct hf_buf bufs[16];
	struct hf_ledger_batch batch = { .set = set,
					 .id = { id, id, id },
					 .sequence = sequence,
					 .drafts = drafts,
					 .drafts_count = count };
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };

	for (size_t i = 0; i < count; i++)
		drafts[i] = draft_of(EARLIER, from + i, &bufs[i]);
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	for (size_t i = 0; i < count; i++)
		hf_buf_release(&bufs[i]);
}

static const struct hf_recalled *recall(struct rig *rig, uint32_t set,
					struct hf_recalls *recalls)
{
	const struct hf_recalled *recalled;
	struct hf_recall_ask ask = ours;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	enum hf_err err;

	ask.to = set;
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	err = hf_recall(recalls, view, &ask, &recalled, &why);
	hf_ledger_view_end(view);
	assert_ok(err, &why);
	return recalled;
}

static void assert_finds(const struct hf_recalled *recalled, uint64_t earlier,
			 uint64_t want)
{
	uint64_t entry = UINT64_MAX;

	assert_true(hf_recalled_find(recalled, earlier, &entry));
	assert_int_equal(entry, want);
}

static void what_no_part_of_the_batch_has_is_read_from_the_items(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_recalls recalls = { NULL };
	const struct hf_recalled *recalled;
	struct hf_buf buf;
	uint64_t entry;

	carry(rig, set, 7, 0, 0, 4);   /* 0 to 3: a part */
	carry(rig, set, 9, 0, 256, 3); /* 4 to 6: came back from a peer */
	carry(rig, set, 7, 2, 512, 2); /* 7 and 8: a part */
	append(rig, set, draft_of("hotline.example/other/1", 5, &buf), 9);
	hf_buf_release(&buf);
	append(rig, set, rig_add("no item"), 10);
	append(rig, set, rig_about(HF_OP_RETRACT, 5, ""), 11);
	append(rig, set, draft_of(EARLIER, 600, &buf), 12);
	hf_buf_release(&buf);
	/* Twice the same: the first is it. */
	append(rig, set, draft_of(EARLIER, 257, &buf), 13);
	hf_buf_release(&buf);

	recalled = recall(rig, set, &recalls);
	assert_finds(recalled, 256, 4);
	assert_finds(recalled, 257, 5);
	assert_finds(recalled, 258, 6);
	assert_finds(recalled, 600, 12);
	for (uint64_t i = 0; i < 4; i++)
		assert_false(hf_recalled_find(recalled, i, &entry));
	assert_false(hf_recalled_find(recalled, 5, &entry));
	assert_false(hf_recalled_find(recalled, 512, &entry));
	assert_false(hf_recalled_find(recalled, UINT64_MAX, &entry));
	/* Read once. */
	assert_ptr_equal(recall(rig, set, &recalls), recalled);
	hf_recalls_free(&recalls);
}

static void where_every_entry_is_of_the_batch_nothing_is_recalled(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_recalls recalls = { NULL };
	uint64_t entry;

	assert_false(hf_recalled_find(recall(rig, set, &recalls), 0, &entry));
	hf_recalls_free(&recalls);
	for (uint64_t i = 0; i < 3; i++)
		carry(rig, set, 7, i, 256 * i, 16);
	for (uint64_t i = 0; i < 700; i++)
		assert_false(hf_recalled_find(recall(rig, set, &recalls), i,
					      &entry));
	hf_recalls_free(&recalls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_no_part_of_the_batch_has_is_read_from_the_items),
		RIG_TEST(where_every_entry_is_of_the_batch_nothing_is_recalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
