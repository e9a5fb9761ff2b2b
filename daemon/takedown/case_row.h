/*
 * case_row.h -- what the views keep of a case and of its events, as bytes.
 *
 * Rows are this machine's own: they are built again from the ledger when the
 * program that wrote them was another (the store's format name has their
 * sizes), so they may be structs as they are, without their zeros.
 *
 * Units    _ms since 1970 UTC.
 * Owns     nothing: rows are values, what they point to lives in an arena.
 * Threads  any; no state.
 * Errors   CORRUPT for bytes of another size, NOMEM.
 * Source   daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASE_ROW_H
#define HF_CASE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "case.h"
#include "case_key.h"
#include "codec_takedown.h"
#include "err.h"
#include "span.h"

/* Parties beside notifier and provider: authorities, observers. */
#define HF_CASE_OTHERS_MAX 4

/* A mark of a log that is not held so far yet. */
struct hf_case_mark {
	uint32_t set;
	uint64_t size;
	uint8_t root[HF_HASH_BYTES];
};

/* One event. */
struct hf_case_event_row {
	struct hf_case_fact fact;         /* after: in the arena */
	uint8_t recipient[HF_HASH_BYTES]; /* of its own envelope */
	uint32_t set; /* where it stands here, or stands quoted */
	uint64_t index;
	bool is_quoted;
	bool is_contradicted; /* a mark has another root than the log */
	const struct hf_case_mark *waits; /* for these; in the arena */
	size_t waits_count;
	uint8_t provider[HF_HASH_BYTES]; /* of an opening event; may be zeros */
	char state[3]; /* of an ORDER: who issues it, ISO 3166; or "" */
	/* Of an opening event: an encoded CaseSummary with what never changes;
	 * else empty. */
	struct hf_span opening;
};

/* An event's name among those of its case: the same author, id and text. */
#define HF_CASE_NAME_BYTES 16
void hf_case_event_name(const struct hf_case_fact *fact,
			uint8_t out_name[static HF_CASE_NAME_BYTES]);

/* Does it count for the fold: nothing it says of logs is open or wrong? */
bool hf_case_event_counts(const struct hf_case_event_row *row);

HF_MUST enum hf_err
hf_case_event_row_encode(const struct hf_case_event_row *row,
			 struct hf_buf *buf);
HF_MUST enum hf_err hf_case_event_row_parse(struct hf_span bytes,
					    struct hf_arena *arena,
					    struct hf_case_event_row *out,
					    struct hf_why *why);

/* One case. */
struct hf_case_row {
	uint8_t key[HF_CASE_KEY_BYTES];
	struct hf_case_parties parties;
	uint8_t others[HF_CASE_OTHERS_MAX][HF_HASH_BYTES];
	uint32_t others_count;
	uint8_t opening_id[HF_EVENT_ID_BYTES];
	uint64_t change;       /* number of its last change */
	uint64_t first_change; /* and of its first */
	uint64_t clock_change; /* and of the last that a clock made */
	uint64_t due_ms; /* when a clock wants to be looked at; 0: never */
	unsigned warnings_told;
	uint64_t told_limit_ms; /* what was told is about this deadline */
	uint64_t reminded_ms;   /* to remind one without a node; 0: not yet */
	bool is_overdue_told;
	bool is_undelivered_told;
	bool is_escalation_told;
	enum hf_case_state hold; /* DRAFT or HELD_POLICE: not sent */
	uint64_t draft;          /* its record's number */
	struct hf_case now;
	struct hf_span opening; /* as of the event */
};

HF_MUST enum hf_err hf_case_row_encode(const struct hf_case_row *row,
				       struct hf_buf *buf);
HF_MUST enum hf_err hf_case_row_parse(struct hf_span bytes,
				      struct hf_arena *arena,
				      struct hf_case_row *out,
				      struct hf_why *why);

/* For the store's format name. */
size_t hf_case_rows_size(void);

#endif /* HF_CASE_ROW_H */
