/*
 * case_csv.h -- lists of places to notify: rows of a CSV file.
 *
 * Two shapes are read.  SCART's: url;IP;firstseen;lastseen;note, with or
 * without that header, fields quoted or not.  And a general one with a header
 * that names columns of HF_CASE_CSV_COLUMN_TABLE, in any order, with commas or
 * semicolons.  A field in quotes may go on over lines; quotes in it are
 * doubled.  Byte order marks, CRLF and empty lines are fine.
 *
 * Units    _ms since 1970-01-01 UTC; lines from 1.
 * Owns     nothing: a list borrows the text; rows live in the caller's arena.
 * Threads  any; no state.
 * Errors   MALFORMED and LIMIT, with the column and what would be right;
 *          NOTFOUND past the last row; NOMEM.
 * Source   hashfed(1), notify; SCART's NTD mail.
 */
#ifndef HF_CASE_CSV_H
#define HF_CASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "codec_case.h"
#include "err.h"
#include "span.h"

#define HF_CASE_CSV_FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define HF_CASE_CSV_ROW_MAX_BYTES  ((size_t)64 * 1024)
#define HF_CASE_CSV_FIELDS_MAX     64
#define HF_CASE_CSV_HASHES_MAX     16 /* of one row */

/* Name, word in a header.  The first five are SCART's, in its order. */
/* clang-format off */
#define HF_CASE_CSV_COLUMN_TABLE(X)                                           \
	X(URL,         "url")                                                 \
	X(IP,          "ip")                                                  \
	X(FIRSTSEEN,   "firstseen")                                           \
	X(LASTSEEN,    "lastseen")                                            \
	X(NOTE,        "note")                                                \
	X(HASH,        "hash")                                                \
	X(PROVIDER,    "provider")                                            \
	X(CLASS,       "class")                                               \
	X(REFERENCE,   "reference")                                           \
	X(EXPLANATION, "explanation")                                         \
	X(GROUP,       "group")
/* clang-format on */

enum hf_case_csv_column {
#define HF_CASE_CSV_ENUM(name, word) HF_CASE_CSV_##name,
	HF_CASE_CSV_COLUMN_TABLE(HF_CASE_CSV_ENUM)
#undef HF_CASE_CSV_ENUM
		HF_CASE_CSV_COLUMNS
};

struct hf_case_csv {
	struct hf_span text;
	size_t at_bytes;    /* of the next row */
	uint64_t next_line; /* its line */
	uint8_t delimiter;
	bool has_header;
	struct hf_span header;            /* as it stands, empty without one */
	int columns[HF_CASE_CSV_COLUMNS]; /* number of the field, or -1 */
};

struct hf_case_csv_row {
	uint64_t line;       /* where it begins */
	struct hf_span text; /* as it stands */
	bool has_locator;
	struct hf_locator locator;
	const struct hf_hash *hashes;
	size_t hashes_count;
	const char *provider; /* "" where the column is empty or missing, as */
	enum hf_class content_class; /* 0, all below */
	const char *reference;
	const char *explanation;
	const char *group;
};

/* The sentence names line 1, or the column that is not known. */
HF_MUST enum hf_err hf_case_csv_init(struct hf_case_csv *csv,
				     struct hf_span text, struct hf_why *why);

/* The next row.  After MALFORMED or LIMIT row->line and row->text are set and
 * the next call goes on behind it. */
HF_MUST enum hf_err hf_case_csv_next(struct hf_case_csv *csv,
				     struct hf_arena *arena,
				     struct hf_case_csv_row *out_row,
				     struct hf_why *why);

#endif /* HF_CASE_CSV_H */
