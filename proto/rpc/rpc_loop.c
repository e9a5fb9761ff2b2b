#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "clock.h"
#include "thread.h"
#include "rpc_core.h"

/* Clients may be opened by several threads at once. */
static void (*_Atomic log_text)(const char *text);

static void on_log(gpr_log_func_args *args)
{
	void (*log)(const char *text) = log_text;

	if (log != NULL)
		log(args->message);
}

void hf_rpc_start(void (*log)(const char *text))
{
	/* Before grpc_init(): it logs. */
	log_text = log;
	gpr_set_log_function(on_log);
	grpc_init();
}

void hf_rpc_stop(void)
{
	grpc_shutdown();
}

/* ---- timers ---- */

void hf_rpc_timer_stop(struct hf_rpc_loop *loop, struct hf_rpc_timer *timer)
{
	if (!timer->is_armed)
		return;
	if (timer->prev != NULL)
		timer->prev->next = timer->next;
	else
		loop->timers = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	else
		loop->timers_tail = timer->prev;
	timer->prev = timer->next = NULL;
	timer->is_armed = false;
}

void hf_rpc_timer_start(struct hf_rpc_loop *loop, struct hf_rpc_timer *timer,
			int64_t delay_ms)
{
	struct hf_rpc_timer *before;

	hf_rpc_timer_stop(loop, timer);
	timer->due_us = hf_clock_mono_us() +
			(delay_ms > 0 ? (uint64_t)delay_ms * 1000 : 0);
	/* From the back: most timers are deadlines of much the same length,
	 * so a new one belongs near the end. */
	before = loop->timers_tail;
	while (before != NULL && before->due_us > timer->due_us)
		before = before->prev;
	timer->prev = before;
	timer->next = before != NULL ? before->next : loop->timers;
	if (before != NULL)
		before->next = timer;
	else
		loop->timers = timer;
	if (timer->next != NULL)
		timer->next->prev = timer;
	else
		loop->timers_tail = timer;
	timer->is_armed = true;
}

static void run_timers(struct hf_rpc_loop *loop)
{
	uint64_t now_us;

	if (loop->timers == NULL)
		return;
	now_us = hf_clock_mono_us();
	while (loop->timers != NULL && loop->timers->due_us <= now_us) {
		struct hf_rpc_timer *timer = loop->timers;

		hf_rpc_timer_stop(loop, timer);
		timer->run(timer->arg);
	}
}

static gpr_timespec until_timer(const struct hf_rpc_loop *loop)
{
	uint64_t now_us;

	if (loop->timers == NULL)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	now_us = hf_clock_mono_us();
	return gpr_time_add(
		gpr_now(GPR_CLOCK_MONOTONIC),
		gpr_time_from_micros(
			loop->timers->due_us > now_us
				? (int64_t)(loop->timers->due_us - now_us)
				: 0,
			GPR_TIMESPAN));
}

/* ---- tasks ---- */

static void ring(struct hf_rpc_loop *loop)
{
	grpc_call_error err;

	HF_RPC_HANDS_OVER(&loop->bell_tag);
	err = grpc_call_start_batch(loop->bell, NULL, 0, &loop->bell_tag, NULL);
	assert(err == GRPC_CALL_OK);
	(void)err;
}

void hf_rpc_loop_post(struct hf_rpc_loop *loop, struct hf_rpc_task *task)
{
	bool must_ring = false;

	pthread_mutex_lock(&loop->lock);
	if (!task->is_waiting) {
		task->is_waiting = true;
		task->next = NULL;
		*loop->tasks_tail = task;
		loop->tasks_tail = &task->next;
		must_ring = !loop->is_rung;
		loop->is_rung = true;
	}
	pthread_mutex_unlock(&loop->lock);
	if (must_ring)
		ring(loop);
}

static void on_bell(void *self, bool ok)
{
	struct hf_rpc_loop *loop = self;

	for (;;) {
		struct hf_rpc_task *task;

		pthread_mutex_lock(&loop->lock);
		task = loop->tasks;
		if (task == NULL) {
			loop->is_rung = false;
			pthread_mutex_unlock(&loop->lock);
			return;
		}
		loop->tasks = task->next;
		if (loop->tasks == NULL)
			loop->tasks_tail = &loop->tasks;
		task->is_waiting = false;
		pthread_mutex_unlock(&loop->lock);
		task->run(task->arg);
		/* Tasks that post each other must not starve timers. */
		run_timers(loop);
	}
}

/* ---- loops ---- */

void hf_rpc_loop_hold(struct hf_rpc_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->live_count++;
	pthread_mutex_unlock(&loop->lock);
}

void hf_rpc_loop_drop(struct hf_rpc_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	if (--loop->live_count == 0)
		pthread_cond_broadcast(&loop->idle);
	pthread_mutex_unlock(&loop->lock);
}

bool hf_rpc_loop_is_here(const struct hf_rpc_loop *loop)
{
	return pthread_equal(loop->thread, pthread_self()) != 0;
}

static void *loop_main(void *arg)
{
	struct hf_rpc_loop *loop = arg;

	hf_thread_name(loop->kind == HF_RPC_LOOP_WORKS ? "rpc-worker"
						       : "rpc-io");
	for (;;) {
		grpc_event event = grpc_completion_queue_next(
			loop->queue, until_timer(loop), NULL);

		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		if (event.type == GRPC_OP_COMPLETE) {
			struct hf_rpc_tag *tag = event.tag;

			HF_RPC_TAKES_OVER(tag);
			tag->run(tag->self, event.success != 0);
		}
		run_timers(loop);
	}
}

static grpc_completion_queue *queue_new(enum hf_rpc_loop_kind kind)
{
	const grpc_completion_queue_attributes attributes = {
		.version = GRPC_CQ_CURRENT_VERSION,
		.cq_completion_type = GRPC_CQ_NEXT,
		.cq_polling_type = kind == HF_RPC_LOOP_WORKS
					   ? GRPC_CQ_NON_POLLING
					   : GRPC_CQ_DEFAULT_POLLING,
	};

	return grpc_completion_queue_create(
		grpc_completion_queue_factory_lookup(&attributes), &attributes,
		NULL);
}

static void bell_make(struct hf_rpc_loop *loop)
{
	grpc_slice path = grpc_slice_from_static_string("/bell");

	loop->bell_channel = grpc_lame_client_channel_create(
		"bell", GRPC_STATUS_UNAVAILABLE, "goes nowhere");
	loop->bell = grpc_channel_create_call(
		loop->bell_channel, NULL, GRPC_PROPAGATE_DEFAULTS, loop->queue,
		path, NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	loop->bell_tag = (struct hf_rpc_tag){ on_bell, loop };
}

enum hf_err hf_rpc_loop_new(enum hf_rpc_loop_kind kind,
			    struct hf_rpc_loop **out_loop, struct hf_why *why)
{
	struct hf_rpc_loop *loop = calloc(1, sizeof(*loop));
	int rc;

	if (loop == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: loop: out of memory");
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->idle, NULL);
	loop->tasks_tail = &loop->tasks;
	loop->kind = kind;
	loop->queue = queue_new(kind);
	bell_make(loop);
	rc = pthread_create(&loop->thread, NULL, loop_main, loop);
	if (rc != 0) {
		grpc_call_unref(loop->bell);
		grpc_channel_destroy(loop->bell_channel);
		grpc_completion_queue_shutdown(loop->queue);
		(void)grpc_completion_queue_next(
			loop->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		grpc_completion_queue_destroy(loop->queue);
		pthread_cond_destroy(&loop->idle);
		pthread_mutex_destroy(&loop->lock);
		free(loop);
		return hf_why(why, HF_E_SYSTEM, "rpc: start a thread: %s",
			      strerror(rc));
	}
	*out_loop = loop;
	return HF_OK;
}

/* The last task: nothing can ring the bell after it. */
struct farewell {
	struct hf_rpc_task task;
	struct hf_rpc_loop *loop;
};

static void on_farewell(void *arg)
{
	struct farewell *farewell = arg;

	grpc_completion_queue_shutdown(farewell->loop->queue);
}

void hf_rpc_loop_free(struct hf_rpc_loop *loop)
{
	struct farewell farewell = { { .run = on_farewell, .arg = &farewell },
				     loop };

	if (loop == NULL)
		return;
	assert(!hf_rpc_loop_is_here(loop));
	pthread_mutex_lock(&loop->lock);
	while (loop->live_count != 0)
		pthread_cond_wait(&loop->idle, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
	hf_rpc_loop_post(loop, &farewell.task);
	pthread_join(loop->thread, NULL);
	grpc_call_unref(loop->bell);
	grpc_channel_destroy(loop->bell_channel);
	grpc_completion_queue_destroy(loop->queue);
	pthread_cond_destroy(&loop->idle);
	pthread_mutex_destroy(&loop->lock);
	free(loop->flat);
	free(loop);
}
