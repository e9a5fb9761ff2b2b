#include "unit.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include "ledger_pair.h"

/* Kills in each way. */
#define KILLS 100

/* Appends in flight in the child. */
#define FLIGHT 8

/* Appends of one child: it may be killed late, and the book has an end. */
#define APPENDS_MOST 160

/* What the child says about an append once it is acknowledged. */
struct told {
	uint64_t sequence;
	uint64_t index;
};

static void text_of(uint64_t sequence, char out[32])
{
	snprintf(out, 32, "sequence %llu", (unsigned long long)sequence);
}

static enum hf_err append_sequence(struct rig *rig, uint32_t set,
				   uint64_t sequence,
				   struct hf_ledger_done done)
{
	char text[32];
	struct hf_ledger_draft draft;
	struct hf_ledger_batch batch = { .set = set,
					 .id = { 1 },
					 .sequence = sequence,
					 .drafts = &draft,
					 .drafts_count = 1 };

	text_of(sequence, text);
	draft = rig_add(text);
	draft.record = hf_span_of(text);
	return hf_ledger_append(rig->ledger, &batch, done, NULL);
}

struct flight {
	int out;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t in_flight;
};

struct leg {
	struct flight *flight;
	uint64_t sequence;
};

static void on_acknowledged(void *arg, enum hf_err err,
			    const struct hf_ledger_receipt *receipt,
			    const struct hf_why *why)
{
	struct leg *leg = arg;
	struct flight *flight = leg->flight;
	struct told told = { leg->sequence, receipt->first };

	if (err == HF_OK &&
	    write(flight->out, &told, sizeof(told)) != sizeof(told))
		_exit(5);
	free(leg);
	pthread_mutex_lock(&flight->lock);
	flight->in_flight--;
	pthread_cond_signal(&flight->changed);
	pthread_mutex_unlock(&flight->lock);
}

/* Append from a sequence on, and wait for the end; the signer may die on the
 * way. */
static void append_until_killed(struct rig *rig, uint64_t sequence, int out)
{
	struct flight flight = { out, PTHREAD_MUTEX_INITIALIZER,
				 PTHREAD_COND_INITIALIZER, 0 };
	uint32_t set;

	/* Not without end when the test itself is gone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (hf_ledger_open(&rig->options, &rig->ledger, NULL) != HF_OK ||
	    hf_ledger_create(rig->ledger, HF_LEDGER_OWN, BYTES(ORIGIN), &set,
			     NULL) != HF_OK)
		_exit(3);
	for (int i = 0; i < APPENDS_MOST; i++, sequence++) {
		struct leg *leg = malloc(sizeof(*leg));
		struct hf_ledger_done done = { on_acknowledged, leg };

		if (leg == NULL)
			_exit(4);
		*leg = (struct leg){ &flight, sequence };
		pthread_mutex_lock(&flight.lock);
		while (flight.in_flight >= FLIGHT)
			pthread_cond_wait(&flight.changed, &flight.lock);
		flight.in_flight++;
		pthread_mutex_unlock(&flight.lock);
		if (append_sequence(rig, set, sequence, done) != HF_OK)
			_exit(4);
	}
	for (;;)
		pause();
}

/* What was acknowledged over all kills: index by sequence. */
struct book {
	uint64_t index[16384];
	uint64_t count; /* sequences below this were tried */
	uint64_t acknowledged;
};

/* Let a child append until it dies; kill it after so many acknowledgements
 * unless it does so itself. */
static void run_and_kill(struct rig *rig, struct book *book, uint64_t after)
{
	uint64_t heard = 0;
	struct told told;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		append_until_killed(rig, book->count, ends[1]);
	}
	close(ends[1]);
	while (read(ends[0], &told, sizeof(told)) == sizeof(told)) {
		assert_true(told.sequence < ROWS(book->index) - FLIGHT);
		book->index[told.sequence] = told.index;
		book->acknowledged++;
		if (told.sequence >= book->count)
			book->count = told.sequence + 1;
		if (++heard == after)
			kill(pid, SIGKILL);
	}
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	/* What was in flight may be there or not: it is not used again. */
	book->count += FLIGHT + 1;
}

static void book_check(struct rig *rig, uint32_t set, const struct book *book)
{
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	struct hf_span record;
	uint64_t found = 0;

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	for (uint64_t i = 0; i < book->count; i++) {
		char text[32];

		if (book->index[i] == HF_LEDGER_NONE)
			continue;
		text_of(i, text);
		assert_ok(hf_ledger_entry(view, set, book->index[i], &entry,
					  &why),
			  &why);
		assert_true(hf_span_is(entry.payload, text));
		assert_ok(hf_ledger_record(view, set, book->index[i], &record,
					   &why),
			  &why);
		assert_true(hf_span_is(record, text));
		found++;
	}
	hf_ledger_view_end(view);
	assert_int_equal(found, book->acknowledged);
}

/* Open it again: what was acknowledged is there, what was committed becomes
 * signed, a retry finds its index, and all of it adds up. */
static void come_back(struct rig *rig, const struct book *book)
{
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_ledger_check check;
	struct hf_ledger_info info;
	struct hf_why why = { "" };
	uint64_t last = book->count;
	uint32_t set;

	set = own_set(rig);
	assert_ok(hf_ledger_refresh(rig->ledger, set,
				    hf_ledger_wait_done(rig->wait), &why),
		  &why);
	assert_ok(hf_ledger_wait_for(rig->wait, NULL, &why), &why);
	info = info_of(rig, set);
	assert_int_equal(info.unsigned_count, 0);
	assert_ok(hf_ledger_verify(rig->ledger, set, NULL, &check, &why), &why);
	assert_int_equal(check.entries, info.size);
	assert_int_equal(check.payloads, info.size);
	assert_true(info.size >= book->acknowledged);
	book_check(rig, set, book);
	while (last > 0 && book->index[last - 1] == HF_LEDGER_NONE)
		last--;
	if (last > 0) {
		assert_ok(append_sequence(rig, set, last - 1,
					  hf_ledger_wait_done(rig->wait)),
			  &why);
		assert_ok(hf_ledger_wait_for(rig->wait, &receipt, &why), &why);
		assert_true(receipt.is_repeat);
		assert_int_equal(receipt.first, book->index[last - 1]);
	}
	rig_close(rig);
}

static void nothing_acknowledged_is_lost_to_a_kill(void **state)
{
	static const enum rig_step steps[] = { RIG_NEVER, RIG_BEFORE_RECORD,
					       RIG_AFTER_RECORD };
	struct rig *rig = *state;
	struct book *book = test_calloc(1, sizeof(*book));
	struct hf_why why = { "" };

	assert_ok(rig_reopen(rig, &why), &why);
	rig_close(rig);
	memset(book->index, 0xff, sizeof(book->index));
	for (int i = 0; i < KILLS; i++) {
		rig->signer.dies_at = steps[i % 3];
		rig->signer.dies_in = i % 7;
		run_and_kill(rig, book, 1 + (uint64_t)(i * 13 % 40));
		rig->signer.dies_at = RIG_NEVER;
		come_back(rig, book);
	}
	print_message("%d kills, %llu acknowledgements\n", KILLS,
		      (unsigned long long)book->acknowledged);
	test_free(book);
}

/* Fetch from where the subscriber is, and say how far it got. */
static void sync_until_killed(struct pair *pair, uint64_t size, int out)
{
	struct hf_ledger_info info;
	uint64_t at;

	if (rig_reopen(&pair->from, NULL) != HF_OK ||
	    rig_reopen(&pair->to, NULL) != HF_OK ||
	    rig_info(&pair->to, pair->foreign, &info, NULL) != HF_OK ||
	    see(pair, info.seen_size, size, NULL) != HF_OK)
		_exit(3);
	for (at = info.size; at < size; at = hf_ledger_piece_end(at, size)) {
		uint64_t end = hf_ledger_piece_end(at, size);

		if (send(pair, at, size, NO_HARM, NULL) != HF_OK ||
		    write(out, &end, sizeof(end)) != sizeof(end))
			_exit(4);
	}
	_exit(0);
}

static void a_killed_subscriber_goes_on_where_it_was(void **state)
{
	const uint64_t size = 5000;
	struct pair *pair = *state;
	struct hf_why why = { "" };
	uint64_t told, heard = 0, held = 0;
	int status = -1;

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, size, &why), &why);
	for (int i = 0; i < 30 && held < size; i++) {
		int ends[2], after = i % 3;
		pid_t pid;

		rig_close(&pair->from);
		rig_close(&pair->to);
		assert_int_equal(pipe(ends), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(ends[0]);
			sync_until_killed(pair, size, ends[1]);
		}
		close(ends[1]);
		while (read(ends[0], &told, sizeof(told)) == sizeof(told)) {
			assert_true(told > heard);
			heard = told;
			if (after-- == 0)
				kill(pid, SIGKILL);
		}
		close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_ok(rig_reopen(&pair->to, &why), &why);
		/* It may have been killed between storing and telling. */
		held = info_of(&pair->to, pair->foreign).size;
		assert_true(held >= heard);
		verify(&pair->to, pair->foreign, held);
	}
	assert_int_equal(held, size);
	assert_int_equal(info_of(&pair->to, pair->foreign).note_size, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(nothing_acknowledged_is_lost_to_a_kill),
		PAIR_TEST(a_killed_subscriber_goes_on_where_it_was),
	};

	/* Torture has its own way of stopping a program, tested elsewhere; here
	 * it would only make children die of something else. */
	if (getenv("HF_FAIL_ALLOC") != NULL)
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
