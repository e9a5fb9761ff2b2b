#include "unit.h"

#include "clock.h"

#include "ledger_pair.h"

static void a_set_arrives_whole_in_any_steps(void **state)
{
	static const uint64_t sizes[] = { 1,   2,   255, 256, 257, 300,
					  301, 511, 512, 700, 1025 };
	struct pair *pair = *state;
	struct hf_why why = { "" };
	uint64_t published = 0;

	subscribe(pair);
	for (size_t i = 0; i < ROWS(sizes); i++) {
		struct hf_ledger_info ours, theirs;

		assert_ok(rig_append_many(&pair->from, pair->own, published,
					  (size_t)(sizes[i] - published), &why),
			  &why);
		published = sizes[i];
		sync_to(pair, sizes[i]);
		theirs = info_of(&pair->from, pair->own);
		ours = info_of(&pair->to, pair->foreign);
		assert_int_equal(ours.size, sizes[i]);
		assert_true(ours.has_note && ours.has_seen);
		assert_int_equal(ours.note_size, sizes[i]);
		assert_true(hf_tree_equal(&ours.note_root, &theirs.note_root));
		assert_int_equal(ours.missing_count, 0);
		if (i % 3 == 0)
			assert_ok(rig_reopen(&pair->to, &why), &why);
		verify(&pair->to, pair->foreign, sizes[i]);
	}
}

static void wrong_bytes_are_refused_and_nothing_is_stored(void **state)
{
	static const struct {
		const char *name;
		enum harm harm;
	} rows[] = {
		{ "header", HARM_HEADER },   { "proof", HARM_PROOF },
		{ "short", HARM_SHORT },     { "opening", HARM_OPENING },
		{ "payload", HARM_PAYLOAD }, { "swapped", HARM_SWAP },
	};
	struct pair *pair = *state;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 600, &why), &why);
	assert_ok(see(pair, 0, 600, &why), &why);
	for (uint64_t first = 0; first <= 256; first += 256) {
		for (size_t i = 0; i < ROWS(rows); i++) {
			enum hf_err err =
				send(pair, first, 600, rows[i].harm, &why);

			if (err != HF_E_PROOF)
				fail_msg("%s: %s: %s", rows[i].name,
					 hf_err_name(err), why.text);
			assert_int_equal(info_of(&pair->to, pair->foreign).size,
					 first);
		}
		assert_ok(send(pair, first, 600, NO_HARM, &why), &why);
	}
	verify(&pair->to, pair->foreign, 512);
}

static void pieces_are_taken_in_order_and_once(void **state)
{
	struct pair *pair = *state;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 700, &why), &why);
	assert_int_equal(send(pair, 0, 700, NO_HARM, &why), HF_E_CONFLICT);
	assert_ok(see(pair, 0, 300, &why), &why);
	assert_int_equal(send(pair, 256, 300, NO_HARM, &why), HF_E_CONFLICT);
	assert_int_equal(send(pair, 270, 300, NO_HARM, &why), HF_E_CONFLICT);
	assert_ok(send(pair, 0, 300, NO_HARM, &why), &why);
	assert_int_equal(send(pair, 0, 300, NO_HARM, &why), HF_E_EXISTS);
	assert_ok(send(pair, 256, 300, NO_HARM, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).note_size, 300);
	/* A larger tree: the unfinished chunk goes on where it stopped. */
	assert_ok(see(pair, 300, 700, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).seen_size, 700);
	assert_int_equal(info_of(&pair->to, pair->foreign).note_size, 300);
	assert_int_equal(send(pair, 512, 700, NO_HARM, &why), HF_E_CONFLICT);
	assert_ok(rig_reopen(&pair->to, &why), &why);
	assert_ok(send(pair, 300, 700, NO_HARM, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).note_size, 300);
	assert_ok(send(pair, 512, 700, NO_HARM, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).note_size, 700);
	verify(&pair->to, pair->foreign, 700);
}

static void an_older_tree_can_be_reached_under_way(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 900, &why), &why);
	assert_ok(see(pair, 0, 256, &why), &why);
	assert_ok(see(pair, 256, 400, &why), &why);
	assert_ok(see(pair, 400, 900, &why), &why);
	assert_ok(send(pair, 0, 900, NO_HARM, &why), &why);
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.note_size, 256);
	assert_int_equal(info.seen_size, 900);
	assert_ok(send(pair, 256, 400, NO_HARM, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).note_size, 400);
}

static void checkpoints_only_ever_grow(void **state)
{
	struct pair *pair = *state;
	struct hf_tree_hash other = { { 1 } };
	struct hf_ledger_view *view;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 900, &why), &why);
	sync_to(pair, 300);
	assert_ok(see(pair, 300, 600, &why), &why);
	assert_ok(see(pair, 600, 800, &why), &why);
	/* Smaller, and in agreement: nothing new. */
	assert_int_equal(see(pair, 800, 200, &why), HF_E_EXISTS);
	assert_int_equal(see(pair, 800, 600, &why), HF_E_EXISTS);
	assert_int_equal(see(pair, 800, 700, &why), HF_E_EXISTS);
	/* Smaller or the same, and another tree: evidence. */
	assert_int_equal(see_note(pair, 200, &other, 1, NULL, &why),
			 HF_E_CONFLICT);
	assert_int_equal(see_note(pair, 600, &other, 1, NULL, &why),
			 HF_E_CONFLICT);
	assert_int_equal(see_note(pair, 800, &other, 1, NULL, &why),
			 HF_E_CONFLICT);
	/* Larger without proof, or with that of another pair. */
	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	assert_ok(hf_ledger_root(view, pair->own, 900, &root, &why), &why);
	assert_ok(
		hf_ledger_prove_growth(view, pair->own, 700, 900, &proof, &why),
		&why);
	hf_ledger_view_end(view);
	assert_int_equal(see_note(pair, 900, &root, 1, NULL, &why), HF_E_PROOF);
	assert_int_equal(see_note(pair, 900, &root, 1, &proof, &why),
			 HF_E_PROOF);
	assert_int_equal(info_of(&pair->to, pair->foreign).seen_size, 800);
	assert_ok(see(pair, 800, 900, &why), &why);
	/* A root that no note vouches for is the caller's mistake. */
	{
		struct hf_ledger_checkpoint wrong = { .size = 900,
						      .root = other };
		struct hf_ledger_done ignore = { 0 };
		struct hf_span note;

		assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why),
			  &why);
		assert_ok(hf_ledger_note(view, pair->foreign, HF_LEDGER_SEEN,
					 &note, &why),
			  &why);
		wrong.note = note;
		assert_int_equal(hf_ledger_see(pair->to.ledger, pair->foreign,
					       &wrong, NULL, ignore, &why),
				 HF_E_ARGUMENT);
		hf_ledger_view_end(view);
	}
}

/* The time on both notes that are held of the foreign set. */
static void assert_time(struct pair *pair, uint64_t want_s)
{
	struct hf_ledger_view *view;
	struct hf_span notes[2];
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why), &why);
	for (size_t i = 0; i < 2; i++) {
		struct hf_note_key log, cosigner;
		struct hf_note note;
		uint64_t time_s = 0;

		assert_ok(
			hf_ledger_note(view, pair->foreign,
				       i == 0 ? HF_LEDGER_NOTE : HF_LEDGER_SEEN,
				       &notes[i], &why),
			&why);
		assert_ok(hf_note_key_init(
				  HF_NOTE_LOG, BYTES(ORIGIN),
				  hf_secret_public(pair->from.signer.log), &log,
				  &why),
			  &why);
		assert_ok(hf_note_cosigner_init(
				  BYTES("hotline.example"),
				  hf_secret_public(pair->from.signer.cosigner),
				  &cosigner, &why),
			  &why);
		assert_ok(hf_note_open(notes[i], &log, &cosigner, &note,
				       &time_s, &why),
			  &why);
		assert_int_equal(time_s, want_s);
	}
	hf_ledger_view_end(view);
}

static void a_newer_note_of_the_same_tree_replaces_the_older(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 10, &why), &why);
	sync_to(pair, 10);
	info = info_of(&pair->to, pair->foreign);
	assert_ok(see_note(pair, 10, &info.note_root, 1750000000, NULL, &why),
		  &why);
	/* An older one, and the same again, are fine and change nothing. */
	for (uint64_t time_s = 1740000000; time_s <= 1750000000;
	     time_s += 10000000)
		assert_ok(
			see_note(pair, 10, &info.note_root, time_s, NULL, &why),
			&why);
	assert_time(pair, 1750000000);
}

/* A thief of the key, or a clock that was wrong for a moment, must not keep
 * the set from ever being fresh again. */
static void a_time_too_far_ahead_replaces_nothing_and_gives_way(void **state)
{
	struct pair *pair = *state;
	uint64_t ahead_s = hf_clock_wall_ms() / 1000 + 86400;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 20, &why), &why);
	sync_to(pair, 10);
	info = info_of(&pair->to, pair->foreign);
	assert_ok(see_note(pair, 10, &info.note_root, 1750000000, NULL, &why),
		  &why);
	assert_ok(see_note(pair, 10, &info.note_root, ahead_s, NULL, &why),
		  &why);
	assert_ok(see_note(pair, 10, &info.note_root, INT64_MAX, NULL, &why),
		  &why);
	assert_time(pair, 1750000000);
	/* Where nothing else is signed, what it says of the tree counts. */
	assert_ok(see_at(pair, 10, 20, ahead_s, &why), &why);
	assert_ok(send(pair, 10, 20, NO_HARM, &why), &why);
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.note_size, 20);
	assert_time(pair, ahead_s);
	assert_ok(see_note(pair, 20, &info.note_root, 1750000001, NULL, &why),
		  &why);
	assert_time(pair, 1750000001);
}

#define LEAP ((uint64_t)1 << 40)

/* What a thief of the log key can make who has so many entries: their tree and
 * random hashes beside it.  `from` and `have` are powers of two; the proof is
 * from `from`, and its last so many hashes are the random ones. */
static size_t leap(struct pair *pair, uint64_t from, uint64_t have,
		   struct hf_tree_hash *out_root,
		   struct hf_tree_proof *out_proof)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	size_t random = 0;

	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	assert_ok(hf_ledger_root(view, pair->own, have, out_root, &why), &why);
	assert_ok(hf_ledger_prove_growth(view, pair->own, from, have, out_proof,
					 &why),
		  &why);
	hf_ledger_view_end(view);
	for (uint64_t size = have; size < LEAP; size *= 2, random++) {
		struct hf_tree_hash *hash =
			&out_proof->hashes[out_proof->hashes_count++];

		memset(hash->bytes, (int)random + 1, sizeof(hash->bytes));
		hf_tree_node(out_root, hash, out_root);
	}
	return random;
}

/* The first chunk from entry 8 on, checked against the leap. */
static enum hf_err send_leap(struct pair *pair,
			     const struct hf_tree_proof *growth, size_t random,
			     struct hf_why *why)
{
	struct hf_ledger_piece *piece;
	struct hf_ledger_view *view;
	struct parcel parcel;
	enum hf_err err;

	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, why), why);
	assert_ok(parcel_get(pair, view, 8, 256, &parcel, why), why);
	parcel.proof.hashes_count = random;
	memcpy(parcel.proof.hashes,
	       growth->hashes + growth->hashes_count - random,
	       random * sizeof(growth->hashes[0]));
	assert_ok(hf_ledger_piece_begin(
			  pair->to.ledger, pair->foreign, LEAP, 8,
			  hf_span(parcel.headers, 248 * HF_HEADER_BYTES),
			  &parcel.proof, &piece, why),
		  why);
	assert_ok(payloads_give(pair, view, &parcel, NO_HARM, piece, why), why);
	hf_ledger_view_end(view);
	err = hf_ledger_piece_commit(piece, hf_ledger_wait_done(pair->to.wait),
				     why);
	assert_ok(err, why);
	return hf_ledger_wait_for(pair->to.wait, NULL, why);
}

static void a_leap_is_believed_once_its_entries_come(void **state)
{
	struct pair *pair = *state;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	struct hf_ledger_info info;
	struct hf_why why = { "" };
	size_t random;

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 300, &why), &why);
	sync_to(pair, 8);
	random = leap(pair, 8, 256, &root, &proof);
	assert_ok(see_note(pair, LEAP, &root, 1750000000, &proof, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).seen_size, 8);
	assert_ok(send_leap(pair, &proof, random, &why), &why);
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.size, 256);
	assert_true(info.seen_size == LEAP);
	assert_true(hf_tree_equal(&info.seen_root, &root));
}

/* It continues what was believed when it came, not what is now. */
static void a_leap_that_was_overtaken_brings_no_entries(void **state)
{
	struct pair *pair = *state;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	struct hf_why why = { "" };
	size_t random;

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 300, &why), &why);
	sync_to(pair, 8);
	random = leap(pair, 8, 256, &root, &proof);
	assert_ok(see_note(pair, LEAP, &root, 1750000000, &proof, &why), &why);
	assert_ok(see(pair, 8, 300, &why), &why);
	assert_int_equal(send_leap(pair, &proof, random, &why), HF_E_CONFLICT);
	assert_int_equal(info_of(&pair->to, pair->foreign).size, 8);
	assert_ok(send(pair, 8, 300, NO_HARM, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).seen_size, 300);
}

static void
case_12_a_leap_is_not_believed_and_keeps_nobody_from_going_on(void **state)
{
	struct pair *pair = *state;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 300, &why), &why);
	sync_to(pair, 8);
	assert_int_equal(leap(pair, 8, 8, &root, &proof), 37);
	/* It verifies, and moves neither mark; nor does the second time. */
	for (size_t i = 0; i < 2; i++) {
		assert_ok(see_note(pair, LEAP, &root, 1750000000, &proof, &why),
			  &why);
		info = info_of(&pair->to, pair->foreign);
		assert_int_equal(info.seen_size, 8);
		assert_int_equal(info.note_size, 8);
		assert_int_equal(info.size, 8);
	}
	/* Without its proof it is nothing at all. */
	proof.hashes[3].bytes[0] ^= 1;
	assert_int_equal(see_note(pair, LEAP, &root, 1750000000, &proof, &why),
			 HF_E_PROOF);
	/* The honest publisher goes on. */
	assert_ok(see(pair, 8, 300, &why), &why);
	assert_ok(send(pair, 8, 300, NO_HARM, &why), &why);
	assert_ok(send(pair, 256, 300, NO_HARM, &why), &why);
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.seen_size, 300);
	assert_int_equal(info.note_size, 300);
	/* From where we are now it proves nothing any more. */
	proof.hashes[3].bytes[0] ^= 1;
	assert_int_equal(see_note(pair, LEAP, &root, 1750000000, &proof, &why),
			 HF_E_PROOF);
	verify(&pair->to, pair->foreign, 300);
}

static void who_comes_after_an_erasure_is_complete(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_fate fate;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 4, &why), &why);
	append(&pair->from, pair->own, rig_about(HF_OP_ERASE, 1, ""), 4);
	append(&pair->from, pair->own, rig_about(HF_OP_RETRACT, 2, ""), 5);
	sync_to(pair, 6);
	assert_int_equal(info_of(&pair->to, pair->foreign).missing_count, 0);
	assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why), &why);
	assert_ok(hf_ledger_fate(view, pair->foreign, 2, &fate, &why), &why);
	assert_int_equal(fate.retracted_by, 5);
	hf_ledger_view_end(view);
	verify(&pair->to, pair->foreign, 6);
}

/* Headers as only a publisher of our making, or another version, would sign
 * them. */
static enum hf_err send_raw(struct pair *pair, const struct hf_header *headers,
			    size_t count, struct hf_why *why)
{
	uint8_t bytes[16 * HF_HEADER_BYTES];
	const struct hf_tree_proof proof = { 0 };
	struct hf_ledger_piece *piece;
	struct hf_tree_hash root;
	enum hf_err err;

	for (size_t i = 0; i < count; i++)
		hf_header_encode(&headers[i], bytes + i * HF_HEADER_BYTES);
	hf_chunk_root(bytes, count, &root);
	err = see_note(pair, count, &root, 1, NULL, why);
	if (err == HF_OK)
		err = hf_ledger_piece_begin(
			pair->to.ledger, pair->foreign, count, 0,
			hf_span(bytes, count * HF_HEADER_BYTES), &proof, &piece,
			why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_piece_commit(piece, hf_ledger_wait_done(pair->to.wait),
				     why);
	if (err != HF_OK) {
		hf_ledger_piece_free(piece);
		return err;
	}
	return hf_ledger_wait_for(pair->to.wait, NULL, why);
}

static const struct hf_header end_header = { .op = HF_OP_END };

static void who_breaks_the_format_is_frozen(void **state)
{
	static const struct {
		const char *name;
		struct hf_header second;
	} rows[] = {
		{ "RETRACT of no ADD", { .op = HF_OP_RETRACT, .target = 0 } },
		{ "RETRACT of itself", { .op = HF_OP_RETRACT, .target = 1 } },
		{ "ERASE of nothing", { .op = HF_OP_ERASE, .target = 0 } },
		{ "END of another", { .op = HF_OP_END, .target = 0 } },
	};
	struct pair *pair = *state;

	subscribe(pair);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_header headers[2] = { end_header, rows[i].second };
		struct hf_ledger_info info;
		struct hf_why why = { "" };
		enum hf_err err;

		err = send_raw(pair, headers, 2, &why);
		if (err != HF_E_MALFORMED)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
		assert_ok(rig_reopen(&pair->to, &why), &why);
		info = info_of(&pair->to, pair->foreign);
		if (!info.is_frozen || info.size != 0)
			fail_msg("%s: not frozen", rows[i].name);
		assert_int_equal(send_raw(pair, headers, 2, &why), HF_E_FROZEN);
		rig_release(&pair->to);
		rig_init(&pair->to, 3);
		assert_ok(rig_reopen(&pair->to, &why), &why);
		assert_ok(hf_ledger_create(pair->to.ledger, HF_LEDGER_FOREIGN,
					   BYTES(ORIGIN), &pair->foreign, &why),
			  &why);
	}
}

static void what_is_not_understood_is_kept(void **state)
{
	static const struct hf_header headers[] = {
		{ .op = 200, .target = 0 },       /* to be ignored */
		{ .op = HF_OP_END, .target = 1 }, /* known */
		{ .op = 77, .target = 9 },        /* not understood */
		{ .op = HF_OP_END, .flags = 4, .target = 3 },
		{ .op = 77, .commit_kind = 9, .payload_len_bytes = 5 },
	};
	struct pair *pair = *state;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(send_raw(pair, headers, ROWS(headers), &why), &why);
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.size, 5);
	assert_int_equal(info.unsupported_from, 2);
	assert_int_equal(info.ended_at, 1);
	assert_int_equal(info.missing_count, 1);
	assert_false(info.is_frozen);
	assert_ok(rig_reopen(&pair->to, &why), &why);
	verify(&pair->to, pair->foreign, 5);
}

/* Of others, too, only what takes back comes in below the reserve. */
static void below_the_reserve_a_piece_of_retractions_is_stored(void **state)
{
	struct pair *pair = *state;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 3, &why), &why);
	sync_to(pair, 3);
	/* More than there can be. */
	pair->to.options.reserve_bytes = UINT64_MAX;
	assert_ok(rig_reopen(&pair->to, &why), &why);
	assert_ok(rig_append_one(&pair->from, pair->own,
				 rig_about(HF_OP_RETRACT, 1, ""), NULL, &why),
		  &why);
	sync_to(pair, 4);
	assert_ok(rig_append_many(&pair->from, pair->own, 4, 1, &why), &why);
	assert_ok(rig_append_one(&pair->from, pair->own,
				 rig_about(HF_OP_RETRACT, 2, ""), NULL, &why),
		  &why);
	assert_ok(see(pair, 4, 6, &why), &why);
	assert_int_equal(send(pair, 4, 6, NO_HARM, &why), HF_E_FULL);
	assert_non_null(strstr(why.text, "disk-reserve"));
	assert_int_equal(info_of(&pair->to, pair->foreign).size, 4);
	pair->to.options.reserve_bytes = 0;
	assert_ok(rig_reopen(&pair->to, &why), &why);
	sync_to(pair, 6);
	verify(&pair->to, pair->foreign, 6);
}

static void ours_and_theirs_are_not_confused(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };
	uint32_t foreign;

	subscribe(pair);
	assert_int_equal(rig_append_one(&pair->to, pair->foreign, rig_add("a"),
					&receipt, &why),
			 HF_E_ARGUMENT);
	append(&pair->from, pair->own, rig_add("a"), 0);
	/* A tree of ours that we do not know, larger or other. */
	foreign = pair->foreign;
	pair->foreign = pair->own;
	{
		struct rig to = pair->to;
		struct hf_ledger_info info = info_of(&pair->from, pair->own);
		struct hf_tree_hash other = { { 9 } };
		enum hf_err larger, changed, same;

		/* Nothing may be asserted while one is in two places. */
		pair->to = pair->from;
		larger = see_note(pair, 5, &other, 1, NULL, &why);
		changed = see_note(pair, 1, &other, 1, NULL, &why);
		same = see_note(pair, 1, &info.note_root, 1900000000, NULL,
				&why);
		pair->to = to;
		/* It continues nothing that is here. */
		assert_int_equal(larger, HF_E_PROOF);
		assert_int_equal(changed, HF_E_CONFLICT);
		assert_ok(same, &why);
	}
	pair->foreign = foreign;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(a_set_arrives_whole_in_any_steps),
		PAIR_TEST(wrong_bytes_are_refused_and_nothing_is_stored),
		PAIR_TEST(pieces_are_taken_in_order_and_once),
		PAIR_TEST(an_older_tree_can_be_reached_under_way),
		PAIR_TEST(checkpoints_only_ever_grow),
		PAIR_TEST(a_newer_note_of_the_same_tree_replaces_the_older),
		PAIR_TEST(a_time_too_far_ahead_replaces_nothing_and_gives_way),
		PAIR_TEST(
			case_12_a_leap_is_not_believed_and_keeps_nobody_from_going_on),
		PAIR_TEST(a_leap_is_believed_once_its_entries_come),
		PAIR_TEST(a_leap_that_was_overtaken_brings_no_entries),
		PAIR_TEST(who_comes_after_an_erasure_is_complete),
		PAIR_TEST(who_breaks_the_format_is_frozen),
		PAIR_TEST(what_is_not_understood_is_kept),
		PAIR_TEST(below_the_reserve_a_piece_of_retractions_is_stored),
		PAIR_TEST(ours_and_theirs_are_not_confused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
