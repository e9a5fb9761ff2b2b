/*
 * import_list.h -- lists of hashes as others write them: plain text, or the
 * CSV of the pytx tools.
 *
 * It reads and judges one line after the other and knows nothing of sets.
 * Byte order marks, CRLF, upper-case digits, blank lines and lines that begin
 * with # are fine; a line that is no hash is an answer of its own, with what
 * would be right, and the next line is read all the same.
 *
 * Units    line numbers count from 1, as editors do; bytes.
 * Owns     nothing: a list borrows the whole text; a row's labels live in the
 *          caller's arena.
 * Threads  any; one at a time for each list.
 * Errors   of a row: MALFORMED, LIMIT.  The sentence never holds bytes of
 *          the line that are not printable.
 * Source   plain lists and CSV: facebook/threatexchange, python-threatexchange
 *          (exchanges/impl/file_api.py, cli/dataset_cmd.py).  Quoting: RFC
 *          4180, but a field never spans lines.
 */
#ifndef HF_IMPORT_LIST_H
#define HF_IMPORT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "codec_item.h"
#include "err.h"
#include "limit.h"
#include "span.h"

/* A longer line is no line of a list: 1,800 frames of a video with what the
 * exchange says of each take 150 KiB. */
#define HF_IMPORT_LINE_MAX_BYTES ((size_t)256 * 1024)

/* Name, word. */
/* clang-format off */
#define HF_IMPORT_FORMAT_TABLE(X)                                             \
	X(AUTO,     "auto")                                                   \
	X(PLAIN,    "plain")                                                  \
	X(PYTX_CSV, "pytx-csv")
/* clang-format on */

enum hf_import_format {
#define HF_IMPORT_FORMAT_ENUM(name, word) HF_IMPORT_##name,
	HF_IMPORT_FORMAT_TABLE(HF_IMPORT_FORMAT_ENUM)
#undef HF_IMPORT_FORMAT_ENUM
};

/* Columns of the CSV that mean something here. */
enum hf_import_column {
	HF_IMPORT_SIGNAL_TYPE,
	HF_IMPORT_SIGNAL_STR,
	HF_IMPORT_COLLAB,
	HF_IMPORT_CATEGORY,
	HF_IMPORT_TAGS,
	HF_IMPORT_COLUMNS
};

#define HF_IMPORT_FIELDS_MAX 32

/* "md5", "video_md5", "HASH_PDQ": an algorithm, and what was hashed. */
struct hf_import_type {
	unsigned algorithm; /* of enum hf_algorithm; 0: none was given */
	unsigned media_kind;
};

struct hf_import_list {
	struct hf_span text; /* all of it */
	size_t at_bytes;     /* where the next line begins */
	uint64_t line;       /* of the last row */
	enum hf_import_format format;
	struct hf_import_type type;     /* of bare hashes */
	int columns[HF_IMPORT_COLUMNS]; /* -1: the list has none */
};

struct hf_import_row {
	uint64_t line;
	size_t at_bytes;     /* where its line begins */
	struct hf_span text; /* the line, without its end */
	unsigned algorithm;
	unsigned media_kind;   /* of enum hf_item_kind, 0 for not known */
	const uint8_t *digest; /* in the arena */
	size_t len_bytes;
	const struct hf_label *labels; /* in the arena */
	size_t labels_count;
};

/* 0 when the word names no type. */
HF_MUST enum hf_err hf_import_type_parse(const char *word,
					 struct hf_import_type *out_type,
					 struct hf_why *why);

HF_MUST enum hf_err hf_import_format_parse(const char *word,
					   enum hf_import_format *out_format,
					   struct hf_why *why);

/* Begin.  type may be NULL.  MALFORMED when a CSV lacks the columns. */
HF_MUST enum hf_err hf_import_list_init(struct hf_import_list *list,
					struct hf_span text,
					enum hf_import_format format,
					const struct hf_import_type *type,
					struct hf_why *why);

/* The next row.  NOTFOUND at the end.  Otherwise the line is no row: then
 * out_row has its number and text, why says what is wrong. */
HF_MUST enum hf_err hf_import_list_next(struct hf_import_list *list,
					struct hf_arena *arena,
					struct hf_import_row *out_row,
					struct hf_why *why);

/* The row that begins at at_bytes, which a row before said. */
HF_MUST enum hf_err hf_import_list_at(const struct hf_import_list *list,
				      size_t at_bytes, struct hf_arena *arena,
				      struct hf_import_row *out_row,
				      struct hf_why *why);

#endif /* HF_IMPORT_LIST_H */
