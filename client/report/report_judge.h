/*
 * report_judge.h -- what one case counts as, in each kind of report.
 *
 * Time begins when the notice reached the provider, by the earliest sign of
 * it (clock, delivery, acknowledgement); where there is none, when the notice
 * was signed.  It ends when the content was first gone: by the provider's
 * word or by the notifier's look, whichever is earlier.  A later order starts
 * a new clock for the provider, but not here.
 *
 * Units    _ms since 1970-01-01 UTC; durations as named.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none: every summary counts as something.
 * Source   proto/SPEC.md section 12.4; the table of the hosting monitor that
 *          TU Delft made for the Dutch ministry of justice.
 */
#ifndef HF_REPORT_JUDGE_H
#define HF_REPORT_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_takedown.h"

/* Name, word in files, title.  The first four can be compared with each other
 * and are what percentages are of; the others stand apart. */
/* clang-format off */
#define HF_REPORT_OUTCOME_TABLE(X)                                             \
	X(WITHIN_24H,  "within_24h",  "within 24 h")                           \
	X(WITHIN_48H,  "within_48h",  "24 to 48 h")                            \
	X(LATER,       "later",       "later")                                 \
	X(ONLINE,      "online",      "still online")                          \
	X(REJECTED,    "rejected",    "rejected")                              \
	X(WITHDRAWN,   "withdrawn",   "withdrawn")                             \
	X(UNDELIVERED, "undelivered", "not delivered")                         \
	X(MOVED,       "moved",       "moved elsewhere")                       \
	X(REINSTATED,  "reinstated",  "reinstated")                            \
	X(CLOSED,      "closed",      "closed otherwise")
#define HF_REPORT_COMPARABLE 4

/* DSA Art. 22(3)(c): the action taken by the provider. */
#define HF_REPORT_ACTION_TABLE(X)                                              \
	X(ACTED,       "removed_or_disabled", "removed or disabled")           \
	X(GONE,        "gone",         "gone, cause not known")                \
	X(UNTRUE,      "untrue",       "said removed, was online")             \
	X(MOVED,       "moved",        "moved elsewhere")                      \
	X(REJECTED,    "rejected",     "rejected")                             \
	X(ASKED,       "asked",        "asked for more")                       \
	X(IMPOSSIBLE,  "impossible",   "cannot now")                           \
	X(NONE,        "none",         "none so far")                          \
	X(REINSTATED,  "reinstated",   "reinstated")                           \
	X(UNDELIVERED, "undelivered",  "not delivered")                        \
	X(WITHDRAWN,   "withdrawn",    "withdrawn by us")                      \
	X(CLOSED,      "closed",       "closed otherwise")

/* How a provider answered, for those who supervise it.  The first five are
 * failings, each with cases that prove it. */
#define HF_REPORT_ANSWER_TABLE(X)                                              \
	X(SILENT,     "silent",     "no answer, overdue")                      \
	X(OVERDUE,    "overdue",    "answered, overdue")                       \
	X(LATE,       "late",       "acted late")                              \
	X(UNREASONED, "unreasoned", "rejected, no reason")                     \
	X(UNTRUE,     "untrue",     "said removed, was online")                \
	X(IN_TIME,    "in_time",    "acted in time")                           \
	X(REASONED,   "reasoned",   "rejected, with reason")                   \
	X(RUNNING,    "running",    "open, in time")                           \
	X(NOT_ASKED,  "not_asked",  "not counted")
#define HF_REPORT_FAILINGS 5
/* clang-format on */

#define HF_REPORT_ENUM(name, word, title) HF_OUTCOME_##name,
enum hf_report_outcome { HF_REPORT_OUTCOME_TABLE(HF_REPORT_ENUM) HF_OUTCOMES };
#undef HF_REPORT_ENUM
#define HF_REPORT_ENUM(name, word, title) HF_ACTION_##name,
enum hf_report_action { HF_REPORT_ACTION_TABLE(HF_REPORT_ENUM) HF_ACTIONS };
#undef HF_REPORT_ENUM
#define HF_REPORT_ENUM(name, word, title) HF_ANSWER_##name,
enum hf_report_answer { HF_REPORT_ANSWER_TABLE(HF_REPORT_ENUM) HF_ANSWERS };
#undef HF_REPORT_ENUM

struct hf_report_judgement {
	enum hf_report_outcome outcome;
	enum hf_report_action action;
	enum hf_report_answer answer;
	uint64_t start_ms;
	uint64_t due_ms;        /* 0: no deadline */
	uint64_t gone_ms;       /* 0: it is not */
	uint64_t duration_ms;   /* of what is gone */
	uint64_t late_ms;       /* of a failing: past the deadline, or past the
				 * start where there is none */
	bool is_from_published; /* no clock ever began */
};

/* as_of_ms: when the report is made; what happens later has not happened.
 * deadline_ms is what a regime asks where the summary has no deadline (0: no
 * number). */
void hf_report_judge(const struct hf_case_summary *summary, uint64_t as_of_ms,
		     uint64_t deadline_ms, struct hf_report_judgement *out);

/* The deadlines of the sources, for summaries that do not say theirs: NTD
 * code 24 h, an order about abuse material 12 h, a terrorist content order
 * 1 h; the others have no number. */
uint64_t hf_report_deadline_ms(enum hf_regime regime);

#endif /* HF_REPORT_JUDGE_H */
