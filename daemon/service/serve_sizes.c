#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "codec_admin.h"
#include "disk_use.h"
#include "ledger.h"
#include "match_index.h"
#include "text.h"

#include "desk.h"
#include "node.h"
#include "retro.h"
#include "serve.h"
#include "unary.h"

/* Rows of one list; in the arena. */
struct rows {
	struct hf_size_info *at;
	size_t count;
};

struct measuring {
	struct hf_node *node;
	struct hf_arena *arena;
	struct rows disk;
	struct rows sets;
	struct rows memory;
	const char *part;    /* what the rows that come belong to */
	uint64_t told_bytes; /* of it */
	bool has_failed;     /* no memory */
};

static void put(struct measuring *measuring, struct rows *rows,
		const char *part, const struct hf_size *size)
{
	struct hf_size_info *row = &rows->at[rows->count];
	const char *table =
		hf_arena_text(measuring->arena, hf_span_of(size->table));

	if (table == NULL || rows->count == HF_SIZES_MAX) {
		measuring->has_failed = true;
		return;
	}
	rows->count++;
	*row = (struct hf_size_info){ .part = part,
				      .table = table,
				      .bytes = size->bytes,
				      .count = size->count,
				      .bytes_max = size->most };
}

static void on_disk(void *arg, const struct hf_size *size)
{
	struct measuring *measuring = arg;

	if (size->bytes == 0)
		return;
	put(measuring, &measuring->disk, measuring->part, size);
	measuring->told_bytes += size->bytes;
}

static void on_set(void *arg, const struct hf_size *size)
{
	struct measuring *measuring = arg;

	put(measuring, &measuring->sets, measuring->part, size);
}

/* What of one directory is told table by table; the others have one row. */
static enum hf_err tell_tables(struct measuring *measuring, struct hf_why *why)
{
	struct hf_node *node = measuring->node;
	const char *part = measuring->part;

	if (strcmp(part, "ledger") == 0)
		return hf_ledger_sizes(node->ledger, on_disk, on_set, measuring,
				       why);
	if (strcmp(part, "views") == 0)
		return hf_cases_sizes(node->cases, on_disk, measuring, why);
	if (strcmp(part, "retro") == 0)
		return hf_retro_sizes(node->retro, on_disk, measuring, why);
	if (strcmp(part, "index") == 0)
		hf_index_sizes(node->index, on_disk, measuring);
	else if (strcmp(part, "retracted") == 0)
		hf_index_sizes(node->retracted, on_disk, measuring);
	return HF_OK;
}

/* All that one name in the state directory takes: its tables, and a row for
 * what is in none of them.  Tables that grew since du looked are cut, so that
 * the rows add up. */
static enum hf_err on_entry(void *arg, const char *name, uint64_t bytes,
			    struct hf_why *why)
{
	struct measuring *measuring = arg;
	size_t first = measuring->disk.count;
	struct hf_size rest = { .table = "" };
	enum hf_err err;

	/* Somebody else's file may have any name. */
	measuring->part =
		hf_text_is_clean(hf_span_of(name))
			? hf_arena_text(measuring->arena, hf_span_of(name))
			: "?";
	measuring->told_bytes = 0;
	if (measuring->part == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = tell_tables(measuring, why);
	if (err != HF_OK)
		return err;
	while (measuring->told_bytes > bytes && measuring->disk.count > first) {
		struct hf_size_info *row =
			&measuring->disk.at[measuring->disk.count - 1];
		uint64_t over = measuring->told_bytes - bytes;

		over = over < row->bytes ? over : row->bytes;
		row->bytes -= over;
		measuring->told_bytes -= over;
		if (row->bytes == 0)
			measuring->disk.count--;
	}
	rest.bytes = bytes - measuring->told_bytes;
	if (measuring->disk.count > first)
		rest.table = "free, and the rest";
	if (rest.bytes > 0)
		on_disk(measuring, &rest);
	return HF_OK;
}

static enum hf_err tell_memory(struct measuring *measuring, struct hf_why *why)
{
	struct hf_node *node = measuring->node;
	struct hf_ledger_stats stats;
	enum hf_err err = hf_ledger_stats(node->ledger, &stats, why);

	if (err != HF_OK)
		return err;
	put(measuring, &measuring->memory, "ledger",
	    &(struct hf_size){ .table = "queue",
			       .bytes = stats.queued_bytes,
			       .count = stats.queued_jobs,
			       .most = stats.queued_most_bytes });
	put(measuring, &measuring->memory, "lookups",
	    &(struct hf_size){ .table = "arenas",
			       .bytes = hf_desk_bytes(node->desk),
			       .most = hf_desk_bytes_most() });
	return HF_OK;
}

static enum hf_err rows_make(struct rows *rows, struct hf_arena *arena)
{
	rows->count = 0;
	rows->at = hf_arena_alloc(arena, HF_SIZES_MAX * sizeof(*rows->at));
	return rows->at != NULL ? HF_OK : HF_E_NOMEM;
}

static enum hf_err get_sizes(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_node *node = unary->node;
	struct measuring measuring = { .node = node, .arena = unary->arena };
	struct hf_get_sizes_response response = {
		.reserve_bytes = node->conf->disk_reserve_bytes,
	};
	enum hf_err err = rows_make(&measuring.disk, unary->arena);

	if (err == HF_OK)
		err = rows_make(&measuring.sets, unary->arena);
	if (err == HF_OK)
		err = rows_make(&measuring.memory, unary->arena);
	if (err == HF_OK)
		err = hf_disk_use(node->conf->state_dir, on_entry, &measuring,
				  &response.disk_bytes, why);
	if (err == HF_OK)
		err = hf_memory_use(&response.resident_bytes,
				    &response.mapped_bytes, why);
	if (err == HF_OK)
		err = tell_memory(&measuring, why);
	if (err != HF_OK)
		return err;
	if (measuring.has_failed)
		return hf_why(why, HF_E_LIMIT, "too much to tell");
	response.disk = measuring.disk.at;
	response.disk_count = measuring.disk.count;
	response.sets = measuring.sets.at;
	response.sets_count = measuring.sets.count;
	response.memory = measuring.memory.at;
	response.memory_count = measuring.memory.count;
	return hf_get_sizes_response_encode(&response, unary->reply);
}

HF_UNARY_ERRAND(get_sizes);
