#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "roles.h"
#include "thread.h"

#include "cases_in.h"

/* How soon what could not be done is tried again, at first and at last, and how
 * often the keys and
 * clocks are looked at when nothing asks for it. */
#define AGAIN_MS      1000
#define AGAIN_MOST_MS 8000
#define TICK_MS       60000

/* How long a caller waits for the first reading of the ledger. */
#define CAUGHT_UP_MS ((uint64_t)5000)

uint64_t hf_cases_now(const struct hf_cases *cases)
{
	return cases->options.now_ms != NULL
		       ? cases->options.now_ms(cases->options.arg)
		       : hf_clock_wall_ms();
}

void hf_cases_lock(struct hf_cases *cases)
{
	struct hf_cases_lock *lock = &cases->lock;
	uint64_t turn;

	pthread_mutex_lock(&lock->gate);
	turn = lock->given++;
	while (lock->served != turn)
		pthread_cond_wait(&lock->next, &lock->gate);
	pthread_mutex_unlock(&lock->gate);
}

void hf_cases_unlock(struct hf_cases *cases)
{
	struct hf_cases_lock *lock = &cases->lock;

	pthread_mutex_lock(&lock->gate);
	lock->served++;
	pthread_cond_broadcast(&lock->next);
	pthread_mutex_unlock(&lock->gate);
}

/* Ask for one more turn; its number. */
static uint64_t ask(struct hf_cases *cases, bool looks_at_keys)
{
	uint64_t turn;

	pthread_mutex_lock(&cases->news_lock);
	turn = ++cases->asked;
	cases->must_look_at_keys |= looks_at_keys;
	pthread_cond_signal(&cases->news);
	pthread_mutex_unlock(&cases->news_lock);
	return turn;
}

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	ask(arg, false);
}

/* On the thread of the roles, and whose directories change. */
static void on_roles(void *arg)
{
	ask(arg, false);
}

void hf_cases_look(struct hf_cases *cases)
{
	ask(cases, false);
}

void hf_cases_wake(struct hf_cases *cases)
{
	if (cases != NULL)
		ask(cases, true);
}

enum hf_err hf_cases_settle(struct hf_cases *cases, struct hf_why *why)
{
	uint64_t turn = ask(cases, true);
	enum hf_err err;

	pthread_mutex_lock(&cases->news_lock);
	while (cases->done < turn && !cases->must_stop)
		pthread_cond_wait(&cases->looked, &cases->news_lock);
	err = cases->done < turn ? HF_E_UNAVAILABLE : cases->done_err;
	if (err != HF_OK)
		hf_why(why, err, "cases: %s",
		       cases->done < turn ? "stopped" : cases->done_why.text);
	pthread_mutex_unlock(&cases->news_lock);
	return err;
}

enum hf_err hf_cases_signer_err(enum hf_err err)
{
	return err == HF_E_NOTFOUND || err == HF_E_UNSUPPORTED ||
			       err == HF_E_CONFLICT
		       ? HF_E_UNAVAILABLE
		       : err;
}

bool hf_cases_is_caught_up(struct hf_cases *cases)
{
	bool is;

	pthread_mutex_lock(&cases->news_lock);
	is = cases->is_caught_up;
	pthread_mutex_unlock(&cases->news_lock);
	return is;
}

static bool must_stop(struct hf_cases *cases)
{
	bool stop;

	pthread_mutex_lock(&cases->news_lock);
	stop = cases->must_stop;
	pthread_mutex_unlock(&cases->news_lock);
	return stop;
}

/* True once what the ledger had at the start is read, false when that takes
 * longer than a caller waits. */
static bool wait_caught_up(struct hf_cases *cases)
{
	uint64_t until_us = hf_clock_mono_us() + CAUGHT_UP_MS * 1000;
	const struct timespec until = hf_clock_moment(until_us);

	/* Where it cannot be read now, waiting helps nobody. */
	while (!cases->is_caught_up && !cases->must_stop &&
	       cases->done_err == HF_OK && hf_clock_mono_us() < until_us)
		pthread_cond_timedwait(&cases->looked, &cases->news_lock,
				       &until);
	return cases->is_caught_up;
}

enum hf_err hf_cases_wait_ready(struct hf_cases *cases, struct hf_why *why)
{
	bool is_ready;

	pthread_mutex_lock(&cases->news_lock);
	is_ready = wait_caught_up(cases);
	if (!is_ready)
		hf_why(why, HF_E_UNAVAILABLE,
		       "the cases are still being read%s%s",
		       cases->done_err != HF_OK ? ": " : "; try again",
		       cases->done_err != HF_OK ? cases->done_why.text : "");
	pthread_mutex_unlock(&cases->news_lock);
	return is_ready ? HF_OK : HF_E_UNAVAILABLE;
}

enum hf_err hf_cases_enter(struct hf_cases *cases, struct hf_why *why)
{
	enum hf_err err = hf_cases_wait_ready(cases, why);

	if (err == HF_OK)
		hf_cases_lock(cases);
	return err;
}

/* Under the lock. */
static void tell(struct hf_cases *cases)
{
	if (cases->has_changed && cases->options.changed != NULL)
		cases->options.changed(cases->options.arg);
	cases->has_changed = false;
}

void hf_cases_leave(struct hf_cases *cases)
{
	tell(cases);
	hf_cases_unlock(cases);
	ask(cases, false);
}

bool hf_cases_give_way(struct hf_cases *cases)
{
	tell(cases);
	hf_cases_unlock(cases);
	hf_cases_lock(cases);
	return !must_stop(cases);
}

static void note_caught_up(struct hf_cases *cases)
{
	pthread_mutex_lock(&cases->news_lock);
	cases->is_caught_up = true;
	pthread_cond_broadcast(&cases->looked);
	pthread_mutex_unlock(&cases->news_lock);
}

/* All there is, a little of every set at a time. */
static enum hf_err take_all(struct hf_cases *cases, struct hf_why *why)
{
	bool has_more = true, goes_on = true;
	enum hf_err err = HF_OK;

	while (has_more && goes_on) {
		err = hf_cases_take_some(cases, &has_more, why);
		goes_on = hf_cases_give_way(cases);
	}
	if (err == HF_OK && goes_on)
		note_caught_up(cases);
	return err;
}

/* One failure keeps nothing else from being done; the first is told. */
static void also(enum hf_err *err, enum hf_err then, struct hf_why *why,
		 const struct hf_why *said)
{
	if (*err == HF_OK && then != HF_OK)
		*err = hf_why(why, then, "%s", said->text);
}

/* Everything there is to do, under the lock. */
static enum hf_err work(struct hf_cases *cases, bool must_look_at_keys,
			struct hf_why *why)
{
	struct hf_why said = { "" };
	enum hf_err err = take_all(cases, why);

	hf_case_ahead_look(cases, err);
	/* Whoever asks for that may have enrolled somebody. */
	if (must_look_at_keys)
		also(&err, hf_cases_read_later(cases, &said), why, &said);
	also(&err, hf_cases_refold_powers(cases, &said), why, &said);
	also(&err, hf_cases_check_rules(cases, &said), why, &said);
	if (hf_cases_now(cases) >= cases->next_due_ms)
		also(&err, hf_cases_mind_clocks(cases, &said), why, &said);
	also(&err, hf_cases_do_all(cases, &said), why, &said);
	if (must_look_at_keys)
		also(&err, hf_cases_announce_keys(cases, &said), why, &said);
	/* What was announced is an entry of our own. */
	if (err == HF_OK && must_look_at_keys)
		err = take_all(cases, why);
	tell(cases);
	return err;
}

/* How long to sleep: until the first clock, at most a tick; what has to be
 * tried again waits longer each time. */
static uint64_t sleep_ms(struct hf_cases *cases, bool must_try_again)
{
	uint64_t now_ms = hf_cases_now(cases), due_ms = cases->next_due_ms;
	uint64_t most_ms = TICK_MS;

	if (!must_try_again)
		cases->again_ms = 0;
	else if (cases->again_ms == 0)
		cases->again_ms = AGAIN_MS;
	else if (cases->again_ms < AGAIN_MOST_MS)
		cases->again_ms *= 2;
	if (must_try_again && cases->again_ms < most_ms)
		most_ms = cases->again_ms;
	if (due_ms <= now_ms)
		return must_try_again ? most_ms : 1;
	return due_ms - now_ms < most_ms ? due_ms - now_ms : most_ms;
}

/* What a turn begins with. */
struct turn {
	uint64_t number;
	bool must_look_at_keys;
	bool has_put_off;
	struct hf_why why;
};

static void begin_turn(struct hf_cases *cases, struct turn *turn)
{
	pthread_mutex_lock(&cases->news_lock);
	turn->number = cases->asked;
	turn->must_look_at_keys = cases->must_look_at_keys;
	cases->must_look_at_keys = false;
	pthread_mutex_unlock(&cases->news_lock);
	turn->why.text[0] = '\0';
}

/* Say how it ended, and sleep. */
static void end_turn(struct hf_cases *cases, const struct turn *turn,
		     enum hf_err err, uint64_t most_ms)
{
	uint64_t until_us = hf_clock_mono_us() + most_ms * 1000;
	const struct timespec until = hf_clock_moment(until_us);

	pthread_mutex_lock(&cases->news_lock);
	cases->done = turn->number;
	cases->done_err =
		err == HF_OK && turn->has_put_off ? HF_E_UNAVAILABLE : err;
	cases->done_why = turn->why;
	/* What was not done is not forgotten. */
	cases->must_look_at_keys |= err != HF_OK && turn->must_look_at_keys;
	pthread_cond_broadcast(&cases->looked);
	while (cases->asked == turn->number && !cases->must_stop &&
	       hf_clock_mono_us() < until_us)
		pthread_cond_timedwait(&cases->news, &cases->news_lock, &until);
	pthread_mutex_unlock(&cases->news_lock);
}

/* After so long of it. */
#define TELL_PUT_OFF_MS ((uint64_t)5000)

/* What goes wrong, each once: what is put off once it has been for a while. */
struct told {
	bool has_failed;
	bool has_put_off;
	uint64_t put_off_us; /* since when; 0: it is not */
};

static void tell_wrong(const struct turn *turn, enum hf_err err,
		       struct told *told)
{
	uint64_t now_us = hf_clock_mono_us();

	if (!turn->has_put_off)
		told->has_put_off = false;
	if (!turn->has_put_off || told->put_off_us == 0)
		told->put_off_us = turn->has_put_off ? now_us : 0;
	if (err != HF_OK && !told->has_failed)
		hf_log(HF_LOG_ERROR, "cases", "work stopped",
		       "err=%s why=\"%s\"", hf_err_name(err), turn->why.text);
	told->has_failed = err != HF_OK;
	if (err != HF_OK || !turn->has_put_off || told->has_put_off ||
	    now_us - told->put_off_us < TELL_PUT_OFF_MS * 1000)
		return;
	hf_log(HF_LOG_WARNING, "cases", "tasks wait", "why=\"%s\"",
	       turn->why.text);
	told->has_put_off = true;
}

static void *run(void *arg)
{
	struct hf_cases *cases = arg;
	struct told told = { .has_failed = false };
	uint64_t keys_us = 0;

	hf_thread_name("cases");
	while (!must_stop(cases)) {
		struct turn turn;
		uint64_t rest_ms;
		enum hf_err err;

		begin_turn(cases, &turn);
		turn.must_look_at_keys |= hf_clock_mono_us() >= keys_us;
		hf_cases_lock(cases);
		err = work(cases, turn.must_look_at_keys, &turn.why);
		turn.has_put_off = cases->must_try_again;
		if (err == HF_OK && turn.has_put_off)
			turn.why = cases->put_off;
		rest_ms = sleep_ms(cases, err != HF_OK || turn.has_put_off);
		tell_wrong(&turn, err, &told);
		hf_cases_unlock(cases);
		if (err == HF_OK && turn.must_look_at_keys)
			keys_us = hf_clock_mono_us() + (uint64_t)TICK_MS * 1000;
		end_turn(cases, &turn, err, rest_ms);
	}
	return NULL;
}

static void free_cases(struct hf_cases *cases)
{
	hf_case_ahead_free(cases);
	hf_ledger_wait_free(cases->wait);
	for (size_t i = 0; i < HF_CASES_TOGETHER; i++)
		hf_ledger_wait_free(cases->waits[i]);
	hf_store_close(cases->names);
	hf_store_close(cases->views);
	pthread_cond_destroy(&cases->looked);
	pthread_cond_destroy(&cases->news);
	pthread_mutex_destroy(&cases->news_lock);
	pthread_mutex_destroy(&cases->found_lock);
	pthread_mutex_destroy(&cases->ahead_lock);
	pthread_cond_destroy(&cases->lock.next);
	pthread_mutex_destroy(&cases->lock.gate);
	free(cases);
}

static void init_locks(struct hf_cases *cases)
{

	pthread_mutex_init(&cases->lock.gate, NULL);
	pthread_cond_init(&cases->lock.next, NULL);
	pthread_mutex_init(&cases->found_lock, NULL);
	pthread_mutex_init(&cases->ahead_lock, NULL);
	pthread_mutex_init(&cases->news_lock, NULL);
	hf_clock_cond_init(&cases->news);
	hf_clock_cond_init(&cases->looked);
}

static enum hf_err make_waits(struct hf_cases *cases, struct hf_why *why)
{
	enum hf_err err = hf_ledger_wait_new(&cases->wait, why);

	for (size_t i = 0; i < HF_CASES_TOGETHER && err == HF_OK; i++)
		err = hf_ledger_wait_new(&cases->waits[i], why);
	return err;
}

enum hf_err hf_cases_start(const struct hf_cases_options *options,
			   struct hf_cases **out_cases, struct hf_why *why)
{
	struct hf_cases *cases = calloc(1, sizeof(*cases));
	enum hf_err err;

	if (cases == NULL)
		return hf_why(why, HF_E_NOMEM, "cases: no memory");
	cases->options = *options;
	cases->is_behind = true;
	init_locks(cases);
	err = hf_case_store_open(options->dir, options->views_map_bytes,
				 &cases->views, why);
	if (err == HF_OK)
		err = hf_case_names_open(options->names_dir, &cases->names,
					 why);
	if (err == HF_OK)
		err = make_waits(cases, why);
	if (err == HF_OK)
		err = hf_cases_drafts_load(cases, why);
	if (err == HF_OK)
		err = hf_ledger_follow(options->ledger, HF_LEDGER_ALL_SETS, 0,
				       on_wake, cases, &cases->follower, why);
	if (err == HF_OK) {
		hf_roles_watch(options->roles, on_roles, cases);
		errno = pthread_create(&cases->thread, NULL, run, cases);
		if (errno == 0) {
			*out_cases = cases;
			return HF_OK;
		}
		err = hf_why_errno(why, "cases: start a thread");
		hf_roles_watch(options->roles, NULL, cases);
		hf_ledger_unfollow(cases->follower);
	}
	free_cases(cases);
	return err;
}

void hf_cases_halt(struct hf_cases *cases)
{
	if (cases == NULL || cases->follower == NULL)
		return;
	hf_roles_watch(cases->options.roles, NULL, cases);
	hf_ledger_unfollow(cases->follower);
	cases->follower = NULL;
	pthread_mutex_lock(&cases->news_lock);
	cases->must_stop = true;
	pthread_cond_signal(&cases->news);
	pthread_cond_broadcast(&cases->looked);
	pthread_mutex_unlock(&cases->news_lock);
	pthread_join(cases->thread, NULL);
}

void hf_cases_free(struct hf_cases *cases)
{
	if (cases == NULL)
		return;
	hf_cases_halt(cases);
	free_cases(cases);
}

enum hf_err hf_cases_sizes(struct hf_cases *cases, hf_size_each *each,
			   void *arg, struct hf_why *why)
{
	return hf_store_sizes(cases->views, each, arg, why);
}
