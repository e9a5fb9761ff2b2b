#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include "store_impl.h"

/* How far a step has come, beside the format; gone when it is done. */
#define MARK_KEY "migrating"

/* No step has to remember more. */
#define MARK_MAX_BYTES 4096

struct migrating {
	struct hf_store *store;
	const struct hf_store_options *options;
	const struct hf_store_step *step;
	struct hf_store_move move;
	bool is_done;
};

static MDB_val text_val(const char *text)
{
	return (MDB_val){ strlen(text), (void *)(uintptr_t)text };
}

static enum hf_err about_open(struct hf_store *store, MDB_txn *txn,
			      MDB_dbi *out_dbi, struct hf_why *why)
{
	int rc = mdb_dbi_open(txn, STORE_ABOUT_TABLE, 0, out_dbi);

	return rc == 0 ? HF_OK : hf_store_fail(store, rc, "open", why);
}

static enum hf_err mark_get(struct migrating *migrating,
			    struct hf_store_txn *txn, MDB_dbi about,
			    struct hf_buf *mark, struct hf_why *why)
{
	MDB_val key = text_val(MARK_KEY), value;
	int rc = mdb_get(txn->txn, about, &key, &value);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return hf_store_fail(migrating->store, rc, "read", why);
	if (rc == 0)
		hf_buf_put(mark, hf_span(value.mv_data, value.mv_size));
	return hf_buf_failed(mark);
}

/* The mark, or, when the step is done, the new format instead. */
static enum hf_err mark_put(struct migrating *migrating,
			    struct hf_store_txn *txn, MDB_dbi about,
			    const struct hf_buf *mark, struct hf_why *why)
{
	MDB_val key = text_val(MARK_KEY), value = { mark->len_bytes, mark->at };
	int rc;

	if (!migrating->is_done) {
		rc = mdb_put(txn->txn, about, &key, &value, 0);
	} else {
		rc = mdb_del(txn->txn, about, &key, NULL);
		if (rc == MDB_NOTFOUND)
			rc = 0;
		key = text_val(STORE_ABOUT_KEY);
		value = text_val(migrating->step->to);
		if (rc == 0)
			rc = mdb_put(txn->txn, about, &key, &value, 0);
	}
	return rc == 0 ? HF_OK
		       : hf_store_fail(migrating->store, rc, "migrate", why);
}

/* One part of it, in a transaction; may be done twice. */
static enum hf_err part(void *arg, struct hf_store_txn *txn, struct hf_why *why)
{
	struct migrating *migrating = arg;
	struct hf_buf mark;
	struct hf_store_part now = { .mark = &mark };
	MDB_dbi about;
	enum hf_err err;

	hf_buf_init(&mark, MARK_MAX_BYTES);
	err = about_open(migrating->store, txn->txn, &about, why);
	if (err == HF_OK)
		err = mark_get(migrating, txn, about, &mark, why);
	if (err == HF_OK)
		err = migrating->step->run(txn, &now, why);
	if (err == HF_OK)
		err = hf_buf_failed(&mark);
	migrating->is_done = now.is_done;
	migrating->move.done = now.done;
	migrating->move.total = now.total;
	if (err == HF_OK)
		err = mark_put(migrating, txn, about, &mark, why);
	hf_buf_release(&mark);
	return err;
}

static enum hf_err tell(struct migrating *migrating, struct hf_why *why)
{
	const struct hf_store_options *options = migrating->options;

	return options->moving != NULL ? options->moving(options->moving_arg,
							 &migrating->move, why)
				       : HF_OK;
}

/* Has a part of the step been committed? */
static enum hf_err has_begun(struct migrating *migrating, bool *out_has,
			     struct hf_why *why)
{
	struct hf_store_txn *view;
	struct hf_buf mark;
	MDB_dbi about;
	enum hf_err err = hf_store_view_begin(migrating->store, &view, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&mark, MARK_MAX_BYTES);
	err = about_open(migrating->store, view->txn, &about, why);
	if (err == HF_OK)
		err = mark_get(migrating, view, about, &mark, why);
	*out_has = mark.len_bytes > 0;
	hf_buf_release(&mark);
	hf_store_view_end(view);
	return err;
}

/* The store as it was, under the name of its format, before anything of it is
 * changed. */
static enum hf_err keep_old(struct migrating *migrating, struct hf_why *why)
{
	const char *format = migrating->step->from;
	const char *slash = strrchr(format, '/');
	char kept[PATH_BYTES + 64];
	bool is_changed;
	enum hf_err err = has_begun(migrating, &is_changed, why);

	if (err != HF_OK || is_changed)
		return err;
	migrating->move.is_keeping = true;
	snprintf(kept, sizeof(kept), "%s.format-%s", migrating->store->dir,
		 slash != NULL ? slash + 1 : format);
	err = hf_store_keep(migrating->store, kept, migrating->options,
			    &migrating->move, why);
	migrating->move.is_keeping = false;
	migrating->move.done = 0;
	migrating->move.total = 0;
	return err;
}

static const struct hf_store_step *step_from(const struct hf_store_step *steps,
					     size_t count, const char *format)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(steps[i].from, format) == 0)
			return &steps[i];
	}
	return NULL;
}

/* How many lead from there to ours; 0: none does. */
static unsigned steps_from(const struct hf_store_options *options,
			   const char *format)
{
	const struct hf_store_step *step;
	unsigned count = 0;

	/* More than there are would go round. */
	while (count <= options->steps_count &&
	       strcmp(format, options->format) != 0) {
		step = step_from(options->steps, options->steps_count, format);
		if (step == NULL)
			return 0;
		format = step->to;
		count++;
	}
	return count;
}

/* From one format to the next; the store is open under the old one. */
static enum hf_err step_do(struct migrating *migrating, struct hf_why *why)
{
	const struct hf_store_step *step = migrating->step;
	enum hf_err err = tell(migrating, why);

	migrating->is_done = false;
	if (err == HF_OK)
		err = keep_old(migrating, why);
	while (err == HF_OK && !migrating->is_done) {
		err = hf_store_write(migrating->store, part, migrating, why);
		if (err == HF_OK)
			err = tell(migrating, why);
	}
	if (err != HF_OK)
		hf_why_prefix(why, "from format '%s' to '%s': ", step->from,
			      step->to);
	return err;
}

/* What is written in a store of whatever format. */
static enum hf_err format_read(struct hf_store *store, char *out_format,
			       size_t size, struct hf_why *why)
{
	MDB_val key = text_val(STORE_ABOUT_KEY), value;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi about;
	enum hf_err err = HF_OK;
	int rc = mdb_env_create(&env);

	if (rc != 0)
		return hf_store_fail(store, rc, "open", why);
	rc = mdb_env_set_maxdbs(env, 1);
	if (rc == 0)
		rc = mdb_env_open(env, store->dir, MDB_RDONLY | MDB_NOTLS,
				  0600);
	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc == 0) {
		rc = mdb_dbi_open(txn, STORE_ABOUT_TABLE, 0, &about);
		if (rc == 0)
			rc = mdb_get(txn, about, &key, &value);
		if (rc == 0)
			snprintf(out_format, size, "%.*s", (int)value.mv_size,
				 (const char *)value.mv_data);
		mdb_txn_abort(txn);
	}
	if (rc != 0)
		err = hf_store_fail(store, rc, "read the format of", why);
	mdb_env_close(env);
	return err;
}

enum hf_err hf_store_migrate(struct hf_store *store,
			     const struct hf_store_options *options,
			     struct hf_why *why)
{
	struct migrating migrating = { .store = store, .options = options };
	char *wanted = store->format, format[FORMAT_BYTES];
	enum hf_err err = format_read(store, format, sizeof(format), why);

	if (err == HF_OK)
		migrating.move.steps = steps_from(options, format);
	while (err == HF_OK && strcmp(format, wanted) != 0) {
		/* A newer one, or one that was forgotten: the sentence of
		 * whoever looked first stands. */
		if (migrating.move.steps == 0)
			return HF_E_UNSUPPORTED;
		migrating.step =
			step_from(options->steps, options->steps_count, format);
		migrating.move.from = migrating.step->from;
		migrating.move.to = migrating.step->to;
		migrating.move.step++;
		migrating.move.done = 0;
		migrating.move.total = 0;
		store->format = format;
		err = hf_store_env_open(store, store->dir, false, why);
		if (err == HF_OK)
			err = step_do(&migrating, why);
		hf_store_env_close(store);
		store->format = wanted;
		snprintf(format, sizeof(format), "%s", migrating.step->to);
	}
	return err;
}
