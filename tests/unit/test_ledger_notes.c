#include "unit.h"

#include <sys/stat.h>

#include "ledger_slip.h"

#include "ledger_steps.h"

/* The files as a kill would leave them now: in another place, with or without
 * the slips.  The ledger is closed meanwhile and opened there. */
static void as_after_a_kill(struct rig *rig, bool has_slips)
{
	static char dir[96];
	char command[512];
	struct hf_why why = { "" };

	snprintf(dir, sizeof(dir), "%s/killed", rig->home);
	snprintf(command, sizeof(command), "cp -r '%s' '%s'", rig->dir, dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "cp '%s.notes' '%s.notes'", rig->dir,
		 dir);
	if (has_slips)
		assert_int_equal(system(command), 0);
	rig_close(rig);
	rig->options.dir = dir;
	assert_ok(rig_reopen(rig, &why), &why);
}

static void what_was_acknowledged_has_its_note_after_a_kill(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_info info;

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	/* Nobody else can say: the signer is away. */
	rig_set(&rig->signer, RIG_LAST, false);
	as_after_a_kill(rig, true);
	info = info_of(rig, set);
	assert_int_equal(info.size, 2);
	assert_int_equal(info.note_size, 2);
	assert_int_equal(info.unsigned_count, 0);
	verify(rig, set, 2);
}

static void a_lost_slip_is_signed_again(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct woken woken = { PTHREAD_MUTEX_INITIALIZER,
			       PTHREAD_COND_INITIALIZER, 0, 0 };
	struct hf_ledger_follower *follower;
	struct hf_ledger_batch batch;
	struct hf_ledger_draft draft = rig_add("b");
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	batch = (struct hf_ledger_batch){
		.set = set, .id = { 7 }, .drafts = &draft, .drafts_count = 1
	};
	append(rig, set, rig_add("a"), 0);
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	rig_set(&rig->signer, RIG_LAST, false);
	as_after_a_kill(rig, false);
	assert_int_equal(info_of(rig, set).unsigned_count, 1);
	assert_ok(hf_ledger_follow(rig->ledger, set, 1, on_wake, &woken,
				   &follower, &why),
		  &why);
	rig_set(&rig->signer, RIG_NEVER, false);
	woken_wait(&woken, 2);
	hf_ledger_unfollow(follower);
	/* And the same batch is still the same batch. */
	assert_ok(rig_append(rig, &batch, &receipt, &why), &why);
	assert_int_equal(receipt.first, 1);
	assert_true(receipt.is_repeat);
	verify(rig, set, 2);
}

static void write_at(const char *path, off_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static void a_slip_of_another_tree_is_not_believed(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_note_record record;
	uint8_t room[HF_LEDGER_SLIP_BYTES];
	struct hf_ledger_slips *slips;
	struct hf_why why = { "" };
	struct hf_buf note;

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	rig_close(rig);
	assert_ok(hf_ledger_slips_open(rig->dir, &slips, &why), &why);
	assert_ok(hf_ledger_slip_read(slips, set, room, &record, &why), &why);
	assert_int_equal(record.size, 2);
	/* Whole, well signed, and of a tree that is not ours. */
	record.root.bytes[0] ^= 1;
	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	assert_ok(rig_note(&rig->signer, BYTES(ORIGIN), 2, &record.root, 9,
			   &note, &why),
		  &why);
	record.note = hf_buf_span(&note);
	assert_ok(hf_ledger_slip_write(slips, set, &record, &why), &why);
	assert_ok(hf_ledger_slips_sync(slips, &why), &why);
	hf_ledger_slips_close(slips);
	hf_buf_release(&note);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(info_of(rig, set).note_size, 2);
	assert_int_not_equal(info_of(rig, set).note_root.bytes[0],
			     record.root.bytes[0]);
	append(rig, set, rig_add("c"), 2);
	verify(rig, set, 3);
}

static void a_note_that_fits_no_slip_goes_into_the_store(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span note;

	append(rig, set, rig_add("a"), 0);
	rig->signer.more_cosignatures = 28;
	append(rig, set, rig_add("b"), 1);
	assert_int_equal(info_of(rig, set).note_size, 2);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_note(view, set, HF_LEDGER_NOTE, &note, &why), &why);
	assert_true(note.len_bytes > HF_LEDGER_SLIP_BYTES);
	hf_ledger_view_end(view);
	rig_set(&rig->signer, RIG_LAST, false);
	as_after_a_kill(rig, true);
	assert_int_equal(info_of(rig, set).note_size, 2);
	/* The one before had a slip, which is older than the store now. */
	rig_set(&rig->signer, RIG_NEVER, false);
	rig->signer.more_cosignatures = 0;
	append(rig, set, rig_add("c"), 2);
	assert_int_equal(info_of(rig, set).note_size, 3);
	verify(rig, set, 3);
}

static void a_view_keeps_the_note_that_it_saw(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_info before, after, other;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span note;
	uint32_t second;
	char text[512];

	assert_ok(hf_ledger_create(rig->ledger, HF_LEDGER_OWN,
				   BYTES("hotline.example/tvec/1"), &second,
				   &why),
		  &why);
	append(rig, set, rig_add("a"), 0);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_info(view, set, &before, &why), &why);
	assert_int_equal(before.size, 1);
	assert_ok(hf_ledger_note(view, set, HF_LEDGER_NOTE, &note, &why), &why);
	assert_true(note.len_bytes < sizeof(text));
	memcpy(text, note.at, note.len_bytes);
	/* More notes than are kept for views that come late. */
	append(rig, set, rig_add("b"), 1);
	append(rig, set, rig_add("c"), 2);
	append(rig, set, rig_add("d"), 3);
	/* It looks at another set and comes back. */
	assert_ok(hf_ledger_info(view, second, &other, &why), &why);
	assert_ok(hf_ledger_info(view, set, &after, &why), &why);
	assert_int_equal(after.size, 1);
	assert_ok(hf_ledger_note(view, set, HF_LEDGER_NOTE, &note, &why), &why);
	assert_memory_equal(text, note.at, note.len_bytes);
	hf_ledger_view_end(view);
	assert_int_equal(info_of(rig, set).size, 4);
}

static void a_view_shows_no_note_of_entries_that_it_lacks(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_view *view;
	struct hf_ledger_entry entry;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	/* Only now is it looked at: there is a newer slip already. */
	append(rig, set, rig_add("c"), 2);
	assert_ok(hf_ledger_info(view, set, &info, &why), &why);
	/* Nor does it go back behind what was told before it began. */
	assert_int_equal(info.size, 2);
	assert_int_equal(info.note_size, 2);
	assert_int_equal(hf_ledger_entry(view, set, 2, &entry, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_view_end(view);
}

static void a_view_that_comes_late_shows_what_the_store_has(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	/* Both slips are of entries that it lacks. */
	append(rig, set, rig_add("c"), 2);
	append(rig, set, rig_add("d"), 3);
	assert_ok(hf_ledger_info(view, set, &info, &why), &why);
	/* The note of "a", which was stored with the entry of "b". */
	assert_int_equal(info.size, 1);
	assert_int_equal(info.note_size, 1);
	hf_ledger_view_end(view);
}

static void only_a_whole_slip_of_the_set_is_read(void **state)
{
	static const struct {
		const char *name;
		off_t at;
		size_t len;
	} damages[] = {
		{ "the magic", 0, 1 },
		{ "the set", 11, 1 },
		{ "the length", 12, 4 },
		{ "the note", 100, 1 },
		{ "the checksum", HF_LEDGER_SLIP_BYTES - 1, 1 },
		{ "the second half", HF_LEDGER_SLIP_BYTES / 2,
		  HF_LEDGER_SLIP_BYTES / 2 },
	};
	static const uint8_t junk[HF_LEDGER_SLIP_BYTES] = { 0xa5, 1, 2, 3 };
	struct rig *rig = *state;
	const struct hf_ledger_note_record written = {
		.size = 5, .root = { { 3 } }, .note = BYTES("a note")
	};
	struct hf_ledger_note_record record;
	uint8_t room[HF_LEDGER_SLIP_BYTES];
	struct hf_ledger_slips *slips;
	struct hf_why why = { "" };
	char path[160];

	snprintf(path, sizeof(path), "%s.notes", rig->dir);
	assert_ok(hf_ledger_slips_open(rig->dir, &slips, &why), &why);
	assert_int_equal(hf_ledger_slip_read(slips, 2, room, &record, NULL),
			 HF_E_NOTFOUND);
	for (size_t i = 0; i < ROWS(damages); i++) {
		assert_ok(hf_ledger_slip_write(slips, 2, &written, &why), &why);
		assert_ok(hf_ledger_slip_read(slips, 2, room, &record, &why),
			  &why);
		assert_int_equal(record.size, 5);
		assert_true(hf_span_is(record.note, "a note"));
		write_at(path, HF_LEDGER_SLIP_BYTES + damages[i].at, junk,
			 damages[i].len);
		if (hf_ledger_slip_read(slips, 2, room, &record, NULL) !=
		    HF_E_NOTFOUND)
			fail_msg("%s", damages[i].name);
	}
	/* A set before it was never written: a hole. */
	assert_int_equal(hf_ledger_slip_read(slips, 1, room, &record, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_slips_close(slips);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_was_acknowledged_has_its_note_after_a_kill),
		RIG_TEST(a_lost_slip_is_signed_again),
		RIG_TEST(a_slip_of_another_tree_is_not_believed),
		RIG_TEST(a_note_that_fits_no_slip_goes_into_the_store),
		RIG_TEST(a_view_keeps_the_note_that_it_saw),
		RIG_TEST(a_view_shows_no_note_of_entries_that_it_lacks),
		RIG_TEST(a_view_that_comes_late_shows_what_the_store_has),
		RIG_TEST(only_a_whole_slip_of_the_set_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
