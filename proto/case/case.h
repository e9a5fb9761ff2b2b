/*
 * case.h -- where a takedown case stands: a fold of the events of all its
 * parties, by one table of moves.
 *
 * Pure: no clock, no store, no keys.  Whoever calls has opened the envelopes,
 * checked the signatures and knows who is what.  The same facts give the same
 * result on every machine, in whatever order they arrived: events are put in
 * the order of who had seen what (`after`), and what happened side by side
 * resolves by a fixed row of the table, never by time.
 *
 * Units    _ms since 1970 UTC; deadline_ms is a duration.
 * Owns     nothing: results live in the caller's memory and arena.
 * Threads  any; no state.
 * Errors   NOMEM; LIMIT past HF_CASE_FACTS_MAX facts; NOTFOUND without an
 *          opening event that counts.  An event that may not be is no error:
 *          it is refused with a reason and changes nothing.
 * Source   proto/SPEC.md section 12.4 to 12.6.
 */
#ifndef HF_CASE_H
#define HF_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "codec_words.h"
#include "err.h"
#include "limit.h"

/* More facts than this are not looked at; far past HF_CASE_EVENTS_MAX, so that
 * nobody can take a case away from the others by writing too much into it. */
#define HF_CASE_FACTS_MAX ((size_t)1 << 20)

/* Who the parties are, beside authorities that were told or that ordered.  An
 * authority that opened the case is its notifier.  A provider's own finding
 * has one organisation as both. */
struct hf_case_parties {
	uint8_t notifier[HF_HASH_BYTES]; /* author of the opening event */
	uint8_t provider[HF_HASH_BYTES]; /* zeros: it has no node */
};

/* An event as far as the fold needs it: nothing that was sealed for people. */
struct hf_case_fact {
	uint8_t event_id[HF_EVENT_ID_BYTES];
	uint8_t author[HF_HASH_BYTES]; /* organisation id */
	/* SHA-256 of what is the same in every copy of the event (its text
	 * without `saw`): one author's two events with one id must have one. */
	uint8_t text_hash[HF_HASH_BYTES];
	enum hf_case_event_kind kind;
	enum hf_case_reason reason;
	uint64_t at_ms;
	uint64_t acted_ms; /* 0: at_ms; a DELIVERY's sent_ms */
	/* NOTICE and ORDER. */
	enum hf_regime regime;
	uint64_t deadline_ms;
	/* Its author had the opening entry, by a mark of the log that it stands
	 * in.  A RECEIPT, and what follows the opening by `after`, need not say
	 * so. */
	bool covers_opening;
	bool has_failed; /* DELIVERY */
	uint32_t powers; /* of the author, bits 1 << enum hf_power, as the
			  * directory that counts here had them at at_ms */
	uint8_t to_id[HF_HASH_BYTES]; /* ESCALATE_AUTHORITY */
	const uint8_t (*after)[HF_EVENT_ID_BYTES];
	size_t after_count;
};

/* What became of a fact.  Name, number, word: SPEC section 12.5. */
/* clang-format off */
#define HF_CASE_FATE_TABLE(X)                                                  \
	X(APPLIED,    1, "applied")                                            \
	X(WAITING,    2, "waiting")    /* names events that are not here */    \
	X(DUPLICATE,  3, "duplicate")  /* the same event once more */          \
	X(EQUIVOCAL,  4, "equivocal")  /* one author, one id, two texts */     \
	X(NOT_PARTY,  5, "not-party")  /* not this author's to say */          \
	X(NOT_NOW,    6, "not-now")    /* not in this state */                 \
	X(NO_POWER,   7, "no-power")   /* the authority lacks the power */     \
	X(TOO_MANY,   8, "too-many")   /* past HF_CASE_EVENTS_MAX */
/* clang-format on */

enum hf_case_fate {
#define HF_CASE_FATE_ENUM(name, number, word) HF_CASE_FATE_##name = (number),
	HF_CASE_FATE_TABLE(HF_CASE_FATE_ENUM)
#undef HF_CASE_FATE_ENUM
};

const char *hf_case_fate_word(unsigned fate);

/* Time that does not count. */
struct hf_case_pause {
	uint64_t total_ms; /* of those that ended */
	uint64_t since_ms; /* it stands still since; 0: it does not */
};

/* Where it stands. */
struct hf_case {
	enum hf_case_state state;
	enum hf_case_reason reason; /* of the last move */
	enum hf_regime regime;      /* of the notice, then of the order */
	uint64_t published_ms;      /* the opening event was signed */
	uint64_t delivered_ms;      /* 0, as all below: not yet */
	uint64_t acknowledged_ms;

	/* The clock: of the notice, then of the order once the provider has
	 * that, and from its beginning after REAPPEARED. */
	uint64_t clock_ms;    /* it began; 0: it has not */
	uint64_t deadline_ms; /* from there; 0: none */
	uint64_t stopped_ms;  /* the provider answered, or nothing was left to
			       * do; 0: it runs */
	struct hf_case_pause needs_info;
	struct hf_case_pause impossible;

	uint64_t acted_ms;   /* the provider first acted, and it stands */
	uint64_t offline_ms; /* the notifier saw it offline, and it stands */
	uint64_t ordered_ms;
	uint64_t complied_ms;
	uint64_t penalty_ms;
	uint64_t renotified_ms; /* last */
	uint64_t escalated_ms;  /* last */
	uint64_t closed_ms;
	uint64_t changed_ms; /* the latest at_ms of those that count */
	uint32_t events;     /* that count */
	uint32_t refused;
	uint32_t waiting;
	uint32_t renotified;
	uint32_t reappeared;
	bool is_delivery_failed; /* the last attempt */
	bool is_over;            /* nothing is expected of anyone */
	bool is_escalated;       /* an authority knows, since it (re)appeared */
	bool is_ordered;         /* an order is in force */
	bool is_order_open;      /* and nothing has fulfilled it yet */
	uint8_t authority[HF_HASH_BYTES]; /* that ordered, or was told; zeros */

	/* What only the table needs. */
	uint8_t authorities[HF_CASE_AUTHORITIES_MAX][HF_HASH_BYTES];
	uint8_t authorities_count;
	uint8_t ordered_by[HF_HASH_BYTES];
	uint8_t contested_by[HF_HASH_BYTES];
	enum hf_case_state contested_state; /* CONTESTED: what it was */
	enum hf_case_state stuck_state;     /* NEEDS_INFO: back to this */
	uint64_t order_deadline_ms;
	bool is_order_clock;     /* the clock is the order's */
	uint16_t shares_used[3]; /* notifier's, provider's, all others' */
};

/* Fold.  out_fates has room for facts_count; out_order, where it is not NULL,
 * for as many numbers of facts: those placed in the order in which they count,
 * then copies and those that wait.  The opening event is the NOTICE or ORDER by
 * the notifier that names nothing before it; of several, the one with the
 * lowest id. */
HF_MUST enum hf_err hf_case_fold(const struct hf_case_parties *parties,
				 const struct hf_case_fact *facts,
				 size_t facts_count, struct hf_arena *arena,
				 struct hf_case *out_case,
				 enum hf_case_fate *out_fates,
				 size_t *out_order, struct hf_why *why);

/* May this author make this move in this state?  For refusing early what every
 * fold would refuse: NOT_PARTY, NOT_NOW, NO_POWER, TOO_MANY, or APPLIED.  A
 * zeroed `now` is a case that is to be opened. */
enum hf_case_fate hf_case_may(const struct hf_case_parties *parties,
			      const struct hf_case *now,
			      const struct hf_case_fact *next);

/* May it stay on this machine only? DRAFT, HELD_POLICE. */
bool hf_case_state_is_local(enum hf_case_state state);

/*
 * Clocks: functions of a case, rules and the time; not states.
 */

#define HF_CASE_WARNINGS_MAX 4

/* One regime's rules; durations in milliseconds, 0: not. */
struct hf_case_rules {
	uint64_t deadline_ms;          /* proposed for new notices */
	uint64_t priority_deadline_ms; /* of trusted flaggers; 0: the same */
	/* Before the deadline; those that are not shorter than it are left out.
	 */
	uint64_t warn_ms[HF_CASE_WARNINGS_MAX];
	size_t warn_count;
	uint64_t deliver_ms;  /* undelivered for so long: has failed */
	uint64_t renotify_ms; /* overdue: remind again every so often */
	uint64_t escalate_ms; /* overdue for so long: an authority's turn */
	bool pauses_needs_info;
	bool pauses_impossible;
};

/* The deadline is the first moment that is too late. */
struct hf_case_clock {
	uint64_t due_ms;   /* 0: no clock runs */
	uint64_t limit_ms; /* the same, also of a clock that was stopped */
	bool is_paused;
	bool is_overdue;      /* a clock that runs ran out */
	bool is_late;         /* or it was stopped only after that */
	unsigned warnings;    /* how many of warn_ms have come */
	bool is_undelivered;  /* the notice, or an order, past deliver_ms */
	bool should_renotify; /* it is time */
	bool should_escalate;
	/* When one of these changes next if no event comes; UINT64_MAX: never.
	 */
	uint64_t next_ms;
};

void hf_case_clock(const struct hf_case *now, const struct hf_case_rules *rules,
		   uint64_t now_ms, struct hf_case_clock *out_clock);

/* What regimes are when nothing is configured: SPEC section 12.6.  Never NULL:
 * a regime that is not known has no deadline and is asked of nobody. */
const struct hf_case_rules *hf_case_rules_default(enum hf_regime regime);

/* Does an event of this kind count only with a power? */
bool hf_case_needs_power(enum hf_case_event_kind kind);

#endif /* HF_CASE_H */
