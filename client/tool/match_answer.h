/*
 * match_answer.h -- what hashfed match --stdin answers to a line: an object of
 * JSON, on one line.
 *
 * Units    none.
 * Owns     an answer is the caller's to free().
 * Threads  any; no state.
 * Errors   NULL: no memory.
 * Source   hashfed(1), match.
 */
#ifndef HF_MATCH_ANSWER_H
#define HF_MATCH_ANSWER_H

#include "codec_match.h"
#include "match_line.h"
#include "media.h"

/* The file was read and its image does not decode: it is looked up exactly. */
bool hf_match_has_bad_image(const struct hf_media_result *result);

/* result is NULL for a line that came with hashes. */
char *hf_match_answer_hits(const struct hf_match_line *line,
			   const struct hf_media_result *result,
			   const struct hf_wire_match_hit *hits, size_t count);

/* No verdict that could be taken for "nothing matched"; sentence may be NULL.
 */
char *hf_match_answer_none(const struct hf_match_line *line,
			   const char *verdict, const char *sentence);

#endif /* HF_MATCH_ANSWER_H */
