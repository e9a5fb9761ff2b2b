#include <stdlib.h>

#include "store_impl.h"

struct hf_store_cursor {
	struct hf_store_txn *txn; /* borrowed */
	MDB_cursor *cursor;
};

enum hf_err hf_store_cursor_open(struct hf_store_txn *txn, size_t table,
				 struct hf_store_cursor **out_cursor,
				 struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	int rc;

	cursor = calloc(1, sizeof(*cursor));
	if (cursor == NULL)
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	cursor->txn = txn;
	rc = mdb_cursor_open(txn->txn, txn->store->tables[table].dbi,
			     &cursor->cursor);
	if (rc != 0) {
		free(cursor);
		return hf_store_fail(txn->store, rc, "read", why);
	}
	*out_cursor = cursor;
	return HF_OK;
}

void hf_store_cursor_close(struct hf_store_cursor *cursor)
{
	if (cursor == NULL)
		return;
	mdb_cursor_close(cursor->cursor);
	free(cursor);
}

static enum hf_err step(struct hf_store_cursor *cursor, MDB_cursor_op op,
			MDB_val *key, struct hf_span *out_key,
			struct hf_span *out_value, struct hf_why *why)
{
	MDB_val value;
	int rc;

	rc = mdb_cursor_get(cursor->cursor, key, &value, op);
	if (rc != 0)
		return hf_store_fail(cursor->txn->store, rc, "read", why);
	*out_key = hf_span(key->mv_data, key->mv_size);
	*out_value = hf_span(value.mv_data, value.mv_size);
	return HF_OK;
}

enum hf_err hf_store_cursor_seek(struct hf_store_cursor *cursor,
				 struct hf_span from, struct hf_span *out_key,
				 struct hf_span *out_value, struct hf_why *why)
{
	MDB_val key = { from.len_bytes, (void *)(uintptr_t)from.at };

	return step(cursor, from.len_bytes == 0 ? MDB_FIRST : MDB_SET_RANGE,
		    &key, out_key, out_value, why);
}

enum hf_err hf_store_cursor_next(struct hf_store_cursor *cursor,
				 struct hf_span *out_key,
				 struct hf_span *out_value, struct hf_why *why)
{
	MDB_val key = { 0, NULL };

	return step(cursor, MDB_NEXT, &key, out_key, out_value, why);
}

enum hf_err hf_store_cursor_prev(struct hf_store_cursor *cursor,
				 struct hf_span *out_key,
				 struct hf_span *out_value, struct hf_why *why)
{
	MDB_val key = { 0, NULL };

	return step(cursor, MDB_PREV, &key, out_key, out_value, why);
}

enum hf_err hf_store_cursor_last(struct hf_store_cursor *cursor,
				 struct hf_span *out_key,
				 struct hf_span *out_value, struct hf_why *why)
{
	MDB_val key = { 0, NULL };

	return step(cursor, MDB_LAST, &key, out_key, out_value, why);
}
