#include "unit.h"

#include "ledger_pair.h"

#include "intake.h"
#include "outgo.h"

#define DEMOTED_MAX 16

/* What the subscriber was told to demote. */
struct demoted {
	uint64_t entries[DEMOTED_MAX];
	size_t count;
};

static void demote(void *arg, uint32_t set, uint64_t entry)
{
	struct demoted *demoted = arg;

	assert_true(demoted->count < DEMOTED_MAX);
	demoted->entries[demoted->count++] = entry;
}

/* Publish count entries, the last but one of which is retracted by the last,
 * and let the subscriber see the checkpoint. */
static uint64_t publish(struct pair *pair, size_t count)
{
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, count - 1, &why),
		  &why);
	append(&pair->from, pair->own, rig_about(HF_OP_RETRACT, count - 2, ""),
	       count - 1);
	assert_ok(see(pair, 0, count, &why), &why);
	return count;
}

/* One message from the publisher into the intake, spoilt on its way. */
static enum hf_err carry(struct pair *pair, struct hf_outgo *outgo,
			 struct hf_intake *intake,
			 void (*spoil)(struct hf_get_chunks_response *message),
			 bool *out_is_committed)
{
	struct hf_get_chunks_response message;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	enum hf_err err;

	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	err = hf_outgo_next(outgo, view, pair->own, &message, &why);
	if (err == HF_OK && spoil != NULL)
		spoil(&message);
	if (err == HF_OK)
		err = hf_intake_take(intake, &message,
				     hf_ledger_wait_done(pair->to.wait),
				     out_is_committed, &why);
	hf_ledger_view_end(view);
	if (err == HF_OK && *out_is_committed)
		err = hf_ledger_wait_for(pair->to.wait, NULL, &why);
	return err;
}

static void what_goes_out_comes_in_chunk_by_chunk(void **state)
{
	struct pair *pair = *state;
	struct demoted demoted = { .count = 0 };
	uint64_t size = publish(pair, HF_CHUNK_ENTRIES + 10);
	struct hf_intake intake;
	struct hf_outgo outgo;
	bool is_committed = false;

	hf_outgo_begin(&outgo, size, 0, size);
	hf_intake_begin(&intake, pair->to.ledger, pair->foreign, size, 0);
	intake.demote = demote;
	intake.arg = &demoted;
	while (!hf_outgo_is_over(&outgo))
		assert_int_equal(
			carry(pair, &outgo, &intake, NULL, &is_committed),
			HF_OK);
	assert_true(is_committed);
	assert_int_equal(info_of(&pair->to, pair->foreign).size, size);
	assert_true(info_of(&pair->to, pair->foreign).has_note);
	assert_int_equal(demoted.count, 1);
	assert_int_equal(demoted.entries[0], size - 2);
	hf_intake_end(&intake);
	hf_outgo_end(&outgo);
}

static void a_started_chunk_goes_on_behind_what_is_held(void **state)
{
	struct pair *pair = *state;
	uint64_t size = publish(pair, 40);
	uint64_t more = size + 20;
	struct hf_why why = { "" };
	struct hf_intake intake;
	struct hf_outgo outgo;
	bool is_committed = false;

	sync_to(pair, size);
	assert_ok(rig_append_many(&pair->from, pair->own, size, 20, &why),
		  &why);
	assert_ok(see(pair, size, more, &why), &why);
	hf_outgo_begin(&outgo, more, size, more);
	hf_intake_begin(&intake, pair->to.ledger, pair->foreign, more, size);
	assert_int_equal(carry(pair, &outgo, &intake, NULL, &is_committed),
			 HF_OK);
	assert_true(is_committed);
	assert_int_equal(info_of(&pair->to, pair->foreign).size, more);
	hf_intake_end(&intake);
	hf_outgo_end(&outgo);
}

/* What the subscriber was told ahead. */
struct told {
	struct demoted demoted;
	uint64_t next;
	size_t payloads;
};

static void demote_told(void *arg, uint32_t set, uint64_t entry)
{
	struct told *told = arg;

	demote(&told->demoted, set, entry);
}

static void tell(void *arg, uint32_t set, uint64_t index, struct hf_span header,
		 struct hf_span payload)
{
	struct told *told = arg;
	struct hf_header parsed;

	assert_int_equal(index, told->next++);
	assert_int_equal(hf_header_parse(header.at, &parsed, NULL), HF_OK);
	assert_int_equal(parsed.payload_len_bytes, payload.len_bytes);
	told->payloads += payload.len_bytes > 0;
}

static void begin_peek(struct pair *pair, struct hf_intake *intake,
		       uint64_t size, uint64_t first, struct told *told)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	*told = (struct told){ .next = first };
	hf_intake_begin(intake, pair->to.ledger, pair->foreign, size, first);
	intake->is_peek = true;
	intake->demote = demote_told;
	intake->ahead = tell;
	intake->arg = told;
	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	assert_ok(hf_ledger_root(view, pair->own, size, &intake->root, &why),
		  &why);
	hf_ledger_view_end(view);
}

static void a_peek_is_proven_and_told_of_and_stores_nothing(void **state)
{
	struct pair *pair = *state;
	uint64_t size = publish(pair, 40), more = size + 300;
	struct hf_why why = { "" };
	struct hf_intake intake;
	struct hf_outgo outgo;
	struct told told;
	bool is_committed;

	sync_to(pair, size);
	assert_ok(rig_append_many(&pair->from, pair->own, size, 299, &why),
		  &why);
	append(&pair->from, pair->own, rig_about(HF_OP_RETRACT, 3, ""),
	       more - 1);
	/* The subscriber could not even keep the checkpoint. */
	for (int is_other = 1; is_other >= 0; is_other--) {
		enum hf_err err = HF_OK;

		hf_outgo_begin(&outgo, more, size, more);
		begin_peek(pair, &intake, more, size, &told);
		intake.root.bytes[0] ^= is_other;
		while (err == HF_OK && !hf_outgo_is_over(&outgo)) {
			err = carry(pair, &outgo, &intake, NULL, &is_committed);
			assert_true(err != HF_OK || !is_committed);
		}
		assert_int_equal(err, is_other ? HF_E_PROOF : HF_OK);
		assert_int_equal(told.next, is_other ? size : more);
		assert_int_equal(told.payloads, is_other ? 0 : 299);
		assert_int_equal(told.demoted.count, is_other ? 0 : 1);
		hf_intake_end(&intake);
		hf_outgo_end(&outgo);
	}
	assert_int_equal(told.demoted.entries[0], 3);
	assert_int_equal(info_of(&pair->to, pair->foreign).size, size);
	assert_int_equal(info_of(&pair->to, pair->foreign).seen_size, size);
}

static void no_entry(struct hf_get_chunks_response *message)
{
	message->payload_lengths_count = 0;
	message->openings = hf_span(NULL, 0);
	message->payloads = hf_span(NULL, 0);
}

static void elsewhere(struct hf_get_chunks_response *message)
{
	message->first++;
}

static void no_headers(struct hf_get_chunks_response *message)
{
	message->headers = hf_span(NULL, 0);
}

static void fewer_headers(struct hf_get_chunks_response *message)
{
	message->headers.len_bytes -= HF_HEADER_BYTES;
}

static void other_header(struct hf_get_chunks_response *message)
{
	((uint8_t *)message->headers.at)[20] ^= 1;
}

static void other_proof(struct hf_get_chunks_response *message)
{
	((uint8_t *)message->proof.at)[3] ^= 1;
}

static void other_payload(struct hf_get_chunks_response *message)
{
	((uint8_t *)message->payloads.at)[5] ^= 1;
}

static void other_opening(struct hf_get_chunks_response *message)
{
	((uint8_t *)message->openings.at)[5] ^= 1;
}

static void
nothing_unproven_comes_in_and_nothing_of_it_is_acted_upon(void **state)
{
	const struct {
		const char *name;
		void (*spoil)(struct hf_get_chunks_response *message);
	} rows[] = {
		{ "no entry", no_entry },
		{ "another place", elsewhere },
		{ "no headers", no_headers },
		{ "fewer headers", fewer_headers },
		{ "another header", other_header },
		{ "another proof", other_proof },
		{ "another payload", other_payload },
		{ "another opening", other_opening },
	};
	struct pair *pair = *state;
	/* Two chunks, or there is no proof to spoil. */
	uint64_t size = publish(pair, HF_CHUNK_ENTRIES + 3);

	/* To be stored, and in a peek. */
	for (size_t i = 0; i < 2 * ROWS(rows); i++) {
		const size_t row = i / 2;
		struct hf_intake intake;
		struct hf_outgo outgo;
		struct told told;
		bool is_committed;

		hf_outgo_begin(&outgo, size, 0, size);
		begin_peek(pair, &intake, size, 0, &told);
		intake.is_peek = i % 2 == 1;
		if (carry(pair, &outgo, &intake, rows[row].spoil,
			  &is_committed) != HF_E_PROOF)
			fail_msg("%s: taken", rows[row].name);
		assert_int_equal(told.demoted.count, 0);
		assert_int_equal(told.next, 0);
		hf_intake_end(&intake);
		hf_outgo_end(&outgo);
	}
	assert_int_equal(info_of(&pair->to, pair->foreign).size, 0);
}

static void the_headers_of_a_chunk_come_once(void **state)
{
	struct pair *pair = *state;
	uint64_t size = publish(pair, 20);
	struct hf_get_chunks_response message;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_intake intake;
	struct hf_outgo outgo;
	bool is_committed;

	hf_outgo_begin(&outgo, size, 0, size);
	hf_intake_begin(&intake, pair->to.ledger, pair->foreign, size, 0);
	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	assert_ok(hf_outgo_next(&outgo, view, pair->own, &message, &why), &why);
	/* The first entry alone, then all headers again. */
	message.payload_lengths_count = 1;
	assert_ok(hf_intake_take(&intake, &message,
				 hf_ledger_wait_done(pair->to.wait),
				 &is_committed, &why),
		  &why);
	assert_false(is_committed);
	message.first = 1;
	assert_int_equal(hf_intake_take(&intake, &message,
					hf_ledger_wait_done(pair->to.wait),
					&is_committed, &why),
			 HF_E_PROOF);
	hf_ledger_view_end(view);
	hf_intake_end(&intake);
	hf_outgo_end(&outgo);
}

static uint64_t found_so_far;

static uint64_t found(void *arg, uint32_t set)
{
	return found_so_far;
}

static void whoever_runs_ahead_of_the_index_waits(void **state)
{
	const uint64_t most = HF_INTAKE_AHEAD_MOST, still = HF_INTAKE_STILL_US;
	const struct {
		const char *name;
		uint64_t next, found, now_us;
		bool is_ahead;
	} rows[] = {
		/* clang-format off */
		{ "as much as may be",        most,      0,          1,             false },
		{ "one more",                 most + 1,  0,          2,             true },
		{ "still so, for long",       most + 1,  0,          still,         true },
		{ "for too long",             most + 1,  0,          1 + still,     false },
		{ "it goes on",               most + 9,  1,          2 + still,     true },
		{ "near enough",              most + 9,  9,          3 + still,     false },
		{ "all of it",                most + 9,  most + 9,   4 + still,     false },
		{ "more than came from here", most + 9,  most * 2,   5 + still,     false },
		{ "nobody looks",             most * 9,  UINT64_MAX, 6 + still,     false },
		/* clang-format on */
	};
	struct hf_intake intake;

	hf_intake_begin(&intake, NULL, 1, UINT64_MAX, 0);
	intake.next = most * 2;
	assert_false(hf_intake_is_ahead(&intake, 1));
	intake.found = found;
	for (size_t i = 0; i < ROWS(rows); i++) {
		intake.next = rows[i].next;
		found_so_far = rows[i].found;
		if (hf_intake_is_ahead(&intake, rows[i].now_us) !=
		    rows[i].is_ahead)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(what_goes_out_comes_in_chunk_by_chunk),
		PAIR_TEST(a_started_chunk_goes_on_behind_what_is_held),
		PAIR_TEST(
			nothing_unproven_comes_in_and_nothing_of_it_is_acted_upon),
		PAIR_TEST(a_peek_is_proven_and_told_of_and_stores_nothing),
		PAIR_TEST(the_headers_of_a_chunk_come_once),
		cmocka_unit_test(whoever_runs_ahead_of_the_index_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
