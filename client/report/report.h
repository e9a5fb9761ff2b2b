/*
 * report.h -- counts out of takedown cases: who removed what, how soon, and
 * who did not.
 *
 * It is fed one summary at a time and keeps counts for each provider, site,
 * month and class, not cases; only the supervisor's report keeps the ids of
 * the cases that prove a failing.  Members and those without a node count
 * alike.
 *
 * What a report may say depends on whom it is for.  Nothing that the audience
 * may not see is in the rows once hf_report_finish() returned: whoever prints
 * them cannot give away more.
 *
 *   AUTHORITY  everything that this node was told.
 *   SELF       one provider's own cases.
 *   PUBLIC     totals without names, sites, ids and times, in which a count of
 *              1 to 4 is shown as HF_REPORT_SMALL and every other one rounded
 *              to a multiple of 5.  Those are the cells: hosting has one for
 *              each month and outcome, the others one for each year (and
 *              class) and answer.  Every total is the sum of the cells as
 *              shown, so that no subtraction tells what a small cell holds:
 *              the report is the same, byte for byte, whichever of 1 to 4 it
 *              is.  Windows are whole months (years) that are over, so that
 *              two of them do not differ by a day.
 *
 * Units    _ms since 1970-01-01 UTC; durations as named.
 * Owns     hf_report_new() gives the caller a report; hf_report_free() takes
 *          it back.  Rows and what they point to live as long as it.
 *          Summaries are read and not kept.
 * Threads  one.
 * Errors   ARGUMENT for a window or provider that the audience rules out;
 *          NOMEM, and then the report is good for nothing but to be freed.
 * Source   proto/SPEC.md section 12.4; DSA Art. 22(3).
 */
#ifndef HF_REPORT_H
#define HF_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_takedown.h"
#include "err.h"

#include "report_judge.h"
#include "report_times.h"

/* Providers, or sites, that get a row of their own. */
#define HF_REPORT_NAMES_MAX ((size_t)16384)
#define HF_REPORT_OTHERS    "(others)"

/* Cases that the supervisor's report can name; 32 MB. */
#define HF_REPORT_PROOFS_MAX ((size_t)1000000)

/* Public: a count below this may point at a person or a single act, so it is
 * not told.  Five is what statistical offices commonly take as the least cell
 * (three to ten), and rounding to the same base keeps the others from telling
 * it. */
#define HF_REPORT_LEAST_SHOWN 5
#define HF_REPORT_SMALL       UINT64_MAX       /* one cell: 1 to 4 */
#define HF_REPORT_FEW         (UINT64_MAX - 1) /* a sum of such cells only */

/* Name, word on the command line. */
/* clang-format off */
#define HF_REPORT_KIND_TABLE(X)                                                \
	X(HOSTING,         "hosting")                                          \
	X(TRUSTED_FLAGGER, "trusted-flagger")                                  \
	X(DSC,             "dsc")
#define HF_REPORT_AUDIENCE_TABLE(X)                                            \
	X(AUTHORITY, "authority")                                              \
	X(SELF,      "self")                                                   \
	X(PUBLIC,    "public")
/* Rows by: the one that has all, month, year, provider, site, class. */
#define HF_REPORT_BY_TABLE(X)                                                  \
	X(TOTAL) X(MONTH) X(YEAR) X(PROVIDER) X(SITE) X(CLASS)
/* How soon: up to so many hours; the last takes the rest. */
#define HF_REPORT_SPREAD_TABLE(X)                                              \
	X(1, "1 h") X(3, "3 h") X(6, "6 h") X(12, "12 h") X(24, "24 h")        \
	X(48, "48 h") X(168, "7 d") X(720, "30 d") X(0, "longer")
/* clang-format on */

#define HF_REPORT_ENUM(name, word) HF_REPORT_##name,
enum hf_report_kind { HF_REPORT_KIND_TABLE(HF_REPORT_ENUM) HF_REPORT_KINDS };
enum hf_report_audience {
	HF_REPORT_AUDIENCE_TABLE(HF_REPORT_ENUM) HF_REPORT_AUDIENCES
};
#undef HF_REPORT_ENUM
#define HF_REPORT_ENUM(name) HF_REPORT_BY_##name,
enum hf_report_by { HF_REPORT_BY_TABLE(HF_REPORT_ENUM) HF_REPORT_BYS };
#undef HF_REPORT_ENUM
#define HF_REPORT_SPREADS 9

struct hf_report_options {
	enum hf_report_kind kind;
	enum hf_report_audience audience;
	uint64_t from_ms;     /* of published_ms */
	uint64_t to_ms;       /* before this; 0: no end */
	uint64_t as_of_ms;    /* what is open now is open */
	const char *provider; /* only this one's, or NULL; copied */
	uint64_t seed;        /* any random number */
};

struct hf_report_row {
	const char *name;
	uint64_t cases;
	uint64_t weight; /* what rows are sorted by: cases, or failings */
	uint64_t outcomes[HF_OUTCOMES];
	uint64_t actions[HF_ACTIONS];
	uint64_t answers[HF_ANSWERS];
	uint64_t not_member;     /* cases of a provider without a node */
	uint64_t from_published; /* timed from when the notice was signed */
	uint64_t young;          /* online, and not yet 24 h */
	uint64_t reasons_other;  /* rejected as "other": the text says why */
	uint64_t reminders;
	uint64_t reappeared; /* times */
	uint64_t ordered;    /* cases that came to an order */
	uint64_t worst_ms;   /* the longest past a deadline */
	uint64_t spread[HF_REPORT_SPREADS];
	struct hf_report_times times; /* until it was gone */
};

struct hf_report_proof {
	uint8_t case_id[16];
	uint64_t late_ms;
	const struct hf_report_row *provider;
	enum hf_report_answer answer;
};

struct hf_report;

HF_MUST enum hf_err hf_report_new(const struct hf_report_options *options,
				  struct hf_report **out_report,
				  struct hf_why *why);
void hf_report_free(struct hf_report *report);

/* Count it, unless it is outside the window, not sent yet, or not what this
 * kind of report is about. */
HF_MUST enum hf_err hf_report_add(struct hf_report *report,
				  const struct hf_case_summary *summary,
				  struct hf_why *why);

/* After the last one: put rows in order, fill months without cases, and take
 * out what the audience may not see.  Nothing can be added afterwards. */
HF_MUST enum hf_err hf_report_finish(struct hf_report *report,
				     struct hf_why *why);

/* TOTAL has exactly one row. */
const struct hf_report_row *const *
hf_report_rows(const struct hf_report *report, enum hf_report_by by,
	       size_t *out_count);
const struct hf_report_row *hf_report_total(const struct hf_report *report);

/* DSC, and not PUBLIC: the cases that prove failings, by provider as its rows
 * are, the worst first.  out_left_out: how many there was no room for. */
const struct hf_report_proof *hf_report_proofs(const struct hf_report *report,
					       size_t *out_count,
					       uint64_t *out_left_out);

/* Cases in the window that this kind is not about: a provider's own finds,
 * those passed on to a hotline abroad, and (trusted flagger) those that were
 * no notice of ours under DSA Art. 16. */
uint64_t hf_report_set_aside(const struct hf_report *report);

const struct hf_report_options *
hf_report_options(const struct hf_report *report);

const char *hf_report_kind_word(enum hf_report_kind kind);
const char *hf_report_audience_word(enum hf_report_audience audience);
/* False for a word that is in no list. */
bool hf_report_audience_parse(const char *word,
			      enum hf_report_audience *out_audience);

/* Is this a number, and not HF_REPORT_SMALL or HF_REPORT_FEW? */
static inline bool hf_report_is_told(uint64_t count)
{
	return count < HF_REPORT_FEW;
}

/* For what is drawn and added up: 0 for what is not told. */
static inline uint64_t hf_report_told(uint64_t count)
{
	return hf_report_is_told(count) ? count : 0;
}

/* Of the four that can be compared; what is not told counts as none. */
uint64_t hf_report_comparable(const struct hf_report_row *row);

#endif /* HF_REPORT_H */
