/*
 * case_show.h -- takedown cases as people and programs read them: tables, a
 * page about one case, JSON.
 *
 * Units    as in the messages.
 * Owns     nothing; a JSON object is the caller's.
 * Threads  one.
 * Errors   NOMEM.  hf_case_json() and hf_case_event_json() give NULL then,
 *          which what takes them understands.
 * Source   hashfed(1), cases.
 */
#ifndef HF_CASE_SHOW_H
#define HF_CASE_SHOW_H

#include <jansson.h>

#include "codec_takedown.h"
#include "err.h"
#include "show.h"

/* Digits of a case id that are shown in a table: enough to name one. */
#define HF_CASE_ID_SHOWN 12

/* A case in one object; nothing in it was sealed. */
json_t *hf_case_json(const struct hf_case_summary *summary);

/* An event with all that it says, places included. */
json_t *hf_case_event_json(const struct hf_case_event_info *info);

/* A table that hf_case_row() puts cases into. */
HF_MUST enum hf_err hf_case_table_new(struct hf_table **out_table,
				      struct hf_why *why);
void hf_case_row(struct hf_table *table, const struct hf_case_summary *summary);

/* The notice or the order that says most about the content: the last one
 * that counts, a quoted one included.  NULL when there is none. */
const struct hf_notice *
hf_case_notice(const struct hf_get_case_response *answer,
	       struct hf_arena *arena);

/* A page: the case, its places, and what happened. */
HF_MUST enum hf_err hf_case_print(const struct hf_get_case_response *answer,
				  struct hf_arena *arena, struct hf_why *why);

/* The same as one line of JSON. */
HF_MUST enum hf_err
hf_case_print_json(const struct hf_get_case_response *answer,
		   struct hf_why *why);

#endif /* HF_CASE_SHOW_H */
