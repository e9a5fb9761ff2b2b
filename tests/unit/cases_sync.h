/*
 * cases_sync.h -- what goes from one party to another: entries of a set, as
 * many as the test says, verified as they are on the way from a real peer.
 */
#ifndef HF_CASES_SYNC_H
#define HF_CASES_SYNC_H

#include "cases_rig.h"

/* One set on its way. */
struct passage {
	struct party *from, *to;
	struct hf_ledger_info source;
	uint32_t target;
	uint64_t have; /* entries that the reader has */
};

static inline enum hf_err passage_find(struct passage *passage,
				       struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	enum hf_err err;

	err = hf_ledger_view_begin(passage->to->rig.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(passage->source.origin),
			     &passage->target, NULL);
	if (err == HF_OK)
		err = hf_ledger_info(view, passage->target, &info, why);
	if (err == HF_OK)
		passage->have = info.size;
	hf_ledger_view_end(view);
	return err;
}

/* The writer's note at a size: signed as it would have been then. */
static inline enum hf_err pass_note(struct passage *passage,
				    struct hf_ledger_view *view, uint64_t size,
				    struct hf_why *why)
{
	struct rig *to = &passage->to->rig;
	struct rig_signer *signer = &passage->from->rig.signer;
	struct hf_ledger_checkpoint checkpoint = {
		.time_s = 1700000000 + size,
		.size = size,
	};
	struct hf_tree_proof proof;
	struct hf_buf note;
	enum hf_err err;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	err = hf_ledger_root(view, passage->source.set, size, &checkpoint.root,
			     why);
	if (err == HF_OK)
		err = hf_ledger_prove_growth(view, passage->source.set,
					     passage->have, size, &proof, why);
	if (err == HF_OK)
		err = rig_note(signer, hf_span_of(passage->source.origin), size,
			       &checkpoint.root, checkpoint.time_s, &note, why);
	checkpoint.note = hf_buf_span(&note);
	if (err == HF_OK)
		err = hf_ledger_see(to->ledger, passage->target, &checkpoint,
				    &proof, hf_ledger_wait_done(to->wait), why);
	hf_buf_release(&note);
	return err == HF_OK ? hf_ledger_wait_for(to->wait, NULL, why) : err;
}

static inline enum hf_err
pass_payloads(struct passage *passage, struct hf_ledger_view *view,
	      uint64_t end, struct hf_ledger_piece *piece, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (uint64_t i = passage->have; i < end && err == HF_OK; i++) {
		struct hf_ledger_entry entry;

		err = hf_ledger_entry(view, passage->source.set, i, &entry,
				      why);
		if (err == HF_OK && entry.state == HF_LEDGER_HELD)
			err = hf_ledger_piece_payload(piece, i, entry.opening,
						      entry.payload, why);
	}
	return err;
}

static inline enum hf_err pass_piece(struct passage *passage,
				     struct hf_ledger_view *view, uint64_t size,
				     struct hf_why *why)
{
	uint64_t end = hf_ledger_piece_end(passage->have, size);
	size_t count = (size_t)(end - passage->have);
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct rig *to = &passage->to->rig;
	struct hf_ledger_piece *piece = NULL;
	struct hf_tree_proof proof;
	enum hf_err err;

	err = hf_ledger_headers(view, passage->source.set, passage->have, count,
				headers, why);
	if (err == HF_OK)
		err = hf_ledger_prove_chunk(view, passage->source.set,
					    passage->have / HF_CHUNK_ENTRIES,
					    size, &proof, why);
	if (err == HF_OK)
		err = hf_ledger_piece_begin(
			to->ledger, passage->target, size, passage->have,
			hf_span(headers, count * HF_HEADER_BYTES), &proof,
			&piece, why);
	if (err == HF_OK)
		err = pass_payloads(passage, view, end, piece, why);
	if (err == HF_OK)
		err = hf_ledger_piece_commit(
			piece, hf_ledger_wait_done(to->wait), why);
	if (err != HF_OK) {
		hf_ledger_piece_free(piece);
		return err;
	}
	err = hf_ledger_wait_for(to->wait, NULL, why);
	passage->have = end;
	return err;
}

static inline enum hf_err pass_set(struct passage *passage, uint64_t most,
				   uint64_t *out_passed, struct hf_why *why)
{
	struct hf_ledger_view *view;
	uint64_t size;
	enum hf_err err = passage_find(passage, why);

	if (err == HF_E_NOTFOUND || passage->have >= passage->source.size)
		return err == HF_E_NOTFOUND ? HF_OK : err;
	size = passage->source.size - passage->have < most
		       ? passage->source.size
		       : passage->have + most;
	*out_passed += size - passage->have;
	err = hf_ledger_view_begin(passage->from->rig.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = pass_note(passage, view, size, why);
	while (err == HF_OK && passage->have < size)
		err = pass_piece(passage, view, size, why);
	hf_ledger_view_end(view);
	return err;
}

/* At most so many new entries of every set that one writes for the other;
 * returns how many they were. */
static inline uint64_t pass_some(struct party *from, struct party *to,
				 uint64_t most)
{
	struct hf_ledger_info info = { .set = 0 };
	uint64_t passed = 0;
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;

	while (err == HF_OK && most > 0) {
		struct passage passage = { .from = from, .to = to };
		struct hf_ledger_view *view;

		assert_ok(hf_ledger_view_begin(from->rig.ledger, &view, &why),
			  &why);
		err = hf_ledger_next(view, info.set, &info, NULL);
		hf_ledger_view_end(view);
		passage.source = info;
		if (err == HF_OK && info.kind == HF_LEDGER_OWN)
			assert_ok(pass_set(&passage, most, &passed, &why),
				  &why);
	}
	return passed;
}

static inline uint64_t pass(struct party *from, struct party *to)
{
	return pass_some(from, to, UINT64_MAX);
}

static inline void settle(struct party *party)
{
	struct hf_why why = { "" };

	assert_ok(hf_cases_settle(party->cases, &why), &why);
}

/* Everything between everybody, until nobody has anything to say. */
static inline void pass_all(struct world *world)
{
	uint64_t passed = 1;

	while (passed > 0) {
		passed = 0;
		for (size_t i = 0; i < PARTIES; i++)
			settle(&world->parties[i]);
		for (size_t i = 0; i < PARTIES * PARTIES; i++) {
			if (i / PARTIES != i % PARTIES)
				passed += pass(&world->parties[i / PARTIES],
					       &world->parties[i % PARTIES]);
		}
	}
}

#endif /* HF_CASES_SYNC_H */
