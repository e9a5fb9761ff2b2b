/*
 * ledger_pair.h -- two ledgers, and the way of a set from one to the other:
 * checkpoint, headers, payloads, with harm done to them on the way if asked.
 */
#ifndef HF_LEDGER_PAIR_H
#define HF_LEDGER_PAIR_H

#include "ledger_steps.h"

/* A publisher and a subscriber, as two peers would be. */
struct pair {
	struct rig from;
	struct rig to;
	uint32_t own;
	uint32_t foreign;
};

static inline int pair_up(void **state)
{
	struct pair *pair = test_calloc(1, sizeof(*pair));

	*state = pair;
	rig_init(&pair->from, 1);
	rig_init(&pair->to, 3);
	return 0;
}

static inline int pair_down(void **state)
{
	struct pair *pair = *state;

	rig_release(&pair->from);
	rig_release(&pair->to);
	test_free(pair);
	return 0;
}

static inline void subscribe(struct pair *pair)
{
	struct hf_why why = { "" };

	pair->own = own_set(&pair->from);
	assert_ok(rig_reopen(&pair->to, &why), &why);
	assert_ok(hf_ledger_create(pair->to.ledger, HF_LEDGER_FOREIGN,
				   BYTES(ORIGIN), &pair->foreign, &why),
		  &why);
}

/* The note of the publisher at any size: signed as it would have been. */
static inline enum hf_err
see_note(struct pair *pair, uint64_t size, const struct hf_tree_hash *root,
	 uint64_t time_s, const struct hf_tree_proof *proof, struct hf_why *why)
{
	struct hf_ledger_checkpoint checkpoint = { .time_s = time_s,
						   .size = size,
						   .root = *root };
	struct hf_buf note;
	enum hf_err err;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	err = rig_note(&pair->from.signer, BYTES(ORIGIN), size, root, time_s,
		       &note, why);
	checkpoint.note = hf_buf_span(&note);
	if (err == HF_OK)
		err = hf_ledger_see(pair->to.ledger, pair->foreign, &checkpoint,
				    proof, hf_ledger_wait_done(pair->to.wait),
				    why);
	hf_buf_release(&note);
	if (err == HF_OK)
		err = hf_ledger_wait_for(pair->to.wait, NULL, why);
	return err;
}

static inline enum hf_err see_at(struct pair *pair, uint64_t old_size,
				 uint64_t size, uint64_t time_s,
				 struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	enum hf_err err;

	err = hf_ledger_view_begin(pair->from.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_root(view, pair->own, size, &root, why);
	if (err == HF_OK && old_size <= size)
		err = hf_ledger_prove_growth(view, pair->own, old_size, size,
					     &proof, why);
	hf_ledger_view_end(view);
	if (err != HF_OK)
		return err;
	return see_note(pair, size, &root, time_s,
			old_size <= size ? &proof : NULL, why);
}

static inline enum hf_err see(struct pair *pair, uint64_t old_size,
			      uint64_t size, struct hf_why *why)
{
	return see_at(pair, old_size, size, 1700000000 + size, why);
}

/* What may be done to a piece on its way. */
enum harm {
	NO_HARM,
	HARM_HEADER,
	HARM_PROOF,
	HARM_SHORT,
	HARM_OPENING,
	HARM_PAYLOAD,
	HARM_SWAP,
	HARM_WITHHOLD, /* payloads of even entries */
};

/* Everything of one piece, out of the publisher's ledger. */
struct parcel {
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct hf_tree_proof proof;
	uint64_t first;
	uint64_t end;
	uint64_t size;
};

static inline enum hf_err parcel_get(struct pair *pair,
				     struct hf_ledger_view *view,
				     uint64_t first, uint64_t size,
				     struct parcel *parcel, struct hf_why *why)
{
	enum hf_err err;

	parcel->first = first;
	parcel->size = size;
	parcel->end = hf_ledger_piece_end(first, size);
	err = hf_ledger_headers(view, pair->own, first,
				(size_t)(parcel->end - first), parcel->headers,
				why);
	if (err != HF_OK)
		return err;
	return hf_ledger_prove_chunk(view, pair->own, first / HF_CHUNK_ENTRIES,
				     size, &parcel->proof, why);
}

static inline enum hf_err
payloads_give(struct pair *pair, struct hf_ledger_view *view,
	      const struct parcel *parcel, enum harm harm,
	      struct hf_ledger_piece *piece, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (uint64_t i = parcel->first; i < parcel->end && err == HF_OK; i++) {
		uint8_t opening[HF_OPENING_BYTES], payload[256];
		uint64_t from =
			harm == HARM_SWAP && i == parcel->first ? i + 1 : i;
		struct hf_ledger_entry entry;

		if (harm == HARM_WITHHOLD && i % 2 == 0)
			continue;
		err = hf_ledger_entry(view, pair->own, from, &entry, why);
		if (err != HF_OK || entry.state != HF_LEDGER_HELD)
			continue;
		memcpy(opening, entry.opening.at, sizeof(opening));
		memcpy(payload, entry.payload.at, entry.payload.len_bytes);
		opening[3] ^= harm == HARM_OPENING;
		payload[0] ^= harm == HARM_PAYLOAD;
		assert_int_equal(hf_ledger_piece_payload_len(piece, from),
				 entry.payload.len_bytes);
		err = hf_ledger_piece_payload(
			piece, i, hf_span(opening, sizeof(opening)),
			hf_span(payload, entry.payload.len_bytes), why);
	}
	return err;
}

static inline enum hf_err send(struct pair *pair, uint64_t first, uint64_t size,
			       enum harm harm, struct hf_why *why)
{
	struct hf_ledger_piece *piece = NULL;
	struct hf_ledger_view *view;
	struct parcel parcel;
	enum hf_err err;
	size_t len;

	err = hf_ledger_view_begin(pair->from.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = parcel_get(pair, view, first, size, &parcel, why);
	if (err != HF_OK)
		goto out_end;
	len = (size_t)(parcel.end - first) * HF_HEADER_BYTES;
	parcel.headers[len / 2 + 9] ^= harm == HARM_HEADER;
	if (harm == HARM_PROOF)
		parcel.proof.hashes[0].bytes[5] ^= 1;
	if (harm == HARM_SHORT)
		len -= HF_HEADER_BYTES;
	err = hf_ledger_piece_begin(pair->to.ledger, pair->foreign, size, first,
				    hf_span(parcel.headers, len), &parcel.proof,
				    &piece, why);
	if (err == HF_OK)
		err = payloads_give(pair, view, &parcel, harm, piece, why);
out_end:
	hf_ledger_view_end(view);
	if (err == HF_OK)
		err = hf_ledger_piece_commit(
			piece, hf_ledger_wait_done(pair->to.wait), why);
	if (err != HF_OK) {
		hf_ledger_piece_free(piece);
		return err;
	}
	return hf_ledger_wait_for(pair->to.wait, NULL, why);
}

/* All of it up to size, from where the subscriber is. */
static inline void sync_to(struct pair *pair, uint64_t size)
{
	struct hf_ledger_info info = info_of(&pair->to, pair->foreign);
	struct hf_why why = { "" };

	assert_ok(see(pair, info.seen_size, size, &why), &why);
	for (uint64_t at = info.size; at < size;
	     at = hf_ledger_piece_end(at, size))
		assert_ok(send(pair, at, size, NO_HARM, &why), &why);
}

#define PAIR_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, pair_up, pair_down)

#endif /* HF_LEDGER_PAIR_H */
