/*
 * each_case.h -- every case of a daemon, a page at a time.
 *
 * Units    _ms since 1970-01-01 UTC.
 * Owns     nothing: a summary is good until the call returns.
 * Threads  one.
 * Errors   those of the daemon, and of whoever is called.
 * Source   proto/hashfed/v1/takedown.proto, ListCases.
 */
#ifndef HF_EACH_CASE_H
#define HF_EACH_CASE_H

#include "cmd.h"

/* The days of --from and --to, the last one with all its hours; 0 where one is
 * not given. */
HF_MUST enum hf_err hf_cmd_window(const struct hf_cmd *cmd,
				  uint64_t *out_from_ms, uint64_t *out_to_ms,
				  struct hf_why *why);

/* Call once for each case that was opened in the window (to_ms 0: no end), of
 * that provider, or of any (NULL).  Memory is that of one page. */
HF_MUST enum hf_err
hf_cmd_each_case(struct hf_cmd *cmd, struct hf_client *client, uint64_t from_ms,
		 uint64_t to_ms, const char *provider,
		 enum hf_err (*call)(void *arg, const struct hf_case_summary *,
				     struct hf_why *why),
		 void *arg, struct hf_why *why);

#endif /* HF_EACH_CASE_H */
