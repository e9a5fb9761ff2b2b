#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "arena.h"
#include "match_index.h"
#include "match_policy.h"

#include "desk.h"
#include "errand.h"
#include "journal.h"
#include "lookup.h"
#include "meanwhile.h"
#include "node.h"
#include "retro.h"

/* A batch of 10,000 digests, its hits and their labels. */
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* An arena that an unusual batch made larger is not kept. */
#define ARENA_KEEP_BYTES ((size_t)4 * 1024 * 1024)

/* Batches that are kept to be used again: one for each thread. */
#define KEPT_MAX (HF_DESK_THREADS + 1)

/* Of dear batches that wait; past this the next one is BUSY. */
#define AWAY_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* What is looked up at once, 0.1 to 0.4 ms of it: a near lookup is as dear as
 * some hundred exact ones. */
#define AT_ONCE_COST 2048
#define NEAR_COST    256

/* A check of new entries begins every tenth of a second at most, and most
 * lookups are over sooner.  One that is not would be overtaken again and again
 * where entries always come: after so many it holds the checks up. */
#define LOOK_FREELY 2

struct hf_desk {
	struct hf_node *node;       /* borrowed */
	struct hf_errands *away;    /* owned: the threads */
	pthread_mutex_t lock;       /* guards the rest */
	size_t away_bytes;          /* of the arenas of dear batches */
	struct hf_desk_batch *kept; /* owned */
	size_t kept_count;
};

struct hf_desk_batch {
	struct hf_errand errand; /* first */
	struct hf_rpc_task back;
	struct hf_desk *desk; /* borrowed */
	struct hf_desk_batch *next;
	struct hf_arena arena;
	const struct hf_desk_form *form;
	struct hf_wire_match_request request; /* in the arena */
	struct hf_buf reply;
	struct hf_rpc_call *call;          /* a reference, while it is away */
	const struct hf_rpc_identity *who; /* the call's; NULL: nobody's */
	size_t away_bytes;                 /* its part of the desk's */
	atomic_bool is_left;               /* nobody waits for the answer */
	bool is_last;
	enum hf_err err;
	struct hf_why why;
};

/* ---- batches ---- */

enum hf_err hf_desk_open(struct hf_desk *desk, struct hf_desk_batch **out_batch)
{
	struct hf_desk_batch *batch;

	pthread_mutex_lock(&desk->lock);
	batch = desk->kept;
	if (batch != NULL) {
		desk->kept = batch->next;
		desk->kept_count--;
	}
	pthread_mutex_unlock(&desk->lock);
	if (batch == NULL) {
		batch = calloc(1, sizeof(*batch));
		if (batch == NULL)
			return HF_E_NOMEM;
		batch->desk = desk;
		hf_arena_init(&batch->arena, ARENA_MAX_BYTES);
	}
	hf_buf_init(&batch->reply, HF_MESSAGE_MAX_BYTES);
	batch->is_last = false;
	batch->who = NULL;
	batch->why.text[0] = '\0';
	atomic_init(&batch->is_left, false);
	*out_batch = batch;
	return HF_OK;
}

static void batch_free(struct hf_desk_batch *batch)
{
	hf_arena_release(&batch->arena);
	free(batch);
}

void hf_desk_close(struct hf_desk_batch *batch)
{
	struct hf_desk *desk = batch->desk;
	bool is_kept;

	hf_buf_release(&batch->reply);
	if (batch->arena.total_bytes > ARENA_KEEP_BYTES)
		hf_arena_release(&batch->arena);
	else
		hf_arena_reset(&batch->arena);
	pthread_mutex_lock(&desk->lock);
	is_kept = desk->kept_count < KEPT_MAX;
	if (is_kept) {
		batch->next = desk->kept;
		desk->kept = batch;
		desk->kept_count++;
	}
	pthread_mutex_unlock(&desk->lock);
	if (!is_kept)
		batch_free(batch);
}

enum hf_err hf_desk_read(struct hf_desk_batch *batch, struct hf_span message,
			 const struct hf_desk_form *form, struct hf_why *why)
{
	batch->form = form;
	return form->parse(message, &batch->arena, &batch->request, why);
}

bool hf_desk_is_dear(const struct hf_desk_batch *batch)
{
	int distance = hf_policy_near_distance(batch->desk->node->policy);
	size_t cost = 0;

	for (size_t i = 0; i < batch->request.batches_count; i++) {
		const struct hf_digest_batch *digests =
			&batch->request.batches[i];
		size_t count = hf_digest_batch_count(digests);

		if (digests->algorithm == HF_ALGORITHM_VPDQ)
			cost += digests->digests.len_bytes / HF_PDQ_BYTES *
				NEAR_COST;
		else if (digests->algorithm != HF_ALGORITHM_PDQ)
			cost += count;
		else if (distance > HF_PDQ_DISTANCE_INDEXED && count > 0)
			return true; /* each is compared with everything */
		else if (distance >= 0)
			cost += count * NEAR_COST;
	}
	return cost > AT_ONCE_COST;
}

/* Again where new entries were checked meanwhile against what is kept, which
 * this was not yet: until it is. */
static enum hf_err look_and_keep(struct hf_desk_batch *batch,
				 const struct hf_lookup_ask *ask,
				 struct hf_wire_match_response *out_response,
				 struct hf_why *why)
{
	struct hf_node *node = batch->desk->node;
	/* While the store is migrated it is not open either. */
	struct hf_retro *retro =
		hf_meanwhile_is_on(node->meanwhile) ? NULL : node->retro;
	bool is_over = false;
	enum hf_err err = HF_OK;

	for (int i = 0; !is_over; i++) {
		bool is_held = i >= LOOK_FREELY && hf_retro_hold(retro);
		uint64_t began = hf_retro_begin(retro);

		err = hf_lookup(node, ask, &batch->arena, out_response, why);
		is_over = err != HF_OK ||
			  hf_retro_keep(retro, began, &batch->request,
					out_response);
		if (is_held)
			hf_retro_let_go(retro);
	}
	return err;
}

enum hf_err hf_desk_look(struct hf_desk_batch *batch, struct hf_buf **out_reply,
			 struct hf_why *why)
{
	struct hf_node *node = batch->desk->node;
	struct hf_wire_match_response response;
	const struct hf_lookup_ask ask = { .request = &batch->request,
					   .is_left = &batch->is_left,
					   .is_counted = true };
	struct hf_index *before;
	enum hf_err err;

	if (hf_meanwhile_enter(node->meanwhile, &before, &err, why)) {
		if (err == HF_OK)
			err = hf_lookup_meanwhile(node, before, &ask,
						  &batch->arena, &response,
						  why);
		hf_meanwhile_leave(node->meanwhile);
	} else {
		err = look_and_keep(batch, &ask, &response, why);
	}
	if (err == HF_OK) {
		hf_journal_put(node->journal, batch->who, &batch->request,
			       &response);
		err = batch->form->encode(&response, &batch->reply);
	}
	*out_reply = &batch->reply;
	return err;
}

/* ---- calls ---- */

static void run_away(struct hf_errand *errand)
{
	struct hf_desk_batch *batch = (struct hf_desk_batch *)(void *)errand;
	struct hf_buf *reply;

	batch->err = HF_E_CANCELLED;
	if (!atomic_load(&batch->is_left))
		batch->err = hf_desk_look(batch, &reply, &batch->why);
	hf_rpc_loop_post(hf_rpc_loop_of(batch->call), &batch->back);
}

/* On the worker loop again. */
static void come_back(void *arg)
{
	struct hf_desk_batch *batch = arg;
	struct hf_rpc_call *call = batch->call;

	pthread_mutex_lock(&batch->desk->lock);
	batch->desk->away_bytes -= batch->away_bytes;
	pthread_mutex_unlock(&batch->desk->lock);
	hf_rpc_set_data(call, NULL);
	/* What is read next is read once the answer was taken: sent resumes. */
	if (!hf_rpc_is_over(call))
		batch->form->answer(call, batch->err, &batch->why,
				    &batch->reply, batch->is_last);
	hf_rpc_unref(call);
	hf_desk_close(batch);
}

static enum hf_err send_away(struct hf_desk *desk, struct hf_rpc_call *call,
			     struct hf_desk_batch *batch, struct hf_why *why)
{
	bool has_room;

	batch->away_bytes = batch->arena.total_bytes;
	pthread_mutex_lock(&desk->lock);
	has_room = batch->away_bytes <= AWAY_MAX_BYTES - desk->away_bytes;
	if (has_room)
		desk->away_bytes += batch->away_bytes;
	pthread_mutex_unlock(&desk->lock);
	if (!has_room)
		return hf_why(why, HF_E_BUSY, "too many large batches at once");
	hf_rpc_pause(call);
	hf_rpc_ref(call);
	hf_rpc_set_data(call, batch);
	batch->call = call;
	batch->errand.run = run_away;
	batch->back = (struct hf_rpc_task){ .run = come_back, .arg = batch };
	hf_errand_post(desk->away, &batch->errand);
	return HF_OK;
}

void hf_desk_take(struct hf_desk *desk, struct hf_rpc_call *call,
		  struct hf_span message, const struct hf_desk_form *form)
{
	struct hf_desk_batch *batch;
	struct hf_why why = { "" };
	struct hf_buf *reply;
	enum hf_err err = hf_desk_open(desk, &batch);

	if (err != HF_OK) {
		hf_rpc_finish(call, err, NULL);
		return;
	}
	reply = &batch->reply;
	batch->who = hf_rpc_caller(call);
	err = hf_desk_read(batch, message, form, &why);
	if (err == HF_OK && hf_desk_is_dear(batch)) {
		err = send_away(desk, call, batch, &why);
		if (err == HF_OK)
			return;
	} else if (err == HF_OK) {
		err = hf_desk_look(batch, &reply, &why);
	}
	form->answer(call, err, &why, reply, false);
	hf_desk_close(batch);
}

bool hf_desk_has(const struct hf_rpc_call *call)
{
	return hf_rpc_data(call) != NULL;
}

bool hf_desk_drain(struct hf_rpc_call *call)
{
	struct hf_desk_batch *batch = hf_rpc_data(call);

	if (batch == NULL)
		return false;
	batch->is_last = true;
	return true;
}

void hf_desk_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_desk_batch *batch = hf_rpc_data(call);

	if (batch != NULL)
		atomic_store(&batch->is_left, true);
}

uint64_t hf_desk_bytes(struct hf_desk *desk)
{
	uint64_t bytes;

	pthread_mutex_lock(&desk->lock);
	bytes = desk->away_bytes;
	for (const struct hf_desk_batch *batch = desk->kept; batch != NULL;
	     batch = batch->next)
		bytes += batch->arena.total_bytes;
	pthread_mutex_unlock(&desk->lock);
	return bytes;
}

uint64_t hf_desk_bytes_most(void)
{
	return AWAY_MAX_BYTES + (HF_DESK_THREADS + 1) * ARENA_MAX_BYTES;
}

/* ---- life ---- */

enum hf_err hf_desk_start(struct hf_node *node, struct hf_desk **out_desk,
			  struct hf_why *why)
{
	struct hf_desk *desk = calloc(1, sizeof(*desk));
	enum hf_err err;

	if (desk == NULL)
		return hf_why(why, HF_E_NOMEM, "desk: no memory");
	desk->node = node;
	err = hf_errands_start("match", HF_DESK_THREADS, &desk->away, why);
	if (err != HF_OK) {
		free(desk);
		return err;
	}
	pthread_mutex_init(&desk->lock, NULL);
	*out_desk = desk;
	return HF_OK;
}

void hf_desk_stop(struct hf_desk *desk)
{
	if (desk == NULL)
		return;
	hf_errands_stop(desk->away);
	desk->away = NULL;
}

void hf_desk_free(struct hf_desk *desk)
{
	if (desk == NULL)
		return;
	hf_desk_stop(desk);
	while (desk->kept != NULL) {
		struct hf_desk_batch *batch = desk->kept;

		desk->kept = batch->next;
		batch_free(batch);
	}
	pthread_mutex_destroy(&desk->lock);
	free(desk);
}
