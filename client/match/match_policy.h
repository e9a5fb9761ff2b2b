/*
 * match_policy.h -- what a match means here: rows that say for which sets,
 * classes and algorithms an exact or a near match blocks, asks for review, or
 * is only logged.
 *
 * Rows are tried in order and the first that names the set, the class and the
 * algorithm decides; where none does, the default row does: exact BLOCK, near
 * REVIEW at distance 31, quality 50.  What policy excludes is not indexed
 * (hf_policy_indexes) and, should it still be in an index, does not match.
 *
 * Exact means the same MD5, SHA-1, SHA-256 or PhotoDNA bytes.  PDQ is always
 * near, at distance 0 too: an equal PDQ hash does not mean an equal picture.
 * So are videos: frames within the distance are the same, and of a video that
 * is looked up so many percent must be listed, and of the list so many percent
 * looked up.
 *
 * Units    distances in differing bits; quality 0 to 100, HF_QUALITY_NONE
 *          passes every minimum.
 * Owns     hf_policy_new() copies the rows and gives the caller a policy,
 *          hf_policy_free() takes it back.
 * Threads  a policy is immutable; any.
 * Errors   ARGUMENT with a sentence that names the row and what is accepted.
 * Source   Distance 31 and quality 50: the PDQ reference ("PDQ & TMK + PDQF",
 *          Meta, 2019).  80 and 0 percent: the vPDQ reference's index
 *          (facebook/ThreatExchange, python-threatexchange, vpdq_util.py:
 *          VPDQ_QUERY_MATCH_THRESHOLD_PERCENT 80,
 *          VPDQ_INDEX_MATCH_THRESHOLD_PERCENT 0).
 */
#ifndef HF_MATCH_POLICY_H
#define HF_MATCH_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "kind.h"
#include "limit.h"
#include "match_index.h"
#include "span.h"

#define HF_POLICY_ROWS_MAX    1024
#define HF_POLICY_QUALITY_MIN 50 /* the default */

/* Independent organisations, at most. */
#define HF_POLICY_ORGANISATIONS_MAX 15

/* The defaults, in percent. */
#define HF_POLICY_LOOKED_UP_MIN 80
#define HF_POLICY_LISTED_MIN    0

/* For exact and near: does not match, is not indexed. */
#define HF_POLICY_OFF 0

/* Start from hf_policy_row_default() and change what the operator wrote. */
struct hf_policy_row {
	/* "*", "hotline.example/" and "*" behind it, or one origin. */
	char set[HF_ORIGIN_MAX_BYTES + 1];
	uint16_t classes;       /* bits 1 << enum hf_class; 0: all */
	uint16_t algorithms;    /* bits 1 << enum hf_algorithm; 0: all */
	uint8_t exact;          /* enum hf_verdict or HF_POLICY_OFF */
	uint8_t near;           /* the same, of PDQ and VPDQ */
	uint16_t near_distance; /* at most HF_PDQ_DISTANCE_MAX */
	uint8_t quality_min;    /* of PDQ, on both sides; 0 to 100 */
	uint8_t looked_up_min;  /* of VPDQ, percent of the video's frames */
	uint8_t listed_min;     /* likewise, of the list's frames */
	/* Fewer independent organisations that list the item, or list and
	 * affirm an entry of it, block nothing; 0 is 1. */
	uint8_t organisations_min;
	/* These sets list what is harmless: a hit blocks nothing, and an item
	 * that others would block is only reviewed. */
	bool is_benign;
	/* Nothing else of these sets: what the row does not name, of a set
	 * that it does, is off.  So one row can say "exact CSAM, no more". */
	bool is_only;
};

struct hf_policy;

/* set "*", all classes and algorithms, the defaults above. */
void hf_policy_row_default(struct hf_policy_row *out_row);

/* Every row checked; rows_count 0 is the default policy. */
HF_MUST enum hf_err hf_policy_new(const struct hf_policy_row *rows,
				  size_t rows_count,
				  struct hf_policy **out_policy,
				  struct hf_why *why);

/* NULL is fine. */
void hf_policy_free(struct hf_policy *policy);

/* One row: "row 2: near distance 70 is over 64". */
HF_MUST enum hf_err hf_policy_check(const struct hf_policy_row *row,
				    size_t row_number, struct hf_why *why);

/* Could it ever match?  If not, it is not put into the index. */
bool hf_policy_indexes(const struct hf_policy *policy, struct hf_span origin,
		       unsigned content_class, unsigned algorithm,
		       unsigned quality);

/* Does any hash of this origin get into the index? */
bool hf_policy_indexes_set(const struct hf_policy *policy,
			   struct hf_span origin);

/* The distance that near lookups need, the largest of any row; -1 when none
 * is near. */
int hf_policy_near_distance(const struct hf_policy *policy);

/* Whether a row may want videos whose frames are compared at this distance,
 * and the smallest shares that one of those rows is content with. */
bool hf_policy_video(const struct hf_policy *policy, unsigned distance,
		     unsigned *out_looked_up_min, unsigned *out_listed_min);

/* The largest distance at which frames of videos are compared, -1 when none
 * are; and the smallest share of a video's frames that any row asks for. */
int hf_policy_video_distance(const struct hf_policy *policy,
			     unsigned *out_looked_up_min);

/* Another number for another policy; never 0. */
uint64_t hf_policy_mark(const struct hf_policy *policy);

/* A hit, and the state of its set here. */
struct hf_policy_match {
	struct hf_span origin; /* borrowed */
	unsigned content_class;
	unsigned algorithm;
	/* Of VPDQ: within which frames were the same.  Only a row with just
	 * this distance takes it. */
	unsigned distance;
	unsigned looked_up_percent; /* VPDQ */
	unsigned listed_percent;    /* VPDQ */
	unsigned query_quality;
	unsigned entry_quality;
	enum hf_freshness freshness;
	bool is_provisional; /* not yet once applied up to a checkpoint */
	bool is_frozen;      /* frozen, incomplete or unsupported from here */
	bool is_demoted;     /* its retraction is under way */
	bool is_held;        /* came with too many others at once */
	unsigned doubts;     /* bits HF_INDEX_DISPUTED and so on */
	/* VPDQ: it may reach the shares, but not all could be compared. */
	bool is_unsure;
};

/* Why a verdict is milder than its row says. */
enum hf_policy_because {
	HF_POLICY_AS_WRITTEN,
	HF_POLICY_PROVISIONAL,
	HF_POLICY_FROZEN,
	HF_POLICY_DEMOTED,
	HF_POLICY_EXPIRED,
	HF_POLICY_BENIGN,
	HF_POLICY_UNSURE,
	HF_POLICY_DISPUTED,
	HF_POLICY_HELD,
	HF_POLICY_HOT,
	HF_POLICY_FEW,
	HF_POLICY_OVERRIDDEN,
};

struct hf_policy_answer {
	enum hf_verdict verdict;
	bool is_video;             /* a match of VPDQ */
	bool is_benign;            /* demotes the other matches of the item */
	bool is_doubted;           /* so its publisher's word counts for none */
	uint8_t organisations_min; /* of the row */
	size_t row_number;         /* from 1; 0: the default row */
	enum hf_policy_because because;
};

/* False when it is no match under this policy.  EXPIRED, HOT and unsure lower a
 * near BLOCK to REVIEW, provisional, frozen, demoted, held and DISPUTED any
 * BLOCK; IGNORED makes an IGNORE of anything.  Whether there are enough
 * organisations shows only when all matches of an item are there. */
bool hf_policy_verdict(const struct hf_policy *policy,
		       const struct hf_policy_match *match,
		       struct hf_policy_answer *out_answer);

/* All matches of one item: the most severe, and REVIEW instead of BLOCK when
 * one of them is benign.  0 when there is none.  *out_chosen is the answer
 * whose rule to show. */
unsigned hf_policy_combine(const struct hf_policy_answer *answers,
			   size_t answers_count, size_t *out_chosen);

/* Room for any rule's text and its zero byte. */
#define HF_POLICY_RULE_SIZE 512

/* "row 2: set=hotline.example/ncii/1 class=csam exact=block near=off", or
 * "default: ...", and behind it why the verdict is milder: "; frozen". */
void hf_policy_rule(const struct hf_policy *policy,
		    const struct hf_policy_answer *answer,
		    char out_text[static HF_POLICY_RULE_SIZE]);

#endif /* HF_MATCH_POLICY_H */
