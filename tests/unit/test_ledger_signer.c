#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "ledger_steps.h"

static void a_full_queue_says_so_at_once(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_draft draft = rig_add("x");
	struct hf_ledger_batch batch = { .drafts = &draft, .drafts_count = 1 };
	enum hf_err err = HF_OK;
	struct hf_why why = { "" };
	size_t queued = 0;

	rig->options.queue_jobs_max = 2;
	batch.set = own_set(rig);
	append(rig, batch.set, draft, 0);
	rig_set(&rig->signer, RIG_NEVER, true);
	/* One may be with the signer; two wait; the next is one too many. */
	for (int i = 0; i < 4 && err == HF_OK; i++) {
		struct hf_ledger_done ignore = { 0 };

		err = hf_ledger_append(rig->ledger, &batch, ignore, &why);
		queued += err == HF_OK;
	}
	assert_int_equal(err, HF_E_BUSY);
	assert_true(queued >= 2);
	rig_set(&rig->signer, RIG_NEVER, false);
	rig_close(rig);
	assert_ok(rig_reopen(rig, &why), &why);
	verify(rig, batch.set, 1 + queued);
}

static void while_the_signer_is_away_nothing_is_acknowledged(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_draft draft = rig_add("kept");
	struct hf_ledger_batch batch = { .id = { 9 },
					 .drafts = &draft,
					 .drafts_count = 1 };
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_ledger_stats stats;
	struct hf_why why = { "" };
	enum hf_err err;

	batch.set = own_set(rig);
	append(rig, batch.set, rig_add("a"), 0);
	rig_set(&rig->signer, RIG_BEFORE_RECORD, false);
	assert_int_equal(rig_append(rig, &batch, &receipt, &why),
			 HF_E_UNAVAILABLE);
	assert_string_equal(why.text, "signer: away");
	assert_int_equal(info_of(rig, batch.set).size, 1);
	assert_int_equal(info_of(rig, batch.set).unsigned_count, 1);
	/* Nothing more is stored. */
	assert_int_equal(
		rig_append_one(rig, batch.set, rig_add("c"), NULL, &why),
		HF_E_UNAVAILABLE);
	assert_int_equal(info_of(rig, batch.set).unsigned_count, 1);
	assert_ok(hf_ledger_stats(rig->ledger, &stats, &why), &why);
	assert_true(stats.is_signer_away);
	rig_set(&rig->signer, RIG_NEVER, false);
	do {
		err = rig_append(rig, &batch, &receipt, &why);
	} while (err == HF_E_UNAVAILABLE);
	assert_ok(err, &why);
	assert_int_equal(receipt.first, 1);
	assert_true(receipt.is_repeat);
	append(rig, batch.set, rig_add("c"), 2);
	verify(rig, batch.set, 3);
}

/* The publisher's order, stopped at each step and taken up again. */
static void what_was_committed_is_signed_after_a_restart(void **state)
{
	static const enum rig_step steps[] = { RIG_LAST, RIG_BEFORE_RECORD,
					       RIG_AFTER_RECORD };
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	uint64_t size = 0;

	for (size_t i = 0; i < ROWS(steps); i++) {
		struct woken woken = { PTHREAD_MUTEX_INITIALIZER,
				       PTHREAD_COND_INITIALIZER, 0, 0 };
		struct hf_ledger_follower *follower;
		struct hf_why why = { "" };

		append(rig, set, rig_add("a"), size++);
		if (steps[i] == RIG_LAST) {
			/* It is asked where it is not known. */
			rig_set(&rig->signer, RIG_BEFORE_RECORD, false);
			assert_int_equal(rig_append_one(rig, set, rig_add("b"),
							NULL, &why),
					 HF_E_UNAVAILABLE);
			size++;
		}
		rig_set(&rig->signer, steps[i], false);
		assert_int_equal(
			rig_append_one(rig, set, rig_add("b"), NULL, &why),
			HF_E_UNAVAILABLE);
		size += steps[i] != RIG_LAST;
		/* Still away after the restart; then it comes back. */
		assert_ok(rig_reopen(rig, &why), &why);
		assert_ok(hf_ledger_follow(rig->ledger, set, size - 1, on_wake,
					   &woken, &follower, &why),
			  &why);
		rig_set(&rig->signer, RIG_NEVER, false);
		woken_wait(&woken, size);
		hf_ledger_unfollow(follower);
		verify(rig, set, size);
	}
}

static void a_store_behind_the_signer_is_not_appended_to(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };
	char old[160], command[512];

	append(rig, set, rig_add("a"), 0);
	rig_close(rig);
	snprintf(old, sizeof(old), "%s/old", rig->home);
	snprintf(command, sizeof(command), "cp -r '%s' '%s'", rig->dir, old);
	assert_int_equal(system(command), 0);
	assert_ok(rig_reopen(rig, &why), &why);
	append(rig, set, rig_add("b"), 1);
	rig_close(rig);
	rig->options.dir = old;
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(rig_append_one(rig, set, rig_add("B"), NULL, &why),
			 HF_E_CONFLICT);
	assert_non_null(strstr(why.text, "old copy"));
	assert_int_equal(info_of(rig, set).unsigned_count, 0);
}

/* A file that takes all the room there is but some. */
static void fill_disk(const char *path, size_t leave_bytes)
{
	static uint8_t block[64 << 10];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	off_t size = 0;
	ssize_t wrote;

	assert_true(fd >= 0);
	while ((wrote = write(fd, block, sizeof(block))) > 0)
		size += wrote;
	assert_true(size > (off_t)leave_bytes);
	assert_int_equal(ftruncate(fd, size - (off_t)leave_bytes), 0);
	close(fd);
}

static void a_full_disk_loses_nothing_acknowledged(void **state)
{
	struct rig *rig = *state;
	char small[80], filler[96];
	struct hf_why why = { "" };
	uint64_t appended = 0;
	enum hf_err err;
	uint32_t set;

	/* The mount goes away with this process's name space. */
	snprintf(small, sizeof(small), "%s/small", rig->home);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mkdir(small, 0700) != 0 ||
	    mount("small", small, "tmpfs", 0, "size=8m") != 0) {
		print_message("skipped: mounting a small disk needs root: %s\n",
			      strerror(errno));
		skip();
	}
	snprintf(rig->dir, sizeof(rig->dir), "%s/ledger", small);
	snprintf(filler, sizeof(filler), "%s/filler", small);
	set = own_set(rig);
	append(rig, set, rig_add("first"), appended++);
	fill_disk(filler, 1 << 20);
	do {
		err = rig_append_many(rig, set, appended, 100, &why);
		appended += err == HF_OK ? 100 : 0;
	} while (err == HF_OK);
	if (err != HF_E_FULL)
		fail_msg("%s: %s", hf_err_name(err), why.text);
	assert_int_equal(unlink(filler), 0);
	/* Entries that were durable before their note was not are signed. */
	do {
		err = rig_append_one(rig, set, rig_add("last"), NULL, &why);
	} while (err == HF_E_UNAVAILABLE || err == HF_E_FULL);
	assert_ok(err, &why);
	assert_true(info_of(rig, set).size > appended);
	assert_ok(rig_reopen(rig, &why), &why);
	verify(rig, set, info_of(rig, set).size);
	rig_close(rig);
	assert_int_equal(umount(small), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_full_queue_says_so_at_once),
		RIG_TEST(while_the_signer_is_away_nothing_is_acknowledged),
		RIG_TEST(what_was_committed_is_signed_after_a_restart),
		RIG_TEST(a_store_behind_the_signer_is_not_appended_to),
		RIG_TEST(a_full_disk_loses_nothing_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
