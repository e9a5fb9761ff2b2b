/*
 * case_value.h -- what notices are made of, as people write it: places,
 * hashes, providers, contacts.
 *
 * Units    none.
 * Owns     nothing: copies live in the caller's arena.
 * Threads  any; no state.
 * Errors   MALFORMED and LIMIT, with what would be right; NOMEM.
 * Source   hashfed(1), notify; proto/SPEC.md section 10.7.
 */
#ifndef HF_CASE_VALUE_H
#define HF_CASE_VALUE_H

#include "arena.h"
#include "codec_case.h"
#include "err.h"
#include "span.h"

/* A stranger's text for a message: cut, and "?" if it is no text. */
struct hf_span hf_case_shown(struct hf_span text);

/* "https://host/…": a scheme, a host, no blanks, at most HF_URL_MAX_BYTES.
 * The sentence says what a location is. */
HF_MUST enum hf_err hf_case_url_check(struct hf_span url, struct hf_why *why);

/* "sha256:HEX", or HEX of a length that tells; not 64 digits alone. */
HF_MUST enum hf_err hf_case_hash_parse(struct hf_span text,
				       struct hf_arena *arena,
				       struct hf_hash *out_hash,
				       struct hf_why *why);

/* A person's text on one line, of at most so many bytes. */
HF_MUST enum hf_err hf_case_text_parse(struct hf_span value, size_t most,
				       struct hf_arena *arena, const char **out,
				       struct hf_why *why);

/* The values of --url, each checked, into as many of out. */
HF_MUST enum hf_err hf_case_urls(const char *const *urls, size_t count,
				 struct hf_locator *out, struct hf_why *why);

/* A domain, lower-case in *out, or UNKNOWN. */
HF_MUST enum hf_err hf_case_provider_parse(struct hf_span text,
					   struct hf_arena *arena,
					   const char **out,
					   struct hf_why *why);

/* "Name <mail>" or "Name <mail> +31 20 …": all that the law asks for. */
HF_MUST enum hf_err hf_case_contact_parse(struct hf_span text,
					  struct hf_arena *arena,
					  struct hf_contact *out_contact,
					  struct hf_why *why);

/* Every run of blanks and line ends becomes one blank: what people read is on
 * one line in the protocol.  In place. */
void hf_case_one_line(char *text);

#endif /* HF_CASE_VALUE_H */
