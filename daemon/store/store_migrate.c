#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"

#include "store_impl.h"

/* How far a step has come, beside the format; gone when it is done. */
#define MARK_KEY "migrating"

/* No step has to remember more. */
#define MARK_MAX_BYTES 4096

struct migrating {
	struct hf_store *store;
	const struct hf_store_step *step;
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
	MDB_dbi about;
	enum hf_err err;

	hf_buf_init(&mark, MARK_MAX_BYTES);
	migrating->is_done = false;
	err = about_open(migrating->store, txn->txn, &about, why);
	if (err == HF_OK)
		err = mark_get(migrating, txn, about, &mark, why);
	if (err == HF_OK)
		err = migrating->step->run(txn, &mark, &migrating->is_done,
					   why);
	if (err == HF_OK)
		err = hf_buf_failed(&mark);
	if (err == HF_OK)
		err = mark_put(migrating, txn, about, &mark, why);
	hf_buf_release(&mark);
	return err;
}

/* The store as it was, under the name of its format, before anything of it is
 * changed; one that is there was made by a migration that did not end. */
static enum hf_err keep_old(struct hf_store *store, const char *format,
			    struct hf_why *why)
{
	const char *slash = strrchr(format, '/');
	char kept[PATH_BYTES + 64], partial[PATH_BYTES + 80];
	struct stat found;
	int rc;

	snprintf(kept, sizeof(kept), "%s.format-%s", store->dir,
		 slash != NULL ? slash + 1 : format);
	if (stat(kept, &found) == 0)
		return HF_OK;
	snprintf(partial, sizeof(partial), "%s.partial", kept);
	hf_store_remains_remove(partial);
	if (mkdir(partial, 0700) != 0)
		return hf_why_errno(why, "store: make '%s'", partial);
	/* Nobody else has it open: no view holds anything up. */
	rc = mdb_env_copy2(store->env, partial, MDB_CP_COMPACT);
	if (rc != 0) {
		hf_store_remains_remove(partial);
		return hf_store_fail(store, rc, "copy", why);
	}
	if (hf_file_sync_dir(partial, why) != HF_OK ||
	    rename(partial, kept) != 0)
		return hf_why_errno(why, "store: keep '%s'", kept);
	snprintf(partial, sizeof(partial), "%s/..", kept);
	return hf_file_sync_dir(partial, why);
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

/* From one format to the next; the store is open under the old one. */
static enum hf_err step_do(struct hf_store *store,
			   const struct hf_store_step *step, struct hf_why *why)
{
	struct migrating migrating = { .store = store, .step = step };
	enum hf_err err = keep_old(store, step->from, why);

	while (err == HF_OK && !migrating.is_done)
		err = hf_store_write(store, part, &migrating, why);
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
			     const struct hf_store_step *steps, size_t count,
			     struct hf_why *why)
{
	char *wanted = store->format, format[FORMAT_BYTES];
	const struct hf_store_step *step;
	enum hf_err err = format_read(store, format, sizeof(format), why);

	while (err == HF_OK && strcmp(format, wanted) != 0) {
		step = step_from(steps, count, format);
		/* A newer one, or one that was forgotten: the sentence of
		 * whoever looked first stands. */
		if (step == NULL)
			return HF_E_UNSUPPORTED;
		store->format = format;
		err = hf_store_env_open(store, store->dir, false, why);
		if (err == HF_OK)
			err = step_do(store, step, why);
		hf_store_env_close(store);
		store->format = wanted;
		snprintf(format, sizeof(format), "%s", step->to);
	}
	return err;
}
