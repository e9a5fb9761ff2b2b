/*
 * sor.h -- a case as a statement of reasons for the Commission's database
 * (DSA Art. 17 and 24(5)): its fields, by the rules of that database.
 *
 * A statement says what the provider did about one piece of content.  It has
 * no personal data: no address, no name, no text that a person wrote; the
 * facts are standard sentences, as the database asks for.  It never names the
 * notifier.
 *
 * Units    _ms since 1970-01-01 UTC; dates are days of UTC.
 * Owns     nothing: words are constants, texts are in the struct.
 * Threads  any; no state.
 * Errors   ARGUMENT: something that a statement needs is missing; the
 *          sentence says what and how to give it.  NOTFOUND: no statement is
 *          due for this case; the sentence says why.
 * Source   StatementStoreRequest.php and the API documentation of
 *          digital-services-act/transparency-database, 69e80a0b.
 */
#ifndef HF_SOR_H
#define HF_SOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_takedown.h"
#include "err.h"

#include "report_day.h"

#define HF_SOR_PUID_SIZE       33
#define HF_SOR_GROUND_SIZE     2001 /* 500 characters of UTF-8 */
#define HF_SOR_TEXT_SIZE       1024
#define HF_SOR_VISIBILITY_MAX  2
#define HF_SOR_KEYWORDS_MAX    8
#define HF_SOR_CONTENT_MAX     2
#define HF_SOR_STATEMENTS_CALL 100 /* that one call of the database takes */

/* Word on the command line, value. */
/* clang-format off */
#define HF_SOR_CONTENT_TABLE(X)                                                \
	X("image",     "CONTENT_TYPE_IMAGE")                                   \
	X("video",     "CONTENT_TYPE_VIDEO")                                   \
	X("audio",     "CONTENT_TYPE_AUDIO")                                   \
	X("text",      "CONTENT_TYPE_TEXT")                                    \
	X("synthetic", "CONTENT_TYPE_SYNTHETIC_MEDIA")                         \
	X("other",     "CONTENT_TYPE_OTHER")
/* clang-format on */

/* What a case may not say; NULL and 0: nothing. */
struct hf_sor_options {
	const char *legal_ground; /* at most 500 characters */
	const char *content_type; /* a word of HF_SOR_CONTENT_TABLE */
	uint64_t content_ms;      /* when the content was put there */
	bool is_content_notice;   /* take the day of the notice for that */
};

struct hf_sor {
	char puid[HF_SOR_PUID_SIZE];
	const char *visibility[HF_SOR_VISIBILITY_MAX];
	size_t visibility_count;
	const char *ground;
	char legal_ground[HF_SOR_GROUND_SIZE];
	char explanation[HF_SOR_TEXT_SIZE];
	const char *content_type;
	const char *content_type_other; /* NULL: not OTHER */
	const char *category;
	const char *keywords[HF_SOR_KEYWORDS_MAX];
	size_t keywords_count;
	char content_date[HF_DAY_TEXT_SIZE];
	char application_date[HF_DAY_TEXT_SIZE];
	char facts[HF_SOR_TEXT_SIZE];
	const char *source_type;
	const char *automated_detection;
	const char *automated_decision;
};

HF_MUST enum hf_err hf_sor_make(const struct hf_get_case_response *one,
				const struct hf_sor_options *options,
				struct hf_sor *out_sor, struct hf_why *why);

/* "image, video, ...": the words of HF_SOR_CONTENT_TABLE. */
const char *hf_sor_content_words(void);

#endif /* HF_SOR_H */
