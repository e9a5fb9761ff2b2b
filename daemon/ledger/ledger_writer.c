#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "thread.h"

#include "ledger_impl.h"

/* What one transaction takes of the queue: enough to make the sync cheap,
 * little enough that LMDB keeps its dirty pages in memory. */
#define GROUP_BYTES ((size_t)32 << 20)
#define GROUP_JOBS  ((size_t)16384)

/* How long a group waits for more at most. */
#define GATHER_MAX_US 500

void hf_ledger_job_fail(struct job *job, enum hf_err err, const char *format,
			...)
{
	va_list args;

	job->err = err;
	va_start(args, format);
	vsnprintf(job->why.text, sizeof(job->why.text), format, args);
	va_end(args);
}

static void job_free(struct job *job)
{
	if (job->kind->free != NULL)
		job->kind->free(job);
	else
		free(job);
}

/* Tell the caller, and be done with it. */
static void job_end(struct job *job)
{
	if (job->done.call != NULL)
		job->done.call(job->done.arg, job->err, &job->receipt,
			       &job->why);
	job_free(job);
}

static void jobs_end(struct job *jobs)
{
	while (jobs != NULL) {
		struct job *next = jobs->next;

		job_end(jobs);
		jobs = next;
	}
}

static void jobs_fail(struct job *jobs, enum hf_err err,
		      const struct hf_why *why)
{
	for (struct job *job = jobs; job != NULL; job = job->next) {
		if (job->err == HF_OK) {
			job->err = err;
			job->why = *why;
		}
	}
	jobs_end(jobs);
}

/*
 * The queue.
 */

enum hf_err hf_ledger_queue(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	const struct hf_ledger_options *options = &ledger->options;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&ledger->lock);
	if (ledger->is_stopping)
		err = hf_why(why, HF_E_UNAVAILABLE, "ledger: closing");
	else if (ledger->queue_jobs >= options->queue_jobs_max ||
		 (ledger->queue_jobs > 0 &&
		  ledger->queue_bytes + job->bytes > options->queue_bytes_max))
		err = hf_why(why, HF_E_BUSY, "ledger: %zu writes are waiting",
			     ledger->queue_jobs);
	if (err == HF_OK) {
		job->next = NULL;
		*ledger->queue_tail = job;
		ledger->queue_tail = &job->next;
		ledger->queue_jobs++;
		ledger->queue_bytes += job->bytes;
		ledger->queue_appends += job->appends;
	}
	pthread_mutex_unlock(&ledger->lock);
	/* Not under the lock: the writer would wake only to wait for it. */
	if (err == HF_OK)
		pthread_cond_signal(&ledger->work);
	return err;
}

enum hf_err hf_ledger_queue_and_wait(struct hf_ledger *ledger, struct job *job,
				     struct hf_ledger_receipt *out_receipt,
				     struct hf_why *why)
{
	struct hf_ledger_wait *wait;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK) {
		free(job);
		return err;
	}
	job->done = hf_ledger_wait_done(wait);
	err = hf_ledger_queue(ledger, job, why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, out_receipt, why);
	else
		free(job);
	hf_ledger_wait_free(wait);
	return err;
}

/* Until there is work, or a set that could not be signed is to be tried
 * again.  False when the ledger closes and nothing is left. */
static bool work_wait(struct hf_ledger *ledger)
{
	const struct timespec until = hf_clock_moment(
		hf_clock_mono_us() + (uint64_t)SIGNER_RETRY_MS * 1000);

	while (ledger->queue == NULL && !ledger->is_stopping) {
		if (!ledger->has_backlog)
			pthread_cond_wait(&ledger->work, &ledger->lock);
		else if (pthread_cond_timedwait(&ledger->work, &ledger->lock,
						&until) == ETIMEDOUT)
			break;
	}
	return ledger->queue != NULL || !ledger->is_stopping;
}

/* Clients that wait for their acknowledgement come back all at once when they
 * get it.  Who takes the first one and runs leaves the others to wait for two
 * groups: wait for as many as there were, but only a small part of the time
 * that a group takes. */
static void gather(struct hf_ledger *ledger)
{
	uint64_t patience_us = ledger->group_us / 8;
	struct timespec until;

	if (patience_us > GATHER_MAX_US)
		patience_us = GATHER_MAX_US;
	until = hf_clock_moment(hf_clock_mono_us() + patience_us);
	while (ledger->queue != NULL &&
	       ledger->queue_jobs < ledger->expected_jobs &&
	       !ledger->is_stopping)
		if (pthread_cond_timedwait(&ledger->work, &ledger->lock,
					   &until) == ETIMEDOUT)
			break;
	ledger->expected_jobs = 0;
}

static bool group_take(struct hf_ledger *ledger, struct job **out_jobs)
{
	struct job *jobs, *last = NULL;
	size_t count = 0, bytes = 0;
	bool is_open, is_idle;

	pthread_mutex_lock(&ledger->lock);
	is_idle = ledger->queue == NULL && !ledger->is_stopping;
	pthread_mutex_unlock(&ledger->lock);
	if (is_idle)
		hf_store_write_ahead(ledger->store);
	pthread_mutex_lock(&ledger->lock);
	is_open = work_wait(ledger);
	gather(ledger);
	jobs = ledger->queue;
	for (struct job *job = jobs; job != NULL && count < GROUP_JOBS &&
				     (count == 0 || bytes < GROUP_BYTES);
	     job = job->next) {
		last = job;
		count++;
		bytes += job->bytes;
		ledger->queue_appends -= job->appends;
	}
	if (last != NULL) {
		ledger->queue = last->next;
		last->next = NULL;
		if (ledger->queue == NULL)
			ledger->queue_tail = &ledger->queue;
		ledger->queue_jobs -= count;
		ledger->queue_bytes -= bytes;
	}
	pthread_mutex_unlock(&ledger->lock);
	*out_jobs = jobs;
	return is_open;
}

/*
 * One transaction.
 */

struct set_state *hf_ledger_stage(struct hf_ledger *ledger, struct set *set)
{
	if (!set->is_staged) {
		set->staged = set->state;
		set->is_staged = true;
		set->is_note_new = false;
		set->next_staged = ledger->staged;
		ledger->staged = set;
	}
	return &set->staged;
}

static enum hf_err marks_store(struct hf_ledger *ledger, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (struct set *set = ledger->staged; set != NULL && err == HF_OK;
	     set = set->next_staged) {
		struct hf_ledger_key key = hf_ledger_key_set(set->id);
		uint8_t bytes[HF_LEDGER_MARKS_MAX], before[HF_LEDGER_MARKS_MAX];
		size_t len = hf_ledger_marks_encode(&set->staged.marks, bytes);

		/* A note changes none: a page less to write. */
		if (!set->is_new &&
		    hf_ledger_marks_encode(&set->state.marks, before) == len &&
		    memcmp(bytes, before, len) == 0)
			continue;
		err = hf_store_put(ledger->txn, TABLE_MARKS,
				   hf_ledger_key_span(&key),
				   hf_span(bytes, len), why);
	}
	return err;
}

static enum hf_err pending_store(struct hf_ledger *ledger, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (struct set *set = ledger->pending; set != NULL && err == HF_OK;
	     set = set->next_pending) {
		hf_ledger_stage(ledger, set);
		set->is_note_new = !set->is_slipped;
		err = hf_ledger_note_store(ledger, set, HF_LEDGER_NOTE,
					   &set->pending, why);
	}
	return err;
}

static void pending_drop(struct hf_ledger *ledger)
{
	while (ledger->pending != NULL) {
		struct set *set = ledger->pending;

		ledger->pending = set->next_pending;
		free(set->pending.note);
		set->pending.note = NULL;
	}
	ledger->has_unslipped = false;
}

/* They are in the store: no slip is newer. */
static void pending_settle(struct hf_ledger *ledger)
{
	for (struct set *set = ledger->pending; set != NULL;
	     set = set->next_pending) {
		if (!set->is_slipped)
			hf_ledger_slips_forget(ledger, set);
	}
	pending_drop(ledger);
}

/* Undo what the transaction did in memory. */
static void staged_drop(struct hf_ledger *ledger)
{
	while (ledger->staged != NULL) {
		struct set *set = ledger->staged;

		ledger->staged = set->next_staged;
		set->is_staged = false;
		if (set->tail != NULL)
			hf_ledger_tail_drop(set->tail);
		if (!set->is_new)
			continue;
		pthread_mutex_lock(&ledger->lock);
		ledger->sets_count--;
		pthread_mutex_unlock(&ledger->lock);
		hf_ledger_set_free(set);
	}
}

static enum hf_err group_try(struct hf_ledger *ledger, struct job *jobs,
			     struct hf_why *why)
{
	enum hf_err err;

	err = hf_store_write_begin(ledger->store, &ledger->txn, why);
	if (err != HF_OK)
		return err;
	err = pending_store(ledger, why);
	for (struct job *job = jobs; job != NULL && err == HF_OK;
	     job = job->next) {
		job->err = HF_OK;
		err = job->kind->run(ledger, job, why);
	}
	if (err == HF_OK)
		err = marks_store(ledger, why);
	if (err == HF_OK)
		return hf_store_commit(ledger->txn, why);
	hf_store_abort(ledger->txn);
	return err;
}

/* The notes that are pending and the jobs, in one transaction: all or
 * nothing.  In memory the sets are staged until group_publish(). */
static enum hf_err group_write(struct hf_ledger *ledger, struct job *jobs,
			       struct hf_why *why)
{
	enum hf_err err;

	if (jobs == NULL && ledger->pending == NULL)
		return HF_OK;
	do {
		err = group_try(ledger, jobs, why);
		ledger->txn = NULL;
		if (err != HF_OK)
			staged_drop(ledger);
	} while (err == HF_E_FULL && hf_store_should_repeat(ledger->store));
	pthread_mutex_lock(&ledger->lock);
	ledger->stats.is_failing = err != HF_OK;
	if (err != HF_OK && why != NULL)
		ledger->stats.failed_why = *why;
	pthread_mutex_unlock(&ledger->lock);
	return err;
}

/*
 * After a commit.
 */

void hf_ledger_publish(struct hf_ledger *ledger, struct set *set,
		       bool has_new_note)
{
	uint64_t size = set->kind == HF_LEDGER_OWN ? set->state.note_size
						   : set->state.marks.stored;
	bool is_frozen = set->state.marks.frozen_reason[0] != '\0';
	bool is_news;

	pthread_mutex_lock(&ledger->lock);
	is_news = has_new_note || size != set->published ||
		  is_frozen != set->is_frozen;
	set->published = size;
	set->stored = set->state.marks.stored;
	set->is_frozen = is_frozen;
	pthread_mutex_unlock(&ledger->lock);
	if (is_news && !set->has_news) {
		set->has_news = true;
		set->next_news = ledger->news;
		ledger->news = set;
	}
}

/* What was staged holds.  Sets that need a signature are returned as a list
 * (next_staged), those with news become one, for news_tell(). */
static struct set *group_publish(struct hf_ledger *ledger)
{
	struct set *to_sign = NULL;

	pending_settle(ledger);
	while (ledger->staged != NULL) {
		struct set *set = ledger->staged;
		/* A payload came late, or is lost: news, at the same size. */
		bool is_filled =
			set->state.marks.missing != set->staged.marks.missing;

		ledger->staged = set->next_staged;
		set->is_staged = false;
		set->is_new = false;
		set->state = set->staged;
		hf_ledger_publish(ledger, set, set->is_note_new || is_filled);
		if (set_is_unsigned(set) || set->is_refresh_due) {
			set->next_staged = to_sign;
			to_sign = set;
		}
	}
	return to_sign;
}

/* Followers have work to do then, and cores are few: whoever waits for an
 * acknowledgement is told before them. */
static void news_tell(struct hf_ledger *ledger)
{
	while (ledger->news != NULL) {
		struct set *set = ledger->news;

		ledger->news = set->next_news;
		set->has_news = false;
		hf_ledger_wake(ledger, set->id, set->published);
	}
}

static void awaiting_add(struct hf_ledger *ledger, struct job *job)
{
	job->next = ledger->awaiting;
	ledger->awaiting = job;
	ledger->awaiting_appends += job->appends;
}

/* The notes are stored: acknowledge, in the order of arrival. */
static void awaiting_end(struct hf_ledger *ledger)
{
	struct job *jobs = NULL;
	size_t count = 0;

	while (ledger->awaiting != NULL) {
		struct job *job = ledger->awaiting;

		count++;

		ledger->awaiting = job->next;
		job->next = jobs;
		jobs = job;
		job->receipt.size = job->set->state.note_size;
	}
	ledger->awaiting_appends = 0;
	pthread_mutex_lock(&ledger->lock);
	ledger->expected_jobs = count > 0 ? ledger->queue_jobs + count : 0;
	pthread_mutex_unlock(&ledger->lock);
	jobs_end(jobs);
}

/* No signature for this set: whoever waits for one learns why. */
static void awaiting_fail(struct hf_ledger *ledger, const struct set *set)
{
	struct job **at = &ledger->awaiting;

	while (*at != NULL) {
		struct job *job = *at;

		if (job->set != set && job->teller != set) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		ledger->awaiting_appends -= job->appends;
		job->err = set->signer_err;
		job->why = set->signer_why;
		job_end(job);
	}
}

/* Jobs whose transaction is on disk. */
static void group_settle(struct hf_ledger *ledger, struct job *jobs)
{
	uint64_t appended = 0;

	while (jobs != NULL) {
		struct job *job = jobs;

		jobs = job->next;
		if (job->kind->settle != NULL)
			job->kind->settle(ledger, job);
		if (job->err == HF_OK)
			appended += job->receipt.is_repeat ? 0 : job->appends;
		if (job->err == HF_OK && job->wants_note)
			awaiting_add(ledger, job);
		else
			job_end(job);
	}
	pthread_mutex_lock(&ledger->lock);
	ledger->stats.commits++;
	ledger->stats.appended += appended;
	pthread_mutex_unlock(&ledger->lock);
}

static void sets_sign(struct hf_ledger *ledger, struct set *sets)
{
	while (sets != NULL) {
		struct set *turn[HF_LEDGER_SIGNED_AT_ONCE];
		size_t count = 0;

		for (; sets != NULL && count < HF_LEDGER_SIGNED_AT_ONCE;
		     sets = sets->next_staged)
			turn[count++] = sets;
		if (hf_ledger_sign_together(ledger, turn, count))
			continue;
		for (size_t i = 0; i < count; i++)
			if (hf_ledger_sign(ledger, turn[i]) != HF_OK)
				awaiting_fail(ledger, turn[i]);
	}
}

/* Try again what could not be signed. */
static void backlog_sign(struct hf_ledger *ledger)
{
	ledger->has_backlog = false;
	for (uint32_t id = 1; id <= ledger->sets_count; id++) {
		struct set *set = ledger->sets[id];

		if (set_is_unsigned(set) &&
		    hf_ledger_sign(ledger, set) != HF_OK)
			ledger->has_backlog = true;
	}
}

/* Storing the notes together with the next entries saves a sync, but makes
 * those who wait for the notes wait for the entries too: worth it only when
 * more is waiting there than here. */
static bool is_worth_waiting(struct hf_ledger *ledger)
{
	bool is_worth;

	pthread_mutex_lock(&ledger->lock);
	is_worth = ledger->queue_appends >= ledger->awaiting_appends &&
		   ledger->queue_appends > 0;
	pthread_mutex_unlock(&ledger->lock);
	return is_worth;
}

/* Nobody can be told of the notes that are pending.  The entries are durable
 * and the signer has signed; what is missing is our copy of the note, for
 * which the signer is asked again. */
static void notes_fail(struct hf_ledger *ledger, enum hf_err err,
		       const struct hf_why *why)
{
	struct job *jobs = ledger->awaiting;

	pending_drop(ledger);
	ledger->has_backlog = true;
	ledger->awaiting = NULL;
	ledger->awaiting_appends = 0;
	jobs_fail(jobs, err, why);
}

/* Make the pending notes durable by themselves: as slips or, where that cannot
 * be, in the store. */
static void notes_finish(struct hf_ledger *ledger)
{
	struct hf_why why = { "" };
	enum hf_err err = hf_ledger_notes_slip(ledger, &why);

	if (err != HF_OK) {
		err = group_write(ledger, NULL, &why);
		if (err == HF_OK)
			group_publish(ledger);
	}
	if (err == HF_OK)
		awaiting_end(ledger);
	else
		notes_fail(ledger, err, &why);
	news_tell(ledger);
}

/* At the end: what the next entries would have taken along. */
static void notes_store(struct hf_ledger *ledger)
{
	enum hf_err err;

	if (ledger->has_unslipped)
		notes_finish(ledger);
	if (ledger->pending == NULL)
		return;
	err = group_write(ledger, NULL, NULL);
	/* Where that fails, the slips have them. */
	if (err == HF_OK)
		group_publish(ledger);
}

static void group_do(struct hf_ledger *ledger, struct job *jobs)
{
	uint64_t begun_us = hf_clock_mono_us();
	struct hf_why why = { "" };
	enum hf_err err;

	if (ledger->has_backlog)
		backlog_sign(ledger);
	err = group_write(ledger, jobs, &why);
	if (err == HF_OK) {
		struct set *to_sign = group_publish(ledger);

		awaiting_end(ledger);
		group_settle(ledger, jobs);
		news_tell(ledger);
		sets_sign(ledger, to_sign);
	} else {
		for (struct job *job = jobs; job != NULL; job = job->next)
			job->receipt.is_told = false;
		jobs_fail(jobs, err, &why);
	}
	if (ledger->has_unslipped &&
	    (err != HF_OK || !is_worth_waiting(ledger)))
		notes_finish(ledger);
	ledger->group_us = hf_clock_mono_us() - begun_us;
}

static void *writer_main(void *arg)
{
	struct hf_ledger *ledger = arg;
	struct job *jobs;

	hf_thread_name("ledger-writer");
	while (group_take(ledger, &jobs))
		group_do(ledger, jobs);
	notes_store(ledger);
	return NULL;
}

enum hf_err hf_ledger_writer_start(struct hf_ledger *ledger, struct hf_why *why)
{
	int rc = pthread_create(&ledger->writer, NULL, writer_main, ledger);

	if (rc != 0) {
		errno = rc;
		return hf_why_errno(why, "ledger: start the writer");
	}
	return HF_OK;
}

void hf_ledger_writer_stop(struct hf_ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	ledger->is_stopping = true;
	pthread_cond_signal(&ledger->work);
	pthread_mutex_unlock(&ledger->lock);
	pthread_join(ledger->writer, NULL);
}
