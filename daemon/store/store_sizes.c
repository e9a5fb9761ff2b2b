#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "store_impl.h"

static enum hf_err size_of(struct hf_store_txn *view, const struct table *table,
			   struct hf_size *out_size, struct hf_why *why)
{
	MDB_stat stat;
	int rc = mdb_stat(view->txn, table->dbi, &stat);

	if (rc != 0)
		return hf_store_fail(view->store, rc, "measure a table of",
				     why);
	*out_size = (struct hf_size){
		.table = table->name,
		.bytes = (uint64_t)stat.ms_psize *
			 (stat.ms_branch_pages + stat.ms_leaf_pages +
			  stat.ms_overflow_pages),
		.count = stat.ms_entries,
	};
	return HF_OK;
}

/* Tables that the view sees; those that are being made are not among them. */
static size_t count_tables(struct hf_store *store)
{
	size_t count;

	pthread_mutex_lock(&store->gate);
	count = store->tables_count;
	while (count > 0 && store->tables[count - 1].is_new)
		count--;
	pthread_mutex_unlock(&store->gate);
	return count;
}

enum hf_err hf_store_sizes(struct hf_store *store, hf_size_each *each,
			   void *arg, struct hf_why *why)
{
	size_t count = count_tables(store);
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(store, &view, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		struct hf_size size;

		err = size_of(view, &store->tables[i], &size, why);
		if (err == HF_OK)
			each(arg, &size);
	}
	hf_store_view_end(view);
	return err;
}
