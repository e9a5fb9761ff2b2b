#include "unit.h"

#include "ledger_steps.h"

static void an_acknowledged_entry_is_under_a_signed_note(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_note_key log;
	struct hf_note note;
	struct hf_header header;
	struct hf_span bytes;
	uint32_t set = own_set(rig);

	append(rig, set, rig_add("a picture"), 0);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_note(view, set, HF_LEDGER_NOTE, &bytes, &why),
		  &why);
	assert_ok(hf_note_key_init(HF_NOTE_LOG, BYTES(ORIGIN),
				   hf_secret_public(rig->signer.log), &log,
				   &why),
		  &why);
	assert_ok(hf_note_open(bytes, &log, NULL, &note, NULL, &why), &why);
	assert_int_equal(note.checkpoint.size, 1);
	assert_ok(hf_ledger_entry(view, set, 0, &entry, &why), &why);
	assert_int_equal(entry.state, HF_LEDGER_HELD);
	assert_true(hf_span_is(entry.payload, "a picture"));
	assert_ok(hf_header_parse(entry.header, &header, &why), &why);
	assert_int_equal(header.op, HF_OP_ADD);
	assert_int_equal(header.target, 0);
	assert_int_equal(hf_ledger_entry(view, set, 1, &entry, NULL),
			 HF_E_NOTFOUND);
	assert_int_equal(hf_ledger_entry(view, set + 1, 0, &entry, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_view_end(view);
	verify(rig, set, 1);
}

static void a_set_is_made_once_and_found_again(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_why why = { "" };
	uint32_t set = own_set(rig), found = 0;

	assert_int_equal(own_set(rig), set);
	assert_int_equal(hf_ledger_create(rig->ledger, HF_LEDGER_FOREIGN,
					  BYTES(ORIGIN), &found, &why),
			 HF_E_EXISTS);
	assert_int_equal(hf_ledger_create(rig->ledger, HF_LEDGER_FOREIGN,
					  BYTES("no origin"), &found, &why),
			 HF_E_ARGUMENT);
	assert_ok(hf_ledger_create(rig->ledger, HF_LEDGER_FOREIGN,
				   BYTES("other.example/x/1"), &found, &why),
		  &why);
	assert_int_not_equal(found, set);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_find(view, BYTES(ORIGIN), &found, &why), &why);
	assert_int_equal(found, set);
	assert_int_equal(
		hf_ledger_find(view, BYTES("a.example/b/1"), &found, NULL),
		HF_E_NOTFOUND);
	assert_ok(hf_ledger_next(view, 0, &info, &why), &why);
	assert_string_equal(info.origin, ORIGIN);
	assert_int_equal(info.kind, HF_LEDGER_OWN);
	assert_ok(hf_ledger_next(view, info.set, &info, &why), &why);
	assert_string_equal(info.origin, "other.example/x/1");
	assert_false(info.has_note);
	assert_int_equal(hf_ledger_next(view, info.set, &info, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_view_end(view);
}

static void a_new_set_gets_a_checkpoint_of_nothing(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_info info;
	struct hf_tree_hash empty;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_refresh(rig->ledger, set,
				    hf_ledger_wait_done(rig->wait), &why),
		  &why);
	assert_ok(hf_ledger_wait_for(rig->wait, NULL, &why), &why);
	info = info_of(rig, set);
	hf_tree_empty(&empty);
	assert_true(info.has_note);
	assert_int_equal(info.note_size, 0);
	assert_true(hf_tree_equal(&info.note_root, &empty));
}

static void a_repeated_batch_returns_its_indexes(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_draft drafts[2] = { rig_add("one"), rig_add("two") };
	uint32_t set = own_set(rig);
	struct hf_ledger_batch batch = { .set = set,
					 .id = { 1, 2, 3 },
					 .sequence = 5,
					 .drafts = drafts,
					 .drafts_count = 2 };
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint64_t sequence = 0;

	append(rig, set, rig_add("before"), 0);
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	assert_int_equal(receipt.first, 1);
	assert_false(receipt.is_repeat);
	append(rig, set, rig_add("after"), 3);
	for (int round = 0; round < 2; round++) {
		/* When it was said does not matter, what was said does. */
		drafts[0].time_ms++;
		assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
		assert_int_equal(receipt.first, 1);
		assert_int_equal(receipt.count, 2);
		assert_true(receipt.is_repeat);
		assert_true(receipt.size >= 4);
		assert_ok(rig_reopen(rig, &why), &why);
	}
	drafts[1] = rig_add("zwei");
	assert_int_equal(rig_append(rig, &batch, &receipt, &why),
			 HF_E_CONFLICT);
	batch.drafts_count = 1;
	assert_int_equal(rig_append(rig, &batch, &receipt, &why),
			 HF_E_CONFLICT);
	batch.sequence = 6;
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	assert_int_equal(receipt.first, 4);

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_batch_next(view, set, batch.id, 0, &sequence,
				       &receipt, &why),
		  &why);
	assert_int_equal(sequence, 5);
	assert_int_equal(receipt.first, 1);
	assert_ok(hf_ledger_batch_next(view, set, batch.id, 6, &sequence,
				       &receipt, &why),
		  &why);
	assert_int_equal(receipt.first, 4);
	assert_int_equal(hf_ledger_batch_next(view, set, batch.id, 7, &sequence,
					      &receipt, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_view_end(view);
	verify(rig, set, 5);
}

static enum hf_err refuse_bad(void *arg, const struct hf_ledger_draft *draft,
			      struct hf_why *why)
{
	if (hf_span_is(draft->payload, "bad"))
		return hf_why(why, HF_E_MALFORMED, "payload: bad");
	return HF_OK;
}

static void what_must_not_be_signed_is_refused(void **state)
{
	static char big[HF_PAYLOAD_MAX_BYTES + 2];
	struct rig *rig = *state;
	uint32_t set;
	const struct {
		const char *name;
		struct hf_ledger_draft draft;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "unknown op",         rig_about(9, 0, "x"),                  HF_E_ARGUMENT },
		{ "ignorable op",       rig_about(200, 0, "x"),                HF_E_ARGUMENT },
		{ "ADD of another",     rig_about(HF_OP_ADD, 0, "x"),          HF_E_ARGUMENT },
		{ "ADD of nothing",     rig_about(HF_OP_ADD, HF_LEDGER_SELF, ""), HF_E_ARGUMENT },
		{ "RETRACT of itself",  rig_about(HF_OP_RETRACT, 3, ""),       HF_E_ARGUMENT },
		{ "RETRACT of later",   rig_about(HF_OP_RETRACT, 9, ""),       HF_E_ARGUMENT },
		{ "RETRACT of RETRACT", rig_about(HF_OP_RETRACT, 1, ""),       HF_E_ARGUMENT },
		{ "AMEND of RETRACT",   rig_about(HF_OP_AMEND, 1, "x"),        HF_E_ARGUMENT },
		{ "AMEND to nothing",   rig_about(HF_OP_AMEND, 0, ""),         HF_E_ARGUMENT },
		{ "ERASE of nothing",   rig_about(HF_OP_ERASE, 1, ""),         HF_E_ARGUMENT },
		{ "too long",           rig_add(big),                          HF_E_LIMIT },
		{ "bad payload",        rig_add("bad"),                        HF_E_MALFORMED },
		/* clang-format on */
	};

	memset(big, 'x', sizeof(big) - 1);
	rig->options.check = refuse_bad;
	set = own_set(rig);
	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_about(HF_OP_RETRACT, 0, ""), 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_ledger_draft drafts[2] = { rig_add("fine"),
						     rows[i].draft };
		struct hf_ledger_batch batch = { .set = set,
						 .drafts = drafts,
						 .drafts_count = 2 };
		struct hf_why why = { "" };
		enum hf_err err;

		if (i == 10)
			drafts[1].payload = hf_span(big, sizeof(big) - 1);
		err = rig_append(rig, &batch, NULL, &why);
		if (err != rows[i].want && err != HF_E_NOMEM)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
	}
	assert_int_equal(info_of(rig, set).size, 2);
	append(rig, set, rig_add("b"), 2);
	verify(rig, set, 3);
}

static void fates_are_known_at_once(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_fate fate;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint64_t about = 0;
	uint8_t op = 0;

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	append(rig, set, rig_about(HF_OP_AMEND, 0, "a2"), 2);
	append(rig, set, rig_about(HF_OP_RETRACT, 0, ""), 3);
	append(rig, set, rig_about(HF_OP_RETRACT, 0, ""), 4);
	append(rig, set, rig_about(HF_OP_AMEND, 0, "a3"), 5);
	append(rig, set, rig_about(HF_OP_STATUS, 0, "s"), 6);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_fate(view, set, 0, &fate, &why), &why);
	assert_int_equal(fate.retracted_by, 3);
	assert_int_equal(fate.retract_code, 7);
	assert_int_equal(fate.amended_by, 5);
	assert_int_equal(fate.erased_by, HF_LEDGER_NONE);
	assert_ok(hf_ledger_fate(view, set, 1, &fate, &why), &why);
	assert_int_equal(fate.retracted_by, HF_LEDGER_NONE);
	assert_int_equal(hf_ledger_fate(view, set, 7, &fate, NULL),
			 HF_E_NOTFOUND);
	for (uint64_t want = 2; want <= 6; want++) {
		assert_ok(hf_ledger_next_about(view, set, 0, about, &about, &op,
					       &why),
			  &why);
		assert_int_equal(about, want);
	}
	assert_int_equal(op, HF_OP_STATUS);
	assert_int_equal(
		hf_ledger_next_about(view, set, 0, about, &about, &op, NULL),
		HF_E_NOTFOUND);
	hf_ledger_view_end(view);
}

static void an_erased_entry_keeps_its_header_alone(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_check check;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	append(rig, set, rig_add("a name"), 0);
	append(rig, set, rig_about(HF_OP_AMEND, 0, "another name"), 1);
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 2);
	append(rig, set, rig_about(HF_OP_ERASE, 1, ""), 3);
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 4);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	for (uint64_t i = 0; i < 2; i++) {
		assert_ok(hf_ledger_entry(view, set, i, &entry, &why), &why);
		assert_int_equal(entry.state, HF_LEDGER_ERASED);
		assert_int_equal(entry.erased_by, 2 + i);
		assert_int_equal(entry.payload.len_bytes, 0);
		assert_int_equal(entry.opening.len_bytes, 0);
	}
	assert_ok(hf_ledger_entry(view, set, 2, &entry, &why), &why);
	assert_int_equal(entry.state, HF_LEDGER_BARE);
	hf_ledger_view_end(view);
	assert_ok(hf_ledger_verify(rig->ledger, set, NULL, &check, &why), &why);
	assert_int_equal(check.entries, 5);
	assert_int_equal(check.erased, 2);
	assert_int_equal(check.payloads, 0);
	assert_int_equal(check.missing, 0);
}

static void erasures_wait_until_the_file_is_written_anew(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_check check;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	assert_int_equal(erasing(rig), 0);
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 2);
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 3);
	append(rig, set, rig_about(HF_OP_ERASE, 1, ""), 4);
	/* Over a restart too; twice is once. */
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(erasing(rig), 2);
	assert_ok(hf_ledger_compact(rig->ledger, NULL, &why), &why);
	assert_int_equal(erasing(rig), 0);
	append(rig, set, rig_add("c"), 5);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(erasing(rig), 0);
	assert_ok(rig_info(rig, set, &info, &why), &why);
	assert_int_equal(info.size, 6);
	assert_ok(hf_ledger_verify(rig->ledger, set, NULL, &check, &why), &why);
	assert_int_equal(check.erased, 2);
}

static void a_set_can_end_and_be_frozen(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };

	append(rig, set, rig_add("a"), 0);
	assert_ok(hf_ledger_freeze(rig->ledger, set, "two trees", &why), &why);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_true(info_of(rig, set).is_frozen);
	assert_string_equal(info_of(rig, set).frozen_reason, "two trees");
	assert_int_equal(rig_append_one(rig, set, rig_add("b"), NULL, &why),
			 HF_E_FROZEN);
	assert_non_null(strstr(why.text, "two trees"));
	assert_ok(hf_ledger_freeze(rig->ledger, set, "", &why), &why);
	append(rig, set, rig_about(HF_OP_END, HF_LEDGER_SELF, ""), 1);
	assert_int_equal(info_of(rig, set).ended_at, 1);
	assert_int_equal(rig_append_one(rig, set, rig_add("b"), NULL, &why),
			 HF_E_FROZEN);
	assert_int_equal(hf_ledger_freeze(rig->ledger, 99, "x", &why),
			 HF_E_NOTFOUND);
}

static void followers_are_woken_with_what_can_be_read(void **state)
{
	struct woken woken = { PTHREAD_MUTEX_INITIALIZER,
			       PTHREAD_COND_INITIALIZER, 0, 0 };
	struct rig *rig = *state;
	struct hf_ledger_follower *one = NULL, *all = NULL;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };
	size_t count;

	assert_int_equal(hf_ledger_follow(rig->ledger, 9, 0, on_wake, &woken,
					  &one, &why),
			 HF_E_NOTFOUND);
	append(rig, set, rig_add("a"), 0);
	assert_ok(hf_ledger_follow(rig->ledger, set, 1, on_wake, &woken, &one,
				   &why),
		  &why);
	/* The note of what it has may still be told, and nothing more. */
	assert_true(woken_size(&woken) <= 1);
	append(rig, set, rig_add("b"), 1);
	woken_wait(&woken, 2);
	assert_int_equal(info_of(rig, set).size, 2);
	hf_ledger_unfollow(one);
	count = woken.count;
	append(rig, set, rig_add("c"), 2);
	assert_int_equal(woken.count, count);
	/* Who comes late is told at once. */
	assert_ok(hf_ledger_follow(rig->ledger, HF_LEDGER_ALL_SETS, 0, on_wake,
				   &woken, &all, &why),
		  &why);
	assert_int_equal(woken_size(&woken), 3);
	hf_ledger_unfollow(all);
}

static void a_second_ledger_on_one_directory_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger *second;
	struct hf_why why = { "" };

	own_set(rig);
	assert_int_equal(hf_ledger_open(&rig->options, &second, &why),
			 HF_E_BUSY);
}

static void a_flipped_bit_is_found(void **state)
{
	static const char mark[] = "an unmistakable payload";
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_check check;
	struct hf_why why = { "" };
	static uint8_t file[1 << 20];
	char path[160];
	ssize_t len;
	int fd;

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add(mark), 1);
	rig_close(rig);
	snprintf(path, sizeof(path), "%s/data.mdb", rig->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	len = read(fd, file, sizeof(file));
	for (ssize_t i = 0; i + (ssize_t)sizeof(mark) < len; i++)
		if (memcmp(file + i, mark, sizeof(mark) - 1) == 0)
			assert_int_equal(pwrite(fd, "A", 1, i), 1);
	close(fd);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(hf_ledger_verify(rig->ledger, set, NULL, &check, &why),
			 HF_E_CORRUPT);
	assert_non_null(strstr(why.text, "entry 1"));
}

static void a_small_map_grows_and_a_full_one_says_so(void **state)
{
	struct rig *rig = *state;
	uint32_t set;
	struct hf_why why = { "" };
	uint64_t appended = 0;
	enum hf_err err;

	rig->options.map_bytes = (size_t)256 << 10;
	rig->options.map_most_bytes = (size_t)2 << 20;
	set = own_set(rig);
	do {
		err = rig_append_many(rig, set, appended, 500, &why);
		appended += err == HF_OK ? 500 : 0;
	} while (err == HF_OK);
	if (err != HF_E_FULL)
		fail_msg("%s: %s", hf_err_name(err), why.text);
	assert_true(appended > 2000);
	verify(rig, set, appended);
	rig->options.map_most_bytes = (size_t)8 << 20;
	assert_ok(rig_reopen(rig, &why), &why);
	append(rig, set, rig_add("more"), appended);
	verify(rig, set, appended + 1);
}

/* Leaves that were counted and then undone are not what the next proof is made
 * of: the signer would refuse it. */
static void what_found_no_room_leaves_no_trace_in_proofs(void **state)
{
	static char large[HF_PAYLOAD_MAX_BYTES];
	struct hf_ledger_draft drafts[100];
	struct rig *rig = *state;
	struct hf_ledger_batch batch;
	struct hf_why why = { "" };
	uint32_t set;

	rig->options.map_bytes = (size_t)256 << 10;
	rig->options.map_most_bytes = (size_t)2 << 20;
	set = own_set(rig);
	/* An odd number: the next leaf is a node of the proof by itself. */
	assert_ok(rig_append_many(rig, set, 0, 9, &why), &why);
	memset(large, 'x', sizeof(large));
	for (size_t i = 0; i < ROWS(drafts); i++) {
		drafts[i] = rig_add("");
		drafts[i].payload = hf_span(large, sizeof(large));
	}
	batch = (struct hf_ledger_batch){ .set = set,
					  .drafts = drafts,
					  .drafts_count = ROWS(drafts) };
	assert_int_equal(rig_append(rig, &batch, NULL, NULL), HF_E_FULL);
	assert_int_equal(info_of(rig, set).size, 9);
	assert_ok(rig_append_many(rig, set, 9, 300, &why), &why);
	verify(rig, set, 309);
}

/* The signer verifies that each tree begins with the last one, whatever of it
 * was kept in memory or is read again. */
static void groups_of_any_size_are_proven_to_the_signer(void **state)
{
	static const size_t groups[] = { 1,   100, 155, 1,   255, 256, 2,
					 257, 511, 3,   700, 64,  129 };
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };
	uint64_t size = 0;

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < ROWS(groups); i++) {
			assert_ok(rig_append_many(rig, set, size, groups[i],
						  &why),
				  &why);
			size += groups[i];
			/* Never, now and then, after each. */
			if (round == 2 || (round == 1 && i % 3 == 0))
				assert_ok(rig_reopen(rig, &why), &why);
		}
	}
	assert_int_equal(info_of(rig, set).note_size, size);
	verify(rig, set, size);
}

struct client {
	struct rig *rig;
	struct hf_ledger_wait *wait;
	uint32_t set;
	uint8_t number;
	size_t failures;
};

static void *client_main(void *arg)
{
	struct client *client = arg;

	for (uint64_t i = 0; i < 20; i++) {
		struct hf_ledger_draft draft = rig_add("from a client");
		struct hf_ledger_batch batch = { .set = client->set,
						 .id = { client->number },
						 .sequence = i,
						 .drafts = &draft,
						 .drafts_count = 1 };
		struct hf_ledger_receipt first, again;

		for (int round = 0; round < 2; round++) {
			if (hf_ledger_append(client->rig->ledger, &batch,
					     hf_ledger_wait_done(client->wait),
					     NULL) != HF_OK ||
			    hf_ledger_wait_for(client->wait,
					       round == 0 ? &first : &again,
					       NULL) != HF_OK) {
				client->failures++;
				return NULL;
			}
		}
		client->failures += first.first != again.first ||
				    !again.is_repeat || first.is_repeat;
	}
	return NULL;
}

static void many_clients_append_side_by_side(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct client clients[8];
	pthread_t threads[8];
	struct hf_why why = { "" };

	for (size_t i = 0; i < ROWS(clients); i++) {
		clients[i] = (struct client){ .rig = rig,
					      .set = set,
					      .number = (uint8_t)(i + 1) };
		assert_ok(hf_ledger_wait_new(&clients[i].wait, &why), &why);
	}
	for (size_t i = 0; i < ROWS(clients); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, client_main,
						&clients[i]),
				 0);
	for (size_t i = 0; i < ROWS(clients); i++) {
		pthread_join(threads[i], NULL);
		hf_ledger_wait_free(clients[i].wait);
	}
	for (size_t i = 0; i < ROWS(clients); i++)
		assert_int_equal(clients[i].failures, 0);
	verify(rig, set, ROWS(clients) * 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(an_acknowledged_entry_is_under_a_signed_note),
		RIG_TEST(a_set_is_made_once_and_found_again),
		RIG_TEST(a_new_set_gets_a_checkpoint_of_nothing),
		RIG_TEST(a_repeated_batch_returns_its_indexes),
		RIG_TEST(what_must_not_be_signed_is_refused),
		RIG_TEST(fates_are_known_at_once),
		RIG_TEST(an_erased_entry_keeps_its_header_alone),
		RIG_TEST(erasures_wait_until_the_file_is_written_anew),
		RIG_TEST(a_set_can_end_and_be_frozen),
		RIG_TEST(followers_are_woken_with_what_can_be_read),
		RIG_TEST(a_second_ledger_on_one_directory_is_refused),
		RIG_TEST(a_flipped_bit_is_found),
		RIG_TEST(a_small_map_grows_and_a_full_one_says_so),
		RIG_TEST(what_found_no_room_leaves_no_trace_in_proofs),
		RIG_TEST(groups_of_any_size_are_proven_to_the_signer),
		RIG_TEST(many_clients_append_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
