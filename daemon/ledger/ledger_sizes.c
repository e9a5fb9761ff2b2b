#include <stdlib.h>
#include <string.h>

#include "ledger_impl.h"

/* Subtrees whose hashes are stored; see DESIGN.md. */
#define LEVEL_LEAST 8
#define NODE_BYTES  (HF_LEDGER_NODE_KEY_BYTES + HF_HASH_BYTES)

#define SET_PREFIX "set-"

struct summing {
	struct hf_ledger *ledger;
	hf_size_each *table;
	hf_size_each *set;
	void *arg;
	uint64_t bytes; /* of all sets' own tables */
	uint64_t entries;
	uint64_t nodes;
};

static uint64_t nodes_of(uint64_t entries)
{
	uint64_t nodes = 0;

	for (uint64_t left = entries >> LEVEL_LEAST; left > 0; left >>= 1)
		nodes += left;
	return nodes;
}

static uint64_t entries_of(struct hf_ledger *ledger, struct set *set)
{
	uint64_t entries;

	pthread_mutex_lock(&ledger->lock);
	entries = set->published;
	pthread_mutex_unlock(&ledger->lock);
	return entries;
}

static void on_table(void *arg, const struct hf_size *size)
{
	struct summing *summing = arg;
	size_t prefix = strlen(SET_PREFIX);
	uint64_t entries;
	struct set *set;

	if (strncmp(size->table, SET_PREFIX, prefix) != 0) {
		summing->table(summing->arg, size);
		return;
	}
	summing->bytes += size->bytes;
	set = hf_ledger_set(summing->ledger,
			    (uint32_t)strtoul(size->table + prefix, NULL, 16));
	if (set == NULL) /* made a moment ago */
		return;
	entries = entries_of(summing->ledger, set);
	summing->entries += entries;
	summing->nodes += nodes_of(entries);
	summing->set(summing->arg, &(struct hf_size){ .table = set->origin,
						      .bytes = size->bytes,
						      .count = entries });
}

/* One of the sums, as far as the tables hold it: entries may have come since
 * they were measured. */
static void tell(struct summing *summing, const char *table, uint64_t bytes,
		 uint64_t count)
{
	if (bytes > summing->bytes)
		bytes = summing->bytes;
	summing->bytes -= bytes;
	summing->table(summing->arg, &(struct hf_size){ .table = table,
							.bytes = bytes,
							.count = count });
}

enum hf_err hf_ledger_sizes(struct hf_ledger *ledger, hf_size_each *table,
			    hf_size_each *set, void *arg, struct hf_why *why)
{
	struct summing summing = {
		.ledger = ledger, .table = table, .set = set, .arg = arg
	};
	enum hf_err err =
		hf_store_sizes(ledger->store, on_table, &summing, why);

	if (err != HF_OK)
		return err;
	tell(&summing, "headers", summing.entries * HF_HEADER_BYTES,
	     summing.entries);
	tell(&summing, "tree", summing.nodes * NODE_BYTES, summing.nodes);
	tell(&summing, "payloads", summing.bytes, summing.entries);
	return HF_OK;
}
