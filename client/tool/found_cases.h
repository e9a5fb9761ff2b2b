/*
 * found_cases.h -- files that were found to match become takedown cases: the
 * daemon looks them up once more and says which case each is in.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  one.
 * Errors   those of the daemon; what it did before stays done.
 * Source   proto/hashfed/v1/takedown.proto, ReportFound.
 */
#ifndef HF_FOUND_CASES_H
#define HF_FOUND_CASES_H

#include <stdbool.h>

#include "client.h"
#include "lookup_batch.h"
#include "media.h"

struct hf_found_file {
	const struct hf_media_result *result; /* with its path */
	bool is_reported;                     /* else it is passed over */
	/* The answer; "" where there is no case. */
	char case_id[33];
	enum hf_found_how how;
};

/* Is it for a case, as the daemon sees it? */
bool hf_found_matters(const struct hf_wire_match_hit *hits, size_t count);

HF_MUST enum hf_err hf_found_cases(struct hf_client *client,
				   struct hf_found_file *files, size_t count,
				   struct hf_why *why);

/* "case <id> <how> <subject>", tabs between. */
void hf_found_print(const struct hf_found_file *file, const char *subject);

/* Members "case" and "case_how". */
void hf_found_json(const struct hf_found_file *file, json_t *object);

#endif /* HF_FOUND_CASES_H */
