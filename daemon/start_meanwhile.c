#include <stdio.h>

#include "clock.h"
#include "feed.h"
#include "log.h"
#include "meanwhile.h"
#include "notify.h"
#include "retract.h"
#include "store.h"

#include "start.h"
#include "watch.h"

/* Between two words to the supervisor, and for how long one is good: a part of
 * a step is small, but a disk may be slow. */
#define TOLD_US   ((uint64_t)1000000)
#define EXTEND_US "120000000"

#define LOOK_MS 500

/* We are not ready, and not dead either. */
static void tell_supervisor(struct hf_node *node)
{
	static uint64_t told_us;
	char text[HF_SENTENCE_MAX_BYTES];
	char state[HF_SENTENCE_MAX_BYTES + 64];
	struct hf_wire_migration unused;
	uint64_t now_us = hf_clock_mono_us();

	if (told_us != 0 && now_us - told_us < TOLD_US)
		return;
	told_us = now_us;
	hf_meanwhile_say(node->meanwhile, text, &unused);
	snprintf(state, sizeof(state),
		 "STATUS=%s\nEXTEND_TIMEOUT_USEC=" EXTEND_US, text);
	hf_notify(state);
}

static enum hf_err go_on(struct hf_start *start, struct hf_why *why)
{
	tell_supervisor(&start->node);
	return hf_watch_look(start->watch, start)
		       ? HF_OK
		       : hf_why(why, HF_E_CANCELLED,
				"asked to end; the next start goes on");
}

/* Before anything of it is changed. */
static enum hf_err begin(struct hf_start *start,
			 const struct hf_store_move *move, struct hf_why *why)
{
	struct hf_node *node = &start->node;
	enum hf_err err = hf_meanwhile_new(node, &node->meanwhile, why);

	if (err != HF_OK)
		return err;
	hf_meanwhile_tell(node->meanwhile, move);
	err = hf_start_desk(node, why);
	if (err == HF_OK)
		err = hf_start_listen(start, why);
	if (err == HF_OK)
		err = hf_start_answer(start, why);
	return err;
}

static void log_step(struct hf_node *node, const struct hf_store_move *move)
{
	char text[HF_SENTENCE_MAX_BYTES];
	struct hf_wire_migration unused;

	hf_meanwhile_say(node->meanwhile, text, &unused);
	hf_log(HF_LOG_INFO, "hashfedd", "migrating the store",
	       "from=%s to=%s now=\"%s\"", move->from, move->to, text);
}

enum hf_err hf_start_meanwhile(void *arg, const struct hf_store_move *move,
			       struct hf_why *why)
{
	struct hf_start *start = arg;
	struct hf_node *node = &start->node;
	enum hf_err err = HF_OK;

	if (node->meanwhile == NULL)
		err = begin(start, move, why);
	if (err != HF_OK)
		return err;
	hf_meanwhile_tell(node->meanwhile, move);
	if (move->done == 0)
		log_step(node, move);
	return go_on(start, why);
}

void hf_start_meanwhile_opened(struct hf_start *start)
{
	if (start->node.meanwhile == NULL)
		return;
	hf_meanwhile_tell(start->node.meanwhile, NULL);
	tell_supervisor(&start->node);
}

enum hf_err hf_start_meanwhile_change_over(struct hf_start *start,
					   struct hf_why *why)
{
	struct hf_node *node = &start->node;
	bool answers = hf_meanwhile_answers(node->meanwhile);
	enum hf_err err = HF_OK;

	while (answers && err == HF_OK &&
	       hf_feed_wait_caught_up(node->feed, LOOK_MS) != HF_OK)
		err = go_on(start, why);
	/* What was withheld before is to be so in the index that is new. */
	if (answers && err == HF_OK)
		err = hf_retract_resume_now(node, why);
	if (err == HF_OK)
		hf_meanwhile_change_over(node->meanwhile);
	return err;
}

void hf_start_meanwhile_end(struct hf_start *start)
{
	if (start->node.meanwhile == NULL)
		return;
	hf_meanwhile_end(start->node.meanwhile);
	hf_notify("STATUS=store migrated");
	hf_log(HF_LOG_INFO, "hashfedd", "store migrated",
	       "hint=\"what it was is kept beside it; remove it in time\"");
}
