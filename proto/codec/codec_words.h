/*
 * codec_words.h -- the protocol's enumerations that only messages use, and
 * the words users write; kind.h has the ones that files and programs share.
 *
 * Units    digest lengths are bytes.
 * Owns     nothing: words are constants.
 * Threads  any; no state.
 * Errors   0 for a word that is in no list.
 * Source   proto/hashfed/v1/types.proto and payload.proto; append only, 0 is
 *          never a member.
 */
#ifndef HF_CODEC_WORDS_H
#define HF_CODEC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "kind.h"
#include "span.h"

/* Name, number, word. */
/* clang-format off */
#define HF_ITEM_KIND_TABLE(X)                                                 \
	X(ITEM_KIND_IMAGE, 1, "image")                                        \
	X(ITEM_KIND_VIDEO, 2, "video")                                        \
	X(ITEM_KIND_OTHER, 3, "other")

#define HF_ITEM_FLAG_TABLE(X)                                                 \
	X(ITEM_FLAG_AI_GENERATED, 1, "ai-generated")                          \
	X(ITEM_FLAG_MANIPULATED,  2, "manipulated")                           \
	X(ITEM_FLAG_MINOR,        3, "minor")                                 \
	X(ITEM_FLAG_PREVENTIVE,   4, "preventive")

#define HF_RETRACT_REASON_TABLE(X)                                            \
	X(RETRACT_REASON_WRONG,        1, "wrong")                            \
	X(RETRACT_REASON_WITHDRAWN,    2, "withdrawn")                        \
	X(RETRACT_REASON_OUT_OF_SCOPE, 3, "out-of-scope")                     \
	X(RETRACT_REASON_BATCH,        4, "batch")                            \
	X(RETRACT_REASON_ORDERED,      5, "ordered")

#define HF_RELAY_TABLE(X)                                                     \
	X(RELAY_NONE,    1, "none")                                           \
	X(RELAY_MEMBERS, 2, "members")                                        \
	X(RELAY_LISTED,  3, "listed")

#define HF_SET_STATE_TABLE(X)                                                 \
	X(SET_STATE_COMPLETE,    1, "complete")                               \
	X(SET_STATE_INCOMPLETE,  2, "incomplete")                             \
	X(SET_STATE_FROZEN,      3, "frozen")                                 \
	X(SET_STATE_UNSUPPORTED, 4, "unsupported")                            \
	X(SET_STATE_ENDED,       5, "ended")                                  \
	X(SET_STATE_OFFERED,     6, "offered")                                \
	X(SET_STATE_WITNESSED,   7, "witnessed")                              \
	X(SET_STATE_SUCCEEDED,   8, "succeeded")                              \
	X(SET_STATE_WAITING,     9, "waiting")

#define HF_CASE_EVENT_KIND_TABLE(X)                                           \
	X(CASE_EVENT_NOTICE,             1, "notice")                  \
	X(CASE_EVENT_RECEIPT,            2, "receipt")                 \
	X(CASE_EVENT_REVIEW,             3, "review")                  \
	X(CASE_EVENT_NEEDS_INFO,         4, "needs-info")              \
	X(CASE_EVENT_INFO,               5, "info")                    \
	X(CASE_EVENT_IMPOSSIBLE,         6, "impossible")              \
	X(CASE_EVENT_REMOVED,            7, "removed")                 \
	X(CASE_EVENT_DISABLED,           8, "disabled")                \
	X(CASE_EVENT_UNAVAILABLE,        9, "unavailable")             \
	X(CASE_EVENT_MOVED,              10, "moved")                  \
	X(CASE_EVENT_REJECTED,           11, "rejected")               \
	X(CASE_EVENT_OFFLINE,            12, "offline")                \
	X(CASE_EVENT_ONLINE,             13, "online")                 \
	X(CASE_EVENT_REAPPEARED,         14, "reappeared")             \
	X(CASE_EVENT_RENOTIFY,           15, "renotify")               \
	X(CASE_EVENT_ESCALATE_LEA,       16, "escalate-lea")           \
	X(CASE_EVENT_ESCALATE_AUTHORITY, 17, "escalate-authority")     \
	X(CASE_EVENT_ORDER,              18, "order")                  \
	X(CASE_EVENT_COMPLIED,           19, "complied")               \
	X(CASE_EVENT_PENALTY,            20, "penalty")                \
	X(CASE_EVENT_CONTEST,            21, "contest")                \
	X(CASE_EVENT_REINSTATED,         22, "reinstated")             \
	X(CASE_EVENT_WITHDRAW,           23, "withdraw")               \
	X(CASE_EVENT_CLOSE,              24, "close")                  \
	X(CASE_EVENT_FORWARD,            25, "forward")                \
	X(CASE_EVENT_DELIVERY,           26, "delivery")               \
	X(CASE_EVENT_QUOTE,              27, "quote")

#define HF_CASE_REASON_TABLE(X)                                               \
	X(CASE_REASON_OTHER,                     1, "other")           \
	X(CASE_REASON_CONTENT_NOT_FOUND,         2, "content-not-found") \
	X(CASE_REASON_REFERRER_NOT_KNOWN,        3, "referrer-not-known") \
	X(CASE_REASON_UNABLE_TO_ACCESS,          4, "unable-to-access") \
	X(CASE_REASON_PASSWORD_PROTECTED,        5, "password-protected") \
	X(CASE_REASON_ACCOUNT_DISABLED,          6, "account-disabled") \
	X(CASE_REASON_LEGALLY_UNABLE,            7, "legally-unable")  \
	X(CASE_REASON_LINK_EXPIRED,              8, "link-expired")    \
	X(CASE_REASON_SITE_DOWN,                 9, "site-down")       \
	X(CASE_REASON_TEMPORARILY_UNAVAILABLE,   10, "temporarily-unavailable") \
	X(CASE_REASON_PREMIUM_ACCOUNT,           11, "premium-account") \
	X(CASE_REASON_MISSING_PARTS,             12, "missing-parts")  \
	X(CASE_REASON_REMOVED_BEFORE_ASSESSMENT, 13, "removed-before-assessment") \
	X(CASE_REASON_ADULT,                     14, "adult")          \
	X(CASE_REASON_NUDISM,                    15, "nudism")         \
	X(CASE_REASON_BELOW_THRESHOLD,           16, "below-threshold") \
	X(CASE_REASON_TOO_SMALL,                 17, "too-small")      \
	X(CASE_REASON_VIRTUAL,                   18, "virtual")        \
	X(CASE_REASON_LINKING,                   19, "linking")        \
	X(CASE_REASON_AGE_UNCLEAR,               20, "age-unclear")    \
	X(CASE_REASON_AGE_OVER_THRESHOLD,        21, "age-over-threshold") \
	X(CASE_REASON_NOT_ILLEGAL,               32, "not-illegal")    \
	X(CASE_REASON_NOT_OURS,                  33, "not-ours")       \
	X(CASE_REASON_DUPLICATE,                 34, "duplicate")      \
	X(CASE_REASON_NOT_PRECISE,               35, "not-precise")    \
	X(CASE_REASON_MANIFEST_ERROR,            36, "manifest-error") \
	X(CASE_REASON_FORCE_MAJEURE,             37, "force-majeure")  \
	X(CASE_REASON_VICTIM_WISH,               38, "victim-wish")    \
	X(CASE_REASON_ERROR,                     39, "error")          \
	X(CASE_REASON_DONE,                      40, "done")           \
	X(CASE_REASON_GIVEN_UP,                  41, "given-up")       \
	X(CASE_REASON_LEGAL,                     42, "legal")          \
	X(CASE_REASON_THREAT_TO_LIFE,            43, "threat-to-life") \
	X(CASE_REASON_COMPLAINT_UPHELD,          44, "complaint-upheld") \
	X(CASE_REASON_COMPLAINT_REJECTED,        45, "complaint-rejected")

#define HF_REGIME_TABLE(X)                                                    \
	X(REGIME_NTD,            1, "ntd")                             \
	X(REGIME_DSA,            2, "dsa")                             \
	X(REGIME_CSAM_ORDER,     3, "csam-order")                      \
	X(REGIME_TCO,            4, "tco")                             \
	X(REGIME_CRIMINAL_ORDER, 5, "criminal-order")                  \
	X(REGIME_FORWARD,        6, "forward") \
	X(REGIME_VOLUNTARY,      7, "voluntary")

#define HF_ROLE_TABLE(X)                                                      \
	X(ROLE_HOTLINE,         1, "hotline")                          \
	X(ROLE_TRUSTED_FLAGGER, 2, "trusted-flagger")                  \
	X(ROLE_PROVIDER,        3, "provider")                         \
	X(ROLE_AUTHORITY,       4, "authority")                        \
	X(ROLE_PARTNER,         5, "partner")                          \
	X(ROLE_WITNESS,         6, "witness")

#define HF_POWER_TABLE(X)                                                     \
	X(POWER_ATTEST_FLAGGER,  1, "attest-flagger")                  \
	X(POWER_SUPERVISE_DSA,   2, "supervise-dsa")                   \
	X(POWER_SUPERVISE_GDPR,  3, "supervise-gdpr")                  \
	X(POWER_ORDER_CSAM,      4, "order-csam")                      \
	X(POWER_ORDER_TERRORIST, 5, "order-terrorist")                 \
	X(POWER_ORDER_CRIMINAL,  6, "order-criminal")

#define HF_CASE_STATE_TABLE(X)                                                \
	X(CASE_DRAFT,               1, "draft")                        \
	X(CASE_HELD_POLICE,         2, "held-police")                  \
	X(CASE_NOTICED,             3, "noticed")                      \
	X(CASE_DELIVERED,           4, "delivered")                    \
	X(CASE_DELIVERY_FAILED,     5, "delivery-failed")              \
	X(CASE_ACKNOWLEDGED,        6, "acknowledged")                 \
	X(CASE_UNDER_REVIEW,        7, "under-review")                 \
	X(CASE_NEEDS_INFO,          8, "needs-info")                   \
	X(CASE_IMPOSSIBLE,          9, "impossible")                   \
	X(CASE_REMOVED,             10, "removed")                     \
	X(CASE_DISABLED,            11, "disabled")                    \
	X(CASE_UNAVAILABLE,         12, "unavailable")                 \
	X(CASE_MOVED,               13, "moved")                       \
	X(CASE_REJECTED,            14, "rejected")                    \
	X(CASE_VERIFIED_OFFLINE,    15, "verified-offline")            \
	X(CASE_STILL_ONLINE,        16, "still-online")                \
	X(CASE_RENOTIFIED,          17, "renotified")                  \
	X(CASE_ESCALATED_LEA,       18, "escalated-lea")               \
	X(CASE_ESCALATED_AUTHORITY, 19, "escalated-authority")         \
	X(CASE_ORDERED,             20, "ordered")                     \
	X(CASE_COMPLIED,            21, "complied")                    \
	X(CASE_PENALTY,             22, "penalty")                     \
	X(CASE_CONTESTED,           23, "contested")                   \
	X(CASE_REINSTATED,          24, "reinstated")                  \
	X(CASE_WITHDRAWN,           25, "withdrawn")                   \
	X(CASE_REAPPEARED,          26, "reappeared")                  \
	X(CASE_CLOSED,              27, "closed")

#define HF_CASE_SIDE_TABLE(X)                                                 \
	X(CASE_SIDE_NOTIFIER,  1, "notifier")                          \
	X(CASE_SIDE_PROVIDER,  2, "provider")                          \
	X(CASE_SIDE_AUTHORITY, 3, "authority") \
	X(CASE_SIDE_OBSERVER,  4, "observer")

#define HF_SET_KIND_TABLE(X)                                                  \
	X(SET_KIND_CASES,     1, "cases")                              \
	X(SET_KIND_DIRECTORY, 2, "directory")                          \
	X(SET_KIND_OPINIONS,  3, "opinions")                           \
	X(SET_KIND_AUDIT,     4, "audit")                              \
	X(SET_KIND_CATALOGUE, 5, "catalogue")

#define HF_OPINION_KIND_TABLE(X)                                              \
	X(OPINION_AFFIRM,    1, "affirm")                                     \
	X(OPINION_DISPUTE,   2, "dispute")                                    \
	X(OPINION_SEEN,      3, "seen")                                       \
	X(OPINION_WITHDRAWN, 4, "withdrawn")                                  \
	X(OPINION_IGNORE,    5, "ignore")

#define HF_OPINION_REASON_TABLE(X)                                            \
	X(OPINION_OTHER,       1, "other")                                    \
	X(OPINION_ASSESSED,    2, "assessed")                                 \
	X(OPINION_NOT_ILLEGAL, 3, "not-illegal")                              \
	X(OPINION_WRONG_CLASS, 4, "wrong-class")                              \
	X(OPINION_ADULT,       5, "adult")                                    \
	X(OPINION_COLLISION,   6, "collision")                                \
	X(OPINION_COMMON,      7, "common")                                   \
	X(OPINION_WRONG_FILE,  8, "wrong-file")                               \
	X(OPINION_VICTIM_WISH, 9, "victim-wish")                              \
	X(OPINION_ORDERED,     10, "ordered")

#define HF_FOUND_HOW_TABLE(X)                                                 \
	X(FOUND_OPENED, 1, "opened")                                          \
	X(FOUND_JOINED, 2, "joined")                                          \
	X(FOUND_KNOWN,  3, "known")                                           \
	X(FOUND_AGAIN,  4, "again")

/* The lists above: type, table. */
#define HF_WORDS_TABLE(X)                                                     \
	X(item_kind,      HF_ITEM_KIND_TABLE)                                 \
	X(item_flag,      HF_ITEM_FLAG_TABLE)                                 \
	X(retract_reason, HF_RETRACT_REASON_TABLE)                            \
	X(relay,          HF_RELAY_TABLE)                                     \
	X(set_state,      HF_SET_STATE_TABLE)                                 \
	X(case_event_kind,HF_CASE_EVENT_KIND_TABLE) \
	X(case_reason,    HF_CASE_REASON_TABLE) \
	X(regime,         HF_REGIME_TABLE) \
	X(role,           HF_ROLE_TABLE) \
	X(power,          HF_POWER_TABLE) \
	X(case_state,     HF_CASE_STATE_TABLE) \
	X(case_side,      HF_CASE_SIDE_TABLE) \
	X(set_kind,       HF_SET_KIND_TABLE)                                  \
	X(found_how,      HF_FOUND_HOW_TABLE)                                 \
	X(opinion_kind,   HF_OPINION_KIND_TABLE)                              \
	X(opinion_reason, HF_OPINION_REASON_TABLE)

#define HF_WORDS_MEMBER(name, number, word) HF_##name = (number),
#define HF_WORDS_ENUM(type, table) enum hf_##type { table(HF_WORDS_MEMBER) };
HF_WORDS_TABLE(HF_WORDS_ENUM)
#undef HF_WORDS_ENUM
#undef HF_WORDS_MEMBER
/* clang-format on */

/* For each enum hf_x:
 *
 *   const char *hf_x_word(unsigned value);
 *       "members"; "unknown" for a number in no list.
 *   unsigned hf_x_parse(struct hf_span word);
 *       The number, 0 when the word names none.  Case matters.
 *   const char *hf_x_words(void);
 *       "none, members, listed": what is accepted, for messages. */
#define HF_WORDS_DECLARE(type, table)                                          \
	const char *hf_##type##_word(unsigned value);                          \
	unsigned hf_##type##_parse(struct hf_span word);                       \
	const char *hf_##type##_words(void);
HF_WORDS_TABLE(HF_WORDS_DECLARE)
#undef HF_WORDS_DECLARE

/* True when a digest of that many bytes can be of this algorithm: VPDQ takes
 * 1 to HF_VPDQ_MAX_FRAMES frames of HF_PDQ_BYTES, one behind the other. */
bool hf_algorithm_takes(unsigned algorithm, size_t len_bytes);

#endif /* HF_CODEC_WORDS_H */
