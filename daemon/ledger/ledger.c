#include <stdlib.h>
#include <string.h>

#include "clock.h"

#include "ledger_format.h"
#include "ledger_impl.h"

#define QUEUE_JOBS  ((size_t)4096)
#define QUEUE_BYTES ((size_t)256 << 20)

struct set *hf_ledger_set(struct hf_ledger *ledger, uint32_t id)
{
	struct set *set = NULL;

	pthread_mutex_lock(&ledger->lock);
	if (id >= 1 && id <= ledger->sets_count)
		set = ledger->sets[id];
	pthread_mutex_unlock(&ledger->lock);
	return set;
}

enum hf_err hf_ledger_set_need(struct hf_ledger *ledger, uint32_t id,
			       struct set **out_set, struct hf_why *why)
{
	struct set *set = hf_ledger_set(ledger, id);

	if (set == NULL)
		return hf_why(why, HF_E_NOTFOUND, "ledger: no set %u", id);
	*out_set = set;
	return HF_OK;
}

void hf_ledger_set_free(struct set *set)
{
	for (size_t i = 0; i < HF_LEDGER_SEEN_KEPT; i++)
		free(set->seen[i].note);
	free(set->pending.note);
	free(set->slips[0].note);
	free(set->slips[1].note);
	free(set->tail);
	free(set);
}

static void ledger_free(struct hf_ledger *ledger)
{
	for (uint32_t id = 1; id <= ledger->sets_count; id++)
		hf_ledger_set_free(ledger->sets[id]);
	free(ledger->sets);
	hf_ledger_slips_close(ledger->slips);
	hf_store_close(ledger->store);
	pthread_mutex_destroy(&ledger->lock);
	pthread_mutex_destroy(&ledger->following);
	pthread_cond_destroy(&ledger->work);
	free(ledger);
}

static void locks_init(struct hf_ledger *ledger)
{

	hf_clock_cond_init(&ledger->work);
	pthread_mutex_init(&ledger->lock, NULL);
	pthread_mutex_init(&ledger->following, NULL);
}

static enum hf_err ledger_new(const struct hf_ledger_options *options,
			      struct hf_ledger **out_ledger, struct hf_why *why)
{
	struct hf_ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	locks_init(ledger);
	ledger->options = *options;
	ledger->options.dir = NULL;
	if (ledger->options.queue_jobs_max == 0)
		ledger->options.queue_jobs_max = QUEUE_JOBS;
	if (ledger->options.queue_bytes_max == 0)
		ledger->options.queue_bytes_max = QUEUE_BYTES;
	ledger->queue_tail = &ledger->queue;
	hf_commit_init(&ledger->commit);
	ledger->sets = calloc(HF_LEDGER_SETS_MAX + 1, sizeof(ledger->sets[0]));
	if (ledger->sets == NULL) {
		ledger_free(ledger);
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	}
	*out_ledger = ledger;
	return HF_OK;
}

enum hf_err hf_ledger_open(const struct hf_ledger_options *options,
			   struct hf_ledger **out_ledger, struct hf_why *why)
{
	static const char *const tables[] = {
#define LEDGER_TABLE_TEXT(name, text) text,
		HF_LEDGER_TABLES(LEDGER_TABLE_TEXT)
#undef LEDGER_TABLE_TEXT
	};
	struct hf_store_options store = {
		.dir = options->dir,
		.format = hf_ledger_format,
		.steps = hf_ledger_steps,
		.steps_count = hf_ledger_steps_count,
		.moving = options->moving,
		.moving_arg = options->moving_arg,
		.tables = tables,
		.tables_count = TABLES_COUNT,
		.tables_max_count = TABLES_COUNT + HF_LEDGER_SETS_MAX,
		.map_bytes = options->map_bytes,
		.map_most_bytes = options->map_most_bytes,
	};
	struct hf_ledger *ledger;
	enum hf_err err;

	err = ledger_new(options, &ledger, why);
	if (err != HF_OK)
		return err;
	err = hf_store_open(&store, &ledger->store, why);
	/* After it: the store's lock is that of the slips as well. */
	if (err == HF_OK)
		err = hf_ledger_slips_open(options->dir, &ledger->slips, why);
	if (err == HF_OK)
		err = hf_ledger_load(ledger, why);
	if (err == HF_OK)
		err = hf_ledger_writer_start(ledger, why);
	if (err != HF_OK) {
		ledger_free(ledger);
		return err;
	}
	*out_ledger = ledger;
	return HF_OK;
}

void hf_ledger_close(struct hf_ledger *ledger)
{
	if (ledger == NULL)
		return;
	hf_ledger_writer_stop(ledger);
	ledger_free(ledger);
}

enum hf_err hf_ledger_stats(struct hf_ledger *ledger,
			    struct hf_ledger_stats *out_stats,
			    struct hf_why *why)
{
	struct hf_store_stats store;
	enum hf_err err;

	err = hf_store_stats(ledger->store, &store, why);
	if (err != HF_OK)
		return err;
	pthread_mutex_lock(&ledger->lock);
	*out_stats = ledger->stats;
	out_stats->queued_jobs = ledger->queue_jobs;
	out_stats->queued_bytes = ledger->queue_bytes;
	out_stats->queued_most_bytes = ledger->options.queue_bytes_max;
	pthread_mutex_unlock(&ledger->lock);
	out_stats->file_bytes = store.file_bytes;
	out_stats->disk_bytes = store.disk_bytes;
	return HF_OK;
}
