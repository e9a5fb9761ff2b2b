/*
 * Parties that make moves at random, hear of each other's late, twice and in
 * any order, and at the end hold the same: then they must see the same case,
 * and one that can be.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "case_rig.h"

#define PARTIES 3
#define FACTS   24
#define COPIES  (2 * FACTS)

static uint64_t seed;

/* splitmix64: the same numbers everywhere. */
static uint64_t next_random(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t most)
{
	return next_random() % most;
}

/* Torture asks for memory, not for numbers; sanitizers are slow. */
static unsigned sequences(unsigned count)
{
	if (getenv("HF_FAIL_ALLOC") != NULL)
		return count / 200;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return count / 10;
#else
	return count;
#endif
}

static struct hf_arena arena;

/* One sequence: all that was said, and what each party has heard. */
static struct world {
	struct hf_case_parties parties;
	const char *letters; /* of those who speak */
	struct hf_case_fact facts[FACTS];
	uint8_t after[FACTS][HF_CASE_AFTER_MAX][HF_EVENT_ID_BYTES];
	size_t count;
	uint32_t heard[PARTIES]; /* bits: facts */
	uint32_t names[FACTS];   /* bits: what each follows, to the first */
	bool hears_at_once;
} world;

/* What a fold gave, with fates by fact. */
struct view {
	struct hf_case now;
	enum hf_case_fate fates[COPIES];
	size_t order[COPIES];
	struct hf_case_fact given[COPIES];
	size_t from[COPIES]; /* facts of the world */
	size_t count;
	enum hf_err err;
};

static void view_fold(struct view *view)
{
	struct hf_why why = { "" };

	hf_arena_reset(&arena);
	view->err =
		hf_case_fold(&world.parties, view->given, view->count, &arena,
			     &view->now, view->fates, view->order, &why);
	if (view->err != HF_OK && view->err != HF_E_NOTFOUND)
		fail_msg("%s: %s", hf_err_name(view->err), why.text);
}

/* Some of the facts, some of them twice, in any order. */
static void view_make(struct view *view, uint32_t which, bool has_copies)
{
	view->count = 0;
	for (size_t i = 0; i < world.count; i++) {
		unsigned copies = has_copies && below(4) == 0 ? 2 : 1;

		for (; (which & 1u << i) != 0 && copies > 0; copies--)
			view->from[view->count++] = i;
	}
	for (size_t i = view->count; i > 1; i--) {
		size_t j = below(i), swap = view->from[i - 1];

		view->from[i - 1] = view->from[j];
		view->from[j] = swap;
	}
	for (size_t i = 0; i < view->count; i++)
		view->given[i] = world.facts[view->from[i]];
	view_fold(view);
}

/* The order of those that count or were refused, as facts of the world. */
static size_t view_line(const struct view *view, size_t line[FACTS])
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++) {
		enum hf_case_fate fate = view->fates[view->order[i]];

		if (fate != HF_CASE_FATE_DUPLICATE &&
		    fate != HF_CASE_FATE_EQUIVOCAL &&
		    fate != HF_CASE_FATE_WAITING)
			line[count++] = view->from[view->order[i]];
	}
	return count;
}

/* The fate of a fact, whichever of its copies counts. */
static enum hf_case_fate view_fate(const struct view *view, size_t fact)
{
	enum hf_case_fate fate = 0;

	for (size_t i = 0; i < view->count; i++) {
		if (view->from[i] == fact &&
		    (fate == 0 || fate == HF_CASE_FATE_DUPLICATE))
			fate = view->fates[i];
	}
	return fate;
}

/* clang-format off */
#define NUMBERS(X)                                                            \
	X(state) X(reason) X(regime) X(published_ms) X(delivered_ms)          \
	X(acknowledged_ms) X(clock_ms) X(deadline_ms) X(stopped_ms)           \
	X(needs_info.total_ms) X(needs_info.since_ms) X(impossible.total_ms)  \
	X(impossible.since_ms) X(acted_ms) X(offline_ms) X(ordered_ms)        \
	X(complied_ms) X(penalty_ms) X(renotified_ms) X(escalated_ms)         \
	X(closed_ms) X(changed_ms) X(events) X(refused) X(waiting)            \
	X(renotified) X(reappeared) X(is_delivery_failed) X(is_over)          \
	X(is_escalated) X(is_ordered) X(is_order_open) X(authorities_count)   \
	X(contested_state) X(stuck_state) X(order_deadline_ms)                \
	X(is_order_clock) X(shares_used[0]) X(shares_used[1])                 \
	X(shares_used[2])
/* clang-format on */

static void tell(const char *what)
{
	print_message("%s:\n", what);
	for (size_t i = 0; i < world.count; i++) {
		const struct hf_case_fact *fact = &world.facts[i];

		print_message("%zu: %c %s after %x (%x)\n", i, fact->author[0],
			      hf_case_event_kind_word(fact->kind),
			      fact->after_count > 0 ? fact->after[0][15] : 0,
			      world.names[i]);
	}
}

static void assert_same_view(const struct view *a, const struct view *b)
{
	size_t line_a[FACTS], line_b[FACTS], count = view_line(a, line_a);

	assert_int_equal(a->err, b->err);
	if (a->err != HF_OK)
		return;
#define EQUAL(field)                                                           \
	if (a->now.field != b->now.field) {                                    \
		tell(#field);                                                  \
		fail();                                                        \
	}
	NUMBERS(EQUAL)
#undef EQUAL
	assert_memory_equal(a->now.authority, b->now.authority, HF_HASH_BYTES);
	assert_memory_equal(a->now.authorities, b->now.authorities,
			    sizeof(a->now.authorities));
	assert_memory_equal(a->now.ordered_by, b->now.ordered_by,
			    HF_HASH_BYTES);
	assert_memory_equal(a->now.contested_by, b->now.contested_by,
			    HF_HASH_BYTES);
	assert_int_equal(count, view_line(b, line_b));
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(world.facts[line_a[i]].text_hash,
				    world.facts[line_b[i]].text_hash,
				    HF_HASH_BYTES);
	for (size_t i = 0; i < world.count; i++)
		assert_int_equal(view_fate(a, i), view_fate(b, i));
}

/*
 * What no case can be, whatever was said: from the events that count, without
 * the table.
 */

static const struct must {
	enum hf_case_state state;
	enum hf_case_event_kind kind; /* somebody must have said */
	char author;                  /* '*': whoever */
} musts[] = {
	{ HF_CASE_DELIVERED, HF_CASE_EVENT_DELIVERY, 'N' },
	{ HF_CASE_DELIVERY_FAILED, HF_CASE_EVENT_DELIVERY, 'N' },
	{ HF_CASE_UNDER_REVIEW, HF_CASE_EVENT_REVIEW, 'P' },
	{ HF_CASE_NEEDS_INFO, HF_CASE_EVENT_NEEDS_INFO, 'P' },
	{ HF_CASE_IMPOSSIBLE, HF_CASE_EVENT_IMPOSSIBLE, 'P' },
	{ HF_CASE_REMOVED, HF_CASE_EVENT_REMOVED, 'P' },
	{ HF_CASE_DISABLED, HF_CASE_EVENT_DISABLED, 'P' },
	{ HF_CASE_UNAVAILABLE, HF_CASE_EVENT_UNAVAILABLE, 'P' },
	{ HF_CASE_MOVED, HF_CASE_EVENT_MOVED, '*' },
	{ HF_CASE_REJECTED, HF_CASE_EVENT_REJECTED, 'P' },
	{ HF_CASE_VERIFIED_OFFLINE, HF_CASE_EVENT_OFFLINE, 'N' },
	{ HF_CASE_STILL_ONLINE, HF_CASE_EVENT_ONLINE, 'N' },
	{ HF_CASE_RENOTIFIED, HF_CASE_EVENT_RENOTIFY, 'N' },
	{ HF_CASE_ESCALATED_LEA, HF_CASE_EVENT_ESCALATE_LEA, 'N' },
	{ HF_CASE_ESCALATED_AUTHORITY, HF_CASE_EVENT_ESCALATE_AUTHORITY, 'N' },
	{ HF_CASE_ORDERED, HF_CASE_EVENT_ORDER, 'A' },
	{ HF_CASE_COMPLIED, HF_CASE_EVENT_COMPLIED, 'P' },
	{ HF_CASE_PENALTY, HF_CASE_EVENT_PENALTY, 'A' },
	{ HF_CASE_CONTESTED, HF_CASE_EVENT_CONTEST, '*' },
	{ HF_CASE_REINSTATED, HF_CASE_EVENT_REINSTATED, 'P' },
	{ HF_CASE_WITHDRAWN, HF_CASE_EVENT_WITHDRAW, 'N' },
	{ HF_CASE_REAPPEARED, HF_CASE_EVENT_REAPPEARED, 'N' },
	{ HF_CASE_CLOSED, HF_CASE_EVENT_CLOSE, '*' },
};

/* Who may ever say a thing. */
static bool may_ever(char author, enum hf_case_event_kind kind)
{
	switch (kind) {
	case HF_CASE_EVENT_RECEIPT:
	case HF_CASE_EVENT_REVIEW:
	case HF_CASE_EVENT_NEEDS_INFO:
	case HF_CASE_EVENT_IMPOSSIBLE:
	case HF_CASE_EVENT_REMOVED:
	case HF_CASE_EVENT_DISABLED:
	case HF_CASE_EVENT_UNAVAILABLE:
	case HF_CASE_EVENT_COMPLIED:
	case HF_CASE_EVENT_REINSTATED:
		return author == 'P';
	case HF_CASE_EVENT_NOTICE:
	case HF_CASE_EVENT_OFFLINE:
	case HF_CASE_EVENT_ONLINE:
	case HF_CASE_EVENT_REAPPEARED:
	case HF_CASE_EVENT_RENOTIFY:
	case HF_CASE_EVENT_WITHDRAW:
	case HF_CASE_EVENT_FORWARD:
	case HF_CASE_EVENT_DELIVERY:
		return author == 'N';
	case HF_CASE_EVENT_ORDER:
	case HF_CASE_EVENT_PENALTY:
		return author == 'A';
	case HF_CASE_EVENT_CLOSE:
		return author != 'P';
	default:
		return author != 'X';
	}
}

/* What is known to have been done, from the last that was said about it. */
struct told {
	bool acted, offline;
	uint64_t latest_ms;
	bool was[HF_CASE_EVENT_QUOTE + 1][128]; /* kind, author */
};

static void hear(struct told *told, const struct hf_case_fact *fact)
{
	char author = (char)fact->author[0];

	if (!may_ever(author, fact->kind)) {
		tell("one who may never say that");
		fail();
	}
	told->was[fact->kind][(unsigned char)author] = true;
	told->was[fact->kind]['*'] = true;
	if (fact->at_ms > told->latest_ms)
		told->latest_ms = fact->at_ms;
	switch (fact->kind) {
	case HF_CASE_EVENT_REMOVED:
	case HF_CASE_EVENT_DISABLED:
	case HF_CASE_EVENT_UNAVAILABLE:
	case HF_CASE_EVENT_COMPLIED:
		told->acted = true;
		break;
	case HF_CASE_EVENT_OFFLINE:
		told->offline = true;
		break;
	case HF_CASE_EVENT_ONLINE:
	case HF_CASE_EVENT_REAPPEARED:
	case HF_CASE_EVENT_REINSTATED:
		told->acted = told->offline = false;
		break;
	default:
		break;
	}
}

static void times_are_possible(const struct hf_case *now,
			       const struct told *told)
{
	assert_int_equal(now->acted_ms != 0, told->acted);
	assert_int_equal(now->offline_ms != 0, told->offline);
	assert_true(now->acted_ms <= told->latest_ms);
	assert_true(now->offline_ms <= told->latest_ms);
	assert_int_equal(now->changed_ms, told->latest_ms);
	assert_true(now->delivered_ms == 0 ||
		    now->delivered_ms >= now->published_ms);
	assert_true(now->clock_ms == 0 || now->clock_ms <= told->latest_ms);
	assert_true(now->stopped_ms == 0 || now->stopped_ms >= now->clock_ms);
	assert_true(now->needs_info.total_ms <= told->latest_ms);
	assert_true(now->impossible.total_ms <= told->latest_ms);
}

static void case_is_possible(const struct hf_case *now, const struct told *told)
{
	bool ended =
		now->state == HF_CASE_CLOSED || now->state == HF_CASE_WITHDRAWN;

	assert_true(now->state >= HF_CASE_NOTICED &&
		    now->state <= HF_CASE_CLOSED);
	assert_false(hf_case_state_is_local(now->state));
	for (size_t i = 0; i < ROWS(musts); i++) {
		if (musts[i].state == now->state &&
		    !told->was[musts[i].kind][(unsigned char)musts[i].author])
			fail_msg("%s without one who said so",
				 hf_case_state_word(now->state));
	}
	if (now->state == HF_CASE_VERIFIED_OFFLINE)
		assert_true(told->offline);
	if (now->state == HF_CASE_REMOVED || now->state == HF_CASE_DISABLED ||
	    now->state == HF_CASE_COMPLIED)
		assert_true(told->acted);
	if (now->state == HF_CASE_STILL_ONLINE ||
	    now->state == HF_CASE_REAPPEARED ||
	    now->state == HF_CASE_REINSTATED)
		assert_false(told->acted || told->offline);
	if (ended) {
		assert_true(now->closed_ms != 0);
		assert_false(now->is_order_open);
	}
	if (now->is_over) {
		assert_true(ended || now->state == HF_CASE_VERIFIED_OFFLINE ||
			    now->state == HF_CASE_REINSTATED);
		assert_true(now->stopped_ms != 0);
	} else {
		assert_false(ended);
	}
	assert_true(!now->is_order_open || now->is_ordered);
	assert_true(!now->is_ordered || told->was[HF_CASE_EVENT_ORDER]['A']);
	times_are_possible(now, told);
}

static void view_is_possible(const struct view *view)
{
	size_t line[FACTS], count = view_line(view, line);
	struct told told = { 0 };
	uint32_t placed = 0, events = 0, refused = 0, waiting = 0, copies = 0;

	for (size_t i = 0; i < count; i++) {
		const struct hf_case_fact *fact = &world.facts[line[i]];

		/* After all that it follows. */
		assert_int_equal(world.names[line[i]] & ~placed, 0);
		placed |= 1u << line[i];
		if (view_fate(view, line[i]) == HF_CASE_FATE_APPLIED)
			hear(&told, fact);
	}
	for (size_t i = 0; i < view->count; i++) {
		enum hf_case_fate fate = view->fates[i];

		events += fate == HF_CASE_FATE_APPLIED;
		copies += fate == HF_CASE_FATE_DUPLICATE;
		waiting += fate == HF_CASE_FATE_WAITING;
	}
	refused = (uint32_t)view->count - events - copies - waiting;
	assert_int_equal(view->now.events, events);
	assert_int_equal(view->now.refused, refused);
	assert_int_equal(view->now.waiting, waiting);
	case_is_possible(&view->now, &told);
}

/*
 * Honest parties.
 */

static void fact_begin(struct hf_case_fact *fact, char author,
		       enum hf_case_event_kind kind)
{
	static const enum hf_case_reason reasons[] = {
		HF_CASE_REASON_DONE,
		HF_CASE_REASON_COMPLAINT_UPHELD,
		HF_CASE_REASON_COMPLAINT_REJECTED,
	};

	memset(fact, 0, sizeof(*fact));
	rig_author(author, fact->author);
	fact->kind = kind;
	/* Clocks that differ and step. */
	fact->at_ms = T0 + below(100 * HOUR);
	fact->acted_ms = below(3) == 0 ? T0 + below(100 * HOUR) : 0;
	fact->reason = reasons[below(ROWS(reasons))];
	fact->regime = kind == HF_CASE_EVENT_ORDER ? HF_REGIME_CSAM_ORDER
						   : HF_REGIME_NTD;
	fact->deadline_ms = 24 * HOUR;
	fact->has_failed = kind == HF_CASE_EVENT_DELIVERY && below(2) == 0;
	fact->covers_opening = below(2) == 0;
	if (author == 'A')
		fact->powers = 1u << HF_POWER_ORDER_CSAM |
			       1u << HF_POWER_SUPERVISE_DSA;
	if (kind == HF_CASE_EVENT_ESCALATE_AUTHORITY)
		rig_author('A', fact->to_id);
	for (size_t i = 0; i < HF_EVENT_ID_BYTES; i++)
		fact->event_id[i] = (uint8_t)next_random();
	fact->text_hash[0] = (uint8_t)world.count;
	fact->text_hash[1] = (uint8_t)next_random();
}

/* Name the newest that its author has heard. */
static void fact_end(const struct hf_case_fact *made, uint32_t heard)
{
	size_t at = world.count++;
	struct hf_case_fact *fact = &world.facts[at];
	uint32_t older = 0;

	*fact = *made;
	for (size_t i = 0; i < at; i++)
		older |= (heard & 1u << i) != 0 ? world.names[i] : 0;
	world.names[at] = heard;
	for (size_t i = 0; i < at; i++) {
		if ((heard & ~older & 1u << i) != 0 &&
		    fact->after_count < HF_CASE_AFTER_MAX)
			memcpy(world.after[at][fact->after_count++],
			       world.facts[i].event_id, HF_EVENT_ID_BYTES);
	}
	fact->after = (const uint8_t(*)[HF_EVENT_ID_BYTES])world.after[at];
}

/* What a party holds but may not look at yet: what it follows is not here. */
static uint32_t settled(uint32_t heard)
{
	uint32_t out = 0;

	for (size_t i = 0; i < world.count; i++) {
		if ((heard & 1u << i) != 0 && (world.names[i] & ~heard) == 0)
			out |= 1u << i;
	}
	return out;
}

static void make_a_move(unsigned party)
{
	static struct view view;
	uint32_t heard = settled(world.heard[party]);
	struct hf_case_fact fact;

	view_make(&view, world.heard[party], true);
	if (view.err != HF_OK)
		return; /* has not heard of the case */
	view_is_possible(&view);
	for (unsigned tries = 0; tries < 12; tries++) {
		fact_begin(&fact, world.letters[party],
			   (enum hf_case_event_kind)(
				   1 + below(HF_CASE_EVENT_QUOTE)));
		if (hf_case_may(&world.parties, &view.now, &fact) !=
		    HF_CASE_FATE_APPLIED)
			continue;
		fact_end(&fact, heard);
		world.heard[party] |= 1u << (world.count - 1);
		return;
	}
}

static void hear_something(unsigned party)
{
	uint32_t all = (uint32_t)((1ull << world.count) - 1);
	uint32_t missing = all & ~world.heard[party];

	for (size_t i = below(world.count), n = 0; n < world.count; n++) {
		if ((missing & 1u << i) != 0) {
			world.heard[party] |= 1u << i;
			return;
		}
		i = (i + 1) % world.count;
	}
}

static void world_begin(const char *letters, char provider)
{
	struct hf_case_fact fact;
	char opener = letters[0];

	memset(&world, 0, sizeof(world));
	world.letters = letters;
	world.parties = rig_parties(opener, provider);
	fact_begin(&fact, opener, HF_CASE_EVENT_NOTICE);
	fact_end(&fact, 0);
	world.heard[0] = 1;
}

static void world_run(unsigned parties, unsigned steps)
{
	for (unsigned i = 0; i < steps && world.count < FACTS; i++) {
		unsigned party = (unsigned)below(parties);

		if (world.hears_at_once)
			world.heard[party] =
				(uint32_t)((1ull << world.count) - 1);
		if (!world.hears_at_once && below(2) == 0)
			hear_something(party);
		else
			make_a_move(party);
	}
}

static void parties_agree(const char *letters, char provider, unsigned count)
{
	static struct view views[PARTIES], alone;
	unsigned parties = (unsigned)strlen(letters);
	unsigned long events = 0, refused = 0, folds = 0;
	uint32_t states = 0;

	for (unsigned i = 0; i < count; i++) {
		uint32_t all;

		seed = i * 7919u + parties;
		world_begin(letters, provider);
		world_run(parties, 6 + (unsigned)below(3 * FACTS));
		all = (uint32_t)((1ull << world.count) - 1);
		for (unsigned j = 0; j < parties; j++)
			view_make(&views[j], all, true);
		view_make(&alone, all, false);
		view_is_possible(&alone);
		for (unsigned j = 0; j < parties; j++)
			assert_same_view(&alone, &views[j]);
		assert_int_equal(alone.now.waiting, 0);
		states |= 1u << alone.now.state;
		events += alone.now.events;
		refused += alone.now.refused;
		folds++;
	}
	print_message("%lu sequences, %lu events count, %lu were refused, "
		      "%d of 25 states at the end\n",
		      folds, events, refused, __builtin_popcount(states));
	if (count > 1000)
		assert_true(__builtin_popcount(states) >=
			    (parties == 3 ? 23 : 19));
}

static void two_parties_agree_and_every_state_is_possible(void **state)
{
	parties_agree("NP", 'P', sequences(50000));
}

static void three_parties_agree_and_every_state_is_possible(void **state)
{
	parties_agree("NPA", 'P', sequences(50000));
}

static void a_notifier_alone_agrees_with_an_authority(void **state)
{
	static const char letters[] = "NA";
	static struct view one, two;

	for (unsigned i = 0; i < sequences(5000); i++) {
		seed = i;
		world_begin(letters, '-');
		world_run(2, 6 + (unsigned)below(2 * FACTS));
		view_make(&one, (uint32_t)((1ull << world.count) - 1), true);
		view_make(&two, (uint32_t)((1ull << world.count) - 1), true);
		view_is_possible(&one);
		assert_same_view(&one, &two);
	}
}

/* Who hears all before he speaks is never refused: the table says beforehand
 * what the fold says afterwards. */
static void what_may_be_counts_when_nothing_happens_beside_it(void **state)
{
	static struct view view;

	for (unsigned i = 0; i < sequences(5000); i++) {
		seed = i;
		world_begin("NPA", 'P');
		world.hears_at_once = true;
		world_run(3, 2 * FACTS);
		view_make(&view, (uint32_t)((1ull << world.count) - 1), true);
		assert_int_equal(view.now.refused, 0);
		for (size_t j = 0; j < world.count; j++)
			assert_int_equal(view_fate(&view, j),
					 HF_CASE_FATE_APPLIED);
	}
}

/*
 * Hostile ones.
 */

/* Anything by anybody, after anything: circles, ids of others, texts that
 * differ, names of what nobody said. */
static void say_anything(void)
{
	static const char authors[] = "NPAX";
	size_t at = world.count++;
	struct hf_case_fact *fact = &world.facts[at];

	fact_begin(fact, authors[below(4)],
		   (enum hf_case_event_kind)below(HF_CASE_EVENT_QUOTE + 2));
	fact->text_hash[0] = (uint8_t)next_random();
	fact->text_hash[1] = (uint8_t)at;
	/* Few ids, so that they meet. */
	rig_id((unsigned)below(FACTS), fact->event_id);
	fact->after_count = below(4);
	for (size_t i = 0; i < fact->after_count; i++)
		rig_id((unsigned)below(FACTS + 2), world.after[at][i]);
	fact->after = (const uint8_t(*)[HF_EVENT_ID_BYTES])world.after[at];
	fact->powers = (uint32_t)next_random();
	fact->regime = (enum hf_regime)below(9);
	fact->at_ms = below(4) == 0 ? next_random() : fact->at_ms;
}

static void hostile_facts_end_the_same_in_any_order(void **state)
{
	static struct view one, two;
	unsigned long folded = 0, waiting = 0, equivocal = 0;

	for (unsigned i = 0; i < sequences(20000); i++) {
		seed = i;
		world_begin("N", 'P');
		/* Ids are few here: that of the opening stays its own. */
		while (world.count < 4 + i % (FACTS - 4))
			say_anything();
		view_make(&one, (uint32_t)((1ull << world.count) - 1), true);
		view_make(&two, (uint32_t)((1ull << world.count) - 1), true);
		assert_int_equal(one.err, two.err);
		if (one.err != HF_OK)
			continue;
		folded++;
		waiting += one.now.waiting;
		for (size_t j = 0; j < world.count; j++)
			assert_int_equal(view_fate(&one, j),
					 view_fate(&two, j));
		for (size_t j = 0; j < one.count; j++)
			equivocal += one.fates[j] == HF_CASE_FATE_EQUIVOCAL;
#define EQUAL(field) assert_int_equal(one.now.field, two.now.field);
		NUMBERS(EQUAL)
#undef EQUAL
		assert_true(one.now.state >= HF_CASE_NOTICED &&
			    one.now.state <= HF_CASE_CLOSED);
	}
	print_message("%lu folded, %lu events wait, %lu are equivocal\n",
		      folded, waiting, equivocal);
	assert_true(folded > 0 && waiting > 0 && equivocal > 0);
}

static int arena_make(void **state)
{
	hf_arena_init(&arena, (size_t)16 * 1024 * 1024);
	return 0;
}

static int arena_drop(void **state)
{
	hf_arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_parties_agree_and_every_state_is_possible),
		cmocka_unit_test(
			three_parties_agree_and_every_state_is_possible),
		cmocka_unit_test(a_notifier_alone_agrees_with_an_authority),
		cmocka_unit_test(
			what_may_be_counts_when_nothing_happens_beside_it),
		cmocka_unit_test(hostile_facts_end_the_same_in_any_order),
	};

	return cmocka_run_group_tests(tests, arena_make, arena_drop);
}
