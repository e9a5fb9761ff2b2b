#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "duty.h"
#include "sha256.h"

#include "import_list.h"
#include "import_seen.h"
#include "publish.h"
#include "show.h"

#define PATH_SIZE          4096
#define ARENA_MAX_BYTES    ((size_t)1024 * 1024)
#define REJECT_SHOWN_BYTES 200
#define SHOW_EVERY         4096

struct import {
	struct hf_cmd *cmd;
	struct hf_publish_plan *plan;
	const char *path;
	struct stat is;
	struct hf_span text; /* mapped */
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_import_list list; /* as it begins */
	struct hf_import_seen seen;
	struct hf_arena arena; /* of one row */
	struct hf_progress progress;
	/* what the first pass found */
	uint64_t good_count; /* first with their hash */
	struct hf_publish_left left;
	char rejects_path[PATH_SIZE];
	FILE *rejects;
	uint64_t first_bad_line;
	struct hf_why first_bad;
};

/* ---- the file ---- */

static enum hf_err open_list(struct import *import, struct hf_why *why)
{
	int fd = open(import->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum hf_err err = HF_OK;
	void *at;

	if (fd < 0)
		return hf_why_errno(why, "%s", import->path);
	if (fstat(fd, &import->is) != 0)
		err = hf_why_errno(why, "%s", import->path);
	else if (!S_ISREG(import->is.st_mode))
		err = hf_why(why, HF_E_ARGUMENT,
			     "%s: not a regular file: a list is read twice",
			     import->path);
	else if (import->is.st_size == 0)
		err = hf_why(why, HF_E_ARGUMENT, "%s: an empty file",
			     import->path);
	if (err != HF_OK)
		goto out_close;
	at = mmap(NULL, (size_t)import->is.st_size, PROT_READ, MAP_PRIVATE, fd,
		  0);
	if (at == MAP_FAILED) {
		err = hf_why_errno(why, "%s", import->path);
		goto out_close;
	}
	(void)madvise(at, (size_t)import->is.st_size, MADV_SEQUENTIAL);
	import->text = hf_span(at, (size_t)import->is.st_size);
out_close:
	close(fd);
	return err;
}

/* What was validated must be what is published. */
static enum hf_err check_unchanged(const struct import *import,
				   struct hf_why *why)
{
	struct stat now;

	if (stat(import->path, &now) != 0)
		return hf_why_errno(why, "%s", import->path);
	if (now.st_ino != import->is.st_ino ||
	    now.st_size != import->is.st_size ||
	    now.st_mtim.tv_sec != import->is.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != import->is.st_mtim.tv_nsec)
		return hf_why(why, HF_E_CONFLICT,
			      "%s: changed while it was read; nothing was "
			      "published",
			      import->path);
	return HF_OK;
}

/* ---- one row ---- */

/* The item of a row; hash and labels are the caller's memory. */
static enum hf_err make_item(const struct import *import,
			     const struct hf_import_row *row,
			     struct hf_hash *hash, struct hf_label *labels,
			     struct hf_item *out_item, struct hf_why *why)
{
	const struct hf_item *common = &import->plan->item;

	*out_item = *common;
	*hash = (struct hf_hash){ .algorithm =
					  (enum hf_algorithm)row->algorithm,
				  .digest = { row->digest, row->len_bytes } };
	out_item->hashes = hash;
	out_item->hashes_count = 1;
	out_item->media_kind = (enum hf_item_kind)row->media_kind;
	if (row->labels_count == 0)
		return HF_OK;
	if (common->labels_count + row->labels_count > HF_ITEM_MAX_LABELS)
		return hf_why(why, HF_E_LIMIT,
			      "%zu labels, --label included; %d are allowed",
			      common->labels_count + row->labels_count,
			      HF_ITEM_MAX_LABELS);
	memcpy(labels, common->labels, common->labels_count * sizeof(*labels));
	memcpy(labels + common->labels_count, row->labels,
	       row->labels_count * sizeof(*labels));
	out_item->labels = labels;
	out_item->labels_count = common->labels_count + row->labels_count;
	return HF_OK;
}

static enum hf_err reject(struct import *import,
			  const struct hf_import_row *row,
			  const struct hf_why *because, struct hf_why *why)
{
	char shown[REJECT_SHOWN_BYTES + 1];
	size_t count = row->text.len_bytes < REJECT_SHOWN_BYTES
			       ? row->text.len_bytes
			       : REJECT_SHOWN_BYTES;

	if (import->left.rejected++ == 0) {
		import->first_bad_line = row->line;
		import->first_bad = *because;
		import->rejects = fopen(import->rejects_path, "we");
		if (import->rejects == NULL)
			return hf_why_errno(why, "%s", import->rejects_path);
	}
	memcpy(shown, row->text.at, count);
	for (size_t i = 0; i < count; i++) {
		if (shown[i] == '\0')
			shown[i] = '?';
	}
	shown[count] = '\0';
	fprintf(import->rejects, "%llu: %s: ", (unsigned long long)row->line,
		because->text);
	hf_show_escaped(import->rejects, shown);
	fputc('\n', import->rejects);
	return HF_OK;
}

/* ---- the first pass: judge every line ---- */

static enum hf_err judge_row(struct import *import,
			     const struct hf_import_row *row,
			     struct hf_why *why)
{
	struct hf_label labels[HF_ITEM_MAX_LABELS];
	struct hf_why because = { "" };
	struct hf_hash hash;
	struct hf_item item;
	bool is_first = false;
	enum hf_err err =
		make_item(import, row, &hash, labels, &item, &because);

	if (err == HF_OK)
		err = hf_item_check(&item, 1, &because);
	if (err == HF_E_NOMEM)
		return hf_why(why, err, "%s", because.text);
	if (err != HF_OK)
		return reject(import, row, &because, why);
	err = hf_import_seen_add(&import->seen, row, &is_first, why);
	if (err == HF_OK && is_first)
		import->good_count++;
	else if (err == HF_OK)
		import->left.repeated++;
	return err;
}

static enum hf_err judge_all(struct import *import, struct hf_why *why)
{
	struct hf_import_list list = import->list;
	struct hf_import_row row;
	uint64_t rows_count = 0;

	for (;;) {
		struct hf_why because = { "" };
		enum hf_err err;

		hf_arena_reset(&import->arena);
		err = hf_import_list_next(&list, &import->arena, &row,
					  &because);
		if (err == HF_E_NOTFOUND)
			return HF_OK;
		if (err == HF_E_NOMEM)
			return hf_why(why, err, "%s", because.text);
		err = err == HF_OK ? judge_row(import, &row, why)
				   : reject(import, &row, &because, why);
		if (err != HF_OK)
			return err;
		if (++rows_count % SHOW_EVERY == 0)
			hf_progress_show(&import->progress, "check",
					 list.at_bytes, list.text.len_bytes,
					 "bytes", "");
	}
}

static enum hf_err close_rejects(struct import *import, struct hf_why *why)
{
	if (import->rejects == NULL) {
		/* One of an earlier run would lie now. */
		(void)unlink(import->rejects_path);
		return HF_OK;
	}
	if (fclose(import->rejects) != 0) {
		import->rejects = NULL;
		return hf_why_errno(why, "%s", import->rejects_path);
	}
	import->rejects = NULL;
	return HF_OK;
}

/* The first bad line, then what it means for the rest. */
static enum hf_err say_rejected(const struct import *import, struct hf_why *why)
{
	const char *name = strrchr(import->path, '/');
	char text[sizeof(import->first_bad.text) + 40];

	snprintf(text, sizeof(text), "line %llu: %s",
		 (unsigned long long)import->first_bad_line,
		 import->first_bad.text);
	hf_cmd_complain(import->path, text);
	return hf_why(why, HF_E_MALFORMED,
		      "nothing was published: bad lines: %llu, listed in "
		      "%.60s.rejects; correct them, or leave them out with "
		      "--skip-bad",
		      (unsigned long long)import->left.rejected,
		      name != NULL ? name + 1 : import->path);
}

static enum hf_err validate(struct import *import, struct hf_why *why)
{
	enum hf_err err = judge_all(import, why), closing;

	hf_progress_clear(&import->progress);
	closing = close_rejects(import, why);
	if (err == HF_OK)
		err = closing;
	if (err != HF_OK)
		return err;
	if (import->left.rejected > 0 &&
	    !hf_cmd_has(import->cmd, HF_CMD_SKIP_BAD))
		return say_rejected(import, why);
	if (import->good_count == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "%s: no hash in it: nothing was published",
			      import->path);
	return check_unchanged(import, why);
}

/* ---- the batch id ---- */

static void mix(struct hf_sha256 *hash, const char *text)
{
	/* The zero byte keeps "ab" and "c" apart from "a" and "bc". */
	if (text == NULL)
		text = "";
	hf_sha256_update(hash, text, strlen(text) + 1);
}

/* From the file's bytes and all that the command line says about the items:
 * the same command again is the same batch, another label is another. */
static void derive_batch(struct import *import)
{
	struct hf_publish_plan *plan = import->plan;
	uint8_t digest[HF_SHA256_BYTES], number[8];
	struct hf_sha256 hash;

	hf_sha256(import->text.at, import->text.len_bytes, import->digest);
	if (plan->has_batch)
		return;
	plan->is_derived = true;
	hf_sha256_init(&hash);
	mix(&hash, "hashfed/import-batch/v1");
	hf_sha256_update(&hash, import->digest, sizeof(import->digest));
	mix(&hash, plan->set);
	mix(&hash, plan->item.jurisdiction);
	mix(&hash, plan->item.legal_basis);
	mix(&hash, plan->item.series);
	hf_be32_put(number, (uint32_t)plan->item.content_class);
	hf_be32_put(number + 4, (uint32_t)import->list.format);
	hf_sha256_update(&hash, number, sizeof(number));
	hf_be32_put(number, import->list.type.algorithm);
	hf_be32_put(number + 4, import->list.type.media_kind);
	hf_sha256_update(&hash, number, sizeof(number));
	for (size_t i = 0; i < plan->item.labels_count; i++) {
		mix(&hash, plan->labels[i].scheme);
		mix(&hash, plan->labels[i].value);
	}
	mix(&hash, "flags");
	for (size_t i = 0; i < plan->item.flags_count; i++)
		mix(&hash, hf_item_flag_word(plan->flags[i]));
	hf_sha256_final(&hash, digest);
	memcpy(plan->batch_id, digest, sizeof(plan->batch_id));
}

/* ---- the second pass: publish ---- */

/* Walk the rows that are published; stop at number stop_at with its line. */
static enum hf_err walk(struct import *import, struct hf_publisher *publisher,
			uint64_t stop_at, uint64_t *out_line,
			struct hf_why *why)
{
	struct hf_import_list list = import->list;
	struct hf_label labels[HF_ITEM_MAX_LABELS];
	struct hf_import_row row;
	struct hf_hash hash;
	struct hf_item item;
	uint64_t count = 0;
	enum hf_err err;

	for (;;) {
		hf_arena_reset(&import->arena);
		err = hf_import_list_next(&list, &import->arena, &row, why);
		if (err == HF_E_NOTFOUND)
			return HF_OK;
		if (err == HF_E_NOMEM)
			return err;
		/* A row that was rejected is not known as the first. */
		if (err != HF_OK ||
		    !hf_import_seen_is_first(&import->seen, &row) ||
		    make_item(import, &row, &hash, labels, &item, NULL) !=
			    HF_OK)
			continue;
		if (count == stop_at) {
			*out_line = row.line;
			return HF_OK;
		}
		count++;
		if (publisher == NULL)
			continue;
		err = hf_publisher_add(publisher, &item, why);
		if (err != HF_OK)
			return err;
		if (hf_cmd_is_interrupted())
			return hf_why(why, HF_E_CANCELLED, "interrupted");
		if (count % SHOW_EVERY == 0)
			hf_progress_show(&import->progress, "publish", count,
					 import->good_count, "items", "");
	}
}

/* Name the line that the daemon refused. */
static void blame_line(struct import *import,
		       const struct hf_publisher *publisher, struct hf_why *why)
{
	uint64_t item, line = 0;
	const char *said = strstr(why->text, "]: ");
	struct hf_why whole;

	if (!hf_publisher_blamed(publisher, why, &item) || said == NULL ||
	    walk(import, NULL, item, &line, NULL) != HF_OK || line == 0)
		return;
	hf_why(&whole, HF_E_CONFLICT,
	       "%.60s: line %llu: %.130s; take the line out for the rest",
	       import->path, (unsigned long long)line, said + 3);
	*why = whole;
}

static enum hf_err publish_all(struct import *import, struct hf_client *client,
			       struct hf_why *why)
{
	struct hf_publisher *publisher;
	enum hf_err err =
		hf_publisher_open(client, import->plan->set,
				  import->plan->batch_id, &publisher, why);

	if (err != HF_OK)
		return err;
	hf_cmd_catch_signals();
	err = walk(import, publisher, UINT64_MAX, NULL, why);
	if (err == HF_OK)
		err = hf_publisher_finish(publisher, why);
	hf_progress_clear(&import->progress);
	if (err == HF_OK) {
		err = hf_publish_print(import->plan,
				       hf_publisher_totals(publisher),
				       &import->left, why);
	} else {
		blame_line(import, publisher, why);
		hf_publish_say_broken(import->plan, err);
	}
	hf_publisher_close(publisher);
	return err;
}

static void say_checked(const struct import *import)
{
	/* Programs read standard output: this is for people. */
	if (hf_cmd_has(import->cmd, HF_CMD_QUIET))
		return;
	fprintf(stderr,
		"hashfed: %s: %llu hashes, %llu repeated, %llu rejected%s%s\n",
		import->path, (unsigned long long)import->good_count,
		(unsigned long long)import->left.repeated,
		(unsigned long long)import->left.rejected,
		import->left.rejected > 0 ? ", see " : "",
		import->left.rejected > 0 ? import->rejects_path : "");
}

static enum hf_err begin(struct import *import, struct hf_why *why)
{
	const char *format = hf_cmd_option(import->cmd, HF_CMD_FORMAT);
	const char *word = hf_cmd_option(import->cmd, HF_CMD_TYPE);
	enum hf_import_format as = HF_IMPORT_AUTO;
	struct hf_import_type type = { 0 };
	enum hf_err err = HF_OK;

	if (format != NULL)
		err = hf_import_format_parse(format, &as, why);
	if (err == HF_OK && word != NULL)
		err = hf_import_type_parse(word, &type, why);
	if (err == HF_OK &&
	    snprintf(import->rejects_path, sizeof(import->rejects_path),
		     "%s.rejects",
		     import->path) >= (int)sizeof(import->rejects_path))
		err = hf_why(why, HF_E_LIMIT, "%s: a path too long",
			     import->path);
	if (err == HF_OK)
		err = open_list(import, why);
	if (err != HF_OK)
		return err;
	err = hf_import_list_init(&import->list, import->text, as, &type, why);
	if (err != HF_OK)
		hf_why_prefix(why, "%s: ", import->path);
	return err;
}

enum hf_err hf_publish_import(struct hf_cmd *cmd, struct hf_publish_plan *plan,
			      struct hf_why *why)
{
	struct import import = { .cmd = cmd,
				 .plan = plan,
				 .path = hf_cmd_option(cmd, HF_CMD_IMPORT) };
	struct hf_client *client = NULL;
	enum hf_err err;

	hf_arena_init(&import.arena, ARENA_MAX_BYTES);
	hf_progress_begin(&import.progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	err = begin(&import, why);
	hf_import_seen_init(&import.seen, &import.list);
	if (err == HF_OK)
		err = validate(&import, why);
	if (err != HF_OK)
		goto out_release;
	say_checked(&import);
	if (hf_cmd_has(cmd, HF_CMD_DRY_RUN)) {
		fprintf(stderr, "hashfed: nothing was published, as asked\n");
		goto out_release;
	}
	derive_batch(&import);
	err = hf_cmd_connect(cmd, HF_DUTY_ANALYST, &client, why);
	if (err == HF_OK)
		err = publish_all(&import, client, why);
	hf_client_close(client);
out_release:
	hf_import_seen_release(&import.seen);
	hf_arena_release(&import.arena);
	if (import.text.at != NULL)
		munmap((void *)(uintptr_t)import.text.at,
		       import.text.len_bytes);
	return err;
}
