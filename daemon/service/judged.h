/*
 * judged.h -- what the feed knows of a set, as verdicts want it: for lookups
 * here and, told to the index, for those in place.
 *
 * Units    now_ms since 1970 UTC.
 * Owns     nothing.
 * Threads  any; the feed alone looks for floods.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_JUDGED_H
#define HF_JUDGED_H

#include "conf.h"
#include "feed.h"
#include "ledger_view.h"
#include "match_judge.h"
#include "match_sets.h"
#include "ring.h"

/* Our own sets are as fresh as now. */
void hf_judged_set(const struct hf_feed_set *is, uint64_t now_ms,
		   struct hf_judge_set *out_set);

/* Fill in what is held of the set, as one that floods; true when that is new,
 * and the log says so.  May write a file. */
bool hf_judged_flood(struct hf_node *node, struct hf_feed_set *is);

/* When sets are stale, and when expired. */
struct hf_fresh_ages hf_judged_ages(const struct hf_conf *conf);

/* The rules by which verdicts are given, all that the configuration says of
 * them: the same text for the same rules, and another for others. */
#define HF_JUDGED_VERSION_SIZE 17
void hf_judged_version(const struct hf_conf *conf,
		       char out_text[static HF_JUDGED_VERSION_SIZE]);

/* What lookups in place judge by. */
struct hf_match_sets_rules hf_judged_rules(const struct hf_conf *conf);

/* Are we given this set of others, and follow it, now? */
bool hf_judged_is_given(const struct hf_ring *ring, const char *origin);

/* May we use what we hold of this set now? */
bool hf_judged_in_force(const struct hf_ring *ring,
			const struct hf_ledger_info *info);

#endif /* HF_JUDGED_H */
