#include <string.h>

#include "sha256.h"

#include "case_names.h"

enum { NAMES };

static const char *const tables[] = { "names" };

#define NAMES_MAP_BYTES ((size_t)64 << 20)

/* The event, and the beginning of the SHA-256 of the name. */
#define NAME_BYTES 8
#define KEY_BYTES  (HF_EVENT_ID_BYTES + NAME_BYTES)

enum hf_err hf_case_names_open(const char *dir, struct hf_store **out_store,
			       struct hf_why *why)
{
	const struct hf_store_options options = {
		.dir = dir,
		.format = "hashfed-names/1",
		.tables = tables,
		.tables_count = sizeof(tables) / sizeof(tables[0]),
		.map_bytes = NAMES_MAP_BYTES,
	};

	return hf_store_open(&options, out_store, why);
}

static void name_key(const uint8_t *id, const char *name,
		     uint8_t out_key[static KEY_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];

	hf_sha256(name, strlen(name), digest);
	memcpy(out_key, id, HF_EVENT_ID_BYTES);
	memcpy(out_key + HF_EVENT_ID_BYTES, digest, NAME_BYTES);
}

/* Call visit for each name of the case, at most HF_CASE_NAMES_MAX. */
static enum hf_err each_name(struct hf_store_txn *txn, const uint8_t *id,
			     enum hf_err (*visit)(void *arg,
						  struct hf_span name),
			     void *arg, size_t *out_count, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err = hf_store_cursor_open(txn, NAMES, &cursor, why);

	*out_count = 0;
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_span(id, HF_EVENT_ID_BYTES), &key,
				   &value, why);
	while (err == HF_OK && *out_count < HF_CASE_NAMES_MAX &&
	       key.len_bytes == KEY_BYTES &&
	       memcmp(key.at, id, HF_EVENT_ID_BYTES) == 0) {
		if (visit != NULL)
			err = visit(arg, value);
		if (err != HF_OK)
			break;
		(*out_count)++;
		err = hf_store_cursor_next(cursor, &key, &value, why);
	}
	hf_store_cursor_close(cursor);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

struct putting {
	const uint8_t *id;
	const char *name;
	bool is_put;
};

static enum hf_err put_once(void *arg, struct hf_store_txn *txn,
			    struct hf_why *why)
{
	struct putting *putting = arg;
	uint8_t key[KEY_BYTES];
	size_t count;
	enum hf_err err = each_name(txn, putting->id, NULL, NULL, &count, why);

	putting->is_put = err == HF_OK && count < HF_CASE_NAMES_MAX;
	if (!putting->is_put)
		return err;
	name_key(putting->id, putting->name, key);
	return hf_store_put(txn, NAMES, hf_span(key, sizeof(key)),
			    hf_span_of(putting->name), why);
}

enum hf_err hf_case_names_put(struct hf_store *store,
			      const uint8_t id[static HF_EVENT_ID_BYTES],
			      const char *name, bool *out_is_new,
			      struct hf_why *why)
{
	struct putting putting = { .id = id, .name = name };
	enum hf_err err;

	*out_is_new = false;
	if (name[0] == '\0' || hf_case_names_has(store, id, name))
		return HF_OK;
	err = hf_store_write(store, put_once, &putting, why);
	*out_is_new = err == HF_OK && putting.is_put;
	return err;
}

struct listing {
	struct hf_arena *arena;
	const char **names;
	size_t count;
};

static enum hf_err put_name(void *arg, struct hf_span name)
{
	struct listing *listing = arg;
	const char *copy = hf_arena_text(listing->arena, name);

	if (copy == NULL)
		return HF_E_NOMEM;
	listing->names[listing->count++] = copy;
	return HF_OK;
}

enum hf_err hf_case_names_list(struct hf_store *store,
			       const uint8_t id[static HF_EVENT_ID_BYTES],
			       struct hf_arena *arena,
			       const char *const **out_names, size_t *out_count,
			       struct hf_why *why)
{
	struct listing listing = { .arena = arena };
	struct hf_store_txn *view;
	size_t count;
	enum hf_err err = hf_store_view_begin(store, &view, why);

	if (err != HF_OK)
		return err;
	err = each_name(view, id, NULL, NULL, &count, why);
	if (err == HF_OK && count > 0) {
		listing.names =
			hf_arena_calloc(arena, count, sizeof(*listing.names));
		err = listing.names == NULL
			      ? hf_why(why, HF_E_NOMEM, "no memory")
			      : each_name(view, id, put_name, &listing, &count,
					  why);
	}
	hf_store_view_end(view);
	if (err != HF_OK)
		return err;
	*out_names = listing.names;
	*out_count = listing.count;
	return HF_OK;
}

bool hf_case_names_has(struct hf_store *store,
		       const uint8_t id[static HF_EVENT_ID_BYTES],
		       const char *name)
{
	uint8_t key[KEY_BYTES];
	struct hf_store_txn *view;
	struct hf_span value;
	bool has;

	if (hf_store_view_begin(store, &view, NULL) != HF_OK)
		return false;
	name_key(id, name, key);
	has = hf_store_get(view, NAMES, hf_span(key, sizeof(key)), &value,
			   NULL) == HF_OK;
	hf_store_view_end(view);
	return has;
}
