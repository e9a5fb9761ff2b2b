/*
 * notice_rows.h -- the rows of a list, put together into notices: rows that
 * agree in provider, class, reference, explanation and group make one, and
 * another where one is full.
 *
 * Units    counts.
 * Owns     hf_notice_rows_init() takes nothing; rows and notices live in the
 *          arena that it is given, which has to stay.
 * Threads  one.
 * Errors   NOMEM, LIMIT.
 * Source   hashfed(1), notify.
 */
#ifndef HF_NOTICE_ROWS_H
#define HF_NOTICE_ROWS_H

#include "case_csv.h"
#include "notice.h"

#define HF_NOTICE_ROWS_MAX ((size_t)1000 * 1000)

struct hf_notice_rows {
	struct hf_arena *arena;       /* borrowed */
	const struct hf_notice *base; /* what rows do not say themselves */
	struct hf_case_csv_row **rows;
	size_t count;
	size_t size;
	bool is_sorted;
};

void hf_notice_rows_init(struct hf_notice_rows *rows, struct hf_arena *arena,
			 const struct hf_notice *base);

/* MALFORMED, with what is missing: a provider, or a class. */
HF_MUST enum hf_err hf_notice_rows_add(struct hf_notice_rows *rows,
				       const struct hf_case_csv_row *row,
				       struct hf_why *why);

/* One notice and where it comes from. */
struct hf_notice_part {
	struct hf_notice notice;
	uint64_t line; /* of its first row */
	size_t rows_count;
};

/* The notice that begins with row *at, which is moved behind its last.  The
 * same rows make the same notices.  NOTFOUND past the last. */
HF_MUST enum hf_err hf_notice_rows_next(struct hf_notice_rows *rows, size_t *at,
					struct hf_arena *arena,
					struct hf_notice_part *out_part,
					struct hf_why *why);

/* How many notices they make. */
HF_MUST enum hf_err hf_notice_rows_count(struct hf_notice_rows *rows,
					 size_t *out_count, struct hf_why *why);

/* The request id of a notice of a file: the same notice of the same file has
 * the same. */
HF_MUST enum hf_err
hf_notice_rows_id(const uint8_t file_hash[static HF_HASH_BYTES],
		  const struct hf_notice *notice, enum hf_case_state hold,
		  uint8_t out_id[static HF_EVENT_ID_BYTES], struct hf_why *why);

#endif /* HF_NOTICE_ROWS_H */
