#include "case_table.h"

/* The table's words, as bits. */
enum from {
	START = 1,
	NOTICED = 1 << HF_CASE_NOTICED,
	DELIVERED = 1 << HF_CASE_DELIVERED,
	DELIVERY_FAILED = 1 << HF_CASE_DELIVERY_FAILED,
	ACKNOWLEDGED = 1 << HF_CASE_ACKNOWLEDGED,
	UNDER_REVIEW = 1 << HF_CASE_UNDER_REVIEW,
	NEEDS_INFO = 1 << HF_CASE_NEEDS_INFO,
	IMPOSSIBLE = 1 << HF_CASE_IMPOSSIBLE,
	REMOVED = 1 << HF_CASE_REMOVED,
	DISABLED = 1 << HF_CASE_DISABLED,
	UNAVAILABLE = 1 << HF_CASE_UNAVAILABLE,
	MOVED = 1 << HF_CASE_MOVED,
	REJECTED = 1 << HF_CASE_REJECTED,
	VERIFIED_OFFLINE = 1 << HF_CASE_VERIFIED_OFFLINE,
	STILL_ONLINE = 1 << HF_CASE_STILL_ONLINE,
	RENOTIFIED = 1 << HF_CASE_RENOTIFIED,
	ESCALATED_LEA = 1 << HF_CASE_ESCALATED_LEA,
	ESCALATED_AUTHORITY = 1 << HF_CASE_ESCALATED_AUTHORITY,
	ORDERED = 1 << HF_CASE_ORDERED,
	COMPLIED = 1 << HF_CASE_COMPLIED,
	PENALTY = 1 << HF_CASE_PENALTY,
	CONTESTED = 1 << HF_CASE_CONTESTED,
	REINSTATED = 1 << HF_CASE_REINSTATED,
	WITHDRAWN = 1 << HF_CASE_WITHDRAWN,
	REAPPEARED = 1 << HF_CASE_REAPPEARED,
	CLOSED = 1 << HF_CASE_CLOSED,
#define GROUP(name, states) name = (states),
	HF_CASE_GROUPS(GROUP)
#undef GROUP
};

enum who {
	NOTIFIER = HF_CASE_WHO_NOTIFIER,
	PROVIDER = HF_CASE_WHO_PROVIDER,
	AUTHORITY = HF_CASE_WHO_AUTHORITY,
	PARTY = HF_CASE_WHO_PARTY,
	ANYBODY = HF_CASE_WHO_ANYBODY,
};

enum when {
	ALWAYS = HF_CASE_WHEN_ALWAYS,
	TWO = HF_CASE_WHEN_TWO,
	FAILED = HF_CASE_WHEN_FAILED,
	SENT = HF_CASE_WHEN_SENT,
	POWER = HF_CASE_WHEN_POWER,
	IN_FORCE = HF_CASE_WHEN_IN_FORCE,
	NOT_BOUND = HF_CASE_WHEN_NOT_BOUND,
	OPEN_ORDER = HF_CASE_WHEN_OPEN_ORDER,
	NO_ORDER = HF_CASE_WHEN_NO_ORDER,
	UNREPORTED = HF_CASE_WHEN_UNREPORTED,
	OWN_ORDER = HF_CASE_WHEN_OWN_ORDER,
	FREE = HF_CASE_WHEN_FREE,
	ACTED = HF_CASE_WHEN_ACTED,
	DONE = HF_CASE_WHEN_DONE,
	OWN = HF_CASE_WHEN_OWN,
	OTHERS = HF_CASE_WHEN_OTHERS,
	DECIDES = HF_CASE_WHEN_DECIDES,
	KEEP = HF_CASE_WHEN_KEEP,
};

static const struct hf_case_row rows[] = {
#define ROW(kind_, who_, when_, from_, to_)                                    \
	{ .kind = HF_CASE_EVENT_##kind_,                                       \
	  .who = (who_),                                                       \
	  .to = HF_CASE_##to_,                                                 \
	  .when = (when_),                                                     \
	  .from = (from_) },
	HF_CASE_MOVES(ROW)
#undef ROW
};

#define ROWS  (sizeof(rows) / sizeof(rows[0]))
#define KINDS (HF_CASE_EVENT_QUOTE + 1)

static const uint8_t ranks[KINDS] = {
#define RANK(kind, rank) [HF_CASE_EVENT_##kind] = (rank),
	HF_CASE_RANKS(RANK)
#undef RANK
};

/* The table is sorted by rank, so the rows of a kind stand together. */
const struct hf_case_row *hf_case_rows(unsigned kind, size_t *out_count)
{
	size_t first = 0, end;
	size_t low = 0, high = ROWS;
	unsigned rank = hf_case_rank(kind);

	*out_count = 0;
	if (rank == 0)
		return NULL;
	while (low < high) {
		first = (low + high) / 2;
		if (ranks[rows[first].kind] < rank)
			low = first + 1;
		else
			high = first;
	}
	for (first = end = low; end < ROWS && rows[end].kind == kind; end++)
		;
	*out_count = end - first;
	return rows + first;
}

unsigned hf_case_rank(unsigned kind)
{
	return kind < KINDS ? ranks[kind] : 0;
}

static bool is_in(unsigned state, uint32_t group)
{
	return state < 32 && (group & 1u << state) != 0;
}

bool hf_case_is_begun(unsigned state)
{
	return is_in(state, BEGUN);
}

bool hf_case_is_stuck(unsigned state)
{
	return is_in(state, STUCK);
}
