#include "unit.h"

#include <sys/wait.h>

#include "ledger_steps.h"

#define TELLER "hotline.example/audit/1"

/* What goes along in these tests tells where the batch stands. */
static enum hf_err tell_place(void *arg,
			      const struct hf_ledger_receipt *receipt,
			      struct hf_buf *out, struct hf_why *why)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu+%llu",
		 (unsigned long long)receipt->first,
		 (unsigned long long)receipt->count);
	hf_buf_put_text(out, text);
	return HF_OK;
}

static enum hf_err tell_nothing(void *arg,
				const struct hf_ledger_receipt *receipt,
				struct hf_buf *out, struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "cannot say it");
}

struct pair_of_sets {
	uint32_t set;
	uint32_t teller;
};

static struct pair_of_sets two_sets(struct rig *rig)
{
	struct pair_of_sets two = { own_set(rig), 0 };
	struct hf_why why = { "" };

	assert_ok(hf_ledger_create(rig->ledger, HF_LEDGER_OWN, BYTES(TELLER),
				   &two.teller, &why),
		  &why);
	return two;
}

/* One entry, with an id where sequence is not 0, and what goes along. */
static enum hf_err try(struct rig *rig, uint32_t set, uint64_t sequence,
		       const struct hf_ledger_along *along,
		       struct hf_ledger_receipt *out, struct hf_why *why)
{
	const struct hf_ledger_draft draft = rig_add("an entry");
	const struct hf_ledger_batch batch = { .set = set,
					       .id = { sequence > 0 },
					       .sequence = sequence,
					       .drafts = &draft,
					       .drafts_count = 1,
					       .along = along };

	return rig_append(rig, &batch, out, why);
}

static struct hf_ledger_along told_in(uint32_t teller)
{
	return (struct hf_ledger_along){ .tell = tell_place,
					 .set = teller,
					 .time_ms = 1700000000000 };
}

static void payload_is(struct rig *rig, uint32_t set, uint64_t index,
		       const char *want)
{
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_entry(view, set, index, &entry, &why), &why);
	if (!hf_span_is(entry.payload, want))
		fail_msg("entry %llu: '%.*s', not '%s'",
			 (unsigned long long)index,
			 (int)entry.payload.len_bytes,
			 (const char *)entry.payload.at, want);
	hf_ledger_view_end(view);
}

/* "" for none. */
static void intent_is(struct rig *rig, uint64_t number, const char *want)
{
	struct hf_ledger_view *view;
	struct hf_span intent = BYTES("");
	struct hf_why why = { "" };
	enum hf_err err;

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	err = hf_ledger_record(view, HF_LEDGER_INTENTS, number, &intent, &why);
	assert_int_equal(err, want[0] == '\0' ? HF_E_NOTFOUND : HF_OK);
	assert_true(hf_span_is(intent, want));
	hf_ledger_view_end(view);
}

static void an_entry_and_the_one_that_tells_of_it_come_together(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	const struct hf_ledger_along along = told_in(two.teller);
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	append(rig, two.set, rig_add("before"), 0);
	append(rig, two.teller, rig_about(HF_OP_STATUS, HF_LEDGER_SELF, "s"),
	       0);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_ok(try(rig, two.set, 0, &along, &receipt, &why), &why);
		assert_int_equal(receipt.first, i);
		assert_true(receipt.is_told);
	}
	for (int round = 0; round < 2; round++) {
		verify(rig, two.set, 4);
		verify(rig, two.teller, 4);
		assert_int_equal(info_of(rig, two.teller).size, 4);
		payload_is(rig, two.teller, 1, "1+1");
		payload_is(rig, two.teller, 3, "3+1");
		assert_ok(rig_reopen(rig, &why), &why);
	}
}

static void a_repeated_batch_is_told_of_again(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	const struct hf_ledger_along along = told_in(two.teller);
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	assert_ok(try(rig, two.set, 7, NULL, &receipt, &why), &why);
	assert_true(!receipt.is_repeat);
	assert_ok(try(rig, two.set, 7, &along, &receipt, &why), &why);
	assert_true(receipt.is_repeat && receipt.is_told);
	verify(rig, two.set, 1);
	verify(rig, two.teller, 1);
	payload_is(rig, two.teller, 0, "0+1");
}

static void what_cannot_be_told_of_is_not_done(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	struct hf_ledger_along along = told_in(two.teller);
	const struct hf_ledger_along itself = told_in(two.set);
	struct hf_ledger_along mute = told_in(two.teller);
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	mute.tell = tell_nothing;
	assert_int_equal(try(rig, two.set, 1, &mute, &receipt, &why),
			 HF_E_NOMEM);
	assert_non_null(strstr(why.text, "cannot say it"));
	assert_int_equal(try(rig, two.set, 1, &itself, &receipt, &why),
			 HF_E_ARGUMENT);
	along.set = 99;
	assert_int_equal(try(rig, two.set, 1, &along, &receipt, &why),
			 HF_E_NOTFOUND);
	along.set = two.teller;
	assert_ok(hf_ledger_freeze(rig->ledger, two.teller, "forked", &why),
		  &why);
	assert_int_equal(try(rig, two.set, 1, &along, &receipt, &why),
			 HF_E_FROZEN);
	assert_non_null(strstr(why.text, TELLER));
	assert_int_equal(info_of(rig, two.set).size, 0);
	/* None of these was remembered as done. */
	assert_ok(hf_ledger_freeze(rig->ledger, two.teller, "", &why), &why);
	assert_ok(try(rig, two.set, 1, &along, &receipt, &why), &why);
	assert_true(!receipt.is_repeat);
	verify(rig, two.set, 1);
	verify(rig, two.teller, 1);
}

static void what_is_refused_is_not_told_of(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	struct hf_ledger_along along = told_in(two.teller);
	const struct hf_ledger_draft other = rig_add("another entry");
	const struct hf_ledger_batch conflict = { .set = two.set,
						  .id = { 1 },
						  .sequence = 1,
						  .drafts = &other,
						  .drafts_count = 1,
						  .along = &along };
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	along.keep = 5;
	assert_ok(try(rig, two.set, 1, NULL, &receipt, &why), &why);
	assert_int_equal(rig_append(rig, &conflict, &receipt, &why),
			 HF_E_CONFLICT);
	verify(rig, two.set, 1);
	verify(rig, two.teller, 0);
	intent_is(rig, 5, "");
}

static void an_intent_is_there_until_it_is_told(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	const struct hf_ledger_along begun = { .tell = tell_place, .keep = 41 };
	const struct hf_ledger_along over = { .tell = tell_place,
					      .set = two.teller,
					      .forget = 41 };
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	assert_ok(try(rig, two.set, 0, &begun, &receipt, &why), &why);
	assert_true(receipt.is_told);
	assert_ok(rig_reopen(rig, &why), &why);
	intent_is(rig, 41, "0+1");
	intent_is(rig, 40, "");
	verify(rig, two.teller, 0);
	assert_ok(try(rig, two.set, 0, &over, &receipt, &why), &why);
	intent_is(rig, 41, "");
	/* And of one that is gone already. */
	assert_ok(try(rig, two.set, 0, &over, &receipt, &why), &why);
	assert_ok(rig_reopen(rig, &why), &why);
	intent_is(rig, 41, "");
	verify(rig, two.teller, 2);
}

/* What the caller was told, with is_told in it. */
struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_over;
	bool is_told;
	enum hf_err err;
};

static void on_over(void *arg, enum hf_err err,
		    const struct hf_ledger_receipt *receipt,
		    const struct hf_why *why)
{
	struct outcome *outcome = arg;

	pthread_mutex_lock(&outcome->lock);
	outcome->is_over = true;
	outcome->is_told = receipt->is_told;
	outcome->err = err;
	pthread_cond_signal(&outcome->changed);
	pthread_mutex_unlock(&outcome->lock);
}

static void a_signer_that_is_away_leaves_both_or_neither(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	const struct hf_ledger_along along = told_in(two.teller);
	const struct hf_ledger_draft draft = rig_add("an entry");
	const struct hf_ledger_batch batch = { .set = two.set,
					       .drafts = &draft,
					       .drafts_count = 1,
					       .along = &along };
	struct outcome outcome = { PTHREAD_MUTEX_INITIALIZER,
				   PTHREAD_COND_INITIALIZER, false, false,
				   HF_OK };
	const struct hf_ledger_done done = { on_over, &outcome };
	struct hf_why why = { "" };

	append(rig, two.set, rig_add("before"), 0);
	/* Durable, not signed: told of, and the caller is not answered. */
	rig_set(&rig->signer, RIG_BEFORE_RECORD, false);
	for (int round = 0; round < 2; round++) {
		outcome.is_over = false;
		assert_ok(hf_ledger_append(rig->ledger, &batch, done, &why),
			  &why);
		pthread_mutex_lock(&outcome.lock);
		while (!outcome.is_over)
			pthread_cond_wait(&outcome.changed, &outcome.lock);
		pthread_mutex_unlock(&outcome.lock);
		assert_int_equal(outcome.err, HF_E_UNAVAILABLE);
		/* The second one is refused before it is stored. */
		assert_int_equal(outcome.is_told, round == 0);
	}
	rig_set(&rig->signer, RIG_NEVER, false);
	assert_ok(rig_reopen(rig, &why), &why);
	append(rig, two.set, rig_add("after"), 2);
	append(rig, two.teller, rig_about(HF_OP_STATUS, HF_LEDGER_SELF, "s"),
	       1);
	payload_is(rig, two.teller, 0, "1+1");
	verify(rig, two.set, 3);
	verify(rig, two.teller, 2);
}

/* Each entry is told of once, in the order in which they stand. */
static void told_once_in_order(struct rig *rig, struct pair_of_sets two)
{
	uint64_t size = info_of(rig, two.set).size;

	verify(rig, two.set, size);
	verify(rig, two.teller, size);
	for (uint64_t i = 0; i < size; i++) {
		char want[32];

		snprintf(want, sizeof(want), "%llu+1", (unsigned long long)i);
		payload_is(rig, two.teller, i, want);
	}
}

static uint64_t turns_of(struct rig *rig, uint64_t *out_signed)
{
	uint64_t turns;

	pthread_mutex_lock(&rig->signer.lock);
	turns = rig->signer.turns_count;
	*out_signed = rig->signer.signed_count;
	pthread_mutex_unlock(&rig->signer.lock);
	return turns;
}

static void both_sets_are_signed_in_one_turn_where_that_can_be(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two;
	struct hf_ledger_along along;
	struct hf_why why = { "" };

	for (int together = 0; together < 2; together++) {
		uint64_t turns, before, now;

		rig->options.signer.checkpoints =
			together ? rig_checkpoints : NULL;
		assert_ok(rig_reopen(rig, &why), &why);
		two = two_sets(rig);
		along = told_in(two.teller);
		/* The empty sets are signed before this, too. */
		assert_ok(try(rig, two.set, 0, &along, NULL, &why), &why);
		turns = turns_of(rig, &before);
		for (int i = 0; i < 5; i++)
			assert_ok(try(rig, two.set, 0, &along, NULL, &why),
				  &why);
		turns = turns_of(rig, &now) - turns;
		assert_int_equal(now - before, 10);
		assert_int_equal(turns, together ? 5 : 10);
	}
	told_once_in_order(rig, two);
}

/* What one set is refused for is not held against the other. */
static void a_set_that_cannot_be_signed_does_not_stop_the_other(void **state)
{
	struct rig *rig = *state;
	struct pair_of_sets two;
	struct hf_ledger_along along;
	struct rig_record ahead = { TELLER, 1000, { { 1 } } };
	struct hf_why why = { "" };
	int fd;

	rig->options.signer.checkpoints = rig_checkpoints;
	two = two_sets(rig);
	along = told_in(two.teller);
	assert_ok(try(rig, two.set, 0, &along, NULL, &why), &why);
	/* The signer says that it has signed more of the teller. */
	fd = rig_record_open(&rig->signer);
	assert_int_equal(
		pwrite(fd, &ahead, sizeof(ahead), (off_t)sizeof(ahead)),
		sizeof(ahead));
	close(fd);
	assert_int_equal(try(rig, two.set, 0, &along, NULL, &why), HF_E_PROOF);
	append(rig, two.set, rig_add("goes on"), 2);
	verify(rig, two.set, 3);
}

#define KILLS 40

/* Append until the signer kills us. */
static void append_until_killed(struct rig *rig, int dies_in,
				enum rig_step where)
{
	struct pair_of_sets two;
	struct hf_ledger_along along;

	rig->options.signer.checkpoints =
		dies_in % 2 == 0 ? rig_checkpoints : NULL;
	rig->signer.dies_at = where;
	rig->signer.dies_in = dies_in;
	if (hf_ledger_open(&rig->options, &rig->ledger, NULL) != HF_OK ||
	    hf_ledger_create(rig->ledger, HF_LEDGER_OWN, BYTES(ORIGIN),
			     &two.set, NULL) != HF_OK ||
	    hf_ledger_create(rig->ledger, HF_LEDGER_OWN, BYTES(TELLER),
			     &two.teller, NULL) != HF_OK)
		_exit(3);
	along = told_in(two.teller);
	for (;;)
		(void)!try(rig, two.set, 0, &along, NULL, NULL);
}

static void kills_leave_no_entry_untold(void **state)
{
	static const enum rig_step places[] = { RIG_BEFORE_RECORD,
						RIG_AFTER_RECORD };
	struct rig *rig = *state;
	struct pair_of_sets two = two_sets(rig);
	const struct hf_ledger_along along = told_in(two.teller);
	struct hf_why why = { "" };

	for (int i = 0; i < KILLS; i++) {
		int status;
		pid_t pid;

		rig_close(rig);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			append_until_killed(rig, i / 2 % 7, places[i % 2]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
		assert_ok(rig_reopen(rig, &why), &why);
		/* What the kill left unsigned is signed before this. */
		assert_ok(try(rig, two.set, 0, &along, NULL, &why), &why);
		told_once_in_order(rig, two);
	}
	assert_true(info_of(rig, two.set).size > KILLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(an_entry_and_the_one_that_tells_of_it_come_together),
		RIG_TEST(a_repeated_batch_is_told_of_again),
		RIG_TEST(what_cannot_be_told_of_is_not_done),
		RIG_TEST(what_is_refused_is_not_told_of),
		RIG_TEST(an_intent_is_there_until_it_is_told),
		RIG_TEST(a_signer_that_is_away_leaves_both_or_neither),
		RIG_TEST(both_sets_are_signed_in_one_turn_where_that_can_be),
		RIG_TEST(a_set_that_cannot_be_signed_does_not_stop_the_other),
		RIG_TEST(kills_leave_no_entry_untold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
