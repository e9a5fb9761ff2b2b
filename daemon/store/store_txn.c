#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#include "store_impl.h"

/*
 * Views.
 */

/* One from the pool, or a fresh one; the gate is held. */
static enum hf_err view_take(struct hf_store *store,
			     struct hf_store_txn **out_view, struct hf_why *why)
{
	struct hf_store_txn *view = store->views_free;
	int rc;

	if (view != NULL) {
		rc = mdb_txn_renew(view->txn);
		if (rc != 0)
			return hf_store_fail(store, rc, "read", why);
		store->views_free = view->next;
		store->views_free_count--;
		*out_view = view;
		return HF_OK;
	}
	view = calloc(1, sizeof(*view));
	if (view == NULL)
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	view->store = store;
	view->is_view = true;
	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &view->txn);
	if (rc != 0) {
		free(view);
		return hf_store_fail(store, rc, "read", why);
	}
	*out_view = view;
	return HF_OK;
}

enum hf_err hf_store_view_begin(struct hf_store *store,
				struct hf_store_txn **out_view,
				struct hf_why *why)
{
	struct hf_store_txn *view;
	enum hf_err err;

	pthread_mutex_lock(&store->gate);
	while (store->is_shut)
		pthread_cond_wait(&store->changed, &store->gate);
	if (store->env == NULL)
		err = hf_why(why, HF_E_SYSTEM,
			     "store: '%s' could not be reopened after an error",
			     store->dir);
	else
		err = view_take(store, &view, why);
	if (err == HF_OK) {
		view->begun_us = hf_clock_mono_us();
		view->prev = NULL;
		view->next = store->views_open;
		if (view->next != NULL)
			view->next->prev = view;
		store->views_open = view;
		store->views_count++;
		*out_view = view;
	}
	pthread_mutex_unlock(&store->gate);
	return err;
}

void hf_store_view_end(struct hf_store_txn *view)
{
	struct hf_store *store;

	if (view == NULL)
		return;
	store = view->store;
	pthread_mutex_lock(&store->gate);
	if (view->prev != NULL)
		view->prev->next = view->next;
	else
		store->views_open = view->next;
	if (view->next != NULL)
		view->next->prev = view->prev;
	if (store->views_free_count < VIEWS_KEPT) {
		mdb_txn_reset(view->txn);
		view->next = store->views_free;
		store->views_free = view;
		store->views_free_count++;
	} else {
		mdb_txn_abort(view->txn);
		free(view);
	}
	store->views_count--;
	if (store->views_count == 0)
		pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->gate);
}

/*
 * Writing.
 */

static enum hf_err map_grow(struct hf_store *store, struct hf_why *why)
{
	size_t bytes = store->map_bytes;
	int rc;

	bytes = bytes > store->map_most_bytes / 2 ? store->map_most_bytes
						  : bytes * 2;
	rc = mdb_env_set_mapsize(store->env, bytes);
	if (rc != 0)
		return hf_store_fail(store, rc, "grow", why);
	store->map_bytes = bytes;
	store->has_outgrown_map = false;
	return HF_OK;
}

enum hf_err hf_store_write_begin(struct hf_store *store,
				 struct hf_store_txn **out_txn,
				 struct hf_why *why)
{
	struct hf_store_txn *txn;
	enum hf_err err = HF_OK;
	int rc;

	txn = calloc(1, sizeof(*txn));
	if (txn == NULL)
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	pthread_mutex_lock(&store->writing);
	if (store->env == NULL)
		err = hf_store_shut_while(store, hf_store_reopen, why);
	if (err == HF_OK && store->has_outgrown_map)
		err = hf_store_shut_while(store, map_grow, why);
	if (err != HF_OK)
		goto out_unlock;
	txn->store = store;
	txn->begun_us = hf_clock_mono_us();
	rc = mdb_txn_begin(store->env, NULL, 0, &txn->txn);
	if (rc != 0) {
		err = hf_store_fail(store, rc, "write to", why);
		goto out_unlock;
	}
	*out_txn = txn;
	return HF_OK;

out_unlock:
	pthread_mutex_unlock(&store->writing);
	free(txn);
	return err;
}

/* Tables made in this transaction stay, or go with it. */
static void tables_settle(struct hf_store *store, bool keep)
{
	pthread_mutex_lock(&store->gate);
	while (!keep && store->tables_count > 0 &&
	       store->tables[store->tables_count - 1].is_new)
		store->tables_count--;
	for (size_t i = store->tables_count; keep && i > 0; i--) {
		if (!store->tables[i - 1].is_new)
			break;
		store->tables[i - 1].is_new = false;
	}
	pthread_mutex_unlock(&store->gate);
}

static void write_end(struct hf_store_txn *txn)
{
	struct hf_store *store = txn->store;

	pthread_mutex_lock(&store->gate);
	store->has_outgrown_map = txn->has_outgrown_map &&
				  store->map_bytes < store->map_most_bytes;
	pthread_mutex_unlock(&store->gate);
	pthread_mutex_unlock(&store->writing);
	free(txn);
}

enum hf_err hf_store_commit(struct hf_store_txn *txn, struct hf_why *why)
{
	struct hf_store *store = txn->store;
	enum hf_err err = HF_OK, reopened;
	int rc;

	rc = mdb_txn_commit(txn->txn);
	tables_settle(store, rc == 0);
	if (rc != 0) {
		hf_store_note_abort(store);
		err = hf_store_fail(store, rc, "commit to", why);
		if (rc == MDB_MAP_FULL)
			txn->has_outgrown_map = true;
		/* Where this fails env is NULL and the next write tries it
		 * again; what the caller needs to know is in err. */
		reopened = hf_store_shut_while(store, hf_store_reopen, NULL);
		(void)reopened;
	}
	write_end(txn);
	return err;
}

void hf_store_abort(struct hf_store_txn *txn)
{
	if (txn == NULL)
		return;
	mdb_txn_abort(txn->txn);
	tables_settle(txn->store, false);
	hf_store_note_abort(txn->store);
	write_end(txn);
}

bool hf_store_should_repeat(struct hf_store *store)
{
	bool should_repeat;

	pthread_mutex_lock(&store->gate);
	should_repeat = store->has_outgrown_map;
	pthread_mutex_unlock(&store->gate);
	return should_repeat;
}

/* Note what the caller may want to know after a failed write. */
static enum hf_err write_fail(struct hf_store_txn *txn, int rc,
			      struct hf_why *why)
{
	if (rc == MDB_MAP_FULL)
		txn->has_outgrown_map = true;
	return hf_store_fail(txn->store, rc, "write to", why);
}

/*
 * Tables.
 */

static bool table_find(const struct hf_store *store, const char *name,
		       size_t *out_table)
{
	for (size_t i = 0; i < store->tables_count; i++) {
		if (strcmp(store->tables[i].name, name) == 0) {
			*out_table = i;
			return true;
		}
	}
	return false;
}

enum hf_err hf_store_table(struct hf_store_txn *txn, const char *name,
			   size_t *out_table, struct hf_why *why)
{
	struct hf_store *store = txn->store;
	struct table *table;
	enum hf_err err = HF_OK;
	int rc;

	pthread_mutex_lock(&store->gate);
	if (table_find(store, name, out_table))
		goto out_unlock;
	if (txn->is_view) {
		err = hf_why(why, HF_E_NOTFOUND, "store: no table '%s'", name);
		goto out_unlock;
	}
	if (store->tables_count == store->tables_max_count ||
	    strlen(name) >= TABLE_NAME_BYTES) {
		err = hf_why(why, HF_E_LIMIT, "store: no room for table '%s'",
			     name);
		goto out_unlock;
	}
	table = &store->tables[store->tables_count];
	rc = mdb_dbi_open(txn->txn, name, MDB_CREATE, &table->dbi);
	if (rc != 0) {
		err = write_fail(txn, rc, why);
		goto out_unlock;
	}
	snprintf(table->name, sizeof(table->name), "%s", name);
	table->is_new = true;
	*out_table = store->tables_count++;

out_unlock:
	pthread_mutex_unlock(&store->gate);
	return err;
}

static MDB_val val_of(struct hf_span span)
{
	return (MDB_val){ span.len_bytes, (void *)(uintptr_t)span.at };
}

enum hf_err hf_store_get(struct hf_store_txn *txn, size_t table,
			 struct hf_span key, struct hf_span *out_value,
			 struct hf_why *why)
{
	MDB_val at = val_of(key), value;
	int rc;

	rc = mdb_get(txn->txn, txn->store->tables[table].dbi, &at, &value);
	if (rc != 0)
		return hf_store_fail(txn->store, rc, "read", why);
	*out_value = hf_span(value.mv_data, value.mv_size);
	return HF_OK;
}

enum hf_err hf_store_put(struct hf_store_txn *txn, size_t table,
			 struct hf_span key, struct hf_span value,
			 struct hf_why *why)
{
	MDB_val at = val_of(key), bytes = val_of(value);
	int rc;

	rc = mdb_put(txn->txn, txn->store->tables[table].dbi, &at, &bytes, 0);
	if (rc != 0)
		return write_fail(txn, rc, why);
	hf_store_note_change(txn->store, table, key, false);
	return HF_OK;
}

enum hf_err hf_store_append(struct hf_store_txn *txn, size_t table,
			    struct hf_span key, size_t value_len_bytes,
			    uint8_t **out_value, struct hf_why *why)
{
	MDB_val at = val_of(key), room = { value_len_bytes, NULL };
	int rc;

	rc = mdb_put(txn->txn, txn->store->tables[table].dbi, &at, &room,
		     MDB_APPEND | MDB_RESERVE);
	if (rc != 0)
		return write_fail(txn, rc, why);
	hf_store_note_change(txn->store, table, key, true);
	*out_value = room.mv_data;
	return HF_OK;
}

enum hf_err hf_store_del(struct hf_store_txn *txn, size_t table,
			 struct hf_span key, struct hf_why *why)
{
	MDB_val at = val_of(key);
	int rc;

	rc = mdb_del(txn->txn, txn->store->tables[table].dbi, &at, NULL);
	if (rc != 0)
		return write_fail(txn, rc, why);
	hf_store_note_change(txn->store, table, key, false);
	return HF_OK;
}

enum hf_err hf_store_write_once(struct hf_store *store,
				enum hf_err (*write)(void *arg,
						     struct hf_store_txn *txn,
						     struct hf_why *why),
				void *arg, struct hf_why *why)
{
	struct hf_store_txn *txn;
	enum hf_err err = hf_store_write_begin(store, &txn, why);

	if (err != HF_OK)
		return err;
	err = write(arg, txn, why);
	if (err == HF_OK)
		return hf_store_commit(txn, why);
	hf_store_abort(txn);
	return err;
}

enum hf_err hf_store_write(struct hf_store *store,
			   enum hf_err (*write)(void *arg,
						struct hf_store_txn *txn,
						struct hf_why *why),
			   void *arg, struct hf_why *why)
{
	enum hf_err err;

	do {
		err = hf_store_write_once(store, write, arg, why);
		/* The map grows between transactions. */
	} while (err == HF_E_FULL && hf_store_should_repeat(store));
	return err;
}
