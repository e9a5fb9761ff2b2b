#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "duty.h"

#include "case_show.h"
#include "client_watch.h"
#include "show_json.h"
#include "watch_run.h"

#define SECOND_US        ((uint64_t)1000 * 1000)
#define RETRY_FIRST_US   SECOND_US
#define RETRY_MOST_US    (600 * SECOND_US)
#define CONNECT_FIRST_US (SECOND_US / 4)
#define CONNECT_MOST_US  (30 * SECOND_US)
#define GRACE_US         (10 * SECOND_US) /* for runs, once we shall end */
#define KILL_US          (5 * SECOND_US)  /* after SIGTERM to them */
#define REST_MS          1000             /* for what a run left behind */
#define WAITING_MOST     64               /* cases that did not fail */
#define NEVER            UINT64_MAX

struct run {
	const struct hf_watch_options *options;
	struct hf_watch_state *state;
	struct hf_client *client;
	struct hf_client_watch *watch; /* NULL: not connected */
	struct hf_arena arena;         /* of one answer */
	int signal_fd;
	int wake_fd;
	unsigned running;
	unsigned connect_failures;
	uint64_t connect_at_us;
	bool is_marked; /* all that was there was said */
	bool is_stopping;
	uint64_t term_at_us; /* when runs that go on get SIGTERM, SIGKILL */
	uint64_t kill_at_us;
};

/* first, twice that, ... up to most. */
static uint64_t pause_us(unsigned failures, uint64_t first, uint64_t most)
{
	uint64_t pause = first;

	for (unsigned i = 1; i < failures && pause < most; i++)
		pause *= 2;
	return pause < most ? pause : most;
}

/* ---- what is said ---- */

static json_t *object_of(const struct hf_watch_cases_response *response,
			 enum hf_watch_why reason)
{
	json_t *object = hf_case_json(response->summary);

	json_object_set_new(object, "why",
			    json_string(hf_watch_why_word(reason)));
	return object;
}

/* What the hook reads; the caller frees it. */
static char *input_of(struct run *run, const struct hf_watch_case *is)
{
	struct hf_watch_cases_response response;
	struct hf_span wire = hf_span(is->now.text, is->now.text_len_bytes);
	json_t *object;
	char *text, *made;

	hf_arena_reset(&run->arena);
	if (hf_watch_cases_response_parse(wire, &run->arena, &response, NULL) !=
		    HF_OK ||
	    response.summary == NULL)
		return NULL;
	object = object_of(&response, is->now.reason);
	/* The first of begun is the run that is about to start. */
	json_object_set_new(object, "repeat", json_boolean(is->now.begun > 1));
	json_object_set_new(object, "run", hf_json_number(is->now.begun));
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text == NULL || asprintf(&made, "%s\n", text) < 0)
		made = NULL;
	free(text);
	return made;
}

static void complain_case(const struct hf_watch_case *is, const char *sentence)
{
	fprintf(stderr, "hashfed: case %.12s: %s\n", is->case_id, sentence);
}

/* ---- the daemon ---- */

static bool may_pass(enum hf_err err)
{
	switch (err) {
	case HF_E_UNAVAILABLE:
	case HF_E_CANCELLED:
	case HF_E_DEADLINE:
	case HF_E_BUSY:
	case HF_E_INTERNAL:
	case HF_E_FULL:
	case HF_E_QUOTA:
		return true;
	default:
		return false;
	}
}

static void disconnect(struct run *run)
{
	hf_client_watch_end(run->watch);
	hf_client_close(run->client);
	run->watch = NULL;
	run->client = NULL;
}

/* The daemon is away: come back later, unless waiting mends nothing. */
static enum hf_err lost(struct run *run, enum hf_err err, struct hf_why *why)
{
	disconnect(run);
	if (!may_pass(err) || run->options->is_once)
		return err;
	if (run->connect_failures++ == 0)
		fprintf(stderr, "hashfed: %s; waiting for it\n", why->text);
	run->connect_at_us = hf_clock_mono_us() +
			     pause_us(run->connect_failures, CONNECT_FIRST_US,
				      CONNECT_MOST_US);
	return HF_OK;
}

static enum hf_err connect_now(struct run *run, struct hf_why *why)
{
	const struct hf_watch_cases_request request = {
		.position = { run->state->position,
			      run->state->position_len_bytes },
		.only_new = run->options->from_now &&
			    run->state->position_len_bytes == 0,
	};
	enum hf_err err = hf_cmd_connect(run->options->cmd, HF_DUTY_ANALYST,
					 &run->client, why);

	if (err == HF_OK)
		err = hf_client_watch_begin(run->client, &request, run->wake_fd,
					    &run->watch, why);
	return err == HF_OK ? HF_OK : lost(run, err, why);
}

static enum hf_err take_answer(struct run *run,
			       const struct hf_watch_cases_response *response,
			       struct hf_why *why)
{
	enum hf_err err;

	if (run->connect_failures > 0) {
		fprintf(stderr, "hashfed: the daemon is back\n");
		run->connect_failures = 0;
	}
	run->is_marked |= response->is_mark;
	if (run->options->hook != NULL)
		return hf_watch_state_take(run->state, response, why);
	if (response->summary != NULL && !response->is_mark) {
		err = hf_json_line(
			object_of(response, hf_watch_why_of(response)), why);
		if (err != HF_OK)
			return err;
		if (fflush(stdout) != 0)
			return hf_why_errno(why, "write to standard output");
	}
	/* Only where to go on from, should the daemon go away. */
	memcpy(run->state->position, response->position.at,
	       response->position.len_bytes);
	run->state->position_len_bytes = response->position.len_bytes;
	return HF_OK;
}

/* Few that wait, so that the file stays small; but those that failed do not
 * stop the others. */
static bool has_room(const struct run *run)
{
	size_t waiting = 0;

	if (run->state->count >= HF_WATCH_CASES_MAX)
		return false;
	for (size_t i = 0; i < run->state->count; i++)
		waiting += !run->state->cases[i]->has_failed;
	return waiting < WAITING_MOST + run->options->jobs;
}

static bool wants_more(const struct run *run)
{
	return run->watch != NULL && !run->is_stopping && has_room(run) &&
	       !(run->is_marked && run->options->is_once);
}

static enum hf_err take_answers(struct run *run, struct hf_why *why)
{
	while (wants_more(run)) {
		struct hf_watch_cases_response response;
		enum hf_err err;

		hf_arena_reset(&run->arena);
		err = hf_client_watch_take(run->watch, &run->arena, &response,
					   why);
		if (err == HF_E_NOTFOUND)
			return HF_OK;
		if (err != HF_OK)
			return lost(run, err, why);
		err = take_answer(run, &response, why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

/* ---- the hook ---- */

static void say_failed(const struct run *run, struct hf_watch_case *is,
		       const char *how)
{
	char text[160];
	uint64_t pause = pause_us(is->failures, RETRY_FIRST_US, RETRY_MOST_US);

	if (run->options->is_once) {
		is->not_before_us = NEVER;
		snprintf(text, sizeof(text), "the hook %s; again next time",
			 how);
	} else {
		is->not_before_us = hf_clock_mono_us() + pause;
		snprintf(text, sizeof(text), "the hook %s; again in %llu s",
			 how, (unsigned long long)(pause / SECOND_US));
	}
	complain_case(is, text);
	if (run->state->count == HF_WATCH_CASES_MAX)
		fprintf(stderr,
			"hashfed: the hook fails for %d cases: nothing more "
			"is taken until it does not\n",
			HF_WATCH_CASES_MAX);
}

static void failed(struct run *run, struct hf_watch_case *is, const char *how)
{
	hf_watch_state_failed(run->state, is);
	/* What waited behind it goes at once: it is no retry. */
	if (is->now.begun > 0)
		say_failed(run, is, how);
	else
		complain_case(is, "the hook failed, and there is a newer "
				  "change");
}

static void ended(struct run *run, struct hf_watch_case *is, int status)
{
	char how[64];

	run->running--;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		hf_watch_state_done(run->state, is);
		return;
	}
	if (WIFEXITED(status))
		snprintf(how, sizeof(how), "ended with %d",
			 WEXITSTATUS(status));
	else
		snprintf(how, sizeof(how), "was ended by signal %d",
			 WTERMSIG(status));
	failed(run, is, how);
}

/* End what a run started and left behind.  What left its group as well is
 * waited for a little, and then let go. */
static void end_rest(const struct hf_watch_case *is)
{
	struct pollfd end = { .fd = is->end_fd, .events = POLLIN };

	(void)kill(-is->pid, SIGKILL);
	(void)poll(&end, 1, REST_MS);
}

/* Has this run ended?  One that did not end well takes with it what it started:
 * the next run for its case must not meet that. */
static bool has_ended(const struct hf_watch_case *is, int *out_status)
{
	siginfo_t info = { .si_pid = 0 };

	/* Its group cannot become another one before it is waited for. */
	if (waitid(P_PID, (id_t)is->pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
		    0 ||
	    info.si_pid == 0)
		return false;
	if (info.si_code != CLD_EXITED || info.si_status != 0)
		end_rest(is);
	close(is->end_fd);
	return waitpid(is->pid, out_status, 0) > 0;
}

static void reap(struct run *run)
{
	/* From the end: a case that is done leaves the list. */
	for (size_t i = run->state->count; i > 0; i--) {
		struct hf_watch_case *is = run->state->cases[i - 1];
		int status;

		if (is->pid > 0 && has_ended(is, &status))
			ended(run, is, status);
	}
}

static bool is_due(const struct hf_watch_case *is, uint64_t now_us)
{
	return is->pid == 0 && is->not_before_us <= now_us;
}

/* Count the runs that are about to begin; the file has to know before. */
static void choose(struct run *run)
{
	uint64_t now_us = hf_clock_mono_us();
	unsigned chosen = run->running;

	for (size_t i = 0; i < run->state->count && chosen < run->options->jobs;
	     i++) {
		struct hf_watch_case *is = run->state->cases[i];

		if (!is_due(is, now_us))
			continue;
		is->now.begun++;
		is->pid = -1;
		run->state->is_dirty = true;
		chosen++;
	}
}

static enum hf_err start_one(struct run *run, struct hf_watch_case *is,
			     struct hf_why *why)
{
	char *text = input_of(run, is);
	enum hf_err err;

	if (text == NULL)
		err = hf_why(why, HF_E_NOMEM, "no memory for a case");
	else
		err = hf_watch_hook_start(run->options->hook, is->case_id,
					  hf_watch_why_word(is->now.reason),
					  hf_span_of(text), &is->pid,
					  &is->end_fd, why);
	free(text);
	return err;
}

static void start_chosen(struct run *run)
{
	for (size_t i = 0; i < run->state->count; i++) {
		struct hf_watch_case *is = run->state->cases[i];
		struct hf_why why = { "" };

		if (is->pid != -1)
			continue;
		if (start_one(run, is, &why) == HF_OK) {
			run->running++;
			continue;
		}
		complain_case(is, why.text);
		failed(run, is, "could not be started");
	}
}

static enum hf_err work_hook(struct run *run, struct hf_why *why)
{
	enum hf_err err;

	reap(run);
	if (!run->is_stopping)
		choose(run);
	if (run->state->is_dirty) {
		err = hf_watch_state_save(run->state, run->options->state_path,
					  why);
		if (err != HF_OK)
			return err;
	}
	start_chosen(run);
	return HF_OK;
}

/* ---- ending ---- */

static void signal_runs(const struct run *run, int number)
{
	for (size_t i = 0; i < run->state->count; i++) {
		if (run->state->cases[i]->pid > 0)
			(void)kill(-run->state->cases[i]->pid, number);
	}
}

/* The first signal lets runs end, the second ends them. */
static void stop(struct run *run)
{
	uint64_t now_us = hf_clock_mono_us();

	run->term_at_us = run->is_stopping ? now_us : now_us + GRACE_US;
	run->kill_at_us = run->term_at_us + KILL_US;
	run->is_stopping = true;
	disconnect(run);
}

static void press(struct run *run)
{
	uint64_t now_us = hf_clock_mono_us();

	if (!run->is_stopping)
		return;
	if (run->kill_at_us <= now_us) {
		signal_runs(run, SIGKILL);
		run->kill_at_us = run->term_at_us = NEVER;
	} else if (run->term_at_us <= now_us) {
		signal_runs(run, SIGTERM);
		run->term_at_us = NEVER;
	}
}

static void read_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signal_fd, &info, sizeof(info)) ==
	       (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			stop(run);
	}
}

static bool is_over(const struct run *run)
{
	uint64_t now_us = hf_clock_mono_us();

	if (run->running > 0)
		return false;
	if (run->is_stopping)
		return true;
	if (!run->options->is_once ||
	    (!run->is_marked && run->state->count < HF_WATCH_CASES_MAX))
		return false;
	for (size_t i = 0; i < run->state->count; i++) {
		if (is_due(run->state->cases[i], now_us))
			return false;
	}
	return true;
}

/* ---- waiting ---- */

static uint64_t next_us(const struct run *run)
{
	uint64_t next = NEVER;

	if (run->is_stopping)
		return run->term_at_us < run->kill_at_us ? run->term_at_us
							 : run->kill_at_us;
	if (run->watch == NULL && !(run->options->is_once && run->is_marked))
		next = run->connect_at_us;
	if (run->running >= run->options->jobs)
		return next;
	for (size_t i = 0; i < run->state->count; i++) {
		const struct hf_watch_case *is = run->state->cases[i];

		if (is->pid == 0 && is->not_before_us < next)
			next = is->not_before_us;
	}
	return next;
}

static void wait_for_something(struct run *run)
{
	struct pollfd fds[2] = { { .fd = run->signal_fd, .events = POLLIN },
				 { .fd = run->wake_fd, .events = POLLIN } };
	uint64_t now_us = hf_clock_mono_us(), next = next_us(run), count;
	int timeout_ms = -1;

	if (next <= now_us)
		timeout_ms = 0;
	else if (next != NEVER)
		timeout_ms = (int)((next - now_us) / 1000) + 1;
	/* What is not taken now still makes the eventfd readable. */
	if (!wants_more(run))
		fds[1].fd = -1;
	if (poll(fds, 2, timeout_ms) <= 0)
		return;
	if ((fds[1].revents & POLLIN) != 0 &&
	    read(run->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	if ((fds[0].revents & POLLIN) != 0)
		read_signals(run);
}

/* One turn: take, work, and see whether it is over. */
static enum hf_err turn(struct run *run, bool *out_is_over, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (run->watch == NULL && !run->is_stopping &&
	    run->connect_at_us <= hf_clock_mono_us())
		err = connect_now(run, why);
	if (err == HF_OK)
		err = take_answers(run, why);
	if (err == HF_OK && run->options->hook != NULL)
		err = work_hook(run, why);
	press(run);
	*out_is_over = is_over(run);
	return err;
}

/* Something that no waiting mends: let the runs end, and keep what they did. */
static void wind_up(struct run *run)
{
	struct hf_why why = { "" };

	if (!run->is_stopping)
		stop(run);
	while (run->running > 0) {
		wait_for_something(run);
		reap(run);
		press(run);
	}
	if (run->options->hook != NULL && run->state->is_dirty &&
	    hf_watch_state_save(run->state, run->options->state_path, &why) !=
		    HF_OK)
		fprintf(stderr, "hashfed: %s\n", why.text);
}

static enum hf_err open_fds(struct run *run, sigset_t *before,
			    struct hf_why *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, before);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return hf_why_errno(why, "signalfd");
	run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->wake_fd < 0)
		return hf_why_errno(why, "eventfd");
	return HF_OK;
}

enum hf_err hf_watch_run(const struct hf_watch_options *options,
			 struct hf_why *why)
{
	struct run run = { .options = options,
			   .state = options->state,
			   .signal_fd = -1,
			   .wake_fd = -1 };
	bool is_finished = false;
	sigset_t before;
	enum hf_err err = open_fds(&run, &before, why);

	hf_arena_init(&run.arena, HF_UNPACK_MAX_BYTES);
	while (err == HF_OK && !is_finished) {
		err = turn(&run, &is_finished, why);
		if (err == HF_OK && !is_finished)
			wait_for_something(&run);
	}
	if (run.signal_fd >= 0 && run.wake_fd >= 0)
		wind_up(&run);
	disconnect(&run);
	hf_arena_release(&run.arena);
	if (run.wake_fd >= 0)
		close(run.wake_fd);
	if (run.signal_fd >= 0)
		close(run.signal_fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}
