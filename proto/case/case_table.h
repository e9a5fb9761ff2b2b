/*
 * case_table.h -- the table of moves: who may say what in which state, where it
 * leads, and what comes first of what happened side by side.
 *
 * Inside this folder only.  The rows are the table of proto/SPEC.md section
 * 12.4, which tests/lint/cases compares with them.
 *
 * Units    none.
 * Owns     nothing: constants.
 * Threads  any; no state.
 * Errors   none.
 * Source   proto/case/DESIGN.md says why.
 */
#ifndef HF_CASE_TABLE_H
#define HF_CASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_words.h"

/* clang-format off */

/* Rank of a kind: of the events whose predecessors are all placed, the lowest
 * comes first.  What should have the last word has a high one. */
#define HF_CASE_RANKS(X)                                                      \
	X(NOTICE,              1)                                             \
	X(QUOTE,               2)                                             \
	X(DELIVERY,            3)                                             \
	X(RENOTIFY,            4)                                             \
	X(RECEIPT,             5)                                             \
	X(INFO,                6)                                             \
	X(FORWARD,             7)                                             \
	X(REVIEW,              8)                                             \
	X(ONLINE,              9)                                             \
	X(NEEDS_INFO,         10)                                             \
	X(IMPOSSIBLE,         11)                                             \
	X(REJECTED,           12)                                             \
	X(ESCALATE_LEA,       13)                                             \
	X(ESCALATE_AUTHORITY, 14)                                             \
	X(CONTEST,            15)                                             \
	X(ORDER,              16)                                             \
	X(PENALTY,            17)                                             \
	X(MOVED,              18)                                             \
	X(UNAVAILABLE,        19)                                             \
	X(DISABLED,           20)                                             \
	X(REMOVED,            21)                                             \
	X(COMPLIED,           22)                                             \
	X(OFFLINE,            23)                                             \
	X(REAPPEARED,         24)                                             \
	X(REINSTATED,         25)                                             \
	X(WITHDRAW,           26)                                             \
	X(CLOSE,              27)

/* Groups of states. */
#define HF_CASE_GROUPS(X)                                                     \
	X(BEGUN,   NOTICED | DELIVERED | DELIVERY_FAILED | ACKNOWLEDGED | UNDER_REVIEW | RENOTIFIED) \
	X(STUCK,   NEEDS_INFO | IMPOSSIBLE)                                   \
	X(AGAIN,   STILL_ONLINE | REAPPEARED)                                 \
	X(PRESSED, ESCALATED_LEA | ESCALATED_AUTHORITY)                       \
	X(BOUND,   ORDERED | PENALTY)                                         \
	X(UNBOUND, BEGUN | STUCK | AGAIN | PRESSED)                           \
	X(ASKED,   UNBOUND | BOUND)                                           \
	X(CUT,     REMOVED | DISABLED)                                        \
	X(GONE,    CUT | UNAVAILABLE | MOVED | COMPLIED)                      \
	X(KEPT,    REJECTED | REINSTATED)                                     \
	X(ENDED,   WITHDRAWN | CLOSED)                                        \
	X(LIVE,    ASKED | GONE | KEPT | CONTESTED | VERIFIED_OFFLINE)        \
	X(ANY,     LIVE | ENDED)

/* Kind, who, when, from, to.  The first row of a kind that fits counts.  SAME
 * is no move; BACK is where it was before NEEDS_INFO, BEFORE where it was
 * before CONTESTED.  KEEP: it stays CONTESTED, and `to` is where it goes when
 * the complaint is decided. */
#define HF_CASE_MOVES(X)                                                      \
	X(NOTICE, NOTIFIER, ALWAYS, START, NOTICED)                           \
	X(QUOTE, PARTY, ALWAYS, ANY, SAME)                                    \
	X(DELIVERY, NOTIFIER, TWO | FAILED, NOTICED | DELIVERED | DELIVERY_FAILED, DELIVERY_FAILED) \
	X(DELIVERY, NOTIFIER, TWO | SENT, NOTICED | DELIVERY_FAILED, DELIVERED) \
	X(DELIVERY, NOTIFIER, TWO, LIVE, SAME)                                \
	X(RENOTIFY, NOTIFIER, TWO | OPEN_ORDER, AGAIN, SAME)                  \
	X(RENOTIFY, NOTIFIER, TWO, BEGUN | AGAIN | ESCALATED_LEA, RENOTIFIED) \
	X(RENOTIFY, NOTIFIER, TWO, STUCK | ESCALATED_AUTHORITY | BOUND, SAME) \
	X(RECEIPT, PROVIDER, ALWAYS, NOTICED | DELIVERED | DELIVERY_FAILED | RENOTIFIED, ACKNOWLEDGED) \
	X(RECEIPT, PROVIDER, ALWAYS, ANY, SAME)                               \
	X(INFO, NOTIFIER | AUTHORITY, TWO, NEEDS_INFO, BACK)                  \
	X(INFO, NOTIFIER | AUTHORITY, TWO, LIVE, SAME)                        \
	X(FORWARD, NOTIFIER, ALWAYS, LIVE, SAME)                              \
	X(REVIEW, PROVIDER, OPEN_ORDER, STUCK | AGAIN, ORDERED)               \
	X(REVIEW, PROVIDER, ALWAYS, BEGUN | STUCK | AGAIN | ESCALATED_LEA, UNDER_REVIEW) \
	X(REVIEW, PROVIDER, ALWAYS, ESCALATED_AUTHORITY | BOUND | CONTESTED, SAME) \
	X(ONLINE, NOTIFIER, ALWAYS, GONE | VERIFIED_OFFLINE, STILL_ONLINE)    \
	X(ONLINE, NOTIFIER, DONE | KEEP, CONTESTED, STILL_ONLINE)             \
	X(ONLINE, NOTIFIER, ALWAYS, ASKED | KEPT | CONTESTED, SAME)           \
	X(NEEDS_INFO, PROVIDER, TWO, UNBOUND | ORDERED, NEEDS_INFO)           \
	X(IMPOSSIBLE, PROVIDER, ALWAYS, UNBOUND | ORDERED, IMPOSSIBLE)        \
	X(REJECTED, PROVIDER, NO_ORDER, UNBOUND, REJECTED)                    \
	X(REJECTED, NOTIFIER | PROVIDER, OTHERS | NOT_BOUND, CONTESTED, BEFORE) \
	X(REJECTED, AUTHORITY, OTHERS, CONTESTED, BEFORE)                     \
	X(ESCALATE_LEA, NOTIFIER, OPEN_ORDER, STUCK | AGAIN, SAME)            \
	X(ESCALATE_LEA, NOTIFIER, ALWAYS, BEGUN | STUCK | AGAIN | ESCALATED_LEA, ESCALATED_LEA) \
	X(ESCALATE_LEA, NOTIFIER, ALWAYS, KEPT, ESCALATED_LEA)                \
	X(ESCALATE_LEA, NOTIFIER | PROVIDER, ALWAYS, LIVE, SAME)              \
	X(ESCALATE_AUTHORITY, NOTIFIER, OPEN_ORDER, STUCK | AGAIN, SAME)      \
	X(ESCALATE_AUTHORITY, NOTIFIER, ALWAYS, UNBOUND | KEPT, ESCALATED_AUTHORITY) \
	X(ESCALATE_AUTHORITY, NOTIFIER, ALWAYS, LIVE, SAME)                   \
	X(ESCALATE_AUTHORITY, PROVIDER, IN_FORCE, LIVE, SAME)                 \
	X(CONTEST, PARTY, ALWAYS, BOUND | GONE | KEPT, CONTESTED)             \
	X(CONTEST, PARTY, ALWAYS, VERIFIED_OFFLINE | CLOSED, CONTESTED)       \
	X(CONTEST, PARTY, OPEN_ORDER, STUCK | AGAIN, CONTESTED)               \
	X(CONTEST, PARTY, ALWAYS, CONTESTED, SAME)                            \
	X(ORDER, NOTIFIER, POWER, START, ORDERED)                             \
	X(ORDER, ANYBODY, POWER, LIVE, ORDERED)                               \
	X(PENALTY, ANYBODY, POWER, ASKED | KEPT, PENALTY)                     \
	X(PENALTY, ANYBODY, POWER | KEEP, CONTESTED, PENALTY)                 \
	X(PENALTY, ANYBODY, POWER, GONE | VERIFIED_OFFLINE, SAME)             \
	X(MOVED, NOTIFIER | PROVIDER, ALWAYS, ASKED | UNAVAILABLE | MOVED | KEPT, MOVED) \
	X(MOVED, NOTIFIER | PROVIDER, KEEP, CONTESTED, MOVED)                 \
	X(MOVED, NOTIFIER | PROVIDER, ALWAYS, CUT | COMPLIED | VERIFIED_OFFLINE, SAME) \
	X(UNAVAILABLE, PROVIDER, ALWAYS, ASKED | UNAVAILABLE | MOVED | KEPT, UNAVAILABLE) \
	X(UNAVAILABLE, PROVIDER, OTHERS, CONTESTED, UNAVAILABLE)              \
	X(UNAVAILABLE, PROVIDER, KEEP, CONTESTED, UNAVAILABLE)                \
	X(UNAVAILABLE, PROVIDER, ALWAYS, CUT | COMPLIED | VERIFIED_OFFLINE | CLOSED, SAME) \
	X(DISABLED, PROVIDER, ALWAYS, ASKED | CUT | UNAVAILABLE | MOVED | KEPT, DISABLED) \
	X(DISABLED, PROVIDER, OTHERS, CONTESTED, DISABLED)                    \
	X(DISABLED, PROVIDER, KEEP, CONTESTED, DISABLED)                      \
	X(DISABLED, PROVIDER, ALWAYS, COMPLIED | VERIFIED_OFFLINE | CLOSED, SAME) \
	X(REMOVED, PROVIDER, ALWAYS, ASKED | CUT | UNAVAILABLE | MOVED | KEPT, REMOVED) \
	X(REMOVED, PROVIDER, OTHERS, CONTESTED, REMOVED)                      \
	X(REMOVED, PROVIDER, KEEP, CONTESTED, REMOVED)                        \
	X(REMOVED, PROVIDER, ALWAYS, COMPLIED | VERIFIED_OFFLINE | CLOSED, SAME) \
	X(COMPLIED, PROVIDER, UNREPORTED, ASKED | GONE | KEPT, COMPLIED)      \
	X(COMPLIED, PROVIDER, UNREPORTED | KEEP, CONTESTED, COMPLIED)         \
	X(COMPLIED, PROVIDER, UNREPORTED, VERIFIED_OFFLINE | ENDED, SAME)     \
	X(OFFLINE, NOTIFIER, KEEP, CONTESTED, VERIFIED_OFFLINE)               \
	X(OFFLINE, NOTIFIER, ALWAYS, LIVE, VERIFIED_OFFLINE)                  \
	X(REAPPEARED, NOTIFIER, ALWAYS, GONE | VERIFIED_OFFLINE | CLOSED, REAPPEARED) \
	X(REAPPEARED, NOTIFIER, DONE | KEEP, CONTESTED, REAPPEARED)           \
	X(REINSTATED, PROVIDER, IN_FORCE, AGAIN, ORDERED)                     \
	X(REINSTATED, PROVIDER, IN_FORCE | ACTED, GONE | CONTESTED | VERIFIED_OFFLINE | ENDED, ORDERED) \
	X(REINSTATED, PROVIDER, ACTED, BOUND, SAME)                           \
	X(REINSTATED, PROVIDER, ALWAYS, AGAIN, REINSTATED)                    \
	X(REINSTATED, PROVIDER, ACTED, GONE | CONTESTED | VERIFIED_OFFLINE | ENDED, REINSTATED) \
	X(WITHDRAW, NOTIFIER, FREE, LIVE | CLOSED, WITHDRAWN)                 \
	X(CLOSE, NOTIFIER, FREE, ASKED | GONE | KEPT | VERIFIED_OFFLINE, CLOSED) \
	X(CLOSE, NOTIFIER, FREE | OWN, CONTESTED, CLOSED)                     \
	X(CLOSE, NOTIFIER, FREE | DECIDES, CONTESTED, CLOSED)                 \
	X(CLOSE, AUTHORITY, DECIDES, CONTESTED, CLOSED)                       \
	X(CLOSE, AUTHORITY, OWN_ORDER, ASKED | GONE | KEPT | VERIFIED_OFFLINE, CLOSED) \
	X(CLOSE, AUTHORITY, OWN_ORDER, ENDED, SAME)

/* clang-format on */

/* Who: bits, and what an author is. */
enum hf_case_who {
	HF_CASE_WHO_NOTIFIER = 1,
	HF_CASE_WHO_PROVIDER = 2,
	HF_CASE_WHO_AUTHORITY = 4, /* that was told, or that ordered */
	HF_CASE_WHO_PARTY = 7,
	HF_CASE_WHO_ANYBODY = 8, /* what everybody is */
};

/* When: what must hold beside the state. */
enum hf_case_when {
	HF_CASE_WHEN_ALWAYS = 0,
	HF_CASE_WHEN_TWO = 1 << 0,      /* notifier and provider are two */
	HF_CASE_WHEN_FAILED = 1 << 1,   /* it could not be delivered */
	HF_CASE_WHEN_SENT = 1 << 2,     /* it was, to one without a node */
	HF_CASE_WHEN_POWER = 1 << 3,    /* the author has the power */
	HF_CASE_WHEN_IN_FORCE = 1 << 4, /* an order is in force */
	HF_CASE_WHEN_NOT_BOUND = 1 << 5,
	HF_CASE_WHEN_OPEN_ORDER = 1 << 6, /* and nothing has fulfilled it */
	HF_CASE_WHEN_NO_ORDER = 1 << 7,
	HF_CASE_WHEN_UNREPORTED = 1 << 8, /* in force, and not COMPLIED */
	HF_CASE_WHEN_OWN_ORDER = 1 << 9,  /* the author's is in force */
	HF_CASE_WHEN_FREE = 1 << 10,      /* nobody else's order is open */
	HF_CASE_WHEN_ACTED = 1 << 11,     /* the provider acted */
	HF_CASE_WHEN_DONE = 1 << 12,      /* it acted, or it was seen offline */
	HF_CASE_WHEN_OWN = 1 << 13,       /* the complaint is the author's */
	HF_CASE_WHEN_OTHERS = 1 << 14,    /* it is not */
	HF_CASE_WHEN_DECIDES = 1 << 15,   /* the reason is what became of it */
	HF_CASE_WHEN_KEEP = 1 << 16,      /* no condition: see HF_CASE_MOVES */
};

/* Behind the numbers of enum hf_case_state. */
enum hf_case_to {
	HF_CASE_SAME = 0,
	HF_CASE_BACK = 64,
	HF_CASE_BEFORE = 65,
};

struct hf_case_row {
	uint8_t kind;
	uint8_t who;
	uint8_t to; /* enum hf_case_state, enum hf_case_to */
	uint32_t when;
	uint32_t from; /* 1 << enum hf_case_state; 1: not opened yet */
};

/* The rows of a kind, in order; NULL and 0 for a kind that is not known. */
const struct hf_case_row *hf_case_rows(unsigned kind, size_t *out_count);

/* 0 for a kind that is not known. */
unsigned hf_case_rank(unsigned kind);

/* Is the state in a group of the table? */
bool hf_case_is_begun(unsigned state);
bool hf_case_is_stuck(unsigned state);

#endif /* HF_CASE_TABLE_H */
