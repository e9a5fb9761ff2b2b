#include <string.h>

#include "log.h"

#include "cases_in.h"

/* One task, and what becomes of it. */
struct task {
	struct hf_case_task what;
	size_t made; /* its event in the flight; SIZE_MAX: none */
	enum hf_err err;
	struct hf_why why;
};

/* Tasks that are done side by side: one of each case at most. */
struct batch {
	struct hf_cases_flight flight;
	struct task tasks[HF_CASES_TOGETHER];
	size_t count;
};

/* The first task at or behind a key; NOTFOUND. */
static enum hf_err first_task(struct hf_cases *cases, uint8_t *key,
			      struct hf_case_task *out, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_store_txn *view;
	struct hf_span found, value;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_open(view, HF_CASE_TODO, &cursor, why);
	if (err == HF_OK) {
		err = hf_store_cursor_seek(cursor,
					   hf_span(key, HF_CASE_TASK_BYTES),
					   &found, &value, why);
		if (err == HF_OK && found.len_bytes != HF_CASE_TASK_BYTES)
			err = hf_why(why, HF_E_CORRUPT, "views: a task");
		if (err == HF_OK)
			memcpy(key, found.at, HF_CASE_TASK_BYTES);
		hf_store_cursor_close(cursor);
	}
	hf_store_view_end(view);
	if (err == HF_OK)
		hf_case_task_parse(key, out);
	return err;
}

/* What only has to be tried again, and what will never work.  A signer that
 * refuses the ledger (CONFLICT: it is an old copy) and what is damaged wait for
 * the operator. */
static bool is_for_later(enum hf_err err)
{
	return err == HF_E_UNAVAILABLE || err == HF_E_BUSY ||
	       err == HF_E_FULL || err == HF_E_NOMEM || err == HF_E_SYSTEM ||
	       err == HF_E_FROZEN || err == HF_E_CONFLICT ||
	       err == HF_E_CORRUPT;
}

static void put_off(struct hf_cases *cases, const struct hf_case_task *task,
		    enum hf_err err, const struct hf_why *why)
{
	cases->must_try_again = true;
	cases->put_off = *why;
	hf_log(HF_LOG_DEBUG, "cases", "put off", "what=%d err=%s why=\"%s\"",
	       (int)task->what, hf_err_name(err), why->text);
}

/* The next key behind this one; false behind the last. */
static bool next_key(uint8_t *key)
{
	for (size_t i = HF_CASE_TASK_BYTES; i-- > 0;) {
		if (++key[i] != 0)
			return true;
	}
	return false;
}

static bool has_case(const struct batch *batch, const uint8_t *key)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (memcmp(batch->tasks[i].what.key, key, HF_CASE_KEY_BYTES) ==
		    0)
			return true;
	}
	return false;
}

static void begin(struct hf_cases *cases, struct batch *batch,
		  const struct hf_case_task *what)
{
	struct task *task = &batch->tasks[batch->count++];
	size_t before = batch->flight.count;

	*task = (struct task){ .what = *what };
	task->err = hf_cases_do_begin(cases, what, &batch->flight, &task->why);
	task->made = batch->flight.count > before ? before : SIZE_MAX;
}

/* Begin those from this key on, which becomes that of the first that is left
 * for the next batch.  NOTFOUND behind the last. */
static enum hf_err begin_some(struct hf_cases *cases, uint8_t *key,
			      struct batch *batch, struct hf_why *why)
{
	struct hf_case_task task;
	enum hf_err err;

	while ((err = first_task(cases, key, &task, why)) == HF_OK &&
	       batch->count < HF_CASES_TOGETHER && !has_case(batch, task.key)) {
		begin(cases, batch, &task);
		if (!next_key(key))
			return HF_E_NOTFOUND;
	}
	return err;
}

static enum hf_err forget(void *arg, struct hf_store_txn *txn,
			  struct hf_why *why)
{
	const struct batch *batch = arg;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < batch->count && err == HF_OK; i++) {
		uint8_t key[HF_CASE_TASK_BYTES];

		if (is_for_later(batch->tasks[i].err))
			continue;
		hf_case_task_key(&batch->tasks[i].what, key);
		err = hf_case_mark_del(txn, HF_CASE_TODO,
				       hf_span(key, sizeof(key)), why);
	}
	return err;
}

/* One that cannot be done now stays; one that never can is told of. */
static void settle(struct hf_cases *cases, struct batch *batch,
		   struct task *task, bool *out_has_done)
{
	if (task->made != SIZE_MAX) {
		task->err = batch->flight.made[task->made].err;
		task->why = batch->flight.made[task->made].why;
	}
	if (is_for_later(task->err)) {
		put_off(cases, &task->what, task->err, &task->why);
		return;
	}
	*out_has_done = true;
	if (task->err != HF_OK)
		hf_log(HF_LOG_WARNING, "cases", "could not be done",
		       "what=%d err=%s why=\"%s\"", (int)task->what.what,
		       hf_err_name(task->err), task->why.text);
}

static enum hf_err end(struct hf_cases *cases, struct batch *batch,
		       bool *out_has_done, struct hf_why *why)
{
	bool has_done = false;

	hf_cases_make_end(cases, &batch->flight);
	for (size_t i = 0; i < batch->count; i++)
		settle(cases, batch, &batch->tasks[i], &has_done);
	*out_has_done |= has_done;
	return has_done ? hf_store_write(cases->views, forget, batch, why)
			: HF_OK;
}

/* Every task once; one that cannot be done now does not keep the others from
 * it. */
static enum hf_err do_each(struct hf_cases *cases, bool *out_has_done,
			   struct hf_why *why)
{
	uint8_t key[HF_CASE_TASK_BYTES] = { 0 };
	enum hf_err err = HF_OK, ended = HF_OK;

	*out_has_done = false;
	cases->must_try_again = false;
	while (err == HF_OK && ended == HF_OK) {
		struct batch batch = { .count = 0 };

		err = hf_cases_catch_up(cases, why);
		if (err != HF_OK)
			return err;
		err = begin_some(cases, key, &batch, why);
		if (batch.count > 0)
			ended = end(cases, &batch, out_has_done,
				    err == HF_OK || err == HF_E_NOTFOUND
					    ? why
					    : NULL);
		if (!hf_cases_give_way(cases))
			break;
	}
	return err == HF_OK || err == HF_E_NOTFOUND ? ended : err;
}

/* What is done may ask for more. */
enum hf_err hf_cases_do_all(struct hf_cases *cases, struct hf_why *why)
{
	bool has_done = true;
	enum hf_err err = HF_OK;

	while (err == HF_OK && has_done && hf_cases_give_way(cases))
		err = do_each(cases, &has_done, why);
	return err;
}
