#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "file.h"
#include "text.h"

#include "inventory.h"

#define FIRST_LINE     "hashfed inventory 3"
#define OLD_FIRST_LINE "hashfed inventory 2" /* see inventory_rows.h */
#define LAST_LINE      "end"
#define BOOK_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define DIR_SIZE       2048

static const char *const shelf_words[HF_INVENTORY_SHELVES] = { "all", "told" };

struct hf_inventory {
	char dir[DIR_SIZE];
	int lock_fd;
	struct hf_shelf shelves[HF_INVENTORY_SHELVES];
	uint64_t next_number;
	struct hf_set_position *positions; /* owned, as the origins */
	size_t positions_count;
	uint64_t policy;
};

static void path_of(const struct hf_inventory *inventory, const char *name,
		    char out_path[static DIR_SIZE + 32])
{
	snprintf(out_path, DIR_SIZE + 32, "%s/%s", inventory->dir, name);
}

/* ---- positions ---- */

static void drop_positions(struct hf_inventory *inventory)
{
	for (size_t i = 0; i < inventory->positions_count; i++)
		free((char *)(uintptr_t)inventory->positions[i].origin);
	free(inventory->positions);
	inventory->positions = NULL;
	inventory->positions_count = 0;
}

static enum hf_err add_position(struct hf_inventory *inventory,
				struct hf_span origin, uint64_t position,
				struct hf_why *why)
{
	size_t count = inventory->positions_count;
	struct hf_set_position *positions =
		realloc(inventory->positions, (count + 1) * sizeof(*positions));
	char *copy;

	if (positions == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	inventory->positions = positions;
	copy = strndup((const char *)origin.at, origin.len_bytes);
	if (copy == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	positions[count] = (struct hf_set_position){ copy, position };
	inventory->positions_count++;
	return HF_OK;
}

enum hf_err hf_inventory_stand(struct hf_inventory *inventory,
			       const struct hf_set_position *positions,
			       size_t count, uint64_t policy,
			       struct hf_why *why)
{
	enum hf_err err = HF_OK;

	drop_positions(inventory);
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = add_position(inventory, hf_span_of(positions[i].origin),
				   positions[i].position, why);
	inventory->policy = policy;
	return err;
}

const struct hf_set_position *
hf_inventory_positions(const struct hf_inventory *inventory, size_t *out_count)
{
	*out_count = inventory->positions_count;
	return inventory->positions;
}

uint64_t hf_inventory_policy(const struct hf_inventory *inventory)
{
	return inventory->policy;
}

/* ---- the book: which files count ---- */

/* "word number [number]"; the rest of the line. */
static bool take_number(struct hf_span *line, uint64_t *out_number)
{
	const uint8_t *space = memchr(line->at, ' ', line->len_bytes);
	size_t len_bytes =
		space != NULL ? (size_t)(space - line->at) : line->len_bytes;
	size_t passed_bytes = len_bytes + (space != NULL);
	struct hf_span word = hf_span(line->at, len_bytes);

	*line = hf_span(line->at + passed_bytes,
			line->len_bytes - passed_bytes);
	return hf_text_u64(word, UINT64_MAX, out_number) == HF_OK;
}

static bool take_word(struct hf_span *line, const char *word)
{
	size_t len_bytes = strlen(word);

	if (line->len_bytes <= len_bytes ||
	    memcmp(line->at, word, len_bytes) != 0 ||
	    line->at[len_bytes] != ' ')
		return false;
	*line = hf_span(line->at + len_bytes + 1,
			line->len_bytes - len_bytes - 1);
	return true;
}

/* MALFORMED for a line that is none of ours. */
static enum hf_err take_line(struct hf_inventory *inventory,
			     struct hf_span line, struct hf_why *why)
{
	uint64_t number;

	if (take_word(&line, "next"))
		return take_number(&line, &inventory->next_number)
			       ? HF_OK
			       : HF_E_MALFORMED;
	if (take_word(&line, "policy"))
		return take_number(&line, &inventory->policy) ? HF_OK
							      : HF_E_MALFORMED;
	for (int i = 0; i < HF_INVENTORY_SHELVES; i++) {
		if (take_word(&line, shelf_words[i]))
			return take_number(&line, &number)
				       ? hf_shelf_add(&inventory->shelves[i],
						      number, why)
				       : HF_E_MALFORMED;
	}
	if (!take_word(&line, "set") || !take_number(&line, &number) ||
	    !hf_text_is_origin(line))
		return HF_E_MALFORMED;
	return add_position(inventory, line, number, why);
}

static enum hf_err parse_book(struct hf_inventory *inventory,
			      struct hf_span text, struct hf_why *why)
{
	struct hf_span line;
	enum hf_err err = HF_OK;

	if (!hf_text_line_take(&text, &line) ||
	    (!hf_span_is(line, FIRST_LINE) &&
	     !hf_span_is(line, OLD_FIRST_LINE)))
		return HF_E_MALFORMED;
	while (err == HF_OK && hf_text_line_take(&text, &line)) {
		if (hf_span_is(line, LAST_LINE))
			return text.len_bytes == 0 ? HF_OK : HF_E_MALFORMED;
		err = take_line(inventory, line, why);
	}
	return err != HF_OK ? err : HF_E_MALFORMED;
}

static enum hf_err read_book(struct hf_inventory *inventory, struct hf_why *why)
{
	char path[DIR_SIZE + 32];
	struct hf_buf book;
	enum hf_err err;

	path_of(inventory, "inventory", path);
	hf_buf_init(&book, BOOK_MAX_BYTES);
	err = hf_file_read(path, &book, why);
	if (err == HF_E_NOTFOUND) {
		err = HF_OK;
	} else if (err == HF_OK) {
		err = parse_book(inventory, hf_buf_span(&book), why);
		if (err == HF_E_MALFORMED || err == HF_E_NOTFOUND)
			err = hf_why(why, HF_E_CORRUPT,
				     "%s: not an inventory of this version: "
				     "--fresh begins a new one",
				     path);
	}
	hf_buf_release(&book);
	return err;
}

static enum hf_err write_book(struct hf_inventory *inventory,
			      struct hf_why *why)
{
	char path[DIR_SIZE + 32];
	struct hf_buf book;
	enum hf_err err;

	hf_buf_init(&book, BOOK_MAX_BYTES);
	hf_buf_printf(&book, FIRST_LINE "\nnext %llu\npolicy %llu\n",
		      (unsigned long long)inventory->next_number,
		      (unsigned long long)inventory->policy);
	for (int i = 0; i < HF_INVENTORY_SHELVES; i++) {
		const struct hf_shelf *shelf = &inventory->shelves[i];

		for (size_t j = 0; j < shelf->files_count; j++)
			hf_buf_printf(
				&book, "%s %llu\n", shelf_words[i],
				(unsigned long long)shelf->files[j].number);
	}
	for (size_t i = 0; i < inventory->positions_count; i++)
		hf_buf_printf(
			&book, "set %llu %s\n",
			(unsigned long long)inventory->positions[i].position,
			inventory->positions[i].origin);
	hf_buf_put_text(&book, LAST_LINE "\n");
	path_of(inventory, "inventory", path);
	err = hf_buf_failed(&book);
	err = err != HF_OK
		      ? hf_why(why, err, "inventory: no memory")
		      : hf_file_replace(path, hf_buf_span(&book), 0600, why);
	hf_buf_release(&book);
	return err;
}

static bool counts(const struct hf_inventory *inventory, uint64_t number)
{
	for (int i = 0; i < HF_INVENTORY_SHELVES; i++) {
		const struct hf_shelf *shelf = &inventory->shelves[i];

		for (size_t j = 0; j < shelf->files_count; j++) {
			if (shelf->files[j].number == number)
				return true;
		}
	}
	return false;
}

/* Files that the book does not name: merged ones, and what a run that was
 * killed had begun.  What cannot be removed goes next time. */
static void remove_others(const struct hf_inventory *inventory)
{
	DIR *dir = opendir(inventory->dir);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		struct hf_span name = hf_span_of(entry->d_name);
		char path[DIR_SIZE + 32];
		uint64_t number;

		if (name.len_bytes <= 5 || memcmp(name.at, "rows.", 5) != 0 ||
		    hf_text_u64(hf_span(name.at + 5, name.len_bytes - 5),
				UINT64_MAX, &number) != HF_OK ||
		    counts(inventory, number))
			continue;
		hf_shelf_path(inventory->dir, number, path, sizeof(path));
		(void)unlink(path);
	}
	closedir(dir);
}

/* ---- the whole ---- */

static enum hf_err lock(struct hf_inventory *inventory, struct hf_why *why)
{
	char path[DIR_SIZE + 32];

	path_of(inventory, "lock", path);
	inventory->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (inventory->lock_fd < 0)
		return hf_why_errno(why, "%s", path);
	if (flock(inventory->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return HF_OK;
	if (errno != EWOULDBLOCK)
		return hf_why_errno(why, "%s", path);
	return hf_why(why, HF_E_CONFLICT,
		      "another scan is using the inventory in %s",
		      inventory->dir);
}

enum hf_err hf_inventory_open(const char *dir, bool is_fresh,
			      struct hf_inventory **out_inventory,
			      struct hf_why *why)
{
	struct hf_inventory *inventory = calloc(1, sizeof(*inventory));
	enum hf_err err;

	if (inventory == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	inventory->lock_fd = -1;
	inventory->next_number = 1;
	for (int i = 0; i < HF_INVENTORY_SHELVES; i++)
		hf_shelf_init(&inventory->shelves[i], inventory->dir);
	if (strlen(dir) >= sizeof(inventory->dir))
		err = hf_why(why, HF_E_LIMIT,
			     "the inventory's directory: a path too long");
	else
		err = hf_file_mkdirs(dir, 0700, why);
	if (err == HF_OK) {
		strcpy(inventory->dir, dir);
		err = lock(inventory, why);
	}
	if (err == HF_OK)
		err = is_fresh ? write_book(inventory, why)
			       : read_book(inventory, why);
	if (err != HF_OK) {
		hf_inventory_close(inventory);
		return err;
	}
	remove_others(inventory);
	*out_inventory = inventory;
	return HF_OK;
}

void hf_inventory_close(struct hf_inventory *inventory)
{
	if (inventory == NULL)
		return;
	for (int i = 0; i < HF_INVENTORY_SHELVES; i++)
		hf_shelf_release(&inventory->shelves[i]);
	drop_positions(inventory);
	if (inventory->lock_fd >= 0)
		close(inventory->lock_fd);
	free(inventory);
}

enum hf_err hf_inventory_save(struct hf_inventory *inventory,
			      struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (int i = 0; i < HF_INVENTORY_SHELVES && err == HF_OK; i++)
		err = hf_shelf_flush(&inventory->shelves[i],
				     &inventory->next_number, why);
	/* The names of the files before the book that has them. */
	if (err == HF_OK)
		err = hf_file_sync_dir(inventory->dir, why);
	if (err == HF_OK)
		err = write_book(inventory, why);
	if (err == HF_OK)
		remove_others(inventory);
	return err;
}

enum hf_err hf_inventory_settle(struct hf_inventory *inventory,
				enum hf_inventory_shelf shelf,
				struct hf_why *why)
{
	return hf_shelf_settle(&inventory->shelves[shelf],
			       &inventory->next_number, why);
}

enum hf_err hf_inventory_put(struct hf_inventory *inventory,
			     enum hf_inventory_shelf shelf,
			     const struct hf_row *row, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (hf_shelf_is_full(&inventory->shelves[shelf]))
		err = hf_inventory_save(inventory, why);
	return err == HF_OK ? hf_shelf_put(&inventory->shelves[shelf], row, why)
			    : err;
}

enum hf_err hf_inventory_gone(struct hf_inventory *inventory,
			      enum hf_inventory_shelf shelf, const char *path,
			      struct hf_why *why)
{
	const struct hf_row row = { .path = path, .note = HF_ROW_GONE };

	return hf_inventory_put(inventory, shelf, &row, why);
}

const struct hf_shelf *hf_inventory_shelf(const struct hf_inventory *inventory,
					  enum hf_inventory_shelf shelf)
{
	return &inventory->shelves[shelf];
}
