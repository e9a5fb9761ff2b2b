/*
 * shelf.h -- a store of two tables in a temporary directory, for test_store*.c.
 */
#ifndef HF_SHELF_H
#define HF_SHELF_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

enum { FRUIT, STONES };

static const char *const tables[] = { "fruit", "stones" };

struct shelf {
	char home[64];
	char dir[96];
	struct hf_store *store;
};

static inline struct hf_store_options options_of(const struct shelf *shelf)
{
	return (struct hf_store_options){ .dir = shelf->dir,
					  .format = "test/1",
					  .tables = tables,
					  .tables_count = ROWS(tables),
					  .tables_max_count = 8,
					  .map_bytes = (size_t)1 << 30 };
}

static inline void reopen(struct shelf *shelf)
{
	struct hf_store_options options = options_of(shelf);
	struct hf_why why = { "" };

	hf_store_close(shelf->store);
	shelf->store = NULL;
	assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
}

static inline void remove_tree(const char *dir)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		print_message("could not remove %s\n", dir);
}

static inline int shelf_up(void **state)
{
	struct shelf *shelf = test_calloc(1, sizeof(*shelf));

	*state = shelf;
	/* Where there is memory to write to, nobody waits for a disk. */
	snprintf(shelf->home, sizeof(shelf->home), "%s/hf-store-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(shelf->home) == NULL)
		return -1;
	snprintf(shelf->dir, sizeof(shelf->dir), "%s/a/shelf", shelf->home);
	return 0;
}

static inline int shelf_down(void **state)
{
	struct shelf *shelf = *state;

	hf_store_close(shelf->store);
	remove_tree(shelf->home);
	test_free(shelf);
	return 0;
}

static inline enum hf_err put(struct hf_store *store, size_t table,
			      const char *key, struct hf_span value,
			      struct hf_why *why)
{
	struct hf_store_txn *txn;
	enum hf_err err;

	err = hf_store_write_begin(store, &txn, why);
	if (err != HF_OK)
		return err;
	err = hf_store_put(txn, table, hf_span_of(key), value, why);
	if (err != HF_OK) {
		hf_store_abort(txn);
		return err;
	}
	return hf_store_commit(txn, why);
}

static inline bool has(struct hf_store *store, size_t table, const char *key,
		       const char *value)
{
	struct hf_store_txn *view;
	struct hf_why why = { "" };
	struct hf_span found;
	enum hf_err err;
	bool is_so;

	assert_ok(hf_store_view_begin(store, &view, &why), &why);
	err = hf_store_get(view, table, hf_span_of(key), &found, &why);
	if (err != HF_OK)
		assert_int_equal(err, HF_E_NOTFOUND);
	is_so = err == HF_OK && hf_span_is(found, value);
	hf_store_view_end(view);
	return is_so;
}

#define SHELF_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, shelf_up, shelf_down)

#endif /* HF_SHELF_H */
