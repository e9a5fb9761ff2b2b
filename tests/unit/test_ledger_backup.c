#include "unit.h"

#include <sys/stat.h>

#include "file.h"

#include "ledger_pair.h"

/* Everything that `from` has, as the store of `to`, which is as much a
 * publisher of it, with a signer that knows nothing. */
static void restore(struct pair *pair)
{
	struct hf_why why = { "" };

	assert_ok(hf_ledger_backup(pair->from.ledger, pair->to.dir, NULL, &why),
		  &why);
	assert_ok(rig_reopen(&pair->to, &why), &why);
	pair->foreign = own_set(&pair->to);
}

/* `from` has 1000 entries, `to` is its copy of when they were 300. */
static void grow_and_set_back(struct pair *pair)
{
	struct hf_why why = { "" };

	pair->own = own_set(&pair->from);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 300, &why), &why);
	restore(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 300, 700, &why),
		  &why);
}

static void a_backup_is_a_ledger_and_leaves_nothing_beside_it(void **state)
{
	struct pair *pair = *state;
	struct hf_why why = { "" };
	char path[200];
	struct stat found;

	pair->own = own_set(&pair->from);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 700, &why), &why);
	assert_ok(hf_ledger_backup(pair->from.ledger, pair->to.dir, NULL, &why),
		  &why);
	snprintf(path, sizeof(path), "%s.lock", pair->to.dir);
	assert_int_not_equal(stat(path, &found), 0);
	snprintf(path, sizeof(path), "%s.notes", pair->to.dir);
	assert_int_not_equal(stat(path, &found), 0);
	snprintf(path, sizeof(path), "%s/data.mdb", pair->to.dir);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 0777, 0600);
	/* Nothing is written over. */
	assert_int_equal(
		hf_ledger_backup(pair->from.ledger, pair->to.dir, NULL, &why),
		HF_E_EXISTS);
	assert_ok(rig_reopen(&pair->to, &why), &why);
	pair->foreign = own_set(&pair->to);
	verify(&pair->to, pair->foreign, 700);
	append(&pair->from, pair->own, rig_add("more"), 700);
}

static bool is_in_store_of(const struct rig *rig, const char *text)
{
	char path[200];
	struct hf_why why = { "" };
	struct hf_buf file;
	bool is_there;

	snprintf(path, sizeof(path), "%s/data.mdb", rig->dir);
	hf_buf_init(&file, (size_t)64 << 20);
	assert_ok(hf_file_read(path, &file, &why), &why);
	is_there = memmem(file.at, file.len_bytes, text, strlen(text)) != NULL;
	hf_buf_release(&file);
	return is_there;
}

static void what_was_erased_is_in_no_backup_however_long_it_waits(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_leaving leaving;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	pair->from.options.keeps_leaving = true;
	assert_ok(rig_reopen(&pair->from, &why), &why);
	pair->own = own_set(&pair->from);
	append(&pair->from, pair->own, rig_add("nobody else writes this"), 0);
	append(&pair->from, pair->own, rig_add("what stays"), 1);
	append(&pair->from, pair->own, rig_about(HF_OP_ERASE, 0, ""), 2);
	restore(pair);
	assert_true(is_in_store_of(&pair->from, "nobody else writes this"));
	assert_false(is_in_store_of(&pair->to, "nobody else writes this"));
	assert_true(is_in_store_of(&pair->to, "what stays"));
	assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why), &why);
	assert_int_equal(hf_ledger_leaving_next(view, 0, &leaving, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_view_end(view);
	verify(&pair->to, pair->foreign, 3);
	/* And that the file has to be written anew is known there too. */
	assert_ok(hf_ledger_compact(pair->to.ledger, NULL, &why), &why);
}

static void a_backup_that_is_to_end_leaves_nothing(void **state)
{
	struct pair *pair = *state;
	const atomic_bool is_over = true;
	struct hf_why why = { "" };
	struct stat found;

	pair->own = own_set(&pair->from);
	append(&pair->from, pair->own, rig_add("a"), 0);
	assert_int_equal(hf_ledger_backup(pair->from.ledger, pair->to.dir,
					  &is_over, &why),
			 HF_E_CANCELLED);
	assert_int_not_equal(stat(pair->to.dir, &found), 0);
	append(&pair->from, pair->own, rig_add("b"), 1);
}

static void what_does_not_continue_an_old_copy_is_not_fetched_back(void **state)
{
	struct pair *pair = *state;
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	grow_and_set_back(pair);
	root = info_of(&pair->from, pair->own).note_root;
	/* Without the proof that it continues what is here: nothing. */
	assert_int_equal(see_note(pair, 1000, &root, 1900000000, NULL, &why),
			 HF_E_PROOF);
	append(&pair->to, pair->foreign, rig_about(HF_OP_RETRACT, 3, ""), 300);
	/* That was one too many: it continues it no more. */
	assert_int_equal(see(pair, 300, 1000, &why), HF_E_PROOF);
}

static void an_old_copy_that_is_whole_again_is_the_same_set(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_info info;
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	grow_and_set_back(pair);
	assert_ok(see(pair, 300, 1000, &why), &why);
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.known_size, 1000);
	assert_int_equal(rig_append_one(&pair->to, pair->foreign, rig_add("a"),
					NULL, &why),
			 HF_E_CONFLICT);
	assert_non_null(strstr(why.text, "old copy"));
	for (uint64_t at = 300; at < 1000; at = hf_ledger_piece_end(at, 1000)) {
		/* In what was left of the first chunk, and half way. */
		if (at == 768)
			assert_int_equal(
				rig_append_one(&pair->to, pair->foreign,
					       rig_add("a"), NULL, &why),
				HF_E_CONFLICT);
		assert_ok(send(pair, at, 1000, NO_HARM, &why), &why);
	}
	info = info_of(&pair->to, pair->foreign);
	assert_int_equal(info.size, 1000);
	root = info_of(&pair->from, pair->own).note_root;
	assert_true(hf_tree_equal(&info.note_root, &root));
	append(&pair->to, pair->foreign, rig_add("a"), 1000);
	verify(&pair->to, pair->foreign, 1001);
	assert_ok(rig_reopen(&pair->to, &why), &why);
	verify(&pair->to, pair->foreign, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(a_backup_is_a_ledger_and_leaves_nothing_beside_it),
		PAIR_TEST(
			what_was_erased_is_in_no_backup_however_long_it_waits),
		PAIR_TEST(a_backup_that_is_to_end_leaves_nothing),
		PAIR_TEST(
			what_does_not_continue_an_old_copy_is_not_fetched_back),
		PAIR_TEST(an_old_copy_that_is_whole_again_is_the_same_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
