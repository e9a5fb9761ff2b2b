#include "unit.h"

#include "ledger_pair.h"
#include "store.h"

static enum hf_err keep(struct rig *rig, uint32_t set, uint64_t index,
			const char *record, struct hf_ledger_receipt *out,
			struct hf_why *why)
{
	enum hf_err err =
		hf_ledger_keep(rig->ledger, set, index, hf_span_of(record),
			       hf_ledger_wait_done(rig->wait), why);

	return err != HF_OK ? err : hf_ledger_wait_for(rig->wait, out, why);
}

static void kept(struct rig *rig, uint32_t set, uint64_t index,
		 const char *record)
{
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	assert_ok(keep(rig, set, index, record, &receipt, &why), &why);
	assert_int_equal(receipt.set, set);
	assert_int_equal(receipt.first, index);
	assert_int_equal(receipt.count, 0);
}

/* The record as a text, "" for none. */
static void is_kept(struct rig *rig, uint32_t set, uint64_t index,
		    const char *want)
{
	struct hf_ledger_view *view;
	struct hf_span record = BYTES("untouched");
	struct hf_why why = { "" };
	enum hf_err err;

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	err = hf_ledger_record(view, set, index, &record, &why);
	if (want[0] == '\0') {
		assert_int_equal(err, HF_E_NOTFOUND);
		assert_true(hf_span_is(record, "untouched"));
	} else {
		assert_ok(err, &why);
		if (!hf_span_is(record, want))
			fail_msg("entry %llu: '%.*s', not '%s'",
				 (unsigned long long)index,
				 (int)record.len_bytes, (const char *)record.at,
				 want);
	}
	hf_ledger_view_end(view);
}

static struct hf_ledger_draft with_record(const char *payload,
					  const char *record)
{
	struct hf_ledger_draft draft = rig_add(payload);

	draft.record = hf_span_of(record);
	return draft;
}

static void a_record_comes_with_its_entry_and_stays(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };

	append(rig, set, with_record("sealed", "opened"), 0);
	append(rig, set, rig_add("without"), 1);
	append(rig, set, with_record("sealed too", "opened too"), 2);
	for (int round = 0; round < 2; round++) {
		is_kept(rig, set, 0, "opened");
		is_kept(rig, set, 1, "");
		is_kept(rig, set, 2, "opened too");
		is_kept(rig, set, 3, "");
		verify(rig, set, 3);
		assert_ok(rig_reopen(rig, &why), &why);
	}
}

static void a_record_can_be_replaced_and_deleted(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };

	append(rig, set, with_record("a", "first"), 0);
	append(rig, set, rig_add("b"), 1);
	kept(rig, set, 0, "second, which is longer");
	kept(rig, set, 1, "late");
	kept(rig, set, 1, "");
	kept(rig, set, 1, "");
	assert_ok(rig_reopen(rig, &why), &why);
	is_kept(rig, set, 0, "second, which is longer");
	is_kept(rig, set, 1, "");
	/* What the other side may write does not touch what we keep. */
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 2);
	is_kept(rig, set, 0, "second, which is longer");
	kept(rig, set, 0, "");
	is_kept(rig, set, 0, "");
	verify(rig, set, 3);
}

static void what_does_not_fit_is_refused(void **state)
{
	static uint8_t most[HF_LEDGER_RECORD_MAX_BYTES + 1];
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_draft draft = rig_add("a");
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span record;

	memset(most, 0x5a, sizeof(most));
	draft.record = hf_span(most, sizeof(most));
	assert_int_equal(rig_append_one(rig, set, draft, NULL, &why),
			 HF_E_LIMIT);
	assert_non_null(strstr(why.text, "entry 0: record of 65537 bytes"));
	assert_int_equal(hf_ledger_keep(rig->ledger, set, 0, draft.record,
					hf_ledger_wait_done(rig->wait), &why),
			 HF_E_LIMIT);
	draft.record.len_bytes--;
	append(rig, set, draft, 0);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_record(view, set, 0, &record, &why), &why);
	assert_int_equal(record.len_bytes, HF_LEDGER_RECORD_MAX_BYTES);
	assert_memory_equal(record.at, most, record.len_bytes);
	hf_ledger_view_end(view);
	assert_int_equal(hf_ledger_keep(rig->ledger, set + 1, 0, BYTES("x"),
					hf_ledger_wait_done(rig->wait), &why),
			 HF_E_NOTFOUND);
	assert_int_equal(keep(rig, set, 1, "x", NULL, &why), HF_E_NOTFOUND);
	assert_non_null(strstr(why.text, "no entry 1"));
	verify(rig, set, 1);
}

static void a_repeated_batch_keeps_its_first_record(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_draft drafts[2] = { with_record("a", "first"),
					     rig_add("b") };
	struct hf_ledger_batch batch = { .set = set,
					 .id = { 7 },
					 .sequence = 1,
					 .drafts = drafts,
					 .drafts_count = 2 };
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	append(rig, set, rig_add("before"), 0);
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	assert_int_equal(receipt.first, 1);
	drafts[0].record = BYTES("sealed again: other bytes");
	drafts[1].record = BYTES("not there before");
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	assert_true(receipt.is_repeat);
	assert_int_equal(receipt.first, 1);
	is_kept(rig, set, 1, "first");
	is_kept(rig, set, 2, "");
}

static void numbers_of_our_own_are_kept_apart_from_entries(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 255, 256, UINT64_MAX };
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span record;
	uint64_t index, from = 0;

	append(rig, set, with_record("a", "of the entry"), 0);
	for (size_t i = 0; i < ROWS(numbers); i++)
		kept(rig, 0, numbers[i], "a draft");
	assert_ok(rig_reopen(rig, &why), &why);
	is_kept(rig, set, 0, "of the entry");
	kept(rig, 0, 255, "");
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	for (size_t i = 0; i < ROWS(numbers); i++) {
		if (numbers[i] == 255)
			continue;
		assert_ok(hf_ledger_record_next(view, 0, from, &index, &record,
						&why),
			  &why);
		assert_int_equal(index, numbers[i]);
		assert_true(hf_span_is(record, "a draft"));
		from = index + 1;
	}
	/* Past the largest number begins the first set, which is another. */
	assert_ok(hf_ledger_record_next(view, set, 0, &index, &record, &why),
		  &why);
	assert_int_equal(index, 0);
	assert_int_equal(
		hf_ledger_record_next(view, set, 1, &index, &record, NULL),
		HF_E_NOTFOUND);
	hf_ledger_view_end(view);
}

static void records_are_read_in_the_order_of_their_entries(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig), found = 0;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span record;
	uint64_t index, from = 0;
	char text[32];

	assert_ok(rig_append_many(rig, set, 0, 600, &why), &why);
	for (uint64_t i = 0; i < 600; i += 7) {
		/* From the end to the beginning. */
		snprintf(text, sizeof(text), "of %llu",
			 (unsigned long long)(595 - i));
		kept(rig, set, 595 - i, text);
	}
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	while (hf_ledger_record_next(view, set, from, &index, &record, NULL) ==
	       HF_OK) {
		assert_int_equal(index, found * 7);
		snprintf(text, sizeof(text), "of %llu",
			 (unsigned long long)index);
		assert_true(hf_span_is(record, text));
		found++;
		from = index + 1;
	}
	assert_int_equal(found, 86);
	hf_ledger_view_end(view);
}

static void a_record_is_shown_only_with_its_entry(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span record;
	uint64_t index;

	append(rig, set, with_record("a", "first"), 0);
	rig_set(&rig->signer, RIG_BEFORE_RECORD, false);
	assert_int_equal(rig_append_one(rig, set, with_record("b", "second"),
					NULL, &why),
			 HF_E_UNAVAILABLE);
	/* Durable, unsigned. */
	is_kept(rig, set, 1, "");
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_int_equal(
		hf_ledger_record_next(view, set, 1, &index, &record, NULL),
		HF_E_NOTFOUND);
	hf_ledger_view_end(view);
	kept(rig, set, 1, "second, replaced");
	is_kept(rig, set, 1, "");
	rig_set(&rig->signer, RIG_NEVER, false);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(hf_ledger_refresh(rig->ledger, set,
				    hf_ledger_wait_done(rig->wait), &why),
		  &why);
	assert_ok(hf_ledger_wait_for(rig->wait, NULL, &why), &why);
	is_kept(rig, set, 1, "second, replaced");
}

static void what_we_opened_is_kept_beside_others_entries(void **state)
{
	struct pair *pair = *state;
	struct hf_why why = { "" };

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 3, &why), &why);
	assert_int_equal(keep(&pair->to, pair->foreign, 0, "early", NULL, &why),
			 HF_E_NOTFOUND);
	sync_to(pair, 3);
	kept(&pair->to, pair->foreign, 2, "opened");
	assert_ok(rig_reopen(&pair->to, &why), &why);
	is_kept(&pair->to, pair->foreign, 2, "opened");
	is_kept(&pair->from, pair->own, 2, "");
	verify(&pair->to, pair->foreign, 3);
}

/* Copy a table of one store into another. */
static void table_copy(struct hf_store *from, struct hf_store *to,
		       const char *name)
{
	struct hf_store_txn *view, *txn;
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	size_t source, target;
	struct hf_why why = { "" };
	enum hf_err err;

	assert_ok(hf_store_write_begin(to, &txn, &why), &why);
	assert_ok(hf_store_table(txn, name, &target, &why), &why);
	assert_ok(hf_store_commit(txn, &why), &why);
	/* A table made later is opened by a writer. */
	assert_ok(hf_store_write_begin(from, &txn, &why), &why);
	assert_ok(hf_store_table(txn, name, &source, &why), &why);
	assert_ok(hf_store_commit(txn, &why), &why);
	assert_ok(hf_store_view_begin(from, &view, &why), &why);
	assert_ok(hf_store_write_begin(to, &txn, &why), &why);
	assert_ok(hf_store_cursor_open(view, source, &cursor, &why), &why);
	err = hf_store_cursor_seek(cursor, hf_span(NULL, 0), &key, &value,
				   NULL);
	while (err == HF_OK) {
		assert_ok(hf_store_put(txn, target, key, value, &why), &why);
		err = hf_store_cursor_next(cursor, &key, &value, NULL);
	}
	assert_int_equal(err, HF_E_NOTFOUND);
	hf_store_cursor_close(cursor);
	hf_store_view_end(view);
	assert_ok(hf_store_commit(txn, &why), &why);
}

/* The ledger of this rig as the version before records would have made it. */
static void make_it_old(struct rig *rig)
{
	static const char *const before[] = { "sets",  "origins", "marks",
					      "notes", "batches", "abouts" };
	char dir[sizeof(rig->dir) + 8], command[512];
	struct hf_store_options options = {
		.dir = rig->dir,
		.format = "hashfed-ledger/1",
		.tables = before,
		.tables_count = ROWS(before),
		.tables_max_count = ROWS(before) + 1,
	};
	struct hf_store *now, *old;
	struct hf_why why = { "" };

	rig_close(rig);
	snprintf(dir, sizeof(dir), "%s.old", rig->dir);
	assert_ok(hf_store_open(&options, &now, &why), &why);
	options.dir = dir;
	assert_ok(hf_store_open(&options, &old, &why), &why);
	for (size_t i = 0; i < ROWS(before); i++)
		table_copy(now, old, before[i]);
	table_copy(now, old, "set-00000001");
	hf_store_close(now);
	hf_store_close(old);
	snprintf(command, sizeof(command), "rm -r '%s' && mv '%s' '%s'",
		 rig->dir, dir, rig->dir);
	assert_int_equal(system(command), 0);
}

static void a_ledger_from_before_records_gets_them(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };

	assert_ok(rig_append_many(rig, set, 0, 300, &why), &why);
	make_it_old(rig);
	assert_ok(rig_reopen(rig, &why), &why);
	verify(rig, set, 300);
	is_kept(rig, set, 0, "");
	kept(rig, set, 0, "late");
	append(rig, set, with_record("new", "with it"), 300);
	assert_ok(rig_reopen(rig, &why), &why);
	is_kept(rig, set, 0, "late");
	is_kept(rig, set, 300, "with it");
	verify(rig, set, 301);
}

static void a_full_store_keeps_what_it_has(void **state)
{
	static char text[4000];
	struct rig *rig = *state;
	uint32_t set;
	struct hf_why why = { "" };
	uint64_t index = 0;
	enum hf_err err;

	rig->options.map_bytes = (size_t)256 << 10;
	rig->options.map_most_bytes = (size_t)2 << 20;
	memset(text, 'x', sizeof(text) - 1);
	set = own_set(rig);
	append(rig, set, with_record("a", "first"), 0);
	do {
		err = keep(rig, 0, index, text, NULL, &why);
		index += err == HF_OK;
	} while (err == HF_OK);
	if (err != HF_E_FULL)
		fail_msg("%s: %s", hf_err_name(err), why.text);
	assert_true(index > 100);
	/* All or nothing: no entry without its record. */
	assert_int_equal(
		rig_append_one(rig, set, with_record("b", text), NULL, &why),
		HF_E_FULL);
	assert_int_equal(info_of(rig, set).size, 1);
	is_kept(rig, 0, index - 1, text);
	is_kept(rig, 0, index, "");
	rig->options.map_most_bytes = (size_t)8 << 20;
	assert_ok(rig_reopen(rig, &why), &why);
	is_kept(rig, set, 0, "first");
	kept(rig, 0, index, text);
	append(rig, set, with_record("b", text), 1);
	is_kept(rig, set, 1, text);
	verify(rig, set, 2);
}

static void the_last_of_the_disk_is_for_what_cannot_wait(void **state)
{
	struct rig *rig = *state;
	const struct {
		struct hf_ledger_draft draft;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ rig_add("b"),                                  HF_E_FULL },
		{ rig_about(HF_OP_AMEND, 0, "c"),                HF_E_FULL },
		{ rig_about(HF_OP_STATUS, 0, "of it"),           HF_OK },
		{ rig_about(HF_OP_STATUS, HF_LEDGER_SELF, "e"),  HF_OK },
		{ rig_about(HF_OP_KEY, HF_LEDGER_SELF, "k"),     HF_OK },
		{ rig_about(HF_OP_SNAPSHOT, HF_LEDGER_SELF, "s"), HF_E_FULL },
		{ rig_about(HF_OP_RETRACT, 0, ""),               HF_OK },
		{ rig_about(HF_OP_ERASE, 0, ""),                 HF_OK },
		/* clang-format on */
	};
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };
	uint64_t size = 1;

	append(rig, set, rig_add("a"), 0);
	/* More than there can be. */
	rig->options.reserve_bytes = UINT64_MAX;
	assert_ok(rig_reopen(rig, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_ledger_draft draft = rows[i].draft;
		enum hf_err err;

		draft.record = BYTES("kept");
		err = rig_append_one(rig, set, draft, NULL, &why);
		if (err != rows[i].want)
			fail_msg("row %zu: %s: %s", i, hf_err_name(err),
				 why.text);
		size += err == HF_OK;
	}
	kept(rig, set, 0, "kept as well");
	assert_int_equal(info_of(rig, set).size, size);
	verify(rig, set, size);
}

struct keeper {
	struct rig *rig;
	struct hf_ledger_wait *wait;
	uint32_t set;
	uint64_t first;
	size_t failures;
};

static void *keeper_main(void *arg)
{
	struct keeper *keeper = arg;
	char text[32];

	for (uint64_t i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "record %llu",
			 (unsigned long long)(keeper->first + i));
		if (hf_ledger_keep(keeper->rig->ledger, keeper->set,
				   keeper->first + i, hf_span_of(text),
				   hf_ledger_wait_done(keeper->wait),
				   NULL) != HF_OK ||
		    hf_ledger_wait_for(keeper->wait, NULL, NULL) != HF_OK)
			keeper->failures++;
	}
	return NULL;
}

static void many_keep_side_by_side_in_few_commits(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct keeper keepers[8];
	pthread_t threads[ROWS(keepers)];
	struct hf_ledger_stats before, after;
	struct hf_why why = { "" };

	assert_ok(rig_append_many(rig, set, 0, 400, &why), &why);
	assert_ok(hf_ledger_stats(rig->ledger, &before, &why), &why);
	for (size_t i = 0; i < ROWS(keepers); i++) {
		keepers[i] = (struct keeper){ .rig = rig,
					      .set = set,
					      .first = i * 50 };
		assert_ok(hf_ledger_wait_new(&keepers[i].wait, &why), &why);
	}
	for (size_t i = 0; i < ROWS(keepers); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keeper_main,
						&keepers[i]),
				 0);
	for (size_t i = 0; i < ROWS(keepers); i++) {
		pthread_join(threads[i], NULL);
		hf_ledger_wait_free(keepers[i].wait);
	}
	for (size_t i = 0; i < ROWS(keepers); i++)
		assert_int_equal(keepers[i].failures, 0);
	assert_ok(hf_ledger_stats(rig->ledger, &after, &why), &why);
	assert_true(after.commits - before.commits < 400);
	is_kept(rig, set, 0, "record 0");
	is_kept(rig, set, 399, "record 399");
}

static void a_full_queue_says_so_at_once(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_done nobody = { NULL, NULL };
	struct hf_ledger_draft draft = rig_add("held");
	struct hf_ledger_batch batch = { .drafts = &draft, .drafts_count = 1 };
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	uint64_t taken = 0;

	rig->options.queue_jobs_max = 8;
	batch.set = own_set(rig);
	rig_set(&rig->signer, RIG_NEVER, true);
	assert_ok(hf_ledger_append(rig->ledger, &batch, nobody, &why), &why);
	/* The writer waits for the signer, or soon does; it may take a group
	 * on its way there. */
	while (err == HF_OK && taken < 100) {
		err = hf_ledger_keep(rig->ledger, 0, taken, BYTES("x"), nobody,
				     &why);
		taken += err == HF_OK;
	}
	assert_int_equal(err, HF_E_BUSY);
	assert_true(taken >= 7);
	assert_ok(rig_reopen(rig, &why), &why);
	for (uint64_t i = 0; i < taken; i++)
		is_kept(rig, 0, i, "x");
	is_kept(rig, 0, taken, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_record_comes_with_its_entry_and_stays),
		RIG_TEST(a_record_can_be_replaced_and_deleted),
		RIG_TEST(what_does_not_fit_is_refused),
		RIG_TEST(a_repeated_batch_keeps_its_first_record),
		RIG_TEST(numbers_of_our_own_are_kept_apart_from_entries),
		RIG_TEST(records_are_read_in_the_order_of_their_entries),
		RIG_TEST(a_record_is_shown_only_with_its_entry),
		PAIR_TEST(what_we_opened_is_kept_beside_others_entries),
		RIG_TEST(a_ledger_from_before_records_gets_them),
		RIG_TEST(a_full_store_keeps_what_it_has),
		RIG_TEST(the_last_of_the_disk_is_for_what_cannot_wait),
		RIG_TEST(many_keep_side_by_side_in_few_commits),
		RIG_TEST(a_full_queue_says_so_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
