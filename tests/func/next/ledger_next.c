/*
 * The formats of a ledger that only tests know: "hashfed-ledger/2" has every
 * value of a set's table turned round, bit by bit, and "hashfed-ledger/3" has
 * them as they are in "hashfed-ledger/1", which the rest of the daemon reads.
 * So a value that a step left out, or had twice, is damage that verification
 * finds.
 *
 * Before each part it waits for a byte from the named pipe HF_TEST_GATE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "ledger_format.h"

#define PART_ROWS 100
#define SETS_MAX  64

const char hf_ledger_format[] = "hashfed-ledger/3";

/* Where a part begins: behind this row of this set's table. */
struct mark {
	uint32_t set;
	uint32_t key_len_bytes;
	uint8_t key[64];
};

static void wait_at_gate(void)
{
	const char *path = getenv("HF_TEST_GATE");
	ssize_t count = 0;
	char byte;

	/* An end without a byte is of whoever let the part before through, and
	 * had not let go of the pipe yet. */
	while (path != NULL && count == 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return;
		count = read(fd, &byte, 1);
		if (count < 0)
			abort();
		close(fd);
	}
}

static enum hf_err table_of(struct hf_store_txn *txn, uint32_t set,
			    size_t *out_table, struct hf_why *why)
{
	char name[32];

	snprintf(name, sizeof(name), "set-%08x", set);
	return hf_store_table(txn, name, out_table, why);
}

static enum hf_err turn(struct hf_store_txn *txn, size_t table,
			struct hf_span key, struct hf_span value,
			struct hf_why *why)
{
	uint8_t *turned = malloc(value.len_bytes + 1);
	enum hf_err err;

	if (turned == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < value.len_bytes; i++)
		turned[i] = value.at[i] ^ 0xff;
	err = hf_store_put(txn, table, key, hf_span(turned, value.len_bytes),
			   why);
	free(turned);
	return err;
}

/* The row behind the mark; NOTFOUND at the end of its table. */
static enum hf_err turn_next(struct hf_store_txn *txn, size_t table,
			     struct mark *mark, struct hf_why *why)
{
	struct hf_span from = hf_span(mark->key, mark->key_len_bytes);
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err = hf_store_cursor_open(txn, table, &cursor, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, from, &key, &value, why);
	if (err == HF_OK && from.len_bytes > 0 && hf_span_equal(key, from))
		err = hf_store_cursor_next(cursor, &key, &value, why);
	if (err == HF_OK && key.len_bytes > sizeof(mark->key))
		err = hf_why(why, HF_E_LIMIT, "a key is too long");
	if (err == HF_OK) {
		memcpy(mark->key, key.at, key.len_bytes);
		mark->key_len_bytes = (uint32_t)key.len_bytes;
		err = turn(txn, table, hf_span(mark->key, mark->key_len_bytes),
			   value, why);
	}
	hf_store_cursor_close(cursor);
	return err;
}

/* Rows up to the mark, and in all. */
static enum hf_err count(struct hf_store_txn *txn, const struct mark *mark,
			 struct hf_store_part *part, struct hf_why *why)
{
	for (uint32_t set = 1; set <= SETS_MAX; set++) {
		struct hf_store_cursor *cursor;
		struct hf_span key, value;
		bool is_before = set <= mark->set;
		size_t table;
		enum hf_err err = table_of(txn, set, &table, why);

		if (err == HF_OK)
			err = hf_store_cursor_open(txn, table, &cursor, why);
		if (err != HF_OK)
			return err;
		err = hf_store_cursor_seek(cursor, hf_span("", 0), &key, &value,
					   why);
		for (; err == HF_OK;
		     err = hf_store_cursor_next(cursor, &key, &value, why)) {
			part->total++;
			part->done += is_before;
			if (set == mark->set &&
			    hf_span_equal(key, hf_span(mark->key,
						       mark->key_len_bytes)))
				is_before = false;
		}
		hf_store_cursor_close(cursor);
		if (err != HF_E_NOTFOUND)
			return err;
	}
	return HF_OK;
}

static enum hf_err turn_rows(struct hf_store_txn *txn,
			     struct hf_store_part *part, struct hf_why *why)
{
	struct mark mark = { .set = 1 };
	enum hf_err err = HF_OK;

	wait_at_gate();
	if (part->mark->len_bytes == sizeof(mark))
		memcpy(&mark, part->mark->at, sizeof(mark));
	for (int rows = 0; rows < PART_ROWS && mark.set <= SETS_MAX;) {
		size_t table;

		err = table_of(txn, mark.set, &table, why);
		if (err == HF_OK)
			err = turn_next(txn, table, &mark, why);
		if (err == HF_E_NOTFOUND)
			mark = (struct mark){ .set = mark.set + 1 };
		else if (err != HF_OK)
			return err;
		else
			rows++;
	}
	err = count(txn, &mark, part, why);
	hf_buf_reset(part->mark);
	hf_buf_put(part->mark, hf_span(&mark, sizeof(mark)));
	part->is_done = mark.set > SETS_MAX;
	return err;
}

static const struct hf_store_step steps[] = {
	{ "hashfed-ledger/1", "hashfed-ledger/2", turn_rows },
	{ "hashfed-ledger/2", "hashfed-ledger/3", turn_rows },
};

const struct hf_store_step *const hf_ledger_steps = steps;
const size_t hf_ledger_steps_count = sizeof(steps) / sizeof(steps[0]);
