#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "duty.h"

#include "cmd.h"
#include "cutter.h"
#include "scan_lookup.h"
#include "scan_news.h"
#include "scan_rate.h"
#include "scan_run.h"
#include "scan_walk.h"

/* While a rate holds us up, answers and interruptions are looked at so often.
 */
#define SLICE_US ((uint64_t)100 * 1000)

/* A file that is being read. */
struct reading {
	uint32_t stamp;
	uint8_t told;
	char path[]; /* in the inventory */
};

struct scan {
	struct hf_cmd *cmd;
	const struct hf_scan_root *roots; /* borrowed */
	size_t roots_count;
	struct hf_client *client;
	struct hf_inventory *inventory;
	struct hf_scan_news *news;
	struct hf_scan_lookup lookup;
	struct hf_media *media;
	struct hf_scan_rate rate;
	struct hf_shelf_cursor *all, *told; /* of the inventory as it began */
	const struct hf_row *all_row;       /* the next one; NULL: no more */
	const struct hf_row *told_row;      /* likewise */
	uint64_t visited;                   /* of the current root */
	size_t root;                        /* the current one */
	enum hf_err err;                    /* of a result */
	struct hf_why why;
};

/* ---- rows that are there already ---- */

static enum hf_err step(struct hf_shelf_cursor *cursor,
			const struct hf_row **row, struct hf_why *why)
{
	enum hf_err err = hf_shelf_next(cursor, row, why);

	if (err == HF_E_NOTFOUND)
		*row = NULL;
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err begin_rows(struct scan *scan, struct hf_why *why)
{
	enum hf_err err = hf_shelf_begin(
		hf_inventory_shelf(scan->inventory, HF_INVENTORY_ALL),
		&scan->all, why);

	if (err == HF_OK)
		err = hf_shelf_begin(
			hf_inventory_shelf(scan->inventory, HF_INVENTORY_TOLD),
			&scan->told, why);
	if (err == HF_OK)
		err = step(scan->all, &scan->all_row, why);
	return err == HF_OK ? step(scan->told, &scan->told_row, why) : err;
}

/* What was told of this file; paths come in order. */
static enum hf_err told_of(struct scan *scan, const char *path, uint8_t *out,
			   struct hf_why *why)
{
	enum hf_err err = HF_OK;

	*out = 0;
	while (err == HF_OK && scan->told_row != NULL) {
		int order = hf_row_compare(scan->told_row->path, path);

		if (order == 0)
			*out = scan->told_row->note;
		if (order >= 0)
			break;
		err = step(scan->told, &scan->told_row, why);
	}
	return err;
}

/* Look a row up if it may match something new, or did match. */
static enum hf_err hold(struct scan *scan, const struct hf_row *row,
			enum hf_scan_how how, const char *shown, uint8_t told,
			struct hf_why *why)
{
	struct hf_scan_file file = {
		.how = how,
		.shown = shown,
		.path = row->path,
		.told = told,
	};

	if (told == 0 && !hf_scan_news_concern(scan->news, row))
		return HF_OK;
	hf_scan_result_of(row, row->path, &file.result);
	return hf_scan_lookup_add(&scan->lookup, &file, why);
}

/* A row that was not seen: kept where nobody looked, gone where its file was
 * to be. */
static enum hf_err pass_row(struct scan *scan, bool is_gone, struct hf_why *why)
{
	const struct hf_row *row = scan->all_row;
	uint8_t told;
	enum hf_err err = told_of(scan, row->path, &told, why);

	if (err == HF_OK && !is_gone) {
		scan->lookup.counts.files++;
		err = hold(scan, row, HF_SCAN_KEPT, row->path, told, why);
	}
	if (err == HF_OK && is_gone) {
		scan->lookup.counts.gone++;
		err = hf_inventory_gone(scan->inventory, HF_INVENTORY_ALL,
					row->path, why);
		if (err == HF_OK && told != 0)
			err = hf_inventory_gone(scan->inventory,
						HF_INVENTORY_TOLD, row->path,
						why);
	}
	if (err == HF_OK && hf_cmd_is_interrupted())
		err = hf_why(why, HF_E_CANCELLED, "interrupted");
	return err == HF_OK ? step(scan->all, &scan->all_row, why) : err;
}

/* Rows before path: those of the current root are gone. */
static enum hf_err pass_before(struct scan *scan, const char *path,
			       struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && scan->all_row != NULL &&
	       hf_row_compare(scan->all_row->path, path) < 0)
		err = pass_row(scan,
			       hf_row_is_under(scan->all_row->path,
					       scan->roots[scan->root].real),
			       why);
	return err;
}

static enum hf_err pass_under(struct scan *scan, const char *directory,
			      bool is_gone, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && scan->all_row != NULL &&
	       hf_row_is_under(scan->all_row->path, directory))
		err = pass_row(scan, is_gone, why);
	return err;
}

/* ---- files ---- */

static void take_result(struct scan *scan, const struct hf_media_result *result)
{
	struct reading *reading = result->tag;
	struct hf_scan_file file = {
		.how = HF_SCAN_READ,
		.shown = result->path,
		.path = reading->path,
		.stamp = reading->stamp,
		.told = reading->told,
		.result = *result,
	};

	/* One that went away since was not there. */
	if (result->err == HF_E_NOTFOUND) {
		scan->lookup.counts.files--;
		return;
	}
	scan->lookup.counts.read += result->err == HF_OK;
	scan->lookup.counts.failed += result->err != HF_OK;
	if (result->err == HF_OK)
		scan->err =
			hf_scan_lookup_add(&scan->lookup, &file, &scan->why);
	/* An image that does not decode was still looked up exactly. */
	if (scan->err == HF_OK &&
	    (result->err != HF_OK ||
	     (result->pdq_err != HF_OK && result->pdq_err != HF_E_UNSUPPORTED)))
		scan->err = hf_scan_complain(&scan->lookup, result->path,
					     result->why.text, &scan->why);
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct scan *scan = arg;

	/* Cancelled files were not looked at: they come again. */
	if (scan->err == HF_OK && result->err != HF_E_CANCELLED)
		take_result(scan, result);
	free(result->tag);
}

/* Between two files. */
static enum hf_err attend(struct scan *scan, struct hf_why *why)
{
	enum hf_err err = hf_scan_lookup_poll(&scan->lookup, why);

	if (err == HF_OK && hf_cmd_is_interrupted())
		err = hf_why(why, HF_E_CANCELLED, "interrupted");
	if (err == HF_OK && scan->err != HF_OK) {
		*why = scan->why;
		err = scan->err;
	}
	return err;
}

/* Wait until the rate lets one more file be read. */
static enum hf_err keep_rate(struct scan *scan, uint64_t size_bytes,
			     struct hf_why *why)
{
	uint64_t wait_us;
	enum hf_err err = HF_OK;

	while (err == HF_OK && (wait_us = hf_scan_rate_wait_us(
					&scan->rate, hf_clock_mono_us())) > 0) {
		(void)hf_media_poll(scan->media);
		err = attend(scan, why);
		poll(NULL, 0,
		     (int)((wait_us < SLICE_US ? wait_us : SLICE_US) / 1000 +
			   1));
	}
	hf_scan_rate_take(&scan->rate, size_bytes);
	return err;
}

static enum hf_err read_file(struct scan *scan, const char *shown,
			     const char *path, const struct stat *is,
			     uint8_t told, struct hf_why *why)
{
	size_t path_bytes = strlen(path) + 1;
	struct reading *reading;
	enum hf_err err = keep_rate(scan, (uint64_t)is->st_size, why);

	if (err != HF_OK)
		return err;
	reading = malloc(sizeof(*reading) + path_bytes);
	if (reading == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a path");
	reading->stamp = hf_scan_stamp_of(is, hf_clock_wall_ms() / 1000);
	reading->told = told;
	memcpy(reading->path, path, path_bytes);
	err = hf_media_add(scan->media, shown, reading, why);
	if (err != HF_OK)
		free(reading);
	return err;
}

/* A file that is there; row is what is known of it, or NULL. */
static enum hf_err take_file(struct scan *scan, const char *shown,
			     const char *path, const struct stat *is,
			     const struct hf_row *row, uint8_t told,
			     struct hf_why *why)
{
	enum hf_err err;

	scan->lookup.counts.files++;
	if (row != NULL && hf_scan_row_holds(row, is, scan->lookup.depth)) {
		scan->lookup.counts.unchanged++;
		err = hold(scan, row, HF_SCAN_HERE, shown, told, why);
	} else {
		err = read_file(scan, shown, path, is, told, why);
	}
	return err == HF_OK ? attend(scan, why) : err;
}

/* ---- directories ---- */

/* What a path below a root is in the inventory. */
static enum hf_err real_path(const struct scan *scan, size_t root,
			     const char *path, char *out, struct hf_why *why)
{
	const struct hf_scan_root *is = &scan->roots[root];
	const char *rest = path + strlen(is->given);
	size_t real_bytes = strlen(is->real);

	while (*rest == '/')
		rest++;
	if (snprintf(out, HF_ROW_PATH_SIZE, "%s%s%s", is->real,
		     *rest == '\0' || is->real[real_bytes - 1] == '/' ? ""
								      : "/",
		     rest) >= HF_ROW_PATH_SIZE)
		return hf_why(why, HF_E_LIMIT, "a path too long");
	return HF_OK;
}

static enum hf_err visit(void *arg, size_t root, const char *shown,
			 const struct stat *is, struct hf_why *why)
{
	struct scan *scan = arg;
	const struct hf_row *row = NULL;
	char path[HF_ROW_PATH_SIZE];
	uint8_t told = 0;
	enum hf_err err = real_path(scan, root, shown, path, why);

	if (err == HF_E_LIMIT) {
		scan->lookup.counts.failed++;
		return hf_scan_complain(&scan->lookup, shown, why->text, why);
	}
	scan->root = root;
	scan->visited++;
	err = pass_before(scan, path, why);
	if (err == HF_OK)
		err = told_of(scan, path, &told, why);
	if (err == HF_OK && scan->all_row != NULL &&
	    strcmp(scan->all_row->path, path) == 0)
		row = scan->all_row;
	if (err == HF_OK)
		err = take_file(scan, shown, path, is, row, told, why);
	return err == HF_OK && row != NULL
		       ? step(scan->all, &scan->all_row, why)
		       : err;
}

/* Nobody knows what is in it: what was, is kept. */
static enum hf_err on_bad_dir(void *arg, size_t root, const char *shown,
			      const char *sentence, struct hf_why *why)
{
	struct scan *scan = arg;
	char path[HF_ROW_PATH_SIZE];
	enum hf_err err = real_path(scan, root, shown, path, why);

	scan->root = root;
	scan->visited++;
	scan->lookup.counts.failed++;
	if (err == HF_OK)
		err = pass_before(scan, path, why);
	if (err == HF_OK)
		err = pass_under(scan, path, false, why);
	if (err != HF_OK && err != HF_E_LIMIT)
		return err;
	return hf_scan_complain(&scan->lookup, shown, sentence, why);
}

/* A directory in which there is nothing any more is most likely a file system
 * that is not mounted. */
static enum hf_err leave(void *arg, size_t root, struct hf_why *why)
{
	struct scan *scan = arg;
	const char *real = scan->roots[root].real;
	bool is_empty = scan->visited == 0;
	enum hf_err err;

	scan->root = root;
	scan->visited = 0;
	err = pass_before(scan, real, why);
	if (err == HF_OK && is_empty && scan->all_row != NULL &&
	    hf_row_is_under(scan->all_row->path, real)) {
		scan->lookup.counts.failed++;
		err = hf_scan_complain(&scan->lookup, scan->roots[root].given,
				       "nothing is in it, where there was "
				       "before: is it mounted?  What is known "
				       "of its files is kept, but for --fresh",
				       why);
	}
	return err == HF_OK ? pass_under(scan, real, !is_empty, why) : err;
}

static enum hf_err walk(struct scan *scan, struct hf_why *why)
{
	const struct hf_scan_visitor visitor = {
		.visit = visit, .fail = on_bad_dir, .leave = leave, .arg = scan
	};
	char **given = calloc(scan->roots_count + 1, sizeof(*given));
	enum hf_err err;

	if (given == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < scan->roots_count; i++)
		given[i] = scan->roots[i].given;
	err = hf_scan_walk(given, scan->roots_count, &visitor, why);
	free(given);
	/* Rows of nothing that was named. */
	while (err == HF_OK && scan->all_row != NULL)
		err = pass_row(scan, false, why);
	return err;
}

/* ---- lists ---- */

static enum hf_err take_listed(struct scan *scan, const char *shown,
			       struct hf_why *why)
{
	const struct hf_row *row = NULL, *told_row = NULL;
	char path[2 * HF_ROW_PATH_SIZE], here[PATH_MAX];
	struct stat is;
	enum hf_err err;

	snprintf(path, sizeof(path), "%s%s%s",
		 shown[0] != '/' && getcwd(here, sizeof(here)) != NULL ? here
								       : "",
		 shown[0] != '/' ? "/" : "", shown);
	if (strlen(path) >= HF_ROW_PATH_SIZE) {
		scan->lookup.counts.failed++;
		return hf_scan_complain(&scan->lookup, shown, "a path too long",
					why);
	}
	err = hf_shelf_find(scan->all, path, &row, why);
	if (err == HF_OK || err == HF_E_NOTFOUND)
		err = hf_shelf_find(scan->told, path, &told_row, why);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	if (stat(shown, &is) != 0) {
		struct hf_why because = { "" };

		if (errno == ENOENT && row != NULL) {
			scan->lookup.counts.gone++;
			err = hf_inventory_gone(scan->inventory,
						HF_INVENTORY_ALL, path, why);
			return err == HF_OK && told_row != NULL
				       ? hf_inventory_gone(scan->inventory,
							   HF_INVENTORY_TOLD,
							   path, why)
				       : err;
		}
		(void)hf_why_errno(&because, "look at it");
		scan->lookup.counts.failed++;
		return hf_scan_complain(&scan->lookup, shown, because.text,
					why);
	}
	return take_file(scan, shown, path, &is, row,
			 told_row != NULL ? told_row->note : 0, why);
}

static enum hf_err take_piece(struct scan *scan, struct hf_span piece,
			      struct hf_why *why)
{
	char shown[HF_ROW_PATH_SIZE];

	if (piece.len_bytes == 0)
		return HF_OK;
	if (memchr(piece.at, 0, piece.len_bytes) != NULL) {
		scan->lookup.counts.failed++;
		return hf_scan_complain(&scan->lookup, "--files-from",
					"a path with a zero byte", why);
	}
	memcpy(shown, piece.at, piece.len_bytes);
	shown[piece.len_bytes] = '\0';
	return take_listed(scan, shown, why);
}

static enum hf_err take_list(struct scan *scan, struct hf_why *why)
{
	const char *name = hf_cmd_option(scan->cmd, HF_CMD_FILES_FROM);
	bool is_stdin = strcmp(name, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	struct hf_cutter cutter;
	enum hf_err err;

	if (fd < 0)
		return hf_why_errno(why, "%s", name);
	err = hf_cutter_init(&cutter,
			     hf_cmd_has(scan->cmd, HF_CMD_ZERO) ? '\0' : '\n',
			     HF_ROW_PATH_SIZE - 1, why);
	while (err == HF_OK) {
		struct hf_span piece;
		enum hf_err taking = hf_cutter_take(&cutter, &piece);

		if (taking == HF_E_NOTFOUND && cutter.is_over)
			break;
		if (taking == HF_OK) {
			err = take_piece(scan, piece, why);
		} else if (taking == HF_E_LIMIT) {
			scan->lookup.counts.failed++;
			err = hf_scan_complain(&scan->lookup, "--files-from",
					       "a path too long", why);
		} else {
			err = hf_cutter_read(&cutter, fd, why);
			if (err == HF_OK && hf_cmd_is_interrupted())
				err = hf_why(why, HF_E_CANCELLED,
					     "interrupted");
		}
	}
	hf_cutter_release(&cutter);
	if (!is_stdin)
		close(fd);
	return err;
}

/* ---- the run ---- */

/* Everything that was read is looked up, also when we are to stop. */
static enum hf_err drain(struct scan *scan, enum hf_err err, struct hf_why *why)
{
	struct hf_why later = { "" };
	enum hf_err draining = HF_OK;

	if (err != HF_OK && scan->media != NULL)
		hf_media_cancel(scan->media);
	if (scan->media != NULL)
		hf_media_finish(scan->media);
	if (err == HF_OK && scan->err != HF_OK) {
		*why = scan->why;
		err = scan->err;
	}
	if (err == HF_OK || err == HF_E_CANCELLED)
		draining = hf_scan_lookup_finish(&scan->lookup, &later);
	hf_progress_clear(&scan->lookup.progress);
	if (err == HF_OK && draining != HF_OK) {
		*why = later;
		err = draining;
	}
	return err;
}

static enum hf_err run(struct scan *scan, struct hf_why *why)
{
	bool is_list = hf_cmd_has(scan->cmd, HF_CMD_FILES_FROM);
	/* Of an inventory that is new, nothing is older than the news. */
	bool was_empty = hf_inventory_policy(scan->inventory) == 0 &&
			 scan->all_row == NULL;
	struct hf_why later = { "" };
	enum hf_err err, saving;

	hf_cmd_catch_signals();
	err = is_list ? take_list(scan, why) : walk(scan, why);
	err = drain(scan, err, why);
	if (err == HF_OK && (!is_list || was_empty))
		err = hf_scan_news_stand(scan->news, scan->inventory, why);
	/* A verdict that was withdrawn goes with the entry that gave it. */
	if (err == HF_OK)
		err = hf_inventory_settle(scan->inventory, HF_INVENTORY_TOLD,
					  why);
	saving = hf_scan_lookup_save(&scan->lookup, &later);
	if (err == HF_OK && saving != HF_OK) {
		*why = later;
		err = saving;
	} else if (saving != HF_OK) {
		fprintf(stderr, "hashfed: %s\n", later.text);
	} else if (err != HF_OK) {
		fprintf(stderr,
			"hashfed: stopped after %llu files: the same command "
			"goes on from there\n",
			(unsigned long long)scan->lookup.counts.files);
	}
	return err;
}

static enum hf_err open_all(struct scan *scan, const char *dir,
			    struct hf_why *why)
{
	struct hf_cmd *cmd = scan->cmd;
	const char *rate = hf_cmd_option(cmd, HF_CMD_RATE);
	enum hf_err err = HF_OK;

	if (rate != NULL)
		err = hf_scan_rate_parse(hf_span_of(rate), hf_clock_mono_us(),
					 &scan->rate, why);
	if (err == HF_OK)
		err = hf_inventory_open(dir, hf_cmd_has(cmd, HF_CMD_FRESH),
					&scan->inventory, why);
	if (err == HF_OK)
		err = begin_rows(scan, why);
	if (err == HF_OK)
		err = hf_cmd_connect(cmd, HF_DUTY_SCANNER, &scan->client, why);
	if (err == HF_OK)
		err = hf_scan_news_get(scan->client, scan->inventory,
				       hf_cmd_has(cmd, HF_CMD_REMEMBER),
				       &scan->news, why);
	if (err == HF_OK)
		err = hf_scan_lookup_begin(&scan->lookup, cmd, scan->client,
					   scan->inventory, why);
	if (err == HF_OK && !hf_cmd_has(cmd, HF_CMD_UPDATE))
		err = hf_cmd_media(cmd, on_result, scan, &scan->media, why);
	if (hf_cmd_has(cmd, HF_CMD_QUICK))
		scan->lookup.depth = HF_SCAN_QUICK;
	else if (scan->media != NULL && !hf_media_has_video(scan->media))
		scan->lookup.depth = HF_SCAN_PICTURES;
	else
		scan->lookup.depth = HF_SCAN_FULL;
	return err;
}

static void close_all(struct scan *scan)
{
	hf_media_close(scan->media);
	hf_scan_lookup_end(&scan->lookup);
	hf_client_close(scan->client);
	hf_scan_news_free(scan->news);
	hf_shelf_end(scan->all);
	hf_shelf_end(scan->told);
	hf_inventory_close(scan->inventory);
}

enum hf_err hf_scan_run(struct hf_cmd *cmd, const struct hf_scan_root *roots,
			size_t roots_count, const char *dir, struct hf_why *why)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	const struct hf_scan_counts *counts;
	enum hf_err err;

	if (scan == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	scan->cmd = cmd;
	scan->roots = roots;
	scan->roots_count = roots_count;
	err = open_all(scan, dir, why);
	if (err == HF_OK)
		err = run(scan, why);
	if (err == HF_OK)
		err = hf_scan_summary(&scan->lookup, why);
	counts = &scan->lookup.counts;
	if (hf_scan_matched(counts) > 0)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	else if (counts->failed > 0 && cmd->exit_code == HF_CMD_EXIT_OK)
		cmd->exit_code = HF_CMD_EXIT_NO;
	close_all(scan);
	free(scan);
	return err;
}
