/*
 * text.h -- small grammars that several places read: whole numbers, domain
 * names, set names, origins, UTF-8.
 *
 * Units    characters.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   MALFORMED, LIMIT.
 * Source   Origins: proto/SPEC.md section 2.1.  Domain names: RFC 1123
 *          section 2.1, lower case.  UTF-8: RFC 3629.
 */
#ifndef HF_TEXT_H
#define HF_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

/* Decimal, no sign, no leading zero, at most most. */
HF_MUST enum hf_err hf_text_u64(struct hf_span text, uint64_t most,
				uint64_t *out_value);

/* Take the next line off rest, without its newline.  False when there is none,
 * and when what is left does not end in a newline. */
bool hf_text_line_take(struct hf_span *rest, struct hf_span *out_line);

/* Without the blanks at both ends: space, tab, CR, LF. */
struct hf_span hf_text_trim(struct hf_span text);

/* Is it this word (lower case), in whatever case it is written? */
bool hf_text_is_word(struct hf_span text, const char *word);

/* Well-formed UTF-8 without control characters (tab included in those). */
bool hf_text_is_clean(struct hf_span text);

/* A lower-case domain name with at least one dot, at most 253 characters. */
bool hf_text_is_domain(struct hf_span text);

/* Two capitals, as ISO 3166 alpha-2 has them; not whether there is such a
 * country. */
bool hf_text_is_country(struct hf_span text);

/* "ncii", "case-7f": a-z 0-9 and -, 1 to 64, a letter or digit first. */
bool hf_text_is_set_name(struct hf_span text);

/* "hotline.example/ncii/1": domain, set name, epoch from 1. */
bool hf_text_is_origin(struct hf_span text);

/* The first part of an origin. */
struct hf_span hf_text_origin_domain(struct hf_span origin);

/* Its domain and set name, "hotline.example/ncii", and its epoch: 0 for what
 * is no origin. */
struct hf_span hf_text_origin_stem(struct hf_span origin);
uint32_t hf_text_origin_epoch(struct hf_span origin);

/* Is this origin a later epoch of the other? */
bool hf_text_is_later_epoch(struct hf_span origin, struct hf_span other);

/* "host:port" or "[::1]:port", a port from 1, at most HF_ENDPOINT_MAX_BYTES:
 * where to dial.  Whether the host exists is for the dialler to find out. */
bool hf_text_is_endpoint(struct hf_span text);

#endif /* HF_TEXT_H */
