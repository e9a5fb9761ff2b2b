#include <string.h>

#include "ring.h"

#include "cases_in.h"

/* A caller that waits for the lock, on its own stack.  Who holds the lock may
 * do what it asks for; it sees that when its turn comes. */
struct hf_cases_call {
	struct hf_cases_call *next;
	const struct hf_cases_making *making;
	uint8_t key[HF_CASE_KEY_BYTES]; /* of the case */
	size_t made; /* its event in the flight; SIZE_MAX: none */
	enum hf_err err;
	struct hf_why why;
	bool is_done; /* under the lock of the cases */
};

enum hf_err
hf_cases_find_opened(struct hf_cases *cases,
		     const uint8_t request_id[static HF_EVENT_ID_BYTES],
		     uint8_t out_key[static HF_CASE_KEY_BYTES],
		     struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err == HF_OK) {
		err = hf_case_opened(view, hf_ring_self(ring)->id, request_id,
				     out_key, NULL, why);
		hf_store_view_end(view);
	}
	hf_ring_release(ring);
	return err;
}

static enum hf_err name_case(struct hf_cases *cases,
			     const struct hf_cases_made *made, uint8_t *out_key,
			     struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, made->set, &info, why);
	hf_ledger_view_end(view);
	if (err == HF_OK)
		hf_case_key(hf_span_of(info.origin), made->index, out_key);
	return err;
}

static void begin(struct hf_cases *cases, struct hf_cases_call *call,
		  struct hf_cases_flight *flight)
{
	size_t before = flight->count;

	call->err = hf_cases_find_opened(cases, call->making->event_id,
					 call->key, &call->why);
	if (call->err != HF_E_NOTFOUND)
		return;
	call->err =
		hf_cases_make_begin(cases, call->making, flight, &call->why);
	if (call->err == HF_OK)
		call->made = before;
}

static void end(struct hf_cases *cases, struct hf_cases_call *call,
		const struct hf_cases_flight *flight)
{
	if (call->made != SIZE_MAX) {
		const struct hf_cases_made *made = &flight->made[call->made];

		call->err = made->err;
		call->why = made->why;
		if (call->err == HF_OK)
			call->err =
				name_case(cases, made, call->key, &call->why);
	}
	call->is_done = true;
}

/* At most HF_CASES_TOGETHER, no event twice. */
static void serve(struct hf_cases *cases, struct hf_cases_call *const *calls,
		  size_t count)
{
	struct hf_cases_flight flight = { .count = 0 };
	struct hf_why why = { "" };
	enum hf_err err = hf_cases_catch_up(cases, &why);

	for (size_t i = 0; i < count; i++) {
		calls[i]->made = SIZE_MAX;
		calls[i]->err = err;
		calls[i]->why = why;
		if (err == HF_OK)
			begin(cases, calls[i], &flight);
	}
	hf_cases_make_end(cases, &flight);
	for (size_t i = 0; i < count; i++)
		end(cases, calls[i], &flight);
}

static enum hf_err answer(const struct hf_cases_call *call, uint8_t *out_key,
			  struct hf_why *why)
{
	if (call->err != HF_OK)
		return hf_why(why, call->err, "%s", call->why.text);
	memcpy(out_key, call->key, HF_CASE_KEY_BYTES);
	return HF_OK;
}

enum hf_err hf_cases_open_locked(struct hf_cases *cases,
				 const struct hf_cases_making *making,
				 uint8_t out_key[static HF_CASE_KEY_BYTES],
				 struct hf_why *why)
{
	struct hf_cases_call call = { .making = making };

	serve(cases, &(struct hf_cases_call *){ &call }, 1);
	return answer(&call, out_key, why);
}

/*
 * Those of many callers.
 */

static void enqueue(struct hf_cases *cases, struct hf_cases_call *call)
{
	struct hf_cases_call **last;

	pthread_mutex_lock(&cases->lock.gate);
	for (last = &cases->lock.calls; *last != NULL; last = &(*last)->next)
		;
	*last = call;
	pthread_mutex_unlock(&cases->lock.gate);
}

static bool has_event(struct hf_cases_call *const *calls, size_t count,
		      const struct hf_cases_call *call)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(calls[i]->making->event_id, call->making->event_id,
			   HF_EVENT_ID_BYTES) == 0)
			return true;
	}
	return false;
}

/* The first that wait.  The same event twice, from a caller that asks again,
 * is not made side by side: the second finds the case of the first. */
static size_t dequeue(struct hf_cases *cases, struct hf_cases_call **out)
{
	size_t count = 0;

	pthread_mutex_lock(&cases->lock.gate);
	while (cases->lock.calls != NULL && count < HF_CASES_TOGETHER &&
	       !has_event(out, count, cases->lock.calls)) {
		out[count++] = cases->lock.calls;
		cases->lock.calls = cases->lock.calls->next;
	}
	pthread_mutex_unlock(&cases->lock.gate);
	return count;
}

enum hf_err hf_cases_open(struct hf_cases *cases,
			  const struct hf_cases_making *making,
			  uint8_t out_key[static HF_CASE_KEY_BYTES],
			  struct hf_why *why)
{
	struct hf_cases_call *calls[HF_CASES_TOGETHER];
	struct hf_cases_call call = { .making = making };
	/* Only who is sure to get the lock may wait in the queue. */
	enum hf_err err = hf_cases_wait_ready(cases, why);

	if (err != HF_OK)
		return err;
	enqueue(cases, &call);
	hf_cases_lock(cases);
	while (!call.is_done)
		serve(cases, calls, dequeue(cases, calls));
	hf_cases_leave(cases);
	return answer(&call, out_key, why);
}
